"""The records of a boot, read back."""

from __future__ import annotations

import os
import struct

from initd.shell import utmp
from initd.wire.utmp import encode


def test_a_boot_begins_anew_and_ends_with_its_run_level(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run/utmp").write_bytes(b"of the last boot")
    utmp.begin_boot(1_700_000_000_000_001, str(tmp_path))
    utmp.end_boot(lambda name: name == "multi-user.target", 1_700_000_001_000_002, str(tmp_path))
    data = (tmp_path / "run/utmp").read_bytes()
    assert len(data) % 2 == 0 and b"last boot" not in data
    boot, level = data[:len(data) // 2], data[len(data) // 2:]
    assert (boot[:8], boot[40:50]) == (struct.pack("=hxxi", 2, 0), b"~~\0\0reboot")
    assert (level[:8], level[40:52]) == (struct.pack("=hxxi", 1, ord("3")), b"~~\0\0runlevel")
    assert boot[76:].startswith(os.uname().release.encode() + b"\0")
    assert not (tmp_path / "var").exists()


def test_wtmp_grows_where_it_is_wanted(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "var/log").mkdir(parents=True)
    (tmp_path / "var/log/wtmp").write_bytes(b"before")
    utmp.begin_boot(1, str(tmp_path))
    utmp.end_boot(lambda name: False, 2, str(tmp_path))
    assert (tmp_path / "var/log/wtmp").read_bytes() == b"before" + (tmp_path / "run/utmp").read_bytes()


def test_nothing_is_made_where_nothing_can_be(tmp_path):
    utmp.begin_boot(1, str(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_record_is_that_of_systemd_252():
    """od of /run/utmp in a container that a real systemd has booted."""
    record = encode(2, 0, "reboot", "6.1.0", 0x6B09403C * 1_000_000 + 0x0EAD1B, "x86_64")
    assert len(record) == 384
    assert record[:4] == bytes.fromhex("02000000") and record[8:10] == b"~\0" and record[40:54] == b"~~\0\0reboot\0\0\0\0"
    assert record[340:348] == bytes.fromhex("3c40096b1bad0e00")
    assert len(encode(2, 0, "reboot", "6.1.0", 1, "aarch64")) == 400
