"""How dear is a line? CPU seconds of the journal's process for 100 MB of 100-byte lines, and MB/s, from 1 or more services.

    python tests/bench/journal.py [SERVICES [MB [python3]]]

The process is started as the manager does it, in a directory of its own; what it writes to its stdout is read and dropped.
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests/journal")]

import test_receiver  # noqa: E402
from test_receiver import Journal  # noqa: E402

from initd.wire.journal import StreamHeader  # noqa: E402

LINE = b"x" * 99 + b"\n"
TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def write(journal: Journal, number: int, count: int) -> None:
    stream = journal.stream(StreamHeader("bench", f"bench{number}.service"))
    block = LINE * 100  # as a service's own buffer writes it
    for _ in range(count // 100):
        stream.sendall(block)
    stream.close()


def read_away(fd: int) -> None:
    while os.read(fd, 1 << 20):
        pass


def measure(services: int, megabytes: int, directory: Path, environment: dict[str, str]) -> tuple[float, float]:
    """CPU seconds and seconds."""
    (directory / "systemd/journal").mkdir(parents=True)
    journal = Journal(directory, (str(directory), str(directory)), environment)
    reader = threading.Thread(target=read_away, args=(journal.output,))
    reader.start()
    time.sleep(0.5)  # its own start is not part of it
    before, began = cpu_seconds(journal.pid), time.monotonic()
    lines = megabytes * 1_000_000 // len(LINE) // services
    writers = []
    for number in range(services):
        pid = os.fork()
        if pid == 0:
            write(journal, number, lines)
            os._exit(0)
        writers.append(pid)
    for pid in writers:
        os.waitpid(pid, 0)
    used = -1.0
    while (now := cpu_seconds(journal.pid)) != used:  # until it has nothing more to do
        used = now
        time.sleep(0.05)
    seconds = time.monotonic() - began
    cpu = cpu_seconds(journal.pid) - before
    os.kill(journal.pid, 15)
    journal.wait()
    reader.join()
    journal.close()
    return cpu, seconds


def main() -> None:
    services, megabytes = int(sys.argv[1]) if sys.argv[1:] else 1, int(sys.argv[2]) if sys.argv[2:] else 100
    if sys.argv[3:]:
        test_receiver.sys.executable = sys.argv[3]
    for what, environment in (("store and stdout", {}), ("store alone", {"PYINIT_LOG": "none"})):
        with tempfile.TemporaryDirectory(dir="/dev/shm") as directory:
            cpu, seconds = measure(services, megabytes, Path(directory), environment)
        per_line = cpu / (megabytes * 1_000_000 / len(LINE)) * 1e6
        print(f"{what}, {services} services: {cpu / megabytes * 100:.2f} s of CPU per 100 MB ({per_line:.2f} µs a line), "
              f"{megabytes / seconds:.0f} MB/s")


if __name__ == "__main__":
    main()
