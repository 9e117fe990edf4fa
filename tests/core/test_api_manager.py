"""What the manager's object can do beside starting and stopping; refusals as systemd 252 words them."""

from __future__ import annotations

import pytest

from initd.core import events as ev
from initd.core.answers import Order
from initd.core.effects import Log
from initd.core.objectpath import job_path, unit_path
from initd.core.values import INFINITY
from tests.api_manager import FakeManager
from tests.core.test_api import MANAGER, PROPERTIES, ROOT, UNIT, get, of_manager, refused, values

LOG_CONTROL = "/org/freedesktop/LogControl1"
SLOW = "[Service]\nType=notify\nExecStart=/bin/slow\n"


@pytest.fixture
def manager(tmp_path):
    made = FakeManager(tmp_path)
    made.write("slow.service", SLOW)
    made.write("after.service", "[Unit]\nAfter=slow.service\n" + SLOW)
    made.write("web.service", "[Service]\nExecStart=/bin/web\n")
    return made


def of(manager, name, path=ROOT, interface=MANAGER):
    ((_, value),) = values(manager.call(path, PROPERTIES, "Get", "ss", interface, name))
    return value


def put(manager, name, signature, value, path=ROOT, interface=MANAGER, uid=0):
    return manager.call(path, PROPERTIES, "Set", "ssv", interface, name, (signature, value), uid=uid)


@pytest.mark.parametrize(("word", "level"), [("debug", "debug"), ("3", "err"), ("emerg", "emerg"), ("warning", "warning")])
def test_the_log_level_can_be_set_from_both_objects(manager, word, level):
    values(put(manager, "LogLevel", "s", word))
    assert of(manager, "LogLevel", LOG_CONTROL, "org.freedesktop.LogControl1") == level
    values(put(manager, "LogLevel", "s", "", LOG_CONTROL, "org.freedesktop.LogControl1"))
    assert of(manager, "LogLevel") == "debug"


def test_log_targets_are_systemds(manager):
    values(put(manager, "LogTarget", "s", "null"))
    assert of(manager, "LogTarget") == "null"
    values(put(manager, "LogTarget", "s", ""))
    assert of(manager, "LogTarget") == "journal"


@pytest.mark.parametrize(
    ("name", "signature", "value", "error", "text"),
    [
        ("LogLevel", "s", "bogus", "InvalidArgs", "Invalid log level 'bogus'"),
        ("LogTarget", "s", "bogus", "InvalidArgs", "Invalid log target 'bogus'"),
        ("LogLevel", "i", 4, "InvalidArgs", "Incorrect parameters for property 'LogLevel', expected 's', got 'i'."),
        ("Version", "s", "x", "PropertyReadOnly", "Property 'Version' is not writable."),
        ("Nosuch", "s", "x", "UnknownProperty", f"Unknown interface {MANAGER} or property Nosuch."),
        ("RuntimeWatchdogUSec", "t", 5, "NotSupported", "A container has no hardware watchdog."),
    ],
)
def test_what_cannot_be_set_is_refused(manager, name, signature, value, error, text):
    assert refused(put(manager, name, signature, value)) == (error, text)


def test_only_root_sets_properties(manager):
    assert refused(put(manager, "LogLevel", "s", "debug", uid=1000)) == ("AccessDenied", "Permission denied")


def test_show_status(manager):
    values(of_manager(manager, "SetShowStatus", "s", "yes"))
    assert of(manager, "ShowStatus") is True
    assert refused(of_manager(manager, "SetShowStatus", "s", "bogus")) == ("InvalidArgs", "Invalid show status 'bogus'")
    values(of_manager(manager, "SetShowStatus", "s", ""))
    assert of(manager, "ShowStatus") is False


def watched(manager, **more):
    manager.write("dog.service", "[Unit]\n" + "".join(f"{key}={value}\n" for key, value in more.items())
                  + "[Service]\nExecStart=/bin/dog\nWatchdogSec=1\n")
    values(of_manager(manager, "StartUnit", "ss", "dog.service", "replace"))


def test_with_service_watchdogs_off_no_watchdog_expires(manager):
    watched(manager)
    values(put(manager, "ServiceWatchdogs", "b", False))
    then = manager.now()
    effects = manager.engine.handle(ev.Tick(), then.replace(monotonic_usec=then.monotonic_usec + 2_000_000))
    assert [each.text for each in effects if isinstance(each, Log)] == [
        "dog.service: Watchdog disabled! Ignoring watchdog timeout (limit 1s)!"]
    assert get(manager, "dog.service", "SubState") == "running"
    assert get(manager, "dog.service", "WatchdogTimestamp", "org.freedesktop.systemd1.Service") > 0


@pytest.mark.parametrize("is_on", [True, False])
def test_with_service_watchdogs_off_a_failure_has_no_action(manager, is_on):
    manager.exits["/bin/fail"] = 1
    manager.write("fail.service", "[Unit]\nFailureAction=exit-force\n[Service]\nExecStart=/bin/fail\n")
    values(put(manager, "ServiceWatchdogs", "b", is_on))
    of_manager(manager, "StartUnit", "ss", "fail.service", "replace")
    assert (of(manager, "SystemState") == "stopping") is is_on


