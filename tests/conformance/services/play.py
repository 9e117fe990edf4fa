"""Plays cases to the init of a container, and writes down what its clients hear: the trace of each unit.

A trace is the sequence of different (ActiveState, SubState, Result, ExecMainCode/Status, NRestarts) that the unit's
PropertiesChanged signals tell, and how its jobs ended. Both inits are asked over their private D-Bus socket, and told the
same: the player speaks to one as to the other.
"""

from __future__ import annotations

import io
import os
import selectors
import shutil
import socket
import subprocess
import sys
import tarfile
import time
from collections import deque
from pathlib import Path
from typing import Any, NamedTuple

from initd.core.objectpath import unit_path
from initd.wire import dbus
from initd.wire.sasl import CLIENT_GREETING, ClientHandshake

HERE = Path(__file__).resolve().parent
#: Where the cases' processes find the actor, and leave what they saw.
ACTOR = "/t/actor"
OUT = "run/t"

SYSTEMD = "org.freedesktop.systemd1"
MANAGER = SYSTEMD + ".Manager"
PROPERTIES = "org.freedesktop.DBus.Properties"

#: Cases at once: what is timed in them must not be moved by the load they make.
AT_ONCE = 10
STEP_SEC = 25.0
#: Nothing has changed for so long: this was the end.
SETTLE_SEC = 0.7


class Case(NamedTuple):
    """Unit name → text, or nothing where it is there already; what to do, step by step. A step without a unit means the first.

    Steps: start, stop, restart, reload, reset-failed [unit] (asked, and not waited for); job (until none is left);
    until STATE [unit]; gate NAME; kill WHO SIGNAL; run COMMAND (of a shell inside, waited for);
    clean WHAT[,WHAT …] [unit]; sleep SECONDS; settle SECONDS (without a change); seen LINE (that a process wrote);
    show PROPERTY [unit [interface]]; sorted (what the processes wrote, since they were not in step); collapsed (without
    the main process's end before the last entry, since two processes ended at once); without SUBSTATE (which may be over
    before anybody hears of it).
    """

    name: str
    units: dict[str, str]
    steps: tuple[str, ...]

    @property
    def unit(self) -> str:
        return next(iter(self.units))


class Client:
    """A D-Bus connection to the manager inside, that never waits."""

    def __init__(self, pid: int) -> None:
        self.socket = connect_inside(pid, f"/proc/{pid}/root/run/systemd/private")
        self.socket.settimeout(30)
        self.socket.sendall(CLIENT_GREETING)
        handshake = ClientHandshake()
        while not handshake.is_done:
            handshake.feed(self.socket.recv(4096))
        self.parser = dbus.Parser(dbus.MAX_MESSAGE)
        self.parser.feed(handshake.rest)
        self.serial = 0
        self.waiting: dict[int, Any] = {}

    def call(self, member: str, signature: str, body: tuple, then: Any, path: str = "/org/freedesktop/systemd1",
             interface: str = MANAGER) -> None:
        self.serial += 1
        self.waiting[self.serial] = then
        message = dbus.Message(dbus.METHOD_CALL, self.serial, 0, path, interface, member, destination=SYSTEMD,
                               signature=signature, body=body)
        self.socket.sendall(dbus.encode(message))

    def messages(self, timeout: float) -> list[dbus.Message]:
        """What has come. Answers have been given to whoever asked; signals are returned."""
        out = []
        with selectors.DefaultSelector() as selector:
            selector.register(self.socket, selectors.EVENT_READ)
            if not selector.select(timeout):
                return []
        data = self.socket.recv(1 << 20)
        if not data:
            raise ConnectionError("the manager has hung up")
        self.parser.feed(data)
        while (message := self.parser.next_message()) is not None:
            if message.type == dbus.SIGNAL:
                out.append(message)
            elif message.reply_serial in self.waiting:
                self.waiting.pop(message.reply_serial)(message)
        return out


#: Connects, and gives the connection away.
_CONNECT = """
import socket, sys
connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
connection.connect(sys.argv[1])
socket.send_fds(socket.socket(fileno=int(sys.argv[2])), [b"."], [connection.fileno()])
"""


