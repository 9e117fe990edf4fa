"""The engine's state as one value that outlives the process: what `daemon-reexec` hands on (systemctl(1)).

What unit files say is not in it: they are read again, as after a daemon-reload. The exception are units without a file
(made by a client, or for the foreground command), and units that run though their file is gone. Numbers of units stay
what they were, since running processes carry them as their tags.
"""

from __future__ import annotations

from collections import OrderedDict

from initd.core import (
    automount,
    busnames,
    cgroup_attributes,
    dependency,
    job,
    mount_record,
    mountpoint,
    path,
    ratelimit,
    scope,
    service_record,
    settings,
    settings_exec,
    shutdown,
    socket_record,
    states,
    timer,
    values,
    world,
)
from initd.core.graph import as_not_found
from initd.core.machines import AFTER_RESTORE
from initd.core.saved import Reader, Unreadable, dump, dump_fields, slots
from initd.core.settings import UnitDefinition
from initd.core.states import LoadState
from initd.core.turn import Turn
from initd.core.unit import Unit
from initd.core.values import LOG_ERR
from initd.core.world import World

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_MODULES = (
    automount, busnames, cgroup_attributes, dependency, job, mount_record, mountpoint, path, ratelimit, scope, service_record,
    settings, settings_exec, shutdown, socket_record, states, timer, values, world,
)
#: Of a unit, what its files say, or what is told apart from the rest.
_NOT_SAVED = frozenset(("name", "names", "type", "number", "definition", "dependencies", "machine"))
_OF_WORLD = (
    "own_environment", "client_environment", "boot_times", "is_booting", "foreground", "was_exit_code_set", "standing",
    "may_hold_garbage", "is_idle_released", "seed", "invocations", "drawn", "told",
)


def classes() -> set[type]:
    """Every class whose values may be part of the state."""
    return {
        each for module in _MODULES for each in vars(module).values()
        if isinstance(each, type) and each.__module__ == module.__name__
    }


def save(world: World) -> dict[str, Any]:
    """Plain values. To be called between two events, when nothing is under way."""
    queue = world.queue
    return {
        "bus_names": dump_fields(world.bus_names),
        "world": {name: dump(getattr(world, name)) for name in _OF_WORLD},
        "shutdown": dump_fields(world.shutdown),
        "tuning": dump_fields(world.tuning),
        "queue": {"next_id": queue.next_id, "runnable": list(queue.runnable), "failed_starts": list(queue.failed_starts),
                  "installed": queue.installed, "failed": queue.failed, "asked": dump(queue.asked),
                  "departed": dump(queue.departed)},
        "next_number": world.graph.next_number,
        "units": {name: _save_unit(unit) for name, unit in world.graph.units.items() if name in world.graph.by_name},
    }


def _save_unit(unit: Unit) -> dict[str, Any]:
    has_file = unit.load_state is LoadState.LOADED and bool(unit.definition.fragment_path)
    needs_definition = unit.definition.is_transient or not has_file or not unit.active_state.is_down
    return {
        "number": unit.number,
        "fields": dump_fields(unit, _NOT_SAVED),
        "machine": (type(unit.machine).__name__, dump_fields(unit.machine)),
        "definition": dump(unit.definition) if needs_definition else None,
    }