def test_jobs_before_and_after_a_job(manager):
    for name in ("slow.service", "after.service"):
        values(of_manager(manager, "StartUnit", "ss", name, "replace"))
    (rows,) = values(of_manager(manager, "ListJobs"))
    slow, after = (next(row for row in rows if row[1] == name) for name in ("slow.service", "after.service"))
    assert values(of_manager(manager, "GetJobBefore", "u", after[0])) == ([slow],)
    assert values(of_manager(manager, "GetJobAfter", "u", slow[0])) == ([after],)
    assert values(of_manager(manager, "GetJobAfter", "u", after[0])) == ([],)
    assert values(manager.call(after[4], "org.freedesktop.systemd1.Job", "GetBefore")) == ([slow],)
    assert values(manager.call(slow[4], "org.freedesktop.systemd1.Job", "GetAfter")) == ([after],)
    assert refused(of_manager(manager, "GetJobAfter", "u", 7777)) == ("NoSuchJob", "Job 7777 does not exist.")


def test_start_replacing_asks_for_a_job_of_the_other_unit(manager):
    def replace(old, new):
        return of_manager(manager, "StartUnitReplace", "sss", old, new, "replace")

    assert refused(replace("nosuch.service", "web.service")) == ("NoSuchUnit", "Unit nosuch.service not loaded.")
    manager.load("web.service")
    assert refused(replace("web.service", "web.service")) == ("NoSuchJob", "No job queued for unit web.service")
    values(of_manager(manager, "StartUnit", "ss", "slow.service", "replace"))
    (path,) = values(replace("slow.service", "after.service"))
    assert path == job_path(manager.engine.units["after.service"].job.id)
    assert manager.engine.units["slow.service"].job is not None
    assert refused(replace("slow.service", "nosuch.service")) == ("NoSuchUnit", "Unit nosuch.service not found.")


def test_jobs_are_counted(manager):
    before = of(manager, "NInstalledJobs")
    values(of_manager(manager, "StartUnit", "ss", "slow.service", "replace"))
    assert of(manager, "NInstalledJobs") > before and of(manager, "NFailedJobs") == 0
    manager.exits["/bin/once"] = 1
    manager.write("once.service", "[Service]\nType=oneshot\nExecStart=/bin/once\n")
    of_manager(manager, "StartUnit", "ss", "once.service", "replace")
    assert of(manager, "NFailedJobs") == 1


def test_progress_is_between_none_and_all(manager):
    assert 0.0 <= of(manager, "Progress") <= 1.0


@pytest.mark.parametrize(
    ("unit", "source", "error", "text"),
    [
        ("nosuch.service", "/tmp", "NoSuchUnit", "Unit nosuch.service not loaded."),
        ("web.service", "tmp", "InvalidArgs", "Source path must be absolute and normalized."),
        ("basic.target", "/tmp", "InvalidArgs", "Unit is not of type .service"),
        ("web.service", "/tmp", "InvalidArgs", "Unit not running in private mount namespace, cannot activate bind mount"),
    ],
)
def test_mounting_into_a_unit_is_refused(manager, unit, source, error, text):
    manager.load("web.service"), manager.load("basic.target")
    assert refused(of_manager(manager, "BindMountUnit", "sssbb", unit, source, "/x", False, True)) == (error, text)
    assert refused(of_manager(manager, "MountImageUnit", "sssbba(ss)", unit, source, "/x", False, True, [])) == (error, text)


def test_processes_stay_in_units_that_are_not_delegated(manager):
    manager.load("web.service")
    text = "Process migration not available on non-delegated units."
    assert refused(of_manager(manager, "AttachProcessesToUnit", "ssau", "web.service", "", [1])) == ("InvalidArgs", text)


def test_dynamic_users(manager, monkeypatch):
    assert refused(of_manager(manager, "LookupDynamicUserByName", "s", "x")) == (
        "NoSuchDynamicUser", "Dynamic user x does not exist.")
    assert refused(of_manager(manager, "LookupDynamicUserByUID", "u", 61184)) == (
        "NoSuchDynamicUser", "Dynamic user ID 61184 does not exist.")
    monkeypatch.setattr(manager.view.facts, "dynamic_users", lambda: {"x": 61184})
    assert values(of_manager(manager, "LookupDynamicUserByName", "s", "x")) == (61184,)
    assert values(of_manager(manager, "LookupDynamicUserByUID", "u", 61184)) == ("x",)
    assert values(of_manager(manager, "GetDynamicUsers")) == ([(61184, "x")],)


def test_a_dump_may_be_had_as_a_file(manager):
    values(of_manager(manager, "StartUnit", "ss", "web.service", "replace"))
    (text,) = values(of_manager(manager, "Dump"))
    found = of_manager(manager, "DumpByFileDescriptor")
    assert isinstance(found, Order) and found.args[0].splitlines()[-1] == text.splitlines()[-1]


def test_times_of_a_boot_that_never_was_are_zero(manager):
    assert of(manager, "FirmwareTimestamp") == of(manager, "InitRDUnitsLoadStartTimestampMonotonic") == 0
    assert of(manager, "WatchdogLastPingTimestamp") == INFINITY


def test_objects_on_the_way_to_the_log_control(manager):
    (text,) = values(manager.call("/org/freedesktop", "org.freedesktop.DBus.Introspectable", "Introspect"))
    assert '<node name="LogControl1"/>' in text and '<node name="systemd1"/>' in text
    assert refused(manager.call(unit_path("web.service"), PROPERTIES, "Set", "ssv", UNIT, "Id", ("s", "x")))[0] == (
        "PropertyReadOnly")
