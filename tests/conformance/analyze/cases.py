"""Calls that are not drawn: the tables, usage errors, conditions, configuration files and unit files below a root.

What is asked depends on nothing of the machine. "@ROOT@" stands for a directory that `build` fills.
"""

from __future__ import annotations

import random
from pathlib import Path

from tests.conformance.analyze.inputs import Call

_TABLES = (
    ("exit-status",), ("exit-status", "0", "200", "NOPE", "3"), ("exit-status", "1", "2", "3", "99"),
    ("exit-status", "success"), ("exit-status", "-1"), ("exit-status", "256"), ("exit-status", "0x1"), ("exit-status", " 1"),
    ("exit-status", "+1"), ("exit-status", "010"), ("exit-status", "1 "), ("exit-status", ""), ("exit-status", "09"),
    *(("exit-status", str(number)) for number in range(0, 256, 5)),
    ("capability",), ("capability", "1", "cap_kill"), ("capability", "1", "x", "2"), ("capability", "CAP_CHOWN"),
    ("capability", "chown"), ("capability", "40"), ("capability", "41"), ("capability", "62"), ("capability", "63"),
    ("capability", "cap_40"), ("capability", "0x1"), ("capability", "-1"), ("capability", ""),
    ("syscall-filter", "@default"), ("syscall-filter", "@system-service"), ("syscall-filter", "@known"),
    ("syscall-filter", "@aio", "@bogus", "@clock"), ("syscall-filter", "open"), ("syscall-filter", ""),
    ("syscall-filter", "@obsolete", "@debug", "@privileged", "@mount", "@network-io", "@file-system", "@process"),
    ("unit-paths",), ("--global", "unit-paths"), ("unit-paths", "x"),
    ("bogus",), ("calendar",), ("timestamp",), ("timespan",), ("cat-config",), ("condition",), ("verify",),
    ("compare-versions", "1"), ("compare-versions", "1", "lt", "2", "3"), ("--bogus",), ("--iterations=x", "calendar", "daily"),
    ("--iterations=-1", "calendar", "daily"), ("--iterations=99999999999", "calendar", "daily"),
    ("--iterations=0", "calendar", "daily"), ("--iterations=0x2", "--base-time=@1", "calendar", "daily"),
    ("--base-time=bogus", "calendar", "daily"), ("--base-time=@1", "calendar", "daily", "x", "weekly"),
    ("--root=/x", "calendar", "daily"), ("--global", "calendar", "daily"), ("--man=bogus", "verify", "x"),
    ("--recursive-errors=bogus", "verify", "x"), ("--threshold=3", "calendar", "daily"), ("--json=short", "calendar", "daily"),
    ("calendar", "1s"), ("timestamp", "daily"), ("timestamp", "5s"), ("timespan", "daily"), ("timespan", "1", "x", "2"),
    ("timespan", "@1"), ("calendar", ""), ("timestamp", ""), ("timespan", ""), ("timestamp", "@1", "x", "@2"),
)
_VERSIONS = (
    "", "1", "1.0", "1.0~rc1", "1.0-1", "1.0^1", "1.0^1-2", "~", "^", "-", "a", "A", "1a", "1.a", "01", "1.01", "10", "9",
    "1..2", "1.0_1", "252.4-1~deb", "ö", "1 2", "1.0+b1", "v1", "1.0.0", "1.0-", "1:2", "123abc", "123abd", "0", "00", ".",
)
_OPERATORS = (None, None, "lt", "le", "eq", "ne", "gt", "ge", "<", "<=", "=", "==", "!=", "<>", ">", ">=", "bogus", "", "LT")
CONDITIONS = (
    "ConditionPathExists=/", "ConditionPathExists=!/", "ConditionPathExists=|/no/such", "ConditionPathExists=|!/no/such",
    "AssertPathExists=/", "AssertPathExists=/no/such", "AssertPathExists=|/x", "ConditionDirectoryNotEmpty=/proc",
    "ConditionPathIsDirectory=/", "ConditionPathIsDirectory=//proc/", "ConditionPathIsSymbolicLink=/proc",
    "ConditionPathExistsGlob=/pro*", "ConditionFileIsExecutable=/proc/version", "ConditionPathIsMountPoint=/proc",
    "ConditionKernelVersion=>1", "ConditionKernelVersion=< 1", "ConditionCPUs=>=1", "ConditionCPUs=bogus",
    "ConditionMemory=>1M", "ConditionMemory=bogus", "ConditionArchitecture=bogus", "ConditionHost=no-such-host",
    "ConditionEnvironment=NO_SUCH_VARIABLE", "ConditionOSRelease=bogus", "ConditionSecurity=bogus",
    "ConditionCapability=bogus", "ConditionACPower=bogus", "ConditionFirstBoot=bogus", "ConditionIOPressure=x",
    "ConditionPathExists=relative", "ConditionPathExists=", "ConditionPathExists=%Z", "ConditionPathExists=| /",
    "ConditionPathExists=! /", "ConditionUser=%Z", "ConditionHost=| ! no-such-host", "ConditionHost=! no-such-host ",
    "ConditionPathExists= /", "ConditionPathExists=/ ", "ConditionPathExists==x", "ConditionHost=a\nConditionHost=b",
    "ConditionBogus=1", "Description=x", "ConditionPathExists", " ConditionHost = x", "conditionhost=x", "=", "", "#x",
    "ConditionControlGroupController=bogus", "ConditionNull=yes",
)
_CONFIGURATIONS = (
    ("foo.conf",), ("sub/bar.conf",), ("no-such.conf",), ("foo.conf", "sub/bar.conf"), ("/etc/foo.conf",), ("/run/foo.conf",),
    ("/usr/lib/sub/bar.conf",), ("/usr/local/lib/sub/bar.conf",), ("/lib/sub/bar.conf",), ("/opt/x.conf",),
    ("foo.conf", "/opt/x", "empty.conf"), ("empty.conf",), ("dangling.conf",), ("dir.conf",), ("only.conf",), ("",),
    ("/etc/",), ("sub//bar.conf",), ("foo.conf.d/10-a.conf",), ("broken.conf",),
)
_SERVICE = "[Service]\nExecStart=/bin/true\n"
_ONESHOT = "[Service]\nType=oneshot\nExecStart=/bin/true\n"
#: Units for `verify`, by name.
UNITS = {
    "ok.service": _SERVICE,
    "warn.service": "[Unit]\nFoo=1\n[Service]\nExecStart=/bin/true\nTimeoutSec=xx\n[Bogus]\nx=1\n",
    "many.service": "[Unit]\nConditionPathExists=%Z\nConditionPathExists=| ! /etc\nConditionUser=%Z\nFoo=bar\nAfter=bogus\n"
                    "Wants=foo\nDocumentation=bogus\nRequiresMountsFor=rel\n[Service]\nExecStart=/bin/true\n"
                    "Restart=sometimes\nTimeoutStopSec=soon\nNotAKey=1\n[Install]\nFoo=1\n",
    "relative.service": "[Service]\nExecStart=bin/true\nFoo=1\n",
    "missing.service": "[Unit]\nRequires=no-such.service warn.service\nWants=none.service\n" + _SERVICE,
    "wants.service": "[Unit]\nWants=warn.service\n" + _SERVICE,
    "wants-wants.service": "[Unit]\nWants=wants.service\n" + _SERVICE,
    "needs-bad.service": "[Unit]\nRequires=bad.service\n" + _SERVICE,
    "needs-masked.service": "[Unit]\nRequires=masked.service\n" + _SERVICE,
    "self-conflict.service": "[Unit]\nConflicts=ok.service\nBindsTo=ok.service\n" + _SERVICE,
    "bad.service": "[Service]\nType=forking\n",
    "empty.service": "",
    "masked.service": "-> /dev/null",
    "two-starts.service": "[Service]\nExecStart=/bin/true\nExecStart=/bin/true\n",
    "commands.service": "[Service]\nType=oneshot\nExecCondition=+/bin/no1\nExecStart=/bin/no2 x\nExecStart=/bin/no3\n"
                        "ExecStartPost=/etc/plain\nExecStartPost=-/bin/no4\nExecStop=/bin/no5\nExecReload=/etc\n"
                        "ExecStopPost=:/bin/no6\nExecStartPre=true\n",
    "bare.service": "[Service]\nType=oneshot\nExecStart=no-such-program a\nExecStart=/bin/no\n",
    "template@.service": "[Service]\nExecStart=/bin/no %i\n",
    "lonely.socket": "[Socket]\nListenStream=100\n",
    "lonely-accept.socket": "[Socket]\nListenStream=100\nAccept=yes\n",
    "silent.socket": "[Socket]\n",
    "ok.socket": "[Socket]\nListenStream=100\nExecStartPre=/bin/no\n",
    "no-value.timer": "[Timer]\nOnCalendar=bogus\nUnit=ok.service\n",
    "warn.timer": "[Timer]\nOnBootSec=1\nUnit=warn.service\n",
    "warn.path": "[Path]\nPathExists=/x\nUnit=warn.service\n",
    "wrong.mount": "[Mount]\nWhat=/x\nWhere=/y\n",
    "odd-user.service": _SERVICE + "User=odd user\nGroup=a.b\n",
    "bad-user.service": _SERVICE + "User=a:b\n",
    "legacy.service": _SERVICE + "KillMode=none\nMemoryLimit=1G\nCPUShares=100\nCPUShares=x\nPIDFile=/var/run/x.pid\n"
                      "StandardOutput=syslog\n",
    "garbage.service": "garbage\n[Service]\nExecStart=/bin/true\nno value\n",
    "with-dropin.service": _SERVICE,
    "with-dropin.service.d/x.conf": "[Service]\nFoo=1\nExecStartPre=/bin/no\n",
    "alias.service": "-> ok.service",
    "other.timer": "[Timer]\nOnBootSec=1\nUnit=warn.service\n",
    "warn.slice": "[Slice]\nFoo=1\n",
    "all.target": "[Unit]\nRequires=warn.service commands.service\n",
}
_PULLED_IN = ("sysinit.target", "basic.target", "shutdown.target", "sockets.target", "timers.target", "paths.target",
              "local-fs.target", "local-fs-pre.target", "umount.target")