def connect_inside(pid: int, path: str) -> socket.socket:
    """A connection made in the container's own pid namespace: systemd hangs up on a client whose pid it cannot see."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        number = theirs.fileno()
        command = ["nsenter", "--target", str(pid), "--pid", sys.executable, "-c", _CONNECT, path, str(number)]
        subprocess.run(command, pass_fds=[number], check=True)
        (fd,) = socket.recv_fds(ours, 1, 1)[1]
    return socket.socket(fileno=fd)


class Watched:
    """What has been heard of one unit."""

    def __init__(self) -> None:
        self.known: dict[str, Any] = {"ActiveState": "inactive", "SubState": "dead", "Result": "success"}
        self.last = spell(self.known)
        self.trace: list[str] = []
        self.jobs: list[str] = []
        self.states: deque[str] = deque()
        self.changed = time.monotonic()

    def hear(self, interface: str, values: dict[str, tuple[str, Any]]) -> None:
        self.known.update({name: value for name, (_, value) in values.items()})
        if interface != SYSTEMD + ".Unit":
            return  # the unit's own interface comes first
        line = spell(self.known)
        if line != self.last:
            self.last = line
            self.trace.append(line)
            self.states.append(str(self.known["SubState"]))
            self.changed = time.monotonic()


def spell(known: dict[str, Any]) -> str:
    main = f"{known.get('ExecMainCode', 0)}/{known.get('ExecMainStatus', 0)}"
    return (f"{known['ActiveState']}/{known['SubState']} {known.get('Result', '-')} {main} {known.get('NRestarts', 0)}")


def collapse(trace: list[str]) -> list[str]:
    """States and results alone, but for the last entry; and not that it is down before anything has happened."""
    shorter = [" ".join(line.split()[:2]) for line in trace[:-1]]
    if shorter and shorter[0] == "inactive/dead success":
        first = next((place for place, line in enumerate(shorter) if line != shorter[0]), len(shorter))
        shorter, trace = shorter[first:], trace[first:]
    return [line for line, before in zip(shorter, ["", *shorter]) if line != before] + trace[-1:]


class Run:
    """One case being played."""

    def __init__(self, case: Case, player: Player) -> None:
        self.case, self.player = case, player
        self.steps = deque(case.steps)
        self.watched = {name: Watched() for name in case.units if "/" not in name}
        self.pending = 0
        self.answers: list[str] = []
        self.step_began = time.monotonic()
        self.problem = ""
        self.flags: set[str] = set()
        self.unheard: list[str] = []
        # Gates that are open and lines that are written when it is played again would be of the time before.
        shutil.rmtree(player.root / OUT / case.name, ignore_errors=True)

    def advance(self) -> bool:
        """Do what can be done. True once it is over."""
        while self.steps:
            now = time.monotonic()
            if now - self.step_began > STEP_SEC:
                self.problem = f"waited too long: {self.steps[0]}"
                return True
            if not self._is_done(self.steps[0].split()):
                return False
            self.steps.popleft()
            self.step_began = time.monotonic()
        return time.monotonic() - max(self.step_began, self._last_change()) > SETTLE_SEC and not self.pending

    def _last_change(self) -> float:
        return max(each.changed for each in self.watched.values())

    def _is_done(self, words: list[str]) -> bool:
        verb, *rest = words
        if verb == "until":
            return self._has_been(rest[0], rest[1] if len(rest) > 1 else self.case.unit)
        if verb == "job":
            return not self.pending
        if verb == "seen":
            out = self.player.root / OUT / self.case.name / "out"
            return out.exists() and " ".join(rest) in out.read_text().splitlines()
        if verb == "settle":
            return time.monotonic() - max(self.step_began, self._last_change()) >= float(rest[0])
        if verb in ("sorted", "collapsed"):
            self.flags.add(verb)
            return True
        if verb == "without":
            self.unheard += rest
            return True
        if verb == "sleep":
            return time.monotonic() - self.step_began >= float(rest[0])
        if verb == "run":
            self.player.run(" ".join(rest))
        elif verb == "gate":
            directory = self.player.root / OUT / self.case.name
            if not directory.is_dir():
                return False
            (directory / rest[0]).touch()
        elif verb == "kill":
            self._ask("KillUnit", "ssi", (self.case.unit, rest[0], int(rest[1])))
        elif verb == "show":
            unit = rest[1] if len(rest) > 1 else self.case.unit
            interface = SYSTEMD + (".Service" if len(rest) < 3 else rest[2])
            self.pending += 1
            self.player.client.call("Get", "ss", (interface, rest[0]), lambda reply: self._shown(rest[0], reply),
                                    unit_path(unit), PROPERTIES)
        elif verb == "clean":
            self._ask("CleanUnit", "sas", (rest[1] if len(rest) > 1 else self.case.unit, rest[0].split(",")))
        elif verb == "reset-failed":
            self._ask("ResetFailedUnit", "s", (self.case.unit,))
        else:
            unit = rest[0] if rest else self.case.unit
            self.watched[unit].changed = time.monotonic()
            method = {"start": "StartUnit", "stop": "StopUnit", "restart": "RestartUnit", "reload": "ReloadUnit"}[verb]
            self.pending += 1
            self.player.client.call(method, "ss", (unit, "replace"), self._on_job)
        return True

    def _has_been(self, state: str, unit: str) -> bool:
        """The state has come, since what was waited for last."""
        states = self.watched[unit].states
        if state not in states:
            return False
        while states.popleft() != state:
            pass
        return True

    def _ask(self, method: str, signature: str, body: tuple) -> None:
        self.pending += 1
        self.player.client.call(method, signature, body, self._on_answer)

    def _on_answer(self, reply: dbus.Message) -> None:
        self.pending -= 1
        if reply.type == dbus.ERROR:
            self.answers.append(f"{reply.error_name} {reply.body[0] if reply.body else ''}")

    def _on_job(self, reply: dbus.Message) -> None:
        if reply.type == dbus.ERROR:
            self._on_answer(reply)
        else:
            self.player.add_job(reply.body[0], self)

    def _shown(self, name: str, reply: dbus.Message) -> None:
        self.pending -= 1
        value = reply.error_name if reply.type == dbus.ERROR else reply.body[0][1]
        if name in ("TimersCalendar", "TimersMonotonic") and reply.type != dbus.ERROR:
            value = [(base, when, "next" if usec else "never") for base, when, usec in value]
        self.answers.append(f"{name}={value}")

    def end_of_job(self) -> None:
        self.pending -= 1

    def result(self) -> dict[str, Any]:
        found: dict[str, Any] = {
            name: [line for line in each.trace if line.split()[0].partition("/")[2] not in self.unheard]
            for name, each in self.watched.items()}
        if "collapsed" in self.flags:
            found = {name: collapse(trace) for name, trace in found.items()}
        found["jobs"] = {name: each.jobs for name, each in self.watched.items() if each.jobs}
        out = self.player.root / OUT / self.case.name / "out"
        if out.exists():
            lines = out.read_text().splitlines()
            found["out"] = sorted(lines) if "sorted" in self.flags else lines
        if self.answers:
            found["answers"] = self.answers
        if self.problem:
            found["problem"] = self.problem
        return found


class Player:
    """Plays many cases at once on one container that has booted."""

    def __init__(self, pid: int, write: Any) -> None:
        self.pid = pid
        self.root = Path(f"/proc/{pid}/root")
        self.client = Client(pid)
        self.write = write
        self.units: dict[str, Watched] = {}
        self.names: dict[str, str] = {}
        #: A job's path → who waits for it, once for each request that it serves.
        self.jobs: dict[str, list[Run]] = {}
        self.ended: set[str] = set()
        self.client.call("Subscribe", "", (), lambda reply: None)

    def play(self, cases: list[Case], at_once: int = AT_ONCE) -> dict[str, dict[str, Any]]:
        self.write({name: text for case in cases for name, text in case.units.items() if text})
        for name in [name for case in cases for name in case.units if "/" not in name]:
            # What failed when it was played before is to begin as it did then; one that is not loaded is no news.
            self.client.call("ResetFailedUnit", "s", (name,), lambda reply: None)
        reloaded: list[dbus.Message] = []
        self.client.call("Reload", "", (), reloaded.append)
        while not reloaded:
            self._listen(1)
        waiting, running = deque(cases), []
        results: dict[str, dict[str, Any]] = {}
        while waiting or running:
            while waiting and len(running) < at_once:
                run = Run(waiting.popleft(), self)
                self.units.update({unit_path(name): each for name, each in run.watched.items()})
                self.names.update({unit_path(name): name for name in run.watched})
                running.append(run)
            for run in list(running):
                if run.advance():
                    running.remove(run)
                    results[run.case.name] = run.result()
                    self._clean_up(run)
            self._listen(0.02)
        return {case.name: results[case.name] for case in cases}

    def run(self, command: str) -> None:
        inside = ["nsenter", "--target", str(self.pid), "--mount", "--pid", "--net", "--ipc", "--uts", "--root", "--wd"]
        subprocess.run([*inside, "sh", "-c", command], check=True, timeout=STEP_SEC)

    def _clean_up(self, run: Run) -> None:
        for name in run.watched:
            self.units.pop(unit_path(name), None)
            self.client.call("StopUnit", "ss", (name, "replace"), lambda reply: None)
            self.client.call("KillUnit", "ssi", (name, "all", 9), lambda reply: None)

    def add_job(self, path: str, run: Run) -> None:
        """The job may have ended before we heard of its path."""
        if path in self.ended:
            run.end_of_job()
        else:
            self.jobs.setdefault(path, []).append(run)

    def _listen(self, timeout: float) -> None:
        for message in self.client.messages(timeout):
            if message.member == "PropertiesChanged":
                watched = self.units.get(message.path or "")
                if watched is not None:
                    watched.hear(message.body[0], message.body[1])
            elif message.member == "JobRemoved":
                _, path, unit, result = message.body
                watched = self.units.get(unit_path(unit))
                if watched is not None:
                    watched.jobs.append(result)
                    watched.changed = time.monotonic()
                self.ended.add(path)
                for run in self.jobs.pop(path, ()):
                    run.end_of_job()


def put_units(podman: list[str], container: str, texts: dict[str, str]) -> None:
    """Write unit files into a running container; a name with a slash is a path below /etc/systemd/system."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, text in texts.items():
            data = text.encode()
            member = tarfile.TarInfo(f"etc/systemd/system/{name}")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    command = [*podman, "exec", "--interactive", container, "tar", "-C", "/", "-xf", "-"]
    subprocess.run(command, input=buffer.getvalue(), check=True)


def volume() -> str:
    """The option that shows the actor to a container."""
    return f"--volume={HERE}:{os.path.dirname(ACTOR)}:ro"
