"""The job queue: which jobs are installed, which may run now, and what the end of one does to the others.

A job waits until no ordered unit has a job that goes first (`core.order`). Running a job is asking the unit's type
module to start, stop or reload; its end comes from a state change, a timeout or a failed dependency. Plans come from
`core.transaction`. This module does not know unit types: `engine` hands it the function that runs a job.
"""

from __future__ import annotations

from collections import OrderedDict

from initd.core.dependency import Facet
from initd.core.effects import JobAdded, JobRemoved, UnitChanged
from initd.core.graph import Graph
from initd.core.job import UNKNOWN, Asked, Cause, Job, is_conflicting, is_superset, merge_and_collapse
from initd.core.messages import ended
from initd.core.order import compare_order
from initd.core.states import ActiveState, JobResult, JobState, JobType
from initd.core.transaction import Plan, PlannedJob
from initd.core.turn import Turn
from initd.core.unit import Unit
from initd.core.values import INFINITY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator

#: Types that may be merged into a job that is running already (it does what they ask for).
_LATE_MERGE = (JobType.START, JobType.VERIFY_ACTIVE, JobType.STOP, JobType.RESTART)

#: So many transactions, and twice as many as units tell of, are remembered before the others are forgotten.
_MANY = 64

#: Results that make a job one of NFailedJobs.
_FAILURES = (JobResult.FAILED, JobResult.TIMEOUT, JobResult.DEPENDENCY)


