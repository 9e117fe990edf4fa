"""Socket units (systemd.socket(5)): listening for others, and starting them when somebody comes.

A socket unit is `listening` while it waits, and `running` while its service is up and looks after the sockets itself.
With Accept=yes it accepts each connection itself and stays listening: every connection gets an instance of the service's
template. The descriptors are the shell's, known here by the unit's name; a connection is known by a number.
"""

from __future__ import annotations

from enum import Enum

from initd.core import clean_plan, unitname
from initd.core.effects import (
    CloseConnection,
    CloseSockets,
    KillProcesses,
    OpenSockets,
    ReleaseUnit,
    Spawn,
    UnitChanged,
    WatchSockets,
)
from initd.core.events import ConnectionAccepted, ProcessExited, SocketReady, SocketsOpened, SpawnDone, SpawnFailed
from initd.core.ratelimit import RateLimit
from initd.core.settings import ExecSettings, SocketSettings, UnitDefinition
from initd.core.states import ActiveState
from initd.core.turn import Outcome, Turn
from initd.core.unit import StateMachine, Unit
from initd.core.values import INFINITY, LOG_ERR, LOG_WARNING, PidRef
from initd.core.world import World


class SocketState(Enum):
    DEAD = "dead"
    #: The shell was asked to open the sockets, and has not answered.
    START = "start-pre"
    LISTENING = "listening"
    RUNNING = "running"
    FAILED = "failed"
    CLEANING = "cleaning"


class SocketResult(Enum):
    """`Result=` of a socket (org.freedesktop.systemd1(5))."""

    SUCCESS = "success"
    RESOURCES = "resources"
    TIMEOUT = "timeout"
    EXIT_CODE = "exit-code"
    SIGNAL = "signal"
    CORE_DUMP = "core-dump"
    TRIGGER_LIMIT_HIT = "trigger-limit-hit"
    SERVICE_START_LIMIT_HIT = "service-start-limit-hit"


_ACTIVE_STATES: dict[Enum, ActiveState] = {
    SocketState.DEAD: ActiveState.INACTIVE, SocketState.START: ActiveState.ACTIVATING,
    SocketState.FAILED: ActiveState.FAILED, SocketState.CLEANING: ActiveState.MAINTENANCE,
}
_RESULT_OF_END = {
    "exited": SocketResult.EXIT_CODE, "killed": SocketResult.SIGNAL, "dumped": SocketResult.CORE_DUMP,
}
#: What the trigger limit is where the unit does not say (systemd.socket(5), TriggerLimitBurst=).
_BURST, _BURST_ACCEPTING = 20, 200
_SIGKILL = 9


class SocketMachine(StateMachine):
    """The record. `connections`: the number of each one that has a service now → the service's name."""

    __slots__ = (
        "result", "trigger_limit", "connections", "n_accepted", "n_refused", "clean_result", "control_pid",
        "clean_deadline_usec",
    )
    ACTIVE_STATES = _ACTIVE_STATES

    def __init__(self) -> None:
        self.state: SocketState = SocketState.DEAD
        self.result = SocketResult.SUCCESS
        self.trigger_limit = RateLimit()
        self.connections: dict[int, str] = {}
        self.n_accepted = 0
        self.n_refused = 0
        #: How the last `systemctl clean` went; the process that does it, and when that has lasted too long.
        self.clean_result = SocketResult.SUCCESS
        self.control_pid = 0
        self.clean_deadline_usec = INFINITY

    @property
    def deadline_usec(self) -> int | None:
        return self.clean_deadline_usec if self.clean_deadline_usec < INFINITY else None


def make(definition: UnitDefinition) -> SocketMachine:
    return SocketMachine()


def machine_of(unit: Unit) -> SocketMachine:
    assert isinstance(unit.machine, SocketMachine)
    return unit.machine


def settings_of(unit: Unit) -> SocketSettings:
    assert isinstance(unit.definition.specific, SocketSettings)
    return unit.definition.specific


# --- start and stop -------------------------------------------------------------------------------------------------


def start(unit: Unit, world: World, turn: Turn) -> Outcome:
    machine, settings = machine_of(unit), settings_of(unit)
    if not settings.accept:
        other = world.graph.get(settings.service)
        if other is None or not other.is_loaded:
            turn.log(unit, LOG_ERR, f"Socket service {settings.service} not loaded, refusing.")
            return Outcome.FAILED
        if not other.active_state.is_down:
            turn.log(unit, LOG_ERR, f"Socket service {settings.service} already active, refusing.")
            return Outcome.FAILED
    machine.result = SocketResult.SUCCESS
    turn.enter(unit, SocketState.START)
    turn.ask(OpenSockets(unit.name, settings))
    return Outcome.BEGUN


