"""`make bench-capture`: what does it cost to keep what services write? pyinit's journal beside those of others.

    python3 tests/bench/capture.py [--megabytes 200] [--rounds 3] [--only pyinit] [--write]

Each contender runs in a container of its own as its makers mean it to, its store on the same disk, rate limits off. The
same services (`writer.c`), all waiting at one gate, write lines of 100 bytes: each line by itself, or 4096 bytes at a
time. The clock runs from the gate's opening until the last line is stored and on the disk (fsync). CPU is that of
whoever captures, from /proc: the journal's process, supervisord, all s6-log. In the first round the stored lines are
counted. Contenders take turns, figures are medians; --write puts them into capture.md.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "container")]

from harness import PLAIN, Container, wait_until  # noqa: E402
from images import Image, directory_of, run  # noqa: E402
from surroundings import kernel, machine, version_in  # noqa: E402

TICKS = os.sysconf("SC_CLK_TCK")
LINE = 100
#: Who captures has nothing left to do when it used no CPU for so long; not part of what is measured.
_QUIET_SEC = 0.3

UNIT = """\
[Service]
ExecStart=/bench/writer %p-%i {megabytes} {mode}
"""
NO_RATE_LIMIT = """\
[Journal]
RateLimitIntervalSec=0
RateLimitBurst=0
"""
SUPERVISORD = """\
[supervisord]
nodaemon=true
user=root
logfile=/dev/null
logfile_maxbytes=0
[program:writer]
command=/bench/writer writer-%(process_num)d {megabytes} {mode}
process_name=%(process_num)d
numprocs={services}
autorestart=false
startsecs=0
redirect_stderr=true
stdout_logfile=/store/%(process_num)d.log
stdout_logfile_maxbytes=128MB
stdout_logfile_backups=10
"""
S6_RUN = """\
#!/bin/sh
exec /bench/writer writer-{number} {megabytes} {mode}
"""
#: As s6's documentation has it, with a time in front of each line, but files as large as they may be.
S6_LOG_RUN = """\
#!/bin/sh
exec s6-log n100 s268435455 T /store/{number}
"""


class Case(NamedTuple):
    services: int
    mode: str


class Result(NamedTuple):
    seconds: float
    cpu: float


class Contender:
    """One way to capture. `comm` is what the capturing processes are called in /proc."""

    image: Image
    name = ""
    comm = ""
    command: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    store = "/store"
    version_of = ""

    def prepare(self, bench: Path, case: Case, megabytes: float) -> None:
        """Leave in `bench` what the container needs; each service writes so many megabytes."""

    def launch(self, container: Container, case: Case) -> None:
        """The container runs: start the services that do not start with it."""

    def captures(self, comm: str, command_line: bytes) -> bool:
        return comm == self.comm

    def count(self, container: Container, store: Path) -> int:
        return sum(_count(path, b" handled request ") for path in sorted(store.rglob("*")) if path.is_file())


class Units(Contender):
    """Both that read unit files."""

    store = "/var/log/journal"

    def prepare(self, bench: Path, case: Case, megabytes: float) -> None:
        (bench / "writer@.service").write_text(UNIT.format(megabytes=megabytes, mode=case.mode))
        (bench / "bench.conf").write_text(NO_RATE_LIMIT)

    def launch(self, container: Container, case: Case) -> None:
        container.wait_until_booted()
        container.systemctl("start", *[f"writer@{number}.service" for number in range(case.services)], timeout=120)


UNIT_VOLUMES = ("--volume={bench}/writer@.service:/etc/systemd/system/writer@.service:ro",
                "--volume={bench}/bench.conf:/etc/systemd/journald.conf.d/bench.conf:ro")


class Pyinit(Units):
    name = "pyinit"
    image = PLAIN
    command = ("/sbin/pyinit",)
    options = (*UNIT_VOLUMES, "--env=PYINIT_LOG=none")
    version_of = "pyinit"

    def captures(self, comm: str, command_line: bytes) -> bool:
        return b"initd/journal/__main__.py" in command_line


class PyinitForwarding(Pyinit):
    name = "pyinit, and to the container's stdout"
    options = UNIT_VOLUMES
    version_of = ""


class Journald(Units):
    name = "systemd-journald"
    comm = "systemd-journal"
    image = Image(("systemd-sysv", "dbus"), with_pyinit=False)
    command = ("/sbin/init",)
    options = (*UNIT_VOLUMES, "--systemd=always", "--privileged")
    version_of = "systemd"

    def count(self, container: Container, store: Path) -> int:
        script = "journalctl --sync; journalctl -q -o cat | grep -c ' handled request '"
        return int(container.exec("sh", "-c", script, timeout=300).stdout)


class Supervisord(Contender):
    name = "supervisord"
    comm = "supervisord"
    image = Image(("supervisor",), with_pyinit=False)
    command = ("/usr/bin/supervisord", "-c", "/bench/supervisord.conf")
    version_of = "supervisor"

    def prepare(self, bench: Path, case: Case, megabytes: float) -> None:
        (bench / "supervisord.conf").write_text(
            SUPERVISORD.format(services=case.services, megabytes=megabytes, mode=case.mode))

    def count(self, container: Container, store: Path) -> int:
        # It begins a new file in the middle of a line.
        return sum(_count(path, b"\n") for path in store.glob("*.log*"))


class S6Log(Contender):
    name = "s6-log"
    comm = "s6-log"
    image = Image(("s6",), with_pyinit=False)
    command = ("s6-svscan", "/bench/services")
    version_of = "s6"

    def prepare(self, bench: Path, case: Case, megabytes: float) -> None:
        for number in range(case.services):
            directory = bench / f"services/{number}"
            (directory / "log").mkdir(parents=True)
            _script(directory / "run", S6_RUN.format(number=number, megabytes=megabytes, mode=case.mode))
            _script(directory / "finish", "#!/bin/sh\nexit 125\n")  # once is enough
            _script(directory / "log/run", S6_LOG_RUN.format(number=number))


CONTENDERS = (Pyinit(), Journald(), PyinitForwarding(), Supervisord(), S6Log())
CASES = tuple(Case(services, mode) for services in (1, 50) for mode in ("block", "line"))


def _script(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)


def _count(path: Path, needle: bytes) -> int:
    """How often a file holds these bytes."""
    found, rest = 0, b""
    with path.open("rb") as file:
        while data := rest + file.read(1 << 22):
            found += data.count(needle)
            if len(data) == len(rest):
                return found
            rest = data[len(data) - len(needle) + 1:]
    return found


def measure(contender: Contender, case: Case, megabytes: int, directory: Path, is_counted: bool) -> Result:
    bench, store = directory / "bench", directory / "store"
    bench.mkdir()
    store.mkdir()
    run(["cc", "-O2", "-static", "-o", str(bench / "writer"), str(HERE / "writer.c")])
    for name in ("gate", "done"):
        os.mkfifo(bench / name)
    contender.prepare(bench, case, megabytes / case.services)
    options = [option.format(bench=bench) for option in contender.options]
    container = Container(contender.image, *contender.command, options=(
        *options, f"--volume={bench}:/bench", f"--volume={store}:{contender.store}"))
    try:
        container.start()
        contender.launch(container, case)
        wait_until("the writers wait", lambda: len(_processes(container, _is_writer)) == case.services, 60, container.story)
        result = _time(_processes(container, contender.captures), bench, store, case.services)
        if is_counted:
            found, expected = contender.count(container, store), megabytes * 1_000_000 // LINE
            if found != expected:
                raise AssertionError(f"{contender.name} has {found} of {expected} lines")
        return result
    finally:
        container.remove()


def _is_writer(comm: str, command_line: bytes) -> bool:
    return comm == "writer"


def _processes(container: Container, is_wanted) -> list[int]:
    found = []
    for path in container.processes_here():
        try:
            if is_wanted((path / "comm").read_text().strip(), (path / "cmdline").read_bytes()):
                found.append(int(path.name))
        except OSError:
            continue  # it has ended
    return found


def _time(pids: list[int], bench: Path, store: Path, services: int) -> Result:
    assert pids, "nobody captures"
    done = os.open(bench / "done", os.O_RDWR)
    used = _cpu(pids)
    began = time.monotonic()
    gate = os.open(bench / "gate", os.O_WRONLY)
    left = services
    while left:
        left -= len(os.read(done, left))
    last, last_change = _cpu(pids), time.monotonic()
    while time.monotonic() - last_change < _QUIET_SEC:
        time.sleep(0.01)
        if (now := _cpu(pids)) != last:
            last, last_change = now, time.monotonic()
    quiet = time.monotonic()
    for path in store.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())
    seconds = last_change - began + time.monotonic() - quiet
    cpu = _cpu(pids) - used
    os.close(gate)
    os.close(done)
    return Result(seconds, cpu)


def _cpu(pids: list[int]) -> float:
    """Seconds, of all threads."""
    ticks = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / TICKS


# --- the table --------------------------------------------------------------------------------------------------------


def table(results: dict[tuple[Case, str], list[Result]], megabytes: int) -> Iterator[str]:
    def median(case: Case, name: str, field: str) -> float:
        return statistics.median(getattr(each, field) for each in results[case, name])

    yield "| services | writes | captured by | MB/s | × journald's | CPU s per 100 MB | ÷ journald's |"
    yield "|---|---|---|---|---|---|---|"
    for case, name in results:
        seconds, cpu = median(case, name, "seconds"), median(case, name, "cpu")
        faster = cheaper = ""
        if (case, Journald.name) in results:
            faster = f"{median(case, Journald.name, 'seconds') / seconds:.1f}"
            cheaper = f"{median(case, Journald.name, 'cpu') / cpu:.1f}"
        writes = "100 bytes" if case.mode == "line" else "4096 bytes"
        yield (f"| {case.services} | {writes} | {name} | {megabytes / seconds:.1f} | {faster} | {cpu / megabytes * 100:.2f} "
               f"| {cheaper} |")


def surroundings(contenders: list[Contender], megabytes: int, rounds: int) -> Iterator[str]:
    yield f"{megabytes} MB of {LINE}-byte lines, medians of {rounds} rounds, {date.today()}, {machine()}, {kernel()}."
    versions = [f"{each.version_of} {version_in(each.image, each.version_of)}" for each in contenders if each.version_of]
    yield f"Debian 12's packages: {', '.join(versions)}."


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--megabytes", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", action="append", help="contenders whose name begins so")
    parser.add_argument("--write", action="store_true", help="put the table into capture.md")
    given = parser.parse_args()
    contenders = [each for each in CONTENDERS if not given.only or any(each.name.startswith(word) for word in given.only)]
    results: dict[tuple[Case, str], list[Result]] = {(case, each.name): [] for case in CASES for each in contenders}
    for number in range(given.rounds):
        for case in CASES:
            for each in contenders:
                with directory_of("capture-") as directory:
                    result = measure(each, case, given.megabytes, Path(directory), not number)
                results[case, each.name].append(result)
                print(f"{number + 1}: {case.services} {case.mode:5} {each.name}: {given.megabytes / result.seconds:.1f} MB/s, "
                      f"{result.cpu / given.megabytes * 100:.2f} s of CPU per 100 MB", file=sys.stderr, flush=True)
        lines = [*table(results, given.megabytes), "", *surroundings(contenders, given.megabytes, number + 1)]
        text = "\n".join(lines) + "\n"
        print(text, flush=True)
        if given.write:
            heading = "# What it costs to keep what services write\n\nWritten by `make bench-capture`.\n\n"
            (HERE / "capture.md").write_text(heading + text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
