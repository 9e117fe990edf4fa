"""Asks a real systemd, in a container with default capabilities, what it tells services; writes answers.json.

    python3 -m tests.conformance.variables.record
"""

from __future__ import annotations

import datetime
import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT), str(ROOT / "tests/container")]

from harness import Container, Image  # noqa: E402

from tests.conformance.variables.look import HERE, OPTIONS, look  # noqa: E402


def main() -> None:
    container = Container(Image(("systemd-sysv", "dbus", "python3-minimal"), with_pyinit=False), "/sbin/init", options=OPTIONS)
    try:
        scenes = look(container.start())
        head = {"version": container.exec("systemctl", "--version").stdout.splitlines()[0]}
    finally:
        container.remove()
    head["date"] = datetime.date.today().isoformat()
    (HERE / "answers.json").write_text(json.dumps({"head": head, "scenes": scenes}, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
