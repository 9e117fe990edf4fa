"""The boot as it would happen, told by the very engine that boots: on a clock of its own, in a world where every service
starts well. Nothing is started, and nothing asked of the machine but what `Facts` says.

What a unit waits for, and with whom it may start together, is read from the order of the jobs; which jobs there are, and what
was left out of them, is the engine's to say. `pyinit plan` prints it.
"""

from __future__ import annotations

import heapq

from initd.core import effects as ef
from initd.core import events as ev
from initd.core.dependency import Dependency, Facet
from initd.core.engine import Engine
from initd.core.job import Cause, Job
from initd.core.order import compare_order
from initd.core.record import Record
from initd.core.settings import MountSettings, PathSettings, ServiceSettings
from initd.core.states import ActiveState, ExecPhase, JobMode, JobResult, JobType, LoadState, ServiceType
from initd.core.unit import Unit
from initd.core.values import LOG_WARNING, Condition, ExecCommand, Now, PidRef, ProcessEnd, ProcessInfo

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    from initd.core.mountpoint import MountPoint
    from initd.core.settings import UnitDefinition
    from initd.core.sources import LoadFacts

    class Facts(Protocol):
        """The machine, as it is now."""

        mounts: tuple[MountPoint, ...]

        def check(self, condition: Condition) -> bool: ...
        def stamp(self, path: str) -> int | None: ...
        def why_unwatched(self) -> str:
            """Why paths cannot be watched, or ""."""

        def can_run(self, command: ExecCommand) -> bool:
            """Whether there is such a program; True where nobody can tell."""


#: How long each program takes for what it has to do, and after how much time nothing more is waited for.
_STEP_USEC = 1_000
_LONG_USEC = 3_600_000_000
_NO_SUCH_PROGRAM, _ENOENT = 203, 2
#: Kinds of dependencies by which a unit that is started brings others along.
_BRINGING = (Dependency.REQUIRES, Dependency.REQUISITE, Dependency.BINDS_TO, Dependency.WANTS, Dependency.UPHOLDS)


class Part(Record):
    """One job of the boot. `step`: 1 and up; whatever has the same number may start at the same time. `waits_for`: the units
    that have to be done before, without those that these wait for in turn. `by`: the unit that has brought it along.
    `outcome`: "started", "skipped", "failed" or "stopped", and `reason` why, where it is not "started"."""

    unit: str
    type: JobType
    step: int
    waits_for: tuple[str, ...]
    by: str
    cause: Cause
    outcome: str
    reason: str
    state: str


class Left(Record):
    """A unit that is wanted, and has no job. `kind` is "missing", "masked", "broken", "dropped" or "refused"."""

    unit: str
    kind: str
    reason: str
    #: (the unit that wants it, by which kind of dependency).
    wanted_by: tuple[tuple[str, Dependency], ...]


class Rehearsal(Record):
    """`cycles`: the units of each, in their order, and the one whose job was dropped. `messages` are the engine's own, of
    priority 4 and more urgent; `refusal`: why there would be no boot."""

    parts: tuple[Part, ...]
    left: tuple[Left, ...]
    cycles: tuple[tuple[tuple[str, ...], str], ...]
    messages: tuple[str, ...]
    refusal: str = ""


class _Process:
    __slots__ = ("unit", "phase", "is_alive")

    def __init__(self, unit: str, phase: ExecPhase) -> None:
        self.unit, self.phase, self.is_alive = unit, phase, True


class RehearsedEngine(Engine):
    """One that units can be given."""

    def load(self, definitions: tuple[UnitDefinition, ...], now: Now) -> None:
        self.handle(ev.UnitsLoaded(definitions), now)


def new_engine(now: Now, facts: LoadFacts) -> RehearsedEngine:
    engine = RehearsedEngine(now, seed=0)
    engine.is_heard = False
    engine.world.machine_id = facts.machine_id
    engine.world.default_tasks_max = facts.tasks_max
    return engine


