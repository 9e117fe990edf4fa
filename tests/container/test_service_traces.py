"""The cases of tests/conformance/services, played to pyinit: what clients hear must be what a real systemd told them."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from harness import IN_CGROUP2

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.conformance.services import cases  # noqa: E402
from tests.conformance.services.record import ANSWERS, differences, play, play_again, pyinit_container  # noqa: E402

RECORDED = json.loads(ANSWERS.read_text())["cases"]
NAMES = [case.name for case in cases.every()]
#: How processes are told apart: by their tag, as in a default container, or by a cgroup of their own.
WAYS = {"tag": {}, "cgroup": {"prefix": IN_CGROUP2, "options": ("--systemd=always",)}}


@pytest.fixture(scope="module", params=sorted(WAYS))
def traces(request):
    """Every case's trace, all from one boot."""
    way = WAYS[request.param]
    container = pyinit_container(**way)
    try:
        container.start().wait_until_booted()
        found = play(container, cases.every())
        play_again(container, cases.every(), RECORDED, found)
        yield found
    finally:
        print(container.logs()[-20000:])
        container.remove()


def test_every_case_is_recorded():
    assert sorted(RECORDED) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_trace_is_as_recorded(traces, name):
    assert "\n".join(differences(name, RECORDED[name], traces[name])) == ""
