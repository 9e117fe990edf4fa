"""A fake system for the engine: processes, signals, files and a clock that jumps to the next thing that happens.

`FakeSystem` carries out effects and gives the answers as events, in the order of a seeded clock. `Behaviour` says
what a program does; `Faults` says what goes wrong on the way. `check` holds what must be true after every event.
"""

from __future__ import annotations

import heapq
import marshal
import random
from dataclasses import dataclass, field

from initd.core import effects as ef
from initd.core import events as ev
from initd.core.dependency import Dependency
from initd.core.engine import Engine
from initd.core.events import Event
from initd.core.mountpoint import MountPoint
from initd.core.order import compare_order
from initd.core.snapshot import Saved
from initd.core.states import ActiveState, ExecPhase, JobResult, JobState, JobType, ServiceType
from initd.core.unit import Unit
from initd.core.values import INFINITY, LOG_ERR, Now, PidRef, ProcessEnd, ProcessInfo

MSEC = 1000
SEC = 1_000_000
MANAGER_PID = 1


@dataclass
class Behaviour:
    """What one spawned program does. Times in µs after its start; None for never."""

    exit_after: int | None = None
    status: int = 0
    killed_by: int | None = None
    ready_after: int | None = None
    #: Leaves this many children behind when it exits.
    leaves: int = 0
    writes_pid_file: bool = False
    ignores: tuple[int, ...] = ()
    exec_fails: int = 0
    notifies: tuple[tuple[int, str], ...] = ()


@dataclass
class Process:
    pid: int
    unit: str
    phase: ExecPhase
    parent: int
    behaviour: Behaviour
    alive: bool = True


@dataclass
class Faults:
    """What the fake may do wrong, as probabilities."""

    spawn_fails: float = 0.0
    open_fails: float = 0.0
    late: float = 0.0
    doubled: float = 0.0
    lost_empty: float = 0.0
    clock_jumps: float = 0.0
    #: The manager begins anew from its saved state.
    reexecutes: float = 0.0
    reuse_pids: bool = False


