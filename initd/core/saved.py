"""Values of `core` as plain ones that can be written to a file and read again, by a later version of this code too.

Records, enum members and objects with slots go by the name of their class and of their fields. A field that the reader
does not know is left out, one that the writer did not know gets its default: so a manager can go on with what an older or
a newer one has left to it (`daemon-reexec`). What cannot be made sense of is an Unreadable, never a wrong value.
"""

from __future__ import annotations

from initd.core.enumeration import Enum
from initd.core.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

_SCALARS = (type(None), bool, int, str, bytes, float)
_COLLECTIONS: dict[str, type] = {"t": tuple, "l": list, "s": set, "f": frozenset}
_LETTERS = {kind: letter for letter, kind in _COLLECTIONS.items()}


class Unreadable(Exception):
    """Not what this code can understand; the text says which class or field."""


def dump(value: Any) -> Any:
    """None, numbers, texts, bytes, and tuples, lists and dicts of them: what marshal can write."""
    kind = type(value)
    if kind in _SCALARS:
        return value
    if kind in _LETTERS:
        return (_LETTERS[kind], [dump(each) for each in value])
    if kind is dict:
        return ("d", [(dump(key), dump(each)) for key, each in value.items()])
    if kind is bytearray:
        return ("b", bytes(value))
    if isinstance(value, Enum):
        return ("e", kind.__name__, value.value)
    if isinstance(value, Record):
        fields: tuple[str, ...] = kind._fields
        return ("r", kind.__name__, {field: dump(getattr(value, field)) for field in fields})
    return ("o", kind.__name__, dump_fields(value))


def dump_fields(value: object, without: Iterable[str] = ()) -> dict[str, Any]:
    """What an object holds, in slots or without, by name."""
    names = [*slots(type(value)), *getattr(value, "__dict__", ())]
    return {name: dump(getattr(value, name)) for name in names if name not in without}


class Reader:
    """Reads what `dump` has made. `classes`: those that may occur, by name."""

    def __init__(self, classes: Iterable[type]) -> None:
        self._classes = {each.__name__: each for each in classes}

    def load(self, plain: Any) -> Any:
        if type(plain) in _SCALARS:
            return plain
        try:
            if plain[0] in _COLLECTIONS:
                return _COLLECTIONS[plain[0]]([self.load(each) for each in plain[1]])
            if plain[0] == "d":
                return {self.load(key): self.load(each) for key, each in plain[1]}
            if plain[0] == "b":
                return bytearray(plain[1])
            letter, name, content = plain
            return {"e": self._member, "r": self._record, "o": self._object}[letter](self._classes[name], content)
        except (KeyError, ValueError, TypeError, IndexError) as error:
            raise Unreadable(f"{str(plain)[:60]}: {type(error).__name__} {error}") from None

    def fill(self, value: object, fields: dict[str, Any]) -> None:
        """Give an object the saved fields that it knows; what was not saved keeps what it is."""
        known = slots(type(value))
        for name, each in fields.items():
            if name in known or hasattr(value, "__dict__") and hasattr(type(value), name):
                setattr(value, name, self.load(each))

    def _member(self, kind: type, value: Any) -> Any:
        return kind(value)

    def _record(self, kind: type, fields: dict[str, Any]) -> Any:
        known = kind._fields  # type: ignore[attr-defined]
        return kind(**{name: self.load(each) for name, each in fields.items() if name in known})

    def _object(self, kind: type, fields: dict[str, Any]) -> Any:
        is_whole = all(name in fields for name in slots(kind))
        # Fields that the writer did not have: only a class that needs nothing to be made can say what they are.
        value = object.__new__(kind) if is_whole else kind()
        self.fill(value, fields)
        return value


def slots(kind: type) -> list[str]:
    """The names of all slots, those of base classes first."""
    return [name for each in reversed(kind.__mro__) for name in each.__dict__.get("__slots__", ())]
