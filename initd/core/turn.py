"""One call of `Engine.handle`: the time, the effects asked for so far, and the consequences still to be worked off.

What unit A causes in unit B is put here and not done at once, so that no handler runs inside another.
"""

from __future__ import annotations

from collections import deque

from initd.core.cgroup_attributes import NOWHERE, Surroundings
from initd.core.effects import Effect, Log, UnitPassed
from initd.core.enumeration import Enum
from initd.core.places import SYSTEM, Places
from initd.core.record import Record
from initd.core.states import ActiveState, JobResult, ServiceResult
from initd.core.unit import StateMachine, Unit
from initd.core.values import LOG_INFO, Now

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Hashable


class Outcome(Enum):
    """What a unit type's module says to a start, stop or reload."""

    #: Under way; the job ends when the state says so.
    BEGUN = "begun"
    #: Nothing to do: the job is done.
    ALREADY = "already"
    #: Not now; try again when the unit's state changes.
    AGAIN = "again"
    FAILED = "failed"
    UNSUPPORTED = "unsupported"


class StateChange(Record):
    """A unit's active or sub state has changed. `will_restart`: the unit is about to be started again by itself."""

    unit: str
    old: ActiveState
    new: ActiveState
    will_restart: bool = False
    reload_failed: bool = False


class AutomaticRestart(Record):
    """A service's RestartSec= has passed: it wants a restart job."""

    unit: str
    result: ServiceResult


def _nowhere(unit: Unit) -> Surroundings:
    return NOWHERE


class Turn:
    """Handed to everything that decides; dead when `handle` returns."""

    __slots__ = (
        "now", "is_heard", "effects", "changes", "job_ends", "restarts", "propagated_reloads", "granted", "touched",
        "has_run_jobs", "limits_hit", "heeds_watchdogs", "surroundings", "places",
    )

    def __init__(self, now: Now, is_heard: bool = True, places: Places = SYSTEM) -> None:
        self.now = now
        #: Of the manager.
        self.places = places
        #: Somebody listens to what becomes of units.
        self.is_heard = is_heard
        #: `systemctl service-watchdogs` is on.
        self.heeds_watchdogs = True
        self.effects: list[Effect] = []
        self.changes: deque[StateChange] = deque()
        #: Units that have no job any more, which may be news though their state is not another.
        self.job_ends: deque[str] = deque()
        self.restarts: deque[AutomaticRestart] = deque()
        self.propagated_reloads: deque[str] = deque()
        #: Wishes granted in this turn: units whose failures call for each other must not keep the turn from ending.
        self.granted: set[Hashable] = set()
        #: Units that have changed in this turn: their state is told before they go on to another.
        self.touched: set[str] = set()
        self.has_run_jobs = False
        #: Units that were started too often: StartLimitAction= is the engine's to carry out.
        self.limits_hit: list[str] = []
        #: What a unit's cgroup depends on beside the unit.
        self.surroundings: Callable[[Unit], Surroundings] = _nowhere

    def enter(self, unit: Unit, state: Enum) -> None:
        """The unit's machine is in this state now."""
        machine = unit.machine
        assert isinstance(machine, StateMachine)
        old = machine.active_state
        machine.state = state
        self.changes.append(StateChange(unit.name, old, machine.active_state))

    def ask(self, effect: Effect) -> None:
        self.effects.append(effect)

    def tell(self, unit: Unit) -> None:
        """Clients hear what the unit is now, before it is something else."""
        self.touched.discard(unit.name)
        if self.is_heard:
            self.effects.append(UnitPassed(unit.name, unit.as_it_is()))

    def tell_touched(self, unit: Unit) -> None:
        """The same, where there is news."""
        if unit.name in self.touched:
            self.tell(unit)

    def log(self, unit: Unit | None, priority: int, text: str, **fields: str) -> None:
        """One line for the journal; with a unit, the line starts with its name as systemd's do."""
        name = unit.name if unit is not None else ""
        self.effects.append(Log(priority, name, f"{name}: {text}" if name else text, tuple(fields.items())))

    def announce(self, unit: Unit, text: str, priority: int = LOG_INFO, **fields: str) -> None:
        """A line that names the unit by itself ("Started …")."""
        self.effects.append(Log(priority, unit.name, text, tuple(fields.items())))


#: How an outcome that is not BEGUN or AGAIN ends the job.
RESULT_OF: dict[Outcome, JobResult] = {
    Outcome.ALREADY: JobResult.DONE,
    Outcome.FAILED: JobResult.FAILED,
    Outcome.UNSUPPORTED: JobResult.UNSUPPORTED,
}
