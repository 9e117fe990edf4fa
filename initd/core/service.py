"""The service machine: what happens to a service, by state and input. Source: systemd.service(5).

A service goes up through `condition`, `start-pre`, `start` and `start-post` to `running` (or `exited`), and down
through `stop`, `stop-sigterm`, `stop-sigkill`, `stop-post`, `final-sigterm` and `final-sigkill` to `dead` or
`failed`, from where Restart= may lead over `auto-restart` back up. At most two of its processes are waited for by
name: the *main* process, which is the service, and a *control* process, which runs one of the other Exec…= lines.

`TRANSITIONS[(state, input)]` names the handler. A pair that is missing stands in `IGNORED`, with the reason why it is
no news, or is impossible: then it is reported and dropped, and PID 1 stays up. Handlers lean on `service_enter`,
which says what entering a state does. Facts come in as events, everything that is to be done goes out through the
`Turn`.
"""

from __future__ import annotations

from initd.core import clean_plan
from initd.core import service_bus as bus
from initd.core import service_exits as exits
from initd.core import service_limits as limits
from initd.core import service_notify as notify
from initd.core import service_oom as oom
from initd.core.effects import UnitChanged
from initd.core.enumeration import Enum
from initd.core.events import (
    BusNameChanged,
    BusOwnerFound,
    ExecFailed,
    ExecSucceeded,
    NotifyReceived,
    OomKilled,
    PidFileRead,
    ProcessesKilled,
    ProcessesListed,
    ProcessExited,
    SpawnDone,
    SpawnFailed,
    StoredFdHungUp,
    UnitEmpty,
)
from initd.core.service_enter import enter_condition, enter_reload, enter_signal, enter_stop, go, go_quietly
from initd.core.service_record import ServiceMachine, commands, machine_of, service_settings
from initd.core.settings import ServiceSettings, UnitDefinition
from initd.core.states import ExecPhase, JobType, ServiceResult, ServiceState, ServiceType
from initd.core.turn import Outcome, Turn
from initd.core.unit import Unit
from initd.core.values import INFINITY, LOG_ERR, LOG_WARNING
from initd.core.world import World

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from initd.core.events import Event

    Handler = Callable[[Unit, object, Turn], Outcome | None]

_S = ServiceState


class Input(Enum):
    """What the table is asked with: three orders, the ends and answers of processes, time, and the service's own words."""

    START = "start"
    STOP = "stop"
    RELOAD = "reload"
    SPAWNED = "spawned"
    EXECUTED = "executed"
    MAIN_EXITED = "main process exited"
    CONTROL_EXITED = "control process exited"
    EMPTY = "no process left"
    KILLED = "processes signalled"
    NOBODY_KILLED = "nobody to signal"
    PID_FILE = "PID file read"
    LISTED = "processes listed"
    TIMED_OUT = "timed out"
    WATCHDOG = "watchdog expired"
    READY = "READY=1"
    RELOADING = "RELOADING=1"
    STOPPING = "STOPPING=1"
    NAME_TAKEN = "bus name taken"
    NAME_LOST = "bus name lost"
    OWNER_FOUND = "owner of the bus name found"
    OUT_OF_MEMORY = "out of memory"


GOING_UP = (_S.CONDITION, _S.START_PRE, _S.START, _S.START_POST)
UP = (_S.RUNNING, _S.EXITED, _S.RELOAD)
SIGNALLED = (_S.STOP_WATCHDOG, _S.STOP_SIGTERM, _S.STOP_SIGKILL)
FINAL = (_S.FINAL_WATCHDOG, _S.FINAL_SIGTERM, _S.FINAL_SIGKILL)
GOING_DOWN = (_S.STOP, *SIGNALLED, _S.STOP_POST, *FINAL)
DOWN = (_S.DEAD, _S.FAILED)


def make(definition: UnitDefinition) -> ServiceMachine:
    settings = definition.specific
    return ServiceMachine(settings if isinstance(settings, ServiceSettings) else ServiceSettings())


# --- orders ----------------------------------------------------------------------------------------------------


