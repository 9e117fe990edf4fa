"""What one request would do to the job queue: a plan, or a refusal told as a story. Nothing has changed yet.

A transaction starts with one job, the anchor, and grows by what the anchor's unit requires, wants and conflicts with.
It is then made consistent, in this order (systemd.unit(5), Requires= ff.; systemctl(1), --job-mode=):

1. jobs that the anchor cannot do without are marked: they *matter*;
2. in mode `fail`, jobs that would stop something and do not matter are dropped;
3. jobs that would change nothing are dropped;
4. a cycle in the order is broken by dropping a job that does not matter; if all matter, refused;
5. jobs for the same unit are merged; where they contradict each other, one that does not matter goes; if both matter, refused;
6. a plan that would undo a job already queued is refused, where the mode or that job forbids it.

Whatever nobody needs any more after a drop goes too. `Plan` says what to install; `core.queue` installs it.
"""

from __future__ import annotations

from initd.core.dependency import Facet
from initd.core.graph import Graph
from initd.core.job import collapse, is_conflicting, is_redundant, merge, merge_and_collapse
from initd.core.order import compare_order
from initd.core.record import Record
from initd.core.states import JobMode, JobType, LoadState
from initd.core.unit import Unit
from initd.core.values import LOG_ERR, LOG_WARNING, Diagnostic

_ERROR = "org.freedesktop.systemd1."


class Refusal(Record):
    """Why a request cannot be carried out: a D-Bus error name, the sentence systemctl prints, and the story behind it."""

    error: str
    text: str
    story: tuple[Diagnostic, ...] = ()


class PlannedJob(Record):
    """`by`: the unit whose job has brought it along, "" for the anchor."""

    unit: str
    type: JobType
    by: str = ""


class Plan(Record):
    """What to install, in a defined order, the anchor first. `dropped` says what was left out and why."""

    anchor: PlannedJob
    jobs: tuple[PlannedJob, ...]
    is_irreversible: bool = False
    ignores_order: bool = False
    #: Every queued job for a unit without a job in the plan is cancelled (isolate, flush).
    cancels_others: bool = False
    story: tuple[Diagnostic, ...] = ()


class _Refused(Exception):
    """Carries a Refusal out of the recursion; never leaves this module."""

    def __init__(self, refusal: Refusal) -> None:
        self.refusal = refusal


class _NotApplicable(_Refused):
    """The job type makes no sense for the unit; a dependency that leads there is passed over."""


class _Tentative:
    """A job under consideration. `needed_by` and `needs` are links (other, matters, conflicts)."""

    __slots__ = ("unit", "type", "needs", "needed_by", "matters")

    def __init__(self, unit: Unit, job_type: JobType) -> None:
        self.unit = unit
        self.type = job_type
        self.needs: list[_Link] = []
        self.needed_by: list[_Link] = []
        self.matters = False

    def __str__(self) -> str:
        return f"{self.unit.name}/{self.type.value}"


class _Link:
    """`subject` wants `object`; the anchor has a link without a subject."""

    __slots__ = ("subject", "object", "matters", "conflicts")

    def __init__(self, subject: _Tentative | None, obj: _Tentative, matters: bool, conflicts: bool) -> None:
        self.subject = subject
        self.object = obj
        self.matters = matters
        self.conflicts = conflicts


def plan_job(graph: Graph, unit: Unit, job_type: JobType, mode: JobMode) -> Plan | Refusal:
    """The jobs that bring `unit` where `job_type` says, or why that cannot be.

    Every unit that the request can reach must be in the graph already. Jobs that are queued now are read from their
    units. The same request on the same state gives the same plan.
    """
    builder = _Builder(graph, mode)
    try:
        return builder.build(unit, job_type)
    except _Refused as refused:
        story = tuple(builder.story) + refused.refusal.story
        return refused.refusal.replace(story=story)
    finally:
        builder.forget()


