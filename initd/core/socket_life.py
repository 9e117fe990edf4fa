"""How a socket unit comes up and goes down: its commands, their ends and their time limits (systemd.socket(5)).

Up: ExecStartPre=, then the sockets are opened, then ExecStartPost=. Down: ExecStopPre=, then the sockets are closed, then
ExecStopPost=. What differs from services, and is recorded in tests/conformance/triggers: a failed ExecStartPre= ends
it without any other command, and what a command leaves behind is nobody's concern.
"""

from __future__ import annotations

from initd.core import clean_plan, exitstatus
from initd.core.cgroup_attributes import CgroupPlan, plan_cgroup
from initd.core.effects import (
    CloseSockets,
    KillProcesses,
    OpenSockets,
    PrepareUnit,
    ReleaseUnit,
    Spawn,
    UnitChanged,
    WatchSockets,
)
from initd.core.events import (
    Event,
    ProcessesKilled,
    ProcessExited,
    SocketsOpened,
    SpawnDone,
    SpawnFailed,
    UnitEmpty,
)
from initd.core.kill import KillOperation, plan_kill
from initd.core.service_exits import log_exit
from initd.core.service_record import ProcessRecord
from initd.core.settings import ExecSettings, KillSettings
from initd.core.socket_record import SocketResult, SocketState, machine_of, settings_of
from initd.core.states import ActiveState, ExecPhase
from initd.core.turn import StateChange, Turn
from initd.core.unit import Unit
from initd.core.values import INFINITY, LOG_ERR, LOG_WARNING, ExecCommand, PidRef, ProcessEnd, SpawnRequest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_S = SocketState
_SIGKILL = 9
_RESULT_OF_END = {
    "exited": SocketResult.EXIT_CODE, "killed": SocketResult.SIGNAL, "dumped": SocketResult.CORE_DUMP,
}
_PHASE_OF = {
    _S.START_PRE: ExecPhase.START_PRE, _S.START_POST: ExecPhase.START_POST,
    _S.STOP_PRE: ExecPhase.STOP_PRE, _S.STOP_POST: ExecPhase.STOP_POST,
}
_SIGNALLED = (_S.STOP_PRE_SIGTERM, _S.STOP_PRE_SIGKILL, _S.FINAL_SIGTERM, _S.FINAL_SIGKILL)
#: On the way up, and before anybody can come.
STARTING = (_S.START_PRE, _S.START_CHOWN, _S.START_POST)
ENDING = (_S.STOP_PRE, _S.STOP_POST, *_SIGNALLED)


def commands(unit: Unit, phase: ExecPhase) -> tuple[ExecCommand, ...]:
    settings = settings_of(unit)
    return {
        ExecPhase.START_PRE: settings.exec_start_pre, ExecPhase.START_POST: settings.exec_start_post,
        ExecPhase.STOP_PRE: settings.exec_stop_pre, ExecPhase.STOP_POST: settings.exec_stop_post,
    }[phase]


# --- states ---------------------------------------------------------------------------------------------------------


def enter(unit: Unit, state: SocketState, turn: Turn, timeout_usec: int = INFINITY) -> None:
    """Set the state and when it has lasted too long, and note the change."""
    enter_quietly(unit, state, turn, timeout_usec)
    announce(unit, turn)


def enter_quietly(unit: Unit, state: SocketState, turn: Turn, timeout_usec: int = INFINITY) -> None:
    """The same, when an answer that comes at once decides whether it stays so."""
    machine = machine_of(unit)
    if machine.told is machine.state:
        turn.tell_touched(unit)
    machine.state = state
    is_limited = 0 < timeout_usec < INFINITY
    machine.state_deadline_usec = turn.now.monotonic_usec + timeout_usec if is_limited else INFINITY


def announce(unit: Unit, turn: Turn) -> None:
    machine = machine_of(unit)
    old, machine.told = machine.ACTIVE_STATES.get(machine.told, ActiveState.ACTIVE), machine.state
    turn.changes.append(StateChange(unit.name, old, machine.active_state))
    turn.touched.add(unit.name)


# --- commands -------------------------------------------------------------------------------------------------------


