"""One service and its engine, told event by event what happens: the quick form of tests/conformance/services.

Processes come to be when they are asked for and get pids in turn; signals reach whoever lives, and what that leads to is
the test's to say.
"""

from __future__ import annotations

from initd.core import effects as ef
from initd.core import events as ev
from initd.core.engine import Engine
from initd.core.load import LoadFacts, load_unit
from initd.core.sources import UnitFiles, UnitText
from initd.core.states import JobMode, JobType
from initd.core.values import Now, OfferedFd, PidRef, ProcessEnd

NAME = "a.service"
BUS_NAME = "org.example.a"
#: What units say that are only mentioned.
_TEXTS = {
    "dbus.socket": "[Unit]\nDefaultDependencies=no\n[Socket]\nListenStream=/run/x",
    "dbus.service": "[Unit]\nDefaultDependencies=no\n[Service]\nExecStart=/bin/x",
}
SEC = 1_000_000
SIGNALS = {"HUP": 1, "INT": 2, "ABRT": 6, "KILL": 9, "USR1": 10, "USR2": 12, "TERM": 15}


class Script:
    """`did` is what the last step asked for: "start", "kill TERM everyone", …; `state` the sub-state."""

    def __init__(self, *lines: str, unit: tuple[str, ...] = ()) -> None:
        text = "\n".join(["[Unit]", "DefaultDependencies=no", *unit, "[Service]", *lines])
        if "Exec" not in text:
            text += "\nExecStart=/bin/main"
        self.usec = 1_000 * SEC
        self.engine = Engine(self.now, 252)
        definition = _load(NAME, text)
        self.engine.pinned = frozenset((NAME,))
        self.alive: dict[int, str] = {}
        self.next_pid = 100
        self.did: list[str] = []
        self.effects: list[ef.Effect] = []
        self.results: list[str] = []
        self._handle(ev.UnitsLoaded((definition,)))
        while missing := self.engine.graph.missing():
            self._handle(ev.UnitsLoaded(tuple(_load(name, _TEXTS.get(name, "")) for name in missing)))
        assert self.unit.is_loaded, self.unit.load_error

    @property
    def now(self) -> Now:
        return Now(self.usec, self.usec + 1_700_000_000 * SEC)

    @property
    def unit(self):
        return self.engine.units[NAME]

    @property
    def machine(self):
        return self.unit.machine

    @property
    def state(self) -> str:
        return self.machine.sub_state

    @property
    def result(self) -> str:
        return self.machine.result.value

    # --- steps -------------------------------------------------------------------------------------------------------

    def ask(self, job: JobType) -> Script:
        return self.send(ev.JobRequest(1, NAME, job, JobMode.REPLACE))

    def start(self) -> Script:
        return self.ask(JobType.START)

    def stop(self) -> Script:
        return self.ask(JobType.STOP)

    def send(self, event: ev.Event) -> Script:
        self.did, self.effects = [], []
        self._handle(event)
        return self

    def ends(self, how: str | int = 0, pid: int = 0) -> Script:
        """The main process (or this one) exits with a status, or by a signal ("TERM", "dumped ABRT")."""
        pid = pid or self.machine.main_pid
        if isinstance(how, int):
            end = ProcessEnd("exited", how)
        else:
            end = ProcessEnd("dumped" if "dumped" in how else "killed", SIGNALS[how.split()[-1]])
        del self.alive[pid]
        self.send(ev.ProcessExited(NAME, pid, end))
        if not self.alive:
            did = self.did
            self.send(ev.UnitEmpty(NAME))
            self.did = did + self.did
        return self

    def control_ends(self, how: str | int = 0) -> Script:
        return self.ends(how, self.machine.control_pid)

    def says(self, *fields: str, pid: int = 0, **more) -> Script:
        pairs = tuple((name, value) for name, _, value in (field.partition("=") for field in fields))
        return self.send(ev.NotifyReceived(NAME, pid or self.machine.main_pid, 0, pairs, **more))

    def name(self, owner: str = "") -> Script:
        """BusName= has this owner now."""
        return self.send(ev.BusNameChanged(BUS_NAME, owner))

    def after(self, seconds: float) -> Script:
        """Time passes, and the machine is woken up if it wanted to be."""
        self.usec += int(seconds * SEC)
        deadline = self.engine.next_deadline()
        if deadline is None or deadline > self.usec:
            self.did = []
            return self
        return self.send(ev.Tick())

    def fork(self) -> int:
        """A process beside those that were asked for."""
        self.next_pid += 1
        self.alive[self.next_pid] = "forked"
        return self.next_pid

    # --- carrying out --------------------------------------------------------------------------------------------------

    def _handle(self, event: ev.Event) -> None:
        for effect in self.engine.handle(event, self.now):
            self.effects.append(effect)
            answer = self._perform(effect)
            if answer is not None:
                self._handle(answer)

    def _perform(self, effect: ef.Effect) -> ev.Event | None:
        if isinstance(effect, ef.Spawn):
            phase = effect.request.phase
            self.next_pid += 1
            self.alive[self.next_pid] = phase.value
            self.did.append(phase.value.removeprefix("Exec"))
            return ev.SpawnDone(NAME, phase, self.next_pid)
        if isinstance(effect, ef.KillProcesses):
            named = {ref.pid for ref in (effect.main, effect.control) if ref is not None}
            reached = self.alive.keys() if effect.everyone else named & self.alive.keys()
            name = next(name for name, number in SIGNALS.items() if number == effect.signal)
            if reached:
                self.did.append(f"kill {name}" + (" everyone" if effect.everyone else ""))
            return ev.ProcessesKilled(NAME, len(reached))
        if isinstance(effect, ef.OpenSockets):
            return ev.SocketsOpened(effect.unit)
        if isinstance(effect, ef.FindBusOwner):
            pid = int(effect.owner.removeprefix(":1."))
            return ev.BusOwnerFound(NAME, effect.owner, PidRef(pid) if pid in self.alive else None, True)
        if isinstance(effect, ef.CheckConditions):
            return ev.ConditionsChecked(NAME, (True,) * len(effect.conditions), (True,) * len(effect.asserts))
        if isinstance(effect, ef.JobRemoved):
            self.results.append(effect.result.value)
        elif isinstance(effect, ef.Exit):
            self.did.append(f"exit {effect.exit_code}")
        elif isinstance(effect, ef.StoreDescriptors):
            self.did.append(f"store {effect.fds}")
        elif isinstance(effect, ef.CloseDescriptors):
            self.did.append(f"close {effect.fds}")
        return None


def _load(name: str, text: str):
    return load_unit(UnitFiles(name, (name,), UnitText(f"/u/{name}", text)), LoadFacts())


def offered(*numbers: int) -> tuple[OfferedFd, ...]:
    return tuple(OfferedFd(number, f"file {number}") for number in numbers)


__all__ = ["BUS_NAME", "NAME", "SEC", "PidRef", "Script", "offered"]
