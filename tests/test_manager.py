"""The manager's own part: what goes on where carrying out an effect meets a bug."""

from __future__ import annotations

import marshal
from collections import deque
from types import SimpleNamespace

import pytest

from initd.attempts import Attempts
from initd.core import effects as ef
from initd.core import events as ev
from initd.core.shutdown import Stage
from initd.core.states import ExecPhase
from initd.core.values import LOG_CRIT, ExecCommand, ProcessEnd, SpawnRequest
from initd.core.world import BootTimes
from initd.deaths import Deaths
from initd.generators import Generators
from initd.manager import Manager
from initd.shell import successor
from initd.shell.clock import now
from initd.shell.launcher import Launching


def test_an_effect_that_meets_a_bug_is_answered_and_the_next_one_carried_out():
    said: list[ef.Log] = []
    done: list[ef.Effect] = []
    told: list[ef.Effect] = []

    def perform(effect: ef.Effect) -> None:
        if isinstance(effect, ef.CheckConditions):
            raise RuntimeError("no idea")
        done.append(effect)

    def tell(effect: ef.Effect) -> None:
        told.append(effect)
        raise RuntimeError("nobody listens")
    manager = Manager.__new__(Manager)
    manager._is_feeding, manager._events, manager.exit = False, deque(), None
    manager.performer = SimpleNamespace(perform=perform)  # type: ignore[assignment]
    manager.clients = SimpleNamespace(tell=tell)  # type: ignore[assignment]
    manager.attempts = Attempts(said.append)
    check, last = ef.CheckConditions("a.service", ("x", "y"), ("z",)), ef.UnitChanged("b.service")  # type: ignore[arg-type]
    manager.carry_out([check, last])
    assert (done, told) == ([last], [check, check, last, last])  # whoever waits hears it from nobody else
    assert list(manager._events) == [ev.ConditionsChecked("a.service", (False, False), (False,))]
    assert {line.priority for line in said} == {LOG_CRIT}
    assert [line.text for line in said if line.text.startswith("Bug:")] == [
        "Bug: CheckConditions could not be handled, going on without it: RuntimeError: no idea",
        *["Bug: CheckConditions could not be handled, going on without it: RuntimeError: nobody listens"] * 2,
        *["Bug: UnitChanged could not be handled, going on without it: RuntimeError: nobody listens"] * 2]


class Bug(Exception):
    """What nobody has foreseen."""


def fail(*_: object) -> None:
    raise Bug("no idea")


def make(**parts: object) -> tuple[Manager, list[str]]:
    """A manager of these parts, and the first lines of what it tells."""
    said: list[str] = []
    manager = Manager.__new__(Manager)
    manager._is_feeding, manager._events, manager.exit = False, deque(), None
    manager.journal = SimpleNamespace(  # type: ignore[assignment]
        write=lambda log: said.append(log.text) if log.text.startswith("Bug:") else None,
        hold=lambda: None, release=lambda: None, pid=0)
    manager.attempts = Attempts(manager.journal.write)
    for name, part in parts.items():
        setattr(manager, name, part)
    return manager, said


def test_who_feeds_an_event_hears_nothing_of_a_bug_around_it():
    """And the next event is heard as if nothing had been."""
    heard: list[object] = []
    launcher = SimpleNamespace(begin_batch=fail, end_batch=fail)
    manager, said = make(
        performer=SimpleNamespace(launcher=launcher, perform=lambda effect: heard.append(effect)),
        clients=SimpleNamespace(tell=lambda effect: None, tell_changes=fail, are_there=False),
        engine=SimpleNamespace(handle=lambda event, now: [ef.UnitChanged(event.unit)]),
    )
    manager.journal.hold = fail  # type: ignore[method-assign]
    for name in ("a.service", "b.service"):
        manager.feed(ev.UnitEmpty(name))
    assert heard == [ef.UnitChanged("a.service"), ef.UnitChanged("b.service")]
    assert len(said) == 8 and not manager._is_feeding


