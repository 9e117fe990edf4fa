"""Scripts: a scope, its processes as the shell tells of them, and who stops it (systemd.scope(5))."""

from __future__ import annotations

import pytest

from initd.core import effects as ef
from initd.core import events as ev
from initd.core.engine import Engine
from initd.core.scope import ScopeMachine
from initd.core.settings import CgroupSettings, KillSettings, ScopeSettings, UnitDefinition
from initd.core.snapshot import Saved
from initd.core.states import JobMode, JobType, KillMode, KillWho, LoadState, UnitType
from initd.core.values import Now, PidRef
from tests.sim.units import shutdown_units

S = "a.scope"
SEC = 1_000_000


def scope(kill: dict[str, object] | None = None, **words: object) -> UnitDefinition:
    settings, killing = ScopeSettings(), KillSettings()
    for target, given in ((settings, words), (killing, kill or {})):
        for word, value in given.items():
            assert hasattr(type(target), word), word
            setattr(target, word, value)
    return UnitDefinition(S, UnitType.SCOPE, LoadState.LOADED, (S,), specific=settings, kill=killing,
                          cgroup=CgroupSettings(), is_transient=True)


class Script:
    """An engine, and what it has asked for since the last look."""

    def __init__(self, definition: UnitDefinition) -> None:
        self.engine = Engine(Now(0, 0), seed=1)
        self.definition = definition
        self.usec = 0
        self.asked: list[ef.Effect] = []
        self.tell(ev.UnitsLoaded((*shutdown_units(), definition)))
        self.engine.pinned = frozenset(self.engine.units)

    def tell(self, *events: ev.Event) -> None:
        for event in events:
            self.asked += self.engine.handle(event, Now(self.usec, self.usec))

    def start(self, *pids: int, controller: str = "") -> Script:
        self.tell(ev.ScopeMade(S, pids, controller), ev.JobRequest(1, S, JobType.START, JobMode.FAIL))
        return self

    def stop(self) -> None:
        self.tell(ev.JobRequest(2, S, JobType.STOP, JobMode.REPLACE))

    def wait(self, usec: int) -> None:
        self.usec += usec
        self.tell(ev.Tick())

    def take(self, kind: type[ef.Effect]) -> list[ef.Effect]:
        found = [each for each in self.asked if type(each) is kind]
        self.asked.clear()
        return found

    @property
    def machine(self) -> ScopeMachine:
        machine = self.engine.units[S].machine
        assert isinstance(machine, ScopeMachine)
        return machine

    @property
    def state(self) -> tuple[str, str]:
        return self.machine.sub_state, self.machine.result.value


def running(**words: object) -> Script:
    script = Script(scope(**words)).start(10, 11)
    script.tell(ev.ProcessesAttached(S, 2))
    assert script.state == ("running", "success")
    return script


def test_a_start_puts_the_processes_there_and_the_end_of_the_last_is_the_end():
    script = Script(scope()).start(10, 11)
    (attach,) = script.take(ef.AttachProcesses)
    assert attach.pids == (10, 11) and attach.cgroup == "a.scope"
    script.tell(ev.ProcessesAttached(S, 2), ev.UnitEmpty(S))
    assert script.state == ("dead", "success") and script.take(ef.ReleaseUnit)


def test_without_processes_it_does_not_start():
    script = Script(scope()).start()
    assert script.state == ("dead", "success")
    assert [each.result.value for each in script.take(ef.JobRemoved)] == ["failed"]


def test_processes_that_have_gone_before_they_were_attached_are_a_failure():
    script = Script(scope()).start(10)
    script.tell(ev.ProcessesAttached(S, 0))
    assert script.state == ("failed", "resources")


def test_a_stop_that_is_not_heard_ends_in_sigkill_and_failure():
    script = running(timeout_stop_usec=SEC)
    script.stop()
    (order,) = script.take(ef.KillProcesses)
    assert (order.signal, order.everyone, order.main) == (15, True, None)
    script.tell(ev.ProcessesKilled(S, 2))
    script.wait(SEC)
    assert script.state == ("stop-sigkill", "timeout")
    (order,) = script.take(ef.KillProcesses)
    assert order.signal == 9
    script.tell(ev.ProcessesKilled(S, 2), ev.UnitEmpty(S))
    assert script.state == ("failed", "timeout")
    script.tell(ev.ResetFailedRequest(3, S))
    assert script.state == ("dead", "success")


def test_whoever_survives_sigkill_is_given_up():
    script = running(timeout_stop_usec=SEC)
    script.stop()
    script.tell(ev.ProcessesKilled(S, 2))
    script.wait(SEC)
    script.tell(ev.ProcessesKilled(S, 2))
    script.wait(SEC)
    assert script.state == ("failed", "timeout") and script.machine.deadline_usec is None


