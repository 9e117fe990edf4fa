"""The store on real files in a temporary directory: what is written can be read, and never more is there than may be."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import time

import pytest

from initd.journal.segment import HEAD_SIZE, decode_entry, decode_head, encode_address, encode_field
from initd.journal.store import Ids, Limits, Store
from initd.journal.syncer import Syncer

IDS = Ids("a" * 32, "b" * 32)
NO_LIMIT = Limits(max_use=1 << 30, keep_free=0, max_file_size=1 << 20)


class Said(list):
    def __call__(self, text: str) -> None:
        self.append(text)


def entry(number: int, text: bytes = b"x", unit: str = "a.service") -> bytes:
    return encode_address(number, number, b"b" * 32) + encode_field(b"MESSAGE", b"%d %b" % (number, text)) + b"\n"


def put(store: Store, *numbers: int, text: bytes = b"x", unit: str = "a.service") -> None:
    for number in numbers:
        store.append((entry(number, text),), number, unit)
    store.flush()


def segments(directory) -> list[bytes]:
    return [path.read_bytes() for path in sorted(directory.iterdir())]


def numbers(directory) -> list[int]:
    """Of all entries; every segment has to be whole, and to begin where the last one ended."""
    found, expected = [], None
    for data in segments(directory):
        head = decode_head(data)
        assert head is not None
        assert expected in (None, head.position)
        expected = head.position + len(data)
        position = HEAD_SIZE
        while position < len(data):
            decoded = decode_entry(data, position)
            assert decoded is not None, data[position:position + 200]
            found.append(int(dict(decoded[0])[b"MESSAGE"].split()[0]))
            position = decoded[1]
    return found


def test_entries_are_written_once_a_flush_and_in_order(tmp_path):
    store = Store(str(tmp_path / "j"), NO_LIMIT, IDS, Said())
    put(store, 1, 2)
    put(store, 3)
    assert numbers(tmp_path / "j") == [1, 2, 3]


def test_a_head_names_units_before_their_entries_are_there_and_the_end_when_it_is_closed(tmp_path):
    store = Store(str(tmp_path), NO_LIMIT, IDS, Said())
    put(store, 1, unit="b.service")
    put(store, 2, unit="a.service")
    head = decode_head(segments(tmp_path)[0])
    assert (head.units, head.last_realtime_usec) == (("a.service", "b.service"), 0)
    store.close()
    assert decode_head(segments(tmp_path)[0]).last_realtime_usec == 2


def test_too_many_units_are_not_listed(tmp_path):
    store = Store(str(tmp_path), NO_LIMIT, IDS, Said())
    for number in range(300):
        put(store, number, unit=f"a-rather-long-name-{number}.service")
    assert decode_head(segments(tmp_path)[0]).units is None


def test_a_closed_store_goes_on_where_it_ended(tmp_path):
    store = Store(str(tmp_path), NO_LIMIT, IDS, Said())
    put(store, 1)
    store.close()
    store = Store(str(tmp_path), NO_LIMIT, IDS, Said())
    put(store, 2)
    assert numbers(tmp_path) == [1, 2]
    assert len(segments(tmp_path)) == 1


def test_another_boot_gets_a_segment_of_its_own(tmp_path):
    store = Store(str(tmp_path), NO_LIMIT, IDS, Said())
    put(store, 1)
    store.close()
    store = Store(str(tmp_path), NO_LIMIT, IDS.replace(boot_id="c" * 32), Said())
    put(store, 2)
    assert numbers(tmp_path) == [1, 2]
    assert [decode_head(data).boot_id[0] for data in segments(tmp_path)] == ["b", "c"]


@pytest.mark.parametrize("text", [b"plain", b"two\n\n__REALTIME_TIMESTAMP=1\nMESSAGE=9 forged\n\nlines"])
def test_a_torn_tail_costs_the_torn_entry_wherever_it_is_torn(tmp_path, text):
    store = Store(str(tmp_path), NO_LIMIT, IDS, Said())
    put(store, 1, 2, text=text)
    (path,) = tmp_path.iterdir()
    whole, torn = path.read_bytes(), entry(3, text)
    for length in range(len(torn)):
        path.write_bytes(whole + torn[:length])
        again = Store(str(tmp_path), NO_LIMIT, IDS, Said())
        put(again, 4)
        assert numbers(tmp_path) == [1, 2, 4], length


def test_a_segment_without_a_head_is_taken_away(tmp_path):
    store = Store(str(tmp_path), NO_LIMIT, IDS, Said())
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:100])
    again = Store(str(tmp_path), NO_LIMIT, IDS, Said())
    put(again, 1)
    assert numbers(tmp_path) == [1]
    del store


def test_segments_end_at_their_size_and_the_oldest_go(tmp_path):
    limits = Limits(max_use=600_000, keep_free=0, max_file_size=100_000)
    store = Store(str(tmp_path), limits, IDS, Said())
    for number in range(1000):
        put(store, number, text=b"x" * 1000)
        assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 600_000
    assert all(path.stat().st_size <= 100_000 for path in tmp_path.iterdir())
    found = numbers(tmp_path)
    assert found == list(range(found[0], 1000))
    assert len(found) > 400


def test_no_more_files_than_allowed(tmp_path):
    store = Store(str(tmp_path), NO_LIMIT.replace(max_files=3), IDS, Said())
    for number in range(10):
        put(store, number)
        store.rotate()
        store.vacuum()
    put(store, 10)
    assert numbers(tmp_path) == [8, 9, 10]


def test_what_is_too_old_goes(tmp_path):
    store = Store(str(tmp_path), NO_LIMIT, IDS, Said())
    put(store, 1)  # a microsecond after 1970 began
    store.rotate()
    put(store, 2)
    store.close()
    Store(str(tmp_path), NO_LIMIT.replace(max_retention_usec=1_000_000), IDS, Said()).rotate()
    assert 1 not in numbers(tmp_path)


def test_positions_go_on_though_the_oldest_are_gone(tmp_path):
    store = Store(str(tmp_path), NO_LIMIT.replace(max_files=1), IDS, Said())
    put(store, 1)
    store.rotate()
    put(store, 2)
    store.close()
    assert min(decode_head(data).position for data in segments(tmp_path)) > 0


def test_a_memory_store_moves_to_the_disk_with_its_entries(tmp_path):
    volatile = Store(str(tmp_path / "run"), NO_LIMIT, IDS, Said(), is_volatile=True)
    put(volatile, 1)
    volatile.rotate()
    put(volatile, 2)
    volatile.close()
    persistent = Store(str(tmp_path / "var"), NO_LIMIT, IDS, Said())
    persistent.take_over([f"{volatile.directory}/{name}" for name in volatile.names])
    put(persistent, 3)
    assert numbers(tmp_path / "var") == [1, 2, 3]


def test_only_the_disk_is_waited_for_and_only_after_a_write(tmp_path):
    forever = NO_LIMIT.replace(max_file_usec=0)
    store = Store(str(tmp_path / "a"), forever, IDS, Said())
    assert store.wait_usec() is None
    put(store, 1)
    assert 0 < store.wait_usec() <= forever.sync_interval_usec
    store.sync()
    assert store.wait_usec() is None
    volatile = Store(str(tmp_path / "b"), forever, IDS, Said(), is_volatile=True)
    put(volatile, 1)
    assert volatile.wait_usec() is None


def test_age_is_looked_at_though_nothing_is_written(tmp_path):
    hour = 3_600_000_000
    limits = NO_LIMIT.replace(max_file_usec=hour, max_retention_usec=2 * hour)
    store = Store(str(tmp_path), limits, IDS, Said(), is_volatile=True)
    assert store.wait_usec() is None  # nothing is there to grow old
    now_usec = time.time_ns() // 1000
    put(store, now_usec)
    assert 0 < hour - store.wait_usec() < 60_000_000
    store._begun_usec -= hour
    assert store.wait_usec() == 0
    store.on_time()
    assert [bool(decode_head(data).last_realtime_usec) for data in segments(tmp_path)] == [True, False]
    assert 0 < 2 * hour - store.wait_usec() < 60_000_000
    store._files[0].last_usec -= 2 * hour
    store._rest_until_usec = 0
    assert store.wait_usec() <= 1
    store.on_time()
    assert len(segments(tmp_path)) == 1 and numbers(tmp_path) == []
    assert store.wait_usec() is None


def test_what_cannot_be_tidied_up_is_not_tried_again_at_once(tmp_path, monkeypatch):
    store = Store(str(tmp_path), NO_LIMIT.replace(max_retention_usec=1), IDS, Said(), is_volatile=True)
    put(store, 1)
    monkeypatch.setattr(store, "_drop", lambda file: False)
    store.rotate()
    assert store.wait_usec() == 0
    store.on_time()
    assert 0 < store.wait_usec() <= 1_000_000


class SlowDisk(Syncer):
    """Takes its time: until it is told."""

    def __init__(self) -> None:
        self.reader, self.writer = os.pipe()
        self.synced: list[int] = []
        super().__init__(self._synchronize_slowly)

    def _synchronize_slowly(self, fd: int) -> None:
        if os.read(self.reader, 1) == b"E":
            raise OSError(errno.EIO, "Input/output error")
        self.synced.append(os.fstat(fd).st_size)

    def go_on(self, word: bytes = b".") -> None:
        """One file is done."""
        before = len(self._done)
        os.write(self.writer, word)
        deadline = time.monotonic() + 20
        while len(self._done) == before:
            assert time.monotonic() < deadline
            time.sleep(0.001)
        self.hear()


def test_a_slow_disk_is_not_waited_for(tmp_path):
    disk, called = SlowDisk(), []
    store = Store(str(tmp_path), NO_LIMIT, IDS, Said(), syncer=disk)
    put(store, 1)
    store.sync()
    disk.then(lambda: called.append("first"))
    put(store, 2)
    store.rotate()
    put(store, 3)
    for _ in range(5):
        store.sync()
        put(store, 4)
    store.sync()
    disk.then(lambda: called.append("second"))
    assert numbers(tmp_path)[:3] == [1, 2, 3] and called == []
    assert disk.synced == []
    disk.go_on()
    assert called == ["first"] and len(disk.synced) == 1
    disk.go_on()  # the rotated one
    disk.go_on()  # and the new one, once for all that asked while the disk was busy
    assert called == ["first", "second"]
    disk.then(lambda: called.append("third"))
    assert called[-1] == "third"


def test_a_disk_that_fails_is_said_once(tmp_path):
    disk, said, called = SlowDisk(), Said(), []
    store = Store(str(tmp_path), NO_LIMIT, IDS, said, syncer=disk)
    for number in range(3):
        put(store, number)
        store.sync()
        disk.then(lambda: called.append(True))
        disk.go_on(b"E")
    assert len(said) == 1 and "cannot be synchronized: Input/output error" in said[0]
    assert len(called) == 3


def test_a_segment_that_is_dropped_is_not_kept_for_a_slow_disk(tmp_path):
    disk, called = SlowDisk(), []
    store = Store(str(tmp_path), NO_LIMIT.replace(max_files=2), IDS, Said(), syncer=disk)
    before = len(os.listdir("/proc/self/fd"))
    for number in range(20):
        put(store, number)
        store.rotate()
        while number == 0 and disk._queue:  # the thread begins
            time.sleep(0.001)
    disk.then(lambda: called.append(True))
    # The first is being synchronized, and one is there that is to be.
    assert len(os.listdir("/proc/self/fd")) <= before + 3
    disk.hear()
    assert called == []
    for _ in range(2):
        disk.go_on()
    assert called == [True]


def test_the_end_waits_for_the_disk(tmp_path):
    disk = SlowDisk()
    store = Store(str(tmp_path), NO_LIMIT, IDS, Said(), syncer=disk)
    put(store, 1)
    store.sync()
    store.close()
    os.write(disk.writer, b"..")
    disk.finish()
    assert len(disk.synced) == 2
    before = len(os.listdir("/proc/self/fd"))
    disk.finish()
    assert len(os.listdir("/proc/self/fd")) == before


FULL_DISK = """
import sys
sys.path[:0] = [{tree!r}, {tests!r}]
from test_store import *
said = Said()
store = Store("/mnt/j", Limits(max_use=1 << 30, keep_free=0, max_file_size=200_000), IDS, said)
for number in range(3000):
    put(store, number, text=b"x" * 1000)
