"""Asks a real systemd 252, in a container, for the description of its D-Bus objects and for what it tells its clients.

    python3 -m tests.conformance.api.record

writes interface.json and signals.json. With `--ours`, pyinit is asked for its signals, and what differs is printed.
"""

from __future__ import annotations

import datetime
import difflib
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
from tests.conformance.api import signals  # noqa: E402
from tests.conformance.api.interface import HERE, MANAGER, ROOT, UNITS, Peer, described  # noqa: E402
from tests.conformance.api.signals import by_unit  # noqa: E402
from tests.conformance.services.play import connect_inside  # noqa: E402

SYSTEMD = Image(("systemd-sysv", "dbus"), with_pyinit=False)
PYINIT = Image(("python3-pyinotify",))
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


def listen(container: Container) -> dict[str, Any]:
    """What is heard in each case, and what PropertiesChanged name."""
    listener, found = signals.Listener(peer_of(container)), {}
    for name, case in signals.CASES.items():
        found[name] = listener.play(case)
        listener.clean_up()
    return {"contents": listener.contents, "cases": found}


def boot(container: Container) -> Container:
    for name, text in {"api-slow.service": SLOW, **signals.UNITS}.items():
        container.put(f"/etc/systemd/system/{name}", text)
    container.start().wait_until_booted()
    return container


def compare() -> None:
    known = json.loads((HERE / "signals.json").read_text())
    container = Container(PYINIT)
    try:
        found = listen(boot(container))
    finally:
        container.remove()
    different = {name for name, lines in found["cases"].items() if by_unit(lines) != by_unit(known["cases"][name])}
    for name in sorted(different):
        lines = ([line for heard in by_unit(each["cases"][name]).values() for line in heard] for each in (known, found))
        print("\n".join([name, *difflib.unified_diff(*lines, "systemd", "pyinit", lineterm="", n=30)]))
    print(f"{len(found['cases'])} cases, {len(different)} differ")


def main(*words: str) -> None:
    if "--ours" in words:
        compare()
        return
    container = systemd_container()
    try:
        version = boot(container).exec("systemctl", "--version").stdout.splitlines()[0]
        heard = listen(container)
        interfaces = describe(peer_of(container))
    finally:
        container.remove()
    head = {"version": version, "date": datetime.date.today().isoformat()}
    write("interface.json", head | {"interfaces": interfaces})
    write("signals.json", head | heard)


def write(name: str, answers: dict[str, Any]) -> None:
    """One line for each member: what changes shows in a diff."""
    text = json.dumps(answers, indent=1)
    if name == "interface.json":
        text = re.sub(r"\[\s+([^][]*?)\s+\]", lambda found: "[" + re.sub(r"\n\s+", " ", found[1]) + "]", text)
    (HERE / name).write_text(text + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
