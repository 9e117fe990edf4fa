"""Values that lines still add to, while a unit is read: what each becomes in the end."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Unfinished:
    """A value that lines still add to: made what the settings hold, which never changes, once all files are read.

    Without it a list of n lines would be copied n times.
    """

    __slots__ = ()

    def finish(self) -> Any:
        raise NotImplementedError


class Items(list["Any"], Unfinished):
    """Becomes a tuple of what was added."""

    __slots__ = ()

    def finish(self) -> tuple[Any, ...]:
        return tuple(self)


class Keyed(dict["Any", "Any"], Unfinished):
    """Becomes a tuple of its values."""

    __slots__ = ()

    def finish(self) -> tuple[Any, ...]:
        return tuple(self.values())


class Names(Unfinished):
    """Becomes whether the names are those allowed, or those denied, and the names in order."""

    __slots__ = ("allows", "names")

    def __init__(self, allows: bool) -> None:
        self.allows = allows
        self.names: set[str] = set()

    def finish(self) -> tuple[bool, tuple[str, ...]]:
        return self.allows, tuple(sorted(self.names))


class Sorted(set["Any"], Unfinished):
    """Becomes a tuple in order."""

    __slots__ = ()

    def finish(self) -> tuple[Any, ...]:
        return tuple(sorted(self))


class Numbers(Unfinished):
    """Becomes a tuple of the numbers of the bits that are set, in order."""

    __slots__ = ("bits",)

    def __init__(self) -> None:
        self.bits = 0

    def finish(self) -> tuple[int, ...]:
        return tuple(number for number, bit in enumerate(reversed(bin(self.bits))) if bit == "1")


class Octets(bytearray, Unfinished):
    """Becomes bytes."""

    __slots__ = ()

    def finish(self) -> bytes:
        return bytes(self)
