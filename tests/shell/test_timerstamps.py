from __future__ import annotations

import os
import time

import pytest

from initd.shell import timerstamps


def test_what_was_touched_is_read_again(tmp_path):
    path = str(tmp_path / "a/b/stamp-x.timer")
    assert timerstamps.read(path) is None
    timerstamps.touch(path, 1_700_000_000_123_456)
    assert timerstamps.read(path) == 1_700_000_000_123_456
    timerstamps.touch(path, 1_800_000_000_000_000)
    assert timerstamps.read(path) == 1_800_000_000_000_000


def test_without_a_time_it_is_now(tmp_path):
    path = str(tmp_path / "stamp")
    before = time.time_ns() // 1000
    timerstamps.touch(path, None)
    found = timerstamps.read(path)
    assert found is not None and found >= before - 10_000


def test_a_link_in_its_place_is_not_followed(tmp_path):
    (tmp_path / "stamp").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError):
        timerstamps.touch(str(tmp_path / "stamp"), 0)
    assert not os.path.exists(tmp_path / "elsewhere")
