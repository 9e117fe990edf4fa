from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from initd.core import settings as settings_module
from initd.core.directive import Merge
from initd.core.directives import TABLE, properties_of
from initd.core.load import LoadFacts, load_unit
from initd.core.sections import SECTIONS, Group, new_settings
from initd.core.sources import UnitFiles, UnitText
from initd.core.states import Fate, UnitType

FACTS = LoadFacts(memory_total=16 * 2**30, tasks_total=100_000)
KIND_OF_SECTION = {section: kind for kind, (section, _) in SECTIONS.items()}


def known_to_systemd() -> list[tuple[str, str]]:
    found = []
    section = ""
    for line in (Path(__file__).parent / "systemd252_directives.txt").read_text().splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif not line.startswith("#"):
            found += [(section, key) for key in line.split()]
    return found


def load(section: str, *lines: str, name: str = "w1.service"):
    text = f"[{section}]\n" + "\n".join(lines) + "\n"
    if section not in ("Unit", "Install"):
        name = f"w1.{KIND_OF_SECTION[section].value}"
    if name.endswith(".service") and not any(line.startswith("ExecStart=") for line in lines):
        text += "[Service]\nExecStart=/bin/true\n"
    return load_unit(UnitFiles(name, (name,), UnitText("/run/systemd/system/" + name, text)), FACTS)


def shown(definition, name: str):
    groups = {Group.UNIT: definition.unit, Group.SPECIFIC: definition.specific, Group.EXEC: definition.exec,
              Group.KILL: definition.kill, Group.CGROUP: definition.cgroup}
    for group, item in properties_of(definition.type):
        if item.name == name:
            return item.show(groups[group], FACTS)
    raise AssertionError(f"no property {name}")


def test_nothing_that_systemd_accepts_is_unknown():
    assert [pair for pair in known_to_systemd() if pair not in TABLE] == []


def test_every_field_is_one_of_its_settings_class():
    for (section, key), directive in TABLE.items():
        if directive.field:
            kind = KIND_OF_SECTION.get(section, UnitType.SERVICE)
            assert hasattr(new_settings(kind)[directive.group], directive.field), (section, key)


def test_every_directive_that_is_not_applied_says_why():
    for directive in TABLE.values():
        assert bool(directive.reason) == (directive.fate is not Fate.APPLIED), directive.key


@pytest.mark.parametrize("kind", list(UnitType))
def test_no_property_is_written_twice(kind):
    names = [item.name for _, item in properties_of(kind)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("kind", list(UnitType))
def test_every_property_of_an_empty_unit_can_be_shown(kind):
    settings = new_settings(kind)
    for group, item in properties_of(kind):
        value = item.show(settings[group], FACTS)
        if item.signature == "b":
            assert isinstance(value, bool), item.name
        elif item.signature == "s":
            assert isinstance(value, str), item.name
        elif item.signature in ("t", "u", "i", "q", "x"):
            assert isinstance(value, int), item.name
        elif item.signature.startswith("a") and item.signature != "ay":
            assert isinstance(value, list), item.name


def test_instances_hold_only_what_was_set():
    definition = load("Service", "Nice=5")
    assert vars(definition.exec) == {"nice": 5, "keyring_mode": "private"}
    assert settings_module.ExecSettings.nice is None


#: Each row once: what the sections share is tried under [Service].
ROWS = {id(directive): (section, key) for (section, key), directive in reversed(TABLE.items())}


NASTY = ["", "yes", "5", "-1", "a b", "/x", "/", "~", "~a", "%i", "%Q", "%", "infinity", "a:b", ":", "::", "+", "-",
         "@", "\"", "\\",
         "100%", "a=b", "=", "é", "0x7f", "/a:/b:c", "tcp:0-1", "[::", "1.2.3.4/99", "5 5 5", "|", "!", "²", "1" * 400]


def show_all(definition) -> None:
    groups = {Group.UNIT: definition.unit, Group.SPECIFIC: definition.specific, Group.EXEC: definition.exec,
              Group.KILL: definition.kill, Group.CGROUP: definition.cgroup}
    for group, item in properties_of(definition.type):
        item.show(groups[group], FACTS)


@pytest.mark.parametrize(("section", "key"), sorted(ROWS.values()))
def test_no_value_raises(section, key):
    definition = load(section, *(f"{key}={text}" for text in NASTY if "Exec" not in key))
    show_all(definition)
    for text in NASTY:
        load(section, f"{key}={text}")


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from(sorted(ROWS.values())), st.text()), max_size=5))
def test_no_text_raises(pairs):
    for (section, key), text in pairs:
        show_all(load(section, f"{key}={text}"))


