"""Asks a real systemd what becomes of mounts, in a privileged container and in one that may not mount; writes answers.json.

    python3 -m tests.conformance.mounts.record
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT), str(ROOT / "tests/container")]

from harness import Container, Image  # noqa: E402

from tests.conformance.mounts.look import CASES, HERE, look, options  # noqa: E402

KINDS = {"privileged": ("--privileged",), "default": ()}


def main() -> None:
    image = Image(("systemd-sysv", "dbus", "python3-minimal"), with_pyinit=False)
    answers: dict[str, object] = {}
    for kind, more in KINDS.items():
        container = Container(image, "/sbin/init", options=("--systemd=always", *more, *options()))
        try:
            container.start().wait_until_booted()
            answers["version"] = container.exec("systemctl", "--version").stdout.splitlines()[0]
            answers[kind] = look(container, *CASES)
        finally:
            container.remove()
    Path(HERE, "answers.json").write_text(json.dumps(answers, indent=1) + "\n")


if __name__ == "__main__":
    main()
