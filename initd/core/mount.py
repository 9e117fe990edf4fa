"""Mount units (systemd.mount(5)): file systems that mount(8) mounts and umount(8) unmounts, or that somebody else does.

Whether it is mounted, only the kernel's table says (`MountsRead`): a unit whose process has ended well and whose place is not
in the table has failed, and one whose place appears there by itself is up. So whenever a process ends the table is read
first, and what the end means is judged by that (`_on_ended`). What is mounted without a unit file gets one made up
(`mountpoint`), which can be unmounted and not mounted again.

Recorded of systemd 252 (tests/conformance/mounts).
"""

from __future__ import annotations

from initd.core import clean_plan, exitstatus, mountcommands, mountpoint, signals
from initd.core.cgroup_attributes import CgroupPlan, plan_cgroup
from initd.core.effects import KillProcesses, PrepareMount, PrepareUnit, ReadMounts, ReleaseUnit, Spawn, UnitChanged
from initd.core.events import (
    Event,
    ExecFailed,
    MountPrepared,
    MountsRead,
    ProcessesKilled,
    ProcessExited,
    SpawnDone,
    SpawnFailed,
)
from initd.core.kill import KillOperation, plan_kill
from initd.core.messages import ID_FAILURE_RESULT, ID_PROCESS_EXIT, begun
from initd.core.mount_record import MountMachine as MountMachine
from initd.core.mount_record import MountResult, has_file, machine_of, settings_of
from initd.core.mount_record import make as make
from initd.core.mountpoint import MountPoint
from initd.core.released import released_paths
from initd.core.service_record import ProcessRecord
from initd.core.settings import ExecSettings, KillSettings
from initd.core.states import ExecPhase, JobType, MountState, UnitType
from initd.core.turn import Outcome, StateChange, Turn
from initd.core.unit import Unit
from initd.core.values import INFINITY, LOG_ERR, LOG_INFO, LOG_NOTICE, LOG_WARNING, PidRef, ProcessEnd, SpawnRequest
from initd.core.world import World

_S = MountState
_MOUNTING = (_S.MOUNTING, _S.MOUNTING_DONE)
_REMOUNTING = (_S.REMOUNTING, _S.REMOUNTING_SIGTERM, _S.REMOUNTING_SIGKILL)
_SIGNALLED = (_S.REMOUNTING_SIGTERM, _S.REMOUNTING_SIGKILL, _S.UNMOUNTING_SIGTERM, _S.UNMOUNTING_SIGKILL)
_SIGKILL_AFTER = {_S.REMOUNTING_SIGTERM: _S.REMOUNTING_SIGKILL, _S.UNMOUNTING_SIGTERM: _S.UNMOUNTING_SIGKILL}
_RESULT_OF_END = {"exited": MountResult.EXIT_CODE, "killed": MountResult.SIGNAL, "dumped": MountResult.CORE_DUMP}
#: What a log line calls the work that has failed to begin.
_TASK = {ExecPhase.MOUNT: "mount", ExecPhase.UNMOUNT: "umount", ExecPhase.REMOUNT: "remount", ExecPhase.CLEAN: "clean"}
#: How often a place is unmounted on which one file system lies over the other.
_MAX_UNMOUNTS = 32
_SIGKILL = 9


# --- start, stop, reload --------------------------------------------------------------------------------------------


