"""How a service enters each of its states: what is spawned, signalled, timed, and what follows when there is nothing to do.

The functions call each other in the order of a service's life: condition, start-pre, start, start-post, running, stop, the
signals, stop-post, the final signals, dead. Which event calls which stands in `core.service`. Source: systemd.service(5).
"""

from __future__ import annotations

from initd.core import clean_plan, restart
from initd.core.cgroup_attributes import CgroupPlan, plan_cgroup
from initd.core.dependency import Dependency
from initd.core.effects import CloseDescriptors, KillProcesses, PrepareUnit, ReleaseUnit, Spawn, UnitChanged
from initd.core.kill import KillOperation, plan_kill
from initd.core.messages import ID_FAILURE_RESULT
from initd.core.monitor import outcome_variables, remote_variables
from initd.core.released import released_paths, released_terminal, resets_terminal
from initd.core.service_record import (
    ServiceMachine,
    commands,
    effective_notify_access,
    exec_settings,
    kill_settings,
    machine_of,
    service_settings,
)
from initd.core.states import (
    ActiveState,
    ExecPhase,
    JobType,
    NotifyAccess,
    ServiceExitType,
    ServiceResult,
    ServiceState,
    ServiceType,
)
from initd.core.turn import StateChange, Turn
from initd.core.unit import Unit
from initd.core.values import INFINITY, LOG_INFO, LOG_WARNING, PidRef, SpawnRequest

_S = ServiceState


def go(unit: Unit, state: ServiceState, turn: Turn, timeout_usec: int = INFINITY, will_restart: bool = False,
       reload_failed: bool = False) -> None:
    """Set the state and when it has lasted too long; note the change. Nothing else."""
    go_quietly(unit, state, turn, timeout_usec)
    announce(unit, turn, will_restart, reload_failed)


def go_quietly(unit: Unit, state: ServiceState, turn: Turn, timeout_usec: int = INFINITY) -> None:
    """The same, when an answer that comes at once decides whether it stays so: nobody is to hear of it before."""
    machine = machine_of(unit)
    if machine.told is machine.state:
        turn.tell_touched(unit)
    else:
        turn.touched.discard(unit.name)  # the state was a quiet one
    machine.state = state
    machine.state_deadline_usec = after(turn, timeout_usec)


def announce(unit: Unit, turn: Turn, will_restart: bool = False, reload_failed: bool = False) -> None:
    machine = machine_of(unit)
    old, machine.told = machine.active_state_in(machine.told), machine.state
    turn.changes.append(StateChange(unit.name, old, machine.active_state, will_restart, reload_failed))
    turn.touched.add(unit.name)


def after(turn: Turn, span_usec: int) -> int:
    """The deadline that lies this far ahead; 0 and INFINITY mean none."""
    return INFINITY if span_usec >= INFINITY or not span_usec else turn.now.monotonic_usec + span_usec


def keep_first(machine: ServiceMachine, result: ServiceResult) -> None:
    """`Result=` tells the first thing that went wrong."""
    if machine.result is ServiceResult.SUCCESS:
        machine.result = result


# --- spawning --------------------------------------------------------------------------------------------------


def spawn_main(unit: Unit, index: int, turn: Turn) -> None:
    machine = machine_of(unit)
    machine.main_command_index = index
    machine.is_spawning_main = True
    _spawn(unit, ExecPhase.START, index, False, turn)


def spawn_control(unit: Unit, phase: ExecPhase, index: int, turn: Turn) -> None:
    machine = machine_of(unit)
    machine.phase = phase
    machine.command_index = index
    machine.is_spawning_control = True
    _spawn(unit, phase, index, True, turn)