class Saved:
    """What `save` has made, to be put in force in three steps: `reserve`, then the units are loaded, then `restore`."""

    def __init__(self, plain: dict[str, Any]) -> None:
        """Raises Unreadable where it is nothing of the kind."""
        for name in ("world", "shutdown", "queue", "units"):
            if not isinstance(plain, dict) or not isinstance(plain.get(name), dict):
                raise Unreadable(f"there is nothing of {name} in it")
        self._plain = plain
        self._reader = Reader(classes())

    @property
    def names(self) -> list[str]:
        return list(self._plain["units"])

    def definition(self, name: str, of_files: UnitDefinition) -> UnitDefinition:
        """What the unit is now: what its files say, or what it was where it has none, or none any more."""
        plain = self._plain["units"].get(name, {}).get("definition")
        try:
            kept: UnitDefinition | None = self._reader.load(plain) if plain is not None else None
        except (Unreadable, AttributeError):
            kept = None  # of another version: the unit's files have to do
        if kept is None or of_files.load_state is not LoadState.NOT_FOUND:
            return of_files
        if kept.load_state is not LoadState.LOADED and not kept.fragment_path:
            return of_files  # it was not there before either
        return as_not_found(kept) if kept.fragment_path and not kept.is_transient else kept

    def reserve(self, world: World) -> None:
        """Units get the numbers that they had."""
        numbers = {name: saved["number"] for name, saved in self._plain["units"].items()}
        world.graph.reserve(numbers, self._plain["next_number"])
        # Which of two units for one bus name it was that could be loaded.
        self._reader.fill(world.bus_names, self._plain.get("bus_names", {}))
        world.is_idle_released = True  # nobody is told to go on because there are no jobs yet

    def restore(self, world: World, turn: Turn) -> None:
        """All units are loaded: give everything the state that it had. What cannot be read is told, and left out."""
        for name in _OF_WORLD:
            if name in self._plain["world"]:
                self._try(f"the manager's {name}", turn, self._restore_field, world, name)
        self._try("the shutdown", turn, self._reader.fill, world.shutdown, self._plain["shutdown"])
        self._try("settings", turn, self._reader.fill, world.tuning, self._plain.get("tuning", {}))
        for name, saved in self._plain["units"].items():
            unit = world.graph.units.get(name)
            if unit is None:
                turn.log(None, LOG_ERR, f"Unit {name} is an alias now, what was known of it is lost.")
            else:
                self._try(name, turn, self._restore_unit, unit, saved)
        self._try("jobs", turn, self._restore_queue, world)
        for unit in world.graph.units.values():
            after = AFTER_RESTORE.get(unit.type)
            if after is not None:
                self._try(unit.name, turn, after, unit, world, turn)
            self._try(unit.name, turn, world.deadlines.touch, unit)

    def _restore_field(self, world: World, name: str) -> None:
        setattr(world, name, self._reader.load(self._plain["world"][name]))

    def _try(self, what: str, turn: Turn, action: Callable[..., None], *words: object) -> None:
        """One part of it that makes no sense is no reason to lose the others."""
        try:
            action(*words)
        except Exception as error:
            turn.log(None, LOG_ERR, f"What was known of {what} is lost, it begins anew: {type(error).__name__} {error}")

    def _restore_unit(self, unit: Unit, saved: dict[str, Any]) -> None:
        kind, fields = saved["machine"]
        known = {name: self._reader.load(value) for name, value in saved["fields"].items() if name in slots(Unit)}
        machine = {name: self._reader.load(value) for name, value in fields.items()}
        if kind != type(unit.machine).__name__:
            raise Unreadable(f"{kind} has become {type(unit.machine).__name__}")
        # Only now, so that a unit is restored or not, but never in part.
        for target, values_of in ((unit, known), (unit.machine, machine)):
            for name in slots(type(target)):
                if name in values_of:
                    setattr(target, name, values_of[name])

    def _restore_queue(self, world: World) -> None:
        queue, saved = world.queue, self._plain["queue"]
        queue.next_id = saved["next_id"]
        queue.installed, queue.failed = saved.get("installed", 0), saved.get("failed", 0)
        queue.asked = self._reader.load(saved["asked"]) if "asked" in saved else {}
        queue.departed = self._reader.load(saved["departed"]) if "departed" in saved else {}
        queue.failed_starts = [name for name in saved["failed_starts"] if name in world.graph.units]
        jobs = [unit.job for unit in world.graph.units.values() if unit.job is not None]
        queue.jobs = {each.id: each for each in sorted(jobs, key=lambda each: each.id)}
        queue.runnable = OrderedDict.fromkeys(name for name in saved["runnable"] if name in world.graph.units)
