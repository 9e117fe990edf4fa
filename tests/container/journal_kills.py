"""`make journal-kills`: the journal is killed again and again while services write; what becomes of them, and of their lines?

Each service writes numbered lines (journal_speakers.py). The journal's process gets SIGKILL at random moments, also while
it starts and while it syncs (journal_killer.py). Held against what was promised: services go on with the streams they had,
no write takes longer than a second, no line that was there before an acknowledged sync is missing, and none comes twice,
neither in the store nor on the container's stdout.

With --load it also has clients meanwhile, which follow, read and rotate, and go without a word.

    python3 tests/container/journal_kills.py [--kills 200] [--seed N] [--load] [--write]
"""

from __future__ import annotations

import argparse
import datetime
import random
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent))

from harness import PLAIN, Container
from images import TREE

HERE = Path(__file__).resolve().parent
TABLE = HERE / "journal_kills.tsv"
SPEAKERS = ("steady", "steady", "steady", "halves", "halves", "loud", "loud", "syslog", "caller")
LONGEST_WRITE_MSEC = 1000
_UNIT = """\
[Service]
ExecStart=/usr/bin/python3 -IS /usr/local/lib/journal_speakers.py {name} {kind}
Restart=no
"""
_CONFIG = "[Journal]\nStorage=persistent\nSystemMaxUse=600M\nSystemKeepFree=0\n"
_PRINTED = re.compile(r"([a-z]+-[0-9]+) ([0-9]+) x{70}$", re.MULTILINE)


class Outcome(NamedTuple):
    kills: int
    seconds: int
    syncs: int
    lines: int
    #: None of them acknowledged.
    lost: int
    #: New connections that ended with the journal.
    broken: int
    longest_write_msec: int
    longest_return_msec: int
    #: That followed, read or rotated meanwhile.
    clients: int
    #: In words: what must not be.
    problems: list[str]


def names() -> list[tuple[str, str]]:
    return [(f"{kind}-{number}", kind) for number, kind in enumerate(SPEAKERS)]


def prepare(container: Container) -> Container:
    """Puts programs and units into a container that is not yet started."""
    for program in ("journal_speakers.py", "journal_killer.py"):
        container.put_file(f"/usr/local/lib/{program}", HERE / program)
    container.put("/etc/systemd/journald.conf", _CONFIG)
    for name, kind in names():
        container.put(f"/etc/systemd/system/{name}.service", _UNIT.format(name=name, kind=kind))
    return container


def measure(container: Container, kills: int, seed: int, has_load: bool = False) -> Outcome:
    units = [f"{name}.service" for name, _ in names()]
    container.systemctl("start", *units)
    container.wait_until("all have spoken", lambda: container.exec(
        "sh", "-c", "cat /run/said/* | wc -c", check=False).stdout.strip() == str(24 * len(units)))
    before = container.systemctl("show", "-p", "Id,MainPID,ActiveState", *units)
    done = container.exec("/usr/bin/python3", "-IS", "/usr/local/lib/journal_killer.py", str(kills), str(seed),
                          *["load"] * has_load, check=False, timeout=120 + 10 * kills)
    *problems, last = (done.stdout + done.stderr).splitlines()
    after = container.systemctl("show", "-p", "Id,MainPID,ActiveState", *units)
    container.systemctl("stop", *units)
    if done.returncode:
        problems.append(last)
        last = ""
    figures = dict(word.split("=") for word in last.split())
    problems += [f"{was!r} has become {now!r}" for was, now in zip(before.splitlines(), after.splitlines()) if was != now]
    problems += twice(container.logs())
    outcome = Outcome(*(int(figures.get(name, -1)) for name in Outcome._fields[:-1]), problems)
    if outcome.longest_write_msec > LONGEST_WRITE_MSEC:
        problems.append(f"a write took {outcome.longest_write_msec} ms")
    return outcome


def twice(text: str) -> list[str]:
    """Lines of the container's stdout that were there before."""
    seen: dict[str, set[str]] = {}
    found = []
    for name, number in _PRINTED.findall(text):
        numbers = seen.setdefault(name, set())
        if number in numbers:
            found.append(f"stdout: line {number} of {name} is there twice")
        numbers.add(number)
    if len(seen) < len(SPEAKERS):
        found.append(f"stdout: only {sorted(seen)} are there")
    return found[:20]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--load", action="store_true")
    options = parser.parse_args()
    container = prepare(Container(PLAIN))
    try:
        container.start().wait_until_booted()
        outcome = measure(container, options.kills, options.seed, options.load)
    finally:
        container.remove()
    for problem in outcome.problems:
        print(problem)
    print(f"seed {options.seed}: {outcome}", flush=True)
    if options.write:
        _write(options.seed, outcome)
    return int(bool(outcome.problems))


def _write(seed: int, outcome: Outcome) -> None:
    commit = subprocess.run(["git", "-C", str(TREE), "rev-parse", "--short", "HEAD"], capture_output=True, text=True,
                            check=False).stdout.strip()
    head = ["date", "commit", "seed", *(name.replace("_", " ") for name in outcome._fields)]
    lines = TABLE.read_text().splitlines() if TABLE.exists() else ["\t".join(head)]
    values = [datetime.date.today().isoformat(), commit, seed, *outcome[:-1], len(outcome.problems)]
    lines.append("\t".join(map(str, values)))
    TABLE.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    sys.exit(main())