from pathlib import Path
found = numbers(Path("/mnt/j"))
assert found == list(range(found[0], 3000)), (found[0], found[-1], len(found))
assert len(found) > 300, len(found)
assert store.dropped == 0
assert len(said) == 1 and "no room" in said[0], said
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small file system in a namespace of its own")
def test_a_full_disk_costs_the_oldest_segments_and_is_said_once(tmp_path):
    here = os.path.dirname(os.path.abspath(__file__))
    script = FULL_DISK.format(tree=os.path.dirname(os.path.dirname(here)), tests=here)
    done = subprocess.run(
        ["unshare", "--mount", "--propagation", "private", "sh", "-c",
         'mount -t tmpfs -o size=1m tmpfs /mnt && exec "$0" -c "$1"', sys.executable, script],
        capture_output=True, text=True, timeout=60, check=False)
    if "unshare" in done.stderr or "mount:" in done.stderr:
        pytest.skip(done.stderr)
    assert done.returncode == 0, done.stderr


def test_a_directory_that_vanishes_is_made_again_or_said(tmp_path):
    said = Said()
    store = Store(str(tmp_path / "j"), NO_LIMIT, IDS, said)
    put(store, 1)
    for path in (tmp_path / "j").iterdir():
        path.unlink()
    (tmp_path / "j").rmdir()
    store.rotate()
    put(store, 2)
    store.close()
    assert said or numbers(tmp_path / "j") == [2]