def test_an_event_is_heard_though_nobody_can_say_who_listens():
    """It may be the SIGTERM that ends the container."""
    class Clients(SimpleNamespace):
        are_there = property(fail)

    heard: list[object] = []
    manager, said = make(
        performer=SimpleNamespace(launcher=SimpleNamespace(end_batch=lambda: None)),
        clients=Clients(tell_changes=lambda: None), engine=SimpleNamespace(handle=lambda event, now: heard.append(event) or []),
        carry_out=lambda effects: None)
    manager.feed(ev.SignalReceived("SIGTERM"))
    assert heard == [ev.SignalReceived("SIGTERM")] and len(said) == 1


def test_a_part_that_always_raises_keeps_nobody_from_being_heard():
    """The loop is listened to, though nobody knows for how long."""
    timeouts: list[int | None] = []
    part = SimpleNamespace(next_deadline=lambda: None, on_deadline=lambda: None, go_on=lambda is_busy: None, is_pending=False,
                           is_chasing=False, is_to_look=False, has_more=False, is_due=False, retry_usec=None, watch=fail,
                           look_for_empty_units=fail, forget=fail)
    manager, said = make(
        engine=SimpleNamespace(next_deadline=lambda: None, collect_garbage=lambda now: []), bus=part, generators=part,
        control=SimpleNamespace(next_deadline=fail, on_deadline=fail), killer=part, backlog=part, deaths=part,
        journal_keeper=part, tracker=part, handover=part, carry_out=lambda effects: None,
        loop=SimpleNamespace(run_once=lambda timeout: timeouts.append(timeout)))
    manager._wake_up()
    assert timeouts == [0] and len(said) == 5


def test_a_process_of_a_batch_that_nobody_can_ask_after_has_failed():
    request = SpawnRequest("a.service", 1, ExecPhase.START, ExecCommand("/bin/true", ("/bin/true",)), None, None)
    heard: list[ev.Event] = []
    launching = Launching(request, None)  # type: ignore[arg-type]
    manager, said = make(
        performer=SimpleNamespace(launcher=SimpleNamespace(answer=fail, end_batch=lambda: None, begin_batch=list)),
        clients=SimpleNamespace(tell_changes=lambda: None, are_there=False),
        engine=SimpleNamespace(handle=lambda event, now: heard.append(event) or []),
    )
    manager._events.append(launching)
    manager.feed(ev.Tick())
    assert heard == [ev.SpawnFailed("a.service", ExecPhase.START, 0, "Internal error"), ev.Tick()]
    assert len(said) == 2


def test_whatever_escapes_the_next_event_is_heard_all_the_same():
    """Such as what is raised by who reports what was raised."""
    heard: list[ev.Event] = []
    manager, _ = make(
        performer=SimpleNamespace(launcher=SimpleNamespace(end_batch=lambda: None)),
        clients=SimpleNamespace(tell_changes=lambda: None, are_there=False),
        engine=SimpleNamespace(handle=lambda event, now: heard.append(event) or []), carry_out=lambda effects: None)
    manager.attempts.twice = fail  # type: ignore[method-assign]
    with pytest.raises(Bug):
        manager.feed(ev.Tick())
    del manager.attempts.twice
    manager.feed(ev.SignalReceived("TERM"))
    assert heard == [ev.SignalReceived("TERM")]


