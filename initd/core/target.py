"""Unit types that are up or down and nothing else: targets and slices (systemd.target(5), systemd.slice(5))."""

from __future__ import annotations

from initd.core.cgroup_attributes import CgroupPlan, plan_cgroup
from initd.core.effects import PrepareUnit, ReleaseUnit
from initd.core.settings import UnitDefinition
from initd.core.states import ActiveState, UnitType
from initd.core.turn import Outcome, StateChange, Turn
from initd.core.unit import Machine, Unit
from initd.core.world import World


class SimpleMachine(Machine):
    """Up or down."""

    __slots__ = ("is_active",)

    def __init__(self, is_active: bool) -> None:
        self.is_active = is_active

    @property
    def active_state(self) -> ActiveState:
        return ActiveState.ACTIVE if self.is_active else ActiveState.INACTIVE

    @property
    def sub_state(self) -> str:
        return "active" if self.is_active else "dead"

    @property
    def can_start(self) -> bool:
        return True


def make(definition: UnitDefinition) -> SimpleMachine:
    """Perpetual units (-.slice, system.slice) are up from the beginning."""
    return SimpleMachine(definition.is_perpetual)


def start(unit: Unit, world: World, turn: Turn) -> Outcome:
    machine = unit.machine
    assert isinstance(machine, SimpleMachine)
    if machine.is_active:
        return Outcome.ALREADY
    machine.is_active = True
    if unit.type is UnitType.SLICE:
        prepare(unit, turn)
    turn.changes.append(StateChange(unit.name, ActiveState.INACTIVE, ActiveState.ACTIVE))
    return Outcome.BEGUN


def prepare(unit: Unit, turn: Turn) -> None:
    """A slice's own cgroup, with its limits."""
    settings = unit.definition.cgroup
    plan = plan_cgroup(settings, surroundings=turn.surroundings(unit)) if settings is not None else CgroupPlan()
    turn.ask(PrepareUnit(unit.name, unit.cgroup, plan))


def stop(unit: Unit, world: World, turn: Turn) -> Outcome:
    machine = unit.machine
    assert isinstance(machine, SimpleMachine)
    if not machine.is_active:
        return Outcome.ALREADY
    machine.is_active = False
    if unit.type is UnitType.SLICE:
        turn.ask(ReleaseUnit(unit.name, unit.cgroup))
    turn.changes.append(StateChange(unit.name, ActiveState.ACTIVE, ActiveState.INACTIVE))
    return Outcome.BEGUN


def reset_failed(unit: Unit, turn: Turn) -> None:
    """They cannot fail."""