def start(unit: Unit, world: World, turn: Turn) -> Outcome:
    machine, settings = machine_of(unit), settings_of(unit)
    if machine.state in (_S.UNMOUNTING, _S.UNMOUNTING_SIGTERM, _S.UNMOUNTING_SIGKILL, _S.CLEANING):
        return Outcome.AGAIN
    if machine.state not in (_S.DEAD, _S.FAILED):
        return Outcome.BEGUN
    limit = (unit.settings.start_limit_interval_usec, unit.settings.start_limit_burst)
    if not unit.start_limit.is_within(*limit, turn.now.monotonic_usec):
        turn.log(unit, LOG_WARNING, "Start request repeated too quickly.")
        turn.limits_hit.append(unit.name)
        _enter_dead(unit, MountResult.START_LIMIT_HIT, turn)
        return Outcome.FAILED
    machine.result = machine.reload_result = MountResult.SUCCESS
    if machine.state is _S.FAILED:
        turn.tell_touched(unit)
    machine.runs = {phase: (command, None) for phase, (command, _) in machine.runs.items()}
    if not has_file(unit):
        _fail_task(unit, ExecPhase.MOUNT, "No such file or directory", turn)
        return Outcome.BEGUN
    machine.is_preparing = True
    source = settings.what if mountcommands.is_bind(settings) else ""
    turn.ask(PrepareMount(unit.name, settings.where, source, settings.directory_mode))
    return Outcome.BEGUN


def on_prepared(unit: Unit, event: MountPrepared, world: World, turn: Turn) -> None:
    machine = machine_of(unit)
    job = unit.job
    is_wanted = job is not None and job.type is JobType.START
    if not machine.is_preparing or machine.state not in (_S.DEAD, _S.FAILED):
        return
    machine.is_preparing = False
    if not is_wanted:
        return  # it was told to stop meanwhile
    for priority, text in event.problems:
        turn.log(unit, priority, text)
    if event.failure:
        _fail_task(unit, ExecPhase.MOUNT, event.failure, turn)
        return
    _spawn(unit, ExecPhase.MOUNT, turn)
    _go(unit, _S.MOUNTING, turn, settings_of(unit).timeout_usec)
    _announce(unit, JobType.START, turn)


def stop(unit: Unit, world: World, turn: Turn) -> Outcome:
    machine = machine_of(unit)
    if machine.state in (*_MOUNTING, _S.REMOUNTING):
        _enter_signal(unit, _S.UNMOUNTING_SIGTERM, MountResult.SUCCESS, turn)
    elif machine.state is _S.REMOUNTING_SIGTERM:
        _go(unit, _S.UNMOUNTING_SIGTERM, turn, settings_of(unit).timeout_usec)
    elif machine.state is _S.REMOUNTING_SIGKILL:
        _go(unit, _S.UNMOUNTING_SIGKILL, turn, settings_of(unit).timeout_usec)
    elif machine.state is _S.CLEANING:
        _enter_signal(unit, _S.UNMOUNTING_SIGKILL, MountResult.SUCCESS, turn)
    elif machine.state is _S.MOUNTED:
        if machine.is_given and world.is_going_down:
            # Whoever made the container takes it away, mounts and all, and often only they may.
            return Outcome.ALREADY
        machine.n_unmounts = 0
        _enter_unmounting(unit, turn)
        _announce(unit, JobType.STOP, turn)
    return Outcome.BEGUN


def reload(unit: Unit, turn: Turn) -> Outcome:
    """Mount it anew with the options that its file has now."""
    machine = machine_of(unit)
    if machine.state is not _S.MOUNTED:
        return Outcome.AGAIN
    machine.reload_result = MountResult.SUCCESS
    if not has_file(unit):
        machine.reload_result = MountResult.RESOURCES
        turn.log(unit, LOG_WARNING, "Failed to run 'remount' task: No such file or directory")
        return Outcome.FAILED
    _spawn(unit, ExecPhase.REMOUNT, turn)
    _go(unit, _S.REMOUNTING, turn, settings_of(unit).timeout_usec)
    _announce(unit, JobType.RELOAD, turn)
    return Outcome.BEGUN


def reset_failed(unit: Unit, turn: Turn) -> None:
    machine = machine_of(unit)
    if machine.state is _S.FAILED:
        _go(unit, _S.DEAD, turn)
    machine.result = machine.reload_result = machine.clean_result = MountResult.SUCCESS


def enter_cleaning(unit: Unit, paths: tuple[str, ...], turn: Turn) -> None:
    """`systemctl clean`: the process that removes the directories is on its way."""
    machine = machine_of(unit)
    machine.result = machine.clean_result = MountResult.SUCCESS
    clean_plan.prepare(unit, turn)
    machine.phase = ExecPhase.CLEAN
    turn.ask(Spawn(clean_plan.request(unit, paths)))
    _go(unit, _S.CLEANING, turn, (unit.definition.exec or ExecSettings()).timeout_clean_usec)


