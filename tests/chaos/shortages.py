"""Nothing is left: of pids, descriptors, inodes, room, memory, or of what can be written to.

What is left grows by one from one start to the next, until a start works with so little: each of its steps is once one that
fails.
"""

from __future__ import annotations

import errno
import os
import resource
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from random import Random
from typing import Iterator

from subjects import UNITS, Outcome, Subject, await_facts, complaints, facts, lasting_zombies

from initd.cli.bus import Bus, BusError

_CGROUPS = Path("/sys/fs/cgroup")
_PAGE = 4096
#: Of these a start has several steps: a directory, three commands, streams of its own.
PROBE = """\
[Unit]
StartLimitIntervalSec=0
[Service]
RuntimeDirectory=probe
ExecStartPre=/bin/true
ExecStartPost=/bin/true
"""
_SLEEP = "/bin/sleep 1000"
MORE = (
    f"ExecStart={_SLEEP}\nStandardOutput=append:/run/probe.out\n",
    f"Type=exec\nUser=nobody\nExecStart={_SLEEP}\nStateDirectory=probe\n",
    f"Type=forking\nPIDFile=/run/probe/pid\nExecStart=/bin/sh -c '{_SLEEP} & echo $! >/run/probe/pid'\n",
    "Type=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\nExecStart=/bin/sh -c '/bin/true; exit 0'\nStandardOutput=null\n",
    "Type=notify\nNotifyAccess=all\nStandardError=file:/run/probe.err\n"
    f"ExecStart=/bin/sh -c 'systemd-notify --ready; {_SLEEP}'\n",
)
#: So many starts must work with no more than is left, one after the other, before it is believed to be enough.
TWICE = 2
_SETTLED = ("active", "failed", "inactive")


def nothing_left(random: Random, tries: int) -> Outcome:
    """So many services, each started with nothing left of each of these, then with one of it, and so on until it starts all the
    same: such a start may fail, the manager answers, and once there is something again all is as before."""
    units = {f"probe-{number}.service": PROBE + more for number, more in enumerate(MORE)}
    units["busy.service"] = f"[Service]\nExecStart={_SLEEP}\n"
    container = Subject(units, ["busy.service"], "--tmpfs=/run:rw,size=2m,mode=755", "--tmpfs=/var/log:rw,size=1m,mode=755")
    failures: list[str] = []
    figures: Counter[str] = Counter()
    try:
        container.start().wait_until_booted()
        enter(container, "mount", "-o", "remount,nr_inodes=400", "/run")
        bus = container.bus()
        busy = facts(bus, "busy.service")["MainPID"]
        for number in range(tries):
            probe = f"probe-{random.randrange(len(MORE))}.service"
            for name, squeeze in SHORTAGES.items():
                good = left = 0
                while good < TWICE and left < 200:
                    with squeeze(container, left):
                        state = start(bus, probe)
                    state = state or await_facts(bus, probe, lambda each: each["ActiveState"] in _SETTLED)["ActiveState"]
                    good = good + 1 if state == "active" else 0
                    figures[f"starts without {name}"] += 1
                    figures["of all, failed"] += state != "active"
                    failures += [f"{number}: {probe}, {name}, {left} left: {each}" for each in must_work(bus, probe, busy)]
                    left += 1
                    if squeeze is read_only_run or squeeze is read_only_state:
                        break  # there is no more or less of it
        bus.close()
        failures += [f"zombie: {each}" for each in lasting_zombies(container)] + complaints(container)
        container.stop()
        if code := container.wait():
            failures.append(f"it ended with {code}")
    finally:
        container.remove()
    return Outcome(failures, dict(figures))


def start(bus: Bus, probe: str) -> str:
    """What has become of it; "" where it still waits for something."""
    with suppress(BusError):  # the refusal itself may be the answer
        bus.ask("StartUnit", "ss", probe, "replace")
    deadline = time.monotonic() + 1
    while time.monotonic() < deadline:
        found = facts(bus, probe)
        if found["ActiveState"] in _SETTLED and not found["Job"][0]:
            return str(found["ActiveState"])
        time.sleep(0.02)
    return ""


def must_work(bus: Bus, probe: str, busy: int) -> list[str]:
    """After the shortage."""
    found = facts(bus, probe)
    wrong = [f"failed, with the result {found['Result']}"] * (found["ActiveState"] == "failed" and found["Result"] == "success")
    bus.ask("ResetFailed")
    for member, state in ("RestartUnit", "active"), ("StopUnit", "inactive"):
        bus.ask(member, "ss", probe, "replace")
        found = await_facts(bus, probe, lambda each: not each["Job"][0] and each["ActiveState"] in _SETTLED)
        if found["ActiveState"] != state:
            wrong.append(f"{member} afterwards: {found['ActiveState']}, {found['Result']}")
    if facts(bus, "busy.service")["MainPID"] != busy:
        wrong.append("another service was touched")
    return wrong


# --- each shortage, for as long as the context lasts -------------------------------------------------------------------


@contextmanager
def few_pids(container: Subject, left: int) -> Iterator[None]:
    group = cgroup(container, "pids")
    (group / "pids.max").write_text(str(int((group / "pids.current").read_text()) + left))
    try:
        yield
    finally:
        (group / "pids.max").write_text("max")


@contextmanager
def few_descriptors(container: Subject, left: int) -> Iterator[None]:
    """The manager can open so many."""
    limits = resource.prlimit(container.pid, resource.RLIMIT_NOFILE)
    used = {int(path.name) for path in Path(f"/proc/{container.pid}/fd").iterdir()}
    free = [number for number in range(limits[1]) if number not in used]
    resource.prlimit(container.pid, resource.RLIMIT_NOFILE, (free[left], limits[1]))
    try:
        yield
    finally:
        resource.prlimit(container.pid, resource.RLIMIT_NOFILE, limits)


