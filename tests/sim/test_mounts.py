"""Mounts that come and go by their units and by themselves, with random faults: at rest a unit is up where it is mounted."""

from __future__ import annotations

import os
from random import Random

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from initd.core import effects as ef
from initd.core import events as ev
from initd.core.engine import Engine
from initd.core.job import Job
from initd.core.mount_record import MountMachine
from initd.core.states import ExecPhase, JobMode, JobResult, JobType, KillWho, MountState
from initd.core.values import INFINITY, Now
from tests.sim.system import MSEC, SEC, Behaviour, FakeSystem, Faults
from tests.sim.units import mount, service, shutdown_units, target, unloaded

A, B, USER = "mnt-a.mount", "mnt-a-b.mount", "user.service"
PLACES = {A: "/mnt/a", B: "/mnt/a/b"}
few = settings(
    max_examples=int(os.environ.get("PYINIT_SIM_EXAMPLES", "150")), deadline=None, phases=(Phase.explicit, Phase.generate))


def build(seed: int = 0, faults: Faults | None = None, **words: object) -> FakeSystem:
    system = FakeSystem(Engine(Now(0, 0), seed=seed), seed)
    system.send(ev.UnitsLoaded((
        *shutdown_units(), target("t.target", wants=[USER]), mount(PLACES[A], timeout_usec=2 * SEC, **words),
        mount(PLACES[B], timeout_usec=2 * SEC, requires=[A], after=[A]),
        service(USER, binds_to=[B], after=[B], timeout_start_usec=2 * SEC, timeout_stop_usec=2 * SEC),
    )))
    system.send(ev.UnitsLoaded(tuple(unloaded(name) for name in system.engine.graph.missing())))
    system.engine.pinned = frozenset(system.engine.units)
    system.faults = faults or Faults()
    return system


def start(system: FakeSystem, name: str, kind: JobType = JobType.START) -> None:
    system.send(ev.JobRequest(1, name, kind, JobMode.REPLACE))


def machine(system: FakeSystem, name: str) -> MountMachine:
    found = system.engine.units[name].machine
    assert isinstance(found, MountMachine)
    return found


def check_at_rest(system: FakeSystem) -> None:
    system.check_at_rest()
    for name, place in PLACES.items():
        state = machine(system, name).state
        expected = (MountState.MOUNTED,) if place in system.mounts else (MountState.DEAD, MountState.FAILED)
        assert state in expected, (name, state)
        assert machine(system, name).mounted == system.mounts.get(place)
        assert not machine(system, name).control_pid and machine(system, name).state_deadline_usec >= INFINITY


def behaviour(rng: Random) -> Behaviour:
    return Behaviour(
        exit_after=rng.choice((None, 0, 5 * MSEC, SEC)), status=rng.choice((0, 0, 0, 32)),
        killed_by=rng.choice((None, None, None, 9)), ignores=rng.choice(((), (), (15,))),
        exec_fails=rng.choice((0, 0, 0, 0, 203)),
    )


def happen(system: FakeSystem, rng: Random) -> None:
    name = rng.choice(tuple(PLACES))
    what = rng.randrange(8)
    if what == 0:
        system.mount(PLACES[name], rng.choice(("tmpfs", "other")))
        system.settle()
    elif what == 1:
        system.unmount(PLACES[name])
        system.settle()
    elif what == 2:
        system.send(ev.KillRequest(2, name, rng.choice(tuple(KillWho)), rng.choice((9, 15))))
    elif what == 3:
        system.send(ev.ResetFailedRequest(3))
    else:
        kinds = (JobType.START, JobType.STOP, JobType.RESTART, JobType.RELOAD)
        system.send(ev.JobRequest(1, rng.choice((*PLACES, USER)), rng.choice(kinds), JobMode.REPLACE))


