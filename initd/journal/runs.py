"""A segment's bytes as runs of whole entries: either many entries of plain text only, or one that has binary values.

In a plain run an empty line is an entry's end, so whoever looks for something may search bytes, forwards or backwards.
Elsewhere it is not: a binary value may hold empty lines, and whole entries that somebody would like us to see, with
fields nobody but the journal may set. That is why entries are never looked for from the middle of a file.

Binary values are found by their length, which has a NUL byte (no value has 2^56 bytes); text has none. So finding the
runs costs one pass of memchr(3) over the segment.

Pure: the file is an argument, anything with `seek` and `read`.
"""

from __future__ import annotations

from initd.core.record import Record
from initd.journal.segment import decode_entry

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Protocol

    class Readable(Protocol):
        def seek(self, offset: int, whence: int = 0, /) -> int: ...

        def read(self, size: int, /) -> bytes: ...


#: How much is read at once; entries may be larger.
BLOCK = 1 << 20
#: How each entry begins.
_BEGIN = b"__REALTIME_TIMESTAMP="
#: Where in text one entry ends and another one begins. No length looks like that: a NUL is not far in each.
_BETWEEN = b"\n\n" + _BEGIN


class Run(Record):
    """Whole entries, where they begin in the file."""

    offset: int
    data: bytes
    is_plain: bool


def runs(file: Readable, start: int, block: int = BLOCK) -> Iterator[Run]:
    """From an entry's beginning to the last entry that is whole. Ends there, and may be begun there anew."""
    for offset, data, begin, end, is_plain in _places(file, start, block):
        yield Run(offset + begin, data[begin:end], is_plain)


def _places(file: Readable, start: int, block: int) -> Iterator[tuple[int, bytes, int, int, bool]]:
    """Blocks as they are read, each with its offset, and where in it a run begins and ends."""
    while True:
        file.seek(start)
        data = file.read(block)
        is_last = len(data) < block
        used = 0
        for begin, used, is_plain in _in_block(data, is_last):
            yield start, data, begin, used, is_plain
        start += used
        if is_last:
            return
        if not used:
            block *= 2  # one entry is larger


def _in_block(data: bytes, is_last: bool) -> Iterator[tuple[int, int, bool]]:
    """The runs in these bytes, which begin with an entry; what is not whole, or may not be, is left."""
    position = 0
    while position < len(data):
        nul = data.find(b"\0", position)
        end = _last_boundary(data, position, nul if nul >= 0 else len(data))
        if end > position:
            yield position, end, True
            position = end
        if nul < 0 and not is_last or not data.startswith(_BEGIN, position):
            return
        decoded = decode_entry(data, position)
        if decoded is None:
            return
        yield position, decoded[1], nul < 0
        position = decoded[1]


def _last_boundary(data: bytes, start: int, end: int) -> int:
    """Where the last entry begins that begins before `end`, of those in `data[start:]`."""
    found = data.rfind(_BETWEEN, start, end)
    return found + 2 if found >= 0 else start


class Index:
    """Where the runs of a segment are, so that it can be read backwards. Grows as the segment does."""

    def __init__(self, file: Readable, start: int) -> None:
        self._file = file
        #: Offset, size, is it plain.
        self.places: list[tuple[int, int, bool]] = []
        self.end = start

    def update(self) -> None:
        """Take in what was written since."""
        for offset, _, begin, end, is_plain in _places(self._file, self.end, BLOCK):
            self.places.append((offset + begin, end - begin, is_plain))
            self.end = offset + end

    def backwards(self, end: int | None = None) -> Iterator[Run]:
        """From the last run to the first; of entries, only those that begin before `end`, which is a beginning, too."""
        for offset, size, is_plain in reversed(self.places):
            if end is not None:
                if offset >= end:
                    continue
                size = min(size, end - offset)
            self._file.seek(offset)
            yield Run(offset, self._file.read(size), is_plain)
