"""Runs in the container: kills the journal at random moments, and finds out what that did.

    journal_killer.py KILLS SEED [load]

With `load`, others ask it meanwhile: some follow it and go without a word, some read, and some have it begin new files.
Prints what was wrong, a line each, and at last figures, `name=number` each.
"""

import os
import random
import re
import select
import signal
import socket
import struct
import sys
import time

SAID = struct.Struct("<QQQ")
ADDRESS = "/run/systemd/journal/io.systemd.journal"
STORE = "/var/log/journal"
LINE = re.compile(rb"\nMESSAGE=([a-z]+)-([0-9]+) ([0-9]+) x{70}\n")
PROGRAM = b"initd/journal/__main__.py"
PATIENCE = 30
#: Between two kills, at most.
PAUSE = 0.7


def said():
    """By name: the last line handed over, the longest time that took, how many calls were made again."""
    found = {}
    for name in os.listdir("/run/said"):
        with open("/run/said/" + name, "rb") as file:
            found[name] = SAID.unpack(file.read().ljust(SAID.size, b"\0"))
    return found


def counts():
    return {name: number for name, (number, _, _) in said().items()}


def journal_pid():
    """0 while there is none."""
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/cmdline", "rb") as file:
                    words = file.read().split(b"\0")
            except OSError:
                continue
            if len(words) > 2 and words[2].endswith(PROGRAM):
                return int(name)
    return 0


def is_dead(pid):
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rsplit(b") ", 1)[1][:1] in b"ZX"
    except OSError:
        return True


def ask():
    """A connection that has asked for a sync; None where nobody listens."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.connect(ADDRESS)
        sock.sendall(b'{"method":"io.systemd.Journal.Synchronize"}\0')
        return sock
    except OSError:
        sock.close()
        return None


def is_answered(sock, timeout):
    if not select.select([sock], [], [], timeout)[0]:
        return False
    try:
        return sock.recv(1000) == b'{"parameters":{}}\0'
    except OSError:
        return False


def sync():
    """Until one is answered; the lines that were written before it."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        before, sock = counts(), ask()
        if sock is not None and is_answered(sock, PATIENCE):
            return before
        time.sleep(0.005)
    raise SystemExit(f"no sync was answered for {PATIENCE} s")


class Stored:
    """What the store has, read as it grows, since old segments go."""

    def __init__(self):
        self.offsets = {}
        self.numbers = {}
        self.last = {}
        self.problems = []

    def read(self):
        """Only to be called when a sync was answered and nobody was killed since."""
        directory = os.path.join(STORE, os.listdir(STORE)[0])
        for name in sorted(os.listdir(directory), key=lambda name: name.split("-")[1]):
            with open(os.path.join(directory, name), "rb") as file:
                file.seek(self.offsets.get(name, 0))
                data = file.read()
            end = data.rfind(b"\n\n") + 2
            self.offsets[name] = self.offsets.get(name, 0) + max(end, 2) - 2  # the newline before the next entry
            for kind, which, number in LINE.findall(data, 0, end):
                self.add(f"{kind.decode()}-{which.decode()}", int(number))

    def add(self, name, number):
        numbers = self.numbers.setdefault(name, set())
        if number in numbers:
            self.problems.append(f"{name}: line {number} is there twice")
        elif number < self.last.get(name, 0) and not name.startswith("caller"):  # streams are read in no order
            self.problems.append(f"{name}: line {number} comes behind {self.last[name]}")
        numbers.add(number)
        self.last[name] = number


class Load:
    """Clients of the journal, which come and go."""

    WORDS = (("journalctl", "-f"), ("journalctl", "-f", "-o", "json"), ("journalctl", "-q", "-n", "2000"),
             ("journalctl", "-q", "-u", "steady-0.service", "-n", "500", "-o", "export"), ("journalctl", "--rotate"))
    MOST = 4

    def __init__(self, random):
        self.random = random
        self.pids = []
        self.count = 0

    def change(self):
        """One more; or one less, while there are enough of them."""
        self.pids = [pid for pid in self.pids if os.waitpid(pid, os.WNOHANG) == (0, 0)]
        if len(self.pids) == self.MOST:
            self.end(self.pids.pop(self.random.randrange(self.MOST)))
        words = self.random.choice(self.WORDS)
        null = [(os.POSIX_SPAWN_OPEN, fd, "/dev/null", os.O_RDWR, 0) for fd in (0, 1, 2)]
        self.pids.append(os.posix_spawnp(words[0], words, os.environ, file_actions=null))
        self.count += 1

    def end(self, pid):
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


class Killer:
    def __init__(self, seed, has_load):
        self.random = random.Random(seed)
        self.load = Load(self.random) if has_load else None
        self.acknowledged = counts()
        #: By name, of each kill: lines that were acknowledged before, lines that had been written then.
        self.windows = []
        self.kills = 0
        self.stored = Stored()
        self.returns = []
        self.syncs = 0

    def kill(self):
        time.sleep(self.random.uniform(0, PAUSE))
        if self.load:
            self.load.change()
        before, sock = counts(), ask()
        if sock is not None:
            if self.random.random() < 0.5:
                if is_answered(sock, PATIENCE):
                    self.acknowledge(before)
                sock.close()
                sock = None
            time.sleep(self.random.uniform(0, 0.03))
        pid = journal_pid()
        if not pid:
            return  # the next one has not yet begun
        began = time.monotonic()
        os.kill(pid, signal.SIGKILL)
        while not is_dead(pid):
            time.sleep(0.001)
        if sock is not None and is_answered(sock, 0):
            self.acknowledge(before)
        self.windows.append((self.acknowledged, counts()))
        self.kills += 1
        if self.random.random() < 0.3:
            self.acknowledge(sync())
            self.returns.append(time.monotonic() - began)
            self.stored.read()

    def acknowledge(self, numbers):
        self.acknowledged = {**self.acknowledged, **numbers}
        self.syncs += 1

    def judge(self):
        """How many lines are missing, all of which were allowed to."""
        lost = 0
        for name, last in self.acknowledged.items():
            numbers = self.stored.numbers.get(name, set())
            for number in range(1, last + 1):
                if number in numbers:
                    continue
                lost += 1
                # One write may have been under way when the last number was read.
                if not any(before.get(name, 0) < number <= then.get(name, 0) + 50 for before, then in self.windows):
                    self.stored.problems.append(f"{name}: line {number} is missing, though it was acknowledged")
        return lost


def main(kills, seed, has_load):
    began = time.monotonic()
    sync()
    killer = Killer(seed, has_load)
    while killer.kills < kills:
        killer.kill()
    for pid in killer.load.pids if killer.load else ():
        killer.load.end(pid)
    seconds = time.monotonic() - began
    longest = max(nanoseconds for _, nanoseconds, _ in said().values()) / 1e6
    broken = sum(broken for _, _, broken in said().values())
    killer.acknowledge(sync())
    killer.stored.read()
    lost = killer.judge()
    for problem in killer.stored.problems[:20]:
        print(problem)
    lines = sum(len(numbers) for numbers in killer.stored.numbers.values())
    print(f"kills={killer.kills} seconds={seconds:.0f} syncs={killer.syncs} lines={lines} lost={lost} broken={broken} "
          f"problems={len(killer.stored.problems)} longest_write_msec={longest:.0f} "
          f"longest_return_msec={max(killer.returns, default=0) * 1e3:.0f} "
          f"clients={killer.load.count if killer.load else 0}")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), "load" in sys.argv[3:])
