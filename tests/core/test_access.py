"""Who is neither root nor the manager's own user may look and change nothing: every method of every object, from the tables
by which calls are answered, so that a new method is asked too."""

from __future__ import annotations

import pytest

from initd.core import api
from initd.core.answers import Error, Method
from initd.core.api import unit_object
from initd.core.objectpath import OWN_INTERFACE, ROOT, unit_path
from initd.core.properties import PREFIX
from initd.core.snapshot import save
from tests.api_manager import FakeManager
from tests.conformance.bus.cases import _arguments

STRANGER = 65534
UNITS = ("web.service", "web.socket", "web.timer", "web.path", "all.target", "a.slice", "mnt.mount",
         "dbus.service")
#: What may be called by everybody: to look, or to be told. `UnrefUnit` takes back what the caller itself had asked for, and
#: nobody but root can ask.
OPEN = {
    PREFIX + "Manager": {
        "GetUnit", "GetUnitByPID", "GetUnitByInvocationID", "GetUnitByControlGroup", "LoadUnit", "GetUnitProcesses", "GetJob",
        "GetJobAfter", "GetJobBefore", "ListUnits", "ListUnitsFiltered", "ListUnitsByPatterns", "ListUnitsByNames", "ListJobs",
        "Subscribe", "Unsubscribe", "ListUnitFiles", "ListUnitFilesByPatterns", "GetUnitFileState", "GetUnitFileLinks",
        "GetDefaultTarget", "UnrefUnit", "Dump", "DumpUnitsMatchingPatterns", "DumpByFileDescriptor",
        "DumpUnitsMatchingPatternsByFileDescriptor", "LookupDynamicUserByName", "LookupDynamicUserByUID", "GetDynamicUsers",
    },
    PREFIX + "Job": {"GetAfter", "GetBefore"},
    PREFIX + "Unit": {"Unref"},
    **{PREFIX + kind: {"GetProcesses"} for kind in ("Service", "Socket", "Slice", "Mount")},
    OWN_INTERFACE: {"Why"},
    "org.freedesktop.DBus.Peer": {"Ping", "GetMachineId"},
    "org.freedesktop.DBus.Introspectable": {"Introspect"},
    "org.freedesktop.DBus.Properties": {"Get", "GetAll"},
}


@pytest.fixture
def manager(tmp_path):
    made = FakeManager(tmp_path)
    made.write("web.service", f"[Unit]\nAfter={' '.join(UNITS[1:])}\n[Service]\nExecStart=/bin/web\nExecReload=/bin/re\n")
    made.write("dbus.service", "[Service]\nExecStart=/bin/dbus\n")
    made.write("slow.service", "[Service]\nType=notify\nExecStart=/bin/slow\n")
    made.write("web.socket", "[Socket]\nListenStream=/run/web\n")
    made.write("web.timer", "[Timer]\nOnActiveSec=1h\n")
    made.write("web.path", "[Path]\nPathExists=/nonexistent\n")
    made.write("all.target", "[Unit]\nAllowIsolate=yes\n")
    made.write("a.slice", "")
    made.write("mnt.mount", "[Mount]\nWhat=/a\nWhere=/mnt\n")
    for name in UNITS:
        made.load(name)
    made.call(ROOT, PREFIX + "Manager", "StartUnit", "ss", "web.service", "replace")
    made.call(ROOT, PREFIX + "Manager", "StartUnit", "ss", "slow.service", "replace")
    assert made.engine.jobs, "one to be cancelled"
    return made


def calls(manager) -> list[tuple[str, str, Method]]:
    """Path, interface and method: all there are."""
    job = f"{ROOT}/job/{next(iter(manager.engine.jobs))}"
    objects = [(ROOT, api._MANAGER), (api.LOG_CONTROL, api._LOG_CONTROL), (job, api._find(job, manager.view))]
    objects += [(unit_path(name), unit_object(manager.engine.units[name])) for name in UNITS]
    found = [(path, interface.name, method)
             for path, each in objects for interface in each.interfaces for method in interface.methods]
    return found + [(path, interface, method)
                    for path, _ in objects for interface, methods in api._STANDARD_INTERFACES.items() for method in methods]


def body(interface: str, method: Method) -> tuple:
    if method.name == "Set":
        return (PREFIX + "Manager", "LogLevel", ("s", "debug"))
    if method.name in ("Get", "GetAll"):
        return (PREFIX + "Manager", "Version")[:len(method.takes)]
    return _arguments(f"{interface}.{method.name}", method.takes)


def state(manager) -> object:
    return repr(save(manager.engine.world)), dict(manager.processes), list(manager.orders)


def test_what_everybody_may_call_is_what_is_listed(manager):
    found: dict[str, set[str]] = {}
    for _, interface, method in calls(manager):
        if not method.changes and method.handler is not None:
            found.setdefault(interface, set()).add(method.name)
    assert found == OPEN


def test_a_stranger_is_refused_by_every_other_method_whichever_way_it_is_called(manager):
    before, denied = state(manager), 0
    for path, interface, method in calls(manager):
        if not method.changes:
            continue
        for name in (interface, ""):
            found = manager.call(path, name, method.name, method.takes, *body(interface, method), uid=STRANGER)
            assert isinstance(found, Error), (path, interface, method.name, found)
            denied += found.name.endswith(".AccessDenied")
    assert denied > 200
    assert state(manager) == before


def test_what_a_stranger_may_call_changes_nothing(manager):
    before = state(manager)
    for path, interface, method in calls(manager):
        if not method.changes and method.handler is not None:
            manager.call(path, interface, method.name, method.takes, *body(interface, method), uid=STRANGER)
    assert state(manager) == before


def test_root_is_let_through(manager):
    """Or the rest would prove nothing."""
    before = state(manager)
    manager.call(ROOT, PREFIX + "Manager", "StopUnit", "ss", "web.service", "replace")
    assert state(manager) != before
