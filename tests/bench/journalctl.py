"""`make bench-journalctl`: how long journalctl takes over a large store.

    python3 -m tests.bench.journalctl DIRECTORY [--megabytes 1024] [--python /usr/bin/python3] [--write]

The store is made where there is none yet: segments of 128 MB, entries of 50 units as the journal writes them, one in 200
with a binary value; one unit only wrote into the oldest segment, one only at the beginning of the newest.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from initd.journal.segment import HEAD_SIZE, Head, encode_address, encode_fields, encode_head, file_name  # noqa: E402

PAGE = Path(__file__).with_name("journalctl.md")
UNITS = 50
SEGMENT = 128 << 20
BEGIN = 1_774_605_600_000_000
STORE, MACHINE, BOOT = "5" * 32, "a" * 32, "b" * 32
PROGRAM = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from initd.cli.launch import journalctl; journalctl()"


def block_of(usec: int, dice: random.Random) -> bytes:
    """A thousand entries, a millisecond apart."""
    made = []
    for number in range(1000):
        unit, pid = b"unit%02d.service" % (number % UNITS), b"%d" % (100 + number % UNITS)
        text = b"request %d took %d ms and %s" % (number, dice.randrange(1000), b"x" * dice.randrange(60))
        fields = [
            (b"_TRANSPORT", b"stdout"), (b"PRIORITY", b"%d" % dice.choice((6, 6, 6, 5, 4, 3))), (b"SYSLOG_FACILITY", b"3"),
            (b"SYSLOG_IDENTIFIER", b"worker"), (b"MESSAGE", text + (b"\n\nand more" if number % 200 == 0 else b"")),
            (b"_PID", pid), (b"_UID", b"33"), (b"_GID", b"33"), (b"_COMM", b"worker"), (b"_EXE", b"/usr/sbin/worker"),
            (b"_CMDLINE", b"/usr/sbin/worker --serve"), (b"_SYSTEMD_CGROUP", b"/system.slice/" + unit),
            (b"_SYSTEMD_UNIT", unit), (b"_SYSTEMD_SLICE", b"system.slice"), (b"_SYSTEMD_INVOCATION_ID", pid.rjust(32, b"0")),
            (b"_MACHINE_ID", MACHINE.encode()), (b"_HOSTNAME", b"host"), (b"_STREAM_ID", pid.rjust(32, b"1")),
        ]
        stamp = usec + number * 1000
        made.append(encode_address(stamp, stamp - BEGIN, BOOT.encode()) + encode_fields(fields) + b"\n")
    return b"".join(made)


def make(directory: Path, megabytes: int) -> None:
    directory.mkdir(parents=True)
    dice = random.Random(1)
    template = block_of(BEGIN, dice)
    old, new = [template.replace(b"unit00.service", name) for name in (b"old.service", b"new.service")]
    position, usec = 0, BEGIN
    count = max(1, megabytes * (1 << 20) // SEGMENT)
    for number in range(count):
        is_open = number == count - 1
        named = {f"unit{unit:02d}.service" for unit in range(UNITS)} | ({"old.service"} if not number else set())
        named |= {"new.service"} if is_open else set()
        path = directory / file_name(STORE, position, usec)
        begun, size = usec, HEAD_SIZE
        with path.open("wb") as file:
            file.write(bytes(HEAD_SIZE))
            while size < SEGMENT:
                text = (old if not number else new if is_open else template) if size == HEAD_SIZE else template
                # Other times, with as many digits.
                stamps = [b"__REALTIME_TIMESTAMP=%d" % (each // 1_000_000) for each in (BEGIN, usec)]
                data = text.replace(*stamps)
                file.write(data)
                size += len(data)
                usec += 1_000_000
            file.seek(0)
            last = 0 if is_open else usec
            file.write(encode_head(Head(MACHINE, BOOT, position, begun, begun - BEGIN, last, tuple(sorted(named)))))
        position += size


def ask(python: str, directory: Path, *words: str) -> tuple[float, int]:
    """Seconds, the best of three, and how many lines."""
    best, lines = 1e9, 0
    for _ in range(3):
        began = time.perf_counter()
        done = subprocess.run([python, "-IS", "-c", PROGRAM, "--no-pager", "-q", f"--directory={directory}", *words],
                              capture_output=True, check=False)
        best = min(best, time.perf_counter() - began)
        lines = done.stdout.count(b"\n")
        if done.returncode:
            print(done.stderr.decode(errors="replace"))
    return best, lines


def follow(python: str, directory: Path, tries: int = 50) -> list[float]:
    """Milliseconds from a line's being written to its being shown."""
    path = sorted(directory.iterdir())[-1]
    words = [f"--directory={directory}", "-f", "-n", "0", "-o", "cat", "-t", "bench"]
    child = subprocess.Popen([python, "-IS", "-c", PROGRAM, *words], stdout=subprocess.PIPE)
    assert child.stdout is not None
    found = []
    try:
        time.sleep(1)
        with path.open("ab", buffering=0) as file:
            for number in range(tries):
                time.sleep(0.0137)
                usec = time.time_ns() // 1000
                began = time.perf_counter()
                file.write(encode_address(usec, 1, BOOT.encode())
                           + encode_fields([(b"MESSAGE", b"%d" % number), (b"SYSLOG_IDENTIFIER", b"bench")]) + b"\n")
                child.stdout.readline()
                found.append((time.perf_counter() - began) * 1000)
    finally:
        child.send_signal(signal.SIGTERM)
        child.wait()
    return sorted(found)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("directory", type=Path)
    parser.add_argument("--megabytes", type=int, default=1024)
    parser.add_argument("--python", default="/usr/bin/python3")
    parser.add_argument("--write", action="store_true", help="put what is said into journalctl.md")
    given = parser.parse_args()
    said: list[str] = []

    def say(text: str) -> None:
        print(text, flush=True)
        said.append(f"    {text}\n")
    if not given.directory.exists():
        make(given.directory, given.megabytes)
    size = sum(path.stat().st_size for path in given.directory.iterdir())
    say(f"{size / (1 << 20):.0f} MB in {len(list(given.directory.iterdir()))} segments")
    since = f"--since=@{BEGIN // 1_000_000 + 600}"
    for line in ("--version", "-n 20", "-u unit07 -n 20", "-u new -n 20", "-u old -n 20", "-u nothere -n 20", "-p err -n 20",
                 "-t nothere -n 20", "-u unit07 -n 10000", f"{since} -n 20", "--list-boots", "-F _SYSTEMD_UNIT", "-N"):
        seconds, lines = ask(given.python, given.directory, *line.split())
        say(f"{seconds * 1000:7.0f} ms {lines:6d} lines  journalctl {line}")
    waits = follow(given.python, given.directory)
    say(f"-f shows a line after {waits[len(waits) // 2]:.1f} ms (median), {waits[-1]:.1f} ms (most of {len(waits)})")
    if given.write:
        PAGE.write_text(f"# What journalctl takes over a large store\n\nWritten by `make bench-journalctl`, {date.today()}, "
                        f"{os.cpu_count()} cores, the best of three.\n\n{''.join(said)}")


if __name__ == "__main__":
    main()
