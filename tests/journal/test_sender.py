"""What is known of a process, from a /proc and a /run made for it."""

from __future__ import annotations

import pytest

from initd.journal.sender import _ENDED_MAX, Senders, quote_command_line
from initd.wire.unitstate import UnitFacts
from tests.journal.made import tell_of_unit


def fields(encoded: bytes) -> dict[str, str]:
    return dict(line.split("=", 1) for line in encoded.decode().splitlines())


@pytest.fixture
def proc(tmp_path):
    for name, text in {"self/cgroup": "0::/machine/init.scope\n", "sys/kernel/hostname": "host\n"}.items():
        (tmp_path / "proc" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "proc" / name).write_text(text)
    return tmp_path / "proc"


def process(proc, pid: int, cgroup: str = "/machine/init.scope", tag: str = "unlimited", comm: str = "prog") -> None:
    (proc / str(pid)).mkdir(exist_ok=True)
    for name, text in {
        "cgroup": f"0::{cgroup}\n", "comm": comm + "\n", "cmdline": "prog\0a b\0",
        "stat": f"{pid} ({comm}) S " + "0 " * 18 + "100 0\n", "status": "Name:\tprog\nCapEff:\t000001ffffffffff\n",
        "limits": f"Limit\nMax realtime timeout      {tag}   unlimited  us\n",
    }.items():
        (proc / str(pid) / name).write_text(text)


@pytest.fixture
def senders(tmp_path, proc):
    tell_of_unit(tmp_path / "run", UnitFacts(
        b"a.service", b"1000000000000007", b"1" * 32, b"app.slice/app-x.slice/a.service"))
    senders = Senders("m" * 32, str(tmp_path / "run"), str(proc))
    yield senders
    senders.units.close()


def test_a_cgroup_names_the_unit(senders, proc):
    process(proc, 5, "/machine/system.slice/b.service/sub")
    sender = senders.of(5, 1, 2, "", 0)
    found = fields(sender.fields)
    assert sender.unit == "b.service"
    assert (found["_SYSTEMD_SLICE"], found["_SYSTEMD_CGROUP"]) == ("system.slice", "/system.slice/b.service/sub")
    assert (found["_UID"], found["_GID"], found["_CAP_EFFECTIVE"]) == ("1", "2", "1ffffffffff")
    assert found["_CMDLINE"] == 'prog "a b"'


def test_the_hosts_cgroups_above_the_managers_name_nothing(senders, proc):
    process(proc, 5, "/other.slice/host.service")
    assert senders.of(5, 0, 0, "", 0).unit == ""


def test_what_an_entry_is_about_is_told_as_of_its_writer(senders, proc):
    """As systemd 252 says of OBJECT_PID=."""
    process(proc, 5, tag=str((1 << 60) + 7), comm="sleep")
    (proc / "5/status").write_text("Name:\tsleep\nUid:\t33\t33\t33\t33\nGid:\t34\t34\t34\t34\nCapEff:\t0000\n")
    assert dict(senders.about(5)) == {
        b"OBJECT_UID": b"33", b"OBJECT_GID": b"34", b"OBJECT_COMM": b"sleep", b"OBJECT_CMDLINE": b'prog "a b"',
        b"OBJECT_CAP_EFFECTIVE": b"0", b"OBJECT_SYSTEMD_UNIT": b"a.service", b"OBJECT_SYSTEMD_SLICE": b"app-x.slice",
        b"OBJECT_SYSTEMD_INVOCATION_ID": b"1" * 32,
    }
    assert senders.about(6) == []


def test_a_tag_names_the_unit_where_no_cgroup_does(senders, proc):
    process(proc, 5, tag=str((1 << 60) + 7))
    sender = senders.of(5, 0, 0, "", 0)
    found = fields(sender.fields)
    assert sender.unit == "a.service"
    assert (found["_SYSTEMD_SLICE"], found["_SYSTEMD_INVOCATION_ID"]) == ("app-x.slice", "1" * 32)
    assert "_SYSTEMD_CGROUP" not in found


def test_a_streams_own_word_for_its_unit_counts_though_the_process_is_gone(senders):
    sender = senders.of(99, 0, 0, "a.service", 0)
    assert (sender.unit, fields(sender.fields)["_SYSTEMD_SLICE"]) == ("a.service", "app-x.slice")


def test_a_process_is_looked_at_again_after_a_while_but_keeps_its_name_when_it_is_gone(senders, proc):
    process(proc, 5, comm="old")
    assert senders.of(5, 0, 0, "", 0).command == b"old"
    process(proc, 5, comm="new")
    assert senders.of(5, 0, 0, "", 10).command == b"old"
    assert senders.of(5, 0, 0, "", 2_000_000).command == b"new"
    for path in (proc / "5").iterdir():
        path.unlink()
    assert senders.of(5, 0, 0, "", 9_000_000).command == b"new"


def test_those_who_have_ended_are_not_kept_for_ever(senders, proc):
    """A day of restarts left a megabyte of them."""
    process(proc, 1)
    first = senders.of(1, 0, 0, "", 0)
    for number in range(1000):
        sec = 2_000_000 * number
        senders.of(1000 + number, 0, 0, "", sec)  # which is gone by now
        assert senders.of(1, 0, 0, "", first.look_again_usec - 1) is first
        assert len(senders._known) <= 2 * _ENDED_MAX


def test_those_who_live_are_kept_however_many_they_are(senders, proc):
    for number in range(1, 3 * _ENDED_MAX):
        process(proc, number)
    before = [senders.of(number, 0, 0, "", 2_000_000 * number) for number in range(1, 3 * _ENDED_MAX)]
    assert all(senders.of(each.pid, 0, 0, "", each.look_again_usec - 1) is each for each in before)


@pytest.mark.parametrize("data, text", [
    (b"", b""), (b"/bin/sh\0-c\0", b"/bin/sh -c"), (b"a\0b c\0", b'a "b c"'),
    (b'x\0"\n$\0', b'x "\\"\\n\\$"'), (b"a\0\0b\0", b'a "" b'),
])
def test_command_line(data, text):
    assert quote_command_line(data) == text