_CONFIGURATION_FILES = {
    "etc/foo.conf": "[A]\nx=1", "etc/foo.conf.d/10-a.conf": "a\n", "usr/lib/foo.conf.d/10-a.conf": "lib a\n",
    "usr/lib/foo.conf.d/05-b.conf": "# c\n\nlib b\n", "run/foo.conf.d/20.conf": "r", "usr/lib/foo.conf.d/.hidden.conf": "h",
    "usr/lib/foo.conf.d/x.txt": "h", "etc/foo.conf.d/20.conf": "-> /dev/null", "usr/lib/sub/bar.conf": "bar\n",
    "usr/local/lib/sub/bar.conf.d/z.conf": "z\n", "etc/empty.conf": "", "etc/dangling.conf": "-> /no/where",
    "etc/dir.conf/x": "", "etc/only.conf.d/a.conf": "only\n", "etc/broken.conf": "b\n", "etc/broken.conf.d/d.conf/x": "",
    "etc/plain": "no program\n",
}


def build(root: Path) -> None:
    """The files that the calls with "@ROOT@" are about."""
    files = dict(_CONFIGURATION_FILES)
    files |= {f"etc/systemd/system/{name}": text for name, text in UNITS.items()}
    files |= {f"usr/lib/systemd/system/{name}": "[Unit]\nDefaultDependencies=no\n" for name in _PULLED_IN}
    files["usr/bin/true"] = "#!/bin/sh\n"
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if text.startswith("-> "):
            path.symlink_to(text[3:])
        else:
            path.write_text(text)
    (root / "usr/bin/true").chmod(0o755)
    (root / "bin").symlink_to("usr/bin")


