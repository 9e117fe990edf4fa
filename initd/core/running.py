"""A job that may run: what it asks of its unit, and how the answer ends it.

`queue` says which job is next, the unit types' modules (by `machines`) do what it asks for; conditions are looked at in
between, which is the shell's to do, so that a start may wait for an answer first.
"""

from __future__ import annotations

from initd.core import machines, mount, service
from initd.core.conditions import blamed, outcomes, verdict
from initd.core.deadlines import job_deadline
from initd.core.dependency import Dependency, Facet
from initd.core.effects import CheckConditions, Thaw, UnitChanged
from initd.core.events import ConditionsChecked
from initd.core.job import Job
from initd.core.messages import begun, title
from initd.core.states import ActiveState, JobResult, JobState, JobType, UnitType
from initd.core.turn import RESULT_OF, Outcome, Turn
from initd.core.unit import Unit
from initd.core.values import LOG_INFO, LOG_NOTICE, LOG_WARNING
from initd.core.world import World


def run_next(world: World, turn: Turn) -> bool:
    """Begin with the next job that may run; False where there is none."""
    job = world.queue.next_runnable()
    if job is None:
        return False
    unit = world.graph.units[job.unit]
    try:
        outcome = _run(world, unit, job, turn)
    except Exception:  # a bug, told by the engine: nobody waits for ever for a job that has met one
        _end_by_outcome(world, unit, job, Outcome.FAILED, turn)
        raise
    _end_by_outcome(world, unit, job, outcome, turn)
    world.deadlines.touch(unit)
    return True


def _run(world: World, unit: Unit, job: Job, turn: Turn) -> Outcome | JobResult:
    if not turn.has_run_jobs:
        # What led to the jobs is told before the first of them runs; what they do to each other is one step.
        turn.has_run_jobs = True
        for name in sorted(turn.touched):
            turn.tell(world.graph.units[name])
    job.state = JobState.RUNNING
    job.running_usec = turn.now.monotonic_usec
    return _begin(world, unit, job, turn)


def _begin(world: World, unit: Unit, job: Job, turn: Turn) -> Outcome | JobResult:
    if job.type is JobType.START:
        return _begin_start(world, unit, turn)
    if job.type is JobType.VERIFY_ACTIVE:
        if unit.active_state.is_up:
            return Outcome.ALREADY
        return Outcome.AGAIN if unit.active_state is ActiveState.ACTIVATING else JobResult.SKIPPED
    if job.type in (JobType.STOP, JobType.RESTART, JobType.TRY_RESTART):
        return _begin_stop(world, unit, job, turn)
    if job.type is JobType.RELOAD:
        return _begin_reload(world, unit, turn)
    return Outcome.ALREADY


def _begin_start(world: World, unit: Unit, turn: Turn) -> Outcome | JobResult:
    state = unit.active_state
    if state.is_up:
        return Outcome.ALREADY
    if not unit.is_loaded:
        return Outcome.FAILED
    if state is ActiveState.ACTIVATING or state is ActiveState.DEACTIVATING:
        return _start_now(world, unit, turn)
    if unit.settings.conditions or unit.settings.asserts:
        unit.is_checking_conditions = True
        turn.ask(CheckConditions(unit.name, unit.settings.conditions, unit.settings.asserts))
        return Outcome.BEGUN
    unit.condition_result = unit.assert_result = True
    unit.condition_time = unit.assert_time = turn.now
    turn.touched.add(unit.name)
    return _start_now(world, unit, turn)


def _start_now(world: World, unit: Unit, turn: Turn) -> Outcome | JobResult:
    for name in unit.names_with(Facet.CANNOT_BE_ACTIVE_WITHOUT):
        other = world.graph.units.get(name)
        if other is not None and name in unit.dependencies.get(Dependency.AFTER, ()) and not other.active_state.is_up:
            turn.log(unit, LOG_WARNING, f"Bound to unit {name}, but unit isn't active.")
            return JobResult.DEPENDENCY
    if unit.active_state.is_down:
        unit.invocation_id = world.next_invocation_id()
        if unit.type is UnitType.SERVICE:
            _announce(unit, JobType.START, turn)
        return machines.of(unit).start(unit, world, turn)
    has_processes = unit.type in (UnitType.SERVICE, UnitType.MOUNT)
    return machines.of(unit).start(unit, world, turn) if has_processes else Outcome.BEGUN


def _begin_stop(world: World, unit: Unit, job: Job, turn: Turn) -> Outcome:
    if unit.active_state.is_down:
        return Outcome.ALREADY
    is_under_way = unit.active_state is ActiveState.DEACTIVATING or unit.sub_state == "auto-restart"
    if unit.type is UnitType.SERVICE and not is_under_way:
        _announce(unit, JobType.STOP, turn)
    _thaw(unit, turn)
    return machines.of(unit).stop(unit, world, turn)