def stop(unit: Unit, world: World, turn: Turn) -> Outcome:
    if unit.active_state.is_down:
        return Outcome.ALREADY
    if machine_of(unit).state is SocketState.CLEANING:
        _kill_cleaner(unit, turn)
        return Outcome.BEGUN
    _enter_dead(unit, SocketResult.SUCCESS, turn)
    return Outcome.BEGUN


def reset_failed(unit: Unit, turn: Turn) -> None:
    machine = machine_of(unit)
    machine.result = SocketResult.SUCCESS
    machine.trigger_limit.reset()
    if machine.state is SocketState.FAILED:
        turn.enter(unit, SocketState.DEAD)


def on_opened(unit: Unit, event: SocketsOpened, world: World, turn: Turn) -> None:
    if machine_of(unit).state is not SocketState.START:
        return
    for problem in event.problems:
        turn.log(unit, LOG_WARNING, problem)
    if event.failure:
        turn.log(unit, LOG_ERR, event.failure)
        _enter_dead(unit, SocketResult.RESOURCES, turn)
    else:
        _enter_listening(unit, turn)


def _enter_listening(unit: Unit, turn: Turn, is_again: bool = False) -> None:
    settings = settings_of(unit)
    turn.ask(WatchSockets(unit.name, True, is_again and settings.flush_pending))
    turn.enter(unit, SocketState.LISTENING)


def _enter_dead(unit: Unit, result: SocketResult, turn: Turn) -> None:
    machine, settings = machine_of(unit), settings_of(unit)
    if machine.result is SocketResult.SUCCESS:
        machine.result = result
    turn.ask(CloseSockets(unit.name, settings.remove_on_stop))
    is_failed = machine.result is not SocketResult.SUCCESS
    if is_failed:
        turn.log(unit, LOG_WARNING, f"Failed with result '{machine.result.value}'.")
    turn.enter(unit, SocketState.FAILED if is_failed else SocketState.DEAD)


# --- systemctl clean ------------------------------------------------------------------------------------------------


def enter_cleaning(unit: Unit, paths: tuple[str, ...], turn: Turn) -> None:
    machine = machine_of(unit)
    machine.result = machine.clean_result = SocketResult.SUCCESS
    limit = (unit.definition.exec or ExecSettings()).timeout_clean_usec
    machine.clean_deadline_usec = min(turn.now.monotonic_usec + limit, INFINITY)
    clean_plan.prepare(unit, turn)
    turn.ask(Spawn(clean_plan.request(unit, paths)))
    turn.enter(unit, SocketState.CLEANING)


def on_cleaner(unit: Unit, event: object, turn: Turn) -> None:
    """What becomes of the process that cleans."""
    machine = machine_of(unit)
    if machine.state is not SocketState.CLEANING:
        return
    if isinstance(event, SpawnDone):
        machine.control_pid = event.pid
        turn.ask(UnitChanged(unit.name))
    elif isinstance(event, SpawnFailed):
        turn.log(unit, LOG_ERR, f"Failed to spawn {event.phase.value} process: {event.reason}")
        _end_cleaning(unit, SocketResult.RESOURCES, turn)
    elif isinstance(event, ProcessExited) and event.pid == machine.control_pid:
        is_clean = event.end.code == "exited" and not event.end.status
        _end_cleaning(unit, SocketResult.SUCCESS if is_clean else _RESULT_OF_END[event.end.code], turn)


def _end_cleaning(unit: Unit, result: SocketResult, turn: Turn) -> None:
    machine = machine_of(unit)
    machine.control_pid = 0
    machine.clean_deadline_usec = INFINITY
    if machine.clean_result is SocketResult.SUCCESS:
        machine.clean_result = result
    unit.is_prepared = False
    turn.ask(ReleaseUnit(unit.name, unit.cgroup))
    _enter_dead(unit, result, turn)


def on_deadline(unit: Unit, world: World, turn: Turn) -> None:
    machine = machine_of(unit)
    if machine.clean_deadline_usec <= turn.now.monotonic_usec:
        turn.log(unit, LOG_WARNING, "Cleaning timed out. killing.")
        machine.clean_result = SocketResult.TIMEOUT
        _kill_cleaner(unit, turn)