def _spawn(unit: Unit, phase: ExecPhase, index: int, is_control: bool, turn: Turn) -> None:
    machine, settings = machine_of(unit), service_settings(unit)
    command = commands(settings, phase)[index]
    machine.is_empty = False
    is_start = phase is ExecPhase.START
    if settings.permissions_start_only and not is_start:
        command = command.replace(full_privileges=True)  # as with "+" in front (seen on systemd 252)
    access = effective_notify_access(unit)
    may_notify = access is not NotifyAccess.NONE and (is_start or access in (NotifyAccess.EXEC, NotifyAccess.ALL))
    request = SpawnRequest(
        unit=unit.name,
        unit_number=unit.number,
        phase=phase,
        command=command,
        exec=exec_settings(unit),
        cgroup=unit.cgroup,
        environment=tuple(_environment(unit, phase, is_control)),
        is_control=is_control,
        delegate=unit.definition.cgroup is not None and unit.definition.cgroup.delegate,
        is_idle=is_start and settings.type is ServiceType.IDLE,
        may_notify=may_notify,
        watchdog_usec=machine.watchdog_usec if is_start else 0,
        sockets=_sockets(unit) if is_start and not unit.connection else (),
        connection=unit.connection if is_start else 0,
        non_blocking=settings.non_blocking,
        apply_root_directory=is_start or not settings.root_directory_start_only,
        stored_fds=machine.stored_fds if is_start else (),
        joins_namespaces_of=tuple(sorted(unit.dependencies.get(Dependency.JOINS_NAMESPACE_OF, ()))),
    )
    turn.ask(Spawn(request))


def _sockets(unit: Unit) -> tuple[str, ...]:
    return tuple(sorted(name for name in unit.dependencies.get(Dependency.TRIGGERED_BY, ()) if name.endswith(".socket")))


def _environment(unit: Unit, phase: ExecPhase, is_control: bool) -> list[str]:
    """What systemd.exec(5), ENVIRONMENT VARIABLES IN SPAWNED PROCESSES, gives a process from the unit's own state."""
    machine = machine_of(unit)
    variables = [f"INVOCATION_ID={unit.invocation_id}"]
    pid_file = service_settings(unit).pid_file
    if pid_file:
        variables.append(f"PIDFILE={pid_file}")
    if is_control and machine.main is not None:
        variables.append(f"MAINPID={machine.main.pid}")
    if phase in (ExecPhase.STOP, ExecPhase.STOP_POST):
        variables += outcome_variables(machine)
    if phase in (ExecPhase.START_PRE, ExecPhase.START) and len(unit.called_by) == 1:
        variables += next(iter(unit.called_by.values()))
    return [*variables, *unit.trigger, *remote_variables(unit)]


# --- going up --------------------------------------------------------------------------------------------------


def _cgroup_plan(unit: Unit, turn: Turn) -> CgroupPlan:
    settings = unit.definition.cgroup
    if settings is None:
        return CgroupPlan()  # the foreground command's own unit
    return plan_cgroup(settings, service_settings(unit).oom_policy == "kill", turn.surroundings(unit))


def enter_condition(unit: Unit, turn: Turn) -> None:
    turn.ask(PrepareUnit(
        unit.name, unit.cgroup, _cgroup_plan(unit, turn), exec_settings(unit), unit.number, unit.invocation_id))
    unit.is_prepared = True
    settings = service_settings(unit)
    if settings.exec_condition:
        spawn_control(unit, ExecPhase.CONDITION, 0, turn)
        go(unit, _S.CONDITION, turn, settings.timeout_start_usec)
    else:
        enter_start_pre(unit, turn)


def enter_start_pre(unit: Unit, turn: Turn) -> None:
    settings = service_settings(unit)
    if settings.exec_start_pre:
        spawn_control(unit, ExecPhase.START_PRE, 0, turn)
        go(unit, _S.START_PRE, turn, settings.timeout_start_usec)
    else:
        enter_start(unit, turn)


def enter_start(unit: Unit, turn: Turn) -> None:
    machine, settings = machine_of(unit), service_settings(unit)
    machine.watchdog_usec = settings.watchdog_usec
    if not settings.exec_start:
        # A oneshot without ExecStart= lives by its other lines, or by SuccessAction=: it was up for a moment.
        go(unit, _S.START, turn)
        enter_start_post(unit, turn)
        return
    if settings.type in (ServiceType.SIMPLE, ServiceType.IDLE):
        go_quietly(unit, _S.START, turn)  # the answer to Spawn makes it `running`
    else:
        go(unit, _S.START, turn, settings.timeout_start_usec)
    if settings.type is ServiceType.FORKING:
        spawn_control(unit, ExecPhase.START, 0, turn)
    else:
        spawn_main(unit, 0, turn)


