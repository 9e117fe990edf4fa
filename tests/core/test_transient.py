"""StartTransientUnit() and SetUnitProperties(): which files they come to, and what is refused, as systemd 252 refuses it."""

from __future__ import annotations

import pytest

from initd.core.answers import SET_PROPERTIES, START_TRANSIENT, Error, Order
from tests.api_manager import FakeManager

MANAGER = ("/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager")
COMMAND = ("ExecStart", ("a(sasb)", [("/bin/true", ["/bin/true"], False)]))


@pytest.fixture
def manager(tmp_path):
    made = FakeManager(tmp_path)
    made.write("there.service", "[Service]\nExecStart=/bin/x\nDeviceAllow=/dev/null rw\n")
    return made


def _start(manager, name="t.service", properties=(COMMAND,), others=(), mode="fail"):
    signature = "ssa(sv)a(sa(sv))"
    return manager.call(*MANAGER, "StartTransientUnit", signature, name, mode, list(properties), list(others))


def _change(manager, name, *properties, is_runtime=True):
    return manager.call(*MANAGER, "SetUnitProperties", "sba(sv)", name, is_runtime, list(properties))


def test_a_new_unit_and_those_with_it_become_files(manager):
    found = _start(manager, "t.timer", [("AccuracyUSec", ("t", 1_000_000))], [("t.service", [COMMAND])])
    assert isinstance(found, Order) and found.kind == START_TRANSIENT
    files, mode, is_referred = found.args
    assert not is_referred
    assert (mode, [each.name for each in files]) == ("fail", ["t.timer", "t.service"])
    assert [each.text.splitlines()[1:] for each in files] == [
        ["[Timer]", "AccuracySec=1s"], ["[Service]", "ExecStart=", 'ExecStart="/bin/true"']]


def test_a_mount_is_made_of_its_properties(manager):
    properties = [("What", ("s", "tmpfs")), ("Where", ("s", "/mnt/a")), ("Type", ("s", "tmpfs")), ("Options", ("s", "size=1m")),
                  ("LazyUnmount", ("b", True))]
    found = _start(manager, "mnt-a.mount", properties)
    assert isinstance(found, Order) and found.kind == START_TRANSIENT
    assert found.args[0][0].text.splitlines()[1:] == [
        "[Mount]", "What=tmpfs", "Where=/mnt/a", "Type=tmpfs", "Options=size=1m", "LazyUnmount=yes"]


@pytest.mark.parametrize(("given", "name", "text"), [
    ({"name": "there.service"}, "UnitExists", "Unit there.service was already loaded or has a fragment file."),
    ({"name": "../x.service"}, "InvalidArgs", "Unit name ../x.service is not valid."),
    ({"name": "a@.service"}, "InvalidArgs", "Unit name a@.service is not valid."),
    ({"name": "a.target"}, "NotSupported", "Unit type target does not support transient units."),
    ({"name": "a.scope", "properties": ()}, "FileNotFound", "Unit a.scope failed to load properly, please adjust/correct and "
     "reload service manager: No such file or directory"),
    ({"name": "a.scope", "properties": [("PIDs", ("au", [99]))]}, "UnixProcessIdUnknown",
     "Process with ID 99 does not exist."),
    ({"name": "a.scope", "properties": [("PIDs", ("au", [1]))]}, "InvalidArgs", "Process 1 is a manager process, refusing."),
    ({"name": "a.scope", "properties": [("Controller", ("s", ":1.1"))]}, "InvalidArgs",
     "Sorry, Controller= logic only supported via the bus."),
    ({"properties": [("PIDs", ("au", [1]))]}, "PropertyReadOnly", "Cannot set property PIDs, or unknown property."),
    ({"properties": [("Slice", ("s", "x.service"))]}, "InvalidArgs", "Unit name 'x.service' is not a slice"),
    ({"mode": "sideways"}, "InvalidArgs", "Job mode sideways is invalid."),
    ({"properties": [("Type", ("s", "bogus"))]}, "InvalidArgs", "Invalid Type setting: bogus"),
    ({"properties": [("Type", ("u", 5))]}, "InvalidArgs", "Invalid Type setting: 5"),
    ({"others": [("b.timer", [COMMAND])]}, "PropertyReadOnly", "Cannot set property ExecStart, or unknown property."),
])
def test_what_cannot_be_made_is_refused(manager, given, name, text):
    found = _start(manager, **given)
    assert isinstance(found, Error) and (found.name.rpartition(".")[2], found.text) == (name, text)


def test_the_processes_of_a_scope_are_no_part_of_its_file(manager):
    manager.processes[7] = ("other.service", "x")
    found = _start(manager, "a.scope", [("PIDs", ("au", [7, 7])), ("KillMode", ("s", "none")), ("AddRef", ("b", True))])
    assert isinstance(found, Order)
    ((file,), _, is_referred) = found.args
    assert (file.pids, file.text.splitlines()[1:], is_referred) == ((7,), ["[Scope]", "KillMode=none"], True)


def test_a_change_is_a_drop_in_for_each_property(manager):
    found = _change(manager, "there.service", ("MemoryMax", ("t", 5)), ("DeviceAllow", ("a(ss)", [("/dev/zero", "r")])))
    assert isinstance(found, Order) and found.kind == SET_PROPERTIES
    unit, is_runtime, dropins = found.args
    assert (unit.name, is_runtime, [each.stem for each in dropins]) == ("there.service", True, ["MemoryMax", "DeviceAllow"])
    assert dropins[0].text.splitlines()[2:] == ["[Service]", "MemoryMax=5"]
    # What was there stays, behind the new.
    assert dropins[1].text.splitlines()[2:] == [
        "[Service]", "DeviceAllow=", "DeviceAllow=/dev/zero r", "DeviceAllow=/dev/null rw", ""]


@pytest.mark.parametrize(("name", "found", "text"), [
    ("there.service", ("User", ("s", "x")), "Cannot set property User, or unknown property."),
    ("there.service", ("Delegate", ("b", True)), "Cannot set property Delegate, or unknown property."),
    ("there.service", ("MemoryMax", ("t", 0)), "Invalid MemoryMax setting: 0"),
    ("nosuch.service", ("MemoryMax", ("t", 5)), "Unit nosuch.service not found."),
])
def test_what_cannot_be_changed_is_refused(manager, name, found, text):
    answer = _change(manager, name, found)
    assert isinstance(answer, Error) and answer.text == text


def test_nobody_else_may(manager):
    answer = manager.call(*MANAGER, "SetUnitProperties", "sba(sv)", "there.service", True, [], uid=1000)
    assert isinstance(answer, Error) and answer.name.endswith(".AccessDenied")
