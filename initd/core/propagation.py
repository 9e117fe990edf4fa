"""What a unit's change of state means for its own job and for other units (systemd.unit(5)).

Pure verdicts: `job_verdict` says whether the unit's job has ended, `wishes_after` which jobs others get because of
it. The engine queues them. A wish is not a must: one that cannot be granted is logged and forgotten.
"""

from __future__ import annotations

from initd.core.dependency import Dependency, Facet
from initd.core.graph import Graph
from initd.core.record import Record
from initd.core.states import ActiveState, JobMode, JobResult, JobState, JobType
from initd.core.turn import StateChange
from initd.core.unit import Unit


class Wish(Record):
    """A job that follows from what happened to another unit, and why. `by` is that unit."""

    unit: str
    type: JobType
    mode: JobMode
    reason: str
    by: str = ""
    #: The unit whose OnFailure= or OnSuccess= it is.
    caller: str = ""


class JobVerdict(Record):
    """`result`: the job has ended so, or None. `is_expected`: a job explains the change, so that nobody else is to react."""

    result: JobResult | None
    is_expected: bool


def job_verdict(unit: Unit, change: StateChange) -> JobVerdict:
    """What the change says about the unit's job."""
    job = unit.job
    if job is None:
        return JobVerdict(None, False)
    if job.state is JobState.WAITING:
        # It has not asked for anything yet; a unit that comes to where it wants to be lets it end when it runs.
        return JobVerdict(None, False)
    new = change.new
    if job.type in (JobType.START, JobType.VERIFY_ACTIVE):
        return _start_verdict(new)
    if job.type is JobType.RELOAD:
        return _reload_verdict(change)
    if new.is_down:
        return JobVerdict(JobResult.DONE, True)
    if new is not ActiveState.DEACTIVATING:
        return JobVerdict(JobResult.FAILED, False)
    return JobVerdict(None, True)


def _start_verdict(new: ActiveState) -> JobVerdict:
    if new.is_up:
        return JobVerdict(JobResult.DONE, True)
    if new is ActiveState.ACTIVATING:
        return JobVerdict(None, True)
    if new.is_down:
        return JobVerdict(JobResult.FAILED if new is ActiveState.FAILED else JobResult.DONE, False)
    return JobVerdict(None, False)


def _reload_verdict(change: StateChange) -> JobVerdict:
    if change.new is ActiveState.ACTIVE:
        return JobVerdict(JobResult.FAILED if change.reload_failed else JobResult.DONE, True)
    if change.new in (ActiveState.ACTIVATING, ActiveState.RELOADING):
        return JobVerdict(None, True)
    if change.new.is_down:
        return JobVerdict(JobResult.FAILED if change.new is ActiveState.FAILED else JobResult.DONE, False)
    return JobVerdict(None, False)


def wishes_after(graph: Graph, unit: Unit, change: StateChange, is_expected: bool) -> list[Wish]:
    """The jobs that this change gives to other units."""
    wishes: list[Wish] = []
    if not is_expected:
        if change.old.is_down and change.new.is_up_or_coming:
            wishes += _retroactive_starts(graph, unit)
        elif change.old.is_up_or_coming and change.new.is_down_or_going:
            wishes += _retroactive_stops(graph, unit)
    if not change.will_restart:
        if change.new is ActiveState.FAILED and change.old is not ActiveState.FAILED:
            wishes += on_failure_wishes(unit)
        elif change.new is ActiveState.INACTIVE and not change.old.is_down:
            mode = unit.settings.on_success_job_mode
            wishes += [
                Wish(name, JobType.START, mode, f"OnSuccess= of {unit.name}", unit.name, unit.name)
                for name in unit.names_with(Facet.ON_SUCCESS)
            ]
    return wishes


def on_failure_wishes(unit: Unit) -> list[Wish]:
    mode = unit.settings.on_failure_job_mode
    return [
        Wish(name, JobType.START, mode, f"OnFailure= of {unit.name}", unit.name, unit.name)
        for name in unit.names_with(Facet.ON_FAILURE)
    ]


def _retroactive_starts(graph: Graph, unit: Unit) -> list[Wish]:
    """The unit went up without a job: what it needs follows, unless it should have come first (then it is too late)."""
    wishes = []
    after = unit.dependencies.get(Dependency.AFTER, {})
    for facet, mode in (
        (Facet.RETROACTIVE_START_REPLACE, JobMode.REPLACE),
        (Facet.RETROACTIVE_START_FAIL, JobMode.FAIL),
    ):
        for name in unit.names_with(facet):
            other = graph.units.get(name)
            if other is not None and name not in after and not other.active_state.is_up_or_coming:
                wishes.append(Wish(name, JobType.START, mode, f"{unit.name} became active", unit.name))
    for name in unit.names_with(Facet.RETROACTIVE_STOP_ON_START):
        other = graph.units.get(name)
        if other is not None and not other.active_state.is_down_or_going:
            wishes.append(Wish(name, JobType.STOP, JobMode.REPLACE, f"{unit.name} became active", unit.name))
    return wishes


def _retroactive_stops(graph: Graph, unit: Unit) -> list[Wish]:
    wishes = []
    for name in unit.names_with(Facet.RETROACTIVE_STOP_ON_STOP):
        other = graph.units.get(name)
        if other is not None and not other.active_state.is_down_or_going:
            wishes.append(Wish(name, JobType.STOP, JobMode.REPLACE, f"{unit.name} became inactive", unit.name))
    return wishes


# --- conditions that hold for as long as units are up or down --------------------------------------------------------


def standing_wish(graph: Graph, unit: Unit) -> Wish | None:
    """A job the unit gets because of how things stand now: StopWhenUnneeded=, BindsTo=, Upholds=. None while any job of
    the units concerned is still to run."""
    if unit.job is not None:
        return None
    state = unit.active_state
    if state.is_up:
        culprit = _inactive_that_binds(graph, unit)
        if culprit:
            return Wish(unit.name, JobType.STOP, JobMode.REPLACE, f"bound to unit {culprit}, which is inactive", culprit)
        if unit.settings.stop_when_unneeded and not _is_needed(graph, unit):
            return Wish(unit.name, JobType.STOP, JobMode.FAIL, "not needed anymore")
    elif state.is_down and unit.is_loaded:
        culprit = _active_that_upholds(graph, unit)
        if culprit:
            return Wish(unit.name, JobType.START, JobMode.FAIL, f"upheld by {culprit}, which is active", culprit)
    return None


def concerned_by(unit: Unit) -> list[str]:
    """The units whose standing wish may change when this unit's state or job does, the unit itself included."""
    names = [unit.name]
    for kind in (Dependency.BOUND_BY, Dependency.UPHOLDS):
        names += sorted(unit.dependencies.get(kind, ()))
    names += unit.names_with(Facet.RELEASES)
    return list(dict.fromkeys(names))


def _is_needed(graph: Graph, unit: Unit) -> bool:
    for name in unit.names_with(Facet.PINS):
        other = graph.units.get(name)
        if other is not None and (other.job is not None or not other.active_state.is_down):
            return True
    return False


def _inactive_that_binds(graph: Graph, unit: Unit) -> str:
    for name in unit.names_with(Facet.CANNOT_BE_ACTIVE_WITHOUT):
        other = graph.units.get(name)
        if other is not None and other.job is None and other.active_state.is_down:
            return name
    return ""


def _active_that_upholds(graph: Graph, unit: Unit) -> str:
    for name in unit.names_with(Facet.START_STEADILY):
        other = graph.units.get(name)
        if other is not None and other.job is None and other.active_state.is_up:
            return name
    return ""