class _Builder:
    """One transaction in the making."""

    def __init__(self, graph: Graph, mode: JobMode) -> None:
        self.graph = graph
        self.mode = mode
        self.jobs: dict[str, list[_Tentative]] = {}
        self.story: list[Diagnostic] = []
        self.anchor: _Tentative | None = None

    def build(self, unit: Unit, job_type: JobType) -> Plan | Refusal:
        ignores = self.mode is JobMode.IGNORE_DEPENDENCIES
        self._check_mode(unit, job_type)
        job_type = collapse(job_type, unit.active_state)
        self.anchor = self.add(job_type, unit, None, True, False, ignores or self.mode is JobMode.IGNORE_REQUIREMENTS)
        if self.mode is JobMode.ISOLATE:
            self._add_isolating_stops()
        if self.mode is JobMode.TRIGGERING:
            self._add_triggering_stops(unit)
        self._mark_what_matters()
        if self.mode is JobMode.FAIL:
            self._minimize_impact()
        self._drop_redundant()
        self._break_cycles()
        has_several = any(len(jobs) > 1 for jobs in self.jobs.values())
        while not self._merge_once():
            self._collect_garbage()
        if has_several:
            # As long as a unit had a stop and a start that did not contradict yet, only one of them was looked at.
            self._break_cycles()
        self._drop_redundant()
        self._check_destructive()
        return self._as_plan(ignores)

    def forget(self) -> None:
        """Jobs and links hold each other: so they are gone at once, and not when somebody looks for such circles."""
        for jobs in self.jobs.values():
            for job in jobs:
                job.needs.clear()
                job.needed_by.clear()

    # --- growing ---------------------------------------------------------------------------------------------

    def add(
        self, job_type: JobType, unit: Unit, by: _Tentative | None, matters: bool, conflicts: bool, alone: bool = False
    ) -> _Tentative:
        """The job for this unit, with all it leads to. Raises _Refused where it cannot be."""
        _check_loaded(unit, job_type)
        if not is_applicable(unit, job_type):
            text = f"Job type {job_type.value} is not applicable for unit {unit.name}."
            raise _NotApplicable(Refusal(_ERROR + "JobTypeNotApplicable", text))
        known = self._find(unit, job_type)
        job = known
        if job is None:
            job = _Tentative(unit, job_type)
            self.jobs.setdefault(unit.name, []).append(job)
        link = _Link(by, job, matters, conflicts)
        job.needed_by.append(link)
        if by is not None:
            by.needs.append(link)
        if known is None and not alone and job_type is not JobType.NOP:
            try:
                self._add_dependencies(job)
            except _Refused:
                self._delete(job)
                raise
        return job

    def _find(self, unit: Unit, job_type: JobType) -> _Tentative | None:
        for job in self.jobs.get(unit.name, ()):
            if job.type is job_type:
                return job
        return None

    def _add_dependencies(self, job: _Tentative) -> None:
        unit = job.unit
        if job.type in (JobType.START, JobType.RESTART):
            self._pull_in(job, Facet.PULL_IN_START, JobType.START, True)
            self._pull_in(job, Facet.PULL_IN_START_IGNORED, JobType.START, False)
            self._pull_in(job, Facet.PULL_IN_VERIFY, JobType.VERIFY_ACTIVE, True)
            self._pull_in(job, Facet.PULL_IN_STOP, JobType.STOP, True, conflicts=True)
            self._pull_in(job, Facet.PULL_IN_STOP_IGNORED, JobType.STOP, False)
        if job.type is JobType.STOP:
            for other in self._others(unit, Facet.PROPAGATE_STOP):
                self._propagate(job, other, JobType.STOP)
        if job.type is JobType.RESTART:
            for other in self._others(unit, Facet.PROPAGATE_RESTART):
                self._propagate(job, other, collapse(JobType.TRY_RESTART, other.active_state))
        if job.type is JobType.RELOAD:
            for other in self._others(unit, Facet.PROPAGATE_RELOAD):
                nested = collapse(JobType.TRY_RELOAD, other.active_state)
                if nested is not JobType.NOP:
                    self._try_add(job, nested, other, f"Cannot add dependency reload job for unit {other.name}")

    def _others(self, unit: Unit, facet: Facet) -> list[Unit]:
        return [self.graph.units[name] for name in unit.names_with(facet) if name in self.graph.units]

    def _pull_in(
        self, job: _Tentative, facet: Facet, job_type: JobType, matters: bool, conflicts: bool = False
    ) -> None:
        for other in self._others(job.unit, facet):
            if not matters:
                self._try_add(job, job_type, other, f"Cannot add dependency job for unit {other.name}")
                continue
            try:
                self.add(job_type, other, job, True, conflicts)
            except _NotApplicable:
                continue
            except _Refused:
                if not conflicts or other.load_state is not LoadState.NOT_FOUND:
                    raise

    def _propagate(self, job: _Tentative, other: Unit, job_type: JobType) -> None:
        if job_type is JobType.NOP:
            return
        try:
            self.add(job_type, other, job, True, False)
        except _NotApplicable:
            return  # what cannot be stopped or restarted does not keep the others from it

    def _try_add(self, job: _Tentative, job_type: JobType, other: Unit, prefix: str) -> None:
        try:
            self.add(job_type, other, job, False, False)
        except _Refused as refused:
            # A wish that cannot be granted; systemd says so only where the unit exists and is broken.
            if other.load_state not in (LoadState.NOT_FOUND, LoadState.MASKED) and not isinstance(
                refused, _NotApplicable
            ):
                self._tell(LOG_WARNING, other.name, f"{prefix}, ignoring: {refused.refusal.text}")

    def _add_isolating_stops(self) -> None:
        for name in sorted(self.graph.units):
            unit = self.graph.units[name]
            if unit.settings.ignore_on_isolate or unit.name in self.jobs:
                continue
            if unit.active_state.is_down and unit.job is None:
                continue
            self._try_isolate(unit)

    def _try_isolate(self, unit: Unit) -> None:
        try:
            self.add(JobType.STOP, unit, self.anchor, True, False)
        except _NotApplicable:
            return  # perpetual units stay
        except _Refused as refused:
            self._tell(LOG_WARNING, unit.name, f"Cannot add isolate job, ignoring: {refused.refusal.text}")

    def _add_triggering_stops(self, unit: Unit) -> None:
        for other in self._others(unit, Facet.TRIGGERED_BY):
            if not other.active_state.is_down:
                self._try_isolate(other)

    # --- making it consistent -----------------------------------------------------------------------------------

    def _all(self) -> list[_Tentative]:
        return [job for jobs in self.jobs.values() for job in jobs]

    def _mark_what_matters(self) -> None:
        assert self.anchor is not None
        for job in self._all():
            job.matters = False
        pending = [self.anchor]
        while pending:
            job = pending.pop()
            if not job.matters:
                job.matters = True
                pending.extend(link.object for link in job.needs if link.matters)

    def _minimize_impact(self) -> None:
        """Drop what would stop a running unit or turn a queued job around, unless the anchor needs it."""
        again = True
        while again:
            again = False
            for job in self._all():
                if job.matters:
                    continue
                stops_running = job.type is JobType.STOP and job.unit.active_state.is_up_or_coming
                turns_job = job.unit.job is not None and is_conflicting(job.type, job.unit.job.type)
                if stops_running or turns_job:
                    self._delete(job)
                    again = True
                    break

    def _drop_redundant(self) -> None:
        for name in sorted(self.jobs):
            if all(self._is_redundant(job) for job in self.jobs.get(name, ())):
                for job in list(self.jobs.get(name, ())):
                    self._delete(job, with_dependents=False)

    def _is_redundant(self, job: _Tentative) -> bool:
        if job is self.anchor or not is_redundant(job.type, job.unit.active_state):
            return False
        return job.unit.job is None or not is_conflicting(job.type, job.unit.job.type)

    def _collect_garbage(self) -> None:
        """Drop jobs that nobody asks for any more."""
        pending = self._all()
        while pending:
            job = pending.pop()
            if job is self.anchor or job.needed_by or job not in self.jobs.get(job.unit.name, ()):
                continue
            lost = [link.object for link in job.needs]
            self._delete(job)
            pending.extend(lost)

    def _delete(self, job: _Tentative, with_dependents: bool = True) -> None:
        """Take a job out; with it, unless told otherwise, every job that cannot do without it."""
        jobs = self.jobs.get(job.unit.name, [])
        if job not in jobs:
            return
        jobs.remove(job)
        if not jobs:
            del self.jobs[job.unit.name]
        needed_by, job.needed_by = job.needed_by, []
        needs, job.needs = job.needs, []
        for link in needs:
            if link in link.object.needed_by:
                link.object.needed_by.remove(link)
        for link in needed_by:
            if link.subject is not None and link in link.subject.needs:
                link.subject.needs.remove(link)
            if with_dependents and link.matters and link.subject is not None:
                self._delete(link.subject)

    def _break_cycles(self) -> None:
        if self.mode is JobMode.IGNORE_DEPENDENCIES:
            return
        while True:
            if self.mode is not JobMode.ISOLATE:
                self._collect_garbage()
            if not self._break_one_cycle():
                return

    def _break_one_cycle(self) -> bool:
        """True when a cycle was found and broken (there may be more); refuses when it cannot be."""
        # A restart orders as the stop that it begins with, and later as the start that it ends with: neither may be in a cycle.
        cycle = self._find_cycle(is_later=False) or self._has_restarts() and self._find_cycle(is_later=True)
        if not cycle:
            return False
        first = cycle[0]
        self._tell(LOG_WARNING, first.unit.name, f"Found ordering cycle on {cycle[1 % len(cycle)]}")
        for job in [*cycle[2:], first]:
            self._tell(LOG_WARNING, first.unit.name, f"Found dependency on {job}")
        victim = next((job for job in cycle[1:] if not self._unit_matters(job)), None)
        if victim is None and not self._unit_matters(first):
            victim = first
        if victim is None:
            self._tell(LOG_ERR, first.unit.name, "Unable to break cycle starting with " + str(first))
            text = "Transaction order is cyclic. See system logs for details."
            raise _Refused(Refusal(_ERROR + "TransactionOrderIsCyclic", text))
        text = f"Job {victim} deleted to break ordering cycle starting with {first}"
        self._tell(LOG_ERR, victim.unit.name, text)
        for job in list(self.jobs.get(victim.unit.name, ())):
            self._delete(job)
        return True

    def _has_restarts(self) -> bool:
        return any(unit.job is not None and unit.job.type is JobType.RESTART for unit in self.graph.units.values()) or any(
            job.type is JobType.RESTART for jobs in self.jobs.values() for job in jobs)

    def _unit_matters(self, job: _Tentative) -> bool:
        jobs = self.jobs.get(job.unit.name)
        return not jobs or any(other.matters for other in jobs)

    def _find_cycle(self, is_later: bool) -> list[_Tentative]:
        """Jobs of one ordering cycle, each waiting for the next, or an empty list. Depth first, without recursion."""
        done: set[str] = set()
        for name in list(self.jobs):
            if name in done:
                continue
            path: list[str] = [name]
            on_path = {name: 0}
            stack = [iter(self._ordered_after(name, is_later))]
            while stack:
                following = next(stack[-1], None)
                if following is None:
                    stack.pop()
                    finished = path.pop()
                    del on_path[finished]
                    done.add(finished)
                elif following in on_path:
                    return [self._as_tentative(unit) for unit in path[on_path[following] :]]
                elif following not in done:
                    on_path[following] = len(path)
                    path.append(following)
                    stack.append(iter(self._ordered_after(following, is_later)))
        return []

    def _ordered_after(self, name: str, is_later: bool) -> list[str]:
        """The units whose job must wait for this unit's job."""
        unit = self.graph.units[name]
        job_type = self._type_of(unit, is_later)
        if job_type is None:
            return []
        waiting = []
        for facet in (Facet.BEFORE, Facet.AFTER):
            for other in self._others(unit, facet):
                other_type = self._type_of(other, is_later)
                if other_type is not None and compare_order(job_type, other_type, facet is Facet.BEFORE) < 0:
                    waiting.append(other.name)
        return waiting

    def _type_of(self, unit: Unit, is_later: bool) -> JobType | None:
        """The type of job the unit would have, in the plan or else in the queue; `is_later`: in the second half of restarts."""
        jobs = self.jobs.get(unit.name)
        job_type = jobs[0].type if jobs else unit.job.type if unit.job is not None else None
        return JobType.START if is_later and job_type is JobType.RESTART else job_type

    def _as_tentative(self, name: str) -> _Tentative:
        jobs = self.jobs.get(name)
        if jobs:
            return jobs[0]
        unit = self.graph.units[name]
        assert unit.job is not None
        queued = _Tentative(unit, unit.job.type)
        queued.matters = True
        return queued

    def _merge_once(self) -> bool:
        """Merge the jobs of every unit; False when one had to be dropped, and garbage may be left."""
        for name in list(self.jobs):
            merged: JobType | None = self.jobs[name][0].type
            for job in self.jobs[name][1:]:
                merged = merge(merged, job.type) if merged is not None else None
            if merged is None:
                self._drop_contradicting(name)
                return False
        for name in list(self.jobs):
            self._merge_unit(name)
        return True

    def _merge_unit(self, name: str) -> None:
        first, *others = self.jobs[name]
        state = first.unit.active_state
        for job in others:
            merged = merge_and_collapse(first.type, job.type, state)
            assert merged is not None
            first.type = merged
            first.matters = first.matters or job.matters
            first.needs += job.needs
            first.needed_by += job.needed_by
            for link in job.needs:
                link.subject = first
            for link in job.needed_by:
                link.object = first
            if job is self.anchor:
                self.anchor = first
        self.jobs[name] = [first]

    def _drop_contradicting(self, name: str) -> None:
        jobs = self.jobs[name]
        for one in jobs:
            for other in jobs[jobs.index(one) + 1 :]:
                if merge(one.type, other.type) is None:
                    self._delete(self._less_wanted(one, other))
                    return

    def _less_wanted(self, one: _Tentative, other: _Tentative) -> _Tentative:
        """Of two that contradict each other: the one that does not matter; if neither does, the stop, unless a
        unit that is being started conflicts with this one."""
        if one.matters and other.matters:
            text = (
                f"Transaction contains conflicting jobs '{other.type.value}' and '{one.type.value}' for "
                f"{one.unit.name}. Probably contradicting requirement dependencies configured."
            )
            raise _Refused(Refusal(_ERROR + "TransactionJobsConflicting", text))
        if one.matters != other.matters:
            return other if one.matters else one
        stop, start = (one, other) if one.type is JobType.STOP else (other, one)
        return start if any(link.conflicts for link in stop.needed_by) else stop

    def _check_destructive(self) -> None:
        assert self.anchor is not None
        for job in self._all():
            queued = job.unit.job
            if queued is None or not is_conflicting(queued.type, job.type):
                continue
            if self.mode is JobMode.FAIL or queued.is_irreversible:
                text = (
                    f"Transaction for {self.anchor} is destructive ({queued.unit} has '{queued.type.value}' job "
                    f"queued, but '{job.type.value}' is included in transaction)."
                )
                raise _Refused(Refusal(_ERROR + "TransactionIsDestructive", text))

    def _check_mode(self, unit: Unit, job_type: JobType) -> None:
        if self.mode is JobMode.ISOLATE:
            if job_type is not JobType.START:
                text = "Isolate is only valid for start."
                raise _Refused(Refusal("org.freedesktop.DBus.Error.InvalidArgs", text))
            if not unit.settings.allow_isolate:  # nor may one that is not there
                text = "Operation refused, unit may not be isolated."
                raise _Refused(Refusal(_ERROR + "NoIsolation", text))
        if self.mode is JobMode.TRIGGERING and job_type is not JobType.STOP:
            text = "--job-mode=triggering is only valid for stop."
            raise _Refused(Refusal("org.freedesktop.DBus.Error.InvalidArgs", text))

    def _as_plan(self, ignores_order: bool) -> Plan:
        assert self.anchor is not None
        anchor = PlannedJob(self.anchor.unit.name, self.anchor.type)
        rest = [PlannedJob(job.unit.name, job.type, _bringer(job)) for job in self._all() if job is not self.anchor]
        return Plan(
            anchor=anchor,
            jobs=(anchor, *sorted(rest, key=lambda job: job.unit)),
            is_irreversible=self.mode is JobMode.REPLACE_IRREVERSIBLY,
            ignores_order=ignores_order,
            cancels_others=self.mode in (JobMode.ISOLATE, JobMode.FLUSH),
            story=tuple(self.story),
        )

    def _tell(self, priority: int, unit: str, text: str) -> None:
        self.story.append(Diagnostic(priority, unit, 0, text))