@pytest.mark.parametrize(("mode", "signals"), [(KillMode.MIXED, [15, 9]), (KillMode.PROCESS, [15, 9])])
def test_a_signal_that_reaches_nobody_is_followed_by_sigkill_and_nobody_hears_of_the_first(mode, signals):
    script = running(kill={"kill_mode": mode})
    script.take(ef.KillProcesses)
    script.stop()
    orders = []
    while new := script.take(ef.KillProcesses):
        orders += new
        script.tell(ev.ProcessesKilled(S, 0))
    assert [each.signal for each in orders] == signals
    assert [each.everyone for each in orders] == [False, mode is KillMode.MIXED]
    assert script.state == ("dead", "success")


def test_time_is_up_when_the_longest_run_is_over():
    script = running(runtime_max_usec=3 * SEC)
    script.wait(2 * SEC)
    assert script.state == ("running", "success")
    script.wait(SEC)
    assert script.state == ("stop-sigterm", "timeout")
    script.tell(ev.ProcessesKilled(S, 2), ev.UnitEmpty(S))
    assert script.state == ("failed", "timeout")


@pytest.mark.parametrize(("policy", "state"), [
    ("continue", ("running", "success")), ("stop", ("stop-sigterm", "oom-kill")), ("kill", ("stop-sigkill", "oom-kill"))])
def test_the_kernel_takes_a_process_for_its_memory(policy, state):
    script = running(oom_policy=policy)
    script.tell(ev.OomKilled(S, 1))
    assert script.state == state


def test_abandoned_scopes_live_on_and_only_running_ones_can_be():
    script = running()
    script.tell(ev.AbandonRequest(4, S))
    assert script.state == ("abandoned", "success") and script.take(ef.Reply)
    script.tell(ev.UnitEmpty(S), ev.AbandonRequest(5, S))
    assert script.state == ("dead", "success")
    assert [each.error for each in script.take(ef.Refused)] == ["org.freedesktop.systemd1.ScopeNotRunning"]


def test_a_controller_is_asked_to_stop_it_and_where_it_is_gone_that_is_our_part():
    for process, kind in ((PidRef(7, 1), ef.RequestStop), (None, ef.KillProcesses)):
        script = Script(scope()).start(10, controller=":1.9")
        script.tell(ev.ProcessesAttached(S, 1))
        script.stop()
        (question,) = script.take(ef.FindBusOwner)
        assert question.owner == ":1.9"
        script.tell(ev.BusOwnerFound(S, ":1.9", process))
        assert script.take(kind)
        assert script.state[0] == "stop-sigterm"


def test_a_scope_has_no_main_process_to_be_killed():
    script = running()
    script.tell(ev.KillRequest(6, S, KillWho.MAIN, 15))
    assert [each.text for each in script.take(ef.Refused)] == ["scope units have no main processes"]
    script.tell(ev.KillRequest(7, S, KillWho.ALL, 15))
    assert [each.everyone for each in script.take(ef.KillProcesses)] == [True]


def test_processes_are_added_where_the_cgroup_was_handed_over():
    script = running()
    script.asked.clear()
    script.tell(ev.AttachRequest(8, S, (12,), "/below"))
    (attach,) = script.take(ef.AttachProcesses)
    assert (attach.pids, attach.cgroup) == ((12,), "a.scope/below")
    script.tell(ev.UnitEmpty(S), ev.AttachRequest(9, S, (12,)))
    assert [each.error for each in script.take(ef.Refused)] == ["org.freedesktop.systemd1.UnitInactive"]


def test_another_manager_goes_on_with_it():
    script = running(runtime_max_usec=3 * SEC)
    saved = Saved(script.engine.save())
    script.engine = Engine(Now(0, 0), seed=2)
    saved.reserve(script.engine.world)
    script.tell(ev.UnitsLoaded((*shutdown_units(), script.definition)))
    script.engine.restore(saved, Now(SEC, SEC))
    assert script.state == ("running", "success")
    script.wait(3 * SEC)
    assert script.state == ("stop-sigterm", "timeout")


def test_the_managers_own_scope_is_always_there():
    own = UnitDefinition("init.scope", UnitType.SCOPE, LoadState.LOADED, ("init.scope",), specific=ScopeSettings(),
                         is_perpetual=True)
    engine = Engine(Now(0, 0), seed=1)
    engine.handle(ev.UnitsLoaded((own,)), Now(0, 0))
    engine.handle(ev.UnitEmpty("init.scope"), Now(1, 1))
    assert engine.units["init.scope"].sub_state == "running"
    assert engine.units["init.scope"].machine.deadline_usec is None
