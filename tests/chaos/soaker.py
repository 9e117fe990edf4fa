"""Runs in the container of soak.py: one quarter of a day's events, spread evenly over SECONDS, in an order made of SEED.

    soaker.py SEED QUARTER SECONDS EVENT=COUNT…

Prints what was wrong, a line each, and at last a literal: how often each thing was done, and how many lines were written.
What it knows of a day's past is in /run/soak. Every call has a minute.
"""

from __future__ import annotations

import _random
import _socket
import os
import signal
import sys
import time

sys.path.insert(0, "/usr/lib/pyinit")

from initd.cli.bus import MANAGER_PATH, UNIT, Bus, BusError
from initd.core.objectpath import unit_path

SERVICE = "org.freedesktop.systemd1.Service"
STATE = "/run/soak/"
WATCHED = STATE + "watched"
STREAM = "/run/systemd/journal/stdout"
SERVICES = [f"work-{number}.service" for number in range(20)]
FLOWS = 4
#: Lines that the soaker writes of its own, on its streams, for each event.
CALLS = 10
PATIENCE_SEC = 60
COMMANDS = (
    ("systemctl", "list-units", "--all"), ("systemctl", "list-timers"), ("systemctl", "list-sockets"), ("systemctl", "status"),
    ("systemctl", "show", "work-1.service"), ("systemctl", "is-active", "work-2.service"), ("systemctl", "list-jobs"),
    ("systemctl", "cat", "work-3.service"), ("journalctl", "-n", "5", "-u", "work-4.service"), ("systemctl", "show"),
    ("systemctl", "list-dependencies", "default.target"), ("systemctl", "is-system-running"),
)


class Late(Exception):
    """Nobody answered for a minute."""


def be_late(*_: object) -> None:
    raise Late(f"no answer for {PATIENCE_SEC} s")