#: (section, lines, property, value) as a real systemd 252 answered over D-Bus.
RECORDED = [
    ("Service", ["Environment=A=1 \"B=2 3\" 'C=a\"b' D=%n bad 1x=2 A=9 E=\\x41 F=\"q r\"", "Environment=G=$A"],
     "Environment",
     ["A=9", "B=2 3", 'C=a"b', "D=w1.service", "E=A", "F=q r", "G=$A"]),
    ("Service", ["PassEnvironment=A B-x C"], "PassEnvironment", ["A", "C"]),
    ("Service", ["UnsetEnvironment=A B=2"], "UnsetEnvironment", ["A", "B=2"]),
    ("Service", ["EnvironmentFile=-/etc/default/x y", "EnvironmentFile=/etc/a%p", "EnvironmentFile=foo"],
     "EnvironmentFiles",
     [("/etc/default/x y", True), ("/etc/aw1", False)]),
    ("Service", ["UMask=027", "UMask=9"], "UMask", 0o27),
    ("Service", ["UMask=77777"], "UMask", 0o22),
    ("Service", ["LimitNOFILE=1024:4096"], "LimitNOFILE", 4096),
    ("Service", ["LimitNOFILE=1024:4096"], "LimitNOFILESoft", 1024),
    ("Service", ["LimitCPU=1min"], "LimitCPU", 60),
    ("Service", ["LimitAS=1G"], "LimitAS", 2**30),
    ("Service", ["LimitNICE=+5"], "LimitNICE", 15),
    ("Service", ["LimitRTTIME=5"], "LimitRTTIME", 5),
    ("Service", ["LimitNPROC=7", "LimitNPROC=5:3"], "LimitNPROC", 7),
    ("Service", ["Nice=-5", "Nice=30"], "Nice", -5),
    ("Service", ["Nice=+5"], "Nice", 5),
    ("Service", ["Nice=5", "Nice="], "Nice", 0),
    ("Service", ["OOMScoreAdjust=-1001"], "OOMScoreAdjust", 0),
    ("Service", ["CPUSchedulingPolicy=rr"], "CPUSchedulingPolicy", 2),
    ("Service", ["CPUSchedulingPolicy=rr"], "CPUSchedulingPriority", 1),
    ("Service", ["IOSchedulingClass=idle", "IOSchedulingPriority=9"], "IOSchedulingClass", 3),
    ("Service", ["IOSchedulingPriority=9"], "IOSchedulingPriority", 4),
    ("Service", ["CapabilityBoundingSet=CAP_CHOWN cap_kill foo", "CapabilityBoundingSet=~CAP_KILL"],
     "CapabilityBoundingSet", 1),
    ("Service", ["CapabilityBoundingSet="], "CapabilityBoundingSet", 0),
    ("Service", ["AmbientCapabilities=~CAP_KILL"], "AmbientCapabilities", (1 << 41) - 1 - (1 << 5)),
    ("Service", ["SecureBits=keep-caps noroot"], "SecureBits", 17),
    ("Service", ["RuntimeDirectory=b/c:d a ../x"], "RuntimeDirectory", ["a", "b/c"]),
    ("Service", ["RuntimeDirectory=a b/c:d"], "RuntimeDirectorySymlink", [("b/c", "d", 0)]),
    ("Service", ["StandardOutput=append:/var/log/%p"], "StandardOutput", "append"),
    ("Service", ["StandardInput=socket"], "StandardOutput", "inherit"),
    ("Service", ["StandardInput=data"], "StandardOutput", "journal"),
    ("Service", ["StandardError=fd:foo"], "StandardErrorFileDescriptorName", "foo"),
    ("Service", ["StandardInputText=abc"], "StandardInputData", b"abc\n"),
    ("Service", ["SyslogFacility=local0", "SyslogLevel=debug"], "SyslogPriority", 135),
    ("Service", ["PrivateTmp=yes", "PrivateTmp="], "PrivateTmp", True),
    ("Service", ["ProtectSystem=strict"], "ProtectSystem", "strict"),
    ("Service", ["ProtectHome=true"], "ProtectHome", "yes"),
    ("Service", ["ReadWritePaths=/a -/b +/c rel /a/../d"], "ReadWritePaths", ["/a", "-/b", "+/c"]),
    ("Service", ["SystemCallErrorNumber=EPERM"], "SystemCallErrorNumber", 1),
    ("Service", [], "SystemCallErrorNumber", 2147483646),
    ("Service", ["RestrictNamespaces=net pid"], "RestrictNamespaces", 0x60000000),
    ("Service", ["RestrictAddressFamilies=AF_UNIX AF_INET foo"], "RestrictAddressFamilies",
     (True, ["AF_INET", "AF_UNIX"])),
    ("Service", ["DeviceAllow=/dev/null rw", "DeviceAllow=char-pts"], "DeviceAllow",
     [("char-pts", "rwm"), ("/dev/null", "rw")]),
    ("Service", ["MemoryMax=1G"], "MemoryMax", 2**30),
    ("Service", ["MemoryHigh=50%"], "MemoryHigh", 8 * 2**30),
    ("Service", ["CPUQuota=20%"], "CPUQuotaPerSecUSec", 200_000),
    ("Service", ["CPUWeight=idle"], "CPUWeight", 0),
    ("Service", ["TasksMax=20%"], "TasksMax", 20_000),
    ("Service", [], "TasksMax", 15_000),
    ("Service", ["Delegate=cpu memory"], "DelegateControllers", ["cpu", "memory"]),
    ("Service", ["Delegate=yes"], "DelegateControllers", ["cpu", "cpuset", "io", "memory", "pids"]),
    ("Service", ["IPAddressAllow=10.1.2.3/8 localhost"], "IPAddressAllow",
     [(2, bytes((10, 0, 0, 0)), 8), (2, bytes((127, 0, 0, 0)), 8), (10, bytes(15) + b"\1", 128)]),
    ("Service", ["SocketBindAllow=tcp:80-90"], "SocketBindAllow", [(0, 6, 11, 80)]),
    ("Service", ["KillSignal=SIGINT"], "RestartKillSignal", 2),
    ("Service", ["SuccessExitStatus=1 SIGUSR1 TEMPFAIL 300"], "SuccessExitStatus", ([1, 75], [10])),
    ("Service", ["WorkingDirectory=-~"], "WorkingDirectory", "!~"),
    ("Service", ["WorkingDirectory=/var//log/./x"], "WorkingDirectory", "/var/log/x"),
    ("Service", ["CPUAffinity=0-2 5"], "CPUAffinity", bytes((39, 0, 0, 0, 0, 0, 0, 0))),
    ("Service", ["BindPaths=/a:/b:rbind -/c /d:/e"], "BindPaths",
     [("/a", "/b", False, 16384), ("/c", "/c", True, 16384), ("/d", "/e", False, 16384)]),
    ("Service", ["LogExtraFields=A=b \"C=d e\""], "LogExtraFields", [b"A=b", b"C=d e"]),
    ("Service", ["MountFlags=shared"], "MountFlags", 1048576),
    ("Service", ["TimerSlackNSec=5ms"], "TimerSlackNSec", 5_000_000),
    ("Service", ["SetCredential=a:b\\x41"], "SetCredential", [("a", b"bA")]),
    ("Service", ["CoredumpFilter=all"], "CoredumpFilter", 0xffffffff),
    ("Service", ["PIDFile=foo.pid"], "PIDFile", "/run/foo.pid"),
    ("Service", ["PIDFile=/var/run/foo.pid"], "PIDFile", "/run/foo.pid"),
    ("Service", ["TimeoutSec=5 min"], "TimeoutAbortUSec", 300_000_000),
    ("Service", ["TimeoutStartSec=0"], "TimeoutStartUSec", 2**64 - 1),
    ("Service", ["NotifyAccess=foo"], "NotifyAccess", "none"),
    ("Service", ["WatchdogSec=10"], "NotifyAccess", "main"),
    ("Service", ["RootDirectory=/srv"], "MountAPIVFS", True),
    ("Service", ["AppArmorProfile=-foo"], "AppArmorProfile", (True, "foo")),
    ("Unit", ["Documentation=man:foo http://x \"bad\" file:/x"], "Documentation", ["man:foo", "http://x", "file:/x"]),
    ("Unit", ["ConditionPathExists=|!/foo", "ConditionPathExists=foo", "ConditionVirtualization=!container",
              "ConditionKernelVersion=>= 5"], "Conditions",
     [("ConditionKernelVersion", False, False, ">= 5", 0), ("ConditionVirtualization", False, True, "container", 0),
      ("ConditionPathExists", True, True, "/foo", 0)]),
    ("Unit", ["JobTimeoutSec=10"], "JobRunningTimeoutUSec", 10_000_000),
    ("Unit", ["FailureActionExitStatus=7"], "FailureActionExitStatus", 7),
    ("Unit", ["Description=%n %Q", "Description=%p\\x41\"q\""], "Description", "w1\\x41\"q\""),
    ("Unit", ["StartLimitIntervalSec=0"], "StartLimitIntervalUSec", 0),
    ("Socket", ["ListenStream=80", "ListenStream=127.0.0.1:81", "ListenStream=@abs", "ListenDatagram=/run/x.sock",
                "ListenFIFO=/run/f",
                "ListenNetlink=kobject-uevent 1", "ListenStream=[::1]:5", "ListenStream=vsock:2:5", "ListenStream=foo",
                "ListenSequentialPacket=/run/%N", "ListenMessageQueue=/q", "ListenSpecial=/dev/log",
                "ListenStream=/var/run/y"], "Listen",
     [("Stream", "[::]:80"), ("Stream", "127.0.0.1:81"), ("Stream", "@abs"), ("Datagram", "/run/x.sock"),
      ("FIFO", "/run/f"),
      ("Netlink", "kobject-uevent 1"), ("Stream", "[::1]:5"), ("Stream", "vsock:2:5"), ("SequentialPacket", "/run/w1"),
      ("MessageQueue", "/q"), ("Special", "/dev/log"), ("Stream", "/run/y")]),
    ("Socket", ["ListenStream=80", "SocketProtocol=udplite"], "SocketProtocol", 136),
    ("Socket", ["ListenStream=80", "IPTOS=low-delay"], "IPTOS", 16),
    ("Socket", ["ListenStream=80", "ReceiveBuffer=1K"], "ReceiveBuffer", 1024),
    ("Socket", ["ListenStream=80", "Accept=yes"], "TriggerLimitBurst", 200),
    ("Timer", ["OnBootSec=5", "OnUnitActiveSec=1h"], "TimersMonotonic",
     [("OnUnitActiveUSec", 3600000000, 0), ("OnBootUSec", 5000000, 0)]),
    ("Timer", ["OnBootSec=5", "OnCalendar=daily", "OnCalendar="], "TimersMonotonic", []),
    ("Timer", ["OnBootSec=5"], "Unit", "w1.service"),
    ("Path", ["PathExists=/a", "PathChanged=/b", "PathModified=rel"], "Paths",
     [("PathChanged", "/b"), ("PathExists", "/a")]),
]


