"""What a change of state, or the end of a job, leads to elsewhere: jobs for other units, actions, the container's end.

`propagation` has the verdicts; here they are put in force. Standing wishes (BindsTo=, Upholds=, StopWhenUnneeded=) hold at
all times: units for which one may have come true wait in `World.standing`.
"""

from __future__ import annotations

from initd.core import machines, propagation, service, socket
from initd.core.busnames import is_of_bus
from initd.core.dependency import Dependency
from initd.core.effects import UnitChanged
from initd.core.job import Cause
from initd.core.messages import ID_RESTART_SCHEDULED
from initd.core.service_record import ServiceMachine
from initd.core.shutdown import ACTIONS, Stage
from initd.core.states import ActiveState, EmergencyAction, JobMode, JobState, JobType
from initd.core.transaction import Refusal
from initd.core.turn import AutomaticRestart, StateChange, Turn
from initd.core.unit import Unit
from initd.core.values import LOG_INFO, LOG_NOTICE, LOG_WARNING, Now
from initd.core.world import World

#: How often BindsTo=, Upholds= and StopWhenUnneeded= may give one unit a job.
_WISH_INTERVAL_USEC, _WISH_BURST = 10_000_000, 16


def on_change(world: World, change: StateChange, turn: Turn) -> None:
    """The unit's own job first, then everybody else."""
    unit = world.graph.units.get(change.unit)
    if unit is None:
        return
    world.may_hold_garbage |= change.new.is_down and not world.graph.is_kept(unit)
    if change.new.is_down and unit.called_by:
        # A unit that called this one, and was unloaded since, counted until now.
        unit.called_by = {name: told for name, told in unit.called_by.items() if name in world.graph.units}
    _note_times(unit, change, turn.now)
    turn.ask(UnitChanged(unit.name))
    verdict = propagation.job_verdict(unit, change)
    job = unit.job
    if verdict.result is not None and job is not None:
        world.queue.finish(job, verdict.result, turn)
    elif job is not None and job.state is JobState.WAITING:
        world.queue.runnable[unit.name] = None
    if is_of_bus(unit):
        world.bus_names.recheck(world.graph, turn)
    for wish in propagation.wishes_after(world.graph, unit, change, verdict.is_expected):
        world.grant(wish, turn)
    _act_on_end(world, unit, change, turn)
    _tell_triggers(world, unit, turn)
    world.consider_standing(unit)
    world.deadlines.touch(unit)


def _tell_triggers(world: World, unit: Unit, turn: Turn) -> None:
    """Timers, sockets and paths hear of what they start."""
    for name in sorted(unit.dependencies.get(Dependency.TRIGGERED_BY, ())):
        other = world.graph.units.get(name)
        if other is not None and other.type in machines.TRIGGERS:
            machines.TRIGGERS[other.type].on_other_changed(other, unit, world, turn)
            world.deadlines.touch(other)
    if unit.connection and unit.active_state.is_down and unit.job is None:
        listener = world.graph.units.get(unit.connection_of)
        if listener is not None:
            socket.on_connection_over(listener, unit, turn)


def on_job_end(world: World, name: str, turn: Turn) -> None:
    """What was started and is down all the same (a condition was not met, a dependency has failed) is waited for no more."""
    unit = world.graph.units.get(name)
    if unit is not None and unit.job is None and unit.active_state.is_down and Dependency.TRIGGERED_BY in unit.dependencies:
        _tell_triggers(world, unit, turn)


def on_failed_start(world: World, name: str, turn: Turn) -> None:
    """OnFailure= of a unit whose start job has failed while it was not even tried."""
    for wish in propagation.on_failure_wishes(world.graph.units[name]):
        world.grant(wish, turn)


def _act_on_end(world: World, unit: Unit, change: StateChange, turn: Turn) -> None:
    """SuccessAction=, FailureAction=, and the end of the foreground command (systemd.unit(5))."""
    if change.will_restart or change.old.is_down or not change.new.is_down:
        return
    settings = unit.settings
    failed = change.new is ActiveState.FAILED
    if unit.name == world.foreground:
        world.request_exit("exit", Stage.STOPPING, _exit_code(unit, foreground=True), turn, "the command has ended")
    action = settings.failure_action if failed else settings.success_action
    status = settings.failure_action_exit_status if failed else settings.success_action_exit_status
    reason = f"unit {unit.name} {'failed' if failed else 'succeeded'}"
    act(world, action, status if status >= 0 else _exit_code(unit), reason, turn)