@few
@given(st.integers(0, 2**32))
def test_units_are_up_where_something_is_mounted(seed: int) -> None:
    rng = Random(seed)
    faults = Faults(
        spawn_fails=rng.choice((0.0, 0.2)), late=rng.choice((0.0, 0.3)), doubled=rng.choice((0.0, 0.3)),
        clock_jumps=rng.choice((0.0, 0.5)), reexecutes=rng.choice((0.0, 0.0, 0.2)), reuse_pids=rng.random() < 0.5)
    system = build(seed, faults)
    phases = (ExecPhase.MOUNT, ExecPhase.UNMOUNT, ExecPhase.REMOUNT)
    for _ in range(rng.randint(0, 6)):
        planned = [behaviour(rng) for _ in range(rng.randint(1, 3))]
        system.behaviours[rng.choice(tuple(PLACES)), rng.choice(phases)] = planned
    for _ in range(rng.randint(1, 12)):
        happen(system, rng)
        system.run(until=system.usec + rng.choice((0, MSEC, 30 * MSEC, SEC, 3 * SEC)))
    system.run(until=system.usec + 100 * SEC)
    check_at_rest(system)


def test_a_service_ends_with_the_mount_it_is_bound_to() -> None:
    system = build()
    start(system, USER)
    system.run(until=system.usec + SEC)
    assert set(system.mounts) == set(PLACES.values()) and system.state(USER) == ("active", "running")
    system.unmount(PLACES[B])
    system.run(until=system.usec + SEC)
    assert system.state(USER) == ("inactive", "dead") and system.state(B) == ("inactive", "dead")
    assert system.state(A) == ("active", "mounted")


def test_a_failed_mount_fails_what_needs_it() -> None:
    system = build()
    system.behaviours[A, ExecPhase.MOUNT] = [Behaviour(exit_after=MSEC, status=32)]
    start(system, USER)
    system.run(until=system.usec + SEC)
    assert system.state(A) == ("failed", "failed")
    assert (A, JobResult.FAILED) in system.results and (USER, JobResult.DEPENDENCY) in system.results
    check_at_rest(system)


def test_a_stack_of_mounts_is_unmounted_to_the_last_one() -> None:
    """umount(8) takes one away each time; it is asked again, 32 times at most."""
    system = build()
    start(system, A)
    system.run(until=system.usec + SEC)
    system.behaviours[A, ExecPhase.UNMOUNT] = [Behaviour(exit_after=MSEC)]
    system.unmount = lambda where: None  # type: ignore[method-assign]
    start(system, A, JobType.STOP)
    system.run(until=system.usec + SEC)
    spawned = [each for each in system.trace if isinstance(each, ef.Spawn) and each.request.phase is ExecPhase.UNMOUNT]
    assert len(spawned) == 32 and system.state(A) == ("active", "mounted") and (A, JobResult.FAILED) in system.results


@pytest.mark.parametrize("end", [
    ev.SignalReceived("TERM"), ev.JobRequest(1, "poweroff.target", JobType.START, JobMode.REPLACE_IRREVERSIBLY),
], ids=["by a signal", "by systemctl"])
def test_what_the_container_came_with_is_left_to_it_at_the_end(end: ev.Event) -> None:
    system = FakeSystem(Engine(Now(0, 0), seed=0))
    given_mount = mount("/etc/hosts", conflicts=["shutdown.target"], before=["shutdown.target"], defaults=False)
    system.mount("/etc/hosts")
    system.send(ev.UnitsLoaded((
        given_mount.replace(fragment_path=""), target("t.target"), mount(PLACES[A], conflicts=["shutdown.target"],
                                                                       before=["shutdown.target"], defaults=False),
        *shutdown_units())))
    system.send(ev.UnitsLoaded(tuple(unloaded(name) for name in system.engine.graph.missing())))
    system.engine.pinned = frozenset(system.engine.units)
    system.send(ev.MountsRead(()))
    system.send(ev.Boot("t.target"))
    start(system, A)
    system.run(until=system.usec + SEC)
    assert system.state("etc-hosts.mount") == ("active", "mounted") and system.state(A) == ("active", "mounted")
    system.send(end)
    system.run()
    assert system.exit is not None and set(system.mounts) == {"/etc/hosts"}
    spawned = [each.request.unit for each in system.trace if isinstance(each, ef.Spawn)]
    assert "etc-hosts.mount" not in spawned and spawned.count(A) == 2


def test_no_job_waits_behind_a_mount_that_never_ends() -> None:
    system = build()
    system.behaviours[A, ExecPhase.MOUNT] = [Behaviour(ignores=(15,))]
    start(system, USER)
    system.run(until=system.usec + 30 * SEC)
    jobs: dict[int, Job] = system.engine.jobs
    assert not jobs and system.state(A) == ("failed", "failed")
    assert machine(system, A).result.value == "timeout"