def _kill_cleaner(unit: Unit, turn: Turn) -> None:
    """Its end, which is sure to come, ends the state."""
    machine = machine_of(unit)
    machine.clean_deadline_usec = INFINITY
    turn.ask(KillProcesses(unit.name, _SIGKILL, None, PidRef(machine.control_pid), False, announce=True))


# --- somebody comes -------------------------------------------------------------------------------------------------


def on_ready(unit: Unit, event: SocketReady, world: World, turn: Turn) -> None:
    """There is something to read, or to accept, and no service yet."""
    machine, settings = machine_of(unit), settings_of(unit)
    if machine.state is not SocketState.LISTENING or not _may_trigger(unit, turn):
        return
    refusal = world.start(settings.service, turn)
    if refusal:
        turn.log(unit, LOG_WARNING, f"Failed to queue service startup job: {refusal}")
        _enter_dead(unit, SocketResult.RESOURCES, turn)
        return
    _enter_running(unit, turn)


def on_connection(unit: Unit, event: ConnectionAccepted, world: World, turn: Turn) -> None:
    """Accept=yes: the shell has accepted a connection, and the instance for it is loaded."""
    machine, settings = machine_of(unit), settings_of(unit)
    machine.n_accepted += 1
    is_one_too_many = len(machine.connections) >= settings.max_connections
    if machine.state is not SocketState.LISTENING or is_one_too_many or not _may_trigger(unit, turn):
        if is_one_too_many:
            machine.n_refused += 1
            turn.log(unit, LOG_WARNING, f"Too many incoming connections ({len(machine.connections)}), "
                                        "dropping connection.")
        turn.ask(CloseConnection(unit.name, event.connection))
        return
    refusal = world.start(event.service, turn)
    if refusal:
        turn.log(unit, LOG_WARNING, f"Failed to queue service startup job: {refusal}")
        turn.ask(CloseConnection(unit.name, event.connection))
        return
    machine.connections[event.connection] = event.service
    other = world.graph.get(event.service)
    assert other is not None  # it has just got a job
    other.connection = event.connection
    other.connection_of = unit.name


def _may_trigger(unit: Unit, turn: Turn) -> bool:
    machine, settings = machine_of(unit), settings_of(unit)
    if unit.is_stop_pending():
        return False
    burst = settings.trigger_limit_burst
    if burst is None:
        burst = _BURST_ACCEPTING if settings.accept else _BURST
    if machine.trigger_limit.is_within(settings.trigger_limit_interval_usec, burst, turn.now.monotonic_usec):
        return True
    turn.log(unit, LOG_WARNING, "Trigger limit hit, refusing further activation.")
    _enter_dead(unit, SocketResult.TRIGGER_LIMIT_HIT, turn)
    return False


def _enter_running(unit: Unit, turn: Turn) -> None:
    turn.ask(WatchSockets(unit.name, False))
    turn.enter(unit, SocketState.RUNNING)


def on_other_changed(unit: Unit, service: Unit, world: World, turn: Turn) -> None:
    """The service of a socket has changed its state; with Accept=yes it is one of many, and no news."""
    machine = machine_of(unit)
    if service.connection:
        return
    if machine.state is SocketState.LISTENING and not service.active_state.is_down:
        # Started by somebody else: it has the sockets, and answers.
        _enter_running(unit, turn)
    elif machine.state is SocketState.RUNNING and service.active_state.is_down and service.job is None:
        if service.is_start_limit_hit:
            _enter_dead(unit, SocketResult.SERVICE_START_LIMIT_HIT, turn)
        else:
            _enter_listening(unit, turn, is_again=True)


def on_connection_over(unit: Unit, service: Unit, turn: Turn) -> None:
    """The service of a connection has ended."""
    machine = machine_of(unit)
    if machine.connections.pop(service.connection, None) is not None:
        turn.ask(CloseConnection(unit.name, service.connection))
    service.connection, service.connection_of = 0, ""


def instance_name(unit_name: str, number: int, peer: str) -> str:
    """The unit that serves a connection (systemd.socket(5), Accept=)."""
    return unitname.instantiate(unitname.prefix(unit_name) + "@.service", f"{number}-{peer}" if peer else str(number))
