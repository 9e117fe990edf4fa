"""What clients of the private socket hear of units, jobs and the manager is what a real systemd 252 told them."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from harness import Container

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.conformance.api import signals  # noqa: E402
from tests.conformance.api.interface import HERE  # noqa: E402
from tests.conformance.api.record import PYINIT, boot, listen  # noqa: E402

RECORDED = json.loads((HERE / "signals.json").read_text())
#: Cases that differ, and why.
WAITING = (
    "systemd tells of a waiting unit when its job runs, ours when the job is queued: what does not run is told once more"
)
DIFFERENT = {
    "a dependency fails": WAITING,
    "a job waits and is cancelled": WAITING,
    "start what runs": WAITING,
    "restart a service": "the second half of a restart begins at once, so nobody hears that its job waited",
    "daemon-reload": "units stay what they are: nobody hears that each went and came again",
}


@pytest.fixture(scope="module")
def heard():
    container = Container(PYINIT)
    try:
        yield listen(boot(container))
    finally:
        print(container.logs()[-10000:])
        container.remove()


@pytest.mark.parametrize("name", [name for name in signals.CASES if name not in DIFFERENT])
def test_signals_are_as_recorded(heard, name):
    assert signals.by_unit(heard["cases"][name]) == signals.by_unit(RECORDED["cases"][name])


@pytest.mark.parametrize("name", DIFFERENT)
def test_where_they_differ_the_job_ends_and_the_unit_is_the_same(heard, name):
    """What counts is the same: the last that is heard of each unit, and the end of its job."""
    ours, theirs = (signals.by_unit(each["cases"][name]) for each in (heard, RECORDED))
    assert ours != theirs
    for unit in ours:
        assert [line for line in ours[unit] if "JobRemoved" in line] == [line for line in theirs[unit] if "JobRemoved" in line]
        assert ours[unit][-1] == theirs[unit][-1]


def test_property_changes_name_what_systemds_name(heard):
    theirs = {interface: set(names) for interface, names in RECORDED["contents"].items()}
    assert {interface: set(names) for interface, names in heard["contents"].items()} == theirs
