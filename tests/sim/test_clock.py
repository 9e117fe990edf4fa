"""The wall clock jumps, forwards and back, between all other events: what timers and services make of it.

Boundaries are full minutes, for timers with OnCalendar=*-*-* *:*:00.
"""

from __future__ import annotations

import os

from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from initd.core import events as ev
from initd.core.dependency import Dependency
from initd.core.engine import Engine
from initd.core.settings import DependencyEntry, KillSettings, TimerSettings, UnitDefinition
from initd.core.states import ExecPhase, JobMode, JobType, LoadState, ServiceType, UnitType
from initd.core.values import Now
from tests.sim.system import SEC, Behaviour, FakeSystem
from tests.sim.units import service, shutdown_units, unloaded

MINUTE = 60 * SEC
START = 1_700_000_001
examples = settings(max_examples=int(os.environ.get("PYINIT_SIM_EXAMPLES", "40")), deadline=None,
                    phases=(Phase.explicit, Phase.generate))
#: Each after so many µs, by so many.
jumps = st.lists(st.tuples(st.integers(0, 3 * MINUTE), st.one_of(st.integers(-3600 * SEC, 3600 * SEC),
                                                                 st.sampled_from((-MINUTE, -1, 0, 1, MINUTE)))), max_size=8)


def timer(name: str, **words: object) -> UnitDefinition:
    specific = TimerSettings()
    specific.unit, specific.accuracy_usec = "a.service", 1
    for word, value in words.items():
        assert hasattr(specific, word), word
        setattr(specific, word, value)
    entries = tuple(DependencyEntry(each, "a.service") for each in (Dependency.TRIGGERS, Dependency.BEFORE))
    return UnitDefinition(name, UnitType.TIMER, LoadState.LOADED, (name,), dependencies=entries, specific=specific,
                          kill=KillSettings())


def boot(seed: int, *definitions: UnitDefinition) -> FakeSystem:
    system = FakeSystem(Engine(Now(SEC, START * SEC), seed), seed, has_triggers=True)
    system.wall_offset = (START - 1) * SEC
    system.engine.pinned = frozenset(each.name for each in definitions)
    system.send(ev.UnitsLoaded((*shutdown_units(), *definitions)))
    system.send(ev.UnitsLoaded(tuple(unloaded(name) for name in system.engine.graph.missing())))
    for number, each in enumerate(definitions):
        if each.name != "a.service":
            system.send(ev.JobRequest(number, each.name, JobType.START, JobMode.REPLACE))
    return system


def jump(system: FakeSystem, by: int) -> None:
    system.wall_offset += by
    system.send(ev.ClockChanged())


def play(system: FakeSystem, leaps: list[tuple[int, int]]) -> None:
    for pause, by in leaps:
        system.run(until=system.usec + pause)
        jump(system, by)
    system.run(until=system.usec + 3 * MINUTE)


def once() -> UnitDefinition:
    return service("a.service", type=ServiceType.ONESHOT, start_limit_interval_usec=0)


def starts(system: FakeSystem) -> list[int]:
    """Monotonic times at which the service was started."""
    return [usec for unit, usec in system.spawn_times if unit == "a.service"]


@given(st.integers(0, 2**32), jumps)
@examples
def test_monotonic_timers_restarts_and_timeouts_do_not_see_it(seed, leaps):
    def run(leaps: list[tuple[int, int]]) -> list[tuple[str, int]]:
        system = boot(seed, once(), timer("a.timer", monotonic=(("OnActive", 5 * SEC), ("OnUnitActive", 37 * SEC))),
                      service("crashing.service", restart="always", restart_usec=41 * SEC, start_limit_interval_usec=0),
                      service("hanging.service", type=ServiceType.NOTIFY, timeout_start_usec=53 * SEC, restart="on-failure",
                              start_limit_interval_usec=0))
        system.behaviours["crashing.service", ExecPhase.START] = [Behaviour(exit_after=SEC, status=1)]
        system.behaviours["hanging.service", ExecPhase.START] = [Behaviour()]
        play(system, leaps)
        return system.spawn_times
    times = run(leaps)
    assert times == run([(pause, 0) for pause, _ in leaps])
    assert {"a.service", "crashing.service", "hanging.service"} == {unit for unit, _ in times}


@given(st.integers(0, 2**32), jumps, st.booleans())
@examples
def test_a_calendar_timer_runs_at_most_once_for_each_minute_and_once_for_a_jump_over_many(seed, leaps, is_persistent):
    system = boot(seed, once(), timer("a.timer", calendar=("*-*-* *:*:00",), persistent=is_persistent))
    most = 0
    last = system.now.realtime_usec
    for pause, by in [*leaps, (3 * MINUTE, 0)]:
        system.run(until=system.usec + pause)
        passed = system.now.realtime_usec
        most += passed // MINUTE - last // MINUTE
        jump(system, by)
        last = system.now.realtime_usec
        most += last // MINUTE > passed // MINUTE
    assert len(starts(system)) <= most
    # Whoever was put back is waited for, and then it goes on.
    before = len(starts(system))
    back = sum(-by for _, by in leaps if by < 0)
    system.run(until=system.usec + back + 2 * MINUTE)
    assert len(starts(system)) > before


@given(st.integers(0, 2**32), jumps)
@example(1981, [(179999999, 279), (1981, -60000000), (179999999, 279)])  # it elapses a microsecond later, which is AccuracySec=
@examples
def test_without_a_jump_every_minute_is_met_and_a_forward_one_is_caught_up_with_once(seed, leaps):
    system = boot(seed, once(), timer("a.timer", calendar=("*-*-* *:*:00",)))
    for pause, by in leaps:
        before, began = len(starts(system)), system.now.realtime_usec
        system.run(until=system.usec + pause)
        now = system.now.realtime_usec
        assert (now - 1) // MINUTE <= len(starts(system)) - before + began // MINUTE <= now // MINUTE
        before, then = len(starts(system)), now + abs(by)
        jump(system, abs(by))
        system.run(until=system.usec + 1)
        assert len(starts(system)) - before == (then // MINUTE > now // MINUTE)
        system.run(until=system.usec + SEC)  # its service has ended


@given(st.integers(0, 2**32), jumps)
@examples
def test_on_clock_change_runs_once_for_each_jump(seed, leaps):
    system = boot(seed, once(), timer("a.timer", on_clock_change=True))
    play(system, [(pause + SEC, by) for pause, by in leaps])
    assert len(starts(system)) == len(leaps)


@given(st.integers(0, 2**32), jumps)
@examples
def test_what_is_told_of_times_has_the_clock_of_its_moment(seed, leaps):
    """A stamp is never of a clock that was not there: each state's two times are of one moment."""
    system = boot(seed, once(), timer("a.timer", monotonic=(("OnActive", SEC), ("OnUnitActive", 17 * SEC))))
    clocks = {}
    for pause, by in [*leaps, (MINUTE, 0)]:
        began = system.usec
        system.run(until=system.usec + pause)
        clocks[began, system.usec] = system.wall_offset
        unit = system.engine.units["a.service"]
        for stamp in (unit.inactive_exit_time, unit.active_exit_time, unit.inactive_enter_time):
            if stamp is not None:
                fitting = {offset for (first, end), offset in clocks.items() if first <= stamp.monotonic_usec <= end}
                assert stamp.realtime_usec - stamp.monotonic_usec in fitting
        jump(system, by)
