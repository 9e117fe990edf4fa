"""Socket units (systemd.socket(5)): listening for others, and starting them when somebody comes.

A socket unit is `listening` while it waits, and `running` while its service is up and looks after the sockets itself.
With Accept=yes it accepts each connection itself and stays listening: every connection gets an instance of the service's
template. The descriptors are the shell's, known here by the unit's name; a connection is known by a number. How a socket
unit comes up and goes down stands in `socket_life`.
"""

from __future__ import annotations

from initd.core import socket_life, unitname
from initd.core.effects import CloseConnection, WatchSockets
from initd.core.events import ConnectionAccepted, SocketBroken, SocketReady, SocketsOpened
from initd.core.job import Cause
from initd.core.settings import UnitDefinition
from initd.core.socket_life import enter, enter_listening, enter_stop_pre
from initd.core.socket_record import SocketMachine, SocketResult, SocketState, machine_of, settings_of
from initd.core.states import ServiceState
from initd.core.turn import Outcome, Turn
from initd.core.unit import Unit
from initd.core.values import LOG_ERR, LOG_WARNING
from initd.core.world import World

#: What the trigger limit is where the unit does not say (systemd.socket(5), TriggerLimitBurst=).
_BURST, _BURST_ACCEPTING = 20, 200
#: Sub-states of a service that has its sockets; while it starts, it does not yet.
_ANSWERS = (ServiceState.RUNNING.value,)
#: The same of PollLimitIntervalSec= and PollLimitBurst=, where one of them is there.
_POLL_INTERVAL, _POLLS, _POLLS_ACCEPTING = 2_000_000, 15, 150


def make(definition: UnitDefinition) -> SocketMachine:
    return SocketMachine()


# --- start and stop -------------------------------------------------------------------------------------------------


def start(unit: Unit, world: World, turn: Turn) -> Outcome:
    settings = settings_of(unit)
    if not settings.accept:
        other = world.graph.get(settings.service)
        if other is None or not other.is_loaded:
            turn.log(unit, LOG_ERR, f"Socket service {settings.service} not loaded, refusing.")
            return Outcome.FAILED
        if not _leaves_sockets(other):
            turn.log(unit, LOG_ERR, f"Socket service {settings.service} already active, refusing.")
            return Outcome.FAILED
    socket_life.enter_start_pre(unit, turn)
    return Outcome.BEGUN


def stop(unit: Unit, world: World, turn: Turn) -> Outcome:
    if unit.active_state.is_down:
        return Outcome.ALREADY
    socket_life.stop(unit, turn)
    return Outcome.BEGUN


def reset_failed(unit: Unit, turn: Turn) -> None:
    machine = machine_of(unit)
    machine.result = SocketResult.SUCCESS
    machine.trigger_limit.reset()
    if machine.state is SocketState.FAILED:
        enter(unit, SocketState.DEAD, turn)


def on_opened(unit: Unit, event: SocketsOpened, world: World, turn: Turn) -> None:
    socket_life.on_opened(unit, event, turn)


def on_deadline(unit: Unit, world: World, turn: Turn) -> None:
    socket_life.on_deadline(unit, turn)


# --- somebody comes -------------------------------------------------------------------------------------------------


def on_ready(unit: Unit, event: SocketReady, world: World, turn: Turn) -> None:
    """There is something to read, or to accept, and no service yet."""
    machine, settings = machine_of(unit), settings_of(unit)
    if machine.state is not SocketState.LISTENING:
        return
    _count_poll(unit, turn)
    if not _may_trigger(unit, turn):
        return
    refusal = world.start(settings.service, turn, Cause("socket", unit.name, "somebody has come"))
    if refusal:
        turn.log(unit, LOG_WARNING, f"Failed to queue service startup job: {refusal}")
        enter_stop_pre(unit, SocketResult.RESOURCES, turn)
        return
    _enter_running(unit, turn)


def on_broken(unit: Unit, event: SocketBroken, world: World, turn: Turn) -> None:
    """Nobody can come any more, or what is watched is no socket to wait at: it fails, as recorded of dovecot.socket."""
    if machine_of(unit).state is not SocketState.LISTENING:
        return
    if event.is_shut:
        text = ("Got POLLHUP on a listening socket. The service probably invoked shutdown() on it, and should better not do "
                "that.")
    else:
        text = f"Got unexpected poll event (0x{event.mask:x}) on socket."
    turn.log(unit, LOG_ERR, text)
    enter_stop_pre(unit, SocketResult.RESOURCES, turn)


