"""What the journal as a whole says: its boots, the names of its fields, the values that a field has in it.

Most of it is found by looking at few entries, or at bytes: the journal may be large.
"""

from __future__ import annotations

from initd.core.record import Record
from initd.journal.match import UNIT_FIELD
from initd.journal.reader import Entry, Search, Segment, stamp
from initd.journal.runs import Run, runs
from initd.journal.segment import HEAD_SIZE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from initd.journal.reader import Series


class Boot(Record):
    """Times are µs of the epoch, of its first and last entry."""

    boot_id: str
    first_usec: int
    last_usec: int


_EVERYTHING = Search()
_UNIT_FIELDS = (UNIT_FIELD, b"UNIT", b"OBJECT_SYSTEMD_UNIT", b"COREDUMP_UNIT")


def boots(series: list[Series]) -> list[Boot]:
    """The oldest first."""
    found: dict[str, Boot] = {}
    for each in series:
        for segment in each.segments:
            for boot in _boots_of(segment):
                known = found.get(boot.boot_id, boot)
                found[boot.boot_id] = Boot(boot.boot_id, min(known.first_usec, boot.first_usec),
                                           max(known.last_usec, boot.last_usec))
    return sorted(found.values(), key=lambda boot: boot.first_usec)


def _boots_of(segment: Segment) -> Iterator[Boot]:
    """Boots follow each other: where a run begins and ends in the same one, there is no other in it."""
    for run in runs(segment.file, HEAD_SIZE):
        first, last = _ends(run)
        if _boot_id(first) == _boot_id(last):
            yield Boot(_boot_id(first), stamp(first), stamp(last))
            continue
        for begin, end in _EVERYTHING.places(run):
            data = run.data[begin:end]
            yield Boot(_boot_id(data), stamp(data), stamp(data))


def _ends(run: Run) -> tuple[bytes, bytes]:
    (begin, end), (last, behind) = next(_EVERYTHING.places(run)), next(_EVERYTHING.places_backwards(run))
    return run.data[begin:end], run.data[last:behind]


def _boot_id(data: bytes) -> str:
    return Entry(data, "", 0).boot_id


def values(series: list[Series], name: bytes) -> list[bytes]:
    """The field's values, those first that came last."""
    found: dict[bytes, None] = {}
    for each in series:
        for segment in each.segments:
            head = segment.head
            if head is not None and name == UNIT_FIELD and head.units == ():
                continue
            for value in _values_of(segment, name):
                found[value] = None
    return [*reversed(found)]


def units(series: list[Series]) -> set[bytes]:
    """All units that wrote something or that something was written about: what the heads say, where they do."""
    found: set[bytes] = set()
    for each in series:
        for segment in each.segments:
            head = segment.head
            if head is not None and head.units is not None:
                found.update([unit.encode("utf-8", "surrogateescape") for unit in head.units])
            else:
                for name in _UNIT_FIELDS:
                    found.update(_values_of(segment, name))
    return found


def _values_of(segment: Segment, name: bytes) -> Iterator[bytes]:
    import re

    find = re.compile(b"\n" + re.escape(name) + b"=([^\n]*)").findall
    for run in runs(segment.file, HEAD_SIZE):
        if run.is_plain:
            yield from dict.fromkeys(find(run.data))
        else:
            yield from Entry(run.data, "", 0).values.get(name, ())


def names(series: list[Series]) -> list[bytes]:
    """Of all fields that are used, sorted."""
    found: set[bytes] = set()
    for each in series:
        for segment in each.segments:
            for run in runs(segment.file, HEAD_SIZE):
                if run.is_plain:
                    found.update([line.partition(b"=")[0] for line in set(run.data.split(b"\n")) if line])
                else:
                    found.update([name for name, _ in Entry(run.data, "", 0).all_fields])
    return sorted(name for name in found if not name.startswith(b"__"))
