"""What is left behind of why the container ended: as much as fits."""

from __future__ import annotations

from initd.core import events as ev
from initd.core.lastmessage import MOST, MOST_UNITS, compose
from initd.core.states import ExecPhase
from tests.sim.system import MSEC, Behaviour
from tests.sim.test_engine import ask, boot
from tests.sim.units import service


def fail(*names: str):
    system = boot(*(service(name) for name in names))
    for name in names:
        system.behaviours[name, ExecPhase.START] = [Behaviour(exit_after=MSEC, status=3)]
        ask(system, name)
        system.run(until=system.usec + 10 * MSEC)
    system.send(ev.SignalReceived("TERM"))
    system.run()
    return system.engine.world


def test_the_reason_and_each_failed_unit_in_the_order_of_failing():
    text = compose(fail("b.service", "a.service"), lambda unit, count: [f"last words of {unit.name}"]).decode()
    assert text == (
        "Ended with 0: SIGTERM.\n"
        "b.service failed: exit-code (code=exited, status=3)\n  last words of b.service\n"
        "a.service failed: exit-code (code=exited, status=3)\n  last words of a.service\n")


def test_nothing_failed():
    assert compose(fail(), lambda unit, count: []) == b"Ended with 0: SIGTERM.\n"


def test_the_newest_lines_of_the_first_unit_come_before_older_ones_and_others():
    text = compose(fail("a.service", "b.service"), lambda unit, count: [f"{n} " + "x" * 1000 for n in range(count)])
    places = [text.index(each) for each in (b"  7 x", b"  8 x", b"  9 x", b"b.service failed")]
    assert len(text) <= MOST and places == sorted(places)
    assert b"  6 x" not in text and text.endswith(b"b.service failed: exit-code (code=exited, status=3)\n")


def test_many_failed_units_are_counted():
    text = compose(fail(*(f"u{n}.service" for n in range(MOST_UNITS + 3))), lambda unit, count: [])
    assert text.endswith(b"3 more units have failed.\n")
