"""What is done to one segment's file: write, copy, look at its head, cut a torn tail back.

All of it is told by OSError.
"""

from __future__ import annotations

import os

from initd.journal.segment import HEAD_SIZE, Head, decode_entry, decode_head

_MIB = 1 << 20
#: How far back from its end a segment is looked through for its last whole entry.
_TAIL = _MIB
#: How many pwritev(2) takes (IOV_MAX).
_PARTS_MAX = 1024
_ENTRY_START = b"\n\n__REALTIME_TIMESTAMP="


def make_directory(path: str, group: int) -> None:
    """As systemd-tmpfiles makes it: what is made in it belongs to its group."""
    if os.path.isdir(path):
        return
    os.makedirs(path, 0o755)
    give_to_group(path, group, 0o2750)


def give_to_group(path: str, group: int, mode: int = 0o640) -> None:
    if group < 0:
        return
    try:
        os.chown(path, -1, group)
        os.chmod(path, mode)
    except OSError:
        pass  # then root alone reads it


def write_all(fd: int, data: bytes, offset: int) -> None:
    written = os.pwrite(fd, data, offset)
    while written < len(data):
        written += os.pwrite(fd, memoryview(data)[written:], offset + written)


def write_parts(fd: int, parts: list[bytes], offset: int) -> None:
    """As `write_all` of all of them, one behind the other, without putting them together."""
    if len(parts) > _PARTS_MAX:
        write_all(fd, b"".join(parts), offset)
        return
    written = os.pwritev(fd, parts, offset)
    rest = b"".join(parts)[written:] if written < sum([len(part) for part in parts]) else b""
    if rest:
        write_all(fd, rest, offset + written)


def copy(source: str, target: str, head: bytes) -> int:
    """A segment with another head, which is on the disk when this returns; its size."""
    source_fd = os.open(source, os.O_RDONLY | os.O_CLOEXEC)
    target_fd = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)
    try:
        write_all(target_fd, head, 0)
        size = len(head)
        while data := os.pread(source_fd, _MIB, size):
            write_all(target_fd, data, size)
            size += len(data)
        os.fdatasync(target_fd)
        return size
    except OSError:
        os.unlink(target)
        raise
    finally:
        os.close(source_fd)
        os.close(target_fd)


def look(path: str) -> tuple[Head | None, int]:
    """A segment's head and size."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return decode_head(os.pread(fd, HEAD_SIZE, 0)), os.fstat(fd).st_size
    finally:
        os.close(fd)


def find(path: str, start: int, needles: list[bytes]) -> set[bytes]:
    """Those of them that are in the file from there on. One that cannot be read has them all, as far as anybody knows."""
    found: set[bytes] = set()
    overlap = max([len(needle) for needle in needles], default=0)
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return set(needles)
    try:
        while data := os.pread(fd, _MIB, start):
            found.update([needle for needle in needles if needle in data])
            if len(data) <= overlap:
                break
            start += len(data) - overlap
    except OSError:
        return set(needles)
    finally:
        os.close(fd)
    return found


def cut_tail(fd: int, size: int) -> tuple[int, int]:
    """Cut a segment back to its last whole entry: its size then, and that entry's time (0: there is none).

    Read from an entry well before the end, not from the last thing that looks like one: that may be a client's text.
    """
    reach = _TAIL
    while True:
        start = max(HEAD_SIZE - 2, size - reach)
        tail = os.pread(fd, size - start, start)
        first = tail.find(_ENTRY_START)
        if first >= 0 or start == HEAD_SIZE - 2:
            break
        reach *= 8
    if first < 0:
        end, last_usec = HEAD_SIZE, 0
    else:
        position = first + 2
        last_usec = 0
        while (found := decode_entry(tail, position)) is not None:
            last_usec = int(dict(found[0]).get(b"__REALTIME_TIMESTAMP", b"0"))
            position = found[1]
        end = start + position
    if end < size:
        os.ftruncate(fd, end)
    return end, last_usec

