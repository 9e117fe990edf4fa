"""The cases of tests/conformance/triggers, played to pyinit: sockets, timers and paths do what a real systemd's did."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.conformance.services.record import differences, play, play_again  # noqa: E402
from tests.conformance.triggers import cases  # noqa: E402
from tests.conformance.triggers.record import ANSWERS, pyinit_container  # noqa: E402

RECORDED = json.loads(ANSWERS.read_text())["cases"]
NAMES = [case.name for case in cases.every()]
#: Most of what they do is to wait for nothing to happen.
AT_ONCE = 20


@pytest.fixture(scope="module")
def traces():
    container = pyinit_container()
    try:
        container.start().wait_until_booted()
        found = play(container, cases.every(), AT_ONCE)
        play_again(container, cases.every(), RECORDED, found, clean="rm -rf /run/t /run/s /run/s-* /run/l /srv/p")
        yield found
    finally:
        print(container.logs()[-20000:])
        container.remove()


def test_every_case_is_recorded():
    assert sorted(RECORDED) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_trace_is_as_recorded(traces, name):
    assert "\n".join(differences(name, RECORDED[name], traces[name])) == ""