def rehearse(engine: Engine, now: Now, targets: list[str], facts: Facts) -> Rehearsal:
    """`engine` has all units loaded, and nothing has happened to it."""
    world = _World(engine, now, facts)
    world.push(ev.MountsRead(facts.mounts))
    world.settle()
    world.boot(targets)
    world.run()
    return world.result(targets)


class _World:
    """Carries out what the engine wants, in thought, and answers as a machine would on which all goes well."""

    def __init__(self, engine: Engine, now: Now, facts: Facts) -> None:
        self.engine = engine
        self._facts = facts
        self._start = self._usec = now.monotonic_usec
        self._offset = now.realtime_usec - now.monotonic_usec
        self._queue: list[tuple[int, int, Callable[[], ev.Event | None]]] = []
        self._order = 0
        self._processes: dict[int, _Process] = {}
        self._pid_files: dict[str, int] = {}
        self._mounts = {point.where: point for point in facts.mounts}
        self._is_over = False
        self._messages: list[str] = []
        #: Unit → the first of them that is about it.
        self._complaints: dict[str, str] = {}
        #: Unit → its first job, and what that waits for.
        self._jobs: dict[str, tuple[Job, list[str]]] = {}

    # --- time ------------------------------------------------------------------------------------------------------

    @property
    def now(self) -> Now:
        return Now(self._usec, self._usec + self._offset)

    def push(self, event: ev.Event, later_usec: int = 0) -> None:
        self._at(lambda: event, later_usec)

    def _at(self, what: Callable[[], ev.Event | None], later_usec: int) -> None:
        self._order += 1
        heapq.heappush(self._queue, (self._usec + later_usec, self._order, what))

    def settle(self) -> None:
        """All that happens at this instant."""
        while self._queue and self._queue[0][0] <= self._usec and not self._is_over:
            event = heapq.heappop(self._queue)[2]()
            if event is not None:
                self._deliver(event)

    def run(self) -> None:
        """Until the boot is done, or nothing more happens."""
        while not self._is_over and self._usec < self._start + _LONG_USEC:
            self.settle()
            deadline = self.engine.next_deadline()
            times = [self._queue[0][0]] if self._queue else []
            times += [deadline] if deadline is not None else []
            if not times or self._is_over:
                return
            self._usec = max(self._usec, min(times))
            if deadline is not None and deadline <= self._usec and not (self._queue and self._queue[0][0] <= self._usec):
                self._deliver(ev.Tick())

    def boot(self, targets: list[str]) -> None:
        self._deliver(ev.Boot(targets[0]))
        for name in targets[1:]:
            self._deliver(ev.JobRequest(0, name, JobType.START, JobMode.REPLACE, False, "pyinit plan"))

    def _deliver(self, event: ev.Event) -> None:
        effects = self.engine.handle(event, self.now)
        added = [effect.unit for effect in effects if isinstance(effect, ef.JobAdded) and effect.unit not in self._jobs]
        for name in added:
            self._note_job(name)
        for name in added:
            if name in self._jobs:
                self._jobs[name][1].extend(self._ahead(name))
        for effect in effects:
            self._perform(effect)

    # --- jobs ------------------------------------------------------------------------------------------------------

    def _note_job(self, name: str) -> None:
        unit = self.engine.units[name]
        job = unit.job or unit.last_job
        if job is not None:
            self._jobs[name] = (job, [])

    def _ahead(self, name: str) -> list[str]:
        """The units whose jobs are done before this one's begins: those that are queued with it, and those that still run."""
        unit, job = self.engine.units[name], self._jobs[name][0]
        found = []
        for facet in (Facet.AFTER, Facet.BEFORE):
            for other_name in unit.names_with(facet):
                known = self._jobs.get(other_name)
                if known is None or known[0].asked != job.asked and known[0].ended is not None:
                    continue
                if compare_order(job.type, known[0].type, facet is Facet.BEFORE) > 0 and not job.ignores_order:
                    found.append(other_name)
        return found

    # --- effects ---------------------------------------------------------------------------------------------------

    def _perform(self, effect: ef.Effect) -> None:
        answer = _ANSWERS.get(type(effect))
        if answer is not None:
            answer(self, effect)
        elif isinstance(effect, ef.Log):
            if effect.priority <= LOG_WARNING:
                self._messages.append(effect.text)
                self._complaints.setdefault(effect.unit, effect.text.removeprefix(f"{effect.unit}: "))
        elif isinstance(effect, (ef.StartupFinished, ef.Exit)):
            self._is_over = True

    def _check_conditions(self, effect: ef.CheckConditions) -> None:
        check = self._facts.check
        self.push(ev.ConditionsChecked(
            effect.unit, tuple(map(check, effect.conditions)), tuple(map(check, effect.asserts))))

    def _spawn(self, effect: ef.Spawn) -> None:
        request = effect.request
        pid = 1000 + len(self._processes)
        self._processes[pid] = _Process(request.unit, request.phase)
        self.push(ev.SpawnDone(request.unit, request.phase, pid))
        if not self._facts.can_run(request.command):
            text = f"No such program: {request.command.path}"
            self.push(ev.ExecFailed(request.unit, pid, _NO_SUCH_PROGRAM, "EXEC", _ENOENT, text))
            self._at(lambda: self._end(pid, _NO_SUCH_PROGRAM), 1)
            return
        self.push(ev.ExecSucceeded(request.unit, pid))
        settings = self.engine.units[request.unit].definition.specific
        kind = settings.type if isinstance(settings, ServiceSettings) and request.phase is ExecPhase.START else None
        if kind in (None, ServiceType.ONESHOT, ServiceType.FORKING):
            self._at(lambda: self._end(pid, 0), _STEP_USEC)
        elif kind is ServiceType.DBUS and isinstance(settings, ServiceSettings):
            self.push(ev.BusNameChanged(settings.bus_name, f":1.{pid}"), _STEP_USEC)
        elif request.may_notify:
            self.push(ev.NotifyReceived(request.unit, pid, 0, (("READY", "1"),)), _STEP_USEC)

    def _end(self, pid: int, status: int, killed: bool = False) -> ev.Event | None:
        process = self._processes[pid]
        if not process.is_alive:
            return None
        process.is_alive = False
        settings = self.engine.units[process.unit].definition.specific
        if isinstance(settings, ServiceSettings) and settings.type is ServiceType.FORKING and not (killed or status):
            if process.phase is ExecPhase.START:
                child = 1000 + len(self._processes)
                self._processes[child] = _Process(process.unit, ExecPhase.START)
                self._pid_files[settings.pid_file] = child
        if isinstance(settings, MountSettings) and not killed:
            self._change_mounts(process.phase, settings)
        self.push(ev.ProcessExited(process.unit, pid, ProcessEnd("killed" if killed else "exited", status)))
        if not self._alive(process.unit):
            self.push(ev.UnitEmpty(process.unit))
        return None

    def _change_mounts(self, phase: ExecPhase, settings: MountSettings) -> None:
        from initd.core.mountpoint import MountPoint

        if phase is ExecPhase.MOUNT:
            self._mounts[settings.where] = MountPoint(settings.where, settings.what, settings.type or "none", settings.options)
        elif phase is ExecPhase.UNMOUNT:
            self._mounts.pop(settings.where, None)
        self.push(ev.MountsRead(tuple(self._mounts.values())))

    def _alive(self, unit: str) -> list[int]:
        return [pid for pid, process in self._processes.items() if process.is_alive and process.unit == unit]

    def _kill(self, effect: ef.KillProcesses) -> None:
        reached = self._alive(effect.unit)
        for pid in reached:
            self._end(pid, effect.signal, killed=True)
        self.push(ev.ProcessesKilled(effect.unit, len(reached)))

    def _list(self, effect: ef.ListProcesses) -> None:
        found = tuple(ProcessInfo(pid, 1, 0, False) for pid in self._alive(effect.unit))
        self.push(ev.ProcessesListed(effect.unit, found))

    def _read_pid_file(self, effect: ef.ReadPidFile) -> None:
        pid = self._pid_files.get(effect.path)
        found = PidRef(pid) if pid is not None else None
        problem = "" if found is not None else "No such file"
        self.push(ev.PidFileRead(effect.unit, effect.path, found, found is not None, found is not None, problem))

    def _watch_paths(self, effect: ef.WatchPaths) -> None:
        assert isinstance(effect.settings, PathSettings)
        there = [path for kind, path in effect.settings.paths
                 if kind not in ("PathChanged", "PathModified") and self._facts.check(Condition(kind, path))]
        failure = self._facts.why_unwatched()
        self.push(ev.PathsChecked(effect.unit, failure, there[0] if there and not failure else ""))

    def _find_owner(self, effect: ef.FindBusOwner) -> None:
        self.push(ev.BusOwnerFound(effect.unit, effect.owner, PidRef(int(effect.owner.rpartition(".")[2])), True))

    # --- what has come of it ---------------------------------------------------------------------------------------

    def result(self, targets: list[str]) -> Rehearsal:
        steps, reduced = _levels({name: ahead for name, (_, ahead) in self._jobs.items()})
        parts = [self._part(name, job, steps[name], reduced[name]) for name, (job, _) in self._jobs.items()]
        parts.sort(key=lambda part: part.step)  # within a step, in the order in which the jobs were queued
        missing = [name for name in targets if name not in self._jobs and not self._is_up(name)]
        told = self.engine.world.told.get(missing[0]) if missing else None
        refusal = told[-1][1] if told else f"{missing[0]} cannot be started." if missing else ""
        return Rehearsal(tuple(parts), tuple(self._left(parts)), tuple(_cycles(self._messages)), tuple(self._messages), refusal)

    def _is_up(self, name: str) -> bool:
        return name in self.engine.units and self.engine.units[name].active_state.is_up

    def _part(self, name: str, job: Job, step: int, waits_for: list[str]) -> Part:
        unit = self.engine.units[name]
        asked = self.engine.world.queue.asked.get(job.asked)
        outcome, reason = _outcome(unit, job)
        if outcome == "failed":
            reason = self._complaints.get(name, reason)
        state = f"{unit.active_state.value}/{unit.sub_state}"
        cause = asked.cause if asked is not None else Cause("")
        return Part(name, job.type, step, tuple(waits_for), job.by, cause, outcome, reason, state)

    def _left(self, parts: list[Part]) -> list[Left]:
        """What those that are started want, and do not get."""
        wanted: dict[str, list[tuple[str, Dependency]]] = {}
        for part in parts:
            unit = self.engine.units[part.unit]
            for kind in _BRINGING if part.type is JobType.START else ():
                for name in unit.dependencies.get(kind, ()):
                    if name not in self._jobs and not self._is_up(name):
                        wanted.setdefault(name, []).append((part.unit, kind))
        dropped = {victim for _, victim in _cycles(self._messages)}
        return [Left(name, *self._why_left(name, dropped), tuple(by)) for name, by in sorted(wanted.items())]

    def _why_left(self, name: str, dropped: set[str]) -> tuple[str, str]:
        kind, reason = _why_left(self.engine, name, dropped)
        unit = self.engine.graph.get(name)
        for need in (Dependency.REQUIRES, Dependency.BINDS_TO) if kind == "refused" and unit is not None else ():
            for other in sorted(unit.dependencies.get(need, ())) if unit is not None else ():
                if other not in self._jobs and not self._is_up(other):
                    return kind, f"it has {need.value}={other}, which is {_why_left(self.engine, other, dropped)[0]}"
        return kind, reason