def _announce(unit: Unit, job_type: JobType, turn: Turn) -> None:
    """Only now, as it is under way."""
    message = begun(unit, job_type)
    job = unit.job
    if message is not None and job is not None:
        turn.announce(unit, message[0], LOG_INFO, MESSAGE_ID=message[1], JOB_TYPE=job.type.value)


# --- states ---------------------------------------------------------------------------------------------------------


def _go(unit: Unit, state: MountState, turn: Turn, timeout_usec: int = INFINITY, reload_failed: bool = False) -> None:
    """Set the state and when it has lasted too long; note the change. Nothing else."""
    machine = machine_of(unit)
    turn.tell_touched(unit)
    old = machine.active_state
    machine.state = state
    has_limit = 0 < timeout_usec < INFINITY
    machine.state_deadline_usec = turn.now.monotonic_usec + timeout_usec if has_limit else INFINITY
    turn.changes.append(StateChange(unit.name, old, machine.active_state, reload_failed=reload_failed))
    turn.touched.add(unit.name)


def _keep_first(machine: MountMachine, result: MountResult) -> None:
    if machine.result is MountResult.SUCCESS:
        machine.result = result


def _enter_mounted(unit: Unit, result: MountResult, turn: Turn) -> None:
    machine = machine_of(unit)
    _keep_first(machine, result)
    machine.control_pid = 0  # it is over, or nobody waits for it any more
    _go(unit, _S.MOUNTED, turn, reload_failed=machine.reload_result is not MountResult.SUCCESS)


def _enter_dead(unit: Unit, result: MountResult, turn: Turn) -> None:
    machine = machine_of(unit)
    _keep_first(machine, result)
    if machine.result is MountResult.SUCCESS:
        turn.log(unit, LOG_INFO, "Deactivated successfully.")
    else:
        word = machine.result.value
        turn.log(unit, LOG_WARNING, f"Failed with result '{word}'.", MESSAGE_ID=ID_FAILURE_RESULT, UNIT_RESULT=word)
    machine.is_given, machine.control_pid = False, 0
    _go(unit, _S.DEAD if machine.result is MountResult.SUCCESS else _S.FAILED, turn)
    if unit.is_prepared:
        unit.is_prepared = False
        directories = released_paths(unit.name, unit.definition.exec or ExecSettings(), will_restart=False)
        turn.ask(ReleaseUnit(unit.name, unit.cgroup, directories))


def _enter_dead_or_mounted(unit: Unit, result: MountResult, turn: Turn) -> None:
    """Whatever was tried: what counts is whether it is mounted now."""
    (_enter_mounted if machine_of(unit).mounted is not None else _enter_dead)(unit, result, turn)


def _enter_unmounting(unit: Unit, turn: Turn) -> None:
    machine = machine_of(unit)
    machine.n_unmounts += 1
    _spawn(unit, ExecPhase.UNMOUNT, turn)
    if machine.n_unmounts == 1:
        _go(unit, _S.UNMOUNTING, turn, settings_of(unit).timeout_usec)


def _enter_signal(unit: Unit, state: MountState, result: MountResult, turn: Turn) -> None:
    """Signal its process. Where there is none any more, the answer says so."""
    machine = machine_of(unit)
    _keep_first(machine, result)
    kill = unit.definition.kill or KillSettings()
    operation = KillOperation.KILL if state in _SIGKILL_AFTER.values() else KillOperation.TERMINATE
    order = plan_kill(kill, operation, unit.name, 0, machine.control_pid)
    if order is None:
        _skip_signal(unit, state, turn)
        return
    _go(unit, state, turn, settings_of(unit).timeout_usec)
    turn.ask(order)


