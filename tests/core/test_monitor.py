from __future__ import annotations

import pytest

from initd.core import effects as ef
from initd.core.monitor import remote_variables
from initd.core.states import ExecPhase, JobType
from initd.core.unit import Machine, Unit
from tests.core.test_load import load
from tests.sim.system import MSEC, Behaviour, FakeSystem
from tests.sim.test_engine import ask, boot, run
from tests.sim.units import service

CALLER, OTHER, HANDLER = "a.service", "b.service", "h.service"


@pytest.mark.parametrize(("name", "wanted"), [
    ("s@0-127.0.0.1:1001-10.0.0.9:4567.service", ["REMOTE_ADDR=10.0.0.9", "REMOTE_PORT=4567"]),
    ("s@12-::1:1002-fe80::9:4567.service", ["REMOTE_ADDR=fe80::9", "REMOTE_PORT=4567"]),
    ("s@3-77-0.service", []),
    ("s@0-.service", []),
])  # fmt: skip
def test_who_is_at_the_other_end(name, wanted):
    unit = Unit(load("[Service]\nExecStart=/bin/true\n", name), 1, Machine())
    assert remote_variables(unit) == []
    unit.connection_of = "s.socket"
    assert remote_variables(unit) == wanted


def told(system: FakeSystem) -> list[str]:
    """What the last start of the handler was told of others."""
    spawned = [each.request for each in system.trace if isinstance(each, ef.Spawn)]
    last = [each for each in spawned if each.unit == HANDLER and each.phase is ExecPhase.START][-1]
    return [each for each in last.environment if each.startswith("MONITOR_") and "INVOCATION" not in each]


def failing() -> FakeSystem:
    system = boot(service(CALLER, on_failure=[HANDLER]), service(OTHER, on_failure=[HANDLER]), service(HANDLER))
    for name in (CALLER, OTHER):
        system.behaviours[name, ExecPhase.START] = [Behaviour(exit_after=MSEC, status=3)]
    return system


def test_a_handler_is_told_who_has_failed_and_how():
    system = failing()
    ask(system, CALLER)
    run(system)
    assert told(system) == ["MONITOR_SERVICE_RESULT=exit-code", "MONITOR_EXIT_CODE=exited", "MONITOR_EXIT_STATUS=3",
                            f"MONITOR_UNIT={CALLER}"]


def test_of_two_that_have_failed_it_is_told_of_neither():
    system = failing()
    for name in (CALLER, OTHER):
        ask(system, name)
        run(system)
    ask(system, HANDLER, JobType.RESTART)
    run(system)
    assert told(system) == []
