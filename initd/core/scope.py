"""Scope units (systemd.scope(5)): processes that somebody else has started, put together to be stopped and limited.

A client gives the processes when it makes the unit (StartTransientUnit(), PIDs=); the start puts them there, and the scope
is over when the last of them and of their children has gone. Nothing is ever started here: a scope runs once, or not at
all. A `Controller` on the bus is asked to end its scope by itself (RequestStop), until the time for that is over.
Recorded of systemd 252 (tests/conformance/scopes).
"""

from __future__ import annotations

from initd.core.cgroup_attributes import plan_cgroup
from initd.core.effects import AttachProcesses, FindBusOwner, KillProcesses, PrepareUnit, ReleaseUnit, RequestStop, UnitChanged
from initd.core.enumeration import Enum
from initd.core.events import BusOwnerFound, Event, OomKilled, ProcessesAttached, ProcessesKilled, ScopeMade, UnitEmpty
from initd.core.kill import KillOperation, plan_kill
from initd.core.settings import CgroupSettings, KillSettings, ScopeSettings, UnitDefinition
from initd.core.states import ActiveState
from initd.core.turn import Outcome, StateChange, Turn
from initd.core.unit import StateMachine, Unit
from initd.core.values import INFINITY, LOG_WARNING
from initd.core.world import World


class ScopeState(Enum):
    DEAD = "dead"
    START_CHOWN = "start-chown"
    RUNNING = "running"
    ABANDONED = "abandoned"
    STOP_SIGTERM = "stop-sigterm"
    STOP_SIGKILL = "stop-sigkill"
    FAILED = "failed"


class ScopeResult(Enum):
    """`Result=` of a scope unit (org.freedesktop.systemd1(5))."""

    SUCCESS = "success"
    RESOURCES = "resources"
    TIMEOUT = "timeout"
    OOM_KILL = "oom-kill"


_S = ScopeState
_ACTIVE_STATES: dict[Enum, ActiveState] = {
    _S.DEAD: ActiveState.INACTIVE, _S.START_CHOWN: ActiveState.ACTIVATING, _S.STOP_SIGTERM: ActiveState.DEACTIVATING,
    _S.STOP_SIGKILL: ActiveState.DEACTIVATING, _S.FAILED: ActiveState.FAILED,
}
_RUNNING = (_S.RUNNING, _S.ABANDONED)
_STOPPING = (_S.STOP_SIGTERM, _S.STOP_SIGKILL)


class ScopeMachine(StateMachine):
    """The record. `pids`: who is to be put there at the start. `controller`: whose part it is to stop it, on the bus."""

    __slots__ = ("told", "result", "pids", "controller", "state_deadline_usec", "runtime_deadline_usec")
    ACTIVE_STATES = _ACTIVE_STATES

    def __init__(self) -> None:
        self.state: ScopeState = _S.DEAD
        #: The state that others have heard of last: one that is left before an answer has come is nobody's business.
        self.told: ScopeState = _S.DEAD
        self.result = ScopeResult.SUCCESS
        self.pids: tuple[int, ...] = ()
        self.controller = ""
        self.state_deadline_usec = INFINITY
        self.runtime_deadline_usec = INFINITY

    @property
    def deadline_usec(self) -> int | None:
        nearest = min(self.state_deadline_usec, self.runtime_deadline_usec)
        return None if nearest >= INFINITY else nearest

    @property
    def can_start(self) -> bool:
        """Only whoever makes the unit starts it."""
        return False

    @property
    def has_processes(self) -> bool:
        return self.state in _RUNNING + _STOPPING