def _outcome(unit: Unit, job: Job) -> tuple[str, str]:
    if job.type is JobType.STOP:
        return "stopped", ""
    if job.result is None:
        return "waiting", "it does not come to an end"
    if unit.condition_time is not None and not unit.condition_result:
        return "skipped", f"{unit.unmet} is not met" if unit.unmet else "no trigger condition is met"
    if job.result is JobResult.DONE and unit.active_state is not ActiveState.FAILED:
        return "started", ""
    return "failed", f"result {job.result.value}"


def _why_left(engine: Engine, name: str, dropped: set[str]) -> tuple[str, str]:
    unit = engine.graph.get(name)
    state = unit.load_state if unit is not None else LoadState.NOT_FOUND
    if state is LoadState.NOT_FOUND:
        return "missing", "no such unit"
    if state is LoadState.MASKED:
        return "masked", "masked"
    if unit is None or state is not LoadState.LOADED:
        return "broken", unit.load_error if unit is not None else ""
    if name in dropped:
        return "dropped", "its job is dropped to break an ordering cycle"
    told = engine.world.told.get(unit.name)
    return "refused", told[-1][1] if told else "what it needs cannot be started"


def _levels(ahead: dict[str, list[str]]) -> tuple[dict[str, int], dict[str, list[str]]]:
    """The step of each, and of what it waits for only what the others do not imply. A ring that jobs without order may make
    has no steps: who is in it is put last."""
    steps: dict[str, int] = {}
    bits = {name: 1 << number for number, name in enumerate(ahead)}
    reach: dict[str, int] = {}
    reduced: dict[str, list[str]] = {}
    waiting = dict(ahead)
    while waiting:
        ready = [name for name, others in waiting.items() if all(each in steps for each in others)] or list(waiting)
        for name in ready:
            others = [each for each in waiting.pop(name) if each in steps]
            implied = 0
            for each in others:
                implied |= reach[each]
            reduced[name] = sorted({each for each in others if not implied & bits[each]})
            reach[name] = implied
            for each in others:
                reach[name] |= bits[each]
        for name in ready:
            steps[name] = 1 + max((steps[each] for each in reduced[name]), default=0)
    return steps, reduced


