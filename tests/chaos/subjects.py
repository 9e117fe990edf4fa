"""What the scenarios share: containers whose boot starts something, and how they are asked."""

from __future__ import annotations

import re
import struct
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from harness import PLAIN, Container, wait_until
from images import directory_of, run

from initd.cli.bus import SYSTEMD, Bus
from initd.core.objectpath import unit_path
from initd.core.places import Places

UNITS = "/etc/systemd/system/"
#: Properties that a failure tells of.
TOLD = ("ActiveState", "SubState", "Result", "MainPID", "ControlPID", "ExecMainCode", "ExecMainStatus", "ReloadResult", "Job")
#: A boot that is under way for a while, with all kinds of units in it.
MIXED = {
    "daemon.service": "[Service]\nExecStart=/bin/sleep 1000\nExecStartPre=/bin/sleep 0.1\nExecStop=/bin/sleep 0.1\n",
    "forking.service": "[Service]\nType=forking\nExecStart=/bin/sh -c 'sleep 1000 & sleep 0.2'\n",
    "notify.service": "[Service]\nType=notify\nNotifyAccess=all\n"
                      "ExecStart=/bin/sh -c 'sleep 0.2; systemd-notify --ready; sleep 1000'\n",
    "once.service": "[Unit]\nAfter=daemon.service\nStartLimitIntervalSec=0\n"
                    "[Service]\nType=oneshot\nExecStart=/bin/sleep 0.3\nRemainAfterExit=yes\n",
    "again.service": "[Unit]\nStartLimitIntervalSec=0\n[Service]\nExecStart=/bin/sleep 0.05\nRestart=always\nRestartSec=30ms\n",
    "deaf.service": "[Service]\nExecStart=/bin/sh -c 'trap \"\" TERM; while :; do sleep 0.2; done'\nTimeoutStopSec=300ms\n",
    "here.socket": "[Socket]\nListenStream=/run/here\n",
    "here.service": "[Service]\nExecStart=/bin/sleep 1000\n",
    "often.timer": "[Timer]\nOnActiveSec=100ms\nOnUnitActiveSec=150ms\nAccuracySec=10ms\n",
    "often.service": "[Service]\nType=oneshot\nExecStart=/bin/true\n",
}
STARTED = [name for name in MIXED if name not in ("here.service", "often.service")]
DEFAULT = "[Unit]\nRequires=sysinit.target basic.target\nAfter=basic.target\nAllowIsolate=yes\n"
#: Writes numbered lines. The last number that was written, and the last one behind which the journal acknowledged a sync, are
#: always to be read in /run/said.
SPEAKER = """\
import _socket, os, struct, time
said = os.open("/run/said", os.O_RDWR | os.O_CREAT)
number, journal = 0, None
while True:
    number += 1
    os.write(1, b"spoken %d\\n" % number)
    os.pwrite(said, struct.pack("<Q", number), 0)
    try:
        if journal is None:
            journal = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
            journal.connect("/run/systemd/journal/io.systemd.journal")
        journal.send(b'{"method":"io.systemd.Journal.Synchronize"}\\0')
        answer = journal.recv(1000)
    except OSError:
        answer = b""
    if answer == b'{"parameters":{}}\\0':
        os.pwrite(said, struct.pack("<Q", number), 8)
    else:
        journal = None  # it was killed
    time.sleep(0.01)
"""
SPEAKING = {"speaker.service": f"[Service]\nExecStart=/usr/bin/python3 -IS {UNITS}speaker\n", "speaker": SPEAKER}


class Outcome(NamedTuple):
    failures: list[str]
    figures: dict[str, int]
    #: Where the time was over before all tries were made.
    tries: int | None = None


class Patience:
    """The seconds that a scenario may take; those that make tries one by one then make no more."""

    end = float("inf")

    @classmethod
    def is_over(cls) -> bool:
        return time.monotonic() > cls.end


def boot_files(units: dict[str, str], wanted: list[str]) -> dict[str, str]:
    """Path → text: units, and a boot that starts what is wanted."""
    default = DEFAULT + "".join(f"Wants={name}\n" for name in wanted)
    return {UNITS + name: text for name, text in {**units, "default.target": default}.items()}


class Subject(Container):
    """A container, not started, whose boot starts what is wanted. Commands in it are run from here, which is quicker."""

    def __init__(self, units: dict[str, str], wanted: list[str], *options: str) -> None:
        self._units = directory_of("chaos-")
        Path(self._units.name).chmod(0o755)
        for name, text in boot_files(units, wanted).items():
            Path(self._units.name, Path(name).name).write_text(text)
        super().__init__(PLAIN, options=(*options, f"--volume={self._units.name}:{UNITS}"))

    def start(self) -> Subject:
        run([*self.podman, "start", self.id], timeout=120, cwd=self._units.name)  # conmon leaves a file there
        return self

    def _enter(self) -> list[str]:
        return ["nsenter", "--target", str(self.pid), "--all", "env", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"]

    def bus(self) -> Bus:
        """A connection to its manager."""
        return Bus(Places(run=f"/proc/{self.pid}/root/run"), timeout=60)

    def remove(self) -> None:
        super().remove()
        self._units.cleanup()


def facts(bus: Bus, name: str, kind: str = "Service") -> dict[str, Any]:
    """Properties of a unit, those of its type among them."""
    found = bus.get_all(unit_path(name), f"{SYSTEMD}.Unit") | bus.get_all(unit_path(name), f"{SYSTEMD}.{kind}")
    return {key: value for key, (_, value) in found.items()}


def await_facts(bus: Bus, name: str, is_there: Callable[[dict[str, Any]], bool], kind: str = "Service") -> dict[str, Any]:
    """As soon as they are what is waited for."""
    last: dict[str, Any] = {}

    def ask_once() -> bool:
        last.update(facts(bus, name, kind))
        return is_there(last)
    wait_until(f"{name} is as it should be", ask_once, 60, lambda: str({key: last[key] for key in sorted(last) if key in TOLD}))
    return last


def lasting_zombies(container: Container) -> list[str]:
    """Who is dead and not reaped, also when one looks again: a service may have died a moment ago."""
    def dead() -> set[str]:
        return {f"{each['Pid']} ({each['Name']}), of {each['PPid']}" for each in container.zombies() if each["PPid"] == "1"}
    first = dead()
    if first:
        time.sleep(1)
    return sorted(first & dead()) if first else []


def bugs_in(text: str) -> list[str]:
    """What only a bug says."""
    return [line for line in text.splitlines() if re.search(r"Bug:|Traceback|Internal error", line)]


def complaints(container: Container) -> list[str]:
    return bugs_in(container.logs())


def ask(container: Container, *words: str, timeout: float = 60) -> subprocess.CompletedProcess:
    return container.exec("systemctl", *words, check=False, timeout=timeout)


def spoken(run: Path) -> tuple[int, int, list[int]]:
    """Of a SPEAKER, from its /run: lines it has written, lines that were acknowledged, and which of all are in no journal."""
    path = run / "said"
    written, acknowledged = struct.unpack("<QQ", (path.read_bytes() if path.exists() else b"").ljust(16, b"\0"))
    stores = [each.read_bytes() for each in (run / "log/journal").glob("*/*")]
    kept = {int(number) for data in stores for number in re.findall(rb"\nMESSAGE=spoken (\d+)\n", data)}
    return written, acknowledged, [number for number in range(1, written + 1) if number not in kept]
