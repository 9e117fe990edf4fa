"""The page about systemctl is what its printer prints, and what it says is about lines that there are."""

from __future__ import annotations

import json
from pathlib import Path

from tests.conformance.systemctl import different, page
from tests.conformance.systemctl.play import HERE, session

PAGE = Path(__file__).resolve().parents[2] / "debian" / "doc" / "systemctl.md"


def test_the_page_is_what_is_printed():
    """`make docs` writes it."""
    assert page.page() == PAGE.read_text()


def test_every_line_was_recorded():
    assert len(json.loads((HERE / "answers.json").read_text())["answers"]) == len(session())


def test_what_is_said_to_differ_is_in_the_session():
    known = {line.text for line in session()} | {f"## {line.row}" for line in session()}
    for each in (different.REAL, different.OURS):
        assert each.keys() <= known


def test_every_verb_of_systemd_is_in_the_session():
    """As systemctl(1) of 252 lists them, but for those that only end or change the machine."""
    rows = {line.row for line in session()}
    verbs = set("""
        start stop reload restart try-restart reload-or-restart try-reload-or-restart isolate kill clean freeze thaw is-active
        is-failed status show cat set-property help reset-failed list-dependencies list-units list-sockets list-timers
        list-automounts list-unit-files enable disable reenable preset is-enabled mask unmask link revert add-wants
        add-requires edit get-default set-default list-machines list-jobs cancel show-environment set-environment
        unset-environment import-environment daemon-reload log-level log-target service-watchdogs is-system-running bind
        mount-image service-log-level service-log-target kexec switch-root suspend hibernate halt poweroff reboot exit
        """.split())
    assert verbs <= rows