def _cycles(messages: list[str]) -> list[tuple[tuple[str, ...], str]]:
    """From what is told of them (`core.transaction`)."""
    found: list[tuple[tuple[str, ...], str]] = []
    ring: list[str] = []
    for text in messages:
        words = text.split()
        if "Found ordering cycle on" in text:
            ring = [words[-1].rpartition("/")[0]]
        elif "Found dependency on" in text:
            ring.append(words[-1].rpartition("/")[0])
        elif "deleted to break ordering cycle" in text:
            victim = words[words.index("deleted") - 1].rpartition("/")[0]
            found.append((tuple(ring), victim))
    return found


_ANSWERS: dict[type[ef.Effect], Callable[[_World, ef.Effect], None]] = {
    ef.Spawn: _World._spawn,  # type: ignore[dict-item]
    ef.CheckConditions: _World._check_conditions,  # type: ignore[dict-item]
    ef.KillProcesses: _World._kill,  # type: ignore[dict-item]
    ef.ListProcesses: _World._list,  # type: ignore[dict-item]
    ef.ReadPidFile: _World._read_pid_file,  # type: ignore[dict-item]
    ef.WatchPaths: _World._watch_paths,  # type: ignore[dict-item]
    ef.FindBusOwner: _World._find_owner,  # type: ignore[dict-item]
    ef.OpenSockets: lambda world, effect: world.push(ev.SocketsOpened(effect.unit)),  # type: ignore[attr-defined]
    ef.OpenAutomount: lambda world, effect: world.push(ev.AutomountOpened(effect.unit)),  # type: ignore[attr-defined]
    ef.PrepareMount: lambda world, effect: world.push(ev.MountPrepared(effect.unit)),  # type: ignore[attr-defined]
    ef.ReadMounts: lambda world, _: world.push(ev.MountsRead(tuple(world._mounts.values()))),
    ef.ReadTimerStamp: lambda world, effect: world.push(
        ev.TimerStampRead(effect.unit, world._facts.stamp(effect.path))),  # type: ignore[attr-defined]
}
