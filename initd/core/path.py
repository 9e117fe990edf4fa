"""Path units (systemd.path(5)): waiting for something in the file system, and starting another unit then.

A path unit is `waiting` while nothing is there, and `running` while its unit is up, whoever has started that; when it has
ended, the path unit looks again. What is there is the shell's to say: each time the unit begins to wait, the paths are
watched first and looked at then, so that nothing is missed in between. What happens while it runs is not looked at.
"""

from __future__ import annotations

from initd.core.effects import UnwatchPaths, WatchPaths
from initd.core.enumeration import Enum
from initd.core.events import PathsChecked, PathTouched
from initd.core.job import Cause
from initd.core.ratelimit import RateLimit
from initd.core.settings import PathSettings, UnitDefinition
from initd.core.states import ActiveState
from initd.core.turn import Outcome, Turn
from initd.core.unit import StateMachine, Unit
from initd.core.values import LOG_ERR, LOG_WARNING
from initd.core.world import World


class PathState(Enum):
    DEAD = "dead"
    WAITING = "waiting"
    RUNNING = "running"
    FAILED = "failed"


class PathResult(Enum):
    """`Result=` of a path unit (org.freedesktop.systemd1(5))."""

    SUCCESS = "success"
    RESOURCES = "resources"
    UNIT_START_LIMIT_HIT = "unit-start-limit-hit"
    TRIGGER_LIMIT_HIT = "trigger-limit-hit"


_ACTIVE_STATES: dict[Enum, ActiveState] = {PathState.DEAD: ActiveState.INACTIVE, PathState.FAILED: ActiveState.FAILED}


class PathMachine(StateMachine):
    """The record. `is_checking`: the shell was asked to watch, and has not said yet what is there."""

    __slots__ = ("result", "trigger_limit", "is_checking")
    ACTIVE_STATES = _ACTIVE_STATES

    def __init__(self) -> None:
        self.state: PathState = PathState.DEAD
        self.result = PathResult.SUCCESS
        self.trigger_limit = RateLimit()
        self.is_checking = False


def make(definition: UnitDefinition) -> PathMachine:
    return PathMachine()


def machine_of(unit: Unit) -> PathMachine:
    assert isinstance(unit.machine, PathMachine)
    return unit.machine


def settings_of(unit: Unit) -> PathSettings:
    assert isinstance(unit.definition.specific, PathSettings)
    return unit.definition.specific


# --- start and stop -------------------------------------------------------------------------------------------------


def start(unit: Unit, world: World, turn: Turn) -> Outcome:
    machine, settings = machine_of(unit), settings_of(unit)
    other = world.graph.get(settings.unit)
    if other is None or not other.is_loaded:
        turn.log(unit, LOG_ERR, f"Refusing to start, unit {settings.unit} to trigger not loaded.")
        return Outcome.FAILED
    machine.result = PathResult.SUCCESS
    if other.active_state.is_down:
        _look(unit, turn, is_fresh=True, makes_directories=settings.make_directory)
    else:
        _enter_running(unit, turn)
    return Outcome.BEGUN


def stop(unit: Unit, world: World, turn: Turn) -> Outcome:
    if unit.active_state.is_down:
        return Outcome.ALREADY
    _enter_dead(unit, PathResult.SUCCESS, turn)
    return Outcome.BEGUN


def reset_failed(unit: Unit, turn: Turn) -> None:
    machine = machine_of(unit)
    machine.result = PathResult.SUCCESS
    machine.trigger_limit.reset()
    if machine.state is PathState.FAILED:
        turn.enter(unit, PathState.DEAD)


def _look(unit: Unit, turn: Turn, is_fresh: bool = False, makes_directories: bool = False) -> None:
    """`is_fresh`: what has come or gone since the last look is no news."""
    machine_of(unit).is_checking = True
    turn.ask(WatchPaths(unit.name, settings_of(unit), makes_directories, is_fresh))


def _enter_running(unit: Unit, turn: Turn) -> None:
    machine_of(unit).is_checking = False
    turn.ask(UnwatchPaths(unit.name))
    turn.enter(unit, PathState.RUNNING)


def _enter_dead(unit: Unit, result: PathResult, turn: Turn) -> None:
    machine = machine_of(unit)
    machine.is_checking = False
    if machine.result is PathResult.SUCCESS:
        machine.result = result
    turn.ask(UnwatchPaths(unit.name))
    is_failed = machine.result is not PathResult.SUCCESS
    if is_failed:
        turn.log(unit, LOG_WARNING, f"Failed with result '{machine.result.value}'.")
    turn.enter(unit, PathState.FAILED if is_failed else PathState.DEAD)


# --- what is there --------------------------------------------------------------------------------------------------


def on_checked(unit: Unit, event: PathsChecked, world: World, turn: Turn) -> None:
    machine = machine_of(unit)
    if not machine.is_checking:
        return  # stopped meanwhile
    machine.is_checking = False
    if unit.active_state.is_down and (unit.job is None or unit.is_stop_pending()):
        turn.ask(UnwatchPaths(unit.name))  # nobody wants the start any more
    elif event.failure:
        turn.log(unit, LOG_ERR, event.failure)
        _enter_dead(unit, PathResult.RESOURCES, turn)
    elif event.met:
        _trigger(unit, event.met, world, turn)
    else:
        turn.enter(unit, PathState.WAITING)


def on_touched(unit: Unit, event: PathTouched, world: World, turn: Turn) -> None:
    """Something has happened to a path, or to one above it."""
    if machine_of(unit).state is not PathState.WAITING:
        return
    if event.changed:
        _trigger(unit, event.changed, world, turn)
    else:
        _look(unit, turn)


def after_restore(unit: Unit, world: World, turn: Turn) -> None:
    """Whoever watched for us is gone; what has happened since counts as being there, or is seen when it happens again."""
    machine = machine_of(unit)
    if machine.state is PathState.WAITING or machine.is_checking:
        _look(unit, turn)


def _trigger(unit: Unit, path: str, world: World, turn: Turn) -> None:
    machine, settings = machine_of(unit), settings_of(unit)
    if unit.is_stop_pending():
        return
    limit = (settings.trigger_limit_interval_usec, settings.trigger_limit_burst)
    if not machine.trigger_limit.is_within(*limit, turn.now.monotonic_usec):
        turn.log(unit, LOG_WARNING, "Trigger limit hit, refusing further activation.")
        _enter_dead(unit, PathResult.TRIGGER_LIMIT_HIT, turn)
        return
    variables = (f"TRIGGER_UNIT={unit.name}", f"TRIGGER_PATH={path}")
    refusal = world.start(settings.unit, turn, Cause("path", unit.name, path), variables)
    if refusal:
        turn.log(unit, LOG_WARNING, f"Failed to queue unit startup job: {refusal}")
        _enter_dead(unit, PathResult.RESOURCES, turn)
        return
    _enter_running(unit, turn)


def on_other_changed(unit: Unit, other: Unit, world: World, turn: Turn) -> None:
    """The unit that is started by this one has changed its state."""
    machine = machine_of(unit)
    if machine.state is PathState.WAITING and not other.active_state.is_down:
        _enter_running(unit, turn)
    elif machine.state is not PathState.RUNNING or not other.active_state.is_down or other.job is not None:
        return
    elif other.is_start_limit_hit:
        _enter_dead(unit, PathResult.UNIT_START_LIMIT_HIT, turn)
    elif not machine.is_checking:
        _look(unit, turn, is_fresh=True)