def _run(unit: Unit, state: SocketState, turn: Turn, index: int = 0) -> bool:
    """Enter the state and run its commands from this one on. False where there is none."""
    machine, phase = machine_of(unit), _PHASE_OF[state]
    lines = commands(unit, phase)
    if index >= len(lines):
        return False
    _prepare(unit, turn)
    machine.command_index, machine.control_pid = index, 0
    turn.ask(Spawn(SpawnRequest(
        unit=unit.name, unit_number=unit.number, phase=phase, command=lines[index],
        exec=unit.definition.exec or ExecSettings(), cgroup=unit.cgroup,
        environment=(f"INVOCATION_ID={unit.invocation_id}",), is_control=True,
    )))
    if machine.state is state:
        machine.state_deadline_usec = _after(turn, settings_of(unit).timeout_usec)
    else:
        enter(unit, state, turn, settings_of(unit).timeout_usec)
    return True


def _after(turn: Turn, span_usec: int) -> int:
    return turn.now.monotonic_usec + span_usec if 0 < span_usec < INFINITY else INFINITY


def _prepare(unit: Unit, turn: Turn) -> None:
    if unit.is_prepared:
        return
    settings = unit.definition.cgroup
    plan = plan_cgroup(settings, surroundings=turn.surroundings(unit)) if settings is not None else CgroupPlan()
    execution = unit.definition.exec or ExecSettings()
    turn.ask(PrepareUnit(unit.name, unit.cgroup, plan, execution, unit.number, unit.invocation_id))
    unit.is_prepared = True


def on_event(unit: Unit, event: Event, turn: Turn) -> None:
    """What becomes of the processes of a socket."""
    machine = machine_of(unit)
    if isinstance(event, SpawnDone):
        _on_spawned(unit, event, turn)
    elif isinstance(event, SpawnFailed):
        _on_not_spawned(unit, event, turn)
    elif isinstance(event, ProcessExited):
        if event.pid == machine.control_pid:
            _on_exited(unit, event.end, turn)
    elif isinstance(event, ProcessesKilled):
        if machine.state in _SIGNALLED:
            _on_killed(unit, event.count, turn)
    elif isinstance(event, UnitEmpty) and machine.state in _SIGNALLED and not machine.control_pid:
        _after_signal(unit, SocketResult.SUCCESS, turn)


def _on_spawned(unit: Unit, event: SpawnDone, turn: Turn) -> None:
    machine = machine_of(unit)
    if event.phase is not _PHASE_OF.get(machine.state, ExecPhase.CLEAN):
        # Told to stop between the order and the answer.
        turn.ask(KillProcesses(unit.name, _SIGKILL, None, PidRef(event.pid), False))
        return
    machine.control_pid = event.pid
    if event.phase is not ExecPhase.CLEAN:
        _record(unit, event.phase, ProcessRecord(event.pid, turn.now))
    turn.ask(UnitChanged(unit.name))


def _on_not_spawned(unit: Unit, event: SpawnFailed, turn: Turn) -> None:
    machine = machine_of(unit)
    if event.phase is not _PHASE_OF.get(machine.state, ExecPhase.CLEAN):
        return
    text = event.phase.value if event.phase is ExecPhase.CLEAN else event.phase.value + "="
    turn.log(unit, LOG_ERR, f"Failed to spawn {text} process: {event.reason}")
    if machine.state is _S.CLEANING:
        _end_cleaning(unit, SocketResult.RESOURCES, turn)
    elif event.exit_status:
        _record(unit, event.phase, ProcessRecord(0, turn.now))
        _on_exited(unit, ProcessEnd("exited", event.exit_status), turn)
    else:
        _go_on(unit, SocketResult.RESOURCES, turn)


def _record(unit: Unit, phase: ExecPhase, record: ProcessRecord) -> None:
    """What `ExecStartPre=` and its like show of their last run."""
    machine = machine_of(unit)
    records = machine.command_records.setdefault(phase, [])
    records += [None] * (machine.command_index + 1 - len(records))
    records[machine.command_index] = record


