from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from initd.core.dependency import Dependency
from initd.core.load import LoadFacts, load_unit
from initd.core.sources import UnitFiles, UnitText
from initd.core.states import LoadState, NotifyAccess, ServiceType

FACTS = LoadFacts()


def load(text: str, name: str = "q.service", *dropins: str):
    files = UnitFiles(
        name, (name,), UnitText("/u/" + name, text),
        tuple(UnitText(f"/u/{name}.d/{number}.conf", dropin) for number, dropin in enumerate(dropins)),
    )
    return load_unit(files, FACTS)


def of_kind(definition, kind: Dependency) -> set[str]:
    return {entry.unit for entry in definition.dependencies if entry.kind is kind}


GOOD = "[Service]\nExecStart=/bin/true\n"

#: The file's text, and the last word that systemd 252 logged about it; all of them are LoadState=bad-setting there.
REFUSED = [
    ("[Service]\nType=simple\n", "Service has no ExecStart=, ExecStop=, or SuccessAction=. Refusing."),
    ("[Service]\nExecStart=true\"\n", "Service has no ExecStart=, ExecStop=, or SuccessAction=. Refusing."),
    ("[Service]\nExecStart=/bin/a\nExecStart=/bin/b\n",
     "Service has more than one ExecStart= setting, which is only allowed for Type=oneshot services. Refusing."),
    ("[Service]\nType=oneshot\nRestart=always\nExecStart=/bin/true\n",
     "Service has Restart= set to either always or on-success, which isn't allowed for Type=oneshot services. Refusing."),
    ("[Service]\nType=dbus\nExecStart=/bin/true\n",
     "Service is of type D-Bus but no D-Bus service name has been specified. Refusing."),
]


@pytest.mark.parametrize(("text", "reason"), REFUSED)
def test_refused_services(text, reason):
    definition = load(text)
    assert definition.load_state is LoadState.BAD_SETTING
    assert definition.load_error == "Unit q.service has a bad unit file setting."
    assert definition.load_error_name == "org.freedesktop.systemd1.BadUnitSetting"
    assert definition.diagnostics[-1].text == f"q.service: {reason}"
    assert "sysinit.target" in of_kind(definition, Dependency.AFTER)


#: Lines that make the unit bad by themselves, and what systemd logs with their line number.
FATAL = [
    ("ExecStart=bin/true", "Neither a valid executable name nor an absolute path: bin/true"),
    ("ExecStart=/bin/true %Q", "Failed to resolve unit specifiers in %Q: Invalid slot"),
    ("ExecStart=@", "Empty path in command line: '@'"),
    ("ExecStart=/bin/x/", "Executable path specifies a directory: /bin/x/"),
    ("User=a:b", "Invalid user/group name or numeric ID: a:b"),
    ("WorkingDirectory=foo", "WorkingDirectory= path is not absolute: foo"),
]


@pytest.mark.parametrize(("line", "reason"), FATAL)
def test_a_line_that_makes_the_unit_bad(line, reason):
    definition = load(GOOD + line + "\nNice=5\n")
    assert definition.load_state is LoadState.BAD_SETTING
    assert [(item.line, item.text) for item in definition.diagnostics] == [
        (3, reason), (0, "q.service: Unit configuration has fatal error, unit will not be started."),
    ]
    assert definition.exec.nice is None, "the rest of the file is not read"
    assert definition.dependencies == ()


@pytest.mark.parametrize("line", [line for line, _ in FATAL if line.startswith("ExecStart=") and line != "ExecStart=@"])
def test_a_command_that_may_fail_may_be_nonsense(line):
    assert load(GOOD + line.replace("=", "=-", 1) + "\n").load_state is LoadState.LOADED


@pytest.mark.parametrize(("line", "_"), FATAL)
def test_in_a_dropin_it_ends_the_dropin_alone(line, _):
    definition = load(GOOD, "q.service", f"[Service]\n{line}\nNice=5\n", "[Unit]\nDescription=x\n")
    assert definition.load_state is LoadState.LOADED
    assert definition.exec.nice is None
    assert definition.unit.description == "x"