def _skip_signal(unit: Unit, state: MountState, turn: Turn) -> None:
    """Nobody is reached by the signal of this state: what comes after it."""
    kill = unit.definition.kill or KillSettings()
    if state is _S.UNMOUNTING_SIGTERM and kill.send_sigkill:
        _enter_signal(unit, _S.UNMOUNTING_SIGKILL, MountResult.SUCCESS, turn)
    else:
        _enter_dead_or_mounted(unit, MountResult.SUCCESS, turn)


# --- processes ------------------------------------------------------------------------------------------------------


def _spawn(unit: Unit, phase: ExecPhase, turn: Turn) -> None:
    machine, cgroup = machine_of(unit), unit.definition.cgroup
    if not unit.is_prepared:
        plan = plan_cgroup(cgroup, surroundings=turn.surroundings(unit)) if cgroup is not None else CgroupPlan()
        turn.ask(PrepareUnit(
            unit.name, unit.cgroup, plan, unit.definition.exec, unit.number, unit.invocation_id))
        unit.is_prepared = True
    command = mountcommands.command(settings_of(unit), phase)
    machine.phase, machine.ended, machine.control_pid = phase, None, 0
    machine.runs = {**machine.runs, phase: (command, None)}
    turn.ask(Spawn(SpawnRequest(
        unit=unit.name, unit_number=unit.number, phase=phase, command=command, exec=unit.definition.exec or ExecSettings(),
        cgroup=unit.cgroup, environment=(f"INVOCATION_ID={unit.invocation_id}",), is_control=True,
    )))


def _fail_task(unit: Unit, phase: ExecPhase, why: str, turn: Turn) -> None:
    """There is no process, and will be none."""
    turn.log(unit, LOG_WARNING, f"Failed to run '{_TASK[phase]}' task: {why}")
    machine = machine_of(unit)
    if phase is ExecPhase.REMOUNT:
        machine.reload_result = MountResult.RESOURCES
        _enter_dead_or_mounted(unit, MountResult.SUCCESS, turn)
    elif phase is ExecPhase.UNMOUNT:
        _enter_dead_or_mounted(unit, MountResult.RESOURCES, turn)
    else:
        machine.clean_result = MountResult.RESOURCES if phase is ExecPhase.CLEAN else machine.clean_result
        _enter_dead(unit, MountResult.RESOURCES, turn)


def on_event(unit: Unit, event: Event, turn: Turn) -> None:
    """What becomes of its processes."""
    machine = machine_of(unit)
    if isinstance(event, SpawnDone):
        _on_spawned(unit, event, turn)
    elif isinstance(event, SpawnFailed) and event.phase is machine.phase:
        if event.exit_status:
            turn.log(unit, LOG_ERR, f"Failed to spawn {event.phase.value} process: {event.reason}")
            _note_end(unit, ProcessEnd("exited", event.exit_status), turn)
        else:
            _fail_task(unit, event.phase, event.reason, turn)
    elif isinstance(event, ExecFailed) and event.pid == machine.control_pid:
        run = machine.runs.get(machine.phase) if machine.phase is not None else None
        program = run[0].path if run is not None else clean_plan.PROGRAM
        turn.log(unit, LOG_ERR, f"Failed at step {event.step} spawning {program}: {event.reason}")
    elif isinstance(event, ProcessExited) and event.pid == machine.control_pid and event.pid:
        _note_end(unit, event.end, turn)
    elif isinstance(event, ProcessesKilled) and not event.count and machine.state in _SIGNALLED and not machine.ended:
        machine.control_pid = 0
        _skip_signal(unit, machine.state, turn)


def _on_spawned(unit: Unit, event: SpawnDone, turn: Turn) -> None:
    machine = machine_of(unit)
    if event.phase is not machine.phase or machine.control_pid or machine.state in (_S.DEAD, _S.FAILED, _S.MOUNTED):
        turn.ask(KillProcesses(unit.name, _SIGKILL, None, PidRef(event.pid), False))
        return
    machine.control_pid = event.pid
    if event.phase in machine.runs:
        machine.runs = {**machine.runs, event.phase: (machine.runs[event.phase][0], ProcessRecord(event.pid, turn.now))}
    turn.ask(UnitChanged(unit.name))


