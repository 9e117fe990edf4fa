"""Unit types that can be loaded and shown, but not started: the job's result says `unsupported`."""

from __future__ import annotations

from initd.core.settings import UnitDefinition
from initd.core.states import ActiveState, UnitType
from initd.core.turn import Outcome, Turn
from initd.core.unit import Machine, Unit
from initd.core.world import World


class UnsupportedMachine(Machine):
    """A unit that can be loaded and shown, but not started; perpetual mounts are up because the container runs."""

    __slots__ = ("is_active", "word")

    def __init__(self, definition: UnitDefinition) -> None:
        self.is_active = definition.is_perpetual
        self.word = {UnitType.MOUNT: "mounted"}.get(definition.type, "active")

    @property
    def active_state(self) -> ActiveState:
        return ActiveState.ACTIVE if self.is_active else ActiveState.INACTIVE

    @property
    def sub_state(self) -> str:
        return self.word if self.is_active else "dead"

    @property
    def can_start(self) -> bool:
        return True


def make(definition: UnitDefinition) -> UnsupportedMachine:
    return UnsupportedMachine(definition)


def start(unit: Unit, world: World, turn: Turn) -> Outcome:
    return Outcome.ALREADY if unit.active_state.is_up else Outcome.UNSUPPORTED


def stop(unit: Unit, world: World, turn: Turn) -> Outcome:
    return Outcome.ALREADY


def reset_failed(unit: Unit, turn: Turn) -> None:
    """They cannot fail."""
