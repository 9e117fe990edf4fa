"""What the manager tells the journal of units that run: a file of entries, of which the last about a unit counts.

An entry is its length in four bytes, and `FIELDS` fields, each a length in four bytes and so many bytes. The manager adds to
the file, with one write(2) an entry, and now and then puts a short one in its place.
"""

from __future__ import annotations

from struct import Struct

#: The file below /run or what stands for it.
FILE = "/systemd/journal/units"

_LENGTH = Struct("<I")
#: So many fields has an entry: those of UnitFacts, in its order.
FIELDS = 9


class UnitFacts:
    """`tag`: the tag of its processes (DESIGN.md), "" without tags; `cgroup`: its place among the slices, or none; the rest is
    what its files say of the journal (systemd.exec(5), LogLevelMax= and what follows), "" where they do not."""

    __slots__ = ("unit", "tag", "invocation", "cgroup", "level_max", "extra", "interval_usec", "burst", "patterns")

    def __init__(
        self, unit: bytes = b"", tag: bytes = b"", invocation: bytes = b"", cgroup: bytes = b"", level_max: bytes = b"",
        extra: bytes = b"", interval_usec: bytes = b"", burst: bytes = b"", patterns: bytes = b"",
    ) -> None:
        self.unit = unit
        #: In hexadecimal digits.
        self.tag = tag
        self.invocation = invocation
        self.cgroup = cgroup
        self.level_max = level_max
        #: LogExtraFields=: a length in eight bytes, `FIELD=value`, and so on.
        self.extra = extra
        self.interval_usec = interval_usec
        self.burst = burst
        #: LogFilterPatterns=, one a line.
        self.patterns = patterns


def encode(facts: UnitFacts) -> bytes:
    fields = [getattr(facts, name) for name in UnitFacts.__slots__]
    body = b"".join([_LENGTH.pack(len(field)) + field for field in fields])
    return _LENGTH.pack(len(body)) + body


def decode(data: bytes) -> tuple[list[UnitFacts], int]:
    """The whole entries at the beginning of `data`, and how many bytes they are. ValueError where it is none of ours."""
    found, position = [], 0
    while len(data) - position >= _LENGTH.size:
        (length,) = _LENGTH.unpack_from(data, position)
        begin = position + _LENGTH.size
        if begin + length > len(data):
            break
        found.append(_entry(data, begin, begin + length))
        position = begin + length
    return found, position


def _entry(data: bytes, position: int, end: int) -> UnitFacts:
    fields = []
    while position + _LENGTH.size <= end:
        (length,) = _LENGTH.unpack_from(data, position)
        position += _LENGTH.size
        fields.append(data[position:position + length])
        position += length
    if position != end or len(fields) != FIELDS:
        raise ValueError("this is no entry of a unit")
    return UnitFacts(*fields)
