"""What user mode makes of unit files, against what systemd 252 said of the same."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from initd.core.dependency import Dependency
from initd.core.load import load_unit
from initd.core.places import of_user
from initd.core.sources import LoadFacts, UnitFiles, UnitText
from initd.core.states import LoadState
from tests.conformance.user.cases import RUNTIME, UNITS, UNITS_DIRECTORY, USER

RECORDED = json.loads(Path(__file__).with_name("user").joinpath("answers.json").read_text())["user"]
HOME = f"/home/{USER}"
FACTS = LoadFacts(
    user=USER, uid=1000, group=USER, gid=1000, home=HOME, shell="/bin/bash", in_user_mode=True, working_directory=HOME,
    **of_user({"XDG_RUNTIME_DIR": RUNTIME}, HOME).directories,
)
_WORDS = "Requires,Wants,Before,Conflicts,Slice,WorkingDirectory"
_KINDS = {"Requires": Dependency.REQUIRES, "Wants": Dependency.WANTS, "Before": Dependency.BEFORE,
          "Conflicts": Dependency.CONFLICTS}


def _load(name: str):
    file = name.replace("@1.", "@.")
    return load_unit(UnitFiles(name, (name,), UnitText(f"{UNITS_DIRECTORY}/{file}", UNITS[file])), FACTS)


@pytest.mark.parametrize("name", ["where.service", "one.socket", "one.timer", "one.path", "more@1.service", "one.service"])
def test_a_unit_depends_on_what_it_does_in_systemds(name):
    found = dict(line.split("=", 1) for line in RECORDED[f"systemctl --user show -p {_WORDS} {name}"][1:])
    unit = _load(name)
    for word, kind in _KINDS.items():
        # What it triggers waits for it: that is left out of the answers (cases.answers).
        own = {each.unit for each in unit.dependencies if each.kind is kind} - {"one.service"}
        assert own == set(found[word].split()), word
    if "Slice" in found:
        assert unit.cgroup.slice == found["Slice"]
        mark = "!" if unit.exec.working_directory_missing_ok else ""
        assert mark + unit.exec.working_directory == found["WorkingDirectory"]


def test_specifiers_are_the_users():
    answer = RECORDED["systemctl --user show -p Description,ActiveState,SubState,Result where"]
    assert f"Description={_load('where.service').unit.description}" in answer


def test_what_only_an_init_does_becomes_the_managers_end():
    found = dict(line.split("=", 1) for line in RECORDED["systemctl --user show -p FailureAction,SuccessAction action"][1:])
    unit = _load("action.service")
    assert {"FailureAction": unit.unit.failure_action.value, "SuccessAction": unit.unit.success_action.value} == found
    assert [each.text for each in unit.diagnostics] == [
        'FailureAction= in user mode specified as "poweroff", using "exit-force" instead.']


def test_the_systems_slice_is_none_of_a_users_own():
    def load(facts):
        return load_unit(UnitFiles("system.slice", ("system.slice",)), facts)

    assert load(LoadFacts()).is_perpetual and not load(FACTS).is_perpetual
    assert load(FACTS).load_state is LoadState.LOADED