class PerpetualScope(ScopeMachine):
    """init.scope: the manager's own, which is there before anything else and cannot be stopped."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__()
        self.state = self.told = _S.RUNNING

    @property
    def has_processes(self) -> bool:
        return False


def make(definition: UnitDefinition) -> ScopeMachine:
    return PerpetualScope() if definition.is_perpetual else ScopeMachine()


def machine_of(unit: Unit) -> ScopeMachine:
    assert isinstance(unit.machine, ScopeMachine)
    return unit.machine


def settings_of(unit: Unit) -> ScopeSettings:
    assert isinstance(unit.definition.specific, ScopeSettings)
    return unit.definition.specific


# --- start and stop -------------------------------------------------------------------------------------------------


def on_made(unit: Unit, event: ScopeMade, world: World, turn: Turn) -> None:
    """Whoever has made the unit has said which processes are meant."""
    machine = machine_of(unit)
    machine.pids, machine.controller = event.pids, event.controller


def start(unit: Unit, world: World, turn: Turn) -> Outcome:
    machine, settings = machine_of(unit), settings_of(unit)
    if machine.state not in (_S.DEAD, _S.FAILED):
        return Outcome.ALREADY
    if not machine.pids:
        turn.log(unit, LOG_WARNING, "Scope has no PIDs. Refusing.")
        return Outcome.FAILED
    machine.result = ScopeResult.SUCCESS
    plan = plan_cgroup(unit.definition.cgroup or CgroupSettings(), surroundings=turn.surroundings(unit))
    turn.ask(PrepareUnit(unit.name, unit.cgroup, plan, number=unit.number, invocation_id=unit.invocation_id))
    unit.is_prepared = True
    turn.ask(AttachProcesses(unit.name, unit.number, unit.cgroup, machine.pids))
    machine.pids = ()
    extra = world.random_usec(settings.runtime_randomized_extra_usec) if settings.runtime_randomized_extra_usec else 0
    if settings.runtime_max_usec < INFINITY:
        machine.runtime_deadline_usec = turn.now.monotonic_usec + settings.runtime_max_usec + extra
    _enter(unit, _S.RUNNING, turn)
    return Outcome.BEGUN


def on_attached(unit: Unit, event: ProcessesAttached, world: World, turn: Turn) -> None:
    for problem in event.problems:
        turn.log(unit, LOG_WARNING, problem)
    machine = machine_of(unit)
    if not event.count and machine.state in _RUNNING:
        turn.log(unit, LOG_WARNING, "No PIDs left to attach to the scope's control group, refusing.")
        _enter_dead(unit, ScopeResult.RESOURCES, turn)


def stop(unit: Unit, world: World, turn: Turn) -> Outcome:
    machine = machine_of(unit)
    if machine.state in _RUNNING:
        _enter_signal(unit, _S.STOP_SIGTERM, ScopeResult.SUCCESS, turn)
    return Outcome.BEGUN


def reset_failed(unit: Unit, turn: Turn) -> None:
    machine = machine_of(unit)
    machine.result = ScopeResult.SUCCESS
    if machine.state is _S.FAILED:
        _enter(unit, _S.DEAD, turn)


def abandon(unit: Unit, turn: Turn) -> bool:
    """Whether it is one that can be abandoned: its maker has no more part in it."""
    machine = machine_of(unit)
    if machine.state not in _RUNNING:
        return False
    machine.controller = ""
    _enter(unit, _S.ABANDONED, turn)
    turn.ask(UnitChanged(unit.name))
    return True


def _enter(unit: Unit, state: ScopeState, turn: Turn) -> None:
    machine_of(unit).state = state
    _announce(unit, turn)


def _announce(unit: Unit, turn: Turn) -> None:
    """The state is one that lasts."""
    machine = machine_of(unit)
    old, machine.told = machine.told, machine.state
    if old is not machine.state:
        turn.changes.append(StateChange(unit.name, _ACTIVE_STATES.get(old, ActiveState.ACTIVE), machine.active_state))
        turn.touched.add(unit.name)


# --- on the way down ------------------------------------------------------------------------------------------------


def _enter_signal(unit: Unit, state: ScopeState, result: ScopeResult, turn: Turn) -> None:
    machine, settings = machine_of(unit), settings_of(unit)
    if machine.result is ScopeResult.SUCCESS:
        machine.result = result
    machine.runtime_deadline_usec = INFINITY
    span = settings.timeout_stop_usec
    machine.state_deadline_usec = turn.now.monotonic_usec + span if span < INFINITY else INFINITY
    turn.tell_touched(unit)
    machine.state = state
    if state is _S.STOP_SIGTERM and machine.controller:
        turn.ask(FindBusOwner(unit.name, machine.controller, machine.controller))
    else:
        _kill(unit, turn)


def _kill(unit: Unit, turn: Turn) -> None:
    order = _kill_order(unit, machine_of(unit).state)
    if order is None:
        _enter_dead(unit, ScopeResult.SUCCESS, turn)
    else:
        turn.ask(order)


def _on_controller_found(unit: Unit, event: BusOwnerFound, turn: Turn) -> None:
    """Whoever has made the scope is asked to end it; where it is gone, that is our part."""
    machine = machine_of(unit)
    if machine.state is not _S.STOP_SIGTERM or machine.controller != event.owner:
        return
    if event.process is None:
        machine.controller = ""
        _kill(unit, turn)
    else:
        turn.ask(RequestStop(unit.name, machine.controller))
        _announce(unit, turn)


def _on_killed(unit: Unit, count: int, turn: Turn) -> None:
    """Somebody has to be waited for; or the signal reached nobody, and so it was for nothing."""
    machine = machine_of(unit)
    if count:
        _announce(unit, turn)
    elif machine.state is _S.STOP_SIGTERM:
        _enter_signal(unit, _S.STOP_SIGKILL, ScopeResult.SUCCESS, turn)
    else:
        _enter_dead(unit, ScopeResult.SUCCESS, turn)


def _kill_order(unit: Unit, state: ScopeState) -> KillProcesses | None:
    operation = KillOperation.KILL if state is _S.STOP_SIGKILL else KillOperation.TERMINATE
    return plan_kill(unit.definition.kill or KillSettings(), operation, unit.name, 0, 0)


def _enter_dead(unit: Unit, result: ScopeResult, turn: Turn) -> None:
    machine = machine_of(unit)
    if machine.result is ScopeResult.SUCCESS:
        machine.result = result
    machine.state_deadline_usec = machine.runtime_deadline_usec = INFINITY
    is_failed = machine.result is not ScopeResult.SUCCESS
    if is_failed:
        turn.log(unit, LOG_WARNING, f"Failed with result '{machine.result.value}'.")
    unit.is_prepared = False
    turn.ask(ReleaseUnit(unit.name, unit.cgroup))
    _enter(unit, _S.FAILED if is_failed else _S.DEAD, turn)


# --- what is heard --------------------------------------------------------------------------------------------------


def on_event(unit: Unit, event: Event, turn: Turn) -> None:
    """Of a scope's processes only matters whether there are any."""
    machine = machine_of(unit)
    if isinstance(unit.machine, PerpetualScope):
        return
    if isinstance(event, UnitEmpty):
        if machine.state in _RUNNING + _STOPPING:
            _enter_dead(unit, ScopeResult.SUCCESS, turn)
    elif isinstance(event, ProcessesKilled):
        if machine.state in _STOPPING:
            _on_killed(unit, event.count, turn)
    elif isinstance(event, BusOwnerFound):
        _on_controller_found(unit, event, turn)
    elif isinstance(event, OomKilled):
        _on_oom(unit, turn)


