"""Scripts: a socket, its service, and those who come (systemd.socket(5))."""

from __future__ import annotations

from initd.core import effects as ef
from initd.core import events as ev
from initd.core.dependency import Dependency
from initd.core.engine import Engine
from initd.core.settings import DependencyEntry, SocketSettings, UnitDefinition
from initd.core.socket import instance_name
from initd.core.socket_record import SocketMachine
from initd.core.states import ExecPhase, JobMode, JobType, LoadState, UnitType
from initd.core.values import Now
from tests.sim.system import SEC, Behaviour, FakeSystem
from tests.sim.units import service, shutdown_units, unloaded

A, S = "a.service", "a.socket"


def socket(**words) -> UnitDefinition:
    settings = SocketSettings()
    settings.listen = (("Stream", "/run/a"),)
    settings.service = "" if words.get("accept") else A
    for word, value in words.items():
        assert hasattr(SocketSettings, word), word
        setattr(settings, word, value)
    kinds = () if settings.accept else (Dependency.TRIGGERS, Dependency.BEFORE)
    entries = tuple(DependencyEntry(kind, A) for kind in kinds)
    return UnitDefinition(S, UnitType.SOCKET, LoadState.LOADED, (S,), dependencies=entries, specific=settings)


def boot(*definitions) -> FakeSystem:
    system = FakeSystem(Engine(Now(0, 0), seed=1))
    system.send(ev.UnitsLoaded((*shutdown_units(), *definitions)))
    system.send(ev.UnitsLoaded(tuple(unloaded(name) for name in system.engine.graph.missing())))
    system.engine.pinned = frozenset(system.engine.units)
    return system


def ask(system: FakeSystem, unit: str, what: JobType = JobType.START) -> None:
    system.send(ev.JobRequest(7, unit, what, JobMode.REPLACE))


def listening(*definitions) -> FakeSystem:
    system = boot(*definitions)
    ask(system, S)
    system.send(ev.SocketsOpened(S))
    return system


def asked(system: FakeSystem, kind: type) -> list:
    return [effect for effect in system.trace if isinstance(effect, kind)]


def machine(system: FakeSystem) -> SocketMachine:
    found = system.engine.units[S].machine
    assert isinstance(found, SocketMachine)
    return found


def test_it_is_up_once_its_sockets_are_open():
    system = boot(socket(), service(A))
    ask(system, S)
    assert system.state(S) == ("activating", "start-chown")
    system.send(ev.SocketsOpened(S, "", ("Mark= could not be set",)))
    assert system.state(S) == ("active", "listening")
    assert [watch.is_wanted for watch in asked(system, ef.WatchSockets)] == [True]
    assert any("Mark=" in log.text for log in asked(system, ef.Log))


def test_sockets_that_cannot_be_opened_fail_it():
    system = boot(socket(), service(A))
    ask(system, S)
    system.send(ev.SocketsOpened(S, "Failed to create listening socket (/run/a): Permission denied"))
    assert system.state(S) == ("failed", "failed")
    assert machine(system).result.value == "resources"
    system.send(ev.ResetFailedRequest(8, S))
    assert system.state(S) == ("inactive", "dead")


def test_who_comes_starts_the_service_which_gets_the_sockets():
    system = listening(socket(), service(A))
    system.send(ev.SocketReady(S))
    system.run(until=2 * SEC)
    assert (system.state(S), system.state(A)) == (("active", "running"), ("active", "running"))
    (spawn,) = [each.request for each in asked(system, ef.Spawn)]
    assert (spawn.sockets, spawn.connection) == ((S,), 0)
    assert [watch.is_wanted for watch in asked(system, ef.WatchSockets)] == [True, False]


def test_it_listens_again_when_the_service_has_ended():
    system = listening(socket(flush_pending=True), service(A))
    system.send(ev.SocketReady(S))
    ask(system, A, JobType.STOP)
    system.run(until=5 * SEC)
    assert (system.state(S), system.state(A)) == (("active", "listening"), ("inactive", "dead"))
    assert [(watch.is_wanted, watch.flushes) for watch in asked(system, ef.WatchSockets)] == [
        (True, False), (False, False), (True, True)]


def test_a_service_that_others_start_has_the_sockets_too():
    system = listening(socket(), service(A))
    ask(system, A)
    system.run(until=2 * SEC)
    assert system.state(S) == ("active", "running")


def test_it_does_not_start_beside_its_running_service():
    system = boot(socket(), service(A))
    ask(system, A)
    system.run(until=2 * SEC)
    ask(system, S)
    assert system.state(S) == ("inactive", "dead")
    assert any("already active, refusing" in log.text for log in asked(system, ef.Log))


def test_a_service_that_answers_nobody_hits_the_limit():
    system = listening(socket(trigger_limit_burst=3), service(A))
    system.behaviours[A, ExecPhase.START] = [Behaviour(exit_after=1)] * 10
    for _ in range(4):
        system.send(ev.SocketReady(S))
        system.run(until=system.usec + 1000)
    assert system.state(S) == ("failed", "failed")
    assert machine(system).result.value == "trigger-limit-hit"
    assert asked(system, ef.CloseSockets)