def _begin_reload(world: World, unit: Unit, turn: Turn) -> Outcome | JobResult:
    state = unit.active_state
    if state is ActiveState.RELOADING:
        return Outcome.AGAIN
    if state is not ActiveState.ACTIVE:
        turn.log(unit, LOG_WARNING, "Unit cannot be reloaded because it is inactive.")
        return JobResult.INVALID
    if unit.type is UnitType.MOUNT:
        return mount.reload(unit, turn)
    if unit.type is not UnitType.SERVICE or not service.can_reload(unit):
        return Outcome.ALREADY  # only its PropagatesReloadTo= mattered
    _announce(unit, JobType.RELOAD, turn)
    _thaw(unit, turn)
    return service.reload(unit, turn)


def _thaw(unit: Unit, turn: Turn) -> None:
    """Who is to stop or to reload must be able to hear of it. Signals alone thaw nobody (tried with systemd 252)."""
    if unit.is_prepared:
        turn.ask(Thaw(unit.name, unit.cgroup))


def _announce(unit: Unit, job_type: JobType, turn: Turn) -> None:
    message = begun(unit, job_type)
    if message is not None:
        text, message_id = message
        turn.announce(unit, text, LOG_INFO, MESSAGE_ID=message_id, JOB_TYPE=job_type.value)


def _end_by_outcome(world: World, unit: Unit, job: Job, outcome: Outcome | JobResult, turn: Turn) -> None:
    if unit.job is not job or outcome is Outcome.BEGUN:
        return
    if outcome is Outcome.AGAIN:
        world.queue.put_back(job)
    elif isinstance(outcome, JobResult):
        world.queue.finish(job, outcome, turn)
    else:
        is_quiet = outcome is Outcome.ALREADY
        world.queue.finish(job, RESULT_OF[outcome], turn, quiet=is_quiet)
    world.consider_standing(unit)


def end_settled(world: World, turn: Turn) -> None:
    """A bug may have come between the end of what a job asked for and the job's."""
    for job in list(world.queue.jobs.values()):
        unit = world.graph.units[job.unit]
        is_there = unit.active_state.is_down if job.type is JobType.STOP else unit.active_state.is_up
        if job.state is JobState.RUNNING and job.type in (JobType.START, JobType.STOP) and is_there:
            world.queue.finish(job, JobResult.DONE, turn)


def check_timeout(world: World, unit: Unit, turn: Turn) -> bool:
    """End the unit's job where its time is over (systemd.unit(5), JobTimeoutSec=)."""
    job = unit.job
    if job is None or job_deadline(unit, job) > turn.now.monotonic_usec:
        return False
    turn.log(unit, LOG_WARNING, f"Job {unit.name}/{job.type.value} timed out.")
    world.queue.finish(job, JobResult.TIMEOUT, turn)
    return True


def on_conditions_checked(world: World, event: ConditionsChecked, turn: Turn) -> None:
    """The answer a start was waiting for."""
    unit = world.graph.units.get(event.unit)
    if unit is None or not unit.is_checking_conditions:
        return
    unit.is_checking_conditions = False
    conditions, asserts = unit.settings.conditions, unit.settings.asserts
    unit.condition_time = turn.now
    unit.condition_result = bool(verdict(conditions, event.conditions))
    unit.condition_outcomes = outcomes(conditions, event.conditions)
    unit.unmet = "" if unit.condition_result else blamed(conditions, unit.condition_outcomes)
    if unit.condition_result:
        unit.assert_time = turn.now
        unit.assert_result = bool(verdict(asserts, event.asserts))
        unit.assert_outcomes = outcomes(asserts, event.asserts)
    turn.ask(UnitChanged(unit.name))
    turn.touched.add(unit.name)
    job = unit.job
    if job is None or job.type is not JobType.START or job.state is not JobState.RUNNING:
        return
    outcome: Outcome | JobResult
    if not unit.condition_result:
        reason = f"of an unmet condition check ({unit.unmet})" if unit.unmet else "no trigger condition checks were met"
        turn.announce(unit, f"{title(unit)} was skipped because {reason}.", LOG_INFO)
        outcome = Outcome.ALREADY
    elif not unit.assert_result:
        turn.log(unit, LOG_NOTICE, "Starting requested but asserts failed.")
        outcome = JobResult.ASSERT
    else:
        outcome = _start_now(world, unit, turn)
    _end_by_outcome(world, unit, job, outcome, turn)
    world.deadlines.touch(unit)
