"""Scopes: what becomes of them as a real systemd tells it (tests/conformance/scopes), by cgroup and by tag."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from harness import IN_CGROUP2, Container
from images import Image

from tests.conformance.scopes import run
from tests.conformance.scopes.look import CASES, HERE, look, options
from tests.container.conftest import _finish

ANSWERS = json.loads(Path(HERE, "answers.json").read_text())

#: systemd 252 takes User= for scopes, for the owner of a cgroup that is handed over; systemd.scope(5) knows nothing of it.
NOT_FOR_SCOPES = ("User=", "User")


@pytest.fixture(scope="module", params=["tag", "cgroup"])
def machine(request):
    with_tree = request.param == "cgroup"
    more = {"prefix": IN_CGROUP2} if with_tree else {}
    container = Container(
        Image(("dbus",)), options=(*(("--pids-limit=0", "--systemd=always") if with_tree else ()), *options()), **more)
    try:
        container.start().wait_until_booted()
        yield container
    finally:
        _finish(request, [container])


def test_the_life_of_scopes_is_that_of_systemd(machine):
    cases = [name for name in CASES if name != "not-for-scopes"]
    found = look(machine, *cases)
    assert found["properties"] == ANSWERS["properties"]
    differing = {name: (found["cases"][name], ANSWERS["cases"][name]) for name in cases
                 if found["cases"][name] != ANSWERS["cases"][name]}
    assert not differing


def test_systemd_run_says_and_ends_what_systemd_runs_does(machine):
    found = run.look(machine)
    differing = [(ours, theirs) for ours, theirs in zip(found, ANSWERS["run"], strict=True)
                 if ours != theirs and not any("User=" in word for word in theirs[0])]
    assert not differing
