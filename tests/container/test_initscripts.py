"""Packages with nothing but an init script, and scripts that end in many ways: systemctl says what it says under systemd."""

from __future__ import annotations

import difflib
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.conformance.initscripts.session import ANSWERS, PYINIT, container, play


@pytest.fixture(scope="module")
def machine():
    made = container(PYINIT)
    try:
        made.start().wait_until_booted()
        yield made
    finally:
        print(made.logs()[-20000:])
        made.remove()


def test_session_is_as_recorded(machine):
    theirs = [line for line in ANSWERS.read_text().splitlines() if not line.startswith("#")]
    ours = play(machine)
    assert len(ours) > 500
    assert list(difflib.unified_diff(theirs, ours, "systemd", "pyinit", lineterm="", n=4)) == []
