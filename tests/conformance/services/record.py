"""Plays the cases to a real systemd, in a container with a cgroup tree of its own, and writes down what came: answers.json.

    python3 -m tests.conformance.services.record [PATTERN …]

With patterns, only those cases are played again. `--ours` plays to pyinit and prints what differs, without writing.
"""

from __future__ import annotations

import datetime
import difflib
import json
import sys
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Iterable

ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT), str(ROOT / "tests/container")]

from harness import IN_CGROUP2, Container, Image  # noqa: E402

from tests.conformance.services import cases  # noqa: E402
from tests.conformance.services.cases_bus import POLICY, POLICY_PATH  # noqa: E402
from tests.conformance.services.play import AT_ONCE, Case, Player, put_units, volume  # noqa: E402

ANSWERS = Path(__file__).resolve().parent / "answers.json"
SYSTEMD = Image(("systemd-sysv", "dbus"), with_pyinit=False)
PYINIT = Image(("dbus",))


def play(container: Container, chosen: list[Case], at_once: int = AT_ONCE) -> dict[str, dict[str, Any]]:
    player = Player(container.pid, lambda texts: put_units(container.podman, container.id, texts))
    return player.play(chosen, at_once)


def play_again(container: Container, cases: list[Case], recorded: dict[str, Any], found: dict[str, Any], tries: int = 2,
               at_once: int = 2, clean: str = ":") -> None:
    """The cases are timed in tenths of seconds, and a machine under load stretches them: what differs from `recorded` is played
    again, by itself, after a shell has run `clean` inside; `found` gets what came then."""
    for _ in range(tries):
        again = [case for case in cases if found[case.name] != recorded.get(case.name)]
        print(f"played once more: {[case.name for case in again]}")
        if not again:
            return
        container.exec("sh", "-c", clean)
        found |= play(container, again, at_once)


def systemd_container() -> Container:
    options = ("--systemd=always", "--pids-limit=0", volume())
    return Container(SYSTEMD, "/sbin/init", options=options, prefix=IN_CGROUP2).put(POLICY_PATH, POLICY)


def pyinit_container(options: tuple[str, ...] = (), prefix: list[str] | None = None) -> Container:
    return Container(PYINIT, options=(*options, "--pids-limit=0", volume()), prefix=prefix).put(POLICY_PATH, POLICY)


def differences(name: str, theirs: dict[str, Any], ours: dict[str, Any]) -> list[str]:
    if theirs == ours:
        return []
    texts = [json.dumps(each, indent=1, sort_keys=True).splitlines() for each in (theirs, ours)]
    return [name, *difflib.unified_diff(*texts, "systemd", "pyinit", lineterm="", n=30)]


def chosen(every: list[Case], words: tuple[str, ...]) -> list[Case]:
    """Those which the patterns among the words name; all where there are none."""
    assert len({case.name for case in every}) == len(every), "two cases have one name"
    patterns = [word for word in words if not word.startswith("-")]
    return [case for case in every if not patterns or any(fnmatchcase(case.name, pattern) for pattern in patterns)]


def read_answers(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text()) if path.exists() else {"cases": {}}


def print_differences(known: dict[str, Any], found: dict[str, Any]) -> None:
    """Case by case, and then how many."""
    wrong = [lines for name, got in found.items() if (lines := differences(name, known.get(name, {}), got))]
    print("\n".join("\n".join(lines) for lines in wrong))
    print(f"{len(found)} cases, {len(wrong)} differ: {' '.join(lines[0] for lines in wrong)}")


def print_problems(found: dict[str, Any]) -> None:
    for name, got in found.items():
        if "problem" in got:
            print(name, json.dumps(got, indent=1))


def write_answers(path: Path, version: str, cases: dict[str, Any], names: Iterable[str], **more: object) -> None:
    """What is known of the cases that there are, in their order, and who said so when."""
    kept = {name: cases[name] for name in sorted(names) if name in cases}
    head = {"version": version, "date": datetime.date.today().isoformat(), **more}
    path.write_text(json.dumps({**head, "cases": kept}, indent=1) + "\n")


def record(every: list[Case], path: Path, container: Container, words: tuple[str, ...], **more: object) -> None:
    """The whole of a recorder's work: plays what is chosen, and writes it down with whatever else there is, or tells what
    differs, if `--ours` is among the words."""
    try:
        container.start().wait_until_booted()
        found = play(container, chosen(every, words))
        version = container.exec("systemctl", "--version").stdout.splitlines()[0]
    finally:
        container.remove()
    known = read_answers(path)["cases"]
    if "--ours" in words:
        print_differences(known, found)
        return
    print_problems(found)
    write_answers(path, version, known | found, [case.name for case in every], **more)
    print(f"{len(found)} cases recorded")


def main(*words: str) -> None:
    record(cases.every(), ANSWERS, pyinit_container() if "--ours" in words else systemd_container(), words)


if __name__ == "__main__":
    main(*sys.argv[1:])
