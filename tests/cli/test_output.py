"""Formats, as systemd 252 printed them (`systemctl list-timers` for distances, `systemctl show` for the rest)."""

from __future__ import annotations

import pytest

from initd.cli import output
from initd.cli.process_tree import draw
from initd.cli.property_format import lines_of

SEC = 1_000_000


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (68, "1min 8s"), (297, "4min 57s"), (328, "5min"), (3698, "1h 1min"), (16998, "4h 43min"), (19998, "5h 33min"),
        (25500, "7h"), (86497, "24h"), (90097, "1 day 1h"), (129597, "1 day 11h"), (172897, "2 days"),
        (199997, "2 days"), (604897, "1 week 0 days"), (699997, "1 week 1 day"), (1299997, "2 weeks 1 day"),
        (2592097, "4 weeks 2 days"), (2699997, "1 month 0 days"), (5299997, "2 months 0 days"),
        (31557697, "1 year 0 months"), (39999997, "1 year 3 months"), (69999997, "2 years 2 months"),
    ],
)  # fmt: skip
def test_distances_are_rounded_as_systemds(seconds, text):
    assert output.format_distance(seconds * SEC) == text


def test_short_distances():
    assert output.format_distance(293_000) == "293ms"
    assert output.format_distance(15) == "15us"


def test_spans_are_exact_to_the_millisecond():
    assert output.format_span(101_199_123) == "1min 41.199s"
    assert output.format_span(13_700) == "13ms"


@pytest.mark.parametrize(("count", "text"), [(5, "5B"), (1024, "1.0K"), (3200000, "3.0M"), (5 << 30, "5.0G")])
def test_bytes(count, text):
    assert output.format_bytes(count) == text


def test_tables_have_no_trailing_spaces(capsys):
    output.print_table(("A", "LONG"), [("longer", "x"), ("y", "")])
    assert capsys.readouterr().out == "A      LONG\nlonger x\ny\n"


@pytest.mark.parametrize(
    ("name", "signature", "value", "lines"),
    [
        ("MemoryMax", "t", 2**64 - 1, ["infinity"]),
        ("MemoryCurrent", "t", 2**64 - 1, ["[not set]"]),
        ("IPIngressBytes", "t", 2**64 - 1, ["[no data]"]),
        ("IOReadBytes", "t", 2**64 - 1, ["18446744073709551615"]),
        ("TimeoutStartUSec", "t", 90 * SEC, ["1min 30s"]),
        ("RuntimeMaxUSec", "t", 2**64 - 1, ["infinity"]),
        ("ActiveEnterTimestampMonotonic", "t", 5, ["5"]),
        ("LastTriggerUSecMonotonic", "t", 2 * SEC, ["2s"]),
        ("UMask", "u", 0o22, ["0022"]),
        ("RuntimeDirectoryMode", "u", 0o755, ["0755"]),
        ("UID", "u", 2**32 - 1, ["[not set]"]),
        ("CoredumpFilter", "t", 0x33, ["0x33"]),
        ("CapabilityBoundingSet", "t", 1 << 10 | 1, ["cap_chown cap_net_bind_service"]),
        ("RestrictNamespaces", "t", 0x7E020000, ["no"]),
        ("RestrictNamespaces", "t", 0, ["yes"]),
        ("Documentation", "as", ["man:a(1)", "http://x"], ['"man:a(1)" http://x']),
        ("Environment", "as", ["A=b c", "D=$e", "G=a\tb"], ['"A=b c" "D=\\$e" "G=a\\tb"']),
        ("SuccessExitStatus", "(aiai)", ([3, 75], [9, 10]), ["3 75 KILL USR1"]),
        ("EnvironmentFiles", "a(sb)", [("/a", True)], ["/a (ignore_errors=yes)"]),
        ("BPFProgram", "a(ss)", [("egress", "/x"), ("ingress", "/y")], ["egress:/x", "ingress:/y"]),
        ("EnvironmentFiles", "a(sb)", [], []),
        ("SystemCallFilter", "(bas)", (False, ["reboot", "swapon"]), ["~reboot swapon"]),
        ("Job", "(uo)", (7, "/x"), ["7"]),
        ("LoadError", "(ss)", ("a.b", "It failed."), ['a.b "It failed."']),
        ("CPUAffinity", "ay", b"\x8f", ["0-3 7"]),
        ("InvocationID", "ay", b"\x01\xff", ["01ff"]),
        ("Listen", "a(ss)", [("Stream", "/run/x")], ["/run/x (Stream)"]),
        ("TTYRows", "q", 5, ["[unprintable]"]),
        ("CanStart", "b", True, ["yes"]),
    ],
)
def test_properties_are_shown_as_systemds(name, signature, value, lines):
    assert lines_of(name, signature, value) == lines


@pytest.mark.parametrize(
    ("name", "signature", "value"),
    [
        ("StatusText", "s", ""), ("SystemCallFilter", "(bas)", (False, [])), ("TTYRows", "q", 5),
        ("Job", "(uo)", (0, "/")), ("FailureActionExitStatus", "i", -1),
    ],
)  # fmt: skip
def test_what_says_nothing_is_left_out_without_all(name, signature, value):
    assert lines_of(name, signature, value, with_empty=False) == []


def test_commands_tell_of_their_last_run(monkeypatch):
    monkeypatch.setenv("TZ", "UTC")
    ran = ("/bin/sh", ["/bin/sh", "-c", "x y"], False, 1795477109 * SEC, 5, 1795477110 * SEC, 6, 270, 1, 3)
    killed = ("/a", ["/a"], ["privileged"], 0, 0, 0, 0, 0, 2, 9)
    never = ("/a", ["/a"], True, 0, 0, 0, 0, 0, 0, 0)
    (line,) = lines_of("ExecStart", "a(sasbttttuii)", [ran])
    assert line.startswith("{ path=/bin/sh ; argv[]=/bin/sh -c x y ; ignore_errors=no ; start_time=[")
    assert line.endswith(" ; pid=270 ; code=exited ; status=3 }")
    (line,) = lines_of("ExecStartEx", "a(sasasttttuii)", [killed])
    assert "flags=privileged" in line and line.endswith("code=killed ; status=9/KILL }")
    (line,) = lines_of("ExecStart", "a(sasbttttuii)", [never])
    assert line.endswith("start_time=[n/a] ; stop_time=[n/a] ; pid=0 ; code=(null) ; status=0/0 }")


def test_the_process_tree():
    processes = [
        ("/system.slice/a.service", 56, "a: master"), ("/system.slice/a.service", 157, "a: worker"),
        ("/init.scope", 1, "/sbin/pyinit"), ("/system.slice/b.service", 9, "b\nc"),
    ]  # fmt: skip
    assert draw("", processes, "  ") == [
        "  ├─init.scope",
        "  │ └─1 /sbin/pyinit",
        "  └─system.slice",
        "    ├─a.service",
        "    │ ├─ 56 a: master",
        "    │ └─157 a: worker",
        "    └─b.service",
        "      └─9 b\\x0ac",
    ]
