"""Scripts: a path, the service it starts, and what happens to the file system (systemd.path(5))."""

from __future__ import annotations

from initd.core import effects as ef
from initd.core import events as ev
from initd.core.dependency import Dependency
from initd.core.engine import Engine
from initd.core.path import PathMachine
from initd.core.settings import DependencyEntry, PathSettings, UnitDefinition
from initd.core.states import ExecPhase, JobMode, JobType, LoadState, UnitType
from initd.core.values import Now
from tests.sim.system import SEC, Behaviour, FakeSystem
from tests.sim.units import service, shutdown_units

A, P = "a.service", "a.path"


def path(**words) -> UnitDefinition:
    settings = PathSettings()
    settings.paths, settings.unit = (("PathExists", "/x"),), A
    for word, value in words.items():
        assert hasattr(PathSettings, word), word
        setattr(settings, word, value)
    entries = (DependencyEntry(Dependency.TRIGGERS, A), DependencyEntry(Dependency.BEFORE, A))
    return UnitDefinition(P, UnitType.PATH, LoadState.LOADED, (P,), dependencies=entries, specific=settings)


def started(**words) -> FakeSystem:
    system = FakeSystem(Engine(Now(0, 0), seed=1))
    system.send(ev.UnitsLoaded((*shutdown_units(), path(**words), service(A))))
    system.engine.pinned = frozenset(system.engine.units)
    system.behaviours[A, ExecPhase.START] = [Behaviour(exit_after=SEC)] * 20
    system.send(ev.JobRequest(7, P, JobType.START, JobMode.REPLACE))
    return system


def looks(system: FakeSystem) -> int:
    return sum(isinstance(effect, ef.WatchPaths) for effect in system.trace)


def machine(system: FakeSystem) -> PathMachine:
    found = system.engine.units[P].machine
    assert isinstance(found, PathMachine)
    return found


def test_it_waits_while_nothing_is_there_and_looks_again_when_it_is_told():
    system = started()
    assert looks(system) == 1
    system.send(ev.PathsChecked(P))
    assert system.state(P) == ("active", "waiting")
    system.send(ev.PathTouched(P, ""))
    assert looks(system) == 2
    system.send(ev.PathsChecked(P, "", "/w"))
    assert system.state(P) == ("active", "running")
    system.run(until=system.usec + SEC // 2)
    assert system.state(A) == ("active", "running")


def test_what_is_there_at_the_start_starts_the_service_at_once():
    system = started()
    system.send(ev.PathsChecked(P, "", "/w"))
    assert system.state(P) == ("active", "running")


def test_a_change_starts_the_service_without_a_look():
    system = started()
    system.send(ev.PathsChecked(P))
    system.send(ev.PathTouched(P, "/w"))
    assert (system.state(P), looks(system)) == (("active", "running"), 1)


def test_it_looks_again_when_the_service_has_ended():
    system = started()
    system.send(ev.PathsChecked(P, "", "/w"))
    system.run(until=system.usec + 3 * SEC)
    assert (system.state(A), looks(system)) == (("inactive", "dead"), 2)
    system.send(ev.PathsChecked(P))
    assert system.state(P) == ("active", "waiting")


def test_what_stays_there_hits_the_limit():
    system = started(trigger_limit_burst=2, trigger_limit_interval_usec=100 * SEC)
    for _ in range(3):
        system.send(ev.PathsChecked(P, "", "/w"))
        system.run(until=system.usec + 3 * SEC)
    assert system.state(P) == ("failed", "failed")
    assert machine(system).result.value == "trigger-limit-hit"


def test_paths_that_cannot_be_watched_fail_it():
    system = started()
    system.send(ev.PathsChecked(P, "Paths cannot be watched here"))
    assert system.state(P) == ("failed", "failed")
    assert machine(system).result.value == "resources"
    system.send(ev.ResetFailedRequest(8, P))
    assert system.state(P) == ("inactive", "dead")


def test_a_stopped_one_watches_nothing():
    system = started()
    system.send(ev.PathsChecked(P))
    system.send(ev.JobRequest(8, P, JobType.STOP, JobMode.REPLACE))
    assert system.state(P) == ("inactive", "dead")
    assert any(isinstance(effect, ef.UnwatchPaths) for effect in system.trace)
    system.send(ev.PathTouched(P, "/w"))
    assert system.state(A) == ("inactive", "dead")