def _on_exited(unit: Unit, end: ProcessEnd, turn: Turn) -> None:
    machine = machine_of(unit)
    is_clean = exitstatus.is_clean(end, is_daemon=False)
    result = SocketResult.SUCCESS if is_clean else _RESULT_OF_END[end.code]
    machine.control_pid = 0
    if machine.state is _S.CLEANING:
        _end_cleaning(unit, result, turn)
        return
    phase = _PHASE_OF.get(machine.state)
    if phase is None:
        _after_signal(unit, result, turn)
        return
    old = machine.command_records[phase][machine.command_index]
    assert old is not None
    _record(unit, phase, old.replace(exit_time=turn.now, end=end))
    command = commands(unit, phase)[machine.command_index]
    log_exit(unit, "Control process", end, is_clean, command, turn)
    if command.ignore_failure:
        result = SocketResult.SUCCESS
    turn.ask(UnitChanged(unit.name))
    if result is not SocketResult.SUCCESS or not _run(unit, machine.state, turn, machine.command_index + 1):
        _go_on(unit, result, turn)


def _go_on(unit: Unit, result: SocketResult, turn: Turn) -> None:
    """The commands of this state are through, or one of them has failed."""
    state, is_good = machine_of(unit).state, result is SocketResult.SUCCESS
    if state is _S.START_PRE:
        if is_good:
            _open(unit, turn)
        else:
            _enter_signal(unit, _S.FINAL_SIGTERM, result, turn)
    elif state is _S.START_POST:
        if is_good:
            enter_listening(unit, turn)
        else:
            enter_stop_pre(unit, result, turn)
    elif state is _S.STOP_PRE:
        _enter_stop_post(unit, result, turn)
    else:
        enter_dead(unit, result, turn)


# --- up -------------------------------------------------------------------------------------------------------------


def enter_start_pre(unit: Unit, turn: Turn) -> None:
    machine = machine_of(unit)
    machine.result = SocketResult.SUCCESS
    machine.paused_until_usec = 0
    machine.poll_limit.reset()
    machine.command_records.clear()
    if not _run(unit, _S.START_PRE, turn):
        _open(unit, turn)


def _open(unit: Unit, turn: Turn) -> None:
    enter_quietly(unit, _S.START_CHOWN, turn, settings_of(unit).timeout_usec)
    turn.ask(OpenSockets(unit.name, settings_of(unit)))


def on_opened(unit: Unit, event: SocketsOpened, turn: Turn) -> None:
    machine, settings = machine_of(unit), settings_of(unit)
    if machine.state is not _S.START_CHOWN:
        return  # stopped meanwhile, and closed again
    for problem in event.problems:
        turn.log(unit, LOG_WARNING, problem)
    is_given_away = settings.socket_user or settings.socket_group
    if is_given_away and (not event.failure or event.is_without_owner):
        announce(unit, turn)
        turn.tell_touched(unit)
    if event.failure:
        turn.log(unit, LOG_ERR, event.failure)
        result = SocketResult.EXIT_CODE if event.is_without_owner else SocketResult.RESOURCES
        enter_stop_pre(unit, result, turn)
    elif not _run(unit, _S.START_POST, turn):
        enter_listening(unit, turn)


def enter_listening(unit: Unit, turn: Turn, is_again: bool = False) -> None:
    wait = machine_of(unit).paused_until_usec - turn.now.monotonic_usec
    turn.ask(WatchSockets(unit.name, wait <= 0, is_again and settings_of(unit).flush_pending))
    enter(unit, _S.LISTENING, turn, max(wait, 0))


def pause(unit: Unit, until_usec: int, turn: Turn) -> None:
    """Whoever comes while it listens waits until then."""
    machine = machine_of(unit)
    machine.paused_until_usec = machine.state_deadline_usec = until_usec
    turn.ask(WatchSockets(unit.name, False))


def _pause_is_over(unit: Unit, turn: Turn) -> None:
    turn.ask(WatchSockets(unit.name, True))


# --- down -----------------------------------------------------------------------------------------------------------


def stop(unit: Unit, turn: Turn) -> None:
    state = machine_of(unit).state
    if state is _S.CLEANING:
        _kill_cleaner(unit, turn)
    elif state in STARTING:
        _enter_signal(unit, _S.STOP_PRE_SIGTERM, SocketResult.SUCCESS, turn)
    elif state not in ENDING:
        enter_stop_pre(unit, SocketResult.SUCCESS, turn)


