"""`make soak`: a day of a container with twenty services, in under half an hour.

    python3 tests/chaos/soak.py [--hours 24] [--seed N] [--write]

As many things happen as in so many hours (A_DAY: what is assumed of them), in an order made of the seed, in four quarters
(soaker.py, in the container). Seen from outside, every few seconds and when a quarter's work is done and all is quiet: the
manager's and the journal's own memory (Anonymous in smaps: no file stands behind it), their descriptors, PID 1's children
and zombies, and the room the journal takes. Timers tell each service they start when they elapsed: how late that was, how
often they missed a turn, and how often they had one too many. The manager is re-executed in the second quarter alone, so
that what it might pile up is not wiped out behind our back: the third and fourth are one process's.

A line of soak.tsv for each quarter. Ends with 1 where something was wrong or has grown.
"""

from __future__ import annotations

import argparse
import ast
import random
import statistics
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "container"), str(HERE.parent / "bench"), str(HERE.parents[1])]

from harness import Container  # noqa: E402
from images import Image, directory_of, run  # noqa: E402
from subjects import DEFAULT, UNITS, complaints  # noqa: E402
from surroundings import pss  # noqa: E402

RESULTS = HERE / "soak.tsv"
IMAGE = Image(("procps", "python3-pyinotify"))
QUARTERS = 4
Row = dict[str, object]
#: Twenty services in 24 hours: each is restarted a hundred times and killed twenty-five times; four clients ask every 17
#: seconds, one call in twenty by a command; somebody watches every minute and a half, a file changes and a socket is
#: connected to as often; one job in a minute and a half fails; a reload every quarter of an hour, a rotation every hour, and
#: 24 re-executions. Timers elapse four times a minute (5,760: here six a second), and 200,000 lines are written.
A_DAY = {"restart": 2000, "kill": 500, "code": 1000, "calls": 1900, "command": 1000, "watcher": 1000, "path": 1000,
         "socket": 1000, "reload": 100, "rotate": 24, "lines": 200_000}
REEXECS = 24
#: In which an hour passes, or more, where the machine has other work.
SECONDS = 40
SAMPLE_SEC = 5
#: What may be on top in the last quarter: MB of the heap's own holes.
GROWTH_MB = 0.3
#: By so much may the calendar timer's elapse that was least late be later in the last quarter than in the first: what a busy
#: machine adds to each is not in it, what drifts would be.
DRIFT_USEC = 1000
MONOTONIC = ("each-0", "each-1", "each-2")
CALENDAR = ("even", "odd")
PERIOD_USEC, CALENDAR_USEC = 600_000, 2_000_000
COLUMNS = ("date", "commit", "seed", "hours", "quarter", "seconds", "restarts", "calls", "jobs_failed", "triggers",
           "reloads", "reexecs", "lines", "elapses", "missed", "stalled", "doubled", "late_usec", "least_late_usec",
           "manager_mb", "journal_mb", "manager_fds", "journal_fds", "children", "zombies", "journal_disk_mb", "failures")
_ELAPSED = "/bin/sh -c 'echo $TRIGGER_TIMER_MONOTONIC_USEC $TRIGGER_TIMER_REALTIME_USEC >>/run/soak/%p'"


def units() -> dict[str, str]:
    found = {
        "code@.service": "[Unit]\nStartLimitIntervalSec=0\n[Service]\nType=oneshot\nExecStart=/bin/sh -c 'exit %i'\n",
        "nothing.service": "[Unit]\nStartLimitIntervalSec=0\n[Service]\nType=oneshot\nExecStart=/bin/true\n",
        "watch.path": "[Unit]\nStartLimitIntervalSec=0\n[Path]\nPathModified=/run/soak/watched\nTriggerLimitIntervalSec=0\n",
        "watch.service": "[Unit]\nStartLimitIntervalSec=0\n[Service]\nType=oneshot\nExecStart=/bin/true\n",
        "echo.socket": "[Socket]\nListenStream=/run/soak/echo\nAccept=yes\nTriggerLimitIntervalSec=0\n",
        "echo@.service": "[Service]\nStandardInput=socket\nExecStart=/usr/bin/head -n 1\n",
    }
    for number in range(20):
        found[f"work-{number}.service"] = (
            "[Unit]\nStartLimitIntervalSec=0\n[Service]\nRestart=always\nRestartSec=0\nRuntimeDirectory=soak\n"
            "RuntimeDirectoryPreserve=yes\n"
            f"ExecStart=/bin/sh -c 'for i in 1 2 3 4 5; do echo $$i by {number}; done; exec sleep infinity'\n")
    for name in MONOTONIC:
        found[f"{name}.timer"] = f"[Timer]\nOnActiveSec=1\nOnUnitActiveSec={PERIOD_USEC}us\nAccuracySec=1us\n"
    for name, seconds in zip(CALENDAR, ("0/2", "1/2")):
        found[f"{name}.timer"] = f"[Timer]\nOnCalendar=*:*:{seconds}\nAccuracySec=1us\n"
    for name in MONOTONIC + CALENDAR:
        found[f"{name}.service"] = f"[Unit]\nStartLimitIntervalSec=0\n[Service]\nType=oneshot\nExecStart={_ELAPSED}\n"
    return found


