"""What the bus's wish to start a unit comes to; the texts are recorded (tests/conformance/bus)."""

from __future__ import annotations

import pytest

from initd.core.answers import SYSTEMD, Error, Submit
from initd.core.api_activation import activate
from initd.core.events import JobRequest
from initd.core.objectpath import ROOT
from initd.core.states import JobMode, JobType
from tests.api_manager import FakeManager

UNITS = {
    "a.service": "[Service]\nExecStart=/bin/a\n",
    "manual.service": "[Unit]\nRefuseManualStart=yes\n[Service]\nExecStart=/bin/a\n",
    "dbus.service": "[Unit]\nDefaultDependencies=no\n[Service]\nExecStart=/bin/bus\nExecStop=/bin/stop\n",
}


@pytest.fixture
def manager(tmp_path):
    made = FakeManager(tmp_path)
    for name, text in UNITS.items():
        made.write(name, text)
    return made


def test_the_unit_is_read_and_started(manager):
    found = activate("a.service", manager.view)
    assert isinstance(found, Submit)
    event = found.event
    assert isinstance(event, JobRequest)
    assert (event.unit, event.type, event.mode) == ("a.service", JobType.START, JobMode.REPLACE)


def test_a_unit_for_dependencies_only_is_not(manager):
    text = ("Operation refused, manual.service may be requested by dependency only "
            "(it is configured to refuse manual start/stop).")
    assert activate("manual.service", manager.view) == Error("org.freedesktop.systemd1.OnlyByDependency", text)


def test_a_name_that_is_no_unit_is_refused(manager):
    found = activate("no unit at all", manager.view)
    assert isinstance(found, Error)


def test_nothing_is_while_the_bus_itself_is_to_stop(manager):
    for member in ("StartUnit", "StopUnit"):
        manager.call(ROOT, SYSTEMD + "Manager", member, "ss", "dbus.service", "replace")
    found = activate("a.service", manager.view)
    text = "Refusing activation, D-Bus is shutting down."
    assert found == Error("org.freedesktop.systemd1.ShuttingDown", text)
