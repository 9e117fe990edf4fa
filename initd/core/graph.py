"""The unit set: names and aliases, dependencies in both directions, and what is still to be read.

`add` takes a definition; `missing` names the units that are mentioned and unknown; the manager reads those and comes
back until nothing is missing; `settle` then adds what only the whole graph can tell (a target is ordered after what it
pulls in). Knows nothing of jobs or of how a unit runs: machines are made by a function it is given.
"""

from __future__ import annotations

from initd.core.dependency import INVERSE, Dependency, Facet
from initd.core.settings import DependencyEntry, UnitDefinition
from initd.core.states import LoadState, UnitType
from initd.core.unit import Machine, Unit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    MakeMachine = Callable[[UnitDefinition], Machine]


class Graph:
    """All units the manager knows. `by_name` has every alias; `units` only primary names."""

    def __init__(self, make_machine: MakeMachine) -> None:
        self.units: dict[str, Unit] = {}
        self.by_name: dict[str, Unit] = {}
        #: The number in a process's tag → the unit's name.
        self.numbers: dict[int, str] = {}
        self._make_machine = make_machine
        self.next_number = 1
        self._reserved: dict[str, int] = {}
        self._missing: dict[str, None] = {}
        self._unsettled: set[str] = set()

    def get(self, name: str) -> Unit | None:
        return self.by_name.get(name)

    def missing(self) -> tuple[str, ...]:
        """Names that units mention and that were not read yet."""
        return tuple(self._missing)

    def want(self, name: str) -> None:
        """Ask for a unit that no other mentions."""
        if name not in self.by_name:
            self._missing[name] = None

    def add(self, definition: UnitDefinition) -> Unit:
        """The unit of this definition: a new one, or a known one under one more name, or with new settings."""
        known = self.by_name.get(definition.name)
        if known is None:
            known = self._stub(definition.name)
            known.definition = definition
            known.machine = self._make_machine(definition)
        else:
            self._redefine(known, definition)
        for name in (definition.name, *definition.names):
            self._give_name(known, name)
        for entry in known.definition.dependencies:
            self._connect(known, entry)
        self._unsettled.add(known.name)
        return known

    def add_dependency(self, unit: Unit, entry: DependencyEntry) -> None:
        """One more than the unit's files say: it follows from what else is there."""
        if entry not in unit.definition.dependencies:
            unit.definition = unit.definition.replace(dependencies=(*unit.definition.dependencies, entry))
            self._connect(unit, entry)

    def reserve(self, numbers: dict[str, int], next_number: int) -> None:
        """Units of these names get these numbers when they are added; all others, numbers from `next_number` on."""
        self._reserved = dict(numbers)
        self.next_number = max(self.next_number, next_number)

    def settle(self) -> None:
        """Order targets after what they pull in (systemd.target(5), Default Dependencies)."""
        for name in sorted(self._unsettled):
            unit = self.units.get(name)
            if unit is None:
                continue
            if unit.type is UnitType.TARGET:
                for other in unit.names_with(Facet.ORDERS_TARGET):
                    self._order_target(unit, self.units.get(other))
            for other in unit.names_with(Facet.PINS):
                target = self.units.get(other)
                if target is not None and target.type is UnitType.TARGET:
                    self._order_target(target, unit)
        self._unsettled.clear()

    def drop(self, unit: Unit) -> None:
        """Forget a unit, and what others know of it."""
        for name in unit.names:
            self.by_name.pop(name, None)
        self.units.pop(unit.name, None)
        self.numbers.pop(unit.number, None)
        for kind, others in unit.dependencies.items():
            for name in others:
                other = self.units.get(name)
                if other is not None and kind in INVERSE:
                    other.dependencies.get(INVERSE[kind], {}).pop(unit.name, None)
                    if other.active_state.is_down and other.job is None:
                        other.called_by.pop(unit.name, None)

    def is_kept(self, unit: Unit) -> bool:
        """A unit that is up names this one in its files: the usual case, told without a look at all units."""
        others = (self.units.get(name) for name in unit.names_with(Facet.PINS))
        return any(other is not None and not other.active_state.is_down for other in others)

    def unreferenced(self, is_in_use: Callable[[Unit], bool]) -> list[Unit]:
        """The units that are not in use, and that no unit in use names in its files, directly or through others."""
        kept = {unit.name for unit in self.units.values() if is_in_use(unit)}
        pending = list(kept)
        while pending:
            for entry in self.units[pending.pop()].definition.dependencies:
                other = self.by_name.get(entry.unit)
                if other is not None and other.name not in kept:
                    kept.add(other.name)
                    pending.append(other.name)
        return [self.units[name] for name in sorted(self.units) if name not in kept]

    def reset(self, definitions: Iterable[UnitDefinition], keep: Callable[[Unit], bool]) -> list[Unit]:
        """daemon-reload: every unit gets its new definition; returns the units that were forgotten.

        A unit whose files are gone stays for as long as `keep` says: it runs, a job is queued, or it has failed.
        """
        fresh = {definition.name: definition for definition in definitions}
        old, self.by_name, self._missing = self.units, {}, {}
        self.units, self._unsettled = {}, set()
        dropped = []
        for unit in old.values():
            unit.dependencies = {}
            if unit.name in fresh or keep(unit):
                self.units[unit.name] = self.by_name[unit.name] = unit
            else:
                dropped.append(unit)
                self.numbers.pop(unit.number, None)
        for unit in tuple(self.units.values()):
            self.add(fresh.pop(unit.name) if unit.name in fresh else as_not_found(unit.definition))
        for definition in fresh.values():
            self.add(definition)
        return dropped

    def _redefine(self, unit: Unit, definition: UnitDefinition) -> None:
        self._disconnect(unit)
        unit.definition = definition.replace(name=unit.name)
        unit.condition_outcomes = unit.assert_outcomes = ()
        unit.names = {unit.name, definition.name, *definition.names}

    def _give_name(self, unit: Unit, name: str) -> None:
        """`name` is `unit` from now on, also in dependencies that were written before it was known to be an alias."""
        self._missing.pop(name, None)
        unit.names.add(name)
        self.by_name[name] = unit
        if name == unit.name:
            return
        stub = self.units.pop(name, None)
        if stub is None or stub is unit:
            return
        for kind, others in stub.dependencies.items():
            unit.dependencies.setdefault(kind, {}).update(
                {other: origin for other, origin in others.items() if other != unit.name}
            )
        # Every dependency has its inverse: whoever says the name is among those that the stub depends on.
        for mentioner_name in dict.fromkeys(other for others in stub.dependencies.values() for other in others):
            mentioner = self.units.get(mentioner_name)
            if mentioner is not None:
                for others in mentioner.dependencies.values():
                    if name in others:
                        others[unit.name] = others.pop(name)

    def _connect(self, unit: Unit, entry: DependencyEntry) -> None:
        known = self.by_name.get(entry.unit)
        other = known.name if known is not None else entry.unit
        if other == unit.name:
            return  # a unit that depends on itself, by an alias perhaps, is no news (systemd drops these too)
        unit.dependencies.setdefault(entry.kind, {}).setdefault(other, entry.origin)
        if known is None:
            self._missing[other] = None
            known = self._stub(other)
        inverse = INVERSE.get(entry.kind)
        if inverse is not None:
            known.dependencies.setdefault(inverse, {}).setdefault(unit.name, entry.origin)
        self._unsettled.add(known.name)

    def _stub(self, name: str) -> Unit:
        """A place for inverse dependencies until the unit's files are read; `by_name` does not show it."""
        stub = self.units.get(name)
        if stub is None:
            definition = UnitDefinition(name, _type_of(name), LoadState.STUB, (name,))
            number = self._reserved.pop(name, 0)
            if not number:
                number = self.next_number
                self.next_number += 1
            stub = Unit(definition, number, self._make_machine(definition))
            self.numbers[number] = name
            self.units[name] = stub
        return stub

    def _disconnect(self, unit: Unit) -> None:
        """Take back what the unit's own definition added, here and on the other side."""
        for entry in unit.definition.dependencies:
            known = self.by_name.get(entry.unit)
            other = known if known is not None else self.units.get(entry.unit)
            unit.dependencies.get(entry.kind, {}).pop(other.name if other else entry.unit, None)
            inverse = INVERSE.get(entry.kind)
            if other is not None and inverse is not None:
                other.dependencies.get(inverse, {}).pop(unit.name, None)

    def _order_target(self, target: Unit, other: Unit | None) -> None:
        if other is None or not (target.is_loaded and other.is_loaded):
            return
        if not (target.settings.default_dependencies and other.settings.default_dependencies):
            return
        if other.name in target.dependencies.get(Dependency.BEFORE, ()):
            return
        target.dependencies.setdefault(Dependency.AFTER, {}).setdefault(other.name, "default")
        other.dependencies.setdefault(Dependency.BEFORE, {}).setdefault(target.name, "default")


def _type_of(name: str) -> UnitType:
    return UnitType(name.rpartition(".")[2])


def as_not_found(definition: UnitDefinition) -> UnitDefinition:
    """The definition of a unit that runs though its files are gone: it keeps its settings, so that it can be stopped."""
    if definition.is_perpetual or definition.is_transient or definition.load_state is not LoadState.LOADED:
        return definition
    return definition.replace(
        load_state=LoadState.NOT_FOUND, load_error=f"Unit {definition.name} not found.", dependencies=(), dropin_paths=()
    )
