"""The recorded session of systemctl in a container that pyinit has booted: with systemd's own programs, put there beside
ours, and with ours. Both say what was recorded, but for the lines that tests/conformance/systemctl/different.py explains.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.conformance.systemctl import different, page  # noqa: E402
from tests.conformance.systemctl.play import session  # noqa: E402
from tests.conformance.systemctl.record import ANSWERS, play_in, pyinit_container  # noqa: E402

RECORDED = json.loads(ANSWERS.read_text())["answers"]
LINES = session()


@pytest.fixture(scope="module")
def real():
    return play_in(pyinit_container(), True)


@pytest.fixture(scope="module")
def ours():
    return play_in(pyinit_container(), False)


def check(known, number, wanted, found):
    row, line = LINES[number]
    if not different.reason(known, row, line):
        assert found == wanted, line


@pytest.mark.parametrize("number", range(len(LINES)), ids=[f"{line.row}-{line.text}" for line in LINES])
def test_systemds_own_command_says_what_it_says_under_systemd(real, number):
    check(different.REAL, number, RECORDED[number], real[number])


@pytest.mark.parametrize("number", range(len(LINES)), ids=[f"{line.row}-{line.text}" for line in LINES])
def test_ours_says_what_systemds_says(real, ours, number):
    check(different.OURS, number, real[number], ours[number])


def test_what_is_said_to_differ_does(real, ours):
    """And the table, for whoever reads the output of the tests."""
    for known, wanted, found in ((different.REAL, RECORDED, real), (different.OURS, real, ours)):
        differing = [line for line, one, other in zip(LINES, wanted, found) if one != other]
        assert known.keys() <= {key for line in differing for key in (line.text, f"## {line.row}")}
    print(page.page())