class JobQueue:
    """`jobs` by id; every job is also its unit's `job`. `runnable` names the units whose job is to be looked at."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.jobs: dict[int, Job] = {}
        self.runnable: OrderedDict[str, None] = OrderedDict()
        self.next_id = 1
        #: All that were ever installed, and those of them that failed.
        self.installed = self.failed = 0
        #: Ended start jobs that were not successful (timeout, dependency): OnFailure= is theirs too.
        self.failed_starts: list[str] = []
        #: What jobs were queued for, by number: as long as a unit is there that has or had such a job.
        self.asked: dict[int, Asked] = {}
        #: What is known of the last units that were unloaded: unit → its last job, how its main process had ended, and the
        #: condition that was not met.
        self.departed: dict[str, tuple[Job, object, str]] = {}
        self._is_many = _MANY

    # --- installing --------------------------------------------------------------------------------------------

    def install(self, plan: Plan, turn: Turn, cause: Cause = UNKNOWN, before: int = 0) -> Job | None:
        """Put a plan in force. The anchor's job, or None if it was superseded at once."""
        asked = self.next_id
        self.asked[asked] = Asked(cause, plan.anchor.unit, plan.anchor.type, turn.now, before)
        if len(self.asked) > self._is_many:
            self._forget_asked(asked, before)
        if plan.cancels_others:
            planned = {job.unit for job in plan.jobs}
            for job in sorted(self.jobs.values(), key=lambda job: job.id):
                if job.unit not in planned and job.id in self.jobs:
                    self.finish(job, JobResult.CANCELED, turn, recursive=False)
        for planned_job in plan.jobs:
            self._install_one(planned_job, plan, asked, turn)
        return self.graph.units[plan.anchor.unit].job

    def _forget_asked(self, *kept: int) -> None:
        """What no unit is left to tell of. Often enough to stay small, and too seldom to cost something."""
        known = {0, *kept}
        jobs = [job for unit in self.graph.units.values() for job in (unit.job, unit.last_job)]
        for job in (*jobs, *[job for job, _, _ in self.departed.values()]):
            if job is not None and job.asked in self.asked:
                known |= {job.asked, self.asked[job.asked].before}
        self.asked = {number: each for number, each in self.asked.items() if number in known}
        self._is_many = 2 * len(self.asked) + _MANY

    def remember(self, unit: Unit) -> None:
        """The unit is unloaded: whoever asks what became of it is to hear."""
        if unit.last_job is not None:
            self.departed.pop(unit.name, None)
            self.departed[unit.name] = (unit.last_job, getattr(unit.machine, "last_main", None), unit.unmet)
            if len(self.departed) > _MANY:
                del self.departed[next(iter(self.departed))]

    def _install_one(self, planned: PlannedJob, plan: Plan, asked: int, turn: Turn) -> None:
        unit = self.graph.units[planned.unit]
        queued = unit.job
        if queued is not None and is_conflicting(queued.type, planned.type):
            self.finish(queued, JobResult.CANCELED, turn, recursive=False)
            queued = unit.job
        if queued is not None:
            before = queued.type
            self._merge_into(queued, planned.type, unit)
            if queued.type is not before:
                queued.asked, queued.by = asked, planned.by
            queued.is_irreversible |= plan.is_irreversible
            queued.ignores_order |= plan.ignores_order
            return
        job = Job(self.next_id, unit.name, planned.type, turn.now.monotonic_usec, asked, planned.by)
        self.next_id += 1
        self.installed += 1
        job.is_irreversible = plan.is_irreversible
        job.ignores_order = plan.ignores_order
        self.jobs[job.id] = unit.job = job
        self.runnable[unit.name] = None
        turn.ask(JobAdded(job.id, unit.name, planned.type.value))
        turn.ask(UnitChanged(unit.name))
        turn.touched.add(unit.name)

    def _merge_into(self, queued: Job, job_type: JobType, unit: Unit) -> None:
        if queued.state is JobState.RUNNING and not (job_type in _LATE_MERGE and is_superset(queued.type, job_type)):
            # What runs does not cover what is asked for: it has to run once more, as what serves both.
            queued.state = JobState.WAITING
            queued.running_usec = INFINITY
        merged = merge_and_collapse(queued.type, job_type, unit.active_state)
        if queued.state is JobState.WAITING and merged is not None:
            queued.type = merged
            self.runnable[unit.name] = None

    def pass_anchor(self, unit: Unit, turn: Turn) -> None:
        """The anchor of jobs that a unit gives to others (a nop job, for systemd): clients see it come and go."""
        turn.ask(JobAdded(self.next_id, unit.name, "nop"))
        turn.ask(JobRemoved(self.next_id, unit.name, JobResult.DONE))
        self.next_id += 1

    # --- running -----------------------------------------------------------------------------------------------

    def next_runnable(self) -> Job | None:
        """Takes the next job that may run now off the list, marking it running."""
        while self.runnable:
            name, _ = self.runnable.popitem(last=False)
            unit = self.graph.units.get(name)
            job = unit.job if unit is not None else None
            if unit is not None and job is not None and job.state is JobState.WAITING and self.may_run(job, unit):
                return job
        return None

    def may_run(self, job: Job, unit: Unit) -> bool:
        """No job of an ordered unit has to go first."""
        if job.ignores_order:
            return True
        if job.waits_for and self._goes_first(job, unit, *job.waits_for):
            return False  # as when it was last asked: a target may have a thousand to wait for, and is asked behind each
        job.waits_for = next(self._ahead(job, unit, last_first=True), ())
        return not job.waits_for

    def waits_for(self, job: Job, unit: Unit) -> list[Job]:
        """The jobs that have to end before this one may run."""
        units = self.graph.units
        return [other for _, name in self._ahead(job, unit) if (other := units[name].job) is not None]

    def _ahead(self, job: Job, unit: Unit, last_first: bool = False) -> Iterator[tuple[Facet, str]]:
        """Units whose jobs go first, and why. Jobs run in the order of names: the last of these is likely to end last."""
        for facet in (Facet.AFTER, Facet.BEFORE):
            names = unit.names_with(facet)
            for name in reversed(names) if last_first else names:
                if self._goes_first(job, unit, facet, name):
                    yield facet, name

    def _goes_first(self, job: Job, unit: Unit, facet: Facet, name: str) -> bool:
        """Has that unit a job that must end before this one may run?"""
        other = self.graph.units.get(name)
        if other is None or other.job is None or other.job.ignores_order or not unit.has(facet, name):
            return False
        return compare_order(job.type, other.job.type, facet is Facet.BEFORE) > 0

    def put_back(self, job: Job) -> None:
        """The job could not run now; it is looked at again when its unit's state changes."""
        job.state = JobState.WAITING
        job.running_usec = INFINITY

    # --- ending ------------------------------------------------------------------------------------------------

    def finish(self, job: Job, result: JobResult, turn: Turn, recursive: bool = True, quiet: bool = False) -> None:
        """End a job. With `recursive`, jobs that cannot do without it fail with it (systemd.unit(5), Requires=)."""
        pending = [(job, result)]
        while pending:
            current, current_result = pending.pop(0)
            unit = self.graph.units[current.unit]
            if unit.job is not current:
                continue
            self._log_end(unit, current, current_result, turn, quiet)
            if current_result is JobResult.DONE and current.type is JobType.RESTART:
                # The first half is done; the same job goes on as a start.
                current.type = JobType.START
                current.state = JobState.WAITING
                current.running_usec = INFINITY
                self.runnable[unit.name] = None
                self._wake_ordered(unit)
                continue
            self._remove(unit, current, current_result, turn)
            if recursive:
                for failed in self._jobs_to_fail(unit, current, current_result):
                    failed.failed_by = unit.name
                    pending.append((failed, JobResult.DEPENDENCY))
            if current_result in (JobResult.TIMEOUT, JobResult.DEPENDENCY) and current.type is JobType.START:
                self.failed_starts.append(unit.name)
            self._wake_ordered(unit)

    def _log_end(self, unit: Unit, job: Job, result: JobResult, turn: Turn, quiet: bool) -> None:
        message = None if quiet else ended(unit, job.type, result)
        if message is not None:
            priority, text, message_id = message
            turn.announce(
                unit, text, priority, MESSAGE_ID=message_id, JOB_TYPE=job.type.value, JOB_RESULT=result.value
            )
            if result is JobResult.DEPENDENCY:
                turn.log(unit, priority, f"Job {unit.name}/{job.type.value} failed with result 'dependency'.")

    def _remove(self, unit: Unit, job: Job, result: JobResult, turn: Turn) -> None:
        turn.tell(unit)  # with its job, still
        unit.job = None
        if job.type is not JobType.RELOAD and job.type is not JobType.VERIFY_ACTIVE:
            unit.last_job = job
        job.result, job.ended = result, turn.now
        del self.jobs[job.id]
        self.failed += result in _FAILURES
        self.runnable.pop(unit.name, None)
        turn.ask(JobRemoved(job.id, unit.name, result))
        turn.ask(UnitChanged(unit.name))
        turn.job_ends.append(unit.name)

    def _jobs_to_fail(self, unit: Unit, job: Job, result: JobResult) -> list[Job]:
        facets: list[Facet] = []
        if job.type in (JobType.START, JobType.VERIFY_ACTIVE):
            if result is not JobResult.DONE:
                facets.append(Facet.PROPAGATE_START_FAILURE)
            elif not unit.active_state.is_up and unit.active_state is not ActiveState.ACTIVATING:
                facets.append(Facet.PROPAGATE_INACTIVE_START_AS_FAILURE)
        elif job.type is JobType.STOP and result is not JobResult.DONE:
            facets.append(Facet.PROPAGATE_STOP_FAILURE)
        failed = []
        for facet in facets:
            for name in unit.names_with(facet):
                other = self.graph.units.get(name)
                if other is not None and other.job is not None:
                    if other.job.type in (JobType.START, JobType.VERIFY_ACTIVE):
                        failed.append(other.job)
        return failed

    def _wake_ordered(self, unit: Unit) -> None:
        """Whoever waited for this unit's job may be able to run now."""
        for facet in (Facet.AFTER, Facet.BEFORE):
            for name in unit.names_with(facet):
                other = self.graph.units.get(name)
                if other is not None and other.job is not None and other.job.state is JobState.WAITING:
                    self.runnable[name] = None
