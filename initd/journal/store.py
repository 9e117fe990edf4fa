"""One directory of segments: entries are appended to the newest, and the oldest are dropped whole when there are too many.

Entries are gathered and written with one call a wake-up. What cannot be written is dropped and counted, never waited
for: a full disk costs the oldest segments, then the newest lines, and no service stands still for it.

A segment that was not closed is cut back to its last whole entry when the directory is opened again, and goes on to be
written. The disk is asked to keep what was written (fdatasync) when somebody asks, when an entry is critical, and
`SyncIntervalSec=` after the first write (journald.conf(5)); not at all below /run, which is memory. Nobody waits for that
here (`initd.journal.syncer`).
"""

from __future__ import annotations

import os
from errno import EDQUOT, ENOSPC
from time import clock_gettime_ns

from initd.core.record import Record
from initd.journal.segment import HEAD_SIZE, Head, decode_head, encode_head, file_name, parse_file_name
from initd.journal.segmentfile import copy, cut_tail, find, give_to_group, look, make_directory, write_all, write_parts
from initd.journal.syncer import Syncer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Iterable

_CLOCK_REALTIME, _CLOCK_MONOTONIC = 0, 1
_MIB = 1 << 20
#: Entries are gathered up to about this many bytes before they are written.
_GATHER = 256 * 1024
#: How much is written between two looks at how much room the file system has left.
_LOOK_EVERY = 8 * _MIB
_RETRY_USEC = 1_000_000


class Limits(Record):
    """journald.conf(5)'s SystemMaxUse=, … or RuntimeMaxUse=, …; None is the default, 0 in a time no limit."""

    max_use: int | None = None
    keep_free: int | None = None
    max_file_size: int | None = None
    max_files: int = 100
    max_file_usec: int = 30 * 86_400_000_000
    max_retention_usec: int = 0
    sync_interval_usec: int = 300_000_000


class Ids(Record):
    machine_id: str
    boot_id: str
    #: Who may read segments, beside root; -1: nobody.
    group: int = -1


class _File:
    """A segment that is not written any more."""

    __slots__ = ("name", "size", "last_usec")

    def __init__(self, name: str, size: int, last_usec: int) -> None:
        self.name, self.size, self.last_usec = name, size, last_usec


