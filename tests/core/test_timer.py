"""Scripts: a timer, the service it starts, and a clock (systemd.timer(5))."""

from __future__ import annotations

import pytest

from initd.core import effects as ef
from initd.core import events as ev
from initd.core.engine import Engine
from initd.core.states import ExecPhase, JobMode, JobType, ServiceType
from initd.core.timer import TimerMachine, stamp_path
from initd.core.values import INFINITY, Now
from tests.sim.system import SEC, Behaviour, FakeSystem
from tests.sim.units import service, shutdown_units, timer

A, T = "a.service", "a.timer"
#: 2023-11-14 22:13:20 UTC, the fake system's first second.
MIDNIGHT = 1_700_006_400 * SEC
DAY = 86400 * SEC


def boot(*definitions, settings=None) -> FakeSystem:
    system = FakeSystem(Engine(Now(0, 0), seed=1))
    system.send(ev.UnitsLoaded((*shutdown_units(), *definitions)))
    system.engine.pinned = frozenset(system.engine.units)
    return system


def oneshot(**words):
    return service(A, type=ServiceType.ONESHOT, **words)


def quick(system: FakeSystem, times: int = 50) -> None:
    """The service ends after a second, each time."""
    system.behaviours[A, ExecPhase.START] = [Behaviour(exit_after=SEC)] * times


def start(system: FakeSystem, unit: str = T) -> None:
    system.send(ev.JobRequest(7, unit, JobType.START, JobMode.REPLACE))


def machine(system: FakeSystem) -> TimerMachine:
    found = system.engine.units[T].machine
    assert isinstance(found, TimerMachine)
    return found


