"""What the beginnings and ends of a service's processes lead to, state by state.

`judge_main` and `judge_control` note an end and say what it is worth; the `on_…` handlers, which `core.service`'s
table names, then move the state. Handlers for ends get the `ServiceResult` of that end. Source: systemd.service(5).
"""

from __future__ import annotations

from initd.core import exitstatus, signals
from initd.core.effects import KillProcesses, ListProcesses, ReadPidFile, UnitChanged, WatchPid
from initd.core.events import (
    ExecSucceeded,
    PidFileRead,
    ProcessesListed,
    ProcessExited,
    SpawnDone,
    SpawnFailed,
)
from initd.core.messages import ID_PROCESS_EXIT
from initd.core.service_enter import (
    announce,
    enter_dead,
    enter_running,
    enter_signal,
    enter_start,
    enter_start_post,
    enter_start_pre,
    enter_stop_post,
    go,
    keep_first,
    skip_signal,
    spawn_control,
    spawn_main,
)
from initd.core.service_record import (
    ProcessRecord,
    commands,
    kill_settings,
    machine_of,
    service_settings,
)
from initd.core.states import ExecPhase, KillMode, ServiceExitType, ServiceResult, ServiceState, ServiceType
from initd.core.turn import Turn
from initd.core.unit import Unit
from initd.core.values import (
    INFINITY,
    LOG_ERR,
    LOG_INFO,
    LOG_NOTICE,
    LOG_WARNING,
    USEC_PER_MSEC,
    ExecCommand,
    PidRef,
    ProcessEnd,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    FeedExit = Callable[[Unit, ProcessExited, Turn, bool], None]

_S = ServiceState
_SIGKILL = 9
#: How often a PID file that is not there yet is looked for. A retry, since the base image has no inotify for Python.
PID_FILE_RETRY_USEC = 20 * USEC_PER_MSEC

_PHASE_OF = {
    _S.CONDITION: ExecPhase.CONDITION,
    _S.START_PRE: ExecPhase.START_PRE,
    _S.START_POST: ExecPhase.START_POST,
    _S.RELOAD: ExecPhase.RELOAD,
    _S.STOP: ExecPhase.STOP,
    _S.STOP_POST: ExecPhase.STOP_POST,
    _S.CLEANING: ExecPhase.CLEAN,
}


# --- beginnings ------------------------------------------------------------------------------------------------


def on_spawned_in_start(unit: Unit, event: object, turn: Turn) -> None:
    """ExecStart= runs: as the main process, or as the parent that will leave a daemon behind (Type=forking)."""
    assert isinstance(event, SpawnDone)
    if event.phase is not ExecPhase.START:
        on_spawned_too_late(unit, event, turn)
        return
    settings = service_settings(unit)
    if settings.type is ServiceType.FORKING:
        _note_control(unit, event, turn)
        return
    _note_main(unit, event, turn)
    if settings.type in (ServiceType.SIMPLE, ServiceType.IDLE):
        enter_start_post(unit, turn)


def on_spawned_in_turn(unit: Unit, event: object, turn: Turn) -> None:
    """The control process that the state is waiting for."""
    assert isinstance(event, SpawnDone)
    machine = machine_of(unit)
    if event.phase is _PHASE_OF[machine.state]:
        _note_control(unit, event, turn)
    else:
        on_spawned_too_late(unit, event, turn)


def on_spawned_too_late(unit: Unit, event: object, turn: Turn) -> None:
    """The service was told to stop between the order to spawn and the answer: the process has to go too."""
    assert isinstance(event, SpawnDone)
    machine = machine_of(unit)
    if event.phase is ExecPhase.START and machine.is_spawning_main:
        _note_main(unit, event, turn)
    elif machine.is_spawning_control:
        _note_control(unit, event, turn)
    if machine.state in (_S.DEAD, _S.FAILED, _S.AUTO_RESTART, _S.RUNNING, _S.EXITED, _S.STOP_SIGKILL, _S.FINAL_SIGKILL):
        turn.ask(KillProcesses(unit.name, _SIGKILL, None, PidRef(event.pid), False))
        if machine.state not in (_S.STOP_SIGKILL, _S.FINAL_SIGKILL):
            machine.main = None if machine.main_pid == event.pid else machine.main
            machine.control = None if machine.control_pid == event.pid else machine.control
    elif machine.state in _SIGNALLED_OR_FINAL:
        turn.ask(KillProcesses(unit.name, kill_settings(unit).kill_signal, None, PidRef(event.pid), False))


_SIGNALLED_OR_FINAL = (_S.STOP_WATCHDOG, _S.STOP_SIGTERM, _S.FINAL_WATCHDOG, _S.FINAL_SIGTERM)


def _note_main(unit: Unit, event: SpawnDone, turn: Turn) -> None:
    machine = machine_of(unit)
    machine.is_spawning_main = False
    machine.main = machine.last_main = ProcessRecord(event.pid, turn.now)
    machine.main_known = True
    machine.main_is_foreign = False
    _record_command(unit, ExecPhase.START, machine.main_command_index, machine.main)


def _note_control(unit: Unit, event: SpawnDone, turn: Turn) -> None:
    machine = machine_of(unit)
    machine.is_spawning_control = False
    machine.control = ProcessRecord(event.pid, turn.now)
    _record_command(unit, event.phase, machine.command_index, machine.control)


def _record_command(unit: Unit, phase: ExecPhase, index: int, record: ProcessRecord) -> None:
    """What `ExecStart=` and its siblings show of their last run (org.freedesktop.systemd1(5))."""
    records = machine_of(unit).command_records.setdefault(phase, [])
    records += [None] * (index + 1 - len(records))
    records[index] = record


def on_executed(unit: Unit, event: object, turn: Turn) -> None:
    assert isinstance(event, ExecSucceeded)
    if service_settings(unit).type is ServiceType.EXEC and event.pid == machine_of(unit).main_pid:
        enter_start_post(unit, turn)


def on_spawn_failed(unit: Unit, event: SpawnFailed, turn: Turn, feed_exit: FeedExit) -> None:
    """No process came to be. It counts as one that exited at once with the status systemd's child would have had."""
    machine = machine_of(unit)
    is_main = event.phase is ExecPhase.START and machine.is_spawning_main
    turn.log(unit, LOG_ERR, f"Failed to spawn {event.phase.value}= process: {event.reason}")
    if not is_main and not machine.is_spawning_control:
        return
    if not event.exit_status:
        machine.is_spawning_main = machine.is_spawning_control = False
        _on_no_resources(unit, turn)
        return
    spawned = SpawnDone(unit.name, event.phase, 0)
    if is_main:
        _note_main(unit, spawned, turn)
    else:
        _note_control(unit, spawned, turn)
    exited = ProcessExited(unit.name, 0, ProcessEnd("exited", event.exit_status))
    feed_exit(unit, exited, turn, is_main)


def _on_no_resources(unit: Unit, turn: Turn) -> None:
    """The kernel gave us no process: go on as if it had failed, and say why (Result=resources)."""
    machine = machine_of(unit)
    if machine.state is _S.RELOAD:
        machine.reload_result = ServiceResult.RESOURCES
        enter_running(unit, ServiceResult.SUCCESS, turn, reload_failed=True)
    elif machine.state is _S.STOP_POST:
        enter_signal(unit, _S.FINAL_SIGTERM, ServiceResult.RESOURCES, turn)
    elif machine.state is _S.CLEANING:
        machine.clean_result = ServiceResult.RESOURCES
        enter_dead(unit, ServiceResult.RESOURCES, turn)
    elif machine.state in (_S.CONDITION, _S.START_PRE, _S.START, _S.START_POST, _S.STOP):
        enter_signal(unit, _S.STOP_SIGTERM, ServiceResult.RESOURCES, turn)


# --- judging ends ------------------------------------------------------------------------------------------------


def _worth(end: ProcessEnd) -> ServiceResult:
    return {
        "exited": ServiceResult.EXIT_CODE,
        "killed": ServiceResult.SIGNAL,
        "dumped": ServiceResult.CORE_DUMP,
    }[end.code]


def log_exit(unit: Unit, what: str, end: ProcessEnd, is_clean: bool, command: ExecCommand | None, turn: Turn) -> None:
    """The line that tells of a process's end, if it was not the plainest one."""
    if end.code == "exited" and end.status == 0:
        return
    name = exitstatus.name(end.status) if end.code == "exited" else signals.short_name(end.status)
    priority = LOG_INFO if is_clean else LOG_WARNING if command is not None and command.ignore_failure else LOG_NOTICE
    turn.log(
        unit, priority, f"{what} exited, code={end.code}, status={end.status}/{name or 'n/a'}",
        MESSAGE_ID=ID_PROCESS_EXIT, EXIT_CODE=end.code, EXIT_STATUS=str(end.status),
    )


def judge_main(unit: Unit, event: ProcessExited, turn: Turn) -> ServiceResult | None:
    """Note the end of the main process. None when the next ExecStart= line of a oneshot runs instead."""
    machine, settings = machine_of(unit), service_settings(unit)
    assert machine.main is not None
    lines = settings.exec_start
    index = machine.main_command_index
    command = lines[index] if index < len(lines) and settings.type is not ServiceType.FORKING else None
    is_oneshot = settings.type is ServiceType.ONESHOT
    is_clean = exitstatus.is_clean(event.end, settings.success_exit_status, is_daemon=not is_oneshot)
    result = ServiceResult.SUCCESS if is_clean else _worth(event.end)
    ended = machine.main.replace(exit_time=turn.now, end=event.end)
    machine.main, machine.last_main = None, ended
    if command is not None:
        _record_command(unit, ExecPhase.START, index, ended)
        if command.ignore_failure:
            result = ServiceResult.SUCCESS
    log_exit(unit, "Main process", event.end, is_clean, command, turn)
    turn.ask(UnitChanged(unit.name))
    if machine.state in (_S.DEAD, _S.FAILED, _S.AUTO_RESTART):
        return result
    keep_first(machine, result)
    is_more = is_oneshot and command is not None and index + 1 < len(lines)
    if is_more and machine.state is _S.START and result is ServiceResult.SUCCESS:
        spawn_main(unit, index + 1, turn)
        go(unit, _S.START, turn, settings.timeout_start_usec)
        return None
    return result


def judge_control(unit: Unit, event: ProcessExited, turn: Turn) -> ServiceResult | None:
    """Note the end of the control process. None when the next line of the same kind runs instead."""
    machine, settings = machine_of(unit), service_settings(unit)
    assert machine.control is not None and machine.phase is not None
    phase, index = machine.phase, machine.command_index
    lines = commands(settings, phase)
    command = lines[index] if index < len(lines) else None
    # The parent of a daemon is taken for one itself; what runs beside it has to come to its end.
    is_daemon = phase is ExecPhase.START and settings.type is not ServiceType.ONESHOT
    is_clean = exitstatus.is_clean(event.end, settings.success_exit_status, is_daemon)
    result = ServiceResult.SUCCESS if is_clean else _worth(event.end)
    is_skip = event.end.code == "exited" and 1 <= event.end.status <= 254
    if phase is ExecPhase.CONDITION and is_skip and not is_clean:
        result = ServiceResult.EXEC_CONDITION
    _record_command(unit, phase, index, machine.control.replace(exit_time=turn.now, end=event.end))
    machine.control = None
    if command is not None and command.ignore_failure:
        result = ServiceResult.SUCCESS
    log_exit(unit, "Control process", event.end, is_clean, command, turn)
    if phase is ExecPhase.RELOAD:
        machine.reload_result = result if machine.reload_result is ServiceResult.SUCCESS else machine.reload_result
    elif result is not ServiceResult.EXEC_CONDITION and machine.state not in (_S.DEAD, _S.FAILED, _S.AUTO_RESTART):
        keep_first(machine, result)
    turn.ask(UnitChanged(unit.name))
    is_current = _PHASE_OF.get(machine.state) is phase
    if is_current and result is ServiceResult.SUCCESS and index + 1 < len(lines):
        timeout = machine_timeout(unit)
        spawn_control(unit, phase, index + 1, turn)
        go(unit, machine.state, turn, timeout)
        return None
    return result


def machine_timeout(unit: Unit) -> int:
    settings = service_settings(unit)
    is_stopping = machine_of(unit).state in (_S.STOP, _S.STOP_POST)
    return settings.timeout_stop_usec if is_stopping else settings.timeout_start_usec


# --- ends of the main process -------------------------------------------------------------------------------------


def on_main_exited_in_start(unit: Unit, result: object, turn: Turn) -> None:
    assert isinstance(result, ServiceResult)
    settings = service_settings(unit)
    if settings.type is ServiceType.FORKING:
        return  # the parent is still to say how it went
    if settings.type is ServiceType.ONESHOT:
        if result is ServiceResult.SUCCESS:
            enter_start_post(unit, turn)
        else:
            enter_signal(unit, _S.STOP_SIGTERM, result, turn)
    elif settings.type in (ServiceType.NOTIFY, ServiceType.NOTIFY_RELOAD) and result is ServiceResult.SUCCESS:
        # Only READY=1 makes such a service run; going before that breaks the protocol (systemd.service(5), Type=notify).
        enter_signal(unit, _S.STOP_SIGTERM, ServiceResult.PROTOCOL, turn)
    elif settings.type in (ServiceType.SIMPLE, ServiceType.IDLE):
        # It ended before its start was seen: the start counts (Type=simple asks for no more), then so does the end.
        enter_start_post(unit, turn)
    else:
        enter_running(unit, result, turn)


def on_main_exited_in_running(unit: Unit, result: object, turn: Turn) -> None:
    assert isinstance(result, ServiceResult)
    if service_settings(unit).exit_type is ServiceExitType.CGROUP:
        return  # the last process to go takes the service with it: that comes as UnitEmpty
    enter_running(unit, result, turn)


def on_main_exited_beside_control(unit: Unit, result: object, turn: Turn) -> None:
    """The control process decides how it goes on."""


def on_main_exited_in_reload(unit: Unit, result: object, turn: Turn) -> None:
    assert isinstance(result, ServiceResult)
    if not machine_of(unit).has_control:
        enter_running(unit, result, turn)


def on_main_exited_in_stop_post(unit: Unit, result: object, turn: Turn) -> None:
    assert isinstance(result, ServiceResult)
    if not machine_of(unit).has_control:
        enter_signal(unit, _S.FINAL_SIGTERM, result, turn)


def on_exit_in_signalled(unit: Unit, result: object, turn: Turn) -> None:
    """Main or control process ended after the stop signal: with both gone, the last words are next."""
    machine = machine_of(unit)
    if not machine.has_main and not machine.has_control:
        enter_stop_post(unit, _as_result(result), turn)


def on_exit_in_final(unit: Unit, result: object, turn: Turn) -> None:
    """With both gone the rest is waited for as far as KillMode= covers it (`on_empty_in_final`). Where the unit was being
    cleaned there is no rest."""
    machine = machine_of(unit)
    keep_first(machine, _as_result(result))
    is_all = machine.phase is ExecPhase.CLEAN or not _covers_everyone(unit)
    if not machine.has_main and not machine.has_control and is_all:
        enter_dead(unit, ServiceResult.SUCCESS, turn)


def _as_result(result: object) -> ServiceResult:
    assert isinstance(result, ServiceResult)
    return ServiceResult.SUCCESS if result is ServiceResult.EXEC_CONDITION else result


def _covers_everyone(unit: Unit) -> bool:
    mode, state = kill_settings(unit).kill_mode, machine_of(unit).state
    is_kill = state in (_S.STOP_SIGKILL, _S.FINAL_SIGKILL)
    return mode is KillMode.CONTROL_GROUP or (mode is KillMode.MIXED and is_kill)


# --- ends of the control process ------------------------------------------------------------------------------------


def on_condition_exited(unit: Unit, result: object, turn: Turn) -> None:
    assert isinstance(result, ServiceResult)
    if result is ServiceResult.SUCCESS:
        enter_start_pre(unit, turn)
    else:
        enter_signal(unit, _S.STOP_SIGTERM, result, turn)


def on_start_pre_exited(unit: Unit, result: object, turn: Turn) -> None:
    assert isinstance(result, ServiceResult)
    if result is ServiceResult.SUCCESS:
        enter_start(unit, turn)
    else:
        enter_signal(unit, _S.STOP_SIGTERM, result, turn)


def on_forking_parent_exited(unit: Unit, result: object, turn: Turn) -> None:
    """The parent is done: find out which process it left behind (systemd.service(5), Type=forking, PIDFile=)."""
    assert isinstance(result, ServiceResult)
    settings = service_settings(unit)
    if result is not ServiceResult.SUCCESS:
        enter_signal(unit, _S.STOP_SIGTERM, result, turn)
    elif settings.pid_file:
        ask_pid_file(unit, turn)
    elif settings.guess_main_pid:
        turn.ask(ListProcesses(unit.name))
    else:
        enter_start_post(unit, turn)


def on_start_post_exited(unit: Unit, result: object, turn: Turn) -> None:
    assert isinstance(result, ServiceResult)
    if result is not ServiceResult.SUCCESS:
        enter_signal(unit, _S.STOP_SIGTERM, result, turn)
    elif service_settings(unit).pid_file and not machine_of(unit).has_main:
        ask_pid_file(unit, turn)
    else:
        enter_running(unit, ServiceResult.SUCCESS, turn)


def on_reload_exited(unit: Unit, result: object, turn: Turn) -> None:
    """The main process may have changed (a daemon that re-executes itself): look again, then run on."""
    assert isinstance(result, ServiceResult)
    if result is ServiceResult.SUCCESS and service_settings(unit).pid_file:
        turn.ask(ReadPidFile(unit.name, service_settings(unit).pid_file))
    machine = machine_of(unit)
    if result is ServiceResult.SUCCESS and machine.reload_signal_usec is not None:
        return  # the service has still to say that it has reloaded (Type=notify-reload)
    machine.reload_signal_usec = None
    enter_running(unit, ServiceResult.SUCCESS, turn, reload_failed=machine.reload_result is not ServiceResult.SUCCESS)


def on_stop_exited(unit: Unit, result: object, turn: Turn) -> None:
    enter_signal(unit, _S.STOP_SIGTERM, _as_result(result), turn)


def on_stop_post_exited(unit: Unit, result: object, turn: Turn) -> None:
    if not machine_of(unit).has_main:
        enter_signal(unit, _S.FINAL_SIGTERM, _as_result(result), turn)


def on_clean_exited(unit: Unit, result: object, turn: Turn) -> None:
    assert isinstance(result, ServiceResult)
    machine_of(unit).clean_result = result
    enter_dead(unit, ServiceResult.SUCCESS, turn, may_restart=False)


# --- no process left --------------------------------------------------------------------------------------------


def on_empty_while_running(unit: Unit, _: object, turn: Turn) -> None:
    enter_running(unit, ServiceResult.SUCCESS, turn)


def on_empty_in_signalled(unit: Unit, _: object, turn: Turn) -> None:
    enter_stop_post(unit, ServiceResult.SUCCESS, turn)


def on_empty_in_final(unit: Unit, _: object, turn: Turn) -> None:
    enter_dead(unit, ServiceResult.SUCCESS, turn)


def on_killed(unit: Unit, _: object, turn: Turn) -> None:
    """There is somebody to wait for: now the state is one that lasts."""
    machine = machine_of(unit)
    if machine.told is not machine.state:
        announce(unit, turn)


def on_nobody_killed(unit: Unit, _: object, turn: Turn) -> None:
    """The signal reached nobody worth waiting for. A process whose end is still to be reported is waited for."""
    machine = machine_of(unit)
    if _covers_everyone(unit) and not machine.is_spawning_main and not machine.is_spawning_control:
        machine.is_empty = True
    if machine.main is not None and machine.main_is_foreign:
        machine.main = None
    if not machine.has_main and not machine.has_control:
        skip_signal(unit, machine.state, turn)
    else:
        on_killed(unit, None, turn)


# --- finding the main process --------------------------------------------------------------------------------------


def ask_pid_file(unit: Unit, turn: Turn) -> None:
    turn.ask(ReadPidFile(unit.name, service_settings(unit).pid_file))


def on_pid_file(unit: Unit, event: object, turn: Turn) -> None:
    assert isinstance(event, PidFileRead)
    machine, settings = machine_of(unit), service_settings(unit)
    if event.process is not None and (event.is_ours or event.is_trusted):
        take_main(unit, event.process, not event.is_ours, turn)
        _go_on_with_main(unit, turn)
        return
    if machine.state not in (_S.START, _S.START_POST) or machine.has_control or machine.has_main:
        return
    problem = event.problem or f"New main PID {event.process.pid if event.process else 0} does not belong to service"
    if machine.state is _S.START and settings.exec_start_post:
        enter_start_post(unit, turn)  # ExecStartPost= may be what writes it
    else:
        if not machine.is_demanding_pid_file:
            turn.log(unit, LOG_NOTICE, problem)
        machine.is_demanding_pid_file = True
        machine.pid_file_retry_usec = turn.now.monotonic_usec + PID_FILE_RETRY_USEC


def on_listed(unit: Unit, event: object, turn: Turn) -> None:
    """Of what the parent left behind, the main process is the one whose own parent is gone, if there is just one."""
    assert isinstance(event, ProcessesListed)
    machine = machine_of(unit)
    alive = [process for process in event.processes if not process.is_zombie]
    machine.is_empty = not alive
    own = {process.pid for process in alive}
    candidates = [process for process in alive if process.parent_pid not in own]
    if len(candidates) == 1:
        take_main(unit, PidRef(candidates[0].pid, candidates[0].start_ticks), False, turn)
    _go_on_with_main(unit, turn)


def take_main(unit: Unit, process: PidRef, is_foreign: bool, turn: Turn) -> None:
    """This is the main process from now on."""
    machine = machine_of(unit)
    if machine.main_pid == process.pid:
        return
    if is_foreign:
        turn.log(unit, LOG_WARNING, f"Supervising process {process.pid} which is not our child. "
                 "We'll most likely not notice when it exits.")
    machine.main = machine.last_main = ProcessRecord(process.pid, turn.now)
    machine.main_known = True
    machine.main_is_foreign = is_foreign
    machine.is_empty = False
    turn.ask(WatchPid(unit.name, process))


def _go_on_with_main(unit: Unit, turn: Turn) -> None:
    machine = machine_of(unit)
    machine.is_demanding_pid_file = False
    machine.pid_file_retry_usec = INFINITY
    if machine.has_control:
        return
    if machine.state is _S.START:
        enter_start_post(unit, turn)
    elif machine.state is _S.START_POST:
        enter_running(unit, ServiceResult.SUCCESS, turn)
