"""Plays the cases to a real systemd, and writes down what came: answers.json.

    python3 -m tests.conformance.triggers.record [PATTERN …]

With patterns, only those cases are played again. `--ours` plays to pyinit and prints what differs, without writing.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT), str(ROOT / "tests/container")]

from harness import IN_CGROUP2, Container, Image  # noqa: E402

from tests.conformance.services.record import record  # noqa: E402
from tests.conformance.triggers import cases  # noqa: E402

HERE = Path(__file__).resolve().parent
ANSWERS = HERE / "answers.json"
SYSTEMD = Image(("systemd-sysv", "dbus", "python3-minimal", "tzdata"), with_pyinit=False)
PYINIT = Image(("dbus", "python3-pyinotify", "tzdata"))
_OPTIONS = ("--pids-limit=0", f"--volume={HERE}:/p:ro")


def systemd_container() -> Container:
    return Container(SYSTEMD, "/sbin/init", options=("--systemd=always", *_OPTIONS), prefix=IN_CGROUP2)


def pyinit_container(options: tuple[str, ...] = (), prefix: list[str] | None = None) -> Container:
    return Container(PYINIT, options=(*options, *_OPTIONS), prefix=prefix)


def main(*words: str) -> None:
    record(cases.every(), ANSWERS, pyinit_container() if "--ours" in words else systemd_container(), words)


if __name__ == "__main__":
    main(*sys.argv[1:])