def _note_end(unit: Unit, end: ProcessEnd, turn: Turn) -> None:
    """The process is gone; what that means, the table of mounts tells."""
    machine = machine_of(unit)
    machine.control_pid = 0
    machine.ended = end
    phase = machine.phase
    if phase is not None and phase in machine.runs:
        command, run = machine.runs[phase]
        ended = run.replace(exit_time=turn.now, end=end) if run is not None else None
        machine.runs = {**machine.runs, phase: (command, ended)}
    if end.code != "exited" or end.status:
        _log_exit(unit, end, turn)
    turn.ask(ReadMounts(unit.name))


def _log_exit(unit: Unit, end: ProcessEnd, turn: Turn) -> None:
    has_exited = end.code == "exited"
    name = exitstatus.name(end.status) if has_exited else signals.short_name(end.status)
    turn.log(
        unit, LOG_NOTICE if has_exited else LOG_WARNING,
        f"Mount process exited, code={end.code}, status={end.status}/{name or 'n/a'}",
        MESSAGE_ID=ID_PROCESS_EXIT, EXIT_CODE=end.code, EXIT_STATUS=str(end.status), COMMAND="n/a",
    )


def _on_ended(unit: Unit, end: ProcessEnd, turn: Turn) -> None:
    """The process has ended so, and `mounted` says what it has left."""
    machine = machine_of(unit)
    is_clean = end.code == "exited" and not end.status
    result = MountResult.SUCCESS if is_clean else _RESULT_OF_END[end.code]
    if machine.state in _REMOUNTING:
        if machine.reload_result is MountResult.SUCCESS:
            machine.reload_result = result
        _enter_dead_or_mounted(unit, MountResult.SUCCESS, turn)
    elif machine.state is _S.CLEANING:
        if machine.clean_result is MountResult.SUCCESS:
            machine.clean_result = result
        _enter_dead(unit, MountResult.SUCCESS, turn)
    elif machine.state is _S.MOUNTING:
        if is_clean:
            turn.log(unit, LOG_WARNING, "Mount process finished, but there is no mount.")
        _enter_dead(unit, MountResult.PROTOCOL if is_clean else result, turn)
    elif machine.state is _S.MOUNTING_DONE:
        _enter_mounted(unit, result, turn)
    elif machine.state is _S.UNMOUNTING:
        _on_unmounted(unit, result, turn)
    elif machine.state in _SIGNALLED:
        _enter_dead_or_mounted(unit, result, turn)


def _on_unmounted(unit: Unit, result: MountResult, turn: Turn) -> None:
    machine = machine_of(unit)
    if machine.mounted is None:
        # Somebody else may have been quicker: then umount(8) fails, and all is as it should be.
        _enter_dead(unit, MountResult.SUCCESS if result is MountResult.EXIT_CODE else result, turn)
    elif result is not MountResult.SUCCESS:
        _enter_mounted(unit, result, turn)
    elif machine.n_unmounts < _MAX_UNMOUNTS:
        _enter_unmounting(unit, turn)
    else:
        turn.log(unit, LOG_WARNING, f"Mount still present after {_MAX_UNMOUNTS} attempts to unmount, giving up.")
        _enter_mounted(unit, MountResult.PROTOCOL, turn)


# --- the table of mounts --------------------------------------------------------------------------------------------


def on_mounts_read(world: World, event: MountsRead, turn: Turn) -> None:
    """Every mount unit hears what is mounted where it is now."""
    table = {mount.unit: mount for mount in event.mounts}
    for unit in tuple(world.graph.units.values()):
        if unit.type is not UnitType.MOUNT:
            continue
        machine = machine_of(unit)
        old, machine.mounted = machine.mounted, table.get(unit.name)
        if old is None and machine.mounted is not None:
            _order_after(world, unit)
        _on_table(unit, old, world, turn)
        end, machine.ended = machine.ended, None
        if end is not None:
            _on_ended(unit, end, turn)
        world.deadlines.touch(unit)