@pytest.mark.parametrize(("text", "error_name", "reason"), [
    ("[Unit]\nDescription=bs\n[Serv\n" + GOOD, "org.freedesktop.DBus.Error.InconsistentMessage", "Bad message"),
    ("[Unit]\nDescription=bs\nDocumentation=\udcff\n" + GOOD, "org.freedesktop.DBus.Error.InvalidArgs",
     "Invalid argument"),
    ("[Unit]\nDescription=bs\nFoo=" + "a" * 1_100_000 + "\n" + GOOD, "org.freedesktop.DBus.Error.LimitsExceeded",
     "No buffer space available"),
])
def test_a_file_that_cannot_be_read_to_its_end(text, error_name, reason):
    definition = load(text)
    assert definition.load_state is LoadState.ERROR
    assert definition.load_error_name == error_name
    assert definition.load_error == (
        f"Unit q.service failed to load properly, please adjust/correct and reload service manager: {reason}"
    )
    assert definition.unit.description == "bs"


def test_not_found_masked_and_unreadable():
    missing = load_unit(UnitFiles("q.service", dropins=(UnitText("/d", "[Unit]\nDescription=x\n"),)), FACTS)
    assert (missing.load_state, missing.load_error) == (LoadState.NOT_FOUND, "Unit q.service not found.")
    assert missing.unit.description == "q.service" and missing.dropin_paths == ()
    masked = load_unit(UnitFiles("q.service", fragment=UnitText("/u/q.service", ""), is_masked=True), FACTS)
    assert (masked.load_state, masked.load_error) == (LoadState.MASKED, "Unit q.service is masked.")
    assert masked.fragment_path == "/u/q.service"
    unreadable = load_unit(UnitFiles("q.service", load_error="Permission denied", load_errno=13), FACTS)
    assert unreadable.load_state is LoadState.ERROR
    assert unreadable.load_error_name == "org.freedesktop.DBus.Error.AccessDenied"
    assert unreadable.load_error.endswith(": Permission denied")


def test_unknown_sections_and_keys():
    definition = load("[Unit]\nFoo=1\nX-Bar=2\n[Foo]\na=1\n[X-Foo]\nb=2\n" + GOOD + "[Socket]\nListenStream=1\n")
    assert [(item.line, item.text) for item in definition.diagnostics] == [
        (4, "Unknown section 'Foo'. Ignoring."), (10, "Unknown section 'Socket'. Ignoring."),
        (2, "Unknown key 'Foo' in section [Unit], ignoring."),
    ]
    assert definition.load_state is LoadState.LOADED


def test_default_dependencies_of_a_service():
    definition = load(GOOD)
    assert of_kind(definition, Dependency.REQUIRES) == {"sysinit.target", "system.slice"}
    assert of_kind(definition, Dependency.AFTER) == {
        "sysinit.target", "basic.target", "systemd-journald.socket", "system.slice",
    }
    assert of_kind(definition, Dependency.BEFORE) == of_kind(definition, Dependency.CONFLICTS) == {"shutdown.target"}
    assert {entry.origin for entry in definition.dependencies} == {"default", "implicit"}


def test_without_default_dependencies():
    definition = load("[Unit]\nDefaultDependencies=no\n" + GOOD)
    assert of_kind(definition, Dependency.REQUIRES) == {"system.slice"}
    assert of_kind(definition, Dependency.CONFLICTS) == set()


def test_dependencies_on_itself_are_dropped_and_templates_become_instances():
    definition = load("[Unit]\nWants=q.service a@.service b.service\n" + GOOD)
    assert of_kind(definition, Dependency.WANTS) == {"a@q.service", "b.service"}


def test_dependencies_of_an_instance():
    definition = load("[Unit]\nAfter=%i.service foo-%j.service x@%i.service y@.service\n" + GOOD, "ac@i-1.service")
    assert of_kind(definition, Dependency.AFTER) >= {"i-1.service", "foo-ac.service", "x@i-1.service", "y@i-1.service"}
    assert definition.cgroup.slice == "system-ac.slice"


def test_a_dash_in_a_template_is_no_level_of_the_slices():
    assert load(GOOD, "t-a@x.service").cgroup.slice == "system-t\\x2da.slice"


@pytest.mark.parametrize(("lines", "kind"), [
    ("ExecStart=/bin/a\n", ServiceType.SIMPLE), ("ExecStart=/bin/a\nBusName=a.b\n", ServiceType.DBUS),
    ("ExecStop=/bin/a\nRemainAfterExit=yes\n", ServiceType.ONESHOT),
])
def test_the_type_follows_from_what_is_there(lines, kind):
    definition = load("[Service]\n" + lines)
    assert definition.specific.type is kind
    assert definition.load_state is LoadState.LOADED


