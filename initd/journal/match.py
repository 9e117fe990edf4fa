"""Which entries are wanted: an expression over fields that tells of an entry, and before that of a whole segment.

`Has` is one field with one of some values, `All` and `Any` combine. Besides the verdict on an entry, an expression says
what bytes an entry that it wants must have (`needles`), so that a reader can search bytes instead of decoding entries,
and whether a segment whose head lists these units can have one (`may_be_in`). journalctl(1), DESCRIPTION.
"""

from __future__ import annotations

from initd.journal.segment import is_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    Values = dict[bytes, list[bytes]]

    class Expression(Protocol):
        def wants(self, values: Values) -> bool:
            """Of an entry with these values by field."""

        def needles(self) -> frozenset[bytes] | None:
            """Each entry wanted has one of these; None where nothing can be said."""

        def may_be_in(self, units: frozenset[bytes]) -> bool:
            """Whether a segment with entries of these units can have one that is wanted."""


#: The field whose values a segment's head lists, all of them. Of those that say which unit an entry is about, it has what
#: those wrote who are believed in that (see `of_unit`).
UNIT_FIELD = b"_SYSTEMD_UNIT"
#: With more to look for, looking at each entry is as fast.
MOST_NEEDLES = 4


class Has:
    """A field with one of the values."""

    def __init__(self, name: bytes, *values: bytes) -> None:
        self.name, self.values = name, frozenset(values)

    def wants(self, values: Values) -> bool:
        return not self.values.isdisjoint(values.get(self.name, ()))

    def needles(self) -> frozenset[bytes] | None:
        if not all(is_text(value) for value in self.values):
            return None
        return frozenset(b"\n%b=%b\n" % (self.name, value) for value in self.values)

    def may_be_in(self, units: frozenset[bytes]) -> bool:
        return self.name != UNIT_FIELD or not self.values.isdisjoint(units)


class All:
    def __init__(self, *parts: Expression) -> None:
        self.parts = parts

    def wants(self, values: Values) -> bool:
        return all(part.wants(values) for part in self.parts)

    def needles(self) -> frozenset[bytes] | None:
        """Of the part with the fewest, the first of these: whoever builds it names the most telling one first."""
        found = [needles for part in self.parts if (needles := part.needles()) is not None]
        return min(found, key=lambda needles: len(_shared(needles)), default=None)

    def may_be_in(self, units: frozenset[bytes]) -> bool:
        return all(part.may_be_in(units) for part in self.parts)


class Any:
    def __init__(self, *parts: Expression) -> None:
        self.parts = parts

    def wants(self, values: Values) -> bool:
        return any(part.wants(values) for part in self.parts)

    def needles(self) -> frozenset[bytes] | None:
        found: frozenset[bytes] = frozenset()
        for part in self.parts:
            needles = part.needles()
            if needles is None:
                return None
            found |= needles
        return found

    def may_be_in(self, units: frozenset[bytes]) -> bool:
        return any(part.may_be_in(units) for part in self.parts)


def search_for(expression: Expression) -> frozenset[bytes] | None:
    """What to search bytes for; None where every entry is to be looked at.

    Fields that want the same value share a needle, the value behind its equals sign: `-u` asks for a unit in five.
    """
    needles = expression.needles()
    if needles is None:
        return None
    needles = _shared(needles)
    return needles if len(needles) <= MOST_NEEDLES else None


def _shared(needles: frozenset[bytes]) -> frozenset[bytes]:
    by_value: dict[bytes, list[bytes]] = {}
    for needle in needles:
        by_value.setdefault(needle[needle.index(b"="):], []).append(needle)
    return frozenset(found[0] if len(found) == 1 else value for value, found in by_value.items())


class _OfUnit(Any):
    def __init__(self, name: bytes, *parts: Expression) -> None:
        super().__init__(*parts)
        self._name = name

    def may_be_in(self, units: frozenset[bytes]) -> bool:
        """Heads do not list slices."""
        return self._name in units or self._name.endswith(b".slice")


#: The system's manager.
PID_1 = Has(b"_PID", b"1")


def of_unit(name: bytes, manager: Has = PID_1) -> Expression:
    """What `-u NAME` shows: what the unit wrote, and what the manager, coredumps and others with the right said of it."""
    parts: list[Expression] = [
        Has(b"_SYSTEMD_UNIT", name),
        All(Has(b"UNIT", name), manager),
        All(Has(b"OBJECT_SYSTEMD_UNIT", name), Has(b"_UID", b"0")),
        All(Has(b"COREDUMP_UNIT", name), Has(b"MESSAGE_ID", COREDUMP_ID), Has(b"_UID", b"0")),
    ]
    if name.endswith(b".slice"):
        parts.append(Has(b"_SYSTEMD_SLICE", name))
    return _OfUnit(name, *parts)


def of_user_unit(name: bytes, uid: bytes) -> Expression:
    """What `--user-unit NAME` shows."""
    parts: list[Expression] = [
        All(Has(b"_SYSTEMD_USER_UNIT", name), Has(b"_UID", uid)),
        All(Has(b"USER_UNIT", name), Has(b"_UID", uid)),
        All(Has(b"COREDUMP_USER_UNIT", name), Has(b"_UID", uid, b"0")),
        All(Has(b"OBJECT_SYSTEMD_USER_UNIT", name), Has(b"_UID", uid, b"0")),
    ]
    if name.endswith(b".slice"):
        parts.append(All(Has(b"_SYSTEMD_USER_SLICE", name), Has(b"_UID", uid)))
    return Any(*parts)


COREDUMP_ID = b"fc2e22bc6ee647b6b90729ab34a250b1"