def enter_stop_pre(unit: Unit, result: SocketResult, turn: Turn) -> None:
    machine_of(unit).keep_first(result)
    turn.ask(WatchSockets(unit.name, False))
    if not _run(unit, _S.STOP_PRE, turn):
        _enter_stop_post(unit, SocketResult.SUCCESS, turn)


def _enter_stop_post(unit: Unit, result: SocketResult, turn: Turn) -> None:
    machine_of(unit).keep_first(result)
    turn.ask(CloseSockets(unit.name, settings_of(unit).remove_on_stop))
    if _run(unit, _S.STOP_POST, turn):
        return
    if unit.is_prepared:
        _enter_signal(unit, _S.FINAL_SIGTERM, SocketResult.SUCCESS, turn)
    else:
        enter_dead(unit, SocketResult.SUCCESS, turn)


def enter_dead(unit: Unit, result: SocketResult, turn: Turn) -> None:
    machine = machine_of(unit)
    machine.keep_first(result)
    machine.control_pid = 0  # who has outlived its last time limit is nobody's command any more
    if unit.is_prepared:
        unit.is_prepared = False
        turn.ask(ReleaseUnit(unit.name, unit.cgroup))
    is_failed = machine.result is not SocketResult.SUCCESS
    if is_failed:
        turn.log(unit, LOG_WARNING, f"Failed with result '{machine.result.value}'.")
    if machine.told is _S.DEAD and is_failed:
        # It has not been seen to begin: what is wrong is told before it is seen to have failed, as by systemd.
        turn.touched.add(unit.name)
        machine.state = _S.DEAD
    enter(unit, _S.FAILED if is_failed else _S.DEAD, turn)


# --- signals --------------------------------------------------------------------------------------------------------


def _enter_signal(unit: Unit, state: SocketState, result: SocketResult, turn: Turn) -> None:
    """Signal what runs; told only where somebody was reached."""
    machine = machine_of(unit)
    machine.keep_first(result)
    enter_quietly(unit, state, turn, settings_of(unit).timeout_usec)
    is_kill = state in (_S.STOP_PRE_SIGKILL, _S.FINAL_SIGKILL)
    operation = KillOperation.KILL if is_kill else KillOperation.TERMINATE
    order = plan_kill(unit.definition.kill or KillSettings(), operation, unit.name, 0, machine.control_pid)
    if order is None or not unit.is_prepared:
        _after_signal(unit, SocketResult.SUCCESS, turn)
    else:
        turn.ask(order)


def _on_killed(unit: Unit, count: int, turn: Turn) -> None:
    state = machine_of(unit).state
    if count:
        announce(unit, turn)
    elif state is _S.STOP_PRE_SIGTERM:
        _enter_signal(unit, _S.STOP_PRE_SIGKILL, SocketResult.SUCCESS, turn)
    elif state is _S.FINAL_SIGTERM:
        _enter_signal(unit, _S.FINAL_SIGKILL, SocketResult.SUCCESS, turn)
    else:
        _after_signal(unit, SocketResult.SUCCESS, turn)


def _after_signal(unit: Unit, result: SocketResult, turn: Turn) -> None:
    if machine_of(unit).state in (_S.STOP_PRE_SIGTERM, _S.STOP_PRE_SIGKILL):
        _enter_stop_post(unit, result, turn)
    else:
        enter_dead(unit, result, turn)


# --- time -----------------------------------------------------------------------------------------------------------


def on_deadline(unit: Unit, turn: Turn) -> None:
    machine = machine_of(unit)
    if machine.state_deadline_usec > turn.now.monotonic_usec:
        return
    machine.state_deadline_usec = INFINITY
    _ON_TIMEOUT[machine.state](unit, turn)


def _begin_timed_out(unit: Unit, turn: Turn) -> None:
    turn.log(unit, LOG_WARNING, "Starting timed out. Terminating.")
    turn.ask(CloseSockets(unit.name, settings_of(unit).remove_on_stop))
    _enter_signal(unit, _S.FINAL_SIGTERM, SocketResult.TIMEOUT, turn)