def test_a_death_is_heard_though_hearing_of_it_failed_at_first(monkeypatch):
    """Of one that is reaped nobody tells again; nor do those behind it wait."""
    fed: list[ev.Event] = []
    tries: list[int] = []

    def on_exit(pid: int, end: ProcessEnd) -> bool:
        tries.append(pid)
        if tries == [10]:
            fail()
        return False

    ends = [(10, ProcessEnd("exited", 1), "a.service"), (11, ProcessEnd("killed", 9), "b.service")]
    lots = iter([ends])
    monkeypatch.setattr("initd.deaths.reap", lambda tracker, before: next(lots, []))
    manager, said = make(
        handover=SimpleNamespace(trial_pid=0), generators=SimpleNamespace(on_exit=on_exit),
        performer=SimpleNamespace(oom=SimpleNamespace(check=fail)), feed=fed.append)
    deaths = manager.deaths = Deaths(None, None, manager.attempts, fail, manager._on_death, fed.append, fail)  # type: ignore
    deaths.on_children()
    assert [event.pid for event in fed] == [10, 11] and deaths.units == {"a.service", "b.service"}
    assert len(said) == 2 and not deaths.has_more

    def broken(tracker: object, before: object):
        if len(fed) == 2:
            yield ends[0]
        fail()

    monkeypatch.setattr("initd.deaths.reap", broken)
    deaths.on_children()
    assert [event.pid for event in fed] == [10, 11, 10] and deaths.has_more


def test_deaths_that_take_long_are_told_of_in_turns_and_no_unit_is_empty_before(monkeypatch):
    ends = [(number, ProcessEnd("exited", 0), f"{number}.service") for number in range(4)]
    lots = iter([ends[:3], ends[3:]])
    monkeypatch.setattr("initd.deaths.reap", lambda tracker, before: next(lots, []))
    monkeypatch.setattr("initd.deaths._GO_NSEC", 0)
    heard: list[object] = []
    killer = SimpleNamespace(go_on=lambda: None, unsettled=set())
    tracker = SimpleNamespace(forget=lambda: None, is_empty=lambda unit: True)
    manager, said = make()
    deaths = Deaths(tracker, killer, manager.attempts, fail, lambda *dead: heard.append(dead), heard.append, fail)  # type: ignore

    def tell() -> bool:
        deaths.note("left.service")
        deaths.on_children()
        deaths.look_for_empty_units()
        return deaths.has_more

    assert tell() and heard == ends[:1]
    assert tell() and heard == ends[:2]
    empty = ev.UnitEmpty("left.service")
    assert tell() and heard == [*ends[:3], empty]
    # Who has died meanwhile is reaped without another signal.
    assert tell() and heard == [*ends[:3], empty, ends[3], empty]
    assert not tell() and not said
    # What must not come before them waits for all.
    lots = iter([ends])
    heard.clear()
    deaths.hear_all()
    assert heard == ends


def test_a_manager_that_cannot_be_saved_goes_on_and_says_so():
    """Signals are let in again, and whoever has asked is answered."""
    calls: list[str] = []
    manager, said = make(
        loop=SimpleNamespace(block_signals=lambda: calls.append("block"), unblock_signals=lambda: calls.append("unblock"),
                             run_once=lambda timeout: None),
        backlog=SimpleNamespace(finish=lambda: None), clients=SimpleNamespace(tell_reloading=lambda is_active: None),
        handover=SimpleNamespace(execute=lambda parts, engine: None, refuse=calls.append), engine=SimpleNamespace(save=fail),
        deaths=SimpleNamespace(hear_all=lambda: calls.append("deaths")), _parts=dict,
    )
    manager._reexecute()
    assert calls == ["block", "deaths", "no idea", "unblock"] and len(said) == 1


def test_what_is_told_when_even_the_journal_fails(capfd):
    Attempts(fail).once(fail)
    assert "Bug: fail could not be handled, going on without it: Bug: no idea" in capfd.readouterr().err


# --- generators and the handover -----------------------------------------------------------------------------------------


def test_who_waits_for_generators_goes_on_whatever_happens_to_them(monkeypatch):
    """A boot would never begin, and no daemon-reload would ever end."""
    heard: list[str] = []

    def attempt(action):
        try:
            action()
        except Bug as error:
            heard.append(str(error))

    monkeypatch.setattr("initd.generators.shell.list_generators", lambda directories: [])
    generators = Generators(None, {}, dict, fail, lambda own: None, lambda: 0, lambda priority, text: None, attempt=attempt)
    for name in ("a boot", "a reload"):
        attempt(lambda name=name: generators.begin(lambda: heard.append(name)))
    assert heard == ["a boot", "no idea", "a reload", "no idea"] and not generators.is_running


