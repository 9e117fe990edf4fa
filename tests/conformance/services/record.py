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
from typing import Any

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


def choose(patterns: list[str]) -> list[Case]:
    every = cases.every()
    assert len({case.name for case in every}) == len(every), "two cases have one name"
    return [case for case in every if not patterns or any(fnmatchcase(case.name, pattern) for pattern in patterns)]


def differences(name: str, theirs: dict[str, Any], ours: dict[str, Any]) -> list[str]:
    if theirs == ours:
        return []
    texts = [json.dumps(each, indent=1, sort_keys=True).splitlines() for each in (theirs, ours)]
    return [name, *difflib.unified_diff(*texts, "systemd", "pyinit", lineterm="", n=30)]


def main(*words: str) -> None:
    is_ours = "--ours" in words
    patterns = [word for word in words if not word.startswith("-")]
    chosen = choose(patterns)
    container = pyinit_container() if is_ours else systemd_container()
    try:
        container.start().wait_until_booted()
        found = play(container, chosen)
        version = container.exec("systemctl", "--version").stdout.splitlines()[0]
    finally:
        container.remove()
    known = json.loads(ANSWERS.read_text()) if ANSWERS.exists() else {"cases": {}}
    if is_ours:
        wrong = [lines for name, got in found.items() if (lines := differences(name, known["cases"].get(name, {}), got))]
        print("\n".join("\n".join(lines) for lines in wrong))
        print(f"{len(found)} cases, {len(wrong)} differ: {' '.join(lines[0] for lines in wrong)}")
        return
    for name, got in found.items():
        if "problem" in got:
            print(name, json.dumps(got, indent=1))
    names = {case.name for case in cases.every()}
    kept = {name: got for name, got in (known["cases"] | found).items() if name in names}
    head = {"version": version, "date": datetime.date.today().isoformat()}
    ANSWERS.write_text(json.dumps({**head, "cases": dict(sorted(kept.items()))}, indent=1) + "\n")
    print(f"{len(found)} cases recorded")


if __name__ == "__main__":
    main(*sys.argv[1:])
