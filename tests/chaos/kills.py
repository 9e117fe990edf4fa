"""Processes of services, and the journal, are killed, in whatever they are about: each end is told as it was."""

from __future__ import annotations

import os
import signal
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from subjects import (
    MIXED,
    SPEAKING,
    STARTED,
    TOLD,
    Outcome,
    Patience,
    Subject,
    ask,
    await_facts,
    complaints,
    facts,
    lasting_zombies,
    spoken,
)

from initd.cli.bus import Bus

_SLEEP = "/bin/sleep 1000"
_CLD_KILLED = 2
#: What a daemon may end by: systemd.service(5), SuccessExitStatus=. SIGPIPE is ignored (IgnoreSIGPIPE=).
_CLEAN = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)
_UNCLEAN = (signal.SIGKILL, signal.SIGKILL, signal.SIGUSR1, signal.SIGALRM, signal.SIGUSR2)


class Phase(NamedTuple):
    """A service, and what it is about when it is hit: `call` is made of it once it is active."""

    text: str
    call: str = ""
    #: Which process is hit: MainPID or ControlPID.
    victim: str = "MainPID"
    signals: tuple[signal.Signals, ...] = _UNCLEAN


PHASES = {
    "main": Phase(f"ExecStart={_SLEEP}", signals=_UNCLEAN + _CLEAN),
    "forking": Phase(f"Type=forking\nPIDFile=/run/%n.pid\nExecStart=/bin/sh -c '{_SLEEP} & echo $! >/run/%n.pid'",
                     signals=(*_UNCLEAN, signal.SIGTERM)),  # a shell without jobs lets none of them hear SIGINT
    "notify": Phase(f"Type=notify\nExecStart={_SLEEP}"),
    "oneshot": Phase(f"Type=oneshot\nExecStart={_SLEEP}"),
    "pre": Phase(f"ExecStartPre={_SLEEP}\nExecStart={_SLEEP}", victim="ControlPID"),
    "post": Phase(f"ExecStart={_SLEEP}\nExecStartPost={_SLEEP}", victim="ControlPID"),
    "reload": Phase(f"ExecStart={_SLEEP}\nExecReload={_SLEEP}", "ReloadUnit", "ControlPID"),
    "stop": Phase(f"ExecStart={_SLEEP}\nExecStop={_SLEEP}", "StopUnit", "ControlPID"),
    "stop-post": Phase(f"ExecStart={_SLEEP}\nExecStopPost={_SLEEP}", "StopUnit", "ControlPID"),
}
#: Of each phase.
TWINS = 4


def expected(phase: str, number: signal.Signals) -> dict[str, object]:
    """What is told of it afterwards."""
    if phase == "reload":
        return {"ActiveState": "active", "ReloadResult": "signal", "Result": "success"}
    if phase in ("main", "forking", "notify", "oneshot"):
        end = {"ExecMainCode": _CLD_KILLED, "ExecMainStatus": int(number), "MainPID": 0}
        is_clean = number in _CLEAN
        return end | {"ActiveState": "inactive" if is_clean else "failed", "Result": "success" if is_clean else "signal"}
    told: dict[str, object] = {"ActiveState": "failed", "Result": "signal", "MainPID": 0}
    if phase == "pre":
        return told | {"ExecMainCode": 0}
    # Its main process was told to stop by the manager, one way or the other.
    return told | {"ExecMainCode": _CLD_KILLED, "ExecMainStatus": int(signal.SIGTERM)}