def _on_table(unit: Unit, old: MountPoint | None, world: World, turn: Turn) -> None:
    machine = machine_of(unit)
    is_there = machine.mounted is not None
    if is_there and machine.state in (_S.DEAD, _S.FAILED) and not unit.definition.is_perpetual:
        machine.result = machine.reload_result = MountResult.SUCCESS
        machine.is_given = world.boot_times.units_load_finish is None and not world.is_booting
        machine.is_preparing = False
        unit.invocation_id = world.next_invocation_id()
        _enter_mounted(unit, MountResult.SUCCESS, turn)
    elif is_there and machine.state is _S.MOUNTING:
        _go(unit, _S.MOUNTING_DONE, turn, settings_of(unit).timeout_usec)
    elif not is_there and machine.state is _S.MOUNTING_DONE:
        _go(unit, _S.MOUNTING, turn, settings_of(unit).timeout_usec)
    elif not is_there and machine.state is _S.MOUNTED and not unit.definition.is_perpetual:
        _enter_dead(unit, MountResult.SUCCESS, turn)
    elif old != machine.mounted:
        turn.ask(UnitChanged(unit.name))


def _order_after(world: World, unit: Unit) -> None:
    """RequiresMountsFor= of units that were loaded before it was mounted."""
    if not unit.is_loaded:
        return
    for other in tuple(world.graph.units.values()):
        for entry in mountpoint.needs(other.definition, unit.name, has_file(unit)):
            world.graph.add_dependency(other, entry)


# --- time ------------------------------------------------------------------------------------------------------------


_TIMED_OUT = {
    _S.MOUNTING: ("Mounting timed out. Terminating.", _S.UNMOUNTING_SIGTERM),
    _S.MOUNTING_DONE: ("Mounting timed out. Terminating.", _S.UNMOUNTING_SIGTERM),
    _S.REMOUNTING: ("Remounting timed out. Terminating remount process.", _S.REMOUNTING_SIGTERM),
    _S.UNMOUNTING: ("Unmounting timed out. Terminating.", _S.UNMOUNTING_SIGTERM),
    _S.CLEANING: ("Cleaning timed out. killing.", _S.UNMOUNTING_SIGKILL),
}


def on_deadline(unit: Unit, world: World, turn: Turn) -> None:
    machine = machine_of(unit)
    if machine.state_deadline_usec > turn.now.monotonic_usec:
        return
    machine.state_deadline_usec = INFINITY
    if machine.state in _TIMED_OUT:
        text, after = _TIMED_OUT[machine.state]
        turn.log(unit, LOG_WARNING, text)
        result = MountResult.TIMEOUT
        if machine.state is _S.REMOUNTING:
            machine.reload_result, result = MountResult.TIMEOUT, MountResult.SUCCESS
        elif machine.state is _S.CLEANING:
            machine.clean_result, result = MountResult.TIMEOUT, MountResult.SUCCESS
        _enter_signal(unit, after, result, turn)
    elif machine.state in _SIGKILL_AFTER:
        _on_signal_timeout(unit, turn)
    elif machine.state in _SIGNALLED:
        turn.log(unit, LOG_WARNING, "Mount process still around after SIGKILL. Ignoring.")
        _enter_dead_or_mounted(unit, MountResult.TIMEOUT, turn)


def _on_signal_timeout(unit: Unit, turn: Turn) -> None:
    """SIGTERM was not enough."""
    state = machine_of(unit).state
    assert isinstance(state, MountState)
    what = "Remounting" if state is _S.REMOUNTING_SIGTERM else "Mount process"
    result = MountResult.SUCCESS if state is _S.REMOUNTING_SIGTERM else MountResult.TIMEOUT
    if (unit.definition.kill or KillSettings()).send_sigkill:
        turn.log(unit, LOG_WARNING, f"{what} timed out. Killing.")
        _enter_signal(unit, _SIGKILL_AFTER[state], result, turn)
    else:
        turn.log(unit, LOG_WARNING, f"{what} timed out. Skipping SIGKILL. Ignoring.")
        _enter_dead_or_mounted(unit, result, turn)
