"""The object tree over the real engine: what clients get back, and how they are refused in systemd's words.

The texts were recorded from systemd 252 (dbus-send against its system bus).
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import pytest

from initd.core import api_manager, api_signals, api_unit, introspection
from initd.core.answers import Error, Order, Return
from initd.core.effects import UnitChanged
from initd.core.events import ClientGone
from initd.core.objectpath import unit_path
from initd.core.places import of_user
from initd.core.properties import tables_of
from initd.core.states import UnitType
from initd.wire import dbus
from tests.api_manager import FakeManager

ROOT = "/org/freedesktop/systemd1"
MANAGER = "org.freedesktop.systemd1.Manager"
UNIT = "org.freedesktop.systemd1.Unit"
SERVICE = "org.freedesktop.systemd1.Service"
PROPERTIES = "org.freedesktop.DBus.Properties"


@pytest.fixture
def manager(tmp_path):
    made = FakeManager(tmp_path)
    made.write("web.service",
               "[Unit]\nDescription=A web server\n[Service]\nExecStart=/bin/web -x\nExecReload=/bin/re\n")
    oneshot = "[Service]\nType=oneshot\nRemainAfterExit=yes\n"
    made.write("once.service", oneshot + "ExecStart=/bin/once\nExecStart=-/bin/twice\n")
    made.write("all.target", "[Unit]\nWants=web.service\nAllowIsolate=yes\n")
    made.exits = {"/bin/once": 0, "/bin/twice": 3, "/bin/re": 0}
    return made


def values(found) -> tuple:
    assert isinstance(found, Return), found
    dbus.marshal(found.signature, found.values)  # it fits its signature
    return found.values


def refused(found) -> tuple[str, str]:
    assert isinstance(found, Error), found
    return (found.name.rpartition(".")[2], found.text)


def of_manager(manager, member, signature="", *body, uid=0):
    return manager.call(ROOT, MANAGER, member, signature, *body, uid=uid)


def get(manager, name, prop, interface=UNIT):
    ((signature, value),) = values(manager.call(unit_path(name), PROPERTIES, "Get", "ss", interface, prop))
    return value


def test_starting_a_unit_gives_its_job_and_the_unit_runs(manager):
    (path,) = values(of_manager(manager, "StartUnit", "ss", "web.service", "replace"))
    assert path.startswith(ROOT + "/job/")
    assert get(manager, "web.service", "ActiveState") == "active"
    assert get(manager, "web.service", "MainPID", SERVICE) == 1000
    assert get(manager, "web.service", "ControlGroup", SERVICE) == "/system.slice/web.service"


def test_a_units_own_methods_do_the_same(manager):
    path = unit_path("web.service")
    values(manager.call(path, UNIT, "Start", "s", "fail"))
    assert get(manager, "web.service", "SubState") == "running"
    values(manager.call(path, UNIT, "Stop", "s", "fail"))
    assert get(manager, "web.service", "SubState") == "dead"


def test_a_unit_without_files_is_inactive_and_not_found(manager):
    assert get(manager, "nosuch.service", "ActiveState") == "inactive"
    assert get(manager, "nosuch.service", "LoadState") == "not-found"
    assert get(manager, "nosuch.service", "LoadError")[0] == "org.freedesktop.systemd1.NoSuchUnit"


@pytest.mark.parametrize(
    ("member", "signature", "body", "error", "text"),
    [
        ("GetUnit", "s", ("nosuch.service",), "NoSuchUnit", "Unit nosuch.service not loaded."),
        ("GetUnit", "s", ("bad",), "NoSuchUnit", "Unit bad not loaded."),
        ("LoadUnit", "s", ("bad",), "InvalidArgs", "Unit name bad is not valid."),
        ("LoadUnit", "s", ("foo@.service",), "InvalidArgs", "Unit name foo@.service is missing the instance name."),
        ("StartUnit", "ss", ("nosuch.service", "replace"), "NoSuchUnit", "Unit nosuch.service not found."),
        ("StartUnit", "ss", ("bad", "replace"), "InvalidArgs", "Unit name bad is not valid."),
        ("StartUnit", "ss", ("web.service", "bogus"), "InvalidArgs", "Job mode bogus invalid"),
        ("StartUnit", "s", ("web.service",), "InvalidArgs",
         "Invalid arguments 's' to call org.freedesktop.systemd1.Manager.StartUnit(), expecting 'ss'."),
        ("StopUnit", "ss", ("nosuch.service", "replace"), "NoSuchUnit", "Unit nosuch.service not loaded."),
        ("ReloadUnit", "ss", ("once.service", "replace"), "JobTypeNotApplicable",
         "Job type reload is not applicable for unit once.service."),
        ("StartUnit", "ss", ("web.service", "isolate"), "NoIsolation", "Operation refused, unit may not be isolated."),
        ("KillUnit", "ssi", ("nosuch.service", "all", 15), "NoSuchUnit", "Unit nosuch.service not loaded."),
        ("NoSuch", "", (), "UnknownMethod", "Unknown method NoSuch or interface org.freedesktop.systemd1.Manager."),
        ("GetJob", "u", (9999,), "NoSuchJob", "Job 9999 does not exist."),
        ("CancelJob", "u", (9999,), "NoSuchJob", "Job 9999 does not exist."),
        ("SetEnvironment", "as", (["bad"],), "InvalidArgs", "Invalid environment assignments"),
        ("ResetFailedUnit", "s", ("nosuch.service",), "NoSuchUnit", "Unit nosuch.service not loaded."),
        ("GetUnitByPID", "u", (999999,), "NoUnitForPID", "PID 999999 does not belong to any loaded unit."),
        ("GetUnitProcesses", "s", ("nosuch.service",), "NoSuchUnit", "Unit nosuch.service not loaded."),
    ],
)  # fmt: skip
def test_refusals_are_systemds(manager, member, signature, body, error, text):
    assert refused(of_manager(manager, member, signature, *body)) == (error, text)


@pytest.mark.parametrize(
    ("who", "signal", "error", "text"),
    [
        ("bogus", 15, "InvalidArgs", "Invalid who argument bogus"),
        ("all", 999, "InvalidArgs", "Signal number out of range."),
        ("control", 15, "NoSuchProcess", "No control process to kill"),
    ],
)
def test_kill_refusals(manager, who, signal, error, text):
    values(of_manager(manager, "StartUnit", "ss", "web.service", "replace"))
    assert refused(of_manager(manager, "KillUnit", "ssi", "web.service", who, signal)) == (error, text)


def test_killing_a_target_is_not_supported(manager):
    manager.load("all.target")
    found = of_manager(manager, "KillUnit", "ssi", "all.target", "all", 15)
    assert refused(found) == ("NotSupported", "Operation not supported")


@pytest.mark.parametrize(
    ("path", "interface", "member", "signature", "body", "error", "text"),
    [
        ("/nosuch", PROPERTIES, "Get", "ss", ("a", "b"), "UnknownObject", "Unknown object '/nosuch'."),
        (ROOT + "/job/9999", PROPERTIES, "GetAll", "s", ("",), "UnknownObject", f"Unknown object '{ROOT}/job/9999'."),
        (ROOT + "/unit/bad", PROPERTIES, "GetAll", "s", ("",), "InvalidArgs",
         "Unit name bad is neither a valid invocation ID nor unit name."),
        (unit_path("web.service"), PROPERTIES, "Get", "ss", (UNIT, "Nosuch"), "UnknownProperty",
         f"Unknown interface {UNIT} or property Nosuch."),
        (unit_path("web.service"), PROPERTIES, "Get", "ss", ("", "Id"), "UnknownProperty",
         "Unknown interface  or property Id."),
        (unit_path("web.service"), PROPERTIES, "GetAll", "s", ("org.x",), "UnknownInterface",
         "Unknown interface 'org.x'."),
        (unit_path("web.service"), PROPERTIES, "Set", "ssv", (UNIT, "ActiveState", ("s", "x")), "PropertyReadOnly",
         "Property 'ActiveState' is not writable."),
        (unit_path("web.service"), UNIT, "Foo", "", (), "UnknownMethod", f"Unknown method Foo or interface {UNIT}."),
    ],
)  # fmt: skip
def test_wrong_objects_and_members(manager, path, interface, member, signature, body, error, text):
    assert refused(manager.call(path, interface, member, signature, *body)) == (error, text)


def test_anybody_may_read_but_only_root_and_the_managers_user_may_change(manager):
    for uid in (0, 4242, 1000):
        values(of_manager(manager, "ListUnits", uid=uid))
        values(manager.call(unit_path("web.service"), PROPERTIES, "GetAll", "s", "", uid=uid))
    refusal = ("AccessDenied", "Permission denied")
    assert refused(of_manager(manager, "StartUnit", "ss", "web.service", "replace", uid=1000)) == refusal
    assert refused(of_manager(manager, "Reload", uid=1000)) == refusal
    assert refused(manager.call(unit_path("web.service"), UNIT, "Start", "s", "fail", uid=1000)) == refusal
    values(of_manager(manager, "StartUnit", "ss", "web.service", "replace", uid=4242))


def test_what_needs_the_file_system_is_an_order(manager):
    found = of_manager(manager, "EnableUnitFiles", "asbb", ["web.service"], False, True)
    assert found == Order("EnableUnitFiles", (["web.service"], False, True))


def test_get_all_fits_its_signature_for_every_type(manager):
    for kind in UnitType:
        (shown,) = values(manager.call(unit_path(f"x.{kind.value}"), PROPERTIES, "GetAll", "s", ""))
        assert shown["Id"] == ("s", f"x.{kind.value}")
        assert len(shown) == len({row.name for rows in tables_of(kind).values() for row in rows})


def test_get_all_of_the_manager(manager):
    (shown,) = values(manager.call(ROOT, PROPERTIES, "GetAll", "s", ""))
    assert shown["Version"] == ("s", "252 (pyinit test)")
    assert shown["NFailedUnits"] == ("u", 0)
    assert shown["DefaultLimitNOFILE"] == ("t", 524288) and shown["DefaultLimitNOFILESoft"] == ("t", 1024)


def test_a_property_that_get_knows_is_in_get_all_with_the_same_value(manager):
    values(of_manager(manager, "StartUnit", "ss", "web.service", "replace"))
    (shown,) = values(manager.call(unit_path("web.service"), PROPERTIES, "GetAll", "s", UNIT))
    for name, (_, value) in shown.items():
        assert get(manager, "web.service", name) == value


def test_commands_show_how_they_last_ran(manager):
    values(of_manager(manager, "StartUnit", "ss", "once.service", "replace"))
    once, twice = get(manager, "once.service", "ExecStart", SERVICE)
    assert once[:3] == ("/bin/once", ["/bin/once"], False) and once[-3:] == (1000, 1, 0)
    assert twice[:3] == ("/bin/twice", ["/bin/twice"], True) and twice[-3:] == (1001, 1, 3)
    assert 0 < once[3] <= once[5]


def test_listing_by_patterns_and_states(manager):
    values(of_manager(manager, "StartUnit", "ss", "all.target", "replace"))

    def listed(states, patterns):
        (rows,) = values(of_manager(manager, "ListUnitsByPatterns", "asas", states, patterns))
        return [(row[0], row[1], row[3]) for row in rows]

    assert listed([], ["w*.service"]) == [("web.service", "A web server", "active")]
    assert listed(["active"], ["a*.target"]) == [("all.target", "all.target", "active")]
    assert listed(["failed"], []) == []
    (rows,) = values(of_manager(manager, "ListUnitsByNames", "as", ["once.service", "bad"]))
    assert [row[:4] for row in rows] == [("once.service", "once.service", "loaded", "inactive")]


def test_processes_of_a_unit_and_of_a_slice(manager):
    values(of_manager(manager, "StartUnit", "ss", "web.service", "replace"))
    (rows,) = values(of_manager(manager, "GetUnitProcesses", "s", "web.service"))
    assert rows == [("/system.slice/web.service", 1000, "/bin/web -x")]
    manager.load("system.slice")
    assert values(of_manager(manager, "GetUnitProcesses", "s", "system.slice")) == (rows,)
    manager.load("-.slice")
    (everything,) = values(of_manager(manager, "GetUnitProcesses", "s", "-.slice"))
    assert everything == [("/init.scope", 1, "/sbin/pyinit"), *rows]
    assert values(of_manager(manager, "GetUnitByPID", "u", 1000)) == (unit_path("web.service"),)
    assert values(of_manager(manager, "GetUnitByControlGroup", "s", "/system.slice/web.service/x")) == (
        unit_path("web.service"),
    )


def test_a_unit_is_found_by_its_invocation_id(manager):
    values(of_manager(manager, "StartUnit", "ss", "web.service", "replace"))
    invocation = get(manager, "web.service", "InvocationID")
    assert values(of_manager(manager, "GetUnitByInvocationID", "ay", invocation)) == (unit_path("web.service"),)
    ((_, name),) = values(manager.call(f"{ROOT}/unit/{invocation.hex()}", PROPERTIES, "Get", "ss", UNIT, "Id"))
    assert name == "web.service"


def test_jobs_are_objects(manager):
    manager.write("slow.service", "[Service]\nType=oneshot\nExecStart=/bin/slow\n")
    (path,) = values(of_manager(manager, "StartUnit", "ss", "slow.service", "replace"))
    (rows,) = values(of_manager(manager, "ListJobs"))
    assert [row[1:5] for row in rows] == [("slow.service", "start", "running", path)]
    (shown,) = values(manager.call(path, PROPERTIES, "GetAll", "s", ""))
    assert shown["JobType"] == ("s", "start") and shown["Unit"][1] == ("slow.service", unit_path("slow.service"))
    assert get(manager, "slow.service", "Job") == (rows[0][0], path)
    values(manager.call(path, "org.freedesktop.systemd1.Job", "Cancel"))
    assert values(of_manager(manager, "ListJobs")) == ([],)


def test_enqueue_tells_of_the_job(manager):
    manager.write("slow.service", "[Service]\nType=oneshot\nExecStart=/bin/slow\n")
    found = values(of_manager(manager, "EnqueueUnitJob", "sss", "slow.service", "start", "replace"))
    assert found[2:5] == ("slow.service", unit_path("slow.service"), "start")
    assert [each[2:] for each in found[5]] == [("sysinit.target", unit_path("sysinit.target"), "start")]
    assert refused(of_manager(manager, "EnqueueUnitJob", "sss", "slow.service", "x", "replace")) == (
        "InvalidArgs",
        "Job type x invalid",
    )


def test_reload_or_restart_reloads_where_it_can(manager):
    for name, expected in (("web.service", 1000), ("once.service", 0)):
        values(of_manager(manager, "StartUnit", "ss", name, "replace"))
        values(of_manager(manager, "ReloadOrRestartUnit", "ss", name, "replace"))
        assert get(manager, name, "MainPID", SERVICE) == expected


def test_the_environment(manager):
    values(of_manager(manager, "SetEnvironment", "as", ["B=2", "A=1"]))
    values(of_manager(manager, "UnsetAndSetEnvironment", "asas", ["A"], ["C=3"]))
    ((_, environment),) = values(manager.call(ROOT, PROPERTIES, "Get", "ss", MANAGER, "Environment"))
    assert environment == ["B=2", "C=3"]


def test_what_makes_no_sense_here_says_so(manager):
    assert refused(of_manager(manager, "SwitchRoot", "ss", "/a", "/b"))[0] == "NotSupported"


@pytest.mark.parametrize(("method", "text"), [
    ("PowerOff", "Powering off is only supported for system managers."),
    ("Reboot", "Reboot is only supported for system managers."),
    ("Halt", "Halt is only supported for system managers."),
    ("KExec", "KExec is only supported for system managers."),
])
def test_a_users_manager_ends_nothing_but_itself(manager, method, text):
    manager.engine.world.places = of_user({"XDG_RUNTIME_DIR": "/run/user/1"}, "/home/a")
    assert refused(of_manager(manager, method)) == ("NotSupported", text)
    manager.load("web.service")
    refusal = refused(of_manager(manager, "BindMountUnit", "sssbb", "web.service", "/a", "/b", False, False))
    assert refusal[1] == "Adding bind mounts at runtime is only supported for system managers."
    values(of_manager(manager, "Exit"))


def test_a_unit_can_be_asked_about_while_the_container_ends(manager):
    values(of_manager(manager, "PowerOff"))
    assert get(manager, "web.service", "LoadState") == "loaded"
    assert isinstance(of_manager(manager, "StartUnit", "ss", "once.service", "replace"), Error)


def test_introspection_is_xml_and_complete(manager):
    manager.load("web.service")
    (text,) = values(manager.call(unit_path("web.service"), "org.freedesktop.DBus.Introspectable", "Introspect"))
    names = {each.get("name") for each in ElementTree.fromstring(text[text.index("<node") :])}
    assert {UNIT, SERVICE, PROPERTIES} <= names
    for path, child in (("/", "org"), ("/org", "freedesktop"), (ROOT, "unit"), (ROOT + "/unit", "web_2eservice")):
        (text,) = values(manager.call(path, "org.freedesktop.DBus.Introspectable", "Introspect"))
        assert f'<node name="{child}"/>' in text


def test_our_signatures_are_signatures():
    methods = (*api_manager.METHODS, *api_unit.UNIT_METHODS, *api_unit.PROCESS_METHODS, *api_unit.JOB_OBJECT_METHODS)
    for signature in [each for method in methods for each in (method.takes, method.gives)]:
        assert tuple(introspection.complete_types(signature)) == dbus.split(signature)


def test_a_method_need_not_name_its_interface(manager):
    assert values(manager.call(ROOT, "", "ListJobs")) == ([],)
    values(manager.call(unit_path("web.service"), "", "GetAll", "s", ""))


def test_signals_fit_their_signatures(manager):
    values(of_manager(manager, "StartUnit", "ss", "all.target", "replace"))
    values(of_manager(manager, "StopUnit", "ss", "web.service", "replace"))
    seen = set()
    for effect in manager.effects:
        for path, _, member, signature, body in api_signals.signal_for(effect, manager.view):
            assert dbus.is_object_path(path)
            dbus.marshal(signature, body)
            seen.add(member)
    assert {"JobNew", "JobRemoved", "PropertiesChanged"} <= seen
    for signal in (api_signals.reloading(True), api_signals.unit_files_changed()):
        dbus.marshal(signal[3], signal[4])


def test_a_change_is_told_for_both_interfaces(manager):
    values(of_manager(manager, "StartUnit", "ss", "web.service", "replace"))
    signals = api_signals.signal_for(UnitChanged("web.service"), manager.view)
    assert [signal[4][0] for signal in signals] == [SERVICE, UNIT]
    assert signals[1][4][1]["ActiveState"] == ("s", "active")
    assert "Description" not in signals[1][4][1]


def test_a_unit_is_referred_to_by_who_has_a_name_on_the_bus(manager):
    def ask(member, client, name="web.service"):
        return manager.call(ROOT, MANAGER, member, "s", name, client=client)

    assert refused(ask("RefUnit", "")) == ("InvalidArgs", "Invalid argument")
    assert refused(ask("RefUnit", ":1.5", "nosuch.service")) == ("NoSuchUnit", "Unit nosuch.service not found.")
    values(ask("RefUnit", ":1.5"))
    values(ask("RefUnit", ":1.6"))
    assert get(manager, "web.service", "Refs") == [":1.5", ":1.6"]
    values(ask("UnrefUnit", ":1.6"))
    values(ask("UnrefUnit", ":1.6"))
    assert get(manager, "web.service", "Refs") == [":1.5"]
    manager.engine.collect_garbage(manager.now())
    assert "web.service" in manager.engine.units
    manager.feed(ClientGone(":1.5"))
    assert refused(ask("UnrefUnit", ":1.5")) == ("NotReferenced", "Unit has not been referenced yet.")
    manager.engine.collect_garbage(manager.now())
    assert "web.service" not in manager.engine.units
