"""The wall clock of a whole machine jumps: a virtual one, since no container has a clock of its own.

    python3 tests/chaos/clocks.py [--tries N] [--seed N] [--init pyinit|systemd]

A Debian kernel and an image's root in memory, under qemu, which makes do without /dev/kvm; jumper.py does the rest, as a
service. The figures say how often pyinit did at a jump what the real systemd does in the same machine at the same jump: how
often OnClockChange= and an hourly OnCalendar= elapsed.
"""

from __future__ import annotations

import argparse
import random
import re
import subprocess
import sys
from pathlib import Path
from random import Random

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "container"), str(HERE.parents[1])]

from harness import PLAIN  # noqa: E402
from images import CACHE, Image, build_root, directory_of, run  # noqa: E402
from subjects import DEFAULT, UNITS, Outcome, bugs_in  # noqa: E402

IMAGES = {"pyinit": PLAIN, "systemd": Image(("systemd-sysv", "dbus", "python3-minimal"), with_pyinit=False)}
#: Only unpacked, not installed.
KERNEL = "linux-image-cloud-amd64"
PATIENCE_SEC = 120
#: For each jump, which takes a few.
JUMP_SEC = 20
_NOTE = "ExecStart=/bin/sh -c 'read up rest </proc/uptime; echo $$up >>/var/jumps/%p'\n"
_OFTEN = "[Unit]\nStartLimitIntervalSec=0\n[Service]\nType=oneshot\n"
MACHINE = {
    "work.service": "[Service]\nExecStart=/bin/sleep infinity\n",
    "tick.timer": "[Timer]\nOnActiveSec=300ms\nOnUnitActiveSec=300ms\nAccuracySec=1us\n",
    "tick.service": _OFTEN + _NOTE,
    "retry.service": "[Unit]\nStartLimitIntervalSec=0\n[Service]\nRestart=always\nRestartSec=300ms\n"
                     "ExecStart=/bin/sh -c 'read up rest </proc/uptime; echo $$up >>/var/jumps/retry; exec sleep 0.1'\n",
    "change.timer": "[Timer]\nOnClockChange=yes\nAccuracySec=1us\n",
    "change.service": _OFTEN + _NOTE,
    "hourly.timer": "[Timer]\nOnCalendar=hourly\nAccuracySec=1us\n",
    "hourly.service": _OFTEN + _NOTE,
    "late.service": "[Unit]\nStartLimitIntervalSec=0\n[Service]\nType=notify\nTimeoutStartSec=1\n"
                    "ExecStart=/bin/sleep infinity\n",
}
WANTED = ("work.service", "retry.service", "jumper.service", "tick.timer", "change.timer", "hourly.timer")
FIRST = """#!/bin/sh
# What a runtime mounts before it starts an init.
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
mount -t tmpfs -o mode=755 run /run
mkdir -p /dev/pts /dev/shm
mount -t devpts pts /dev/pts
mount -t tmpfs shm /dev/shm
exec /sbin/INIT
"""


def kernel() -> Path:
    """Debian's, unpacked once."""
    text = run(["apt-cache", "depends", KERNEL]).stdout
    name = re.findall(r"Depends: (linux-image-\S+)", text)[0]
    directory = CACHE / name
    if not directory.is_dir():
        with directory_of("kernel-") as temporary:
            run(["apt-get", "download", "-qq", name], cwd=temporary)
            run(["dpkg", "-x", *map(str, Path(temporary).glob("*.deb")), f"{temporary}/root"])
            next(Path(temporary, "root/boot").glob("vmlinuz-*")).rename(Path(temporary, "root/vmlinuz"))
            Path(temporary, "root").rename(directory)
    return directory / "vmlinuz"


def initramfs(init: str, seed: int, tries: int, place: Path) -> Path:
    """The image's root, and what is added to it: two archives, one behind the other."""
    jumper = ("[Service]\nStandardOutput=journal\nSyslogIdentifier=jumper\n"
              f"ExecStart=/usr/bin/python3 -IS /root/jumper.py {seed} {tries}\n")
    own = place / "own"
    for name, text in {**MACHINE, "jumper.service": jumper,
                       "default.target": DEFAULT + "".join(f"Wants={each}\n" for each in WANTED)}.items():
        _write(own / UNITS.lstrip("/") / name, text)
    _write(own / "root/jumper.py", (HERE / "jumper.py").read_text())
    _write(own / "first", FIRST.replace("INIT", "pyinit" if init == "pyinit" else "init")).chmod(0o755)
    (own / "var/jumps").mkdir(parents=True)
    with open(place / "initramfs", "wb") as archive:
        for directory in (build_root(IMAGES[init]), own):
            subprocess.run("find . | cpio --quiet -o -H newc", shell=True, cwd=directory, stdout=archive, check=True)
    return place / "initramfs"


def _write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def console_of(init: str, seed: int, tries: int) -> str:
    """All that one machine has printed until it ended, or was killed."""
    with directory_of("clocks-") as temporary:
        words = "console=ttyS0 quiet panic=-1 rdinit=/first" + " container=podman" * (init == "pyinit")
        argv = ["qemu-system-x86_64", "-m", "2048", "-nographic", "-no-reboot", "-net", "none", "-kernel", str(kernel()),
                "-initrd", str(initramfs(init, seed, tries, Path(temporary))), "-append", words, "-accel", "tcg", "-cpu", "max"]
        try:
            done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE_SEC + JUMP_SEC * tries,
                                  check=False)
        except subprocess.TimeoutExpired as late:
            return (late.stdout or b"").decode(errors="replace") + "\nWRONG the machine did not end"
        return (done.stdout + done.stderr).decode(errors="replace").replace("\r", "")


def told(console: str, word: str) -> list[str]:
    return re.findall(rf"(?m)^{word} ?(.*)$", console)


def clock_jumps(random: Random, tries: int) -> Outcome:
    """The clock of a virtual machine jumps, by a second to ten years, forwards and back, beside a service, its restarts, timers
    of each kind and starts that must time out. All is compared with what systemd does at the same jumps."""
    seed = random.randrange(2**31)
    ours, theirs = (console_of(init, seed, tries) for init in ("pyinit", "systemd"))
    failures = told(ours, "WRONG") + bugs_in(ours)
    if not told(ours, "OVER"):
        failures.append(f"it was not over: {ours[-3000:]}")
    if "exitcode=0x00000000" not in ours:  # the kernel's last word about its init
        failures.append("it did not end with 0")
    pairs = list(zip(told(ours, "JUMP"), told(theirs, "JUMP"), strict=False))
    failures += [f"pyinit: {one}; systemd: {other}" for one, other in pairs if one != other]
    if len(pairs) != tries:
        failures.append(f"{len(pairs)} jumps could be compared: {theirs[-3000:]}")
    figures = {name: int(number) for name, number in (line.split("\t") for line in told(ours, "FIGURE"))}
    return Outcome(failures, {"as systemd": sum(one == other for one, other in pairs), **figures})


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--tries", type=int, default=20)
    parser.add_argument("--seed", type=int, default=random.randrange(2**31))
    parser.add_argument("--init", choices=sorted(IMAGES), default="pyinit")
    given = parser.parse_args()
    print(console_of(given.init, given.seed, given.tries))
    return 0


if __name__ == "__main__":
    sys.exit(main())