STARTED = ["watch.path", "echo.socket", *(f"{name}.timer" for name in MONOTONIC + CALENDAR),
           *(f"work-{number}.service" for number in range(20))]


# --- what can be seen -------------------------------------------------------------------------------------------------


class Sample:
    """Of the manager and its journal, now."""

    def __init__(self, container: Container) -> None:
        manager = Path(f"/proc/{container.pid}")
        self.children = (manager / f"task/{container.pid}/children").read_text().split()
        states = {pid: stat for pid in self.children if (stat := _stat(pid))}
        self.zombies = {pid for pid, state in states.items() if state == "Z"}
        journal = Path("/proc", next(pid for pid in self.children if b"initd/journal" in _read(f"/proc/{pid}/cmdline")))
        self.memory = [pss(each, "Anonymous") for each in (manager, journal)]
        self.fds = [len(list((each / "fd").iterdir())) for each in (manager, journal)]
        self.disk = sum(path.stat().st_size for path in (manager / "root/var/log/journal").rglob("*") if path.is_file()) / 1e6


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError:
        return b""  # it has ended


def _stat(pid: str) -> str:
    return _read(f"/proc/{pid}/stat").decode(errors="replace").rpartition(") ")[2][:1]


def sample(container: Container) -> Sample | None:
    """None where something went while it was looked at."""
    try:
        return Sample(container)
    except (OSError, StopIteration, TypeError):
        return None


def quiet(container: Container) -> Sample:
    """Once the quarter's clients are gone and what they left behind is served."""
    end = time.monotonic() + 30
    while (found := sample(container)) is None or found.zombies or time.monotonic() < end - 25:
        time.sleep(0.5)
        if time.monotonic() > end and found:
            break
    return found


def elapses(container: Container, name: str) -> list[tuple[int, int]]:
    """Each (monotonic, realtime) usec of a timer."""
    text = Path(f"/proc/{container.pid}/root/run/soak/{name}").read_text()
    return [(int(one), int(other)) for one, other in map(str.split, text.splitlines())]


class Lateness:
    """Of all timers' elapses since the last look: by how many usec each was late; calendar turns that were missed, and those
    that were while every timer waited, since the machine did not let the manager run; turns too many."""

    def __init__(self) -> None:
        self.seen: dict[str, int] = {}
        self.count = self.missed = self.stalled = self.doubled = 0
        self.late: list[int] = []
        self.calendar: list[int] = []

    def look(self, container: Container) -> None:
        self.count = self.missed = self.stalled = self.doubled = 0
        self.late, self.calendar = [], []
        stalls = []
        for name in MONOTONIC:
            for before, after in self.steps(container, name):  # due one period after its service was last started
                late = after[0] - before[0] - PERIOD_USEC
                self.late.append(late)
                self.doubled += late < 0
                if after[0] - before[0] >= CALENDAR_USEC:
                    stalls.append((before[0], after[0]))
        for name in CALENDAR:
            offset = (name == "odd") * CALENDAR_USEC // 2
            for before, after in self.steps(container, name):
                turns = (after[1] - offset) // CALENDAR_USEC - (before[1] - offset) // CALENDAR_USEC
                self.calendar.append((after[1] - offset) % CALENDAR_USEC)
                self.doubled += turns < 1
                if turns > 1:
                    is_stalled = any(begin < after[0] and before[0] < end for begin, end in stalls)
                    self.stalled += (turns - 1) * is_stalled
                    self.missed += (turns - 1) * (not is_stalled)

    def steps(self, container: Container, name: str) -> list[tuple[tuple[int, int], tuple[int, int]]]:
        """Each new elapse with the one before it."""
        known = elapses(container, name)
        first = max(self.seen.get(name, 0), 1)
        self.seen[name] = len(known)
        self.count += len(known) - first
        return list(zip(known[first - 1:], known[first:]))


# --- a day --------------------------------------------------------------------------------------------------------------


