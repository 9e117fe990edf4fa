"""Asks a real systemd over the system bus, in a container with a cgroup tree of its own, and writes down what it said.

    python3 -m tests.conformance.bus.record [--ours]

`--ours` asks pyinit, and prints what differs, without writing.
"""

from __future__ import annotations

import datetime
import difflib
import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT), str(ROOT / "tests/container")]

from harness import Container  # noqa: E402

from tests.conformance.bus import cases  # noqa: E402
from tests.conformance.services.record import pyinit_container, systemd_container  # noqa: E402

ANSWERS = Path(__file__).resolve().parent / "answers.json"


def ask(container: Container) -> dict:
    """Boots it, asks everything, and removes it."""
    try:
        cases.prepare(container)
        container.start().wait_until_booted()
        container.wait_for_state("dbus.service", "active")
        return cases.every(container)
    finally:
        container.remove()


def main(*words: str) -> None:
    if "--ours" in words:
        theirs, ours = json.loads(ANSWERS.read_text())["answers"], json.loads(json.dumps(ask(pyinit_container())))
        texts = [json.dumps(each, indent=1).splitlines() for each in (theirs, ours)]
        print("\n".join(difflib.unified_diff(*texts, "systemd", "pyinit", lineterm="", n=0)))
        return
    container = systemd_container()
    answers = ask(container)
    head = {"version": "systemd 252", "date": datetime.date.today().isoformat()}
    ANSWERS.write_text(json.dumps({**head, "answers": answers}, indent=1) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
