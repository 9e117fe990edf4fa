"""Sockets, timers and paths of Debian's packages do what they did under a real systemd (tests/conformance/packagetriggers)."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.conformance.packagetriggers import cases  # noqa: E402
from tests.conformance.packagetriggers.record import ANSWERS, play_in_turn, pyinit_container  # noqa: E402
from tests.conformance.services.record import differences, play_again  # noqa: E402

RECORDED = json.loads(ANSWERS.read_text())["cases"]
NAMES = [case.name for case in (*cases.shown(), *cases.small())]


@pytest.fixture(scope="module")
def traces():
    container = pyinit_container(cases.PACKAGES)
    try:
        container.start().wait_until_booted(timeout=120)
        found = play_in_turn(container, cases.shown(), cases.small())
        play_again(container, cases.small(), RECORDED, found, tries=1, at_once=1)
        yield found
    finally:
        print(container.logs()[-20000:])
        container.remove()


def test_every_case_is_recorded():
    assert sorted(RECORDED) == sorted(["listings", "changes", *(case.name for case in cases.every())])


@pytest.mark.parametrize("name", NAMES)
def test_trace_is_as_recorded(traces, name):
    assert "\n".join(differences(name, RECORDED[name], traces[name])) == ""


@pytest.mark.parametrize("name", ["listings", "changes"])
def test_systemctl_prints_what_is_recorded(traces, name):
    assert "\n".join(differences(name, RECORDED[name], traces[name])) == ""
