"""A unit in the making: what `load` fills in, and what parsers and the rules of its type read and change."""

from __future__ import annotations

from initd.core.dependency import Dependency
from initd.core.sections import Group, new_settings
from initd.core.settings import (
    CgroupSettings,
    DependencyEntry,
    ExecSettings,
    InstallSettings,
    KillSettings,
    Settings,
    UnitSettings,
)
from initd.core.states import UnitType
from initd.core.unfinished import Items, Unfinished

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any


class Draft:
    """Settings objects by group, and the dependencies, in the order they were found."""

    __slots__ = ("name", "kind", "names", "settings", "dependencies", "unfinished")

    def __init__(self, name: str, kind: UnitType, names: tuple[str, ...]) -> None:
        self.name = name
        self.kind = kind
        self.names = names
        self.settings = new_settings(kind)
        self.dependencies: dict[tuple[Dependency, str], DependencyEntry] = {}
        #: Fields whose value is not yet what settings hold.
        self.unfinished: dict[tuple[Group, str], None] = {}

    # What a parser may do:

    def get(self, group: Group, field: str) -> Any:
        return getattr(self.settings[group], field)

    def set(self, group: Group, field: str, value: Any) -> None:
        setattr(self.settings[group], field, value)

    def append(self, group: Group, field: str, items: tuple[Any, ...]) -> None:
        """Add to a list, which is a tuple again when the draft is finished."""
        found = getattr(self.settings[group], field)
        if type(found) is not Items:
            found = Items(found)
            self.begin(group, field, found)
        found += items

    def begin(self, group: Group, field: str, value: Unfinished) -> None:
        """Set a value that more will be added to."""
        setattr(self.settings[group], field, value)
        self.unfinished[group, field] = None

    def unset(self, group: Group, field: str) -> None:
        """Back to the default."""
        self.settings[group].__dict__.pop(field, None)

    def is_set(self, group: Group, field: str) -> bool:
        return field in self.settings[group].__dict__

    def add_dependency(self, kind: Dependency, unit: str, origin: str = "file") -> None:
        """A dependency on itself, by any of its names, means nothing and is dropped; the first origin stays."""
        if unit not in self.names:
            self.dependencies.setdefault((kind, unit), DependencyEntry(kind, unit, origin))

    # What is done for the unit:

    def link(self, links: Iterable[tuple[Dependency, str]]) -> None:
        """Its links in .wants and the like."""
        for kind, unit in links:
            self.add_dependency(kind, unit)

    def finish(self) -> None:
        """All is read that adds to a value: from now on each is what the settings hold."""
        # Not by a look into every __dict__: making one is what an object without is small for.
        for group, field in self.unfinished:
            value = self.get(group, field)
            if isinstance(value, Unfinished):
                self.set(group, field, value.finish())
        self.unfinished.clear()

    def default(self, group: Group, field: str, value: Any) -> None:
        """Set it where no file has, and it differs from the class's own default."""
        settings = self.settings[group]
        if field not in settings.__dict__ and getattr(settings, field) != value:
            setattr(settings, field, value)

    @property
    def unit(self) -> UnitSettings:
        return self.settings[Group.UNIT]  # type: ignore[return-value]

    @property
    def install(self) -> InstallSettings:
        return self.settings[Group.INSTALL]  # type: ignore[return-value]

    @property
    def specific(self) -> Settings | None:
        return self.settings.get(Group.SPECIFIC)

    @property
    def exec(self) -> ExecSettings | None:
        return self.settings.get(Group.EXEC)  # type: ignore[return-value]

    @property
    def kill(self) -> KillSettings | None:
        return self.settings.get(Group.KILL)  # type: ignore[return-value]

    @property
    def cgroup(self) -> CgroupSettings | None:
        return self.settings.get(Group.CGROUP)  # type: ignore[return-value]