def _bringer(job: _Tentative) -> str:
    """The unit of the job that has asked for this one first, among those that are left."""
    subject = job.needed_by[0].subject if job.needed_by else None
    return subject.unit.name if subject is not None else ""


def is_applicable(unit: Unit, job_type: JobType) -> bool:
    """The unit can take such a job at all (`systemctl show -p CanStart,CanStop,CanReload`)."""
    if job_type in (JobType.START, JobType.VERIFY_ACTIVE, JobType.NOP):
        return True
    if job_type is JobType.STOP:
        return not unit.definition.is_perpetual
    if job_type in (JobType.RESTART, JobType.TRY_RESTART):
        return unit.can_start and unit.can_stop
    if job_type in (JobType.RELOAD, JobType.TRY_RELOAD):
        return unit.can_reload
    return unit.can_start and unit.can_reload


def _check_loaded(unit: Unit, job_type: JobType) -> None:
    """Anything may be stopped; everything else wants a unit that was read without error."""
    if job_type is JobType.STOP or unit.is_loaded:
        return
    state = unit.load_state
    if state is LoadState.NOT_FOUND:
        raise _Refused(Refusal(_ERROR + "NoSuchUnit", f"Unit {unit.name} not found."))
    if state is LoadState.MASKED:
        raise _Refused(Refusal(_ERROR + "UnitMasked", f"Unit {unit.name} is masked."))
    if state is LoadState.BAD_SETTING:
        raise _Refused(Refusal(_ERROR + "BadUnitSetting", unit.load_error))
    name = unit.definition.load_error_name or _ERROR + "LoadFailed"
    raise _Refused(Refusal(name, unit.load_error or f"Unit {unit.name} failed to load properly."))
