"""A bug anywhere in the engine, or behind any effect: what it did not touch goes on, and everything can be stopped."""

from __future__ import annotations

import dis
import inspect
import os
import sys
from random import Random
from types import FrameType

import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from initd.core import bugs
from initd.core import effects as ef
from initd.core import events as ev
from initd.core.states import JobMode, JobState, JobType
from initd.core.values import LOG_CRIT
from tests.sim import test_properties as services
from tests.sim import test_triggers as triggers
from tests.sim.system import SEC, FakeSystem, Faults

CORE = os.path.dirname(os.path.abspath(bugs.__file__)) + os.sep
#: What tells of bugs has none; and what makes records is the language's, as good as built in.
SPARED = (CORE + "bugs.py", CORE + "record.py", CORE + "turn.py")
#: Those which catch, and what is called when nobody can be told any more.
ABOVE = ("handle", "run_next", "_turn", "_work", "_answer_bug", "_try_to_collect_garbage", "<lambda>", "<genexpr>")
#: Where a generator stands that has not run yet.
_BEGINS = dis.opmap["RETURN_GENERATOR"]
examples = settings(max_examples=int(os.environ.get("PYINIT_SIM_EXAMPLES", "100")), deadline=None,
                    phases=(Phase.explicit, Phase.generate))


class Bug(Exception):
    """What nobody has foreseen."""


class Injected:
    """While it is on, the function of the engine that is called as number `at` fails instead."""

    def __init__(self, system: FakeSystem, at: int) -> None:
        self.left = at
        self.where = ""
        self._engine = system.engine
        self._handle = system.engine.handle
        system.engine.handle = self.handle  # type: ignore[method-assign]

    def handle(self, event: ev.Event, now: object) -> list[ef.Effect]:
        if self.left <= 0:
            return self._handle(event, now)  # type: ignore[arg-type]
        sys.setprofile(self._on_call)
        try:
            return self._handle(event, now)  # type: ignore[arg-type]
        finally:
            sys.setprofile(None)

    def _on_call(self, frame: FrameType, what: str, argument: object) -> None:
        code = frame.f_code
        if what != "call" or not code.co_filename.startswith(CORE) or code.co_filename in SPARED or code.co_name in ABOVE:
            return
        if code.co_flags & inspect.CO_GENERATOR and code.co_code[frame.f_lasti] != _BEGINS:
            return  # it goes on, or is closed: what it raises then is heard by nobody
        self.left -= 1
        if self.left == 0:
            self.where = f"{code.co_filename.removeprefix(CORE)}: {code.co_name}"
            raise Bug(self.where)


def begin(seed: int) -> tuple[FakeSystem, list[str]]:
    """Services, or triggers and what they start: the system and the names of its units."""
    if seed % 2:
        system = triggers.build(seed)
        return system, [name for name in system.engine.units if name[:2] in ("a.", "b.", "c.")]
    rng = Random(seed)
    system = services.build(services.units(rng), seed)
    system.behaviours.update(services.programs(rng))
    return system, services.NAMES


def request(system: FakeSystem, number: int, name: str, kind: JobType) -> None:
    system.send(ev.JobRequest(number, name, kind, JobMode.REPLACE))


def stuck(system: FakeSystem) -> list[str]:
    """Jobs that nothing will end. One that waits for a job that comes to an end is none: units that uphold each other, and are
    bound to each other, may be busy for ever, and keep others waiting."""
    engine = system.engine
    return [
        str(job) for job in engine.jobs.values()
        if not (engine.world.queue.waits_for(job, engine.graph.units[job.unit]) if job.state is JobState.WAITING else
                engine.graph.units[job.unit].machine.deadline_usec is not None)
    ]


@given(st.integers(0, 2**32))
@example(seed=20261294)  # one upholds another that is bound to a third, which is to start after it
@example(seed=5000)  # a service that another one's end starts, for ever
@example(seed=9646)  # the end of a stop's time is not acted upon
@example(seed=9088)  # the last that was to be stopped is down, and its job goes on
@example(seed=7129)  # a timer is left with a time at which nothing is to be done
@examples
def test_one_bug_does_not_spread(seed: int) -> None:
    system, names = begin(seed)
    system.faults, system.expects_bugs = Faults(), True
    rng = Random(seed + 1)
    injected = Injected(system, rng.randint(1, 3000))
    for number in range(1, 13):
        request(system, number, rng.choice(names), rng.choice((JobType.START, JobType.START, JobType.STOP, JobType.RESTART)))
        system.run(until=system.usec + rng.randint(0, 2 * SEC))
    told = [effect for effect in system.trace if isinstance(effect, ef.Log) and effect.priority == LOG_CRIT]
    assert bool(told) == bool(injected.where), injected.where
    # Everybody who has asked got one answer.
    answered = [effect.request for effect in system.trace if isinstance(effect, (ef.Reply, ef.Refused))]
    assert sorted(answered) == list(range(1, 13)), injected.where
    # The next ones are heard as if nothing had been.
    for number, name in enumerate(names):
        request(system, 100 + number, name, JobType.STOP)
    system.run(until=system.usec + 600 * SEC, steps=200_000)  # some start each other again all the time
    for number, name in enumerate(names):
        request(system, 200 + number, name, JobType.STOP)
    system.run(until=system.usec + 600 * SEC, steps=200_000)
    assert not stuck(system), (injected.where, stuck(system))
    going = [str(unit) for unit in system.engine.units.values() if not unit.active_state.is_down and not unit.active_state.is_up
             and unit.machine.deadline_usec is None and unit.job is None]  # of jobs it was said above
    assert not going, (injected.where, going)
    system.send(ev.SignalReceived("TERM"))
    system.run(until=system.usec + 60 * SEC)
    assert system.exit is not None, injected.where


@pytest.mark.parametrize("effect", [
    kind for kind in vars(ef).values()
    if isinstance(kind, type) and issubclass(kind, ef.Effect) and "nswered by" in (kind.__doc__ or "")
])
def test_who_waits_for_an_answer_gets_one(effect: type[ef.Effect]) -> None:
    """Of those that say of themselves that they are answered, but for two: reading units, and the table of mounts."""
    if effect in (ef.Reload, ef.ReadMounts):
        assert effect not in bugs._ANSWERS
        return
    assert effect in bugs._ANSWERS
