"""Plays the session to a real systemd 252 with its own systemctl, in a container, and writes down what it said: answers.json.

    python3 -m tests.conformance.systemctl.record

`--ours` plays it to pyinit, with systemd's systemctl and with ours, and prints what differs.
"""

from __future__ import annotations

import datetime
import difflib
import json
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT), str(ROOT / "tests/container")]

from harness import Container, Image  # noqa: E402
from images import build_rootfs  # noqa: E402

from tests.conformance.systemctl.play import HERE, REAL, play, session  # noqa: E402

SYSTEMD = Image(("systemd-sysv", "dbus"), with_pyinit=False)
#: Has the libraries of systemd's programs.
PYINIT = Image(("dbus", "python3-pyinotify", "libsystemd-shared"))
PROGRAMS = ("systemctl", "busctl", "systemd-analyze")
ANSWERS = HERE / "answers.json"


def systemd_container() -> Container:
    return Container(SYSTEMD, "/sbin/init", options=("--systemd=always", "--privileged"))


def pyinit_container() -> Container:
    """To be booted by pyinit, with systemd's own programs beside ours."""
    container = Container(PYINIT)
    with tarfile.open(build_rootfs(SYSTEMD)) as archive, tempfile.TemporaryDirectory() as directory:
        tree = Path(directory, Path(REAL).parent.name)
        (tree / "bin").mkdir(parents=True)
        for member in archive.getmembers():
            path = Path(member.name)
            if member.isfile() and path.name in PROGRAMS and path.parent.name == "bin":
                member.name = path.name
                archive.extract(member, tree / "bin", filter="data")
        container.put_file(str(Path(REAL).parents[1]) + "/", tree)
    return container


def play_in(container: Container, with_real: bool) -> list[dict[str, Any]]:
    try:
        container.start().wait_until_booted()
        return play(container, with_real)
    finally:
        container.remove()


def show_differences(title: str, wanted: list[dict[str, Any]], found: list[dict[str, Any]]) -> None:
    count = 0
    for line, theirs, ours in zip(session(), wanted, found):
        if theirs != ours:
            count += 1
            texts = [f"exit {each['exit']}\n{each['out']}\n{each['err']}".splitlines() for each in (theirs, ours)]
            print("\n".join([f"=== {line.row}: {line.text}", *difflib.unified_diff(*texts, lineterm="", n=30)]))
    print(f"{title}: {len(found)} lines, {count} differ")


def main(*words: str) -> None:
    if "--ours" in words:
        recorded = json.loads(ANSWERS.read_text())["answers"]
        real = play_in(pyinit_container(), True)
        show_differences("systemd's systemctl, under systemd and under pyinit", recorded, real)
        show_differences("under pyinit, systemd's systemctl and ours", real, play_in(pyinit_container(), False))
        return
    container = systemd_container()
    answers = play_in(container, False)
    head = {"version": "systemd 252 (252.39-1~deb12u2)", "date": datetime.date.today().isoformat()}
    text = json.dumps({**head, "answers": answers}, indent=0, ensure_ascii=False)
    ANSWERS.write_text(text + "\n")
    print(f"{len(answers)} answers")


if __name__ == "__main__":
    main(*sys.argv[1:])