def on_connection(unit: Unit, event: ConnectionAccepted, world: World, turn: Turn) -> None:
    """Accept=yes: the shell has accepted a connection, and the instance for it is loaded."""
    machine = machine_of(unit)
    if machine.state is SocketState.LISTENING:
        _count_poll(unit, turn)
    too_many = _too_many(unit, event.source)
    if machine.state is not SocketState.LISTENING or too_many or not _may_trigger(unit, turn):
        if too_many:
            machine.n_refused += 1
            turn.log(unit, LOG_WARNING, f"{too_many}, dropping connection.")
        turn.ask(CloseConnection(unit.name, event.connection))
        return
    machine.n_accepted += 1
    cause = Cause("socket", unit.name, f"a connection from {event.source or 'this machine'}")
    refusal = world.start(event.service, turn, cause)
    if refusal:
        turn.log(unit, LOG_WARNING, f"Failed to queue service startup job: {refusal}")
        turn.ask(CloseConnection(unit.name, event.connection))
        return
    machine.connections[event.connection] = event.service
    if event.source:
        machine.sources[event.connection] = event.source
    other = world.graph.get(event.service)
    assert other is not None  # it has just got a job
    other.connection = event.connection
    other.connection_of = unit.name


def _too_many(unit: Unit, source: str) -> str:
    """Which of its two limits of connections the socket has reached already, in words."""
    machine, settings = machine_of(unit), settings_of(unit)
    if len(machine.connections) >= settings.max_connections:
        return f"Too many incoming connections ({len(machine.connections)})"
    from_there = sum(each == source for each in machine.sources.values())
    if source and 0 < settings.max_connections_per_source <= from_there:
        return f"Too many incoming connections ({from_there}) from source {source}"
    return ""


def _count_poll(unit: Unit, turn: Turn) -> None:
    """As many as may come in the interval have come with this one: the next is heard when it is over (systemd.socket(5) of 255,
    PollLimitIntervalSec=)."""
    machine, settings = machine_of(unit), settings_of(unit)
    interval, burst = settings.poll_limit_interval_usec, settings.poll_limit_burst
    if interval is None and burst is None:
        return
    interval = _POLL_INTERVAL if interval is None else interval
    burst = (_POLLS_ACCEPTING if settings.accept else _POLLS) if burst is None else burst
    machine.poll_limit.is_within(interval, burst, turn.now.monotonic_usec)
    if interval and 0 < burst <= machine.poll_limit.count:
        socket_life.pause(unit, machine.poll_limit.begin_usec + interval, turn)


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
    enter_stop_pre(unit, SocketResult.TRIGGER_LIMIT_HIT, turn)
    return False


def _enter_running(unit: Unit, turn: Turn) -> None:
    turn.ask(WatchSockets(unit.name, False))
    enter(unit, SocketState.RUNNING, turn)


def on_other_changed(unit: Unit, service: Unit, world: World, turn: Turn) -> None:
    """The service of a socket has changed its state; with Accept=yes it is one of many, and no news."""
    machine = machine_of(unit)
    if service.connection:
        return
    if machine.state is SocketState.LISTENING and service.sub_state in _ANSWERS:
        # Started by somebody else: it has the sockets.
        _enter_running(unit, turn)
    elif machine.state is SocketState.RUNNING and _leaves_sockets(service) and service.job is None:
        if service.active_state.is_down and service.is_start_limit_hit:
            enter_stop_pre(unit, SocketResult.SERVICE_START_LIMIT_HIT, turn)
        else:
            enter_listening(unit, turn, is_again=True)


def _leaves_sockets(service: Unit) -> bool:
    """Nobody looks after them: it is down, or waits for its restart, which whoever comes asks for as well."""
    return service.active_state.is_down or service.sub_state == ServiceState.AUTO_RESTART.value


def on_connection_over(unit: Unit, service: Unit, turn: Turn) -> None:
    """The service of a connection has ended."""
    machine = machine_of(unit)
    machine.sources.pop(service.connection, None)
    if machine.connections.pop(service.connection, None) is not None:
        turn.ask(CloseConnection(unit.name, service.connection))
    service.connection, service.connection_of = 0, ""


def instance_name(unit_name: str, number: int, peer: str) -> str:
    """The unit that serves a connection (systemd.socket(5), Accept=)."""
    return unitname.instantiate(unitname.prefix(unit_name) + "@.service", f"{number}-{peer}" if peer else str(number))
