"""What units see of the machine is what they see under a real systemd 252 (tests/conformance/namespaces)."""

from __future__ import annotations

import json
import re
import sys

import pytest
from images import TREE

sys.path.insert(0, str(TREE))

from tests.conformance.namespaces import record
from tests.conformance.namespaces.cases import CASES

THEIRS = record.answers()

#: (case, fact) where we differ, and why.
DIFFERENT = [
    (r".*", r"devices|path /sys/fs/cgroup", "each container has its own, and systemd makes /dev/initctl and /dev/hugepages"),
    (r"(protect-)?home-tmpfs.*", r"path (/home|/root|/run/user).*", "read-only and 0755, as systemd.exec(5) says it"),
    (r"root.*", r"path /root.*", "systemd makes the base directories in a root directory"),
    (r"root.*", r"path /run.*", "mode 0755, nosuid and nodev, as every /run"),
    (r"no-new-privileges", r"path .*", "all file systems are nosuid, as systemd.exec(5) says it"),
    (r"users-user", r"\s*\d.*", "white space"),
]


def compared(name: str, facts: dict[str, object]) -> dict[str, object]:
    return {fact: value for fact, value in facts.items()
            if not any(re.fullmatch(case, name) and re.fullmatch(key, fact) for case, key, _ in DIFFERENT)}


@pytest.fixture(scope="module")
def ours():
    return record.ask_pyinit()


@pytest.mark.parametrize("name", CASES)
def test_what_a_unit_sees(ours, name):
    found, expected = compared(name, ours[name]), compared(name, THEIRS[name])
    assert {fact: (found.get(fact), expected.get(fact)) for fact in {*found, *expected}
            if found.get(fact) != expected.get(fact)} == {}


def test_units_see_different_things():
    assert len({json.dumps(facts, sort_keys=True) for facts in THEIRS.values()}) > 50
