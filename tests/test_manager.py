"""The manager's own part: what goes on where carrying out an effect meets a bug."""

from __future__ import annotations

from collections import deque
from types import SimpleNamespace

from initd.core import effects as ef
from initd.core import events as ev
from initd.core.values import LOG_CRIT
from initd.manager import Manager


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
    manager.journal = SimpleNamespace(write=said.append)  # type: ignore[assignment]
    check, last = ef.CheckConditions("a.service", ("x", "y"), ("z",)), ef.UnitChanged("b.service")  # type: ignore[arg-type]
    manager.carry_out([check, last])
    assert (done, told) == ([last], [check, last])
    assert list(manager._events) == [ev.ConditionsChecked("a.service", (False, False), (False,))]
    assert {line.priority for line in said} == {LOG_CRIT}
    assert [line.text for line in said if line.text.startswith("Bug:")] == [
        "Bug: CheckConditions could not be handled, going on without it: no idea",
        "Bug: CheckConditions could not be handled, going on without it: nobody listens",
        "Bug: UnitChanged could not be handled, going on without it: nobody listens"]