class Store:
    """Opens and owns the directory's newest segment. `say` tells of trouble, of each kind once."""

    def __init__(self, directory: str, limits: Limits, ids: Ids, say: Callable[[str], None], is_volatile: bool = False,
                 syncer: Syncer | None = None) -> None:
        """Makes the directory. OSError where that, or a segment in it, cannot be made."""
        self.directory = directory
        self.is_volatile = is_volatile
        self._ids = ids
        self._say = say
        self._syncer = syncer or Syncer()
        self._said: set[int] = set()
        self._parts: list[bytes] = []
        self._gathered = 0
        self._units: set[str] = set()
        self._head_units: tuple[str, ...] | None = ()
        self._last_usec = 0
        self._fd = -1
        self._size = self._position = self._begun_usec = 0
        self._name = ""
        self._dirty_since = 0
        self._unlooked = 0
        self._retry_usec = 0
        self._rest_until_usec = 0
        #: Bytes that the journal may still grow by, when that was last looked at.
        self.available = 0
        #: Bytes of entries that could not be written.
        self.dropped = 0
        make_directory(directory, ids.group)
        self._limits = _with_defaults(limits, directory)
        self._files: list[_File] = []
        self._store_id = ""
        self._adopt()
        if self._fd < 0:
            self._begin()
        self.vacuum()

    # --- writing -----------------------------------------------------------------------------------------------------

    def append(self, entries: Iterable[bytes], realtime_usec: int, *units: str) -> None:
        """Whole entries, in pieces, all of these units, the last of them of that time."""
        for piece in entries:
            self._parts.append(piece)
            self._gathered += len(piece)
        self._last_usec = realtime_usec
        if not self._units.issuperset(units):
            self._units.update(units)
        if self._gathered >= _GATHER:
            self.flush()

    def flush(self) -> None:
        """Write what was gathered."""
        if not self._parts:
            return
        parts, size = self._parts, self._gathered
        self._parts, self._gathered = [], 0
        now_usec = clock_gettime_ns(_CLOCK_REALTIME) // 1000
        if self._fd < 0 and not self._begin_again(now_usec):
            self.dropped += size
            return
        limit = self._limits.max_file_size
        assert limit is not None
        is_old = 0 < self._limits.max_file_usec <= now_usec - self._begun_usec
        if self._size > HEAD_SIZE and (self._size + size > limit or is_old):
            self._rotate()
        if self._fd >= 0:
            self._write(parts, size)
        else:
            self.dropped += size

    def sync(self) -> None:
        """Have the disk keep everything that was appended; the syncer knows when it does."""
        self.flush()
        if self._fd < 0 or not self._dirty_since:
            return
        self._dirty_since = 0
        try:
            self._syncer.sync(self._name, os.dup(self._fd), self._on_sync_failure)
        except OSError as error:
            self._on_sync_failure(error)

    def _on_sync_failure(self, error: OSError) -> None:
        self._complain(error, "cannot be synchronized")

    def wait_usec(self) -> int | None:
        """How long until `on_time` is to be called though nothing is written; None for ever."""
        limits, now_usec = self._limits, clock_gettime_ns(_CLOCK_REALTIME) // 1000
        waits = []
        if self._dirty_since and not self.is_volatile and limits.sync_interval_usec:
            waits.append(self._dirty_since + limits.sync_interval_usec - clock_gettime_ns(_CLOCK_MONOTONIC) // 1000)
        if limits.max_file_usec and self._fd >= 0 and self._size > HEAD_SIZE:
            waits.append(self._begun_usec + limits.max_file_usec - now_usec)
        if limits.max_retention_usec and self._files:
            waits.append(self._files[0].last_usec + limits.max_retention_usec + 1 - now_usec)
        # What could not be done is not tried again at once.
        resting_usec = self._rest_until_usec - clock_gettime_ns(_CLOCK_MONOTONIC) // 1000
        return max(min(waits), resting_usec, 0) if waits else None

    def on_time(self) -> None:
        """Do what is due by now."""
        self._rest_until_usec = clock_gettime_ns(_CLOCK_MONOTONIC) // 1000 + _RETRY_USEC
        now_usec = clock_gettime_ns(_CLOCK_REALTIME) // 1000
        if self._size > HEAD_SIZE and 0 < self._limits.max_file_usec <= now_usec - self._begun_usec:
            self.rotate()
        self.vacuum()
        if self._dirty_since and self._limits.sync_interval_usec and not self.is_volatile and (
                self._dirty_since + self._limits.sync_interval_usec <= clock_gettime_ns(_CLOCK_MONOTONIC) // 1000):
            self.sync()

    def rotate(self) -> None:
        """Begin a new segment, if there is anything in this one."""
        self.flush()
        if self._size > HEAD_SIZE:
            self._rotate()

    def close(self) -> None:
        self.flush()
        self._finish()

    def take_over(self, paths: list[str]) -> None:
        """Copies of these closed segments become this store's, before what is written from now on. OSError."""
        self._finish()
        for path in paths:
            head, _ = look(path)
            if head is None:
                continue
            name = file_name(self._store_id, self._position, head.realtime_usec)
            size = copy(path, f"{self.directory}/{name}", encode_head(head.replace(position=self._position)))
            give_to_group(f"{self.directory}/{name}", self._ids.group)
            self._files.append(_File(name, size, head.last_realtime_usec))
            self._position += size
        self._begin()
        self.vacuum()

    @property
    def names(self) -> list[str]:
        """The segments, the oldest first."""
        return [file.name for file in self._files] + ([self._name] if self._fd >= 0 else [])

    @property
    def usage(self) -> int:
        """Bytes in all segments."""
        return sum([file.size for file in self._files]) + (self._size if self._fd >= 0 else 0)

    @property
    def end(self) -> tuple[str, int]:
        """The store's id, and the position behind its last entry."""
        return self._store_id, self._position + (self._size if self._fd >= 0 else 0)

    def find_since(self, position: tuple[str, int], needles: list[bytes]) -> list[bool]:
        """Is each of these among the bytes behind the position? Where that cannot be said any more: yes."""
        store_id, start = position
        begins = [parsed[1] for name in self.names if (parsed := parse_file_name(name))]
        if store_id != self._store_id or not begins or start < begins[0]:
            return [True for _ in needles]
        found: set[bytes] = set()
        for name, begin in zip(self.names, begins):
            found |= find(f"{self.directory}/{name}", max(start - begin, 0), needles)
        return [needle in found for needle in needles]

    def _write(self, parts: list[bytes], size: int) -> None:
        try:
            self._write_head_if_changed()
            while True:
                try:
                    write_parts(self._fd, parts, self._size)
                    break
                except OSError as error:
                    if error.errno not in (ENOSPC, EDQUOT) or not self._drop_for_room(error):
                        raise
        except OSError as error:
            self._complain(error, "cannot be written to, lines are not kept")
            self.dropped += size
            self._cut_back()
            return
        self._size += size
        self._unlooked += size
        if self.dropped:
            self._say(f"{self.directory}: {self.dropped} bytes of entries were not kept")
            self.dropped = 0
        if not self._dirty_since:
            self._dirty_since = clock_gettime_ns(_CLOCK_MONOTONIC) // 1000
        if self._unlooked >= _LOOK_EVERY:
            self.vacuum()

    def _cut_back(self) -> None:
        """Take away the part of a batch that was written."""
        try:
            if self._fd >= 0:
                os.ftruncate(self._fd, self._size)
        except OSError:
            pass  # it is cut when the directory is opened the next time

    def _drop_for_room(self, error: OSError) -> bool:
        """The file system is full: give up the oldest segment, be it the one that is written."""
        self._complain(error, "has no room, the oldest segments are dropped")
        if self._files:
            return self._drop(self._files[0])
        if self._size <= HEAD_SIZE:
            return False
        self._cut_back()
        self._finish()
        self._drop(self._files[0])
        self._begin()
        return True

    def _complain(self, error: OSError, what: str) -> None:
        if error.errno not in self._said:
            self._said.add(error.errno or 0)
            self._say(f"{self.directory} {what}: {error.strerror}")

    # --- segments ----------------------------------------------------------------------------------------------------

    def _begin(self) -> None:
        self._begun_usec = clock_gettime_ns(_CLOCK_REALTIME) // 1000
        self._store_id = self._store_id or os.urandom(16).hex()
        name = file_name(self._store_id, self._position, self._begun_usec)
        path = f"{self.directory}/{name}"
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)
        try:
            give_to_group(path, self._ids.group)
            self._units = set()
            self._head_units = ()
            write_all(fd, self._head(0), 0)
        except OSError:
            os.close(fd)
            os.unlink(path)
            raise
        self._fd, self._name, self._size = fd, name, HEAD_SIZE

    def _begin_again(self, now_usec: int) -> bool:
        """After a failure; not tried with every line."""
        if 0 <= now_usec - self._retry_usec < _RETRY_USEC:
            return False
        self._retry_usec = now_usec
        units = self._units
        try:
            make_directory(self.directory, self._ids.group)
            self._begin()
        except OSError as error:
            self._complain(error, "cannot be written to, lines are not kept")
            return False
        self._units = units
        return True

    def _head(self, last_usec: int) -> bytes:
        monotonic_usec = clock_gettime_ns(_CLOCK_MONOTONIC) // 1000 - (
            clock_gettime_ns(_CLOCK_REALTIME) // 1000 - self._begun_usec)
        return encode_head(Head(
            self._ids.machine_id, self._ids.boot_id, self._position, self._begun_usec, max(0, monotonic_usec), last_usec,
            self._head_units))

    def _write_head_if_changed(self) -> None:
        """Before the entries: a head may name a unit too many, never one too few."""
        if self._head_units is None or len(self._head_units) == len(self._units):
            return
        self._head_units = tuple(sorted(self._units))
        head = self._head(0)
        written = decode_head(head)
        if written is None or written.units is None:
            self._head_units = None  # too many to be listed
        write_all(self._fd, head, 0)

    def _finish(self) -> None:
        """The segment is not written any more: its head says when that was."""
        if self._fd < 0:
            return
        fd, self._fd = self._fd, -1
        try:
            write_all(fd, self._head(self._last_usec or self._begun_usec), 0)
        except OSError as error:
            self._complain(error, "cannot be written to")
        if self.is_volatile:
            os.close(fd)
        else:
            self._syncer.sync(_whole(self._name), fd, self._on_sync_failure)
        self._dirty_since = 0
        self._position += self._size
        if self._size > HEAD_SIZE:
            self._files.append(_File(self._name, self._size, self._last_usec or self._begun_usec))
        else:
            os.unlink(f"{self.directory}/{self._name}")  # there is nothing in it

    def _rotate(self) -> None:
        units = set(self._units)
        self._finish()
        self.vacuum()
        try:
            self._begin()
        except OSError as error:
            if error.errno in (ENOSPC, EDQUOT) and self._files and self._drop(self._files[0]):
                self._begin_again(0)
            else:
                self._complain(error, "cannot be written to, lines are not kept")
        self._units = units  # what is about to be written may be of any of them

    # --- too much ----------------------------------------------------------------------------------------------------

    def vacuum(self) -> None:
        """Drop what is more, or older, than may be kept."""
        self._unlooked = 0
        limits = self._limits
        assert limits.max_use is not None and limits.keep_free is not None and limits.max_file_size is not None
        if limits.max_retention_usec:
            oldest_usec = clock_gettime_ns(_CLOCK_REALTIME) // 1000 - limits.max_retention_usec
            while self._files and self._files[0].last_usec < oldest_usec and self._drop(self._files[0]):
                pass
        while self._files and len(self._files) >= limits.max_files and self._drop(self._files[0]):
            pass
        usage = self.usage
        # Room is kept for what the open segment may still grow by, so that the limit holds at all times.
        growth = limits.max_file_size - (self._size if self._fd >= 0 else 0)
        allowed = limits.max_use - max(0, growth)
        lacking = limits.keep_free - _free_bytes(self.directory)
        while self._files and (usage > allowed or lacking > 0):
            file = self._files[0]
            if not self._drop(file):
                return
            usage -= file.size
            lacking -= file.size
        self.available = max(min(limits.max_use - usage, -lacking), 0)

    def _drop(self, file: _File) -> bool:
        try:
            os.unlink(f"{self.directory}/{file.name}")
        except FileNotFoundError:
            pass
        except OSError as error:
            self._complain(error, "cannot be tidied up")
            return False
        self._syncer.forget(_whole(file.name))
        self._files.remove(file)
        return True

    # --- what is there already ---------------------------------------------------------------------------------------

    def _adopt(self) -> None:
        """Take over the directory's segments, and go on with the newest where that is possible."""
        found = []
        for name in os.listdir(self.directory):
            parsed = parse_file_name(name)
            if parsed is not None:
                found.append((parsed[2], parsed[1], parsed[0], name))
        for realtime_usec, position, store_id, name in sorted(found):
            path = f"{self.directory}/{name}"
            head, size = look(path)
            if size < HEAD_SIZE:
                os.unlink(path)  # its head was never written
                continue
            self._files.append(_File(name, size, (head and head.last_realtime_usec) or realtime_usec))
            self._store_id, self._position = store_id, position + size
        if self._files:
            self._go_on(self._files[-1])

    def _go_on(self, file: _File) -> None:
        path = f"{self.directory}/{file.name}"
        head, size = look(path)
        if head is None:
            return
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        last_usec = head.last_realtime_usec
        if not last_usec:
            size, last_usec = cut_tail(fd, size)
        file.size = size
        file.last_usec = last_usec or file.last_usec
        self._position = head.position + size
        limit = self._limits.max_file_size
        assert limit is not None
        self._files.pop()
        self._fd, self._name, self._size, self._position = fd, file.name, size, head.position
        self._begun_usec, self._last_usec = head.realtime_usec, file.last_usec
        self._head_units = head.units
        self._units = set(head.units or ())
        if head.boot_id != self._ids.boot_id or head.machine_id != self._ids.machine_id or size >= limit:
            own, self._ids = self._ids, self._ids.replace(boot_id=head.boot_id, machine_id=head.machine_id)
            self._finish()
            self._ids = own
        elif head.last_realtime_usec:
            write_all(fd, self._head(0), 0)


def _whole(name: str) -> str:
    """What the syncer knows a segment by that is not written any more."""
    return name + " to its end"


def _with_defaults(limits: Limits, directory: str) -> Limits:
    """journald.conf(5), SystemMaxUse=: parts of the file system's size, and of what is free where it is nearly full."""
    try:
        found = os.statvfs(directory)
        total, free = found.f_blocks * found.f_frsize, found.f_bavail * found.f_frsize
    except OSError:
        total = free = 0
    most = 4 << 30
    max_use = limits.max_use if limits.max_use is not None else max(min(total // 10, most), _MIB)
    keep_free = limits.keep_free if limits.keep_free is not None else min(total * 15 // 100, most, free // 2)
    size = limits.max_file_size if limits.max_file_size is not None else min(max_use // 8, 128 * _MIB)
    return limits.replace(max_use=max_use, keep_free=keep_free, max_file_size=max(size, 16 * HEAD_SIZE))


def _free_bytes(directory: str) -> int:
    try:
        found = os.statvfs(directory)
    except OSError:
        return 1 << 62
    return found.f_bavail * found.f_frsize