def test_a_oneshot_may_take_for_ever_unless_told_otherwise():
    assert load("[Service]\nType=oneshot\nExecStart=/bin/a\n").specific.timeout_start_usec == 2**64 - 1
    limited = load("[Service]\nType=oneshot\nExecStart=/bin/a\nTimeoutStartSec=5\n")
    assert limited.specific.timeout_start_usec == 5_000_000


def test_notify_services_are_heard():
    assert load("[Service]\nType=notify\nExecStart=/bin/a\n").specific.notify_access is NotifyAccess.MAIN


def test_system_conf_decides_what_files_leave_open():
    files = UnitFiles("q.service", fragment=UnitText("/u/q.service", GOOD + "TimeoutStopSec=3\n"))
    facts = FACTS.replace(default_timeout_start_usec=7, default_timeout_stop_usec=8, default_start_limit_burst=9)
    definition = load_unit(files, facts)
    assert definition.specific.timeout_start_usec == 7
    assert definition.specific.timeout_stop_usec == 3_000_000
    assert definition.unit.start_limit_burst == 9


def test_links_are_dependencies():
    files = UnitFiles("q.target", fragment=UnitText("/u", "[Unit]\n"), links=((Dependency.WANTS, "a.service"),))
    assert of_kind(load_unit(files, FACTS), Dependency.WANTS) == {"a.service"}


def test_dropins_add_and_replace():
    definition = load(GOOD + "Nice=1\n", "q.service", "[Service]\nNice=2\nExecStartPre=/bin/p\n",
                      "[Service]\nExecStart=\n"
                      "ExecStart=/bin/other\n")
    assert definition.exec.nice == 2
    assert [command.path for command in definition.specific.exec_start] == ["/bin/other"]
    assert definition.dropin_paths == ("/u/q.service.d/0.conf", "/u/q.service.d/1.conf")


#: [Service] lines → some of what systemd 252 added.
IMPLIED = [
    ("PrivateTmp=yes", Dependency.WANTS, {"tmp.mount"}),
    ("PrivateTmp=yes", Dependency.AFTER, {"tmp.mount", "systemd-tmpfiles-setup.service", "-.mount"}),
    ("CacheDirectory=x", Dependency.AFTER, {"systemd-remount-fs.service", "-.mount"}),
    ("Type=dbus\nBusName=a.b", Dependency.REQUIRES, {"dbus.socket"}),
    ("LogNamespace=foo", Dependency.REQUIRES, {"systemd-journald@foo.socket", "systemd-journald-varlink@foo.socket"}),
    ("RootImage=/a.img", Dependency.AFTER, {"systemd-udevd.service"}),
    ("RootImage=/a.img\nDevicePolicy=closed", Dependency.AFTER, {"modprobe@loop.service", "systemd-udevd.service"}),
    ("Slice=foo-bar.slice", Dependency.AFTER, {"foo-bar.slice"}),
    ("StandardInput=socket\nStandardError=journal", Dependency.AFTER, {"systemd-journald.socket"}),
]


@pytest.mark.parametrize(("lines", "kind", "units"), IMPLIED)
def test_implied_dependencies(lines, kind, units):
    assert of_kind(load(GOOD + lines + "\n"), kind) >= units


@pytest.mark.parametrize("lines", [
    "StandardOutput=null", "StandardInput=socket", "StandardOutput=file:/x\nStandardError=fd:foo",
    "RuntimeDirectory=x\nStandardInput=tty",
])
def test_no_journal_without_output_to_it(lines):
    assert "systemd-journald.socket" not in of_kind(load(GOOD + lines + "\n"), Dependency.AFTER)


def test_paths_that_must_be_mounted():
    definition = load(GOOD + "RuntimeDirectory=b/c a\nPrivateTmp=yes\nWorkingDirectory=/srv\n"
                      "[Unit]\nRequiresMountsFor=/var/log/x\n")
    assert set(definition.unit.requires_mounts_for) == {"/var/log/x", "/run/b/c", "/run/a", "/var/tmp", "/srv"}