def killed_at_any_step(random: Random, tries: int) -> Outcome:
    """As many processes of services get a signal, most of them SIGKILL, and now and then the journal does, while other services
    crash and lines are written. What is told of each end is what it was; lines that were acknowledged are there."""
    units = {f"{phase}-{twin}.service": f"[Unit]\nStartLimitIntervalSec=0\n[Service]\nTimeoutStopSec=60\n{PHASES[phase].text}\n"
             for phase in PHASES for twin in range(TWINS)}
    units["keeper.target"] = f"[Unit]\nBefore={' '.join(units)}\n"  # who is in no relation is forgotten once it has ended well
    names = [name for name in units if name != "keeper.target"]
    container = Subject({**MIXED, **SPEAKING, **units}, [*STARTED, "speaker.service", "keeper.target"])
    failures: list[str] = []
    kills = journals = 0
    try:
        container.start().wait_until_booted()
        bus = container.bus()
        while kills < tries and not Patience.is_over():
            chosen = random.sample(names, min(len(names), tries - kills))
            shots = {name: random.choice(PHASES[name.rpartition("-")[0]].signals) for name in chosen}
            pids = hunt(container, bus, list(shots))
            journal = find_journal(container) if random.random() < 0.5 else 0
            for name in [*shots, *([""] if journal else [])]:
                os.kill(pids[name] if name else journal, shots[name] if name else signal.SIGKILL)
            kills, journals = kills + len(shots), journals + bool(journal)
            failures += [f"{kills}: {each}" for name, number in shots.items() for each in judge(bus, name, number)]
            for name in shots:
                bus.ask("KillUnit", "ssi", name, "all", int(signal.SIGKILL)) if facts(bus, name)["MainPID"] else None
                await_facts(bus, name, lambda each: each["ActiveState"] in ("inactive", "failed"))
            bus.ask("ResetFailed")
        for name in ("speaker.service", "daemon.service"):
            if facts(bus, name)["ActiveState"] != "active":
                failures.append(f"{name} was hit as well")
        bus.close()
        ask(container, "stop", "speaker.service", "again.service", "often.timer", "often.service", "once.service")
        container.exec("journalctl", "--sync")
        written, acknowledged, lost = spoken(Path(f"/proc/{container.pid}/root/run"))
        missed = [number for number in lost if number <= acknowledged]
        if missed or not acknowledged:
            failures.append(f"lost of {acknowledged} lines that were acknowledged: {missed}")
        failures += [f"zombie: {each}" for each in lasting_zombies(container)] + complaints(container)
    finally:
        container.remove()
    return Outcome(failures, {"journals killed": journals, "lines acknowledged": acknowledged, "of them lost": len(missed)},
                   kills)


def hunt(container: Subject, bus: Bus, names: list[str]) -> dict[str, int]:
    """Brings each to what it is to be hit in; the pid to be hit, as it is here."""
    phases = {name: PHASES[name.rpartition("-")[0]] for name in names}
    for name in names:
        bus.ask("StartUnit", "ss", name, "replace")
    for name, phase in phases.items():
        if phase.call:
            await_facts(bus, name, lambda each: each["ActiveState"] == "active")
            bus.ask(phase.call, "ss", name, "replace")
    inside = {await_facts(bus, name, partial(is_hittable, name, phase))[phase.victim]: name for name, phase in phases.items()}
    pids = {}
    for path in container.processes_here():
        for line in (path / "status").read_text().splitlines():
            if line.startswith("NSpid:") and (name := inside.get(int(line.split()[-1]))):
                pids[name] = int(path.name)
    return pids


def is_hittable(name: str, phase: Phase, found: dict[str, Any]) -> bool:
    is_there = found["ActiveState"] == "active" or not name.startswith("forking")
    return bool(found[phase.victim]) and is_there


def judge(bus: Bus, name: str, number: signal.Signals) -> list[str]:
    """Once it is quiet again."""
    phase = name.rpartition("-")[0]
    victim, wanted = PHASES[phase].victim, expected(phase, number)
    found = await_facts(bus, name, lambda each: not each[victim] and each["ActiveState"] in ("active", "failed", "inactive"))
    if phase == "pre" and found["ExecStartPre"][0][8:] != (_CLD_KILLED, int(number)):
        return [f"{name}, {number.name}: {found['ExecStartPre']}"]
    wrong = {key: found[key] for key, value in wanted.items() if found[key] != value}
    return [f"{name}, {number.name}: {wrong} of { {key: found[key] for key in TOLD} }"] if wrong else []


def find_journal(container: Subject) -> int:
    """Its pid here; 0 while there is none."""
    for path in container.processes_here():
        words = (path / "cmdline").read_bytes().split(b"\0")
        if len(words) > 2 and words[2].endswith(b"initd/journal/__main__.py"):
            return int(path.name)
    return 0