def play(
    container: Container, seed: int, quarter: int, hours: float,
) -> tuple[dict[str, int], list[str], list[Sample]]:
    """What was done, what was wrong, and what was seen meanwhile. `quarter`: 0 to 3."""
    counts = {name: round(count * hours / 24) for name, count in A_DAY.items()}
    if quarter == 1:
        counts["reexec"] = round(REEXECS * hours * QUARTERS / 24)
    words = [*container._enter(), "python3", "-IS", "/root/soaker.py", str(seed), str(quarter), str(SECONDS * hours),
             *(f"{name}={count}" for name, count in counts.items())]
    samples = []
    soaker = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    while soaker.poll() is None:
        try:
            soaker.wait(SAMPLE_SEC)
        except subprocess.TimeoutExpired:
            samples += [found] if (found := sample(container)) else []
    *wrong, last = soaker.communicate()[0].splitlines()
    if soaker.returncode:
        raise AssertionError("\n".join([*wrong, last]))
    # A zombie twice: who is seen as one five seconds later is not being reaped.
    for before, after in zip(samples, samples[1:]):
        wrong += [f"a zombie stays: {pid}" for pid in before.zombies & after.zombies]
    return {**dict.fromkeys(counts, 0), **ast.literal_eval(last)}, wrong, samples


def day(hours: float, seed: int, about: tuple[str, ...]) -> tuple[list[Row], list[str]]:
    with directory_of("soak-") as directory:
        for name, text in units().items():
            Path(directory, name).write_text(text)
        Path(directory, "default.target").write_text(DEFAULT + "".join(f"Wants={name}\n" for name in STARTED))
        Path(directory, "journald.conf").write_text(
            "[Journal]\nStorage=persistent\nSystemMaxUse=24M\nSystemMaxFileSize=3M\nSystemKeepFree=0\nRateLimitBurst=0\n")
        container = Container(IMAGE, options=(
            f"--volume={directory}:{UNITS}", f"--volume={directory}/journald.conf:/etc/systemd/journald.conf:ro",
            f"--volume={HERE}/soaker.py:/root/soaker.py:ro"))
        return day_of(container, hours, seed, about)


def day_of(container: Container, hours: float, seed: int, about: tuple[str, ...]) -> tuple[list[Row], list[str]]:
    rows: list[Row] = []
    failures: list[str] = []
    try:
        container.start().wait_until_booted()
        play(container, seed - 1, 0, hours / 20)  # fills every cache there is
        lateness = Lateness()
        lateness.look(container)
        for quarter in range(QUARTERS):
            began = time.monotonic()
            done, wrong, samples = play(container, seed, quarter, hours / QUARTERS)
            took = time.monotonic() - began
            lateness.look(container)
            found = quiet(container)
            failures += [f"quarter {quarter + 1}: {line}" for line in wrong]
            rows.append(dict(zip(COLUMNS, (
                *about, seed, hours, quarter + 1, round(took), done["restart"] + done["kill"],
                done["calls"] * 10 + done["command"], done["code"], done["path"] + done["socket"], done["reload"],
                done.get("reexec", 0), done["lines"],
                lateness.count, lateness.missed, lateness.stalled, lateness.doubled,
                round(statistics.median(lateness.late + lateness.calendar)), min(lateness.calendar, default=0),
                *(f"{size:.2f}" for size in found.memory), *found.fds, len(found.children), len(found.zombies),
                f"{max(each.disk for each in [*samples, found]):.1f}", len(wrong)))))
            print(*rows[-1].values(), sep="\t", flush=True)
        failures += complaints(container) + judge(rows)
        container.stop()
        if code := container.wait():
            failures.append(f"it ended with {code}")
    finally:
        container.remove()
    return rows, failures


def judge(rows: list[Row]) -> list[str]:
    """What has grown, or should be nil."""
    found = [f"quarter {row['quarter']}: {row[name]} {name}" for row in rows for name in ("missed", "doubled", "zombies")
             if row[name]]
    third, fourth = rows[-2:]
    drift = int(str(fourth["least_late_usec"])) - int(str(rows[0]["least_late_usec"]))
    if drift > DRIFT_USEC:
        found.append(f"calendar timers drift: the least late is {drift} µs later than in the first quarter")
    for name in ("manager_mb", "journal_mb"):
        if float(str(fourth[name])) > float(str(third[name])) + GROWTH_MB:
            found.append(f"{name} grew from {third[name]} to {fourth[name]}")
    for name in ("manager_fds", "journal_fds", "children"):
        # There may be one less: whoever spawns is started when it is needed.
        if max(row[name] for row in rows) > rows[0][name]:
            found.append(f"{name}: {[row[name] for row in rows]}")
    return found


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--hours", type=float, default=24)
    parser.add_argument("--seed", type=int, default=random.randrange(2**32))
    parser.add_argument("--write", action="store_true", help="into soak.tsv")
    given = parser.parse_args()
    commit = run(["git", "-C", str(HERE), "rev-parse", "--short", "HEAD"]).stdout.strip()
    rows, failures = day(given.hours, given.seed, (str(date.today()), commit))
    print(*failures, sep="\n")
    if given.write:
        RESULTS.write_text("\n".join("\t".join(map(str, row)) for row in (COLUMNS, *(row.values() for row in rows))) + "\n")
    return bool(failures)


if __name__ == "__main__":
    sys.exit(main())
