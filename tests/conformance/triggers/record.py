"""Plays the cases to a real systemd, and writes down what came: answers.json.

    python3 -m tests.conformance.triggers.record [PATTERN …]

With patterns, only those cases are played again. `--ours` plays to pyinit and prints what differs, without writing.
"""

from __future__ import annotations

import datetime
import json
import sys
from fnmatch import fnmatchcase
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT), str(ROOT / "tests/container")]

from harness import IN_CGROUP2, Container, Image  # noqa: E402

from tests.conformance.services.play import Case  # noqa: E402
from tests.conformance.services.record import differences, play  # noqa: E402
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


def choose(patterns: list[str]) -> list[Case]:
    every = cases.every()
    assert len({case.name for case in every}) == len(every), "two cases have one name"
    return [case for case in every if not patterns or any(fnmatchcase(case.name, pattern) for pattern in patterns)]


def main(*words: str) -> None:
    is_ours = "--ours" in words
    chosen = choose([word for word in words if not word.startswith("-")])
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