def _begin(unit: Unit, _: object, turn: Turn) -> Outcome:
    machine, settings = machine_of(unit), service_settings(unit)
    if not unit.start_limit.is_within(
        unit.settings.start_limit_interval_usec, unit.settings.start_limit_burst, turn.now.monotonic_usec
    ):
        return limits.refuse_start(unit, turn)
    if machine.forget_restarts:
        machine.n_restarts = 0
        machine.forget_restarts = False
    machine.is_idle_type = settings.type is ServiceType.IDLE
    machine.result = machine.reload_result = ServiceResult.SUCCESS
    machine.main = machine.control = machine.last_main = None
    machine.phase = None
    machine.main_known = machine.main_is_foreign = False
    machine.is_ready = machine.is_reloading_itself = machine.is_stopping_itself = False
    machine.status_text, machine.status_errno, machine.bus_error = "", 0, ""
    machine.forbid_restart = False
    machine.reload_signal_usec = None
    machine.command_records = {}
    machine.is_empty = True
    enter_condition(unit, turn)
    return Outcome.BEGUN


def _already(unit: Unit, _: object, turn: Turn) -> Outcome:
    return Outcome.ALREADY


def _again(unit: Unit, _: object, turn: Turn) -> Outcome:
    return Outcome.AGAIN


def _under_way(unit: Unit, _: object, turn: Turn) -> Outcome:
    return Outcome.BEGUN


def _stop_running(unit: Unit, _: object, turn: Turn) -> Outcome:
    machine_of(unit).forbid_restart = True
    enter_stop(unit, ServiceResult.SUCCESS, turn)
    return Outcome.BEGUN


def _stop_at_once(unit: Unit, _: object, turn: Turn) -> Outcome:
    """ExecStop= is for services that are up (systemd.service(5), ExecStop=); what is on its way up gets the signal."""
    machine_of(unit).forbid_restart = True
    enter_signal(unit, _S.STOP_SIGTERM, ServiceResult.SUCCESS, turn)
    return Outcome.BEGUN


def _stop_under_way(unit: Unit, _: object, turn: Turn) -> Outcome:
    machine_of(unit).forbid_restart = True
    return Outcome.BEGUN


def _stop_cleaning(unit: Unit, _: object, turn: Turn) -> Outcome:
    machine_of(unit).forbid_restart = True
    enter_signal(unit, _S.FINAL_SIGKILL, ServiceResult.SUCCESS, turn)
    return Outcome.BEGUN


def _give_up_restart(unit: Unit, _: object, turn: Turn) -> Outcome:
    job = unit.job
    if job is not None and job.type is JobType.RESTART and service_settings(unit).restart_mode == "direct":
        go_quietly(unit, _S.DEAD, turn)  # nobody hears that it was down (systemd.service(5) of systemd 254, RestartMode=)
        return Outcome.ALREADY
    go(unit, _S.DEAD, turn)
    return Outcome.BEGUN


def _start_before_restart(unit: Unit, _: object, turn: Turn) -> Outcome:
    """A start waits for RestartSec= like everybody. Where that is over and the restart was cancelled, nothing will come:
    the unit goes down as for a restart, and is started then."""
    if machine_of(unit).state_deadline_usec >= INFINITY:
        go(unit, _S.DEAD, turn)
    return Outcome.AGAIN


def _reload(unit: Unit, _: object, turn: Turn) -> Outcome:
    enter_reload(unit, turn)
    return Outcome.BEGUN


# --- time ------------------------------------------------------------------------------------------------------


def _watchdog(unit: Unit, _: object, turn: Turn) -> None:
    from initd.core import timespan

    limit = timespan.format(machine_of(unit).watchdog_usec)
    if not turn.heeds_watchdogs:
        turn.log(unit, LOG_WARNING, f"Watchdog disabled! Ignoring watchdog timeout (limit {limit})!")
        return
    turn.log(unit, LOG_ERR, f"Watchdog timeout (limit {limit})!")
    enter_signal(unit, _S.STOP_WATCHDOG, ServiceResult.WATCHDOG, turn)


# --- the table -------------------------------------------------------------------------------------------------

