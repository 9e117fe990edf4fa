from __future__ import annotations

import pytest

from initd.core.load import load_unit
from initd.core.sources import Allowed, LoadFacts, UnitFiles, UnitText
from initd.core.states import Fate, LoadState
from initd.core.unitfates import is_strict, judge_unit, refuse

FACTS = LoadFacts()
PLAIN = Allowed(capabilities=0)


def files_of(text: str, *dropins: str) -> UnitFiles:
    texts = tuple(UnitText(f"/d/{number}.conf", each) for number, each in enumerate(dropins))
    return UnitFiles("a.service", ("a.service",), UnitText("/a.service", text), texts)


def judged(files: UnitFiles, allowed: Allowed = PLAIN) -> dict[str, Fate]:
    return {each.key: each.fate for each in judge_unit(files, load_unit(files, FACTS), allowed)}


SERVICE = "[Service]\nExecStart=/bin/true\n"


def test_each_directive_of_fragment_and_drop_ins_gets_its_fate():
    files = files_of(SERVICE + "Nice=-5\nBogus=1\n", "[Unit]\nX-Y=1\nDescription=x\n")
    assert judged(files) == {
        "ExecStart": Fate.APPLIED, "Nice": Fate.IGNORED, "Bogus": Fate.IGNORED, "Description": Fate.APPLIED,
    }


def test_what_the_container_allows_decides():
    assert judged(files_of(SERVICE + "Nice=-5\n"), Allowed())["Nice"] is Fate.APPLIED


def test_a_fate_names_file_line_and_reason():
    files = files_of(SERVICE + "Nice=-5\n")
    row = judge_unit(files, load_unit(files, FACTS), PLAIN)[-1]
    assert (row.path, row.line, row.section) == ("/a.service", 3, "Service")
    assert str(row).startswith("/a.service:3: Nice= ignored: ")


@pytest.mark.parametrize(("texts", "default", "strict"), [
    ((SERVICE,), False, False),
    ((SERVICE,), True, True),
    (("[Unit]\nX-Strict=yes\n",), False, True),
    (("[Unit]\nX-Strict=no\n",), True, False),
    (("[Unit]\nX-Strict=yes\n", "[Unit]\nX-Strict=off\n"), True, False),
    (("[Unit]\nX-Strict=perhaps\n",), True, True),
    (("[Service]\nX-Strict=yes\n",), False, False),
    (("[Unit]\nDescription=X-Strict\n",), False, False),
])  # fmt: skip
def test_whether_a_unit_is_strict(texts, default, strict):
    assert is_strict(files_of(*texts), default) is strict


def refused(text: str):
    files = files_of(text)
    definition = load_unit(files, FACTS)
    return refuse(definition, judge_unit(files, definition, PLAIN))


def test_a_strict_unit_that_is_not_wholly_applied_is_bad_and_says_why():
    definition = refused(SERVICE + "Nice=-5\n")
    assert definition.load_state is LoadState.BAD_SETTING
    assert definition.load_error == "Unit a.service is strict, and not all of it is applied here: Nice="
    assert [(each.path, each.line) for each in definition.diagnostics] == [("/a.service", 3)]


def test_a_strict_unit_that_is_wholly_applied_stays_as_it_is():
    assert refused(SERVICE).load_state is LoadState.LOADED


def test_a_unit_that_is_bad_anyway_keeps_its_own_reason():
    assert refused("[Service]\nType=oneshot\n").load_error == "Unit a.service has a bad unit file setting."
