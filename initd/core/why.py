"""Why is a unit as it is: running, or not, waiting, restarted, stopped, failed? What led there, step by step.

Told from what units and jobs keep anyway: the last job of each and what it was queued for (`core.job`), how processes ended,
what came of conditions, and the files as they are now for where it is written. Each line has its time and its place where it
has them; what explains a line stands below it, one level deeper.
"""

from __future__ import annotations

from initd.core import exitstatus, restart, signals, timespan
from initd.core.conditions import blamed, spell
from initd.core.dependency import INVERSE, KINDS_WITH, Dependency, Facet
from initd.core.job import Asked, Job
from initd.core.record import Record
from initd.core.service_record import ProcessRecord, ServiceMachine
from initd.core.settings import ServiceSettings
from initd.core.states import (
    ActiveState,
    ExecPhase,
    JobResult,
    JobState,
    JobType,
    LoadState,
    ServiceRestart,
    ServiceResult,
    ServiceState,
    ServiceType,
    UnitType,
)
from initd.core.unit import Unit
from initd.core.values import INFINITY, Now
from initd.core.world import World

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class Sources(Protocol):
        """Where the files of units, as they are now, say something: "FILE:LINE", a link's path, or ""."""

        def of_dependency(self, unit: Unit, kind: Dependency, other: Unit | str) -> str: ...
        def of_directive(self, unit: Unit, *keys: str, value: str = "") -> str: ...


#: How far causes are followed: a circle of units that fail each other ends somewhere.
_DEPTH = 8
#: Of the jobs that one waits for, so many are told.
_WAITS_MAX = 5

_SUBJECT = {ActiveState.ACTIVE: "running", ActiveState.RELOADING: "reloading", ActiveState.INACTIVE: "not running",
            ActiveState.FAILED: "failed", ActiveState.ACTIVATING: "starting", ActiveState.DEACTIVATING: "stopping",
            ActiveState.MAINTENANCE: "being cleaned"}
#: A job's type, in words.
_DONE = {JobType.START: "started", JobType.STOP: "stopped", JobType.RESTART: "restarted", JobType.RELOAD: "reloaded",
         JobType.TRY_RESTART: "restarted", JobType.VERIFY_ACTIVE: "looked at"}
#: By which of its consequences a job of one unit brings along a job of another.
_BRINGS: dict[JobType, tuple[tuple[Facet, JobType], ...]] = {
    JobType.START: ((Facet.PULL_IN_START, JobType.START), (Facet.PULL_IN_START_IGNORED, JobType.START),
                    (Facet.PULL_IN_STOP, JobType.STOP), (Facet.PULL_IN_STOP_IGNORED, JobType.STOP),
                    (Facet.PULL_IN_VERIFY, JobType.VERIFY_ACTIVE)),
    JobType.STOP: ((Facet.PROPAGATE_STOP, JobType.STOP),),
    JobType.RESTART: ((Facet.PROPAGATE_RESTART, JobType.RESTART), (Facet.PULL_IN_START, JobType.START),
                      (Facet.PULL_IN_START_IGNORED, JobType.START)),
    JobType.RELOAD: ((Facet.PROPAGATE_RELOAD, JobType.RELOAD),),
}
#: Of what a unit is brought along by, what stands in its own file.
_WRITTEN_BY_THE_OTHER = frozenset((Dependency.REQUIRED_BY, Dependency.REQUISITE_OF, Dependency.BOUND_BY, Dependency.CONSISTS_OF,
                                   Dependency.CONFLICTED_BY, Dependency.UPHELD_BY))