_ROWS: dict[Input, list[tuple[tuple[ServiceState, ...], Handler]]] = {
    Input.START: [
        (DOWN, _begin),
        (GOING_UP, _under_way),
        (UP, _already),
        ((_S.AUTO_RESTART,), _start_before_restart),
        ((*GOING_DOWN, _S.CLEANING), _again),
    ],
    Input.STOP: [
        (DOWN, _already),
        ((_S.AUTO_RESTART,), _give_up_restart),
        ((*GOING_UP, _S.RELOAD), _stop_at_once),
        ((_S.RUNNING, _S.EXITED), _stop_running),
        (GOING_DOWN, _stop_under_way),
        ((_S.CLEANING,), _stop_cleaning),
    ],
    # With Type=idle a service counts as active before it runs.
    Input.RELOAD: [((_S.RUNNING, _S.EXITED), _reload), ((*GOING_UP, _S.RELOAD), _again)],
    Input.SPAWNED: [
        ((_S.START,), exits.on_spawned_in_start),
        ((_S.CONDITION, _S.START_PRE, _S.START_POST, _S.RELOAD, _S.STOP, _S.STOP_POST, _S.CLEANING), exits.on_spawned_in_turn),
        ((*SIGNALLED, *FINAL, _S.RUNNING, _S.EXITED, _S.AUTO_RESTART, *DOWN), exits.on_spawned_too_late),
    ],
    Input.EXECUTED: [((_S.START,), exits.on_executed)],
    Input.MAIN_EXITED: [
        ((_S.START,), exits.on_main_exited_in_start),
        ((_S.RUNNING, _S.EXITED), exits.on_main_exited_in_running),
        ((_S.CONDITION, _S.START_PRE, _S.START_POST, _S.STOP), exits.on_main_exited_beside_control),
        ((_S.RELOAD,), exits.on_main_exited_in_reload),
        (SIGNALLED, exits.on_exit_in_signalled),
        ((_S.STOP_POST,), exits.on_main_exited_in_stop_post),
        (FINAL, exits.on_exit_in_final),
    ],
    Input.CONTROL_EXITED: [
        ((_S.CONDITION,), exits.on_condition_exited),
        ((_S.START_PRE,), exits.on_start_pre_exited),
        ((_S.START,), exits.on_forking_parent_exited),
        ((_S.START_POST,), exits.on_start_post_exited),
        ((_S.RELOAD,), exits.on_reload_exited),
        ((_S.STOP,), exits.on_stop_exited),
        ((_S.STOP_POST,), exits.on_stop_post_exited),
        ((_S.CLEANING,), exits.on_clean_exited),
        (SIGNALLED, exits.on_exit_in_signalled),
        (FINAL, exits.on_exit_in_final),
    ],
    Input.EMPTY: [
        ((_S.RUNNING,), exits.on_empty_while_running),
        (SIGNALLED, exits.on_empty_in_signalled),
        (FINAL, exits.on_empty_in_final),
    ],
    Input.KILLED: [((*SIGNALLED, *FINAL), exits.on_killed)],
    Input.NOBODY_KILLED: [((*SIGNALLED, *FINAL), exits.on_nobody_killed)],
    Input.PID_FILE: [
        ((_S.START, _S.START_POST, _S.RUNNING, _S.RELOAD), exits.on_pid_file),
    ],
    Input.LISTED: [((_S.START, _S.START_POST, _S.RUNNING, _S.RELOAD), exits.on_listed)],
    Input.TIMED_OUT: [
        (GOING_UP, limits.on_start_timeout),
        ((_S.RELOAD,), limits.on_reload_timeout),
        ((_S.STOP,), limits.on_stop_timeout),
        (SIGNALLED, limits.on_signal_timeout),
        ((_S.STOP_POST,), limits.on_stop_post_timeout),
        (FINAL, limits.on_final_timeout),
        ((_S.AUTO_RESTART,), limits.on_restart_delay_over),
        ((_S.CLEANING,), limits.on_clean_timeout),
    ],
    Input.WATCHDOG: [((_S.START, _S.START_POST, _S.RUNNING, _S.RELOAD), _watchdog)],
    Input.READY: [
        ((_S.START,), notify.on_ready_in_start),
        ((_S.RELOAD,), notify.on_ready_in_reload),
    ],
    Input.RELOADING: [((_S.RUNNING,), notify.on_reloading), ((_S.RELOAD,), notify.on_reloading_in_reload)],
    Input.STOPPING: [((_S.RUNNING,), notify.on_stopping)],
    Input.NAME_TAKEN: [
        ((_S.START,), bus.on_taken_in_start),
        ((_S.START_POST, _S.RUNNING, _S.RELOAD), bus.on_taken),
    ],
    Input.NAME_LOST: [((_S.RUNNING,), bus.on_lost)],
    Input.OWNER_FOUND: [((_S.START, _S.START_POST, _S.RUNNING, _S.RELOAD), bus.on_owner)],
    Input.OUT_OF_MEMORY: [
        ((*GOING_UP, _S.STOP), oom.on_killed_beside_control),
        ((_S.RUNNING, _S.EXITED), oom.on_killed_in_running),
        ((_S.STOP_WATCHDOG, _S.STOP_SIGTERM), oom.on_killed_in_signalled),
        ((_S.STOP_POST, _S.FINAL_WATCHDOG, _S.FINAL_SIGTERM), oom.on_killed_in_final),
        ((_S.STOP_SIGKILL, _S.FINAL_SIGKILL), oom.on_killed_in_sigkill),
    ],
}

