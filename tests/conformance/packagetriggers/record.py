"""Plays the cases to a real systemd, and writes down what came: answers.json.

    python3 -m tests.conformance.packagetriggers.record [--ours] [PATTERN …]

With patterns, only those cases are played again. `--ours` plays to pyinit and prints what differs, without writing.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT), str(ROOT / "tests/container")]

from harness import IN_CGROUP2, Container, Image  # noqa: E402

from tests.conformance.packagetriggers import cases  # noqa: E402
from tests.conformance.packagetriggers.listings import CHANGES, LISTS, listing  # noqa: E402
from tests.conformance.services.play import Case  # noqa: E402
from tests.conformance.services.record import (  # noqa: E402
    chosen,
    play,
    print_differences,
    print_problems,
    read_answers,
    write_answers,
)

HERE = Path(__file__).resolve().parent
ANSWERS = HERE / "answers.json"
_OPTIONS = ("--pids-limit=0", f"--volume={ROOT / 'tests/conformance/triggers'}:/p:ro",
            f"--volume={HERE / 'storage.conf'}:/etc/containers/storage.conf:ro")
#: Not more: some of their services are waited for by others.
AT_ONCE = 4
#: Packages, what is looked at, what is played.
LOTS = ((cases.PACKAGES, cases.shown(), cases.small()), (cases.LARGE, cases.shown_large(), cases.large()))


def systemd_container(packages: tuple[str, ...]) -> Container:
    image = Image(("systemd-sysv", *packages), with_pyinit=False)
    return Container(image, "/sbin/init", options=("--systemd=always", *_OPTIONS), prefix=IN_CGROUP2)


def pyinit_container(packages: tuple[str, ...]) -> Container:
    return Container(Image((*packages, "python3-pyinotify")), options=_OPTIONS)


def play_in_turn(container: Container, shown: list[Case], played: list[Case]) -> dict[str, Any]:
    """Looks, stops all that is to be played, and plays: a unit's trace is not that of the boot."""
    found: dict[str, Any] = {}
    if shown == cases.shown():
        found["listings"] = listing(lambda script: container.exec("sh", "-c", script, check=False).stdout, LISTS)
    if shown:
        # what they did meanwhile is of the boot
        found |= {name: {"answers": got["answers"]} for name, got in play(container, shown, AT_ONCE).items()}
    if shown == cases.shown():
        found["changes"] = listing(lambda script: container.exec("sh", "-c", script, check=False).stdout, CHANGES)
    if played:
        names = [name for case in played for name in case.units if "/" not in name]
        container.systemctl("stop", *names, timeout=120)
        container.systemctl("reset-failed")
        found |= play(container, played, AT_ONCE)
    return found


def ask(container: Container, shown: list[Case], played: list[Case]) -> tuple[dict[str, Any], str]:
    """What came, and the version of who was asked."""
    try:
        container.start().wait_until_booted(timeout=180)
        return play_in_turn(container, shown, played), container.exec("systemctl", "--version").stdout.splitlines()[0]
    finally:
        container.remove()


def main(*words: str) -> None:
    known = read_answers(ANSWERS)
    for packages, *lots in LOTS:
        mine = [chosen(lot, words) for lot in lots]
        if not any(mine):
            continue
        if "--ours" in words:
            print_differences(known["cases"], ask(pyinit_container(packages), *mine)[0])
            continue
        found, known["version"] = ask(systemd_container(packages), *mine)
        print_problems(found)
        known["cases"] |= found
    if "--ours" not in words:
        names = ["listings", "changes", *(case.name for case in cases.every())]
        write_answers(ANSWERS, known["version"], known["cases"], names)


if __name__ == "__main__":
    main(*sys.argv[1:])