@pytest.mark.parametrize(("section", "lines", "name", "value"), RECORDED)
def test_as_systemd_answered(section, lines, name, value):
    got = shown(load(section, *lines), name)
    assert (list(map(tuple, got)) if isinstance(got, list) and got and isinstance(got[0], tuple) else got) == value


#: What systemd 252 logged about a line it ignored.
LOGGED = [
    ("Service", "PrivateTmp=", "Failed to parse boolean value, ignoring: "),
    ("Service", "Restart=foo", "Failed to parse service restart specifier, ignoring: foo"),
    ("Service", "TimeoutStartSec=abc", "Failed to parse TimeoutStartSec= parameter, ignoring: abc"),
    ("Service", "UMask=9", "Failed to parse mode value, ignoring: 9"),
    ("Service", "LimitNPROC=5:3", "Soft resource limit chosen higher than hard limit, ignoring: 5:3"),
    ("Service", "Nice=30", "Nice priority out of range, ignoring: 30"),
    ("Service", "OOMScoreAdjust=-1001", "OOM score adjust value out of range, ignoring: -1001"),
    ("Service", "IOSchedulingPriority=9", "Failed to parse IO priority, ignoring: 9"),
    ("Service", "RuntimeDirectory=../x", "RuntimeDirectory= path is not normalized, ignoring: ../x"),
    ("Service", "ReadWritePaths=rel", "ReadWritePaths= path is not absolute, ignoring: rel"),
    ("Service", "RestrictAddressFamilies=foo", "Failed to parse address family, ignoring: foo"),
    ("Service", "SuccessExitStatus=300", "Failed to parse value, ignoring: 300"),
    ("Service", "NotifyAccess=foo", "Failed to parse notify access specifier, ignoring: foo"),
    ("Service", "BusName=foo bar", "Invalid bus name, ignoring: foo bar"),
    ("Service", "PIDFile=x/../y", "PIDFile= path is not normalized, ignoring: /run/x/../y"),
    ("Service", "EnvironmentFile=foo", "EnvironmentFile= path is not absolute, ignoring: foo"),
    ("Service", "Environment=bad", "Invalid environment assignment, ignoring: bad"),
    ("Service", "KillSignal=", "Failed to parse signal name, ignoring: "),
    ("Service", "WatchdogSec=", "Failed to parse sec value, ignoring: "),
    ("Service", "StandardOutput=", "Failed to parse output specifier, ignoring: "),
    ("Service", "LimitNOFILE=", "Failed to parse resource value, ignoring: "),
    ("Service", "ProtectSystem=", "Failed to parse protect system value, ignoring: "),
    ("Service", "SyslogFacility=", "Failed to parse log facility, ignoring: "),
    ("Service", "Slice=foo.service",
     "Failed to assign slice foo.service to unit w1.service, ignoring: Invalid argument"),
    ("Unit", "Foo=1", "Unknown key 'Foo' in section [Unit], ignoring."),
    ("Unit", "After=foo", "Failed to add dependency on foo, ignoring: Invalid argument"),
    ("Unit", "Wants=%i.service", "Failed to add dependency on .service, ignoring: Invalid argument"),
    ("Unit", "After=%Q", "Failed to resolve unit specifiers in '%Q', ignoring: Invalid slot"),
    ("Unit", "Documentation=bad", "Invalid URL, ignoring: bad"),
    ("Unit", "ConditionPathExists=foo", "ConditionPathExists= path is not absolute, ignoring: foo"),
    ("Unit", "JobTimeoutAction=foo", "Failed to parse JobTimeoutAction=, ignoring: foo"),
    ("Unit", "StartLimitBurst=", "Failed to parse unsigned value, ignoring: "),
    ("Unit", "JobTimeoutSec=", "Failed to parse JobTimeoutSec= parameter, ignoring: "),
    ("Unit", "OnFailureJobMode=", "Failed to parse job mode, ignoring: "),
    ("Unit", "CollectMode=", "Failed to parse garbage collection mode, ignoring: "),
    ("Install", "Foo=1", "Unknown key 'Foo' in section [Install], ignoring."),
    ("Socket", "ListenStream=foo", "Failed to parse address value in 'foo', ignoring: Invalid argument"),
    ("Path", "PathModified=rel", "PathModified= path is not absolute, ignoring: rel"),
]


@pytest.mark.parametrize(("section", "line", "text"), LOGGED)
def test_a_bad_line_is_ignored_with_systemds_words(section, line, text):
    definition = load(section, line)
    assert (2, text) in [(item.line, item.text) for item in definition.diagnostics]


@pytest.mark.parametrize("key", [
    "Description", "Nice", "User", "Group", "OOMScoreAdjust", "KillMode", "SyslogIdentifier", "SuccessExitStatus",
    "IOSchedulingClass", "MemoryMax", "PAMName", "CPUSchedulingPolicy", "Personality", "CPUAffinity", "SuccessActionExitStatus",
])
def test_an_empty_line_resets_in_silence(key):
    section = "Unit" if ("Unit", key) in TABLE else "Service"
    assert load(section, f"{key}=").diagnostics == ()


def test_lists_are_emptied_by_an_empty_line():
    definition = load("Service", "ExecStart=/bin/a", "ExecStart=", "ExecStart=/bin/b")
    assert [command.path for command in definition.specific.exec_start] == ["/bin/b"]


def test_merge_rules_are_the_ones_that_load_knows():
    assert {directive.merge for directive in TABLE.values()} <= set(Merge)
