"""Scripts: an automount point, its mount unit, and those who come (systemd.automount(5)); traces of a real systemd are in
tests/conformance/automounts."""

from __future__ import annotations

import pytest

from initd.core import effects as ef
from initd.core import events as ev
from initd.core.automount import AutomountMachine
from initd.core.dependency import Dependency
from initd.core.engine import Engine
from initd.core.settings import AutomountSettings, DependencyEntry, UnitDefinition
from initd.core.states import ExecPhase, JobMode, JobResult, JobType, LoadState, UnitType
from initd.core.values import Now
from tests.sim.system import SEC, Behaviour, FakeSystem
from tests.sim.units import mount, shutdown_units, unloaded

A, M = "srv-a.automount", "srv-a.mount"


def boot(is_supported: bool = True, **words) -> FakeSystem:
    settings = AutomountSettings()
    settings.where, settings.is_supported = "/srv/a", is_supported
    for word, value in words.items():
        assert hasattr(AutomountSettings, word), word
        setattr(settings, word, value)
    entries = (DependencyEntry(Dependency.TRIGGERS, M), DependencyEntry(Dependency.BEFORE, M))
    system = FakeSystem(Engine(Now(0, 0), seed=1))
    system.send(ev.UnitsLoaded((
        *shutdown_units(),
        UnitDefinition(A, UnitType.AUTOMOUNT, LoadState.LOADED, (A,), dependencies=entries, specific=settings),
        mount("/srv/a"),
    )))
    system.send(ev.UnitsLoaded(tuple(unloaded(name) for name in system.engine.graph.missing())))
    system.engine.pinned = frozenset(system.engine.units)
    return system


def ask(system: FakeSystem, unit: str, what: JobType = JobType.START) -> None:
    system.send(ev.JobRequest(7, unit, what, JobMode.REPLACE))


def waiting(**words) -> FakeSystem:
    system = boot(**words)
    ask(system, A)
    system.send(ev.AutomountOpened(A))
    return system


def mounted(**words) -> FakeSystem:
    system = waiting(**words)
    system.send(ev.AutomountRequested(A, 5, False, 77, "ls"))
    while system.state(M) != ("active", "mounted"):
        system.run(until=system.usec + SEC // 100)
    return system


def answers(system: FakeSystem) -> list[tuple[tuple[int, ...], bool]]:
    return [(effect.tokens, not effect.error) for effect in system.trace if isinstance(effect, ef.AnswerAutomount)]


def result(system: FakeSystem) -> str:
    machine = system.engine.units[A].machine
    assert isinstance(machine, AutomountMachine)
    return machine.result.value


def test_where_there_is_no_autofs_it_is_unsupported():
    system = boot(is_supported=False)
    ask(system, A)
    assert system.state(A) == ("inactive", "dead") and (A, JobResult.UNSUPPORTED) in system.results
    assert not system.engine.units[A].can_start and not system.engine.units[A].can_stop


def test_who_comes_waits_for_the_mount():
    system = waiting()
    assert system.state(A) == ("active", "waiting")
    system.send(ev.AutomountRequested(A, 5, False, 77, "ls"))
    system.send(ev.AutomountRequested(A, 6, False, 78, "cat"))
    assert system.state(A) == ("active", "running") and answers(system) == []
    system.run(until=system.usec + SEC)
    assert system.state(M) == ("active", "mounted") and answers(system) == [((5, 6), True)]
    system.send(ev.AutomountRequested(A, 7, False, 79, "ls"))
    assert answers(system)[-1] == ((7,), True)


def test_who_comes_for_a_mount_that_fails_hears_of_it():
    system = waiting()
    system.behaviours[M, ExecPhase.MOUNT] = [Behaviour(exit_after=1000, status=32)]
    system.send(ev.AutomountRequested(A, 5, False, 77, "ls"))
    system.run(until=system.usec + SEC)
    assert answers(system) == [((5,), False)] and system.state(A) == ("active", "waiting")


def test_the_kernel_is_asked_whether_it_is_used_and_may_have_it_unmounted():
    system = mounted(timeout_idle_usec=9 * SEC)
    # something there cannot be unmounted at once
    system.behaviours[M, ExecPhase.UNMOUNT] = [Behaviour(exit_after=20 * SEC)]
    asked = lambda: sum(isinstance(effect, ef.ExpireAutomount) for effect in system.trace)  # noqa: E731
    system.run(until=system.usec + 7 * SEC)
    assert asked() == 2
    system.send(ev.AutomountRequested(A, 6, is_expiry=True))
    system.run(until=system.usec + 9 * SEC)
    assert asked() == 2  # while the answer is out
    system.run(until=system.usec + 20 * SEC)
    assert answers(system)[-1] == ((6,), True) and system.state(A) == ("active", "waiting")
    system.run(until=system.usec + 20 * SEC)
    assert asked() == 2


def test_without_an_idle_time_nobody_is_asked():
    system = mounted()
    system.run(until=system.usec + 1000 * SEC)
    assert not any(isinstance(effect, ef.ExpireAutomount) for effect in system.trace)


def test_whoever_waits_is_let_go_when_it_is_stopped():
    system = waiting()
    system.send(ev.AutomountRequested(A, 5, False, 77, "ls"))
    ask(system, A, JobType.STOP)
    assert answers(system) == [((5,), False)] and system.state(A) == ("inactive", "dead")
    kinds = [type(effect) for effect in system.trace]
    assert kinds.index(ef.AnswerAutomount) < kinds.index(ef.CloseAutomount)


@pytest.mark.parametrize(("event", "state", "said"), [
    (ev.AutomountOpened(A, "Operation not permitted"), ("failed", "failed"), "resources"),
    (ev.AutomountOpened(A, is_taken=True), ("inactive", "dead"), "success"),
])
def test_what_cannot_be_set_up_fails_the_job(event, state, said):
    system = boot()
    ask(system, A)
    system.send(event)
    assert (system.state(A), result(system)) == (state, said) and (A, JobResult.FAILED) in system.results


def test_one_that_somebody_unmounted_fails():
    system = waiting()
    system.send(ev.AutomountLost(A))
    assert (system.state(A), result(system)) == (("failed", "failed"), "unmounted")
    system.send(ev.ResetFailedRequest(8, A))
    assert (system.state(A), result(system)) == (("inactive", "dead"), "success")
