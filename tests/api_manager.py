"""A manager for tests of the API and of `systemctl`: the real engine and loader, units in a directory, no processes.

Spawned programs exist only as numbers: they start at once, and end when they are signalled. `serve` puts the whole
behind a real control socket.
"""

from __future__ import annotations

import select
import time
from pathlib import Path

from initd.core import effects as ef
from initd.core import events as ev
from initd.core.answers import IN_FILE, Call, Error, Order, Return, Submit
from initd.core.api import answer
from initd.core.api_signals import signal_for
from initd.core.engine import Engine
from initd.core.load import load_unit
from initd.core.sources import NO_FACTS, Allowed, LoadFacts
from initd.core.unit import Unit
from initd.core.unitfates import DirectiveFate, judge_unit
from initd.core.values import Now, ProcessEnd, ProcessInfo
from initd.core.view import Usage, View
from initd.core.whence import Whence
from initd.shell.backlog import Backlog
from initd.shell.control import Control
from initd.shell.unitdirs import UnitDirs
from initd.wire import dbus

FIRST_PID = 1000

Answer = Return | Error | Submit | Order


class FakeFacts:
    version = "252 (pyinit test)"
    features = "+SECCOMP"
    tainted = ""
    virtualization = "podman"
    architecture = "x86-64"
    machine_id = "0123456789abcdef0123456789abcdef"
    uid = 4242
    unit_path = ("/etc/systemd/system", "/lib/systemd/system")
    control_group = ""
    can_freeze = False

    def __init__(self, manager: FakeManager) -> None:
        self._manager = manager
        self.load = manager.facts

    def processes(self) -> dict[str, list[ProcessInfo]]:
        found: dict[str, list[ProcessInfo]] = {"init.scope": [ProcessInfo(1, 0, 0, False, "/sbin/pyinit")]}
        for pid, (unit, command) in self._manager.processes.items():
            found.setdefault(unit, []).append(ProcessInfo(pid, 1, 0, False, command))
        return found

    def process_kind(self, pid: int) -> str:
        return "manager process" if pid == 1 else "process" if pid in self._manager.processes else ""

    def usage(self, unit: Unit) -> Usage:
        tasks = sum(name == unit.name for name, _ in self._manager.processes.values())
        return Usage(tasks=tasks, memory=3 << 20, cpu_nsec=1_500_000) if tasks else Usage()

    def freezer_state(self, unit: Unit) -> str:
        return "running"

    def control_group_id(self, unit: Unit) -> int:
        return 0

    def needs_reload(self, unit: Unit) -> bool:
        return unit.name in self._manager.changed_on_disk

    def unit_file_state(self, unit: Unit) -> str:
        return "enabled" if unit.definition.fragment_path else ""

    def unit_file_preset(self, unit: Unit) -> str:
        return "enabled" if unit.definition.fragment_path else ""

    def directive_fates(self, unit: Unit) -> list[DirectiveFate]:
        return judge_unit(self._manager.dirs.read(unit.name), unit.definition, Allowed())

    def now(self) -> Now:
        return self._manager.now()

    def whence(self) -> Whence:
        return Whence(self._manager.dirs.read, self._manager.dirs.link_to)

    def dynamic_users(self) -> dict[str, int]:
        return {}

    def ids(self, unit: Unit) -> tuple[int | None, int | None]:
        return (None, None)