_NEEDS = (Dependency.REQUIRES, Dependency.BINDS_TO, Dependency.REQUISITE)
#: Who may start it one day.
_WANTERS = (Dependency.WANTED_BY, Dependency.REQUIRED_BY, Dependency.BOUND_BY, Dependency.UPHELD_BY, Dependency.TRIGGERED_BY)
_PHASES = {ExecPhase.CONDITION: "ExecCondition", ExecPhase.START_PRE: "ExecStartPre", ExecPhase.START: "ExecStart",
           ExecPhase.START_POST: "ExecStartPost", ExecPhase.RELOAD: "ExecReload", ExecPhase.STOP: "ExecStop",
           ExecPhase.STOP_POST: "ExecStopPost"}
_RESULTS = {
    ServiceResult.TIMEOUT: ("it took longer than it may", ("TimeoutStartSec", "TimeoutStopSec", "TimeoutSec", "RuntimeMaxSec")),
    ServiceResult.WATCHDOG: ("it has not spoken within WatchdogSec=", ("WatchdogSec",)),
    ServiceResult.OOM_KILL: ("the kernel has killed one of its processes for want of memory", ("MemoryMax", "OOMPolicy")),
    ServiceResult.PROTOCOL: ("it has not done what its Type= promises", ("Type",)),
    ServiceResult.RESOURCES: ("it could not be given what it needs", ()),
    ServiceResult.START_LIMIT_HIT: ("it was started too often", ("StartLimitBurst", "StartLimitIntervalSec")),
    ServiceResult.EXEC_CONDITION: ("an ExecCondition= said that it is not to run", ("ExecCondition",)),
}


class Line(Record):
    """`usec`: realtime, 0 where it has no time. `source`: "FILE:LINE", a link, or ""."""

    depth: int
    usec: int
    text: str
    source: str = ""


def why(unit: Unit, world: World, sources: Sources, now: Now) -> list[Line]:
    """The first line says what the unit is, all others why."""
    story = _Story(world, sources, now)
    story.tell(unit, 0)
    return story.lines


