"""The container's exit code, by the unit that ended it: as a real systemd gave it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.conformance.services.actions import ANSWERS, CASES, exit_code
from tests.conformance.services.record import pyinit_container

RECORDED = json.loads(ANSWERS.read_text())["exit codes"]


@pytest.mark.parametrize("name", CASES)
def test_exit_code_is_as_recorded(name):
    assert exit_code(pyinit_container(), name) == RECORDED[name]
