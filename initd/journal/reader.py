"""Entries out of segments: forwards, backwards, from a time or a place on, and only those that an expression wants.

A `Segment` is one file; a `Series` is the segments of one store in the order in which they were written, so that it reads
as one; `merged` puts entries of several series in order of time. What was not there when reading began is read by
asking again: a segment remembers how far it has been read (`end`).

Pure but for the files it is given: anything with `seek` and `read`.
"""

from __future__ import annotations

from bisect import bisect_left
from heapq import merge

from initd.journal.match import search_for
from initd.journal.runs import Index, Run, runs
from initd.journal.segment import HEAD_SIZE, decode_entry, decode_head, encode_cursor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from initd.journal.match import Expression, Values
    from initd.journal.runs import Readable
    from initd.journal.segment import Fields, Head

_NEVER = 2**64 - 1
#: How much of an entry has its time in it.
_STAMP = 64


class Entry:
    """One entry, decoded as far as it is asked. `position` is its place among all its store ever had.

    Of a plain one, which is nothing but lines of text, a field is found without decoding the others.
    """

    __slots__ = ("data", "store_id", "position", "_is_plain", "_fields", "_values")

    def __init__(self, data: bytes, store_id: str, position: int, is_plain: bool = False) -> None:
        self.data, self.store_id, self.position, self._is_plain = data, store_id, position, is_plain
        self._fields: Fields | None = None
        self._values: Values | None = None

    @property
    def all_fields(self) -> Fields:
        """With its address."""
        if self._fields is None:
            if self._is_plain:
                lines = [line.partition(b"=") for line in self.data[:-2].split(b"\n")]
                self._fields = [(name, value) for name, _, value in lines]
            else:
                decoded = decode_entry(self.data)
                self._fields = decoded[0] if decoded is not None else []
        return self._fields

    @property
    def fields(self) -> Fields:
        """Without what only says where the entry is."""
        return [field for field in self.all_fields if not field[0].startswith(b"__")]

    @property
    def values(self) -> Values:
        if self._values is None:
            self._values = values = {}
            for name, value in self.all_fields:
                if name in values:
                    values[name].append(value)
                else:
                    values[name] = [value]
        return self._values

    def get(self, name: bytes) -> bytes | None:
        """The field's first value."""
        if self._is_plain and self._values is None:
            label = b"\n" + name + b"="
            place = self.data.find(label)
            if place >= 0:
                place += len(label)
                return self.data[place:self.data.find(b"\n", place)]
            return b"%d" % self.realtime_usec if name == b"__REALTIME_TIMESTAMP" else None
        found = self.values.get(name)
        return found[0] if found else None

    @property
    def realtime_usec(self) -> int:
        return stamp(self.data)

    @property
    def monotonic_usec(self) -> int:
        return _number(self.get(b"__MONOTONIC_TIMESTAMP"))

    @property
    def boot_id(self) -> str:
        return (self.get(b"_BOOT_ID") or b"").decode("ascii", "replace")

    @property
    def cursor(self) -> str:
        return encode_cursor(self.store_id, self.position, self.boot_id, self.monotonic_usec, self.realtime_usec)


def stamp(data: bytes) -> int:
    """When the entry was written that begins here: µs of the epoch."""
    return _number(data[data.find(b"=") + 1:data.find(b"\n")])


def _number(text: bytes | None) -> int:
    return int(text) if text is not None and text.isdigit() else 0


