"""Where do the files of units say that? A directive's file and line, or the link of a .wants/ directory.

The files are read when somebody asks, so that nothing needs to be kept of them: of a unit whose files have changed since it was
read, it is the new place that is told.
"""

from __future__ import annotations

from initd.core import syntax
from initd.core.dependency import INVERSE, Dependency
from initd.core.sources import UnitFiles, UnitText

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from typing import Protocol

    class Named(Protocol):
        """A unit, or its definition."""

        @property
        def name(self) -> str: ...
        @property
        def names(self) -> Collection[str]: ...

#: Kinds that a file writes by other keys too.
_KEYS = {Dependency.TRIGGERS: ("Unit", "Service"), Dependency.IN_SLICE: ("Slice",)}


class Whence:
    """`read` gives the files of a unit by its name, `link` the path of a link in a .wants/, .requires/ or .upholds/ directory
    of a unit with these names to one with those, "" where there is none."""

    def __init__(
        self, read: Callable[[str], UnitFiles], link: Callable[[tuple[str, ...], Dependency, frozenset[str]], str],
    ) -> None:
        self._read = read
        self._link = link
        self._files: dict[str, UnitFiles] = {}

    def of_directive(self, unit: Named, *keys: str, value: str = "") -> str:
        """The last assignment of one of these keys, that with the value where there is one."""
        found = list(self._assignments(unit.name, keys))
        same = [place for place, text in found if value and "".join(text.split()) == "".join(value.split())]
        return same[-1] if same else found[-1][0] if found else ""

    def of_dependency(self, unit: Named, kind: Dependency, other: Named | str) -> str:
        """Where it says that `unit` depends on `other` like this: its files, or those of the other."""
        names = frozenset((other,)) if isinstance(other, str) else frozenset(other.names)
        own = frozenset(unit.names)
        other_name = other if isinstance(other, str) else other.name
        return self._find(unit.name, own, kind, names) or (
            self._find(other_name, names, INVERSE[kind], own) if kind in INVERSE else "")

    def _find(self, unit: str, own: frozenset[str], kind: Dependency, names: frozenset[str]) -> str:
        for place, text in self._assignments(unit, _KEYS.get(kind, (kind.value,))):
            if any(word in names or "%" in word for word in text.split()):
                return place
        return self._link((unit, *sorted(own - {unit})), kind, names)

    def _assignments(self, unit: str, keys: tuple[str, ...]) -> Iterator[tuple[str, str]]:
        if unit not in self._files:
            self._files[unit] = self._read(unit)
        files = self._files[unit]
        texts: tuple[UnitText, ...] = ((files.fragment,) if files.fragment is not None else ()) + files.dropins
        for text in texts:
            for item in syntax.parse(text.text, text.path).assignments:
                if item.key in keys:
                    yield f"{text.path}:{item.line}", item.value