def enter_start_post(unit: Unit, turn: Turn) -> None:
    machine, settings = machine_of(unit), service_settings(unit)
    machine.is_demanding_pid_file = False
    machine.pid_file_retry_usec = INFINITY
    start_watchdog(unit, turn)
    if settings.exec_start_post:
        spawn_control(unit, ExecPhase.START_POST, 0, turn)
        go(unit, _S.START_POST, turn, settings.timeout_start_usec)
    else:
        enter_running(unit, ServiceResult.SUCCESS, turn)


def start_watchdog(unit: Unit, turn: Turn) -> None:
    machine = machine_of(unit)
    machine.watchdog_time = turn.now
    machine.watchdog_deadline_usec = after(turn, machine.watchdog_usec)


def is_good(unit: Unit) -> bool:
    """Something of the service is there to run: its main process, or any process where the main one is not known; and the
    name by which it is called."""
    machine = machine_of(unit)
    if service_settings(unit).type is ServiceType.DBUS and not machine.bus_owner:
        return False
    if machine.main_known and service_settings(unit).exit_type is ServiceExitType.MAIN:
        return machine.has_main
    return machine.has_main or not machine.is_empty


def enter_running(unit: Unit, result: ServiceResult, turn: Turn, reload_failed: bool = False) -> None:
    machine, settings = machine_of(unit), service_settings(unit)
    keep_first(machine, result)
    machine.is_demanding_pid_file = False
    machine.pid_file_retry_usec = INFINITY
    if is_good(unit):
        if machine.is_stopping_itself:
            enter_stop_by_notify(unit, turn)
        elif machine.is_reloading_itself:
            enter_reload_by_notify(unit, turn)
        else:
            if machine.runtime_deadline_usec >= INFINITY:
                machine.runtime_deadline_usec = after(turn, _runtime_usec(unit))
            go(unit, _S.RUNNING, turn, reload_failed=reload_failed)
    elif settings.remain_after_exit and machine.result is ServiceResult.SUCCESS:
        machine.main = None  # where it lives on, without its bus name, it is one process among others
        go(unit, _S.EXITED, turn, reload_failed=reload_failed)
    elif machine.result is ServiceResult.SUCCESS:
        enter_stop(unit, ServiceResult.SUCCESS, turn)
    else:
        # ExecStop= is for a service that still works (conformance/services: lines-stop-on-failure).
        enter_signal(unit, _S.STOP_SIGTERM, ServiceResult.SUCCESS, turn)


def _runtime_usec(unit: Unit) -> int:
    """RuntimeMaxSec=, and a part of RuntimeRandomizedExtraSec= that this run's invocation id draws."""
    settings = service_settings(unit)
    extra = settings.runtime_randomized_extra_usec
    if settings.runtime_max_usec >= INFINITY or not extra:
        return settings.runtime_max_usec
    return min(settings.runtime_max_usec + int(unit.invocation_id[:16] or "0", 16) % (extra + 1), INFINITY - 1)


def enter_reload(unit: Unit, turn: Turn) -> None:
    machine, settings = machine_of(unit), service_settings(unit)
    machine.reload_result = ServiceResult.SUCCESS
    if settings.type is ServiceType.NOTIFY_RELOAD and machine.main is not None:
        machine.reload_signal_usec = turn.now.monotonic_usec
        turn.ask(KillProcesses(unit.name, settings.reload_signal, PidRef(machine.main.pid), None, False))
    if settings.exec_reload:
        spawn_control(unit, ExecPhase.RELOAD, 0, turn)
    go(unit, _S.RELOAD, turn, settings.timeout_start_usec)