class Search:
    """Which entries of a run are wanted."""

    def __init__(self, expression: Expression | None = None) -> None:
        self.expression = expression
        self._needles = search_for(expression) if expression is not None else None

    def may_be_in(self, head: Head) -> bool:
        if self.expression is None or head.units is None:
            return True
        return self.expression.may_be_in(frozenset(unit.encode("utf-8", "surrogateescape") for unit in head.units))

    def wants(self, entry: Entry) -> bool:
        return self.expression is None or self.expression.wants(entry.values)

    def places(self, run: Run) -> Iterator[tuple[int, int]]:
        """Where in the run entries begin and end that may be wanted, in their order."""
        data = run.data
        if not run.is_plain:
            yield 0, len(data)
            return
        position = 0
        nearest: dict[bytes, int] = {}
        while position < len(data):
            start = position
            if self._needles is not None:
                found = self._next(data, position, nearest)
                if found < 0:
                    return
                before = data.rfind(b"\n\n", position, found)
                start = before + 2 if before >= 0 else position
            position = data.find(b"\n\n", start) + 2
            yield start, position

    def places_backwards(self, run: Run) -> Iterator[tuple[int, int]]:
        data = run.data
        if not run.is_plain:
            yield 0, len(data)
            return
        end = len(data)
        nearest: dict[bytes, int] = {}
        while end > 0:
            hit = end - 2
            if self._needles is not None:
                hit = self._previous(data, end, nearest)
                if hit < 0:
                    return
                end = data.find(b"\n\n", hit) + 2
            before = data.rfind(b"\n\n", 0, hit)
            start = before + 2 if before >= 0 else 0
            yield start, end
            end = start

    def _next(self, data: bytes, position: int, nearest: dict[bytes, int]) -> int:
        """Where the next needle is; `nearest` remembers what was found of each."""
        found = -1
        for needle in self._needles or ():
            place = nearest.get(needle, -1)
            if place < position:
                place = data.find(needle, position)
                nearest[needle] = place = place if place >= 0 else len(data)
            if place < len(data) and (found < 0 or place < found):
                found = place
        return found

    def _previous(self, data: bytes, end: int, nearest: dict[bytes, int]) -> int:
        found = -1
        for needle in self._needles or ():
            place = nearest.get(needle, len(data))
            if place >= end:
                nearest[needle] = place = data.rfind(needle, 0, end)
            found = max(found, place)
        return found


class Segment:
    """One file of a store. It is opened when something is read from it."""

    def __init__(self, store_id: str, position: int, realtime_usec: int, opened: Callable[[], Readable]) -> None:
        self.store_id, self.position, self.realtime_usec = store_id, position, realtime_usec
        self._opened = opened
        self._file: Readable | None = None
        self._index: Index | None = None
        #: How far it has been read: where the entry begins that is written next.
        self.end = HEAD_SIZE

    @property
    def file(self) -> Readable:
        if self._file is None:
            self._file = self._opened()
        return self._file

    @property
    def head(self) -> Head | None:
        """As it is now: it is written anew while the segment grows."""
        self.file.seek(0)
        return decode_head(self.file.read(HEAD_SIZE))

    @property
    def index(self) -> Index:
        if self._index is None:
            self._index = Index(self.file, HEAD_SIZE)
        self._index.update()
        self.end = max(self.end, self._index.end)
        return self._index

    def forwards(self, search: Search, start: int | None = None) -> Iterator[Entry]:
        """Entries wanted that begin at `start` or later, which is where one begins."""
        for run in runs(self.file, HEAD_SIZE if start is None else start):
            for begin, end in search.places(run):
                entry = Entry(run.data[begin:end], self.store_id, self.position + run.offset + begin, run.is_plain)
                if search.wants(entry):
                    yield entry
            self.end = max(self.end, run.offset + len(run.data))

    def backwards(self, search: Search, before: int | None = None) -> Iterator[Entry]:
        """Entries wanted, the last one first; those that begin before `before`, which is where one begins."""
        for run in self.index.backwards(before):
            for begin, end in search.places_backwards(run):
                entry = Entry(run.data[begin:end], self.store_id, self.position + run.offset + begin, run.is_plain)
                if search.wants(entry):
                    yield entry

    def offset_at(self, realtime_usec: int) -> int:
        """Not behind the first entry of that time or later, and not far before it; a place where an entry begins."""
        places = self.index.places
        after = bisect_left(places, realtime_usec, key=lambda place: self._stamp_at(place[0]))
        return places[after - 1][0] if after > 0 else HEAD_SIZE

    def offset_behind(self, realtime_usec: int) -> int | None:
        """Where an entry begins behind all those of that time or earlier, not far; None where that is the end."""
        places = self.index.places
        after = bisect_left(places, realtime_usec + 1, key=lambda place: self._stamp_at(place[0]))
        return places[after][0] if after < len(places) else None

    def boundary(self, offset: int) -> bool:
        """Whether an entry begins at this offset, or the next one will."""
        for place, size, is_plain in self.index.places:
            if place == offset:
                return True
            if place < offset < place + size:
                self.file.seek(place)
                return is_plain and self.file.read(size)[:offset - place].endswith(b"\n\n")
        return offset == self.index.end

    def _stamp_at(self, offset: int) -> int:
        self.file.seek(offset)
        return stamp(self.file.read(_STAMP))


