"""Asks a real systemd, in a container with default capabilities, what its services are; writes answers.json.

    python3 -m tests.conformance.live.record
"""

from __future__ import annotations

import datetime
import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT), str(ROOT / "tests/container")]

from harness import Container, Image  # noqa: E402

from tests.conformance.live.look import HERE, OPTIONS, PACKAGES, look  # noqa: E402


def main() -> None:
    container = Container(Image(("systemd-sysv", *PACKAGES), with_pyinit=False), "/sbin/init", options=OPTIONS)
    try:
        services = look(container.start())
        head = {"version": container.exec("systemctl", "--version").stdout.splitlines()[0],
                "packages": container.exec("dpkg-query", "-W", *PACKAGES).stdout.splitlines()}
    finally:
        container.remove()
    head["date"] = datetime.date.today().isoformat()
    (HERE / "answers.json").write_text(json.dumps({"head": head, "services": services}, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
