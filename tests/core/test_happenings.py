from __future__ import annotations

import json

import pytest

from initd.core import happenings
from initd.core.happenings import Filter, Happening, Watch
from initd.core.objectpath import ROOT, unit_path

MANAGER, UNIT, SERVICE = (f"org.freedesktop.systemd1.{word}" for word in ("Manager", "Unit", "Service"))


def row(name: str, active: str, sub: str, job: int = 0) -> tuple[object, ...]:
    return (name, "", "loaded", active, sub, "", unit_path(name), job, "start" if job else "", "/")


class Told(list[Happening]):
    """Happenings of a watch that was told signals."""

    def __init__(self, *rows: tuple[object, ...]) -> None:
        self.watch = Watch(1000)
        assert self.watch.begin(rows, 1000) == []

    def properties(self, name: str, interface: str, **values: object) -> None:
        self.signal(unit_path(name), "org.freedesktop.DBus.Properties", "PropertiesChanged",
                    (interface, {key: ("v", value) for key, value in values.items()}, []))

    def manager(self, member: str, *body: object, interface: str = MANAGER) -> None:
        self.signal(ROOT, interface, member, body)

    def signal(self, *words: object) -> None:
        found = self.watch.heard(*words, 5000)
        self.extend([found] if found else [])

    def service(self, name: str, active: str, sub: str, **own: object) -> None:
        self.properties(name, SERVICE, **{"Result": "success", "MainPID": 0, "NRestarts": 0, "ExecMainExitTimestamp": 0} | own)
        self.properties(name, UNIT, ActiveState=active, SubState=sub, StateChangeTimestamp=4000)


@pytest.fixture
def told():
    return Told(row("a.service", "inactive", "dead"), row("b.target", "active", "active", 7))


def test_a_state_is_told_with_the_one_before_and_once(told):
    told.service("a.service", "active", "running", MainPID=9)
    told.service("a.service", "active", "running", MainPID=9)
    assert told == [Happening("state", 4000, "a.service", {
        "old_active": "inactive", "old_sub": "dead", "active": "active", "sub": "running", "result": "success", "main_pid": 9,
        "restarts": 0})]
    assert happenings.text(told[0]) == "a.service: inactive (dead) → active (running), main process 9"


def test_the_end_of_a_main_process_is_told_once_and_an_old_one_not(told):
    end = {"ExecMainExitTimestamp": 3000, "ExecMainCode": 1, "ExecMainStatus": 3, "Result": "exit-code"}
    told.service("a.service", "failed", "failed", **end)
    told.service("a.service", "activating", "auto-restart", **end, NRestarts=1)
    told.service("a.service", "failed", "failed", **end | {"ExecMainExitTimestamp": 900})
    assert [each.details.get("exit_status") for each in told] == [3, None, None]
    assert happenings.text(told[0]) == (
        "a.service: inactive (dead) → failed (failed), result exit-code, main process exited, status 3")
    assert happenings.text(told[1]) == "a.service: failed (failed) → activating (auto-restart), result exit-code, restarts 1"


def test_a_unit_that_was_not_loaded_was_dead(told):
    told.properties("new.target", UNIT, ActiveState="active", SubState="active")
    assert [(each.time_usec, happenings.text(each)) for each in told] == [
        (5000, "new.target: inactive (dead) → active (active)")]


def test_jobs_have_a_type_where_the_manager_tells_and_those_of_before_too(told):
    told.manager("JobQueued", 8, "restart", interface="org.pyinit.Manager")
    for number, unit in ((8, "a.service"), (9, "c.service")):
        told.manager("JobNew", number, f"/job/{number}", unit)
    for number, unit, result in ((7, "b.target", "done"), (8, "a.service", "failed"), (9, "c.service", "canceled")):
        told.manager("JobRemoved", number, f"/job/{number}", unit, result)
    assert list(map(happenings.text, told)) == [
        "a.service: job 8 restart added", "c.service: job 9 added", "b.target: job 7 start done",
        "a.service: job 8 restart failed", "c.service: job 9 canceled"]


def test_what_the_manager_does(told):
    for member, body in (("Reloading", (True,)), ("Reloading", (False,)), ("StartupFinished", (0, 0, 0, 0, 5, 6)),
                         ("UnitFilesChanged", ()), ("UnitNew", ("x.service", "/x")), ("UnitRemoved", ("x.service", "/x"))):
        told.manager(member, *body)
    told.properties("a.service", UNIT, Job=(0, "/"))
    told.signal(ROOT, "org.freedesktop.DBus.Properties", "PropertiesChanged", (MANAGER, {"NFailedUnits": ("u", 1)}, []))
    assert list(map(happenings.text, told)) == [
        "manager: reloading", "manager: reloaded", "manager: startup-finished, userspace_usec 5, total_usec 6",
        "manager: unit-files-changed", "x.service: loaded", "x.service: unloaded"]
    assert {each.kind for each in told} < happenings.KINDS.keys()


def test_after_a_reconnection_what_was_missed_is_told(told):
    missed = told.watch.begin([row("a.service", "failed", "failed"), row("c.service", "active", "running")], 9000)
    assert list(map(happenings.text, missed)) == [
        "a.service: inactive (dead) → failed (failed)", "b.target: active (active) → inactive (dead)",
        "c.service: inactive (dead) → active (running)"]
    assert told.watch.begin([row("a.service", "failed", "failed"), row("c.service", "active", "running")], 9000) == []


def state(unit: str, active: str, sub: str) -> Happening:
    return Happening("state", 1, unit, {"old_active": "x", "old_sub": "x", "active": active, "sub": sub})


@pytest.mark.parametrize("given, expected", [
    ({}, "abcm"), ({"patterns": ("w@*.service", "b.target")}, "abm"), ({"types": ("target",)}, "bm"),
    ({"states": ("failed",)}, "am"), ({"states": ("running", "active")}, "bm"), ({"kinds": ("job-added",)}, "c"),
    ({"kinds": ("unit-added", "connected")}, "dm"), ({"kinds": ("state",), "types": ("service",)}, "a")])
def test_filters(given, expected):
    all_of_them = {"a": state("w@1.service", "failed", "failed"), "b": state("b.target", "active", "active"),
                   "c": Happening("job-added", 1, "x.service", {"job": 1, "type": "start"}),
                   "d": Happening("unit-added", 1, "x.service"), "m": Happening("connected", 1, "", {"units": 3})}
    wanted = Filter(**given)
    assert "".join(key for key, each in all_of_them.items() if wanted.wants(each)) == expected


def test_json_is_json():
    found = Happening("state", 5, 'a"\\\n.service', {"active": "é", "main_pid": 3})
    assert json.loads(happenings.json(found)) == {"time": 5, "event": "state", "unit": 'a"\\\n.service', "active": "é",
                                                  "main_pid": 3}
