"""Asks a real systemd what its units find that system.conf says of all of them; writes answers.json.

    python3 -m tests.conformance.manager.record
"""

from __future__ import annotations

import datetime
import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT), str(ROOT / "tests/container")]

from harness import Container, Image  # noqa: E402

from tests.conformance.manager.look import CONTAINERS, HERE, look, prepare  # noqa: E402


def main() -> None:
    found = {}
    head = {"date": datetime.date.today().isoformat()}
    for where, options in CONTAINERS.items():
        container = Container(Image(("systemd-sysv", "dbus"), with_pyinit=False), "/sbin/init", options=options)
        try:
            found[where] = look(prepare(container).start())
            head["version"] = container.exec("systemctl", "--version").stdout.splitlines()[0]
        finally:
            container.remove()
    (HERE / "answers.json").write_text(json.dumps({"head": head, "containers": found}, indent=1) + "\n")


if __name__ == "__main__":
    main()