def enter_reload_by_notify(unit: Unit, turn: Turn) -> None:
    """The service said RELOADING=1. READY=1 ends it; time alone does not (systemd 252 says so in each TimeoutStartSec=)."""
    go(unit, _S.RELOAD, turn, service_settings(unit).timeout_start_usec)
    turn.propagated_reloads.append(unit.name)


def enter_cleaning(unit: Unit, paths: tuple[str, ...], turn: Turn) -> None:
    """Remove the unit's directories (`systemctl clean`), by a process of the unit that none of its settings holds back."""
    machine = machine_of(unit)
    machine.result = machine.clean_result = ServiceResult.SUCCESS
    machine.phase, machine.command_index, machine.is_spawning_control = ExecPhase.CLEAN, 0, True
    machine.is_empty = False
    clean_plan.prepare(unit, turn)
    turn.ask(Spawn(clean_plan.request(unit, paths)))
    go(unit, _S.CLEANING, turn, exec_settings(unit).timeout_clean_usec)


# --- going down ------------------------------------------------------------------------------------------------


def enter_stop_by_notify(unit: Unit, turn: Turn) -> None:
    """The service said STOPPING=1: it has the usual time to be gone."""
    go(unit, _S.STOP_SIGTERM, turn, service_settings(unit).timeout_stop_usec)


def enter_stop(unit: Unit, result: ServiceResult, turn: Turn) -> None:
    machine, settings = machine_of(unit), service_settings(unit)
    keep_first(machine, result)
    _stop_watching(machine)
    if settings.exec_stop:
        spawn_control(unit, ExecPhase.STOP, 0, turn)
        go(unit, _S.STOP, turn, settings.timeout_stop_usec)
    else:
        enter_signal(unit, _S.STOP_SIGTERM, ServiceResult.SUCCESS, turn)


def _stop_watching(machine: ServiceMachine) -> None:
    machine.watchdog_deadline_usec = INFINITY
    machine.runtime_deadline_usec = INFINITY
    machine.pid_file_retry_usec = INFINITY
    machine.is_demanding_pid_file = False


_OPERATION = {
    _S.STOP_WATCHDOG: KillOperation.WATCHDOG,
    _S.FINAL_WATCHDOG: KillOperation.WATCHDOG,
    _S.STOP_SIGTERM: KillOperation.TERMINATE,
    _S.FINAL_SIGTERM: KillOperation.TERMINATE,
    _S.STOP_SIGKILL: KillOperation.KILL,
    _S.FINAL_SIGKILL: KillOperation.KILL,
}


def enter_signal(unit: Unit, state: ServiceState, result: ServiceResult, turn: Turn) -> None:
    """Signal the unit's processes as the state says; `skip_signal` goes on at once when there are none."""
    machine, settings = machine_of(unit), service_settings(unit)
    keep_first(machine, result)
    _stop_watching(machine)
    operation = _OPERATION[state]
    if operation is KillOperation.TERMINATE and unit.job is not None and unit.job.type is JobType.RESTART:
        operation = KillOperation.RESTART
    order = plan_kill(kill_settings(unit), operation, unit.name, machine.main_pid, machine.control_pid)
    if order is None or (machine.is_empty and not machine.has_main and not machine.has_control):
        skip_signal(unit, state, turn)
        return
    timeout = settings.timeout_stop_usec
    if operation is KillOperation.WATCHDOG and settings.timeout_abort_usec is not None:
        timeout = settings.timeout_abort_usec
    go_quietly(unit, state, turn, timeout)  # whether anybody is there to be waited for, the answer says
    turn.ask(order)


def skip_signal(unit: Unit, state: ServiceState, turn: Turn) -> None:
    """The state's signal reached nobody: what comes after it."""
    sends_kill = kill_settings(unit).send_sigkill
    if state in (_S.STOP_WATCHDOG, _S.STOP_SIGTERM) and sends_kill:
        enter_signal(unit, _S.STOP_SIGKILL, ServiceResult.SUCCESS, turn)
    elif state in (_S.STOP_WATCHDOG, _S.STOP_SIGTERM, _S.STOP_SIGKILL):
        enter_stop_post(unit, ServiceResult.SUCCESS, turn)
    elif state in (_S.FINAL_WATCHDOG, _S.FINAL_SIGTERM) and sends_kill:
        enter_signal(unit, _S.FINAL_SIGKILL, ServiceResult.SUCCESS, turn)
    else:
        enter_dead(unit, ServiceResult.SUCCESS, turn)


