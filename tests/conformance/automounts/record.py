"""Plays the cases to a real systemd in a privileged container, and writes down what came: answers.json.

    python3 -m tests.conformance.automounts.record [--ours] [PATTERN …]

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

from harness import Container, Image  # noqa: E402

from tests.conformance.automounts import cases  # noqa: E402
from tests.conformance.services.record import PYINIT, differences, play  # noqa: E402

ANSWERS = Path(__file__).resolve().parent / "answers.json"
SYSTEMD = Image(("systemd-sysv", "dbus"), with_pyinit=False)


def systemd_container(options: tuple[str, ...] = ("--privileged",)) -> Container:
    return Container(SYSTEMD, "/sbin/init", options=("--systemd=always", *options))


def pyinit_container(options: tuple[str, ...] = ("--privileged",)) -> Container:
    return Container(PYINIT, options=options)


def refused(container: Container) -> list[str]:
    """Where there is no /dev/autofs: what a start says, and what is seen then."""
    container.start().wait_until_booted()
    texts = {"mount": "[Mount]\nWhat=/srv/a\nWhere=/srv/b\nOptions=bind\n", "automount": "[Automount]\nWhere=/srv/b\n"}
    for kind, text in texts.items():
        container.write(f"/etc/systemd/system/srv-b.{kind}", text)
    container.systemctl("daemon-reload")
    said = container.exec("systemctl", "start", "srv-b.automount", check=False)
    properties = "ActiveState,SubState,Result,CanStart,CanStop,ConditionResult"
    return [str(said.returncode), *said.stderr.splitlines(),
            *container.systemctl("show", "-p", properties, "srv-b.automount").splitlines(),
            container.exec("journalctl", "-o", "cat", "-u", "srv-b.automount").stdout.strip()]


def main(*words: str) -> None:
    is_ours = "--ours" in words
    patterns = [word for word in words if not word.startswith("-")]
    chosen = [case for case in cases.every() if not patterns or any(fnmatchcase(case.name, pattern) for pattern in patterns)]
    container, plain = (pyinit_container(), pyinit_container(())) if is_ours else (systemd_container(), systemd_container(()))
    try:
        container.start().wait_until_booted()
        found = play(container, chosen)
        version = container.exec("systemctl", "--version").stdout.splitlines()[0]
        said = refused(plain)
    finally:
        container.remove()
        plain.remove()
    known = json.loads(ANSWERS.read_text()) if ANSWERS.exists() else {"cases": {}}
    if is_ours:
        wrong = [lines for name, got in found.items() if (lines := differences(name, known["cases"].get(name, {}), got))]
        wrong += [lines] if (lines := differences("refused", known["refused"], said)) else []
        print("\n".join("\n".join(lines) for lines in wrong))
        print(f"{len(found)} cases, {len(wrong)} differ: {' '.join(lines[0] for lines in wrong)}")
        return
    for name, got in found.items():
        if "problem" in got:
            print(name, json.dumps(got, indent=1))
    names = {case.name for case in cases.every()}
    kept = {name: got for name, got in (known["cases"] | found).items() if name in names}
    head = {"version": version, "date": datetime.date.today().isoformat(), "refused": said}
    ANSWERS.write_text(json.dumps({**head, "cases": dict(sorted(kept.items()))}, indent=1) + "\n")
    print(f"{len(found)} cases recorded")


if __name__ == "__main__":
    main(*sys.argv[1:])
