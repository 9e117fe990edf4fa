"""Does to a real systemd's packages what steps.py says, and writes answers.json: what it left behind.

    python3 -m tests.conformance.packages.record
"""

from __future__ import annotations

import datetime
import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT), str(ROOT / "tests/container")]

from harness import Container, Image  # noqa: E402

from tests.conformance.packages.steps import HERE, REAL, build, live  # noqa: E402

SYSTEMD = Image(("systemd-sysv", "dbus"), with_pyinit=False)
OPTIONS = ("--systemd=always", "--privileged")


def versions() -> dict[str, object]:
    container = Container(Image((*SYSTEMD.packages, *REAL), with_pyinit=False), "sleep", "60")
    try:
        names = ("systemd", "init-system-helpers", "dpkg", *REAL)
        return {"date": datetime.date.today().isoformat(), "debhelper": 13,
                "packages": container.start().exec("dpkg-query", "-W", *names).stdout.splitlines()}
    finally:
        container.remove()


def main() -> None:
    answers = {"head": versions(),
               # an image that forbids starts would forbid them in a running systemd as well
               "live": live(SYSTEMD._replace(with_policy=False), "/sbin/init", options=OPTIONS),
               "build": build(SYSTEMD, "/sbin/init", options=OPTIONS)}
    (HERE / "answers.json").write_text(json.dumps(answers, indent=0, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
