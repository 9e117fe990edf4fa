"""`python3 tests/bench/triggers.py [--write]`: a thousand timers, sockets and watched paths at once, and nothing to do.

Boots a container with COUNT of each, starts them all, and then watches PID 1 for SECONDS: how often it ran (its voluntary
context switches), how much CPU it took, and how much memory more than before. `--write` adds a line to triggers.tsv.
"""

from __future__ import annotations

import argparse
import csv
import datetime
import io
import re
import subprocess
import sys
import tarfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/container"))

from harness import Container, Image  # noqa: E402  (the path comes first)

RESULTS = Path(__file__).resolve().parent / "triggers.tsv"
COLUMNS = ("date", "commit", "units of each type", "seconds", "wake-ups", "CPU ms", "KiB before", "KiB with", "bytes a unit")
KINDS = {
    "timer": "[Timer]\nOnCalendar=2099-01-01\nOnActiveSec={hours}h\nUnit=work.service\n",
    "socket": "[Socket]\nListenStream=/run/many/{number}\nAccept=yes\n",
    "path": "[Path]\nPathChanged=/srv/many/{number}/file\nUnit=work.service\n",
}


def units(count: int) -> bytes:
    """An archive of the unit files, and of directories to watch."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        texts = {"work.service": "[Service]\nType=oneshot\nExecStart=/bin/true\n"}
        for kind, text in KINDS.items():
            texts |= {f"many{n}.{kind}": "[Unit]\nDefaultDependencies=no\n" + text.format(number=n, hours=1000 + n)
                      for n in range(count)}
        texts |= {f"many{n}@.service": "[Service]\nExecStart=/bin/true\n" for n in range(count)}
        names = "\n".join(f"Wants=many{n}.{kind}" for kind in KINDS for n in range(count))
        texts["many.target"] = f"[Unit]\n{names}\n"
        for name, text in texts.items():
            member = tarfile.TarInfo(f"etc/systemd/system/{name}")
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
        for number in range(count):
            directory = tarfile.TarInfo(f"srv/many/{number}")
            directory.type, directory.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(directory)
    return buffer.getvalue()


def look(pid: int) -> tuple[int, float, int]:
    """Wake-ups so far, CPU in ms, resident KiB."""
    status = Path(f"/proc/{pid}/status").read_text()
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    memory = re.search(r"VmRSS:\s+(\d+)", status)
    switches = re.search(r"\nvoluntary_ctxt_switches:\s+(\d+)", status)
    assert memory and switches
    return int(switches[1]), (int(words[11]) + int(words[12])) * 10.0, int(memory[1])


def measure(count: int, seconds: int) -> tuple[object, ...]:
    container = Container(Image(("python3-pyinotify",)))
    try:
        container.start().wait_until_booted()
        subprocess.run([*container.podman, "exec", "--interactive", container.id, "tar", "-C", "/", "-xf", "-"],
                       input=units(count), check=True)
        before = look(container.pid)
        container.systemctl("daemon-reload")
        container.systemctl("start", "many.target", timeout=300)
        for kind, state in (("timer", "waiting"), ("socket", "listening"), ("path", "waiting")):
            def all_there(kind: str = kind, state: str = state) -> bool:
                lines = container.systemctl("list-units", "--all", "--no-legend", "--plain", f"many*.{kind}").splitlines()
                return sum(f" {state} " in line for line in lines) == count
            container.wait_until(f"{count} are {state}", all_there, 120)
        time.sleep(3)
        first = look(container.pid)
        time.sleep(seconds)
        last = look(container.pid)
        grown = (last[2] - before[2]) * 1024 / (3 * count)
        commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True)
        return (datetime.date.today().isoformat(), commit.stdout.strip(), count, seconds, last[0] - first[0],
                round(last[1] - first[1]), before[2], last[2], round(grown))
    finally:
        container.remove()


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args(arguments)
    row = measure(options.count, options.seconds)
    print(dict(zip(COLUMNS, row)))
    if options.write:
        is_new = not RESULTS.exists()
        with open(RESULTS, "a", newline="") as file:
            csv.writer(file, delimiter="\t", lineterminator="\n").writerows(([COLUMNS] if is_new else []) + [row])
    return int(row[4] != 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
