"""Units made of init scripts, against what systemd 252's generator made of the same."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from initd.core import sysv
from initd.core.conditions import is_leftover
from initd.core.unitname import template_of
from tests.conformance.sysv.cases import CASES, Case
from tests.conformance.sysv.record import ANSWERS, GENERATOR, ask, essence

RECORDED = json.loads(ANSWERS.read_text())
DEBIAN = Case("debian", RECORDED["debian"]["scripts"],
              tuple((level, f"S01{name}") for level in "2345" for name in RECORDED["debian"]["scripts"]))


def ours(case: Case):
    scripts = {
        unit: sysv.parse(f"/etc/init.d/{name}", text)
        for name, text in case.scripts.items()
        if not is_leftover(name) and (unit := sysv.unit_of(name)) and not {unit, template_of(unit)} & set(case.units)
    }
    return {each.path: each.target or essence(each.text) for each in sysv.plan_units(scripts, case.links)}


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_rules(case):
    assert ours(case) == RECORDED["cases"][case.name]


def test_scripts_of_debian_packages():
    made = RECORDED["debian"]["answer"]
    assert len([name for name in made if name.endswith(".service")]) > 250
    assert ours(DEBIAN) == made


@pytest.mark.skipif(not Path(GENERATOR).exists(), reason="no systemd-sysv-generator is installed")
def test_recorded_answers_are_still_given():
    case = next(case for case in CASES if case.name == "headers")
    assert ask(case) == RECORDED["cases"][case.name]