def test_a_boot_that_raises_behind_generators_is_begun_once_more(monkeypatch):
    """They have nobody else to tell: whoever is at the console would wait for ever."""
    begun: list[str] = []
    engine = SimpleNamespace(world=SimpleNamespace(boot_times=BootTimes(now()), shutdown=SimpleNamespace(stage=Stage.NONE)))
    manager, said = make(engine=engine, _has_booted=False)
    manager.generators = Generators(  # type: ignore[attr-defined]
        None, {}, dict, dict, lambda own: None, lambda: 0, lambda priority, text: None, attempt=manager.attempts.once)
    monkeypatch.setattr("initd.generators.shell.list_generators", lambda directories: [])
    monkeypatch.setattr(manager, "_open_control", lambda: begun.append("control"))
    monkeypatch.setattr(manager, "_pin_target", lambda: begun.append("target") or fail())
    manager._begin_boot()
    assert begun == ["control", "target", "target"] and len(said) == 2


def test_generators_that_an_exception_has_come_between_are_gone_on_with(monkeypatch):
    """What has raised is not called again by anybody: the loop sees that nothing runs, and that somebody waits."""
    heard: list[str] = []
    generators = Generators(None, {}, dict, dict, lambda own: None, lambda: 0, lambda priority, text: None)
    monkeypatch.setattr("initd.generators.shell.list_generators", lambda directories: [])
    assert generators.next_deadline() is None
    with monkeypatch.context() as patch:
        patch.setattr(generators, "_surely", fail)
        with pytest.raises(Bug):
            generators.begin(lambda: heard.append("a boot"))
    assert generators.is_running and generators.next_deadline() == 0 and not heard
    generators.on_deadline()
    assert heard == ["a boot"] and not generators.is_running and generators.next_deadline() is None


def test_the_end_of_the_last_generator_is_heard_though_hearing_of_it_failed_at_first(monkeypatch):
    heard: list[str] = []
    generators = Generators(None, {}, dict, dict, lambda own: None, lambda: 0, lambda priority, text: None)
    generators._then, generators._running.pids = [lambda: heard.append("a boot")], {10: "/generator"}
    finish, tries = generators._finish, iter((fail,))
    monkeypatch.setattr(generators, "_finish", lambda: next(tries, finish)())
    with pytest.raises(Bug):
        generators.on_exit(10, ProcessEnd("exited", 0))
    assert heard == ["a boot"] and not generators.is_running


def test_a_boot_whose_generators_could_not_begin_is_begun_once(monkeypatch):
    engine = SimpleNamespace(world=SimpleNamespace(boot_times=BootTimes(now())))
    begun: list[str] = []
    manager, _ = make(engine=engine, _has_booted=False, _boot=lambda: begun.append("boot"))
    manager.generators = Generators(  # type: ignore[attr-defined]
        None, {}, dict, dict, lambda own: None, lambda: 0, lambda priority, text: None, attempt=manager.attempts.once)
    monkeypatch.setattr("initd.generators.shell.list_generators", lambda directories: [])
    with monkeypatch.context() as patch:
        patch.setattr(manager.generators, "_surely", fail)
        manager.attempts.twice(manager._begin_boot)
    manager.generators.on_deadline()
    assert begun == ["boot"] and manager.generators.next_deadline() is None


def test_a_state_that_is_spoiled_is_told_from_one_that_is_not():
    state = {"engine": {"units": {}}, "fds": [1, 2]}
    data = successor.encode(state)
    assert successor.decode(data) == state
    assert successor.decode(marshal.dumps(state)) == state  # of a manager that knew no checksums
    for number in range(len(marshal.dumps(state))):
        spoiled = bytearray(data)
        spoiled[number] ^= 1
        with pytest.raises(ValueError, match="the state is spoiled"):
            successor.decode(bytes(spoiled))
    for size in (0, 3, len(marshal.dumps(state)) - 1):
        with pytest.raises(ValueError):
            successor.decode(data[:size])