class Range:
    """What part of the journal is looked at; times are µs of the epoch. `after` and `from_` are positions in one store."""

    def __init__(self, since_usec: int | None = None, until_usec: int | None = None) -> None:
        self.since_usec, self.until_usec = since_usec, until_usec
        #: By store id, the position of the first entry (forwards) or of the last (backwards), and that of the one that
        #: is left out.
        self.places: dict[str, tuple[int, bool]] = {}


class Series:
    """The segments of one store, as one."""

    def __init__(self, segments: Iterable[Segment]) -> None:
        self.segments = sorted(segments, key=lambda each: each.position)

    @property
    def store_id(self) -> str:
        return self.segments[0].store_id

    def forwards(self, search: Search, wanted: Range) -> Iterator[Entry]:
        since_usec, until_usec = wanted.since_usec or 0, _upper(wanted.until_usec)
        place, is_inclusive = wanted.places.get(self.store_id, (0, True))
        for number, segment in enumerate(self.segments):
            following = self.segments[number + 1].position if number + 1 < len(self.segments) else None
            if following is not None and following <= place:
                continue
            start = place - segment.position if place > segment.position else None
            if not self._may_have(segment, search, since_usec, until_usec):
                continue
            if since_usec and start is None:
                start = segment.offset_at(since_usec)
            for entry in segment.forwards(search, start):
                realtime_usec = entry.realtime_usec
                if realtime_usec < since_usec or entry.position == place and not is_inclusive:
                    continue
                if realtime_usec > until_usec:
                    return
                yield entry

    def backwards(self, search: Search, wanted: Range) -> Iterator[Entry]:
        since_usec, until_usec = wanted.since_usec or 0, _upper(wanted.until_usec)
        place, is_inclusive = wanted.places.get(self.store_id, (_NEVER, True))
        for segment in reversed(self.segments):
            if segment.position > place or not self._may_have(segment, search, since_usec, until_usec):
                continue
            before = segment.offset_behind(until_usec) if until_usec != _NEVER else None
            for entry in segment.backwards(search, before):
                realtime_usec = entry.realtime_usec
                if realtime_usec > until_usec or entry.position > place:
                    continue
                if entry.position == place and not is_inclusive:
                    continue
                if realtime_usec < since_usec:
                    return
                yield entry

    def _may_have(self, segment: Segment, search: Search, since_usec: int, until_usec: int) -> bool:
        """As far as its head tells. What is left out so is read by nobody, but when it grows."""
        head = segment.head
        if head is None:
            return False
        is_wanted = search.may_be_in(head) and head.realtime_usec <= until_usec
        return is_wanted and not 0 < head.last_realtime_usec < since_usec

    def grown(self, search: Search, position: int) -> Iterator[Entry]:
        """What there is from this position on; afterwards `end` is where to go on."""
        for number, segment in enumerate(self.segments):
            following = self.segments[number + 1].position if number + 1 < len(self.segments) else None
            if following is not None and following <= position:
                continue
            start = max(position - segment.position, HEAD_SIZE)
            # Asked a hundred times a second, and mostly for nothing.
            if segment.file.seek(0, 2) > start:
                yield from segment.forwards(search, start)
            segment.end = max(segment.end, start)

    @property
    def end(self) -> int:
        """The position behind all that was read."""
        last = self.segments[-1]
        return last.position + last.end

    def take_end(self) -> int:
        """The position behind all that there is."""
        self.segments[-1].index  # noqa: B018  it is brought up to date by being asked for
        return self.end

    def has(self, position: int) -> bool:
        """Whether an entry begins there."""
        found = [segment for segment in self.segments if segment.position <= position]
        return bool(found) and found[-1].boundary(position - found[-1].position)


def _upper(usec: int | None) -> int:
    return _NEVER if usec is None else usec


def merged(series: list[Iterator[Entry]], is_backwards: bool = False) -> Iterator[Entry]:
    """In order of time; in the order of their store, whatever the clock did, as long as there is one."""
    if len(series) == 1:
        return series[0]
    return merge(*series, key=lambda entry: entry.realtime_usec, reverse=is_backwards)
