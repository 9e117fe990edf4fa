"""Joins the kernel's table of mounts and the engine: what is mounted has a unit, and the unit hears of it.

Decides nothing: `core.mountpoint` says what gets a unit, `core.mount` what a change means.
"""

from __future__ import annotations

from initd.core import effects as ef
from initd.core import events as ev
from initd.core.states import LoadState
from initd.shell import mounts
from initd.shell.loop import RANK_MESSAGES, URGENT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from initd.core.graph import Graph
    from initd.shell.loop import Loop
    from initd.unitreader import UnitReader


class MountLink:
    """`load` reads units and all they mention, `feed` tells the engine, `attempt` calls again what has raised."""

    def __init__(self, loop: Loop, graph: Graph, reader: UnitReader, load: Callable[..., None],
                 feed: Callable[[ev.Event], None], attempt: Callable[..., Any]) -> None:
        self._loop = loop
        self._graph = graph
        self._reader = reader
        self._load = load
        self._feed = feed
        self._attempt = attempt
        self._table: mounts.MountTable | None = None

    def handlers(self) -> dict[type[ef.Effect], Callable[..., ev.Event | None]]:
        """What carries out the effects that concern mounts."""
        return {ef.PrepareMount: mounts.prepare, ef.ReadMounts: lambda effect: self._attempt(self._answer, effect)}

    def open(self) -> str:
        """Look for the first time, and watch from now on. Why that cannot be, or ""."""
        try:
            self._table = mounts.MountTable()
        except OSError as error:
            return f"Cannot watch what is mounted: {error.strerror}"
        # As urgent as messages are: what mount(8) has done is to be known when its exit is heard of.
        self._loop.add(self._table.fileno(), URGENT, self._on_change, RANK_MESSAGES)
        self._on_change()
        return ""

    def close(self) -> None:
        if self._table is not None:
            self._loop.remove(self._table.fileno())
            self._table.close()
            self._table = None

    def _on_change(self, _: int = 0) -> None:
        """Units first, then the news for them."""
        assert self._table is not None
        points = self._table.read()
        self._reader.mounted = {point.unit: point for point in points}
        known = {name: self._graph.get(name) for name in self._reader.mounted}
        self._load(*(name for name, unit in known.items() if unit is None))
        found = [name for name, unit in known.items() if unit is not None and unit.load_state is LoadState.NOT_FOUND]
        if found:
            # Others have mentioned it while it was not there.
            self._feed(ev.UnitsLoaded(tuple(self._reader.read(name) for name in found)))
            self._load()
        self._feed(ev.MountsRead(points))

    def _answer(self, effect: ef.ReadMounts) -> ev.Event:
        """A place that is new here too is one of which the loop is about to tell."""
        points = self._table.read() if self._table is not None else ()
        return ev.MountsRead(points)
