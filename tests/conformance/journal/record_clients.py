"""Ask a real systemd-journald what it keeps of its clients: `python -m tests.conformance.journal.record_clients`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT), str(ROOT / "tests/container")]

from harness import Container  # noqa: E402
from images import Image  # noqa: E402

from tests.conformance.journal import clients  # noqa: E402

ANSWERS = Path(__file__).with_name("clients.json")
SYSTEMD = Image(("systemd-sysv", "dbus", "systemd-journal-remote", "python3-systemd"), with_pyinit=False)


def main() -> None:
    container = Container(SYSTEMD, "/sbin/init", options=("--systemd=always", "--privileged", f"--hostname={clients.HOST}"))
    try:
        clients.prepare(container, "systemd-cat")
        container.start().wait_until_booted()
        version = container.exec("systemctl", "--version").stdout.splitlines()[0]
        answers = {"version": version, "entries": clients.run(container)}
        ANSWERS.write_text(json.dumps(answers, indent=1, ensure_ascii=False) + "\n")
    finally:
        container.remove()


if __name__ == "__main__":
    main()
