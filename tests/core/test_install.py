"""Laws of plans, over made-up units. What single commands do is compared with systemd in tests/cli/test_unitfiles.py."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from initd.core.install import plan_disable, plan_enable, plan_preset, plan_preset_all, plan_reenable
from initd.core.lookup import look_up, unit_file_state
from initd.core.presets import PresetMode, Rule
from initd.core.states import UnitFileState
from initd.core.unitfiles import Impossible, Trouble
from tests.core.unitfiles_fake import ETC, LIB, RUN, FakeFiles

NAMES = [f"{letter}.{kind}" for letter in "abc" for kind in ("service", "socket", "target")] + ["t@.service", "t@x.service"]
NAME = st.sampled_from(NAMES)
SOME = st.lists(NAME, max_size=2, unique=True)


@st.composite
def files(draw) -> FakeFiles:
    found = {}
    for name in draw(st.lists(NAME, min_size=1, unique=True)):
        lines = [f"{key}={' '.join(values)}" for key in ("WantedBy", "RequiredBy", "Alias", "Also")
                 if (values := draw(SOME))]
        found[f"{LIB}/{name}"] = "\n".join(["[Install]", *lines]) + "\n"
    return FakeFiles(found)


@given(files(), SOME)
def test_enabling_twice_changes_nothing(view, names):
    view.apply(plan_enable(view, names, ETC))
    assert plan_enable(view, names, ETC).changes == ()


@given(files(), NAME)
def test_disabling_leaves_no_link_of_the_unit(view, name):
    view.apply(plan_enable(view, [name], ETC))
    view.apply(plan_disable(view, [name], ETC))
    assert [link for link in view.links_in(ETC) if name in (link.name, link.target_name)] == []


@given(files(), NAME)
def test_runtime_and_lasting_links_do_not_touch(view, name):
    view.apply(plan_enable(view, [name], ETC))
    before = dict(view.files)
    view.apply(plan_enable(view, [name], RUN))
    view.apply(plan_disable(view, [name], RUN))
    assert view.files == before


@given(files(), SOME)
def test_reenabling_is_disabling_and_enabling(view, names):
    other = FakeFiles(view.files)
    view.apply(plan_reenable(view, names, ETC))
    other.apply(plan_disable(other, names, ETC))
    other.apply(plan_enable(other, names, ETC))
    assert view.files == other.files


@given(files())
def test_preset_all_twice_changes_nothing(view):
    rules = (Rule(False, "a.*"),)
    view.apply(plan_preset_all(view, ETC, rules, PresetMode.ENABLE_ONLY))
    assert plan_preset_all(view, ETC, rules, PresetMode.ENABLE_ONLY).changes == ()


@given(files(), NAME)
def test_enable_only_removes_nothing_and_disable_only_makes_nothing(view, name):
    rules = (Rule(False, "*.service"),)
    view.apply(plan_enable(view, NAMES, ETC))
    kinds = {change.kind for change in plan_preset(view, [name], ETC, rules, PresetMode.ENABLE_ONLY).changes}
    assert "unlink" not in kinds
    kinds = {change.kind for change in plan_preset(view, [name], ETC, rules, PresetMode.DISABLE_ONLY).changes}
    assert "symlink" not in kinds


@given(files(), NAME)
def test_every_unit_has_a_state_or_a_reason(view, name):
    try:
        assert unit_file_state(view, name) in UnitFileState
    except Impossible as error:
        assert error.note.is_fatal and error.note.text("look at unit", "") and error.note.bus_error()[0]


def test_missing_unit_keeps_the_others_from_being_enabled():
    view = FakeFiles({LIB + "/a.service": "[Install]\nWantedBy=x.target\n"})
    plan = plan_enable(view, ["a.service", "gone.service"], ETC)
    assert plan.changes == () and plan.failure.trouble is Trouble.NOT_FOUND
    assert plan.failure.bus_error()[1] == "Unit file gone.service does not exist."


def test_link_in_the_way_is_replaced_by_force_only():
    view = FakeFiles({LIB + "/a.service": "[Install]\nAlias=b.service\n", LIB + "/c.service": "[Install]\n",
                      ETC + "/b.service": f"-> {LIB}/c.service"})
    assert plan_enable(view, ["a.service"], ETC).failure.trouble is Trouble.EXISTS_AS_LINK
    forced = plan_enable(view, ["a.service"], ETC, force=True)
    assert [change.kind for change in forced.changes] == ["unlink", "symlink"] and forced.failure is None


def test_aliases_in_a_circle_have_an_end():
    view = FakeFiles({LIB + "/a.service": f"-> {LIB}/b.service", LIB + "/b.service": f"-> {LIB}/a.service"})
    try:
        look_up(view, "a.service")
    except Impossible as error:
        assert error.note.trouble is Trouble.LINKED
    else:
        raise AssertionError("found the end of a circle")