@contextmanager
def few_inodes(container: Subject, left: int) -> Iterator[None]:
    directory = Path(f"/proc/{container.pid}/root/run/fill")
    directory.mkdir()
    made = []
    try:
        with until_full():
            while True:
                path = directory / str(len(made))
                path.touch()
                made.append(path)
        for path in made[:left]:
            path.unlink()
        yield
    finally:
        for path in directory.iterdir():
            path.unlink()
        directory.rmdir()


@contextmanager
def little_room(container: Subject, left: int, where: str) -> Iterator[None]:
    """So many pages."""
    path = Path(f"/proc/{container.pid}/root{where}/fill")
    try:
        with until_full(), open(path, "wb", buffering=0) as file:
            while True:
                file.write(bytes(_PAGE))
        os.truncate(path, path.stat().st_size // _PAGE * _PAGE - left * _PAGE)
        yield
    finally:
        path.unlink()


@contextmanager
def read_only(container: Subject, where: str) -> Iterator[None]:
    """Whoever opens something there from now on cannot write."""
    enter(container, "mount", "--bind", where, where)
    enter(container, "mount", "-o", "remount,bind,ro", where)
    try:
        yield
    finally:
        enter(container, "umount", where)


def read_only_run(container: Subject, left: int) -> AbstractContextManager[None]:
    return read_only(container, "/run")


def read_only_state(container: Subject, left: int) -> AbstractContextManager[None]:
    return read_only(container, "/var/lib")


def enter(container: Subject, *command: str) -> None:
    """With the machine's privileges, among the container's mounts."""
    subprocess.run(["nsenter", "--target", str(container.pid), "--mount", "--pid", *command], check=True)


@contextmanager
def until_full() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise


def cgroup(container: Subject, controller: str) -> Path:
    """The container's, in the hierarchy of that controller, or in the only one that there is."""
    for line in Path(f"/proc/{container.pid}/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if controller in controllers.split(",") or (not controllers and (_CGROUPS / "cgroup.controllers").exists()):
            return _CGROUPS / (controller if controllers else "") / path.lstrip("/")
    raise LookupError(controller)


SHORTAGES: dict[str, Callable] = {
    "pids": few_pids,
    "descriptors": few_descriptors,
    "inodes on /run": few_inodes,
    "room on /run": lambda container, left: little_room(container, left, "/run"),
    "room on /var/log": lambda container, left: little_room(container, left, "/var/log"),
    "a writable /run": read_only_run,
    "a writable /var/lib": read_only_state,
}


# --- no memory ------------------------------------------------------------------------------------------------------------

#: Eats until it is killed; and so does a child of one, whose parent outlives it.
EATER = """\
import os, sys, time
if len(sys.argv) > 1 and not os.fork():
    del sys.argv[1:]
elif len(sys.argv) > 1:
    os.wait()
    time.sleep(1000)
food = []
while True:
    food.append(b"x" * (1 << 20))
"""
LIMIT = 150 << 20


def no_memory(random: Random, tries: int) -> Outcome:
    """A service eats all that the container may have, so many times: it is killed, which is told of it; the manager and the
    other services live."""
    text = "[Unit]\nStartLimitIntervalSec=0\n[Service]\nExecStart=/usr/bin/python3 -IS " + UNITS + "eater"
    units = {"eater": EATER, "main.service": text + "\n", "child.service": text + " child\n",
             "busy.service": "[Service]\nExecStart=/bin/sleep 1000\n"}
    container = Subject(units, ["busy.service"], f"--memory={LIMIT}", f"--memory-swap={LIMIT}")
    failures = []
    results: Counter[str] = Counter()
    try:
        container.start().wait_until_booted()
        bus = container.bus()
        busy = facts(bus, "busy.service")["MainPID"]
        for number in range(tries):
            name = random.choice(("main.service", "child.service"))
            before = ooms(container)
            bus.ask("StartUnit", "ss", name, "replace")
            deadline = time.monotonic() + 60
            while ooms(container) == before and time.monotonic() < deadline:
                time.sleep(0.05)
            if ooms(container) == before:
                failures.append(f"{number}: nobody was killed")
            found = await_facts(bus, name, lambda each: each["ActiveState"] == ("failed" if each["Id"][0] == "m" else "active")
                                and not each["Job"][0])
            if name == "main.service" and (found["ExecMainCode"], found["ExecMainStatus"], found["Result"]) not in (
                    (2, 9, "signal"), (2, 9, "oom-kill")):
                failures.append(f"{number}: {found['ExecMainCode']}, {found['ExecMainStatus']}, {found['Result']}")
            results[f"{name[:-8]}: {found['Result']}"] += 1
            bus.ask("StopUnit", "ss", name, "replace")
            await_facts(bus, name, lambda each: each["ActiveState"] in ("inactive", "failed"))
            bus.ask("ResetFailed")
            if facts(bus, "busy.service")["MainPID"] != busy:
                failures.append(f"{number}: another service was touched")
        bus.close()
        failures += [f"zombie: {each}" for each in lasting_zombies(container)] + complaints(container)
    finally:
        container.remove()
    return Outcome(failures, dict(results))


def ooms(container: Subject) -> int:
    """How often somebody of it was killed for want of memory."""
    group = cgroup(container, "memory")
    path = group / "memory.oom_control" if (group / "memory.oom_control").exists() else group / "memory.events"
    return int(dict(line.split() for line in path.read_text().splitlines())["oom_kill"])
