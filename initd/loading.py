"""Which units are read, and when: those that are asked for and all they mention, and again what has changed on disk.

Joins `initd.unitreader`, which reads one, with the engine's graph, which knows whom it lacks. Decides nothing about what a
unit says.
"""

from __future__ import annotations

import gc

from initd.attempts import Attempts
from initd.core import bugs
from initd.core import events as ev
from initd.core.settings import UnitDefinition
from initd.core.states import LoadState
from initd.unitreader import UnitReader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from initd.core.graph import Graph


#: What the manager may have to start by itself, at any time; a manager that is no init, the first.
ALWAYS_LOADED = (
    "exit.target", "rescue.target", "emergency.target", "poweroff.target", "reboot.target", "halt.target",
    "soft-reboot.target",
)


class Loading:
    """`feed` tells the engine, `is_over` whether there is anything left to load for."""

    def __init__(self, graph: Graph, units: UnitReader, attempts: Attempts, feed: Callable[[ev.Event], None],
                 is_over: Callable[[], bool]) -> None:
        self._graph = graph
        self._units = units
        self._attempts = attempts
        self._feed = feed
        self._is_over = is_over

    def load(self, *names: str) -> None:
        """Read these units and every unit they mention, and so on, until none is missing."""
        graph = self._graph
        for name in names:
            graph.want(name)
        gc.disable()  # Nearly all that is made here stays: looking for garbage in it is a sixth of the time.
        try:
            missing = graph.missing()
            while missing and not self._is_over():
                self._feed(ev.UnitsLoaded(tuple(self.read(name) for name in missing)))
                missing = graph.missing()
        finally:
            gc.enable()

    def read(self, name: str) -> UnitDefinition:
        """A unit whose reading meets a bug, and once more, is none that could be started, but the others are read."""
        definition = self._attempts.once(self._units.read, name)
        try:
            return definition or self._units.read(name)
        except Exception as error:
            self._attempts.report(f"reading {name}", error)
            return bugs.unreadable(name, error)

    def load_asked(self, name: str) -> None:
        """A unit that somebody asks for: files that are new are seen without a daemon-reload, as systemd has it."""
        known = self._graph.get(name)
        if known is None and self._units.dirs.has_changed():
            self._units.dirs.forget()
        elif known is not None and known.load_state is LoadState.NOT_FOUND:
            self.look_for_missing()
        self.load(name)

    def look_for_missing(self) -> None:
        """Units that were only named by others may have files by now."""
        if not self._units.dirs.has_changed():
            return
        self._units.dirs.forget()
        missed = [unit.name for unit in self._graph.units.values() if unit.load_state is LoadState.NOT_FOUND]
        found = tuple(each for each in map(self._units.read, missed) if each.load_state is not LoadState.NOT_FOUND)
        if found:
            self._feed(ev.UnitsLoaded(found))
            self.load()

    def read_again(self) -> list[UnitDefinition]:
        """What is known, as files have it now (daemon-reload): without what has lost its file; whose reading meets a bug stays
        as it was."""
        self._units.dirs.forget()
        definitions: dict[str, UnitDefinition] = {}
        for name in sorted(self._graph.units):
            kept = self._graph.units[name].definition
            definition = kept if kept.is_transient else self._attempts.once(self._units.read, name) or kept
            if definition.load_state is not LoadState.NOT_FOUND:
                definitions[definition.name] = definition
        return list(definitions.values())
