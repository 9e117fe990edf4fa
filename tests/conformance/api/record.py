"""Asks a real systemd 252, in a container, for the description of its D-Bus objects, and writes interface.json.

    python3 -m tests.conformance.api.record
"""

from __future__ import annotations

import datetime
import json
import re
import sys
from pathlib import Path
from typing import Any

ROOT_DIRECTORY = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT_DIRECTORY), str(ROOT_DIRECTORY / "tests/container")]

from harness import Container, Image  # noqa: E402

from initd.core.objectpath import unit_path  # noqa: E402
from initd.wire import dbus  # noqa: E402
from tests.conformance.api.interface import HERE, MANAGER, ROOT, UNITS, Peer, described  # noqa: E402
from tests.conformance.services.play import connect_inside  # noqa: E402

SYSTEMD = Image(("systemd-sysv", "dbus"), with_pyinit=False)
#: A job that stays: its process never gets ready.
SLOW = "[Service]\nType=notify\nExecStart=/bin/sleep infinity\n"


def systemd_container() -> Container:
    return Container(SYSTEMD, "/sbin/init", options=("--systemd=always", "--privileged"))


def peer_of(container: Container) -> Peer:
    return Peer(connect_inside(container.pid, f"/proc/{container.pid}/root/run/systemd/private"))


def describe(peer: Peer) -> dict[str, Any]:
    """Every interface of the manager, of a unit of each type, and of a job."""
    found = described(peer.introspect(ROOT))
    for name in UNITS.values():
        loaded = peer.call(ROOT, MANAGER, "LoadUnit", "s", name)
        found |= described(peer.introspect(loaded.body[0] if loaded.type == dbus.METHOD_RETURN else unit_path(name)))
    job = peer.call(ROOT, MANAGER, "StartUnit", "ss", "api-slow.service", "replace")
    return found | described(peer.introspect(job.body[0]))


def main() -> None:
    container = systemd_container()
    try:
        container.put("/etc/systemd/system/api-slow.service", SLOW)
        container.start().wait_until_booted()
        version = container.exec("systemctl", "--version").stdout.splitlines()[0]
        interfaces = describe(peer_of(container))
    finally:
        container.remove()
    write("interface.json", {"version": version, "date": datetime.date.today().isoformat(), "interfaces": interfaces})


def write(name: str, answers: dict[str, Any]) -> None:
    """One line for each member: what changes shows in a diff."""
    text = json.dumps(answers, indent=1)
    text = re.sub(r"\[\s+([^][]*?)\s+\]", lambda found: "[" + re.sub(r"\n\s+", " ", found[1]) + "]", text)
    (HERE / name).write_text(text + "\n")


if __name__ == "__main__":
    main()
