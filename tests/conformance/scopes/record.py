"""Asks a real systemd, in a privileged container, what becomes of scopes; writes answers.json.

    python3 -m tests.conformance.scopes.record
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT), str(ROOT / "tests/container")]

from harness import Container, Image  # noqa: E402

from tests.conformance.scopes import run  # noqa: E402
from tests.conformance.scopes.look import HERE, look, options  # noqa: E402


def main() -> None:
    image = Image(("systemd-sysv", "dbus", "python3-minimal"), with_pyinit=False)
    container = Container(image, "/sbin/init", options=("--systemd=always", "--privileged", *options()))
    try:
        container.start().wait_until_booted()
        answers = {
            "version": container.exec("systemctl", "--version").stdout.splitlines()[0],
            **look(container), "run": run.look(container),
        }
    finally:
        container.remove()
    Path(HERE, "answers.json").write_text(json.dumps(answers, indent=1) + "\n")


if __name__ == "__main__":
    main()