@dataclass
class FakeSystem:
    engine: Engine
    seed: int = 0
    faults: Faults = field(default_factory=Faults)
    #: Sockets are opened and paths are looked at when the engine asks for it. Scripts that say so themselves do without.
    has_triggers: bool = False

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        #: Of its own, so that everything else happens the same with and without.
        self.chance = random.Random(self.seed + 1)
        self.usec = 1 * SEC
        self.wall_offset = 1_700_000_000 * SEC
        self.processes: dict[int, Process] = {}
        self.pid_files: dict[str, int] = {}
        #: Path → realtime.
        self.stamps: dict[str, int] = {}
        #: Units whose sockets or paths are watched, and paths that are there.
        self.listening: set[str] = set()
        self.watched: set[str] = set()
        self.there: set[str] = set()
        #: What is mounted, by its place.
        self.mounts: dict[str, MountPoint] = {}
        #: Exceptions are thrown in the engine: not everything holds then, and it is told.
        self.expects_bugs = False
        #: Name of the bus → pid.
        self.names: dict[str, int] = {}
        self.behaviours: dict[tuple[str, ExecPhase], list[Behaviour]] = {}
        self.condition_results: dict[str, bool] = {}
        self.queue: list[tuple[int, int, Event]] = []
        self.happenings: list[tuple[int, int, int, str]] = []
        self.trace: list[ef.Effect] = []
        self.exit: ef.Exit | None = None
        self.order = 0
        self.next_pid = 100
        self.spawned = self.reaped = 0
        #: (unit, when) of every program of ExecStart=.
        self.spawn_times: list[tuple[str, int]] = []
        self.results: list[tuple[str, JobResult]] = []

    # --- driving -----------------------------------------------------------------------------------------------

    @property
    def now(self) -> Now:
        return Now(self.usec, self.usec + self.wall_offset)

    def send(self, event: Event) -> None:
        """Something happens now."""
        self._push(self.usec, event)
        self.settle()

    def settle(self) -> None:
        """Deliver everything that happens at this instant."""
        while self.exit is None and self.queue and self.queue[0][0] <= self.usec:
            _, _, event = heapq.heappop(self.queue)
            self._deliver(event)

    def run(self, until: int | None = None, steps: int = 20_000) -> None:
        """Let time pass: to the next event or deadline, again and again, until nothing is left or `until` is reached."""
        for _ in range(steps):
            if self.exit is not None:
                return
            deadline = self.engine.next_deadline()
            times = [self.queue[0][0]] if self.queue else []
            times += [self.happenings[0][0]] if self.happenings else []
            times += [deadline] if deadline is not None else []
            if not times or (until is not None and min(times) > until):
                if until is not None:
                    self.usec = max(self.usec, until)
                return
            self.usec = max(self.usec, min(times))
            if self.random.random() < self.faults.clock_jumps:
                self.wall_offset += self.random.randint(-3600, 3600) * SEC
                if self.has_triggers:
                    self._push(self.usec, self.random.choice((ev.ClockChanged, ev.TimeZoneChanged))())
            while self.happenings and self.happenings[0][0] <= self.usec:
                _, _, pid, what = heapq.heappop(self.happenings)
                self._happen(pid, what)
            self.settle()
            deadline = self.engine.next_deadline()
            if deadline is not None and deadline <= self.usec and self.exit is None:
                self._deliver(ev.Tick())
        raise AssertionError("the system does not come to rest")

    def _push(self, usec: int, event: Event) -> None:
        if self.random.random() < self.faults.late:
            usec += self.random.randint(0, 200 * MSEC)
        self.order += 1
        heapq.heappush(self.queue, (usec, self.order, event))

    def _deliver(self, event: Event) -> None:
        if isinstance(event, ev.MountsRead):
            event = ev.MountsRead(tuple(self.mounts.values()))  # it is read when it is heard of
        effects = self.engine.handle(event, self.now)
        for effect in effects:
            self._perform(effect)
        self.check(event)
        if isinstance(event, (ev.UnitEmpty, ev.ProcessesListed)) and self.random.random() < self.faults.doubled:
            self._push(self.usec, event)
        if self.exit is None and not self.engine.graph.missing() and self.chance.random() < self.faults.reexecutes:
            self.reexecute()

    def reexecute(self) -> None:
        """As the manager does it: the state through marshal, the units from their files."""
        plain = marshal.loads(marshal.dumps(self.engine.save()))
        old, self.engine = self.engine, Engine(self.now, 0)
        self.engine.pinned = old.pinned
        saved = Saved(plain)
        saved.reserve(self.engine.world)
        self.engine.handle(ev.UnitsLoaded(tuple(unit.definition for unit in old.graph.units.values())), self.now)
        for effect in self.engine.restore(saved, self.now):
            self._perform(effect)
        # Timers and paths look at what has become of the world meanwhile.
        assert self.has_triggers or self.engine.save() == plain

    # --- carrying out --------------------------------------------------------------------------------------------

    def _perform(self, effect: ef.Effect) -> None:
        self.trace.append(effect)
        if isinstance(effect, ef.Spawn):
            self._spawn(effect)
        elif isinstance(effect, ef.KillProcesses):
            self._kill(effect)
        elif isinstance(effect, ef.KillEverything):
            alive = [process for process in self.processes.values() if process.alive]
            for process in alive:
                self._signal(process, effect.signal)
            left = sum(process.alive for process in self.processes.values())
            self._push(self.usec, ev.ProcessesKilled("", left))
        elif isinstance(effect, ef.CheckConditions):
            met = self.condition_results.get(effect.unit, True)
            self._push(self.usec, ev.ConditionsChecked(
                effect.unit, (met,) * len(effect.conditions), (met,) * len(effect.asserts)))
        elif isinstance(effect, ef.ReadPidFile):
            self._read_pid_file(effect)
        elif isinstance(effect, ef.ReadTimerStamp):
            self._push(self.usec, ev.TimerStampRead(effect.unit, self.stamps.get(effect.path)))
            self.stamps.setdefault(effect.path, self.now.realtime_usec)
        elif isinstance(effect, ef.TouchTimerStamp):
            assert effect.realtime_usec is not None
            self.stamps[effect.path] = effect.realtime_usec
        elif isinstance(effect, ef.ListProcesses):
            infos = tuple(
                ProcessInfo(process.pid, process.parent, 0, False)
                for process in self.processes.values() if process.alive and process.unit == effect.unit
            )
            self._push(self.usec, ev.ProcessesListed(effect.unit, infos))
        elif self.has_triggers and self._perform_for_trigger(effect):
            pass
        elif isinstance(effect, ef.PrepareMount):
            self._push(self.usec, ev.MountPrepared(effect.unit))
        elif isinstance(effect, ef.ReadMounts):
            self._push(self.usec, ev.MountsRead(()))
        elif isinstance(effect, ef.FindBusOwner):
            owner = self.processes.get(int(effect.owner.removeprefix(":1.")))
            found = PidRef(owner.pid) if owner is not None and owner.alive else None
            is_ours = owner is not None and owner.unit == effect.unit
            self._push(self.usec, ev.BusOwnerFound(effect.unit, effect.owner, found, is_ours))
        elif isinstance(effect, ef.JobRemoved):
            self.results.append((effect.unit, effect.result))
        elif isinstance(effect, ef.Exit):
            self.exit = effect
        elif isinstance(effect, ef.ReleaseUnit):
            for path in effect.files:
                self.pid_files.pop(path, None)
        elif isinstance(effect, ef.Log):
            assert self.expects_bugs or not (effect.priority <= LOG_ERR and "Bug:" in effect.text), effect.text

    def _perform_for_trigger(self, effect: ef.Effect) -> bool:
        if isinstance(effect, ef.OpenSockets):
            fails = self.random.random() < self.faults.open_fails
            self._push(self.usec, ev.SocketsOpened(effect.unit, "the fake says no" if fails else ""))
        elif isinstance(effect, ef.WatchSockets):
            (self.listening.add if effect.is_wanted else self.listening.discard)(effect.unit)
        elif isinstance(effect, ef.CloseSockets):
            self.listening.discard(effect.unit)
        elif isinstance(effect, ef.WatchPaths):
            self.watched.add(effect.unit)
            self._push(self.usec, ev.PathsChecked(effect.unit, "", "/there" if effect.unit in self.there else ""))
        elif isinstance(effect, ef.UnwatchPaths):
            self.watched.discard(effect.unit)
        else:
            return False
        return True

    def come(self, unit: str) -> None:
        """Somebody connects to a socket, or does something to a path."""
        if unit in self.listening:
            self.send(ev.SocketReady(unit))
        elif unit in self.watched:
            self.send(ev.PathTouched(unit, self.random.choice(("", "/changed"))))

    def _behaviour(self, unit: str, phase: ExecPhase) -> Behaviour:
        planned = self.behaviours.get((unit, phase))
        if planned:
            return planned.pop(0) if len(planned) > 1 else planned[0]
        settings = self.engine.units[unit].definition.specific
        kind = getattr(settings, "type", ServiceType.SIMPLE)
        if phase is not ExecPhase.START:
            return Behaviour(exit_after=5 * MSEC)
        if kind is ServiceType.ONESHOT:
            return Behaviour(exit_after=20 * MSEC)
        if kind is ServiceType.FORKING:
            return Behaviour(exit_after=20 * MSEC, leaves=1, writes_pid_file=True)
        return Behaviour(ready_after=30 * MSEC)

    def _spawn(self, effect: ef.Spawn) -> None:
        if effect.request.phase is ExecPhase.START:
            self.spawn_times.append((effect.request.unit, self.usec))
        request = effect.request
        if self.random.random() < self.faults.spawn_fails:
            status = self.random.choice((217, 203, 200))
            self._push(self.usec, ev.SpawnFailed(request.unit, request.phase, status, "the fake says no"))
            return
        behaviour = self._behaviour(request.unit, request.phase)
        pid = self._new_process(request.unit, request.phase, MANAGER_PID, behaviour)
        self.spawned += 1
        self._push(self.usec, ev.SpawnDone(request.unit, request.phase, pid))
        if behaviour.exec_fails:
            self._push(self.usec, ev.ExecFailed(request.unit, pid, behaviour.exec_fails, "EXEC", 2, "No such file"))
            self._later(1, pid, f"exit {behaviour.exec_fails}")
            return
        self._push(self.usec + 100, ev.ExecSucceeded(request.unit, pid))
        if behaviour.ready_after is not None and request.may_notify:
            self._later(behaviour.ready_after, pid, "notify READY=1")
        if behaviour.ready_after is not None and self._bus_name(request.unit) and request.phase is ExecPhase.START:
            self._later(behaviour.ready_after, pid, "name")
        for usec, text in behaviour.notifies:
            self._later(usec, pid, f"notify {text}")
        if behaviour.exit_after is not None:
            ends = f"signal {behaviour.killed_by}" if behaviour.killed_by else f"exit {behaviour.status}"
            self._later(behaviour.exit_after, pid, ends)

    def _bus_name(self, unit: str) -> str:
        return str(getattr(self.engine.units[unit].definition.specific, "bus_name", ""))

    def _new_process(self, unit: str, phase: ExecPhase, parent: int, behaviour: Behaviour) -> int:
        free = [pid for pid, process in self.processes.items() if not process.alive]
        if self.faults.reuse_pids and free and self.random.random() < 0.5:
            pid = self.random.choice(free)
        else:
            pid, self.next_pid = self.next_pid, self.next_pid + 1
        self.processes[pid] = Process(pid, unit, phase, parent, behaviour)
        return pid

    def _later(self, usec: int, pid: int, what: str) -> None:
        self.order += 1
        heapq.heappush(self.happenings, (self.usec + usec, self.order, pid, what))

    def _happen(self, pid: int, what: str) -> None:
        process = self.processes.get(pid)
        if process is None or not process.alive:
            return
        verb, _, word = what.partition(" ")
        if verb == "notify":
            fields = tuple((name, value) for name, _, value in (line.partition("=") for line in word.split("\n")))
            self._push(self.usec, ev.NotifyReceived(process.unit, pid, 0, fields))
        elif verb == "name":
            name = self._bus_name(process.unit)
            if self.names.setdefault(name, pid) == pid:
                self._push(self.usec, ev.BusNameChanged(name, f":1.{pid}"))
        elif verb == "exit":
            self._leave_children(process)
            self._end(process, ProcessEnd("exited", int(word)))
        else:
            self._end(process, ProcessEnd("killed", int(word)))

    def _leave_children(self, process: Process) -> None:
        for _ in range(process.behaviour.leaves):
            child = self._new_process(process.unit, process.phase, MANAGER_PID, Behaviour(ignores=process.behaviour.ignores))
            if process.behaviour.writes_pid_file:
                settings = self.engine.units[process.unit].definition.specific
                path = getattr(settings, "pid_file", "")
                if path:
                    self.pid_files[path] = child

    def mount(self, where: str, what: str = "tmpfs") -> None:
        """The kernel's table changes."""
        self.mounts[where] = MountPoint(where, what, "tmpfs", "rw")
        self._push(self.usec, ev.MountsRead(()))

    def unmount(self, where: str) -> None:
        if self.mounts.pop(where, None) is not None:
            self._push(self.usec, ev.MountsRead(()))

    def _end(self, process: Process, end: ProcessEnd) -> None:
        process.alive = False
        if end == ProcessEnd("exited", 0) and process.phase in (ExecPhase.MOUNT, ExecPhase.UNMOUNT):
            where = getattr(self.engine.units[process.unit].definition.specific, "where", "")
            self.mount(where) if process.phase is ExecPhase.MOUNT else self.unmount(where)
        self.reaped += 1
        self._push(self.usec, ev.ProcessExited(process.unit, process.pid, end))
        for name in [name for name, pid in self.names.items() if pid == process.pid]:
            del self.names[name]
            self._push(self.usec, ev.BusNameChanged(name, ""))
        if not any(other.alive and other.unit == process.unit for other in self.processes.values()):
            if self.random.random() >= self.faults.lost_empty:
                self._push(self.usec, ev.UnitEmpty(process.unit))

    def _signal(self, process: Process, signal: int) -> bool:
        if signal and process.alive and signal not in process.behaviour.ignores:
            self._end(process, ProcessEnd("killed", signal))
        return True

    def _kill(self, effect: ef.KillProcesses) -> None:
        named = {ref.pid for ref in (effect.main, effect.control) if ref is not None}
        reached = [
            process for process in self.processes.values()
            if process.alive and (process.pid in named or (effect.everyone and process.unit == effect.unit))
        ]
        for process in reached:
            self._signal(process, effect.signal)
        self._push(self.usec, ev.ProcessesKilled(effect.unit, len(reached)))

    def _read_pid_file(self, effect: ef.ReadPidFile) -> None:
        pid = self.pid_files.get(effect.path)
        process = self.processes.get(pid) if pid is not None else None
        if process is None or not process.alive:
            self._push(self.usec, ev.PidFileRead(effect.unit, effect.path, None, problem="Can't open PID file"))
        else:
            self._push(self.usec, ev.PidFileRead(
                effect.unit, effect.path, PidRef(process.pid), process.unit == effect.unit, True))

    # --- what must always hold --------------------------------------------------------------------------------------

    def check(self, event: Event) -> None:
        if self.expects_bugs:
            return
        for unit in self.engine.graph.units.values():
            if unit.job is not None:
                assert self.engine.jobs.get(unit.job.id) is unit.job, (event, unit)
        for job in self.engine.jobs.values():
            unit = self.engine.graph.units[job.unit]
            assert unit.job is job, (event, job)
            if job.state is JobState.RUNNING and not job.ignores_order:
                self._check_order(unit, event)

    def _check_order(self, unit: Unit, event: Event) -> None:
        """Of two ordered units whose jobs run, never both at once."""
        job = unit.job
        assert job is not None
        for kind, is_before in ((Dependency.BEFORE, True), (Dependency.AFTER, False)):
            for name in unit.dependencies.get(kind, ()):
                other = self.engine.graph.units.get(name)
                if other is None or other.job is None or other.job.ignores_order:
                    continue
                if other.job.state is JobState.RUNNING and compare_order(job.type, other.job.type, is_before) > 0:
                    # A job that was installed later may have to go first; the one that runs already is not called back.
                    assert other.job.id > job.id or JobType.RESTART in (job.type, other.job.type), (event, job, other.job)

    def check_at_rest(self) -> None:
        """With time and answers supplied: no job waits for ever, and every process is accounted for."""
        assert not self.engine.jobs, [str(job) for job in self.engine.jobs.values()]
        for process in self.processes.values():
            unit = self.engine.graph.units[process.unit]
            if process.alive and unit.active_state.is_down:
                kill = unit.definition.kill
                mode = kill.kill_mode.value if kill is not None else "control-group"
                assert mode in ("process", "none", "mixed"), f"{process} outlived {unit}"

    def state(self, name: str) -> tuple[str, str]:
        unit = self.engine.units[name]
        return unit.active_state.value, unit.sub_state


__all__ = ["ActiveState", "Behaviour", "FakeSystem", "Faults", "INFINITY", "JobResult", "MSEC", "SEC"]