def _start_post_timed_out(unit: Unit, turn: Turn) -> None:
    turn.log(unit, LOG_WARNING, "Starting timed out. Stopping.")
    _kill_command(unit, turn)
    enter_stop_pre(unit, SocketResult.TIMEOUT, turn)


def _stop_timed_out(unit: Unit, turn: Turn) -> None:
    turn.log(unit, LOG_WARNING, "Stopping timed out. Terminating.")
    state = _S.STOP_PRE_SIGTERM if machine_of(unit).state is _S.STOP_PRE else _S.FINAL_SIGTERM
    _enter_signal(unit, state, SocketResult.TIMEOUT, turn)


def _sigterm_timed_out(unit: Unit, turn: Turn) -> None:
    is_final = machine_of(unit).state is _S.FINAL_SIGTERM
    is_killed = (unit.definition.kill or KillSettings()).send_sigkill
    turn.log(unit, LOG_WARNING, f"Stopping timed out. {'Killing.' if is_killed else 'Skipping SIGKILL. Ignoring.'}")
    if is_killed and is_final:
        _enter_signal(unit, _S.FINAL_SIGKILL, SocketResult.TIMEOUT, turn)
    elif is_final:
        enter_dead(unit, SocketResult.TIMEOUT, turn)
    else:
        # ExecStopPost= does not wait for its end (sock-execstoppre-stubborn).
        if is_killed:
            _kill_command(unit, turn)
        _enter_stop_post(unit, SocketResult.TIMEOUT, turn)


def _kill_command(unit: Unit, turn: Turn) -> None:
    """Another command is next: systemd lets this one go on, which helps nobody."""
    machine = machine_of(unit)
    turn.ask(KillProcesses(unit.name, _SIGKILL, None, PidRef(machine.control_pid), False))
    machine.control_pid = 0


def _sigkill_timed_out(unit: Unit, turn: Turn) -> None:
    turn.log(unit, LOG_WARNING, "Processes still around after SIGKILL. Ignoring.")
    is_final = machine_of(unit).state is _S.FINAL_SIGKILL
    (enter_dead if is_final else _enter_stop_post)(unit, SocketResult.TIMEOUT, turn)


def _cleaning_timed_out(unit: Unit, turn: Turn) -> None:
    turn.log(unit, LOG_WARNING, "Cleaning timed out. killing.")
    machine_of(unit).clean_result = SocketResult.TIMEOUT
    _kill_cleaner(unit, turn)


_ON_TIMEOUT: dict[SocketState, Callable[[Unit, Turn], None]] = {
    _S.START_PRE: _begin_timed_out, _S.START_CHOWN: _begin_timed_out, _S.START_POST: _start_post_timed_out,
    _S.STOP_PRE: _stop_timed_out, _S.STOP_POST: _stop_timed_out, _S.STOP_PRE_SIGTERM: _sigterm_timed_out,
    _S.FINAL_SIGTERM: _sigterm_timed_out, _S.STOP_PRE_SIGKILL: _sigkill_timed_out,
    _S.FINAL_SIGKILL: _sigkill_timed_out, _S.CLEANING: _cleaning_timed_out, _S.LISTENING: _pause_is_over,
}


# --- systemctl clean ------------------------------------------------------------------------------------------------


def enter_cleaning(unit: Unit, paths: tuple[str, ...], turn: Turn) -> None:
    machine = machine_of(unit)
    machine.result = machine.clean_result = SocketResult.SUCCESS
    limit = (unit.definition.exec or ExecSettings()).timeout_clean_usec
    clean_plan.prepare(unit, turn)
    turn.ask(Spawn(clean_plan.request(unit, paths)))
    enter(unit, _S.CLEANING, turn, limit)


def _end_cleaning(unit: Unit, result: SocketResult, turn: Turn) -> None:
    machine = machine_of(unit)
    machine.control_pid = 0
    if machine.clean_result is SocketResult.SUCCESS:
        machine.clean_result = result
    enter_dead(unit, result, turn)


def _kill_cleaner(unit: Unit, turn: Turn) -> None:
    """Its end, which is sure to come, ends the state."""
    machine = machine_of(unit)
    machine.state_deadline_usec = INFINITY
    turn.ask(KillProcesses(unit.name, _SIGKILL, None, PidRef(machine.control_pid), False, announce=True))