class FakeManager:
    def __init__(self, root: Path, facts: LoadFacts = NO_FACTS) -> None:
        self.root = root
        self.facts = facts
        self.dirs = UnitDirs(str(root))
        self.engine = Engine(self.now(), seed=1)
        self.processes: dict[int, tuple[str, str]] = {}
        self.changed_on_disk: set[str] = set()
        #: Programs that end at once, with this status.
        self.exits: dict[str, int] = {}
        self.orders: list[Order] = []
        self.effects: list[ef.Effect] = []
        self.view = View(self.engine, FakeFacts(self), self.load)
        self.control: Control | None = None
        self._waiting: dict[int, tuple[object, Submit]] = {}
        self._answers: dict[object, Answer] = {}
        self._next_request = 1
        self._next_pid = FIRST_PID
        self.write_base()

    def write_base(self) -> None:
        for name in ("sysinit.target", "basic.target", "shutdown.target"):
            self.write(name, "[Unit]\nDefaultDependencies=no\n")

    def now(self) -> Now:
        return Now(time.monotonic_ns() // 1000, time.time_ns() // 1000)

    # --- units ------------------------------------------------------------------------------------------------------

    def write(self, name: str, text: str) -> Path:
        path = self.root / "etc/systemd/system" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        self.dirs.forget()
        return path

    def load(self, name: str) -> Unit:
        graph = self.engine.graph
        graph.want(name)
        while missing := graph.missing():
            self.feed(ev.UnitsLoaded(tuple(load_unit(self.dirs.read(each), self.facts) for each in missing)))
        return graph.by_name[name]

    # --- the engine -------------------------------------------------------------------------------------------------

    def feed(self, event: ev.Event) -> None:
        events = [event]
        while events:
            effects = self.engine.handle(events.pop(0), self.now())
            for effect in effects:
                self.effects.append(effect)
                events += self._carry_out(effect)

    def _carry_out(self, effect: ef.Effect) -> list[ev.Event]:
        if isinstance(effect, ef.Spawn):
            return self._spawn(effect)
        if isinstance(effect, ef.KillProcesses):
            return self._kill(effect)
        if isinstance(effect, ef.CheckConditions):
            all_true = tuple(tuple(True for _ in each) for each in (effect.conditions, effect.asserts))
            return [ev.ConditionsChecked(effect.unit, *all_true)]
        if isinstance(effect, ef.ListProcesses):
            return [ev.ProcessesListed(effect.unit, ())]
        if isinstance(effect, ef.ReadPidFile):
            return [ev.PidFileRead(effect.unit, effect.path, None)]
        if isinstance(effect, (ef.Reply, ef.Refused)):
            self._finish(effect)
        if self.control is not None:
            for signal in signal_for(effect, self.view):
                self.control.signal(*signal)
        return []

    def _spawn(self, effect: ef.Spawn) -> list[ev.Event]:
        request = effect.request
        pid, self._next_pid = self._next_pid, self._next_pid + 1
        begun = [ev.SpawnDone(request.unit, request.phase, pid), ev.ExecSucceeded(request.unit, pid)]
        status = self.exits.get(request.command.path)
        if status is not None:
            return [*begun, ev.ProcessExited(request.unit, pid, ProcessEnd("exited", status)), ev.UnitEmpty(request.unit)]
        self.processes[pid] = (request.unit, " ".join(request.command.argv))
        return begun

    def _kill(self, effect: ef.KillProcesses) -> list[ev.Event]:
        pids = [pid for pid, (unit, _) in self.processes.items() if unit == effect.unit]
        for pid in pids:
            del self.processes[pid]
        ended = [ev.ProcessExited(effect.unit, pid, ProcessEnd("killed", effect.signal)) for pid in pids]
        return [ev.ProcessesKilled(effect.unit, len(pids)), *ended, ev.UnitEmpty(effect.unit)]

    # --- calls ------------------------------------------------------------------------------------------------------

    def call(self, path: str, interface: str, member: str, signature: str = "", *body: object, uid: int = 0,
             client: str = "") -> Answer:
        """The answer a client gets in the end; an Order stays one."""
        key = object()
        self._submit(key, Call(path, interface, member, signature, body, uid, client))
        return self._answers.pop(key)

    def _submit(self, key: object, call: Call) -> None:
        found = answer(call, self.view)
        if not isinstance(found, Submit):
            self._deliver(key, found)
            return
        request, self._next_request = self._next_request, self._next_request + 1
        self._waiting[request] = (key, found)
        self.feed(found.event.replace(request=request))

    def _finish(self, effect: ef.Reply | ef.Refused) -> None:
        waiting = self._waiting.pop(effect.request, None)
        if waiting is None:
            return
        key, submit = waiting
        if isinstance(effect, ef.Refused):
            self._deliver(key, Error(effect.error, effect.text))
        else:
            self._deliver(key, submit.finish(effect.values, self.view))

    def _deliver(self, key: object, found: Answer) -> None:
        if not isinstance(key, tuple):
            self._answers[key] = found
            return
        assert self.control is not None
        if isinstance(found, Order):
            self.orders.append(found)
            if found.kind == IN_FILE:
                self.control.reply_file(*key, found.args[0])
                return
            found = self.carry_out_order(found)
        if isinstance(found, Return):
            self.control.reply(*key, found.signature, found.values)
        elif isinstance(found, Error):
            self.control.error(*key, found.name, found.text)

    def carry_out_order(self, order: Order) -> Return | Error:
        return self.order_answers.get(order.kind, Error("org.x.NotHere", f"{order.kind} is not faked"))

    order_answers: dict[str, Return | Error] = {"Reload": Return(), "Subscribe": Return()}

    # --- a real socket ----------------------------------------------------------------------------------------------

    def serve(self, path: str, is_over: object) -> None:
        """Answer clients until `is_over()`."""
        loop = _Loop()
        backlog = Backlog(lambda: self.now().monotonic_usec)
        self.control = Control(loop, self._on_call, lambda: self.now().monotonic_usec, backlog)
        self.control.open(path)
        while not is_over():  # type: ignore[operator]
            loop.turn(0 if backlog.is_pending else 0.05)
            backlog.go_on(is_busy=False)
            self.control.on_deadline()
            deadline = self.engine.next_deadline()
            if deadline is not None and deadline <= self.now().monotonic_usec:
                self.feed(ev.Tick())
        self.control.close()

    def _on_call(self, client: int, uid: int, message: dbus.Message) -> None:
        call = Call(message.path, message.interface, message.member, message.signature, message.body, uid)
        self._submit((client, message.serial), call)


class _Loop:
    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._callbacks: dict[int, object] = {}

    def add(self, fd: int, mask: int, callback: object) -> None:
        self._epoll.register(fd, mask)
        self._callbacks[fd] = callback

    def modify(self, fd: int, mask: int) -> None:
        self._epoll.modify(fd, mask)

    def remove(self, fd: int) -> None:
        self._epoll.unregister(fd)
        del self._callbacks[fd]

    def turn(self, timeout: float) -> None:
        for fd, mask in self._epoll.poll(timeout):
            if fd in self._callbacks:
                self._callbacks[fd](mask)  # type: ignore[operator]