#: Name, text, kind, all units of that kind, as systemd 252 has them in a container.
OTHER_TYPES = [
    ("ra.socket", "[Socket]\nListenStream=80\nService=foo.service\n", Dependency.BEFORE,
     {"sockets.target", "shutdown.target", "foo.service"}),
    ("ra.socket", "[Socket]\nListenStream=80\nService=foo.service\n", Dependency.TRIGGERS, {"foo.service"}),
    ("rb.timer", "[Timer]\nOnCalendar=daily\nOnBootSec=5\nPersistent=true\nUnit=foo.service\n", Dependency.AFTER,
     {"sysinit.target", "-.mount", "time-set.target", "time-sync.target"}),
    ("rb.timer", "[Timer]\nOnBootSec=5\n", Dependency.BEFORE, {"rb.service", "shutdown.target", "timers.target"}),
    ("rc.path", "[Path]\nPathExists=/a\n", Dependency.BEFORE, {"shutdown.target", "rc.service", "paths.target"}),
    ("foo-bar.mount", "[Mount]\nWhat=/dev/sda1\nWhere=/foo/bar\nOptions=nofail,ro\n", Dependency.BEFORE,
     {"umount.target"}),
    ("foo-bar.mount", "[Mount]\nWhat=/dev/sda1\nWhere=/foo/bar\nOptions=nofail,ro\n", Dependency.AFTER,
     {"system.slice", "-.mount", "local-fs-pre.target", "systemd-journald.socket"}),
    ("foo-baz.mount", "[Mount]\nWhat=server:/x\nWhere=/foo/baz\nType=nfs\n", Dependency.AFTER,
     {"system.slice", "systemd-journald.socket", "remote-fs-pre.target", "network.target", "-.mount",
      "network-online.target"}),
    ("foo-tmp.mount", "[Mount]\nWhat=tmpfs\nWhere=/foo/tmp\nType=tmpfs\n", Dependency.AFTER,
     {"-.mount", "local-fs-pre.target", "systemd-journald.socket", "system.slice", "swap.target"}),
    ("foo-bar.automount", "[Automount]\nWhere=/foo/bar\n", Dependency.BEFORE,
     {"local-fs.target", "foo-bar.mount", "umount.target"}),
    ("foo-x.slice", "[Slice]\nMemoryMax=5G\n", Dependency.REQUIRES, {"foo.slice"}),
    ("rd.target", "[Unit]\nWants=foo.service\nDefaultDependencies=no\n", Dependency.CONFLICTS, set()),
    ("shutdown.target", "[Unit]\nDescription=x\n", Dependency.CONFLICTS, set()),
]


@pytest.mark.parametrize(("name", "text", "kind", "units"), OTHER_TYPES)
def test_dependencies_of_other_types(name, text, kind, units):
    definition = load(text, name)
    assert definition.load_state is LoadState.LOADED
    assert of_kind(definition, kind) == units


@pytest.mark.parametrize(("name", "text"), [
    ("q.socket", "[Socket]\n"), ("q.timer", "[Timer]\n"), ("q.path", "[Path]\n"), ("q.mount",
                                                                                   "[Mount]\nWhat=/x\nWhere=/foo\n"),
    ("q.swap", "[Swap]\nWhat=/dev/x\n"), ("q.automount", "[Automount]\nWhere=/foo\n"),
    ("ra.socket", "[Socket]\nListenStream=/a\nListenStream=/b\nSymlinks=/c\n"),
])
def test_other_types_that_are_refused(name, text):
    assert load(text, name).load_state is LoadState.BAD_SETTING


@pytest.mark.parametrize(("name", "description"), [
    ("foo-x.slice", "Slice /foo/x"), ("-.slice", "Root Slice"), ("a.service", "a.service"),
])
def test_descriptions_of_units_without_one(name, description):
    assert load_unit(UnitFiles(name), FACTS).unit.description == description


def test_slices_need_no_file():
    definition = load_unit(UnitFiles("foo-x.slice"), FACTS)
    assert definition.load_state is LoadState.LOADED and definition.cgroup.slice == "foo.slice"
    assert load_unit(UnitFiles("-.slice"), FACTS).dependencies == ()


def test_protection_takes_capabilities_away():
    definition = load(GOOD + "PrivateDevices=yes\nProtectClock=yes\n")
    for number in (27, 17, 25, 35):  # MKNOD, SYS_RAWIO, SYS_TIME, WAKE_ALARM
        assert not definition.exec.capability_bounding_set >> number & 1
    assert definition.cgroup.device_policy == "closed"
    assert ("char-rtc", "r") in definition.cgroup.device_allow


def test_a_dynamic_user_is_locked_in():
    definition = load(GOOD + "DynamicUser=yes\n")
    settings = definition.exec
    assert (settings.user, settings.group) == ("q", "q")
    assert (settings.protect_system, settings.protect_home) == ("strict", "read-only")
    assert settings.private_tmp and settings.remove_ipc and settings.no_new_privileges and settings.restrict_suid_sgid