def test_who_comes_too_often_waits_for_the_rest_of_the_interval():
    """PollLimitIntervalSec= of systemd 255: the socket is left alone, and does not fail."""
    system = listening(socket(poll_limit_burst=2, poll_limit_interval_usec=10 * SEC, flush_pending=True), service(A))
    system.behaviours[A, ExecPhase.START] = [Behaviour(exit_after=1)] * 10
    for _ in range(2):
        system.send(ev.SocketReady(S))
        system.run(until=system.usec + SEC)
    assert system.state(S) == ("active", "listening")
    last = asked(system, ef.WatchSockets)[-1]
    assert (last.is_wanted, last.flushes) == (False, True)
    system.run(until=9 * SEC)
    assert asked(system, ef.WatchSockets)[-1] is last
    system.run(until=11 * SEC)
    assert asked(system, ef.WatchSockets)[-1].is_wanted
    system.send(ev.SocketReady(S))
    system.run(until=12 * SEC)
    assert system.state(S) == ("active", "listening") and asked(system, ef.WatchSockets)[-1].is_wanted


def test_a_pause_ends_with_the_socket():
    system = listening(socket(poll_limit_burst=1, poll_limit_interval_usec=10 * SEC), service(A))
    system.behaviours[A, ExecPhase.START] = [Behaviour(exit_after=1)] * 10
    system.send(ev.SocketReady(S))
    system.run(until=5 * SEC)
    ask(system, S, JobType.STOP)
    ask(system, S)
    system.send(ev.SocketsOpened(S))
    assert system.state(S) == ("active", "listening") and asked(system, ef.WatchSockets)[-1].is_wanted


def test_a_socket_that_was_shut_down_fails():
    """As recorded of systemd 252 (conformance/triggers, come-shut)."""
    system = listening(socket(), service(A))
    system.send(ev.SocketBroken(S, 0x11, True))
    assert system.state(S) == ("failed", "failed") and machine(system).result.value == "resources"
    assert any("shutdown()" in log.text for log in asked(system, ef.Log))


def test_what_is_neither_readable_nor_shut_down_fails_the_socket():
    system = listening(socket(), service(A))
    system.send(ev.SocketBroken(S, 0x8, False))
    assert system.state(S) == ("failed", "failed")
    assert any("unexpected poll event (0x8)" in log.text for log in asked(system, ef.Log))


def test_stopping_closes_the_sockets_and_leaves_the_service():
    system = listening(socket(remove_on_stop=True), service(A))
    system.send(ev.SocketReady(S))
    system.run(until=2 * SEC)
    ask(system, S, JobType.STOP)
    assert (system.state(S), system.state(A)) == (("inactive", "dead"), ("active", "running"))
    assert [close.removes_nodes for close in asked(system, ef.CloseSockets)] == [True]


# --- Accept=yes -----------------------------------------------------------------------------------------------------

ONE, TWO, THREE = (f"a@{number}-x.service" for number in range(3))


def test_every_connection_gets_a_service_and_the_socket_goes_on_listening():
    system = listening(socket(accept=True), service(ONE), service(TWO))
    system.send(ev.ConnectionAccepted(S, 1, ONE))
    system.send(ev.ConnectionAccepted(S, 2, TWO))
    assert system.state(S) == ("active", "listening")
    assert (len(machine(system).connections), machine(system).n_accepted) == (2, 2)
    assert [(each.request.unit, each.request.connection) for each in asked(system, ef.Spawn)] == [(ONE, 1), (TWO, 2)]
    ask(system, ONE, JobType.STOP)
    system.run(until=5 * SEC)
    assert machine(system).connections == {2: TWO}
    assert [close.connection for close in asked(system, ef.CloseConnection)] == [1]


def test_one_connection_too_many_is_dropped():
    system = listening(socket(accept=True, max_connections=2), service(ONE), service(TWO), service(THREE))
    for number, name in enumerate((ONE, TWO, THREE), 1):
        system.send(ev.ConnectionAccepted(S, number, name))
    assert machine(system).n_refused == 1
    assert [close.connection for close in asked(system, ef.CloseConnection)] == [3]
    assert system.state(THREE) == ("inactive", "dead")


def test_connections_that_come_too_often_wait():
    words = {"poll_limit_burst": 2}
    system = listening(socket(accept=True, **words), service(ONE), service(TWO), service(THREE))
    for number, name in enumerate((ONE, TWO), 1):
        system.send(ev.ConnectionAccepted(S, number, name))
    assert [watch.is_wanted for watch in asked(system, ef.WatchSockets)] == [True, False]
    system.run(until=3 * SEC)  # of the interval nothing is said: two seconds
    assert asked(system, ef.WatchSockets)[-1].is_wanted
    system.send(ev.ConnectionAccepted(S, 3, THREE))
    assert (len(machine(system).connections), asked(system, ef.WatchSockets)[-1].is_wanted) == (3, True)


def test_a_connection_without_a_service_is_dropped():
    system = listening(socket(accept=True))
    system.send(ev.ConnectionAccepted(S, 1, ONE))
    assert [close.connection for close in asked(system, ef.CloseConnection)] == [1]
    assert system.state(S) == ("active", "listening")


def test_what_the_instance_is_called():
    assert instance_name("a.socket", 3, "127.0.0.1:7-127.0.0.1:9") == "a@3-127.0.0.1:7-127.0.0.1:9.service"
    assert instance_name("a.socket", 0, "") == "a@0.service"
