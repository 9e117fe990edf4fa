"""Masks, links and dependencies; what single commands say is compared with systemd in tests/cli/test_unitfiles.py."""

from __future__ import annotations

import pytest

from initd.core.linking import (
    default_target,
    plan_add_dependency,
    plan_link,
    plan_mask,
    plan_revert,
    plan_set_default,
    plan_unmask,
)
from initd.core.lookup import unit_file_state
from initd.core.states import UnitFileState
from initd.core.unitfiles import Trouble
from tests.core.unitfiles_fake import ETC, LIB, RUN, FakeFiles


@pytest.fixture
def view():
    return FakeFiles({LIB + "/a.service": "[Service]\n", LIB + "/x.target": "[Unit]\n", LIB + "/y.target": "[Unit]\n",
                      LIB + "/default.target": f"-> {LIB}/x.target", "/opt/l.service": "[Install]\nWantedBy=x.target\n"})


@pytest.mark.parametrize("directory, state", [(ETC, UnitFileState.MASKED), (RUN, UnitFileState.MASKED_RUNTIME)])
def test_mask_hides_and_unmask_shows_again(view, directory, state):
    before = dict(view.files)
    view.apply(plan_mask(view, ["a.service"], directory))
    assert unit_file_state(view, "a.service") is state
    assert plan_mask(view, ["a.service"], directory).changes == ()
    view.apply(plan_unmask(view, ["a.service"], directory))
    assert view.files == before


def test_unmask_leaves_what_is_no_mask(view):
    view.apply(plan_link(view, ["/opt/l.service"], ETC))
    assert plan_unmask(view, ["l.service", "a.service"], ETC).changes == ()


def test_linked_unit_is_found(view):
    view.apply(plan_link(view, ["/opt/l.service"], ETC))
    assert unit_file_state(view, "l.service") is UnitFileState.LINKED


def test_nothing_is_linked_where_one_file_is_missing(view):
    plan = plan_link(view, ["/opt/l.service", "/opt/gone.service"], ETC)
    assert plan.changes == () and plan.failure.trouble is Trouble.NOT_FOUND


def test_dependency_needs_both_units(view):
    assert plan_add_dependency(view, ["gone.service"], "x.target", "wants", ETC).failure.unit == "gone.service"
    assert plan_add_dependency(view, ["a.service"], "gone.target", "wants", ETC).failure.unit == "gone.target"
    (change,) = plan_add_dependency(view, ["a.service"], "x.target", "requires", ETC).changes
    assert (change.path, change.target) == (ETC + "/x.target.requires/a.service", LIB + "/a.service")


def test_default_target_changes(view):
    assert default_target(view) == "x.target"
    view.apply(plan_set_default(view, "y.target", ETC))
    assert default_target(view) == "y.target"
    view.apply(plan_set_default(view, "x.target", ETC))
    assert default_target(view) == "x.target"
    assert plan_set_default(view, "a.service", ETC).failure.trouble is Trouble.REFUSED


def test_revert_takes_the_administrator_s_part_away(view):
    vendor = dict(view.files)
    view.files |= {ETC + "/a.service": "mine", ETC + "/a.service.d/1.conf": "", RUN + "/a.service": "-> /dev/null"}
    view.apply(plan_revert(view, ["a.service"], (ETC, RUN)))
    assert view.files == vendor


def test_revert_keeps_a_unit_that_no_vendor_ships(view):
    view.files |= {ETC + "/own.service": "mine", ETC + "/own.service.d/1.conf": ""}
    view.apply(plan_revert(view, ["own.service"], (ETC, RUN)))
    assert ETC + "/own.service" in view.files and ETC + "/own.service.d/1.conf" not in view.files
