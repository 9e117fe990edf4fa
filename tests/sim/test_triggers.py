"""Sockets, timers and paths under random requests, visitors, faults and clocks: none is stuck, none forgets its service."""

from __future__ import annotations

import os
from random import Random

from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from initd.core import events as ev
from initd.core.dependency import Dependency
from initd.core.engine import Engine
from initd.core.path import PathMachine, PathState
from initd.core.settings import DependencyEntry, KillSettings, PathSettings, SocketSettings, TimerSettings, UnitDefinition
from initd.core.socket_record import SocketMachine, SocketState
from initd.core.states import ExecPhase, JobMode, JobType, KillMode, LoadState, ServiceType, UnitType
from initd.core.timer import TimerMachine, TimerState
from initd.core.values import Condition, Now
from tests.sim.system import MSEC, SEC, Behaviour, FakeSystem, Faults
from tests.sim.units import command, service, shutdown_units, unloaded

STEMS = ("a", "b", "c")
TYPES = {UnitType.SOCKET: SocketSettings, UnitType.TIMER: TimerSettings, UnitType.PATH: PathSettings}
examples = settings(max_examples=int(os.environ.get("PYINIT_SIM_EXAMPLES", "150")), deadline=None,
                    phases=(Phase.explicit, Phase.generate))


def trigger(rng: Random, kind: UnitType, stem: str) -> UnitDefinition:
    specific = TYPES[kind]()
    if isinstance(specific, SocketSettings):
        specific.listen, specific.service = (("Stream", f"/run/{stem}"),), f"{stem}.service"
        specific.timeout_usec = SEC
        specific.socket_user = rng.choice(("", "daemon"))
        for line in ("exec_start_pre", "exec_start_post", "exec_stop_pre", "exec_stop_post"):
            setattr(specific, line, rng.choice(((), (command(),), (command(), command("/2", ignore_failure=True)))))
    elif isinstance(specific, TimerSettings):
        specific.unit = f"{stem}.service"
        kinds = ("OnActive", "OnBoot", "OnUnitActive", "OnUnitInactive")
        specific.monotonic = tuple((each, rng.randint(1, 5) * SEC) for each in rng.sample(kinds, rng.randint(0, 2)))
        specific.calendar = rng.choice(((), ("*-*-* *:*:00",)))
        specific.on_clock_change, specific.remain_after_elapse = rng.random() < 0.3, rng.random() < 0.7
        specific.persistent = rng.random() < 0.3
    else:
        specific.unit, specific.paths = f"{stem}.service", (("PathChanged", f"/srv/{stem}"),)
    name = f"{stem}.{kind.value}"
    entries = tuple(DependencyEntry(each, f"{stem}.service") for each in (Dependency.TRIGGERS, Dependency.BEFORE))
    kill = KillSettings()
    kill.kill_mode = rng.choice((KillMode.CONTROL_GROUP, KillMode.MIXED, KillMode.PROCESS))
    return UnitDefinition(name, kind, LoadState.LOADED, (name,), dependencies=entries, specific=specific, kill=kill)


def build(seed: int) -> FakeSystem:
    rng = Random(seed)
    system = FakeSystem(Engine(Now(SEC, 1_700_000_001 * SEC), seed), seed, has_triggers=True)
    faults = Faults(spawn_fails=rng.choice((0, 0, 0.2)), open_fails=rng.choice((0, 0, 0.2)), late=rng.choice((0, 0, 0.2)),
                    clock_jumps=rng.choice((0, 0, 0.1)), reexecutes=rng.choice((0, 0, 0.05)))
    definitions = []
    for stem in STEMS:
        words: dict[str, object] = {"type": rng.choice((ServiceType.ONESHOT, ServiceType.SIMPLE))}
        if rng.random() < 0.3:
            words["conditions"] = (Condition("PathExists", "/x"),)
            system.condition_results[f"{stem}.service"] = False
        definitions += [service(f"{stem}.service", **words), trigger(rng, rng.choice(tuple(TYPES)), stem)]
        if rng.random() < 0.5:
            ends = Behaviour(exit_after=rng.randint(1, 2000) * MSEC, status=rng.choice((0, 0, 1)))
            for phase in (ExecPhase.START, ExecPhase.START_PRE, ExecPhase.STOP_PRE):
                system.behaviours[definitions[-1].name, phase] = [ends]
            system.behaviours[f"{stem}.service", ExecPhase.START] = [ends]
    system.engine.pinned = frozenset(each.name for each in definitions)
    system.send(ev.UnitsLoaded((*shutdown_units(), *definitions)))
    system.send(ev.UnitsLoaded(tuple(unloaded(name) for name in system.engine.graph.missing())))
    system.engine.pinned = frozenset(system.engine.units)
    system.faults = faults
    return system


def play(system: FakeSystem, seed: int) -> None:
    rng = Random(seed + 2)
    names = [name for name in system.engine.units if name[:2] in ("a.", "b.", "c.")]
    for number in range(30):
        name = rng.choice(names)
        if rng.random() < 0.5:
            system.come(name)
        else:
            kind = rng.choice((JobType.START, JobType.START, JobType.START, JobType.STOP, JobType.RESTART))
            system.send(ev.JobRequest(number, name, kind, JobMode.REPLACE))
        system.run(until=system.usec + rng.randint(0, 3 * SEC))


def stuck(system: FakeSystem) -> list[str]:
    """Triggers that wait for the end of a unit which is down, with nothing under way."""
    found = []
    for unit in system.engine.graph.units.values():
        if isinstance(unit.machine, (SocketMachine, TimerMachine, PathMachine)):
            other = system.engine.units[f"{unit.name[0]}.service"]
            is_running = unit.machine.state in (SocketState.RUNNING, TimerState.RUNNING, PathState.RUNNING)
            if is_running and other.active_state.is_down and other.job is None:
                found.append(f"{unit.name} waits for {other}")
    return found


@given(st.integers(0, 2**32))
@examples
def test_no_trigger_waits_for_what_is_over(seed):
    system = build(seed)
    play(system, seed)
    system.faults = Faults()
    system.run(until=system.usec + SEC // 4)  # what is on its way arrives
    assert stuck(system) == []


@given(st.integers(0, 2**32))
@example(102469680)  # a path stopped before it was known what is there
@examples
def test_all_of_them_can_be_stopped(seed):
    system = build(seed)
    play(system, seed)
    system.faults = Faults()
    while any(isinstance(event, ev.JobRequest) for _, _, event in system.queue):  # one that is late must not undo a stop
        system.run(until=system.usec + MSEC)
    for number, name in enumerate(sorted(system.engine.units)):
        if name[:2] in ("a.", "b.", "c."):
            system.send(ev.JobRequest(1000 + number, name, JobType.STOP, JobMode.REPLACE))
    system.run(until=system.usec + 300 * SEC)  # a stop that the late news of a start has overtaken runs into its limit
    assert not system.engine.jobs and not system.listening and not system.watched
    for unit in system.engine.graph.units.values():
        if isinstance(unit.machine, SocketMachine):
            assert unit.active_state.is_down and not unit.machine.control_pid and unit.machine.deadline_usec is None