TRANSITIONS: dict[tuple[ServiceState, Input], Handler] = {
    (state, kind): handler for kind, rows in _ROWS.items() for states, handler in rows for state in states
}

_REST = "the state does not wait for it"
#: Pairs that happen and change nothing, with the reason.
IGNORED: dict[tuple[ServiceState, Input], str] = {
    (state, kind): reason
    for kind, reason in (
        (Input.EXECUTED, "only Type=exec waits for it, in start"),
        (Input.EMPTY, _REST),
        (Input.KILLED, "it was asked for by a client, or for a control process"),
        (Input.NOBODY_KILLED, "a control process was killed, or the processes have gone on by themselves"),
        (Input.PID_FILE, "the answer came after the state had moved on"),
        (Input.LISTED, "the answer came after the state had moved on"),
        (Input.READY, _REST),
        (Input.RELOADING, _REST),
        (Input.STOPPING, _REST),
        (Input.NAME_TAKEN, _REST),
        (Input.NAME_LOST, "what the state waits for comes first; whether the name is there is looked at then"),
        (Input.OWNER_FOUND, "the answer came after the state had moved on"),
        (Input.WATCHDOG, "the watchdog is off in this state"),
        (Input.OUT_OF_MEMORY, "it is only told: a reload has a result of its own, and who is left over none"),
        (Input.MAIN_EXITED, "the run is over"),
        (Input.CONTROL_EXITED, "the run is over"),
        (Input.SPAWNED, "the run is over"),
    )
    for state in ServiceState
    if (state, kind) not in TRANSITIONS
}

#: Pairs that the callers rule out: a reload is only asked of a unit that is active, a state without a timeout has none.
IMPOSSIBLE: frozenset[tuple[ServiceState, Input]] = frozenset(
    [(state, Input.RELOAD) for state in (*DOWN, *GOING_DOWN, _S.AUTO_RESTART, _S.CLEANING)]
    + [(state, Input.TIMED_OUT) for state in (*DOWN, _S.RUNNING, _S.EXITED)]
)


def feed(unit: Unit, kind: Input, event: object, turn: Turn) -> Outcome | None:
    """Look the pair up and do it. An impossible pair is reported and dropped."""
    state = machine_of(unit).state
    handler = TRANSITIONS.get((state, kind))
    if handler is not None:
        return handler(unit, event, turn)
    if (state, kind) not in IGNORED:
        turn.log(unit, LOG_ERR, f"Bug: {kind.value} in state {state.value}, dropped.")
        return Outcome.FAILED
    return None


# --- the unit type's interface to the engine -----------------------------------------------------------------------


def start(unit: Unit, world: World, turn: Turn) -> Outcome:
    return feed(unit, Input.START, None, turn) or Outcome.BEGUN


def stop(unit: Unit, world: World, turn: Turn) -> Outcome:
    return feed(unit, Input.STOP, None, turn) or Outcome.BEGUN


def reload(unit: Unit, turn: Turn) -> Outcome:
    return feed(unit, Input.RELOAD, None, turn) or Outcome.BEGUN


def can_reload(unit: Unit) -> bool:
    settings = service_settings(unit)
    return bool(settings.exec_reload) or settings.type is ServiceType.NOTIFY_RELOAD