def enter_stop_post(unit: Unit, result: ServiceResult, turn: Turn) -> None:
    machine, settings = machine_of(unit), service_settings(unit)
    keep_first(machine, result)
    _stop_watching(machine)
    if settings.exec_stop_post:
        spawn_control(unit, ExecPhase.STOP_POST, 0, turn)
        go(unit, _S.STOP_POST, turn, settings.timeout_stop_usec)
    else:
        enter_signal(unit, _S.FINAL_SIGTERM, ServiceResult.SUCCESS, turn)


def enter_dead(unit: Unit, result: ServiceResult, turn: Turn, may_restart: bool = True) -> None:
    """All over: judge the run, clean up, and wait for the restart if there is to be one."""
    machine, settings = machine_of(unit), service_settings(unit)
    keep_first(machine, result)
    _stop_watching(machine)
    state = _S.DEAD if machine.result in (ServiceResult.SUCCESS, ServiceResult.EXEC_CONDITION) else _S.FAILED
    _log_end(unit, turn)
    end = machine.last_main.end if machine.last_main is not None else None
    forbidden = machine.forbid_restart or not may_restart or unit.is_stop_pending()
    verdict = restart.shall_restart(settings, machine.result, end, forbidden)
    if not (verdict and settings.restart_mode == "direct"):
        go(unit, state, turn, will_restart=bool(verdict))
    release(unit, turn, bool(verdict))
    if verdict:
        delay = restart.restart_delay_usec(settings, machine.n_restarts + 1)
        go(unit, _S.AUTO_RESTART, turn)
        # RestartSec=0 restarts at once: a deadline of now, not none.
        machine.state_deadline_usec = INFINITY if delay >= INFINITY else turn.now.monotonic_usec + delay
    else:
        machine.forget_restarts = True
    machine.forbid_restart = False
    machine.notify_access = None


def release(unit: Unit, turn: Turn, will_restart: bool) -> None:
    """Give back what the run took: cgroup, runtime directories, PID file (systemd.exec(5), RuntimeDirectoryPreserve=)."""
    machine, settings, execution = machine_of(unit), service_settings(unit), exec_settings(unit)
    directories = released_paths(unit.name, execution, will_restart, turn.places)
    machine.main = machine.control = None
    unit.is_prepared = False
    if not will_restart and not (unit.job is not None and unit.job.type is JobType.RESTART):
        drop_stored(unit, [stored.fd for stored in machine.stored_fds], turn)
    turn.ask(ReleaseUnit(
        unit.name, unit.cgroup, directories, (settings.pid_file,) if settings.pid_file else (),
        released_terminal(execution), execution if execution.remove_ipc else None,
        execution if resets_terminal(execution) else None,
    ))


def drop_stored(unit: Unit, fds: list[int], turn: Turn) -> None:
    machine = machine_of(unit)
    if fds:
        machine.stored_fds = tuple([stored for stored in machine.stored_fds if stored.fd not in fds])
        turn.ask(CloseDescriptors(unit.name, tuple(fds)))
        turn.ask(UnitChanged(unit.name))


def _log_end(unit: Unit, turn: Turn) -> None:
    result = machine_of(unit).result
    if result is ServiceResult.SUCCESS:
        if machine_of(unit).active_state is not ActiveState.INACTIVE:
            turn.log(unit, LOG_INFO, "Deactivated successfully.")
    elif result is ServiceResult.EXEC_CONDITION:
        turn.log(unit, LOG_INFO, "Skipped due to 'exec-condition'.")
    else:
        turn.log(
            unit, LOG_WARNING, f"Failed with result '{result.value}'.", MESSAGE_ID=ID_FAILURE_RESULT,
            UNIT_RESULT=result.value,
        )