def act(world: World, action: EmergencyAction, exit_code: int | None, reason: str, turn: Turn) -> None:
    """Carry out a …Action= (systemd.unit(5))."""
    if action is EmergencyAction.NONE:
        return
    if not turn.heeds_watchdogs:
        turn.log(None, LOG_WARNING, f"Watchdog disabled! Not acting on: {reason}.")
        return
    verb, stage = ACTIONS[action]
    if world.shutdown.stage in (Stage.NONE, Stage.STOPPING):
        turn.log(None, LOG_NOTICE, f"Action {action.value}: {reason}.")
    wants_code = verb == "exit" and not world.was_exit_code_set
    world.request_exit(verb, stage, exit_code if wants_code else None, turn, f"{reason} ({action.value})")


def on_automatic_restart(world: World, restart: AutomaticRestart, turn: Turn) -> None:
    """RestartSec= is over: a restart job, as anybody else would get one."""
    unit = world.graph.units[restart.unit]
    machine = unit.machine
    assert isinstance(machine, ServiceMachine)
    if unit.is_stop_pending():
        turn.log(unit, LOG_INFO, "Stop job pending for unit, skipping automatic restart.")
        return
    machine.n_restarts += 1
    turn.touched.add(unit.name)
    machine.forget_restarts = False
    turn.announce(
        unit, f"{unit.name}: Scheduled restart job, restart counter is at {machine.n_restarts}.", LOG_INFO,
        MESSAGE_ID=ID_RESTART_SCHEDULED, N_RESTARTS=str(machine.n_restarts),
    )
    last = world.queue.asked.get(unit.last_job.asked) if unit.last_job is not None else None
    before = 0 if unit.last_job is None or last is None else last.before or unit.last_job.asked
    cause = Cause("restart", unit.name, restart.result.value)
    outcome = world.enqueue(unit, JobType.RESTART, JobMode.REPLACE, turn, cause, before)
    if isinstance(outcome, Refusal):
        turn.log(unit, LOG_WARNING, f"Failed to schedule restart job: {outcome.text}")
        service.stop(unit, world, turn)


def propagate_reload(world: World, name: str, turn: Turn) -> None:
    """PropagatesReloadTo= (systemd.unit(5))."""
    unit = world.graph.units[name]
    world.queue.pass_anchor(unit, turn)
    for other in sorted(unit.dependencies.get(Dependency.PROPAGATES_RELOAD_TO, ())):
        world.grant(
            propagation.Wish(other, JobType.TRY_RELOAD, JobMode.FAIL, f"{name} is reloading", name), turn
        )


def grant_standing_wish(world: World, turn: Turn) -> bool:
    """BindsTo=, Upholds= and StopWhenUnneeded= hold at all times, not only at the moment of a job."""
    if world.shutdown.stage is not Stage.NONE:
        world.standing.clear()
    while world.standing:
        name = next(iter(world.standing))
        del world.standing[name]
        unit = world.graph.units.get(name)
        wish = propagation.standing_wish(world.graph, unit) if unit is not None else None
        if wish is not None and unit is not None and _may_repeat(unit, wish, turn):
            world.grant(wish, turn)
            return True
    return False


def _may_repeat(unit: Unit, wish: propagation.Wish, turn: Turn) -> bool:
    """A wish that comes again and again to no effect is not granted any more (systemd: 16 times in 10 s)."""
    now_usec = turn.now.monotonic_usec
    if unit.wish_limit.is_within(_WISH_INTERVAL_USEC, _WISH_BURST, now_usec):
        return True
    if unit.wish_limit.count == _WISH_BURST + 1:
        text = f"{wish.reason}, but not queueing a {wish.type.value} job since we tried this too often recently."
        turn.log(unit, LOG_WARNING, text[0].upper() + text[1:])
    return False


def _note_times(unit: Unit, change: StateChange, now: Now) -> None:
    """The five time stamps that `systemctl show` prints (org.freedesktop.systemd1(5))."""
    unit.state_change_time = now
    if change.old.is_down and not change.new.is_down:
        unit.inactive_exit_time = now
    elif not change.old.is_down and change.new.is_down:
        unit.inactive_enter_time = now
    if not change.old.is_up and change.new.is_up:
        unit.active_enter_time = now
    elif change.old.is_up and not change.new.is_up:
        unit.active_exit_time = now


def _exit_code(unit: Unit, foreground: bool = False) -> int | None:
    """What the end of this unit's main process makes of the container's exit code: its status. Killed by a signal, a
    foreground command gives 128+n, as a shell does, a unit that failed 255, and one that was stopped cleanly 0."""
    last = getattr(unit.machine, "last_main", None)
    if last is None or last.end is None:
        return None
    if last.end.code == "exited":
        return int(last.end.status)
    if foreground:
        return 128 + int(last.end.status)
    # As recorded of systemd 252 (conformance/services/actions.json).
    return 255 if unit.active_state is ActiveState.FAILED else 0