def starts(system: FakeSystem) -> list[int]:
    """When the service was started, in seconds; see `FakeSystem.spawn_times`."""
    return [usec // SEC for unit, usec in system.spawn_times if unit == A]


def test_a_time_after_the_timers_start_comes_once():
    system = boot(timer(T, monotonic=(("OnActive", 10 * SEC),)), oneshot())
    quick(system)
    start(system)
    assert system.state(T) == ("active", "waiting")
    assert machine(system).next_monotonic_usec == 11 * SEC
    system.run(until=11 * SEC)
    assert system.state(T) == ("active", "running")
    system.run(until=60 * SEC)
    assert starts(system) == [11]
    assert system.state(T) == ("active", "elapsed")
    assert machine(system).deadline_usec is None


def test_without_remain_after_elapse_it_ends_then():
    system = boot(timer(T, monotonic=(("OnActive", 10 * SEC),), remain_after_elapse=False), oneshot())
    quick(system)
    start(system)
    system.run(until=60 * SEC)
    assert system.state(T) == ("inactive", "dead")


def test_a_time_after_the_boot_that_is_over_starts_at_once():
    system = boot(timer(T, monotonic=(("OnBoot", SEC // 2),)), oneshot())
    quick(system)
    start(system)
    system.run(until=5 * SEC)
    assert starts(system) == [1]


def test_a_service_is_started_again_and_again_after_its_last_start():
    system = boot(timer(T, monotonic=(("OnActive", SEC), ("OnUnitActive", 10 * SEC))), oneshot())
    quick(system)
    start(system)
    system.run(until=45 * SEC)
    assert starts(system) == [2, 12, 22, 32, 42]


def test_a_service_is_started_again_after_its_end():
    system = boot(timer(T, monotonic=(("OnActive", SEC), ("OnUnitInactive", 10 * SEC))), oneshot())
    quick(system)
    start(system)
    system.run(until=40 * SEC)
    assert starts(system) == [2, 13, 24, 35]


def test_what_was_never_up_gives_no_time_yet_and_the_timer_stays():
    system = boot(timer(T, monotonic=(("OnUnitActive", 10 * SEC),), remain_after_elapse=False), oneshot())
    quick(system)
    start(system)
    assert system.state(T) == ("active", "elapsed")
    start(system, A)
    system.run(until=13 * SEC)
    assert starts(system) == [1, 11]


def test_a_calendar_event_comes_every_time():
    system = boot(timer(T, calendar=("*-*-* 00:00:00",)), oneshot())
    quick(system)
    start(system)
    assert machine(system).next_realtime_usec == MIDNIGHT
    assert machine(system).next_monotonic_usec == INFINITY
    first = (MIDNIGHT - system.wall_offset) // SEC
    system.run(until=first * SEC + 2 * DAY + SEC)
    assert starts(system) == [first, first + 86400, first + 2 * 86400]


def test_a_persistent_timer_makes_up_for_what_was_missed():
    system = boot(timer(T, calendar=("*-*-* 00:00:00",), persistent=True), oneshot())
    quick(system)
    system.stamps[stamp_path(system.engine.units[T])] = MIDNIGHT - 2 * DAY
    start(system)
    system.run(until=5 * SEC)
    assert starts(system) == [1]
    assert system.stamps[stamp_path(system.engine.units[T])] == system.wall_offset + SEC
    assert machine(system).next_realtime_usec == MIDNIGHT


def test_a_persistent_timer_that_missed_nothing_waits():
    system = boot(timer(T, calendar=("*-*-* 00:00:00",), persistent=True), oneshot())
    start(system)
    assert system.state(T) == ("active", "waiting")
    assert system.stamps  # made, so that the next boot knows
    system.run(until=5 * SEC)
    assert starts(system) == []


def test_a_clock_that_was_put_back_is_waited_for():
    system = boot(timer(T, calendar=("*-*-* 00:00:00",)), oneshot())
    quick(system)
    start(system)
    system.wall_offset -= 3600 * SEC
    system.run(until=MIDNIGHT - system.wall_offset - SEC)
    assert starts(system) == []
    system.run(until=MIDNIGHT - system.wall_offset + SEC)
    assert len(starts(system)) == 1


def test_a_unit_that_cannot_be_started_fails_the_timer():
    system = boot(timer(T, monotonic=(("OnActive", SEC),)), oneshot(refuse_manual_start=False))
    start(system)
    del system.engine.graph.units[A]
    system.engine.graph.by_name.pop(A)
    system.run(until=5 * SEC)
    assert system.state(T) == ("failed", "failed")
    assert machine(system).result.value == "resources"
    system.send(ev.ResetFailedRequest(8, T))
    assert system.state(T) == ("inactive", "dead")


def test_a_timer_does_not_start_without_its_unit():
    system = boot(timer(T, monotonic=(("OnActive", SEC),)))
    system.send(ev.UnitsLoaded(()))
    start(system)
    assert system.state(T) == ("inactive", "dead")
    assert any("unit a.service to trigger not loaded" in effect.text for effect in system.trace if isinstance(effect, ef.Log))


def test_a_stopped_timer_wakes_nobody():
    system = boot(timer(T, monotonic=(("OnActive", 10 * SEC),)), oneshot())
    start(system)
    system.send(ev.JobRequest(8, T, JobType.STOP, JobMode.REPLACE))
    assert system.state(T) == ("inactive", "dead")
    system.run(until=60 * SEC)
    assert starts(system) == []


@pytest.mark.parametrize("seed", range(5))
def test_wake_ups_are_late_by_no_more_than_the_accuracy_and_fall_together(seed):
    system = FakeSystem(Engine(Now(0, 0), seed=seed * 7_000_001))
    names = [f"{number}.timer" for number in range(20)]
    units = [timer(name, monotonic=(("OnActive", (100 + number) * SEC),), accuracy_usec=60 * SEC)
             for number, name in enumerate(names)]
    services = [service(name.replace(".timer", ".service")) for name in names]
    system.send(ev.UnitsLoaded((*shutdown_units(), *units, *services)))
    system.engine.pinned = frozenset(system.engine.units)
    for name in names:
        start(system, name)
    wakes = set()
    for number, name in enumerate(names):
        found = system.engine.units[name].machine
        assert isinstance(found, TimerMachine)
        assert 0 <= found.wake_usec - (101 + number) * SEC <= 60 * SEC
        wakes.add(found.wake_usec)
    assert len(wakes) <= 2


def test_a_random_delay_is_within_its_bound_and_a_fixed_one_stays():
    delays = []
    for _ in range(2):
        system = boot(timer(T, monotonic=(("OnActive", SEC),), randomized_delay_usec=100 * SEC, fixed_random_delay=True),
                      oneshot())
        start(system)
        delays.append(machine(system).next_monotonic_usec - 2 * SEC)
    assert delays[0] == delays[1]
    assert 0 <= delays[0] <= 100 * SEC
    other = boot(timer(T, monotonic=(("OnActive", SEC),), randomized_delay_usec=100 * SEC), oneshot())
    start(other)
    assert 0 <= machine(other).next_monotonic_usec - 2 * SEC <= 100 * SEC


def test_a_delay_is_no_part_of_an_events_own_next_time():
    system = boot(timer(T, calendar=("2030-01-01",), randomized_delay_usec=3600 * SEC), oneshot())
    start(system)
    new_year = 1_893_456_000 * SEC
    assert machine(system).elapses == (new_year,)
    assert new_year <= machine(system).next_realtime_usec <= new_year + 3600 * SEC


def test_a_time_that_was_used_up_still_says_when_it_was():
    system = boot(timer(T, monotonic=(("OnActive", 10 * SEC),)), oneshot())
    quick(system)
    start(system)
    system.run(until=60 * SEC)
    assert machine(system).elapses == (11 * SEC,) and machine(system).next_monotonic_usec == INFINITY


@pytest.mark.parametrize("has_elapsed", [False, True])
def test_a_reload_makes_up_for_what_a_timer_that_never_elapsed_has_missed(has_elapsed):
    system = boot(timer(T, calendar=("2030-01-01",), monotonic=(("OnActive", SEC),) if has_elapsed else ()), oneshot())
    quick(system)
    start(system)
    system.run(until=100 * SEC)
    before = len(starts(system))
    definitions = [*shutdown_units(), timer(T, calendar=("2030-01-01",), monotonic=(("OnActive", 5 * SEC),)), oneshot()]
    system.engine.reload(definitions, system.now)
    system.run(until=200 * SEC)
    assert len(starts(system)) - before == (0 if has_elapsed else 1)
