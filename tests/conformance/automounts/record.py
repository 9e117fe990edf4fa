"""Plays the cases to a real systemd in a privileged container, and writes down what came: answers.json.

    python3 -m tests.conformance.automounts.record [--ours] [PATTERN …]

With patterns, only those cases are played again. `--ours` plays to pyinit and prints what differs, without writing.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT), str(ROOT / "tests/container")]

from harness import Container, Image  # noqa: E402

from tests.conformance.automounts import cases  # noqa: E402
from tests.conformance.services.record import PYINIT, print_differences, read_answers, record  # noqa: E402

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
    plain = pyinit_container(()) if is_ours else systemd_container(())
    try:
        said = refused(plain)
    finally:
        plain.remove()
    if is_ours:
        print_differences(read_answers(ANSWERS), {"refused": said})
    record(cases.every(), ANSWERS, pyinit_container() if is_ours else systemd_container(), words, refused=said)


if __name__ == "__main__":
    main(*sys.argv[1:])