class _Story:
    def __init__(self, world: World, sources: Sources, now: Now) -> None:
        self.lines: list[Line] = []
        self._world = world
        self._sources = sources
        self._offset = now.realtime_usec - now.monotonic_usec
        self._now = now
        self._told: set[str] = set()

    def _say(self, depth: int, text: str, time: Now | int | None = None, source: str = "") -> None:
        """`time`: of the clock on the wall, or monotonic µs."""
        usec = time.realtime_usec if isinstance(time, Now) else time + self._offset if time else 0
        self.lines.append(Line(depth, usec, text, source))

    # --- a unit ----------------------------------------------------------------------------------------------------

    def tell(self, unit: Unit, depth: int) -> None:
        """What it is, and why. A unit that was told of already is only named."""
        state = unit.active_state
        word = _SUBJECT[state] if unit.type is UnitType.SERVICE or state is not ActiveState.ACTIVE else "active"
        self._say(depth, f"{unit.name} is {word} ({unit.sub_state})", unit.state_change_time)
        if unit.name in self._told or depth > _DEPTH:
            return
        self._told.add(unit.name)
        if unit.job is not None:
            self._tell_job(unit, unit.job, depth + 1)
        last, _, _ = self._departed(unit)
        last = unit.last_job or last
        if state.is_down:
            self._tell_down(unit, last, depth + 1)
        elif unit.sub_state == "auto-restart":
            self._tell_restart(unit, depth + 1)
        elif unit.job is None or state.is_up:
            self._tell_up(unit, last, depth + 1)

    def _departed(self, unit: Unit) -> tuple[Job | None, ProcessRecord | None, str]:
        """What is known of the unit from before it was unloaded (`JobQueue.departed`)."""
        job, main, unmet = self._world.queue.departed.get(unit.name, (None, None, ""))
        return job, main if isinstance(main, ProcessRecord) else None, unmet

    def _tell_up(self, unit: Unit, last: Job | None, depth: int) -> None:
        if last is not None:
            self._tell_last(unit, last, depth)
        elif unit.definition.is_perpetual:
            self._say(depth, "it is always there")
        elif unit.type is UnitType.MOUNT:
            self._say(depth, "it is mounted, by somebody else")
        else:
            self._say(depth, "nobody has asked for it: it has come by itself", unit.active_enter_time)
        if unit.active_state is ActiveState.DEACTIVATING:
            self._tell_ends(unit, depth)
        machine = unit.machine
        if isinstance(machine, ServiceMachine) and machine.n_restarts and (last is None or not self._is_restart(last)):
            self._say(depth, f"it was restarted {_times(machine.n_restarts)} before")

    def _tell_down(self, unit: Unit, last: Job | None, depth: int) -> None:
        """Why it does not run: as a rule one reason, the nearest."""
        if unit.load_state is not LoadState.LOADED:
            self._tell_unloadable(unit, depth)
            if last is None:
                self._tell_remembered(unit, depth)
        is_unmet = unit.condition_time is not None and not (unit.condition_result and unit.assert_result)
        if last is None:
            if is_unmet:
                self._tell_conditions(unit, depth)
            elif unit.load_state is LoadState.LOADED and unit.job is None:
                self._tell_unasked(unit, depth)
            return
        is_start = last.type is not JobType.STOP
        _, _, unmet = self._departed(unit)
        if unmet and unit.last_job is None:
            key, _, value = unmet.partition("=")
            self._say(depth, f"{unmet} is not met", last.ended, self._sources.of_directive(unit, key, value=value))
            is_unmet = True
        elif is_start and is_unmet:
            self._tell_conditions(unit, depth)
        if last.result is JobResult.DEPENDENCY:
            self._tell_dependency(unit, last, depth)
        elif last.result is JobResult.TIMEOUT:
            self._say(depth, f"its {last.type.value} job was not done in time", last.ended,
                      self._sources.of_directive(unit, "JobTimeoutSec", "JobRunningTimeoutSec"))
        elif last.result is JobResult.CANCELED:
            self._say(depth, f"its {last.type.value} job was cancelled", last.ended)
        elif is_start and (not is_unmet or unit.active_state is ActiveState.FAILED):
            self._tell_ends(unit, depth)
        self._tell_last(unit, last, depth, is_vain=is_start and is_unmet)
        if not is_start:
            self._tell_ends(unit, depth)
        self._tell_remembered(unit, depth, last.ended)

    # --- processes -------------------------------------------------------------------------------------------------

    def _tell_ends(self, unit: Unit, depth: int) -> None:
        """How its processes have ended, and what is made of it."""
        machine = unit.machine
        if not isinstance(machine, ServiceMachine):
            result = getattr(getattr(machine, "result", None), "value", "success")
            if result != "success":
                self._say(depth, f"its result is {result}", unit.inactive_enter_time)
            return
        if unit.is_start_limit_hit:
            text, keys = _RESULTS[ServiceResult.START_LIMIT_HIT]
            self._say(depth, text, unit.inactive_enter_time, self._sources.of_directive(unit, *keys))
        elif machine.result in _RESULTS:
            text, keys = _RESULTS[machine.result]
            self._say(depth, text, unit.inactive_enter_time, self._sources.of_directive(unit, *keys) if keys else "")
        for phase, records in machine.command_records.items():
            for record in records:
                if phase is not ExecPhase.START and record is not None and record.end is not None:
                    if record.end.code != "exited" or record.end.status:
                        self._tell_end(unit, f"{_PHASES.get(phase, phase.value)}=", record, depth, _PHASES.get(phase, ""))
        main = machine.last_main
        if main is None and unit.last_job is None:
            _, main, _ = self._departed(unit)
        if main is not None and main.end is not None:
            self._tell_end(unit, "its main process", main, depth, "ExecStart")
        self._tell_no_restart(unit, machine, depth)

    def _tell_end(self, unit: Unit, what: str, record: ProcessRecord, depth: int, key: str = "") -> None:
        end = record.end
        assert end is not None
        if end.code == "exited":
            name = exitstatus.name(end.status)
            text = f"exited with status {end.status}" + (f" ({name})" if name and not name.isdigit() and end.status else "")
        else:
            dumped = ", with a core dump" if end.code == "dumped" else ""
            text = f"was killed by {signals.name(end.status)}{dumped}"
        source = self._sources.of_directive(unit, key) if key else ""
        self._say(depth, f"{what} [{record.pid}] {text}", record.exit_time, source)

    def _tell_no_restart(self, unit: Unit, machine: ServiceMachine, depth: int) -> None:
        """It ended by itself, and nobody starts it again."""
        last, settings = unit.last_job, unit.definition.specific
        has_ended = last is not None and last.type is not JobType.STOP and machine.last_main is not None
        if not isinstance(settings, ServiceSettings) or not has_ended or not unit.active_state.is_down:
            return
        if settings.type is ServiceType.ONESHOT and machine.result is ServiceResult.SUCCESS:
            self._say(depth, "it has done what it had to: Type=oneshot, without RemainAfterExit=", None,
                      self._sources.of_directive(unit, "Type"))
        elif not unit.is_start_limit_hit:
            end = machine.last_main.end if machine.last_main is not None else None
            verdict = restart.shall_restart(settings, machine.result, end, machine.forbid_restart)
            self._say(depth, f"it is not started again: {verdict.reason}", None, self._sources.of_directive(unit, "Restart"))

    def _tell_restart(self, unit: Unit, depth: int) -> None:
        """RestartSec= is running."""
        machine, settings = unit.machine, unit.definition.specific
        if not isinstance(machine, ServiceMachine) or not isinstance(settings, ServiceSettings):
            return
        end = machine.last_main.end if machine.last_main is not None else None
        verdict = restart.shall_restart(settings, machine.result, end, False)
        wait = max(machine.state_deadline_usec - self._now.monotonic_usec, 0)
        times = f", for the {_ordinal(machine.n_restarts + 1)} time"
        when = f" in {_span(wait)}" if machine.state_deadline_usec < INFINITY else ""
        source = self._sources.of_directive(unit, "Restart")
        self._say(depth, f"it is started again{when}{times}: {verdict.reason}", None, source)
        self._tell_ends(unit, depth + 1)
        if unit.last_job is not None:
            self._tell_last(unit, unit.last_job, depth)

    # --- no job ----------------------------------------------------------------------------------------------------

    def _tell_unloadable(self, unit: Unit, depth: int) -> None:
        definition = unit.definition
        if definition.load_state is LoadState.NOT_FOUND:
            self._say(depth, "there is no file of that name")
        elif definition.load_state is LoadState.MASKED:
            self._say(depth, "it is masked", None, definition.fragment_path)
        else:
            found = [each for each in definition.diagnostics if each.priority <= 3]
            self._say(depth, definition.load_error or "its file cannot be used", None, definition.fragment_path)
            for each in found:
                self._say(depth + 1, each.text, None, f"{each.path}:{each.line}" if each.line else each.path)

    def _tell_conditions(self, unit: Unit, depth: int) -> None:
        settings = unit.settings
        if not unit.condition_result:
            name = unit.unmet
            prefix, outcomes, conditions, time = "Condition", unit.condition_outcomes, settings.conditions, unit.condition_time
        else:
            name = blamed(settings.asserts, unit.assert_outcomes, "Assert")
            prefix, outcomes, conditions, time = "Assert", unit.assert_outcomes, settings.asserts, unit.assert_time
        if name:
            key, _, value = name.partition("=")
            self._say(depth, f"{name} is not met", time, self._sources.of_directive(unit, key, value=value))
            return
        self._say(depth, f"none of its triggering {prefix.lower()}s is met", time)
        for condition, outcome in zip(conditions, outcomes):
            if condition.is_triggering and outcome < 0:
                key, _, value = spell(condition, prefix).partition("=")
                self._say(depth + 1, f"{key}={value}", time, self._sources.of_directive(unit, key, value=value))

    def _tell_unasked(self, unit: Unit, depth: int) -> None:
        if self._tell_remembered(unit, depth):
            return
        wanters = [(kind, name) for kind in _WANTERS for name in sorted(unit.dependencies.get(kind, ()))]
        if not wanters:
            self._say(depth, "nobody has asked for it, and no unit that is loaded wants it")
            return
        self._say(depth, "nobody has asked for it")
        for kind, name in wanters:
            other = self._world.graph.get(name)
            if other is None:
                continue
            source = self._sources.of_dependency(unit, kind, other)
            verb = "would start it" if kind is Dependency.TRIGGERED_BY else "wants it"
            if kind is Dependency.TRIGGERED_BY:
                source = self._sources.of_directive(other, *_TRIGGER_KEYS.get(other.type.value, ())) or source
                next_usec = getattr(other.machine, "next_realtime_usec", 0) or INFINITY
                next_usec = min(next_usec, getattr(other.machine, "next_monotonic_usec", INFINITY) + self._offset)
                if next_usec < INFINITY and other.active_state.is_up:
                    verb = f"starts it in {_span(max(next_usec - self._now.realtime_usec, 0))}"
            still = "" if other.job is None else ", and is still to be started" if other.job.type is JobType.START else ""
            state = "is up" if other.active_state.is_up else f"is {other.active_state.value}{still}"
            dropped = ""
            if other.active_state.is_up and kind is not Dependency.TRIGGERED_BY and other.active_enter_time is not None:
                dropped = ": since before it did, or what it needs could not be had"
            self._say(depth + 1, f"{name}, which {state}, {verb}{dropped}", None, source)
            if dropped:
                self._tell_unmet_needs(unit, depth + 2)

    def _tell_unmet_needs(self, unit: Unit, depth: int) -> None:
        """What it cannot do without, and what is not there."""
        for kind in _NEEDS:
            for name in sorted(unit.dependencies.get(kind, ())):
                other = self._world.graph.get(name)
                if other is None or other.is_loaded and not self._world.told.get(name):
                    continue
                self._say(depth, f"it has {kind.value}={name}", None, self._sources.of_dependency(unit, kind, name))
                if other.name not in self._told:
                    self.tell(other, depth + 1)

    def _tell_remembered(self, unit: Unit, depth: int, since: Now | None = None) -> bool:
        """What was said when it got no job, where that is news."""
        told = [each for each in self._world.told.get(unit.name, ()) if since is None or each[0] > since.realtime_usec]
        for usec, text, cause in told:
            by = f" ({cause.by})" if cause.by else ""
            self.lines.append(Line(depth, usec, text + by))
            if "to break ordering cycle" in text:
                self._tell_ring(text.rpartition(" ")[2].rpartition("/")[0], usec, depth + 1)
        return bool(told)

    def _tell_ring(self, first: str, usec: int, depth: int) -> None:
        """Who waits for whom in the ring that was found on this unit then (`core.transaction`)."""
        texts = [text for time, text, _ in self._world.told.get(first, ()) if time == usec and "Found" in text]
        names = [text.rpartition(" ")[2].rpartition("/")[0] for text in texts]
        told = set()
        for name, following in zip(names, names[1:] + names[:1]):
            one, other = self._world.graph.get(name), self._world.graph.get(following)
            if one is None or other is None:
                continue
            for before, after in ((one, other), (other, one)):
                if after.name in before.dependencies.get(Dependency.BEFORE, ()) and (before, after) not in told:
                    told.add((before, after))
                    source = self._sources.of_dependency(after, Dependency.AFTER, before)
                    self._say(depth, f"{after.name} waits for {before.name}", None, source)

    def _tell_dependency(self, unit: Unit, job: Job, depth: int) -> None:
        others = [job.failed_by] if job.failed_by else []
        if not others:
            others = [name for name in unit.names_with(Facet.CANNOT_BE_ACTIVE_WITHOUT)
                      if name in self._world.graph.units and not self._world.graph.units[name].active_state.is_up]
        for name in others:
            kind = next((kind for kind in _NEEDS if name in unit.dependencies.get(kind, ())), Dependency.REQUIRES)
            source = self._sources.of_dependency(unit, kind, name)
            self._say(depth, f"it has {kind.value}={name}, which could not be had", job.ended, source)
            other = self._world.graph.get(name)
            if other is not None:
                self.tell(other, depth + 1)

    # --- jobs ------------------------------------------------------------------------------------------------------

    def _tell_job(self, unit: Unit, job: Job, depth: int) -> None:
        """One that is not done yet: what it waits for, and for whom it is there."""
        if job.state is JobState.WAITING:
            self._say(depth, f"its {job.type.value} job waits", job.added_usec)
            self._tell_waits(unit, job, depth + 1)
        else:
            self._say(depth, f"its {job.type.value} job runs", job.running_usec)
            self._tell_running(unit, depth + 1)
        self._tell_asked(unit, job, depth + 1)

    def _tell_waits(self, unit: Unit, job: Job, depth: int) -> None:
        """The jobs that go first, those that run before those that wait for others: these explain the others."""
        ahead = {other.id: other for other in self._world.queue.waits_for(job, unit)}.values()
        others = sorted(ahead, key=lambda other: (other.state is not JobState.RUNNING, other.id))
        for other in others[:_WAITS_MAX] if depth <= _DEPTH else ():
            kind = Dependency.AFTER if unit.has(Facet.AFTER, other.unit) else Dependency.BEFORE
            its_unit = self._world.graph.units[other.unit]
            source = self._sources.of_dependency(unit, kind, its_unit)
            self._say(depth, f"{kind.value}={other.unit}, which has a {other.type.value} job", None, source)
            if other.unit not in self._told:
                self.tell(its_unit, depth + 1)
        if len(others) > _WAITS_MAX:
            self._say(depth, f"and {len(others) - _WAITS_MAX} more")

    def _tell_running(self, unit: Unit, depth: int) -> None:
        """What a job that runs waits for."""
        machine, settings = unit.machine, unit.definition.specific
        if unit.is_checking_conditions:
            self._say(depth, "its conditions are being looked at")
        if not isinstance(machine, ServiceMachine) or not isinstance(settings, ServiceSettings):
            return
        if machine.control is not None and machine.phase is not None:
            key = _PHASES.get(machine.phase, machine.phase.value)
            self._say(depth, f"{key}= [{machine.control.pid}] has not ended", machine.control.start_time,
                      self._sources.of_directive(unit, key))
        elif machine.state is ServiceState.START:
            text = {
                ServiceType.NOTIFY: "it has not said READY=1", ServiceType.NOTIFY_RELOAD: "it has not said READY=1",
                ServiceType.DBUS: f"it has not taken the name {settings.bus_name} on the bus",
                ServiceType.ONESHOT: "its process has not ended", ServiceType.FORKING: "it has not written its PID file",
            }.get(settings.type, "its program is being started")
            pid = f" [{machine.main.pid}]" if machine.main is not None else ""
            self._say(depth, text + pid, machine.main.start_time if machine.main is not None else None,
                      self._sources.of_directive(unit, "Type"))
        elif unit.active_state is ActiveState.DEACTIVATING and machine.main is not None:
            self._say(depth, f"its main process [{machine.main.pid}] has not ended yet")
        if machine.state_deadline_usec < INFINITY and unit.sub_state != "auto-restart":
            left = _span(max(machine.state_deadline_usec - self._now.monotonic_usec, 0))
            keys = ("TimeoutStopSec", "TimeoutSec") if unit.active_state is ActiveState.DEACTIVATING else (
                "TimeoutStartSec", "TimeoutSec")
            self._say(depth, f"it has another {left}", None, self._sources.of_directive(unit, *keys))

    def _tell_last(self, unit: Unit, job: Job, depth: int, is_vain: bool = False) -> None:
        """Its last start or stop; `is_vain`: it was done, to no effect."""
        verb = _DONE.get(job.type, job.type.value)
        asked = self._world.queue.asked.get(job.asked)
        if asked is not None and asked.cause.kind == "restart" and not job.by:
            self._tell_own_restart(unit, job, asked, depth)
            return
        done = f"it was {verb}" if job.result is JobResult.DONE and not is_vain else f"it was to be {verb}"
        self._say(depth, done, job.ended)
        self._tell_asked(unit, job, depth + 1)

    def _tell_own_restart(self, unit: Unit, job: Job, asked: Asked, depth: int) -> None:
        machine = unit.machine
        count = machine.n_restarts if isinstance(machine, ServiceMachine) else 0
        times = f", the {_ordinal(count)} time" if count else ""
        settings = unit.definition.specific
        setting = settings.restart if isinstance(settings, ServiceSettings) else ServiceRestart.NO
        was = "was" if job.result is JobResult.DONE else "was to be"
        text = f"it {was} started again by Restart={setting.value}{times}: its result was {asked.cause.text}"
        self._say(depth, text, asked.now, self._sources.of_directive(unit, "Restart"))
        first = self._world.queue.asked.get(asked.before)
        if first is not None:
            self._say(depth, f"before that it was {_DONE.get(first.type, 'started')}", first.now)
            self._tell_cause(first, depth + 1)

    def _is_restart(self, job: Job) -> bool:
        asked = self._world.queue.asked.get(job.asked)
        return asked is not None and asked.cause.kind == "restart"

    def _tell_asked(self, unit: Unit, job: Job, depth: int) -> None:
        """For whom the job was queued: units that have brought each other along, and what the first of them was asked for."""
        asked = self._world.queue.asked.get(job.asked)
        if asked is None:
            self._say(depth, "what for is not known any more")
            return
        current, current_job = unit, job
        for _ in range(_DEPTH * 4):
            if not current_job.by:
                break
            bringer = self._world.graph.get(current_job.by)
            its_job = self._job_of(bringer, current_job.asked) if bringer is not None else None
            if bringer is None:
                self._say(depth, f"{current_job.by} has brought it along")
                break
            kind = _kind_between(bringer, its_job, current, current_job)
            source = self._sources.of_dependency(bringer, kind, current) if kind is not None else ""
            how = f": {_spell_dependency(bringer, kind, current)}" if kind is not None else ""
            self._say(depth, f"{bringer.name} has brought {'it' if current is unit else current.name} along{how}",
                      None, source)
            if its_job is None:
                break
            current, current_job = bringer, its_job
        self._tell_cause(asked, depth)

    @staticmethod
    def _job_of(unit: Unit | None, asked: int) -> Job | None:
        if unit is None:
            return None
        return next((job for job in (unit.job, unit.last_job) if job is not None and job.asked == asked), None)

    def _tell_cause(self, asked: Asked, depth: int) -> None:
        cause, what = asked.cause, f"{asked.unit} was "
        verb = _DONE.get(asked.type, asked.type.value)
        source = ""
        by = self._world.graph.get(cause.by) if cause.by else None
        if by is not None and cause.kind in _TRIGGER_KEYS:
            source = self._sources.of_directive(by, *_TRIGGER_KEYS[cause.kind])
        if cause.kind == "boot":
            text = f"{asked.unit} is what the boot starts"
        elif cause.kind == "client":
            text = f"{what}{verb}: asked for by {cause.by or 'a client'}"
        elif cause.kind == "signal":
            text = f"{what}{verb}: {cause.by} has come"
        elif cause.kind == "shutdown":
            text = f"the end was asked for ({cause.by})" + (f": {cause.text}" if cause.text else "")
        elif cause.kind == "timer":
            text = f"{what}{verb}: {cause.by} has elapsed"
        elif cause.kind == "restart":
            text = f"{asked.unit} has started itself again: its result was {cause.text}"
        elif cause.kind == "path":
            text = f"{what}{verb}: {cause.by} has found {cause.text}" if cause.text else f"{what}{verb} by {cause.by}"
        elif cause.kind in ("socket", "automount"):
            text = f"{what}{verb} by {cause.by}: {cause.text}"
        elif cause.kind == "dependency":
            text = f"{what}{verb}: {cause.text}"
            target = self._world.graph.get(asked.unit)
            if by is not None and target is not None:
                source = self._source_of_wish(by, target, cause.text)
            elif target is not None:
                source = self._sources.of_directive(target, "StopWhenUnneeded")
        else:
            text = f"{what}{verb}, by whom is not known"
        self._say(depth, text, asked.now, source)
        if by is not None and (cause.kind == "dependency" or cause.kind in _TRIGGER_KEYS) and by.name not in self._told:
            self.tell(by, depth + 1)

    def _source_of_wish(self, by: Unit, unit: Unit, text: str) -> str:
        for kind in (Dependency.ON_FAILURE, Dependency.ON_SUCCESS, Dependency.UPHOLDS, Dependency.BOUND_BY, Dependency.REQUIRES,
                     Dependency.WANTS, Dependency.CONFLICTS, Dependency.PROPAGATES_STOP_TO, Dependency.PROPAGATES_RELOAD_TO):
            named = text.startswith(f"{kind.value}=") or kind not in (Dependency.ON_FAILURE, Dependency.ON_SUCCESS)
            if named and unit.name in by.dependencies.get(kind, ()):
                return self._sources.of_dependency(by, kind, unit)
        return ""


