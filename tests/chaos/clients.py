"""Clients of the manager that are slow, deaf, dead or far too many: the others are answered, and it costs what it may cost."""

from __future__ import annotations

import socket
import statistics
import subprocess
import time
from pathlib import Path
from random import Random

from storms import CHANCE, memory
from subjects import Outcome, Subject, await_facts, complaints, lasting_zombies

from initd.cli.bus import MANAGER, MANAGER_PATH, SYSTEMD, Bus, NotRunning
from initd.shell.connection import ENOUGH_PENDING
from initd.shell.control import MAX_CLIENTS
from initd.wire import dbus
from initd.wire.sasl import CLIENT_GREETING

#: Of each kind, in each round.
SOME = 15
#: Jobs that all who have subscribed are to hear of.
JOBS = 80
#: Calls of somebody who behaves, before and after each thing that is done.
CALLS = 30
UNITS = {
    "quick.service": "[Unit]\nStartLimitIntervalSec=0\n[Service]\nType=oneshot\nExecStart=/bin/true\n",
    "slow.service": "[Unit]\nStartLimitIntervalSec=0\n[Service]\nType=oneshot\nExecStart=/bin/sleep 0.3\n",
    "calm.service": "[Service]\nExecStart=/bin/sleep 1000\n",
}


class Friend:
    """Calls, and keeps how long each answer took, in seconds."""

    def __init__(self, container: Subject) -> None:
        self.bus = container.bus()
        self.times: list[float] = []

    def call(self, count: int = CALLS) -> None:
        for _ in range(count):
            began = time.monotonic()
            self.bus.ask("GetUnit", "s", "calm.service")
            self.times.append(time.monotonic() - began)


def bad_clients(random: Random, tries: int) -> Outcome:
    """So many rounds of: half messages, no message, subscribers that never read, systemctl killed in its call, and connections
    by the hundred. A call is late that takes ten times as long as is usual without them; how many are, and were, is told."""
    container = Subject(UNITS, ["calm.service"])
    failures: list[str] = []
    quiet = loud = late = most = first = 0
    try:
        container.start().wait_until_booted()
        friend = Friend(container)
        friend.call(3 * CALLS)
        cause_signals(friend)
        friend.call(3 * CALLS)
        usual, calls = statistics.median(friend.times), len(friend.times)
        quiet = sum(1 for each in friend.times if each > 10 * usual)
        began_fds = descriptors(container)
        for number in range(tries):
            friend.times, before, crowd = [], memory(container), []
            try:
                for kind in random.sample((half, silent, deaf), 3):
                    crowd += [kind(container, random) for _ in range(SOME)]
                    friend.call()
                cause_signals(friend)
                friend.call()
                killed_in_their_calls(container, random)
                friend.call()
                grown = memory(container) - before
                most = max(most, grown)
                if grown > SOME * 4 * ENOUGH_PENDING // 1024 + CHANCE:
                    failures.append(f"{number}: the manager has grown by {grown} kB")
                failures += [f"{number}: {each}" for each in far_too_many(container, friend)]
            finally:
                for each in crowd:
                    each.close()
            container.wait_until("all descriptors are closed", lambda: descriptors(container) <= began_fds)
            first = first or memory(container)
            loud, late = loud + len(friend.times), late + sum(1 for each in friend.times if each > 10 * usual)
        await_facts(friend.bus, "slow.service", lambda each: each["ActiveState"] == "inactive" and not each["Job"][0])
        friend.bus.close()
        kept = memory(container) - first
        if kept > CHANCE:
            failures.append(f"the manager has kept {kept} kB")
        failures += [f"zombie: {each}" for each in lasting_zombies(container)] + complaints(container)
    finally:
        container.remove()
    return Outcome(failures, {"calls without them": calls, "late of these": quiet, "calls": loud, "late ones": late,
                              "growth in kB at most": most, "kept in kB": kept})


def connect(container: Subject) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(f"/proc/{container.pid}/root/run/systemd/private")
    return connection


def message(member: str, signature: str = "", *values: object) -> bytes:
    return dbus.encode(dbus.Message(dbus.METHOD_CALL, 1, 0, MANAGER_PATH, MANAGER, member, destination=SYSTEMD,
                                    signature=signature, body=values))


def half(container: Subject, random: Random) -> socket.socket:
    """Waits in the middle of a message."""
    connection, data = connect(container), CLIENT_GREETING + message("StartUnit", "ss", "quick.service", "replace")
    connection.sendall(data[:random.randrange(1, len(data))])
    return connection


def silent(container: Subject, random: Random) -> socket.socket:
    return connect(container)


def deaf(container: Subject, random: Random) -> socket.socket:
    """Is to hear all, and does not listen."""
    connection = connect(container)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.sendall(CLIENT_GREETING + message("Subscribe") + message("ListUnits") * random.randrange(4))
    return connection


def cause_signals(friend: Friend) -> None:
    for _ in range(JOBS):
        friend.bus.ask("StartUnit", "ss", "quick.service", "replace")
        friend.call(1)


def killed_in_their_calls(container: Subject, random: Random) -> None:
    for _ in range(3):
        client = subprocess.Popen([*container._enter(), "systemctl", "restart", "slow.service"], stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL)
        time.sleep(random.random() / 3)
        client.kill()
        client.wait()


def far_too_many(container: Subject, friend: Friend) -> list[str]:
    """At once; who is one too many is hung up on, who is in stays in, and later there is room again."""
    crowd = [connect(container) for _ in range(2 * MAX_CLIENTS)]
    friend.call()
    for each in crowd:
        each.close()
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            another: Bus = container.bus()
        except NotRunning:
            time.sleep(0.05)
            continue
        another.ask("GetUnit", "s", "calm.service")
        another.close()
        return []
    return ["nobody gets in any more"]


def descriptors(container: Subject) -> int:
    return len(list(Path(f"/proc/{container.pid}/fd").iterdir()))
