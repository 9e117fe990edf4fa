"""`python3 tests/fuzz/fuzz_socket.py [--seconds N] [--seed N] [--write]`: the manager's socket, fuzzed in a container.

`make fuzz-socket` runs it. Beside `socket_client.py fuzz`, a probe starts and stops a unit ten times a second, as it did
before for comparison; the manager's memory and descriptors are looked at when it has warmed up, and at the end. What was
run and found is one more line of socket_results.tsv. Ends with 1 where the manager has a bug to report, or has grown.
"""

from __future__ import annotations

import argparse
import ast
import re
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests/container")]

from harness import PLAIN, Container  # noqa: E402  (the path comes first)

from tests.fuzz.fuzz_units import commit  # noqa: E402

CLIENT = "/root/socket_client.py"
RESULTS = Path(__file__).with_name("socket_results.tsv")
COLUMNS = ("date", "commit", "seed", "seconds", "calls", "bugs", "rss_kb_before", "rss_kb_after", "fds_before", "fds_after",
           "alone_median_ms", "alone_p99_ms", "median_ms", "p99_ms", "worst_ms", "starts", "late")
SERVICE = "[Service]\nExecStart=/bin/sleep 1000\n"
#: How long the manager may take to be done with clients that are gone.
SETTLE_SEC = 5
#: A start that took so much longer than those alone do, in their median, is late.
LATE_MS = 50
#: What a manager may keep of all that nonsense: names in caches, and the heap's own holes.
MAX_GROWTH_KB = 4096


def prepare(container: Container) -> None:
    container.put(CLIENT, Path(__file__).with_name("socket_client.py").read_text())
    for name in ("victim.service", "victim@.service", "other.service"):
        container.put(f"/etc/systemd/system/{name}", SERVICE)
    container.put("/etc/systemd/system/probe.service",
                  "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\n")


def begin(container: Container, *words: object) -> subprocess.Popen[str]:
    argv = [*container._enter(), "python3", "-IS", CLIENT, *map(str, words)]
    return subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def result(process: subprocess.Popen[str]):
    text = process.communicate()[0]
    if process.returncode:
        raise AssertionError(text)
    return ast.literal_eval(text)


def size(container: Container, most_fds: int = 0) -> tuple[int, list[str]]:
    """Resident KB, and what the open descriptors are, with no service of ours running (each has some); what clients said
    before they went is served first, so it may take a while until there are `most_fds` again."""
    end = time.monotonic() + SETTLE_SEC
    while True:
        container.systemctl("stop", "victim.service", "victim@*.service", "other.service", "probe.service", check=False)
        fds = container.exec("find", "/proc/1/fd", "-type", "l", "-printf", r"%l\n").stdout.split("\n")[:-1]
        if len(fds) <= most_fds or time.monotonic() > end:
            break
        time.sleep(0.5)
    status = container.exec("cat", "/proc/1/status").stdout
    return int(re.search(r"VmRSS:\s*(\d+)", status)[1]), sorted(fds)


def percentile(values: list[float], part: float) -> float:
    return sorted(values)[min(int(len(values) * part), len(values) - 1)]


def run(container: Container, seed: int, seconds: float) -> dict[str, object]:
    """One line of results, and `descriptors` as they were before and after. The container is booted."""
    alone = result(begin(container, "probe", min(seconds, 20)))
    warm_up = min(seconds / 4, 60)
    first = result(begin(container, "fuzz", seed, warm_up))
    before = size(container)
    fuzzing, probing = begin(container, "fuzz", seed + 1, seconds - warm_up), begin(container, "probe", seconds - warm_up - 1)
    times, counts = result(probing), result(fuzzing)
    after = size(container, len(before[1]))
    calls = sum(counts[name] + first[name] for name in ("valid", "spoiled"))
    return dict(zip(COLUMNS, (
        time.strftime("%Y-%m-%d", time.gmtime()), commit(), seed, int(seconds), calls, container.logs().count("Bug:"),
        before[0], after[0], len(before[1]), len(after[1]), percentile(alone, 0.5), percentile(alone, 0.99),
        percentile(times, 0.5), percentile(times, 0.99), max(times),
        len(times), sum(time > percentile(alone, 0.5) + LATE_MS for time in times),
    ))) | {"descriptors": [before[1], after[1]]}


def complaints(found: dict) -> list[str]:
    """What must not be."""
    out = []
    if found["bugs"]:
        out.append(f"the manager reports {found['bugs']} bugs")
    if found["rss_kb_after"] > found["rss_kb_before"] + MAX_GROWTH_KB:
        out.append(f"it grew from {found['rss_kb_before']} to {found['rss_kb_after']} KB")
    if found["fds_after"] > found["fds_before"]:
        out.append(f"it kept descriptors: {found['descriptors']}")
    return out


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seconds", type=int, default=60)
    options.add_argument("--seed", type=int, default=int(time.time()))
    options.add_argument("--write", action="store_true")
    chosen = options.parse_args()
    container = Container(PLAIN)
    try:
        prepare(container)
        container.start().wait_until_booted()
        found = run(container, chosen.seed, chosen.seconds)
        for line in sorted(set(re.findall(r"Bug: .*", container.logs()))):
            print(line)
    finally:
        container.remove()
    print("\n".join(f"{name}\t{found[name]}" for name in COLUMNS))
    if chosen.write:
        if not RESULTS.exists():
            RESULTS.write_text("\t".join(COLUMNS) + "\n")
        with RESULTS.open("a") as results:
            results.write("\t".join(str(found[name]) for name in COLUMNS) + "\n")
    wrong = complaints(found)
    print("\n".join(wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