def calls() -> list[Call]:
    """All of them; the same each time."""
    chance = random.Random(252)
    made = [*_TABLES]
    for _ in range(300):
        left, right = (chance.choice(_VERSIONS) + chance.choice(("", chance.choice(_VERSIONS))) for _ in range(2))
        operator = chance.choice(_OPERATORS)
        made.append(("compare-versions", "--", *((left, right) if operator is None else (left, operator, right))))
    made += [("condition", "--", line) for line in CONDITIONS]
    made += [("condition", "--", *chance.sample(CONDITIONS, chance.randint(2, 4))) for _ in range(100)]
    made += [("--root=@ROOT@", "cat-config", "--", *words) for words in _CONFIGURATIONS]
    for name in UNITS:
        if "/" not in name:
            for mode in ((), ("--recursive-errors=no",), ("--recursive-errors=one",), ("--recursive-errors=yes",)):
                made.append(("--man=no", "--root=@ROOT@", *mode, "verify", name))
    made += [
        ("--man=no", "--root=@ROOT@", "verify", *names) for names in (
            ("no-such.service",), ("warn.service", "bogus.foo", "commands.service"), ("",), ("ok.service", "ok.service"),
            ("template@x.service",), ("bad.service", "commands.service", "lonely.socket"),
        )
    ]
    return [Call(("systemd-analyze", *words)) for words in made]