class Soaker:
    def __init__(self, seed: int) -> None:
        self._random = _random.Random(seed)
        self.done: dict[str, int] = {}
        self.wrong: list[str] = []
        self.flows = [self.open_flow(number) for number in range(FLOWS)]
        self.lines = 0

    def below(self, count: int) -> int:
        return int(self._random.random() * count)

    def pick(self, values):
        return values[self.below(len(values))]

    # --- logs -------------------------------------------------------------------------------------------------------

    def open_flow(self, number: int) -> _socket.socket:
        sock = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
        sock.connect(STREAM)
        sock.sendall(f"flow-{number}\n\n30\n0\n0\n0\n0\n".encode())
        return sock

    def write_lines(self, first: int, count: int) -> int:
        """To the streams by turns; each stream has its own numbers, which go on from quarter to quarter."""
        for number, flow in enumerate(self.flows):
            flow.sendall("".join(f"line {first + each} of flow {number} {'x' * 60}\n" for each in range(count)).encode())
        self.lines += count * FLOWS
        return first + count

    # --- events -----------------------------------------------------------------------------------------------------

    def job(self, bus: Bus, method: str, name: str) -> str:
        """The result of a job that is waited for."""
        bus.ask("Subscribe")
        (job,) = bus.ask(method, "ss", name, "replace")
        return str(bus.wait_for_signal(lambda each: each.member == "JobRemoved" and each.body[1] == job).body[3])

    def main_pid(self, bus: Bus, name: str) -> int:
        return int(bus.get(unit_path(name), SERVICE, "MainPID"))

    def restart(self) -> None:
        """Over D-Bus, and it is another process then."""
        bus, name = Bus(), self.pick(SERVICES)
        before = self.main_pid(bus, name)
        result = self.job(bus, "RestartUnit", name)
        if result != "done" or self.main_pid(bus, name) in (0, before):
            self.wrong.append(f"restart of {name}: {result}")
        bus.close()

    def kill(self) -> None:
        """kill -9: it comes back, and the count of its restarts is one more."""
        bus, name = Bus(), self.pick(SERVICES)
        path, pid = unit_path(name), self.main_pid(bus, name)
        before = bus.get(path, SERVICE, "NRestarts")
        if pid:
            os.kill(pid, signal.SIGKILL)
            while self.main_pid(bus, name) in (0, pid) or bus.get(path, UNIT, "ActiveState") != "active":
                time.sleep(0.01)
            if bus.get(path, SERVICE, "NRestarts") != before + 1:
                self.wrong.append(f"{name}: {before} restarts are {bus.get(path, SERVICE, 'NRestarts')} after one more")
        bus.close()

    def code(self) -> None:
        """A service ends with a code: that is what is reported."""
        bus, code = Bus(), 1 + self.below(250)
        name = f"code@{code}.service"
        result = self.job(bus, "StartUnit", name)
        found = bus.get(unit_path(name), SERVICE, "ExecMainStatus"), bus.get(unit_path(name), UNIT, "ActiveState")
        if (result, *found) != ("failed", code, "failed"):
            self.wrong.append(f"exit code {code} is reported as {result}, {found}")
        bus.ask("ResetFailedUnit", "s", name)
        bus.close()

    def calls(self) -> None:
        """One client, with as many calls as CALLS."""
        bus = Bus()
        for _ in range(CALLS):
            name = self.pick(SERVICES)
            kind = self.below(5)
            if kind == 0:
                bus.ask("GetUnit", "s", name)
            elif kind == 1:
                bus.get(unit_path(name), UNIT, "ActiveState")
            elif kind == 2:
                bus.get_all(unit_path(name), SERVICE)
            elif kind == 3:
                bus.ask("ListUnitsByNames", "as", SERVICES)
            else:
                bus.get(MANAGER_PATH, "org.freedesktop.systemd1.Manager", "NJobs")
        bus.close()

    def command(self) -> None:
        argv = self.pick(COMMANDS)
        code = run(argv)
        if code not in (0, 3) and argv[1] != "is-system-running":
            self.wrong.append(f"{' '.join(argv)}: {code}")

    def watcher(self) -> None:
        """Subscribes, and goes: without a word, in the middle of a call, or after a signal."""
        bus = Bus()
        bus.ask("Subscribe")
        kind = self.below(3)
        if kind == 0:
            bus.ask("StartUnit", "ss", "nothing.service", "replace")
            bus.wait_for_signal(lambda each: each.member == "JobRemoved")
        elif kind == 1:
            bus.ask("StartUnit", "ss", "nothing.service", "replace")
        bus.close()

    def path(self) -> None:
        """A watched file is written, and a service follows. The path unit looks again once that has ended."""
        bus = Bus()
        while bus.get(unit_path("watch.path"), UNIT, "SubState") != "waiting":
            time.sleep(0.005)
        before = bus.get(unit_path("watch.service"), UNIT, "InactiveExitTimestampMonotonic")
        with open(WATCHED, "a") as file:
            file.write("x")
        while bus.get(unit_path("watch.service"), UNIT, "InactiveExitTimestampMonotonic") == before:
            time.sleep(0.005)
        bus.close()

    def socket(self) -> None:
        """A connection to an Accept=yes socket, whose service answers."""
        sock = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
        sock.connect(STATE + "echo")
        sock.sendall(b"hello\n")
        answer = b""
        while data := sock.recv(100):
            answer += data
        sock.close()
        if answer != b"hello\n":
            self.wrong.append(f"the socket's service answers {answer!r}")

    def reload(self) -> None:
        if code := run(("systemctl", "daemon-reload")):
            self.wrong.append(f"daemon-reload: {code}")

    def reexec(self) -> None:
        """No service is touched."""
        facts = self.facts()
        if code := run(("systemctl", "daemon-reexec")):
            self.wrong.append(f"daemon-reexec: {code}")
        for name, before, after in zip(SERVICES, facts, self.facts()):
            if before != after:
                self.wrong.append(f"re-exec has touched {name}: {before}, {after}")

    def facts(self) -> list[int]:
        bus = Bus()
        found = [self.main_pid(bus, name) for name in SERVICES]
        bus.close()
        return found

    def rotate(self) -> None:
        if code := run(("journalctl", "--rotate", f"--vacuum-size={4 + self.below(12)}M")):
            self.wrong.append(f"journalctl --rotate: {code}")

    # --- a quarter ----------------------------------------------------------------------------------------------------

    def play(self, seconds: float, counts: dict[str, int], lines: int, first: int) -> int:
        """The next line's number."""
        events = [name for name, count in counts.items() for _ in range(count)]
        for number in range(len(events) - 1, 0, -1):
            other = self.below(number + 1)
            events[number], events[other] = events[other], events[number]
        began, number = time.monotonic(), first
        for index, name in enumerate(events):
            due = began + seconds * index / len(events)
            if (pause := due - time.monotonic()) > 0:
                time.sleep(pause)
            number = self.write_lines(number, first + lines * (index + 1) // len(events) // FLOWS - number)
            signal.alarm(PATIENCE_SEC)
            try:
                getattr(self, name)()
            except (Late, BusError, OSError) as problem:
                self.wrong.append(f"{name}: {problem!r}")
            signal.alarm(0)
            self.done[name] = self.done.get(name, 0) + 1
        if (pause := began + seconds - time.monotonic()) > 0:
            time.sleep(pause)
        return number


def run(argv: tuple[str, ...]) -> int:
    """Its exit code; what it prints goes nowhere."""
    null = [(os.POSIX_SPAWN_OPEN, fd, "/dev/null", os.O_RDWR, 0) for fd in (0, 1, 2)]
    pid = os.posix_spawnp(argv[0], argv, os.environ, file_actions=null)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def missing(first: int, last: int) -> list[str]:
    """Among the lines that are kept of each flow, up to the last that was written before a sync."""
    found = []
    run(("journalctl", "--sync"))
    for flow in range(FLOWS):
        path = f"{STATE}flow-{flow}"
        pid = os.posix_spawnp("journalctl", ("journalctl", "-q", "-o", "cat", "-t", f"flow-{flow}"), os.environ,
                              file_actions=[(os.POSIX_SPAWN_OPEN, 1, path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)])
        os.waitpid(pid, 0)
        with open(path) as file:
            numbers = [int(line.split()[1]) for line in file]
        os.unlink(path)
        if not numbers or numbers != list(range(numbers[0], last)):
            gaps = [(one, other) for one, other in zip(numbers, numbers[1:]) if other != one + 1]
            found.append(f"flow {flow}: of lines to {last - 1} are kept {len(numbers)}: {numbers[:1]} to {numbers[-1:]}, "
                         f"not one behind the other: {gaps[:5]}")
    return found


def main(seed: int, quarter: int, seconds: float, counts: dict[str, int]) -> None:
    signal.signal(signal.SIGALRM, be_late)
    soaker = Soaker(seed + quarter)
    lines = counts.pop("lines")
    try:
        with open(STATE + "next") as file:
            first = int(file.read())
    except FileNotFoundError:
        first = 0
    last = soaker.play(seconds, counts, lines, first)
    with open(STATE + "next", "w") as file:
        file.write(str(last))
    for problem in soaker.wrong + missing(first, last):
        print(problem)
    print(soaker.done | {"lines": soaker.lines})


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]),
         {name: int(count) for name, _, count in (word.partition("=") for word in sys.argv[4:])})