def on_event(unit: Unit, event: Event, turn: Turn) -> None:
    """One fact about this service from outside."""
    if isinstance(event, ProcessExited):
        _on_process_exited(unit, event, turn)
    elif isinstance(event, SpawnDone):
        feed(unit, Input.SPAWNED, event, turn)
    elif isinstance(event, SpawnFailed):
        exits.on_spawn_failed(unit, event, turn, _feed_exit)
    elif isinstance(event, ExecSucceeded):
        feed(unit, Input.EXECUTED, event, turn)
    elif isinstance(event, ExecFailed):
        text = f"Failed at step {event.step} spawning {_program(unit, event)}: {event.reason}"
        turn.log(unit, LOG_ERR, text)
    elif isinstance(event, UnitEmpty):
        machine = machine_of(unit)
        if not machine.has_main and not machine.has_control:
            machine.is_empty = True
            feed(unit, Input.EMPTY, event, turn)
    elif isinstance(event, ProcessesKilled):
        feed(unit, Input.NOBODY_KILLED if event.count == 0 else Input.KILLED, event, turn)
    elif isinstance(event, PidFileRead):
        feed(unit, Input.PID_FILE, event, turn)
    elif isinstance(event, ProcessesListed):
        feed(unit, Input.LISTED, event, turn)
    elif isinstance(event, BusNameChanged):
        machine_of(unit).bus_owner = event.owner
        feed(unit, Input.NAME_TAKEN if event.owner else Input.NAME_LOST, event, turn)
    elif isinstance(event, BusOwnerFound):
        feed(unit, Input.OWNER_FOUND, event, turn)
    elif isinstance(event, OomKilled):
        turn.log(unit, LOG_WARNING, "A process of this unit has been killed by the OOM killer.")
        if service_settings(unit).oom_policy != "continue":
            feed(unit, Input.OUT_OF_MEMORY, event, turn)
    elif isinstance(event, StoredFdHungUp):
        notify.on_hung_up(unit, event, turn)
    elif isinstance(event, NotifyReceived):
        kind = notify.take_message(unit, event, turn)
        if kind:
            feed(unit, Input(kind), event, turn)


def on_deadline(unit: Unit, world: World, turn: Turn) -> None:
    """Some deadline of this service has passed; each one that has is dealt with once."""
    machine, now = machine_of(unit), turn.now.monotonic_usec
    if machine.pid_file_retry_usec <= now:
        machine.pid_file_retry_usec = INFINITY
        exits.ask_pid_file(unit, turn)
    if machine.watchdog_deadline_usec <= now:
        machine.watchdog_deadline_usec = INFINITY
        feed(unit, Input.WATCHDOG, None, turn)
    if machine.runtime_deadline_usec <= now:
        machine.runtime_deadline_usec = INFINITY
        if machine.state in (_S.RUNNING, _S.RELOAD):
            turn.log(unit, LOG_WARNING, "Service reached runtime time limit. Stopping.")
            enter_stop(unit, ServiceResult.TIMEOUT, turn)
    if machine.state_deadline_usec <= now:
        machine.state_deadline_usec = INFINITY
        feed(unit, Input.TIMED_OUT, None, turn)


def reset_failed(unit: Unit, turn: Turn) -> None:
    machine = machine_of(unit)
    if machine.state is _S.FAILED:
        go(unit, _S.DEAD, turn)
    machine.result = machine.reload_result = ServiceResult.SUCCESS
    if machine.n_restarts:
        turn.ask(UnitChanged(unit.name))
    machine.n_restarts = 0
    machine.forget_restarts = False


def _on_process_exited(unit: Unit, event: ProcessExited, turn: Turn) -> None:
    machine = machine_of(unit)
    if event.pid and event.pid == machine.main_pid:
        _feed_exit(unit, event, turn, True)
    elif event.pid and event.pid == machine.control_pid:
        _feed_exit(unit, event, turn, False)


def _feed_exit(unit: Unit, event: ProcessExited, turn: Turn, is_main: bool) -> None:
    """The end is judged and noted first; then, unless more command lines follow, the state reacts to it."""
    judged = exits.judge_main(unit, event, turn) if is_main else exits.judge_control(unit, event, turn)
    if judged is not None:
        feed(unit, Input.MAIN_EXITED if is_main else Input.CONTROL_EXITED, judged, turn)


def _program(unit: Unit, event: ExecFailed) -> str:
    machine, settings = machine_of(unit), service_settings(unit)
    if machine.control_pid == event.pid and machine.phase is ExecPhase.CLEAN:
        return clean_plan.PROGRAM
    if machine.control_pid == event.pid and machine.phase is not None:
        return commands(settings, machine.phase)[machine.command_index].path
    lines = commands(settings, ExecPhase.START)
    return lines[min(machine.main_command_index, len(lines) - 1)].path if lines else unit.name
