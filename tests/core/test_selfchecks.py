"""No directive of how a process is run is called applied without a unit that checks it (tests/container/selfchecks.py)."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from initd.core.directives import TABLE
from initd.core.sections import Group
from initd.core.states import Fate

sys.path.append(str(Path(__file__).resolve().parent.parent / "container"))

from selfchecks import CHECKS, UNCHECKED

#: systemd.exec(5), systemd.kill(5) and systemd.resource-control(5).
GROUPS = (Group.EXEC, Group.KILL, Group.CGROUP)
APPLIED = sorted(key for (section, key), item in TABLE.items()
                 if section == "Service" and item.group in GROUPS and item.fate is not Fate.IGNORED)
CHECKED = {check.key for check in CHECKS.values()}


@pytest.mark.parametrize("key", APPLIED)
def test_what_is_applied_checks_itself_or_says_why_not(key):
    assert key in CHECKED or UNCHECKED.get(key)


def test_nothing_is_excused_that_is_checked_or_not_applied():
    assert not UNCHECKED.keys() & CHECKED and UNCHECKED.keys() <= set(APPLIED)


@pytest.mark.parametrize("name", CHECKS)
def test_a_check_is_about_a_directive(name):
    check = CHECKS[name]
    assert ("Service", check.key) in TABLE
    assert check.script != "exit 40" or check.command != type(check)._field_defaults["command"]