def _on_oom(unit: Unit, turn: Turn) -> None:
    machine, policy = machine_of(unit), settings_of(unit).oom_policy
    turn.log(unit, LOG_WARNING, "A process of this unit has been killed by the OOM killer.")
    if policy == "continue":
        return
    if machine.state in _RUNNING:
        _enter_signal(unit, _S.STOP_SIGKILL if policy == "kill" else _S.STOP_SIGTERM, ScopeResult.OOM_KILL, turn)
    elif machine.state is _S.STOP_SIGTERM:
        _enter_signal(unit, _S.STOP_SIGKILL, ScopeResult.OOM_KILL, turn)


def on_deadline(unit: Unit, world: World, turn: Turn) -> None:
    machine, now = machine_of(unit), turn.now.monotonic_usec
    if machine.runtime_deadline_usec <= now:
        machine.runtime_deadline_usec = INFINITY
        turn.log(unit, LOG_WARNING, "Scope reached runtime time limit. Stopping.")
        _enter_signal(unit, _S.STOP_SIGTERM, ScopeResult.TIMEOUT, turn)
    elif machine.state_deadline_usec <= now:
        machine.state_deadline_usec = INFINITY
        _on_stop_timeout(unit, turn)


def _on_stop_timeout(unit: Unit, turn: Turn) -> None:
    kill = unit.definition.kill or KillSettings()
    if machine_of(unit).state is _S.STOP_SIGKILL:
        turn.log(unit, LOG_WARNING, "Still around after SIGKILL. Entering failed mode.")
    elif kill.send_sigkill:
        turn.log(unit, LOG_WARNING, "Stopping timed out. Killing.")
        _enter_signal(unit, _S.STOP_SIGKILL, ScopeResult.TIMEOUT, turn)
        return
    else:
        turn.log(unit, LOG_WARNING, "Stopping timed out. Skipping SIGKILL.")
    _enter_dead(unit, ScopeResult.TIMEOUT, turn)
