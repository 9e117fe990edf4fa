"""Files of /proc, as they were seen and as they are here."""

from __future__ import annotations

import os

import pytest

from initd.wire.proc import (
    TAG_BASE,
    parse_cgroups,
    parse_command_line,
    parse_limits,
    parse_mounts,
    parse_stat,
    parse_status,
    parse_tag,
)

STAT = (b"4242 (a) S (b)) Z 17 4240 4239 0 -1 4194560 85 12 0 0 3 4 5 6 20 0 2 0 987654 2342912 321 "
        b"18446744073709551615 1 1 0 0 0 0 0 4096 65536 0 0 0 17 1 0 0 0 0 0 0 0 0 0 0 0 0 0\n")


def test_stat_with_a_malicious_command_name():
    stat = parse_stat(STAT)
    assert (stat.pid, stat.command, stat.state, stat.parent_pid) == (4242, "a) S (b)", "Z", 17)
    assert (stat.group, stat.session, stat.threads) == (4240, 4239, 2)
    assert (stat.start_ticks, stat.resident_pages) == (987654, 321)
    assert (stat.cpu_ticks, stat.children_cpu_ticks) == (7, 11)
    assert stat.is_zombie and not stat.is_kernel_thread


@pytest.mark.parametrize("cut", [0, 10, 60, 75])
def test_incomplete_stat_is_a_value_error(cut):
    with pytest.raises(ValueError):
        parse_stat(STAT[:cut])


def test_own_stat():
    with open("/proc/self/stat", "rb") as file:
        stat = parse_stat(file.read())
    assert (stat.pid, stat.parent_pid, stat.session) == (os.getpid(), os.getppid(), os.getsid(0))


LINE = "Max realtime timeout      {:<21}unlimited            us        \n"


@pytest.mark.parametrize("text, tag", [
    ("unlimited", None),
    ("0", None),
    (str(TAG_BASE - 1), None),
    (str(TAG_BASE), TAG_BASE),
    (str(TAG_BASE + 12345), TAG_BASE + 12345),
    (str(2 * TAG_BASE), None),
])
def test_tag_of_limits(text, tag):
    assert parse_tag(("Limit  Soft Limit  Hard Limit  Units\n" + LINE.format(text)).encode()) == tag


def test_no_tag_in_what_is_no_limits():
    assert parse_tag(b"") is None and parse_tag(b"Max realtime timeout") is None


def test_own_limits():
    import resource

    with open("/proc/self/limits", "rb") as file:
        limits = parse_limits(file.read())
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert limits["max open files"] == (soft, hard)


def test_cgroups_of_all_hierarchies():
    text = b"12:pids:/a\n3:cpu,cpuacct:/\n1:name=systemd:/user.slice/x:y\n0::/system.slice/a.service (deleted)\n"
    assert parse_cgroups(text) == {
        "pids": "/a", "cpu,cpuacct": "/", "name=systemd": "/user.slice/x:y", "": "/system.slice/a.service",
    }


def test_mounts_with_optional_fields_and_escapes():
    text = (b"36 35 98:0 /mnt1 /mnt\\0402 rw,noatime master:1 shared:7 - ext3 /dev/root rw,errors=continue\n"
            b"30 23 0:26 / /sys/fs/cgroup ro,nosuid - cgroup2 cgroup rw,nsdelegate\nrubbish\n")
    ext3, cgroup = parse_mounts(text)
    assert (ext3.root, ext3.path, ext3.type, ext3.is_read_only) == ("/mnt1", "/mnt 2", "ext3", False)
    assert (cgroup.path, cgroup.type, cgroup.is_read_only, cgroup.super_options) == (
        "/sys/fs/cgroup", "cgroup2", True, ("rw", "nsdelegate"),
    )


def test_command_line_and_status():
    assert parse_command_line(b"/bin/sh\0-c\0a b\0") == "/bin/sh -c a b"
    assert parse_status(b"Name:\tx\nUid:\t0\t0\n") == {"Name": "x", "Uid": "0\t0"}
