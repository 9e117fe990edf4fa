"""Processes in numbers: orphans by the million, and a fork bomb under its limit."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from random import Random

from subjects import Outcome, Subject, await_facts, complaints, facts, lasting_zombies

HERE = Path(__file__).resolve().parent
#: What a heap may gain by chance, in kB: more than that is growth.
CHANCE = 2000


def orphans(random: Random, tries: int) -> Outcome:
    """So many orphans end, while services end with all kinds of codes: all are reaped, each code is told, and the manager grows
    no more once the first tenth is over."""
    codes = [random.randint(1, 250) for _ in range(10)]
    text = "[Unit]\nStartLimitIntervalSec=0\n[Service]\n"
    units = {f"ends-{number}.service": f"{text}ExecStart=/bin/sh -c 'sleep 0.02; exit {code}'\n"
             for number, code in enumerate(codes)}
    units["orphans.service"] = f"[Service]\nExecStart=/usr/local/bin/orphans {tries} /run/orphans\n"
    directory = tempfile.TemporaryDirectory(prefix="pyinit-orphans-")
    program = Path(directory.name, "orphans")
    subprocess.run(["cc", "-O1", "-Wall", "-Wextra", "-Werror", "-static", "-o", program, HERE / "orphans.c"], check=True)
    container = Subject(units, [], f"--volume={program}:/usr/local/bin/orphans:ro")
    failures: list[str] = []
    ended = sample = 0
    try:
        container.start().wait_until_booted()
        bus, done = container.bus(), Path(f"/proc/{container.pid}/root/run/orphans")
        bus.ask("StartUnit", "ss", "orphans.service", "replace")
        is_over = False
        while not is_over:
            is_over = facts(bus, "orphans.service")["ActiveState"] != "active"
            for number in range(len(codes)):
                bus.ask("StartUnit", "ss", f"ends-{number}.service", "replace")
            for number, code in enumerate(codes):
                found = await_facts(bus, f"ends-{number}.service", lambda each: each["ActiveState"] == "failed")
                ended += 1
                if (found["ExecMainCode"], found["ExecMainStatus"], found["Result"]) != (1, code, "exit-code"):
                    failures.append(f"{code}: {found['ExecMainCode']}, {found['ExecMainStatus']}, {found['Result']}")
                bus.ask("ResetFailedUnit", "s", f"ends-{number}.service")
            if not sample and done.exists() and int(done.read_text() or 0) >= tries // 10:
                sample = memory(container)
        found = facts(bus, "orphans.service")
        if (found["Result"], int(done.read_text())) != ("success", tries):
            failures.append(f"{done.read_text()} orphans, {found['Result']}")
        bus.close()
        failures += [f"zombie: {each}" for each in lasting_zombies(container)] + complaints(container)
        growth = memory(container) - (sample or memory(container))
        if growth > CHANCE:
            failures.append(f"the manager has grown by {growth} kB")
    finally:
        container.remove()
        directory.cleanup()
    return Outcome(failures, {"services ended": ended, "growth in kB": growth})


def memory(container: Subject) -> int:
    """What the manager has of its own, in kB."""
    for line in Path(f"/proc/{container.pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1])
    raise LookupError("RssAnon")


BOMB = "import os\nwhile True:\n    try:\n        os.fork()\n    except OSError:\n        pass\n"
BOMB_LIMIT = 60


def fork_bomb(random: Random, tries: int) -> Outcome:
    """A unit of a user of its own forks without end, up to LimitNPROC=: others start and stop meanwhile, and it can be stopped,
    with nothing left of it."""
    units = {
        "bomb": BOMB,
        "bomb.service": f"[Unit]\nStartLimitIntervalSec=0\n[Service]\nUser=games\nLimitNPROC={BOMB_LIMIT}\nNice=19\n"
                        "TimeoutStopSec=2\nExecStart=/usr/bin/python3 -IS /etc/systemd/system/bomb\n",
        "other.service": "[Unit]\nStartLimitIntervalSec=0\n[Service]\nExecStart=/bin/sleep 1000\n",
    }
    container = Subject(units, [])
    failures: list[str] = []
    most = 0
    try:
        container.start().wait_until_booted()
        bus = container.bus()
        for number in range(tries):
            bus.ask("StartUnit", "ss", "bomb.service", "replace")
            deadline = time.monotonic() + 30
            while (grown := len(of_the_bomb(container))) < BOMB_LIMIT // 2 and time.monotonic() < deadline:
                time.sleep(0.05)
            time.sleep(random.random() / 2)
            most = max(most, grown, len(of_the_bomb(container)))
            for member, state in ("RestartUnit", "active"), ("StopUnit", "inactive"):
                bus.ask(member, "ss", "other.service", "replace")
                await_facts(bus, "other.service", lambda each: each["ActiveState"] == state and not each["Job"][0])  # noqa: B023
            if random.random() < 0.3:  # its first process alone, and all others are to be found
                os.kill(min(of_the_bomb(container)), signal.SIGKILL)
            bus.ask("StopUnit", "ss", "bomb.service", "replace")
            await_facts(bus, "bomb.service", lambda each: each["ActiveState"] in ("inactive", "failed") and not each["Job"][0])
            if left := of_the_bomb(container):
                failures.append(f"{number}: {len(left)} processes are left")
            bus.ask("ResetFailed")
        if not BOMB_LIMIT // 2 <= most <= BOMB_LIMIT:
            failures.append(f"it had {most} processes")
        bus.close()
        failures += [f"zombie: {each}" for each in lasting_zombies(container)] + complaints(container)
    finally:
        container.remove()
    return Outcome(failures, {"processes at most": most})


def of_the_bomb(container: Subject) -> list[int]:
    """Pids here of those that live."""
    found = []
    for path in container.processes_here():
        try:
            if b"/bomb\0" in (path / "cmdline").read_bytes():
                found.append(int(path.name))
        except OSError:
            continue  # it has ended
    return found
