"""daemon-reexec in the middle of everything: services, stored descriptors, sockets with connections in their queues, timers,
jobs that are half done, and clients that wait for an answer notice nothing of it."""

from __future__ import annotations

import socket
import subprocess
import time
from pathlib import Path
from random import Random
from typing import Any

from subjects import MIXED, STARTED, Outcome, Patience, Subject, ask, await_facts, complaints, facts, lasting_zombies

from initd.cli.bus import MANAGER, MANAGER_PATH, SYSTEMD, Bus
from initd.wire import dbus

#: Stores a pipe with something in it, and tells what it has got of it when it is started again.
STORES = r"""
import _socket, os, struct, time
def tell(text, *fds):
    s = _socket.socket(_socket.AF_UNIX, _socket.SOCK_DGRAM)
    rights = [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, struct.pack(f"={len(fds)}i", *fds))] if fds else []
    s.sendmsg([text], rights, 0, os.environ["NOTIFY_SOCKET"])
with open("/run/stores.log", "a") as log:
    print("got", os.read(3, 9) if os.environ.get("LISTEN_FDNAMES") == "pipe" else "", file=log)
reader, writer = os.pipe()
os.write(writer, b"kept")
tell(b"FDSTORE=1\nFDNAME=pipe\nFDPOLL=0", reader)  # its writer goes with this process, and a poll would see it
tell(b"READY=1")
time.sleep(100000)
"""
#: Answers whoever is in the queue.
ANSWERS = """
import _socket
listener = _socket.socket(fileno=3)
while True:
    fd, _ = listener._accept()
    connection = _socket.socket(fileno=fd)
    connection.send(b"hello")
    connection.close()
"""
GATE = "ExecStartPre=/bin/sh -c 'until test -e /run/gate; do sleep 0.05; done'\n"
_PYTHON = "ExecStart=/usr/bin/python3 -IS /etc/systemd/system/"
UNITS = MIXED | {
    "stores": STORES, "answers": ANSWERS,
    "stores.service": f"[Service]\nType=notify\nFileDescriptorStoreMax=1\n{_PYTHON}stores\n",
    "queue.socket": "[Socket]\nListenStream=/run/queue\n",
    "queue.service": f"[Unit]\nStartLimitIntervalSec=0\n[Service]\n{GATE}{_PYTHON}answers\n",
    "behind.service": "[Unit]\nStartLimitIntervalSec=0\nAfter=queue.service\n[Service]\nType=oneshot\nExecStart=/bin/true\n",
    "far.timer": "[Timer]\nOnActiveSec=10h\nUnit=often.service\n",
}
WANTED = [*STARTED, "stores.service", "queue.socket", "far.timer"]
KEPT = ("daemon.service", "forking.service", "notify.service", "stores.service")
#: What must be of a service as it was.
TOUCHED = ("MainPID", "NRestarts", "InvocationID", "ActiveEnterTimestampMonotonic", "ExecMainStartTimestampMonotonic",
           "NFileDescriptorStore")
GUESTS = 3


def reexecuted_under_load(random: Random, tries: int) -> Outcome:
    """So many times, while services crash and timers elapse."""
    failures: list[str] = []
    container = Subject(UNITS, WANTED)
    try:
        container.start().wait_until_booted()
        bus = container.bus()  # the same for all of it
        before = touchable(bus)
        done = 0
        while done < tries and not Patience.is_over():
            count = min(random.randint(1, 10), tries - done)
            failures += [f"{done}: {each}" for each in exchange(container, bus, random, count)]
            done += count
        after = touchable(bus)
        touched = [name for name, was in before.items() if after[name] != was]
        failures += [f"{name} was touched: {before[name]} is now {after[name]}" for name in touched]
        if b"--deserialize" not in Path(f"/proc/{container.pid}/cmdline").read_bytes():
            failures.append("it was not re-executed at all")
        restarts = facts(bus, "again.service")["NRestarts"]
        await_facts(bus, "again.service", lambda each: each["NRestarts"] > restarts)
        elapsed = facts(bus, "often.timer", "Timer")["LastTriggerUSecMonotonic"]
        await_facts(bus, "often.timer", lambda each: each["LastTriggerUSecMonotonic"] > elapsed, "Timer")
        bus.close()
        container.systemctl("restart", "stores.service")
        log = Path(f"/proc/{container.pid}/root/run/stores.log").read_text().split("\n")
        if log != ["got ", "got b'kept'", ""]:
            failures.append(f"stored: {log}")
        failures += [f"zombie: {each}" for each in lasting_zombies(container)] + complaints(container)
    finally:
        container.remove()
    return Outcome(failures, {"services touched": len(touched), "restarts of the crashing service": restarts}, done)


def touchable(bus: Bus) -> dict[str, dict[str, Any]]:
    told = {name: facts(bus, name) for name in KEPT}
    found = {name: {key: each[key] for key in TOUCHED} for name, each in told.items()}
    return found | {"far.timer": {"": facts(bus, "far.timer", "Timer")["NextElapseUSecMonotonic"]}}


def exchange(container: Subject, bus: Bus, random: Random, count: int) -> list[str]:
    """So many of them; guests wait in a socket's queue meanwhile, its service is about to start, a job waits behind it, and
    somebody waits for that."""
    failures: list[str] = []
    gate = Path(f"/proc/{container.pid}/root/run/gate")
    gate.unlink(missing_ok=True)
    bus.ask("StopUnit", "ss", "queue.service", "replace")
    await_facts(bus, "queue.service", lambda each: each["ActiveState"] == "inactive" and not each["Job"][0])
    guests = [socket.socket(socket.AF_UNIX) for _ in range(GUESTS)]
    try:
        for each in guests:
            each.settimeout(60)
            each.connect(f"/proc/{container.pid}/root/run/queue")
        await_facts(bus, "queue.service", lambda each: each["SubState"] == "start-pre")
        waiting = subprocess.Popen([*container._enter(), "systemctl", "restart", "behind.service", "once.service"],
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for _ in range(count):
            time.sleep(random.random() / 4)
            failures += ask_for_it(container, bus, random.random() < 0.2)
        if facts(bus, "queue.service")["SubState"] != "start-pre":
            failures.append("the start that was under way has been lost")
        gate.touch()
        said = waiting.communicate(timeout=60)[0]
        if waiting.returncode:
            failures.append(f"who waited: {waiting.returncode} {said}")
        answers = [each.recv(100) for each in guests]
        if answers != [b"hello"] * GUESTS:
            failures.append(f"guests have heard {answers}")
    finally:
        for each in guests:
            each.close()
    return failures


def ask_for_it(container: Subject, bus: Bus, is_by_systemctl: bool) -> list[str]:
    """By the command, or by a message behind which there comes a call in the same breath, which the next manager answers."""
    if is_by_systemctl:
        done = ask(container, "daemon-reexec")
        return [f"daemon-reexec: {done.returncode} {done.stderr}"] if done.returncode else []
    order = dbus.Message(dbus.METHOD_CALL, 1 << 30, dbus.NO_REPLY_EXPECTED, MANAGER_PATH, MANAGER, "Reexecute",
                         destination=SYSTEMD)
    bus._send(dbus.encode(order), ())
    (path,) = bus.ask("GetUnit", "s", "daemon.service")
    return [] if path.endswith("/daemon_2eservice") else [f"its answer was {path}"]