@settings(deadline=None)
@given(st.text(), st.sampled_from(["q.service", "q.socket", "q@i.timer", "q.target", "a-b.mount", "q.slice", "q.scope",
                                   "q.device"]))
def test_loading_never_raises(text, name):
    load(text, name)
    load("[Unit]\n" + text, name, text)


#: The lines, and what systemd 252 says of them, though it honours them.
FROWNED_UPON = [
    ("KillMode=none", "/u/q.service:3: Unit uses KillMode=none. This is unsafe, as it disables systemd's process lifecycle "
     "management for the service. Please update the service to use a safer KillMode=, such as 'mixed' or 'control-group'. "
     "Support for KillMode=none is deprecated and will eventually be removed."),
    ("MemoryLimit=1G", "/u/q.service:3: Unit uses MemoryLimit=; please use MemoryMax= instead. "
     "Support for MemoryLimit= will be removed soon."),
    ("CPUShares=100", "/u/q.service:3: Unit uses CPUShares=; please use CPUWeight= instead. "
     "Support for CPUShares= will be removed soon."),
    ("User=odd user", "Accepting user/group name 'odd user', which does not match strict user/group name rules."),
    ("SupplementaryGroups=a.b", "Accepting user/group name 'a.b', which does not match strict user/group name rules."),
]


@pytest.mark.parametrize(("line", "text"), FROWNED_UPON)
def test_what_is_honoured_with_a_frown(line, text):
    definition = load(GOOD + line + "\n")
    assert definition.load_state is LoadState.LOADED
    assert [str(found) for found in definition.diagnostics] == [text]


@pytest.mark.parametrize(("line", "text"), [
    ("Nice=x", "Failed to parse nice priority 'x', ignoring: Invalid argument"),
    ("Nice=99", "Nice priority out of range, ignoring: 99"),
    ("OOMScoreAdjust=x", "Failed to parse the OOM score adjust value 'x', ignoring: Invalid argument"),
    ("OOMScoreAdjust=9999", "OOM score adjust value out of range, ignoring: 9999"),
    ("TasksMax=x", "Invalid maximum tasks value 'x', ignoring: Invalid argument"),
    ("TasksMax=-1", "Invalid maximum tasks value '-1', ignoring: Numerical result out of range"),
    ("MemoryMax=-1", "Invalid memory limit '-1', ignoring: Numerical result out of range"),
    ("IOWeight=x", "Invalid weight, ignoring: x"), ("CPUWeight=x", "Invalid CPU weight, ignoring: x"),
    ("KillMode=x", "Failed to parse kill mode specification, ignoring: x"),
    ("ExecStart=-%Z", "Failed to resolve unit specifiers in '%Z', ignoring: Invalid slot"),
])
def test_what_is_ignored_is_told_in_systemds_words(line, text):
    definition = load(GOOD + line + "\n")
    assert definition.load_state is LoadState.LOADED
    assert [str(found) for found in definition.diagnostics] == ["/u/q.service:3: " + text]


@pytest.mark.parametrize("name", ["root", "_apt", "a-b", "A9", "0", "1000", "4294967294"])
def test_names_by_the_strict_rules_get_no_word(name):
    assert load(f"{GOOD}User={name}\nGroup={name}\n").diagnostics == ()


@pytest.mark.parametrize("name", ["65535", "4294967295", "99999999999", "-1", ".", "a:b"])
def test_numbers_that_are_no_ids_are_refused(name):
    assert load(f"{GOOD}User={name}\n").load_state is LoadState.BAD_SETTING


def test_spaces_behind_the_marks_of_a_condition():
    definition = load("[Unit]\nConditionHost=| ! x\nConditionPathExists=| /x\n" + GOOD)
    (condition,) = definition.unit.conditions
    assert (condition.parameter, condition.is_triggering, condition.is_negated) == ("x", True, True)
    assert [found.text for found in definition.diagnostics] == [
        "ConditionPathExists= path is not absolute, ignoring:  /x"
    ]


def test_nothing_delays_a_device():
    definition = load(GOOD + "[Unit]\nBefore=dev-x.device a.service\n")
    assert {entry.unit for entry in definition.dependencies if entry.kind is Dependency.BEFORE} == {
        "a.service", "shutdown.target"}
    assert [found.text for found in definition.diagnostics] == [
        "Dependency Before=dev-x.device ignored (.device units cannot be delayed)"]