#: Where a unit that starts others says when.
_TRIGGER_KEYS = {
    "timer": ("OnCalendar", "OnBootSec", "OnStartupSec", "OnActiveSec", "OnUnitActiveSec", "OnUnitInactiveSec"),
    "path": ("PathExists", "PathExistsGlob", "PathChanged", "PathModified", "DirectoryNotEmpty"),
    "socket": ("ListenStream", "ListenDatagram", "ListenSequentialPacket", "ListenFIFO", "ListenNetlink", "ListenSpecial"),
    "automount": ("Where",),
}


def _kind_between(bringer: Unit, its_job: Job | None, unit: Unit, job: Job) -> Dependency | None:
    """The kind of dependency by which one job has brought along the other."""
    types = [its_job.type, JobType.RESTART] if its_job is not None else list(_BRINGS)
    for job_type in types:
        for facet, brought in _BRINGS.get(job_type, ()):
            is_type = brought is job.type or JobType.RESTART in (brought, job.type) and JobType.START in (brought, job.type)
            for kind in KINDS_WITH[facet] if is_type else ():
                if unit.name in bringer.dependencies.get(kind, ()):
                    return kind
    return None


def _spell_dependency(bringer: Unit, kind: Dependency, unit: Unit) -> str:
    """As a file writes it, whoever's it is; those that nobody has written say so."""
    origin = bringer.dependencies[kind].get(unit.name, "")
    note = f" ({origin})" if origin and origin != "file" else ""
    if kind in _WRITTEN_BY_THE_OTHER:
        return f"{INVERSE[kind].value}={bringer.name} of {unit.name}{note}"
    return f"{kind.value}={unit.name}{note}"


def _span(usec: int) -> str:
    return timespan.format(max(usec // 1_000_000 * 1_000_000, usec if usec < 1_000_000 else 0))


def _times(count: int) -> str:
    return "once" if count == 1 else "twice" if count == 2 else f"{count} times"


def _ordinal(count: int) -> str:
    ending = "th" if count % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(count % 10, "th")
    return f"{count}{ending}"
