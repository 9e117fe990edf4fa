"""`make escape`: how often does a service get away when it is stopped, in a container as Docker gives it?

escaper.c forks twice, changes session, user and name, thousands of times a second. One try is a start, a moment to
spread, `systemctl stop`, and several looks at every command line in the container. With --write, the rate of misses of
each kind of flight goes into escapes.tsv, beside the commit it was measured at.

    python3 tests/container/escape.py [--tries 200] [--write]
"""

from __future__ import annotations

import argparse
import datetime
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent))

from harness import SERVICES, Container
from images import TREE

HERE = Path(__file__).resolve().parent
TABLE = HERE / "escapes.tsv"
#: Name → the program's arguments: 1,000 and 4,000 new processes a second, the same with a main process that ends at the
#: first word, and a steady crowd.
FLIGHTS = {"thousand": "4 4000", "desertion": "4 4000 deserter", "sprint": "16 4000", "crowd": "200 1000000"}

_UNIT = """\
[Unit]
StartLimitIntervalSec=0
[Service]
ExecStart=/usr/local/bin/escaper {arguments}
TimeoutStopSec={timeout}
"""
#: Runs inside, and prints one line a try: how many processes there were before the stop, how many behind it, how many
#: were born behind it, and the result. Whoever is too quick for a look at /proc is betrayed by the pids it uses up.
_TRIES = """\
import os, sys, time

def alive():
    found = []
    for pid in sorted(int(name) for name in os.listdir("/proc") if name.isdigit()):
        try:
            with open("/proc/%d/cmdline" % pid, "rb") as file:
                if file.read().startswith(b"/usr/local/bin/escaper\\0"):
                    found.append(pid)
        except OSError:
            pass
    return found

def last_pid():
    with open("/proc/loadavg") as file:
        return int(file.read().split()[-1])

def systemctl(*words):
    with os.popen("exec systemctl " + " ".join(words)) as answer:
        return answer.read().strip()

unit = sys.argv[1] + ".service"
for _ in range(int(sys.argv[2])):
    systemctl("start", unit)
    time.sleep(0.2)
    first = last_pid()
    for _ in range(20):  # a busy machine takes longer until they are under way
        time.sleep(0.1)
        before = max(last_pid() - first, len(alive()))
        if before >= 20:
            break
    systemctl("stop", unit)
    first, most = last_pid(), 0
    for _ in range(5):
        most = max(most, len(alive()))
        time.sleep(0.02)
    print(before, most, last_pid() - first, systemctl("show", "--value", "-p", "Result", unit), flush=True)
    while left := alive():  # the next try begins alone
        for pid in left:
            try:
                os.kill(pid, 9)
            except OSError:
                pass
"""


class Rate(NamedTuple):
    flight: str
    tries: int
    misses: int
    #: The fewest processes that were there, or born while they were waited for, when the stop was asked for.
    least: int
    seconds: float


def build(directory: Path) -> Path:
    program = directory / "escaper"
    subprocess.run(["cc", "-O1", "-Wall", "-Wextra", "-Werror", "-static", "-o", str(program), str(HERE / "escaper.c")],
                   check=True)
    return program


def prepare(container: Container, timeout: str = "300ms") -> Container:
    """Puts the program and a unit for each flight into a container that is not yet started."""
    with tempfile.TemporaryDirectory(prefix="pyinit-escape-") as directory:
        container.put_file("/usr/local/bin/escaper", build(Path(directory)))
    for name, arguments in FLIGHTS.items():
        text = _UNIT.format(arguments=arguments, timeout=timeout)
        container.put(f"/etc/systemd/system/{name}.service", text)
    container.put("/usr/local/lib/tries.py", _TRIES)
    return container


def measure(container: Container, flight: str, tries: int) -> Rate:
    began = time.monotonic()
    done = container.exec("/usr/bin/python3", "-I", "/usr/local/lib/tries.py", flight, str(tries), timeout=60 + 15 * tries)
    rows = [line.split() for line in done.stdout.splitlines()]
    assert len(rows) == tries, done.stdout + done.stderr
    misses = sum(1 for row in rows if int(row[1]) or int(row[2]))
    return Rate(flight, tries, misses, min(int(row[0]) for row in rows), time.monotonic() - began)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tries", type=int, default=200)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    container = prepare(Container(SERVICES))
    rates = []
    try:
        container.start().wait_until_booted()
        for flight in FLIGHTS:
            rates.append(measure(container, flight, options.tries))
            print("{0.flight}: {0.misses} misses in {0.tries} tries, {0.seconds:.0f} s".format(rates[-1]), flush=True)
    finally:
        container.remove()
    if options.write:
        _write(rates)
    return int(any(rate.misses for rate in rates))


def _write(rates: list[Rate]) -> None:
    commit = subprocess.run(["git", "-C", str(TREE), "rev-parse", "--short", "HEAD"], capture_output=True, text=True,
                            check=False).stdout.strip()
    lines = TABLE.read_text().splitlines() if TABLE.exists() else ["date\tcommit\tflight\ttries\tmisses\tleast processes"]
    today = datetime.date.today().isoformat()
    lines += [f"{today}\t{commit}\t{rate.flight}\t{rate.tries}\t{rate.misses}\t{rate.least}" for rate in rates]
    TABLE.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    sys.exit(main())
