"""Scripts against the whole engine: what a user does, and what becomes of it."""

from __future__ import annotations

import pytest

from initd.core import effects as ef
from initd.core import events as ev
from initd.core.engine import Engine
from initd.core.states import (
    ExecPhase,
    JobMode,
    JobResult,
    JobType,
    KillMode,
    LoadState,
    ServiceRestart,
    ServiceType,
    UnitType,
)
from initd.core.values import INFINITY, LOG_WARNING, Condition, Now, ProcessEnd
from tests.sim.system import MSEC, SEC, Behaviour, FakeSystem
from tests.sim.units import command, service, shutdown_units, target, unloaded

A, B, C = "a.service", "b.service", "c.service"


def boot(*definitions: object, **options: object) -> FakeSystem:
    """A system with these units, and whatever else they mention missing."""
    system = FakeSystem(Engine(Now(0, 0), seed=1), **options)  # type: ignore[arg-type]
    system.send(ev.UnitsLoaded((*shutdown_units(), *definitions)))
    missing = system.engine.graph.missing()
    system.send(ev.UnitsLoaded(tuple(unloaded(name) for name in missing)))
    # Units that nobody names are unloaded when they are down; most tests want to look at them then.
    system.engine.pinned = frozenset(system.engine.units)
    return system


def ask(system: FakeSystem, unit: str, job_type: JobType = JobType.START, mode: JobMode = JobMode.REPLACE) -> list[ef.Effect]:
    """Send a job request; the answer's effects."""
    before = len(system.trace)
    system.send(ev.JobRequest(7, unit, job_type, mode))
    return [effect for effect in system.trace[before:] if isinstance(effect, (ef.Reply, ef.Refused))]


def logs(system: FakeSystem) -> list[str]:
    return [effect.text for effect in system.trace if isinstance(effect, ef.Log)]


def run(system: FakeSystem, usec: int = 10 * SEC) -> None:
    system.run(until=system.usec + usec)


def started_order(system: FakeSystem) -> list[str]:
    return [effect.request.unit for effect in system.trace
            if isinstance(effect, ef.Spawn) and effect.request.phase is ExecPhase.START]


def test_boot_starts_what_the_target_wants_in_order() -> None:
    system = boot(target("t.target", wants=[A, B, C]), service(A, after=[B]), service(B, after=[C]), service(C))
    system.send(ev.Boot("t.target"))
    run(system)
    assert started_order(system) == [C, B, A]
    assert system.engine.system_state.value == "running"
    assert any(isinstance(effect, ef.StartupFinished) for effect in system.trace)


def test_a_required_unit_that_fails_takes_the_start_with_it() -> None:
    system = boot(service(A, requires=[B], after=[B]), service(B, type=ServiceType.ONESHOT))
    system.behaviours[B, ExecPhase.START] = [Behaviour(exit_after=MSEC, status=1)]
    ask(system, A)
    run(system)
    assert system.state(B) == ("failed", "failed")
    assert system.state(A) == ("inactive", "dead")
    assert (A, JobResult.DEPENDENCY) in system.results and (B, JobResult.FAILED) in system.results


def test_a_wanted_unit_that_is_missing_does_not_matter() -> None:
    system = boot(service(A, wants=["no.service"]))
    ask(system, A)
    run(system)
    assert system.state(A) == ("active", "running")


def test_a_required_unit_that_is_missing_refuses_the_start() -> None:
    system = boot(service(A, requires=["no.service"]))
    [answer] = ask(system, A)
    assert answer == ef.Refused(7, "org.freedesktop.systemd1.NoSuchUnit", "Unit no.service not found.")


def test_a_masked_unit_is_refused_by_name() -> None:
    system = boot(unloaded(A, LoadState.MASKED))
    [answer] = ask(system, A)
    assert isinstance(answer, ef.Refused) and answer.error.endswith("UnitMasked")


def test_stopping_a_required_unit_stops_what_requires_it() -> None:
    system = boot(service(A, requires=[B], after=[B]), service(B))
    ask(system, A)
    run(system)
    ask(system, B, JobType.STOP)
    run(system)
    assert system.state(A) == system.state(B) == ("inactive", "dead")


def test_restarting_a_required_unit_restarts_what_requires_it() -> None:
    system = boot(service(A, requires=[B], after=[B]), service(B))
    ask(system, A)
    run(system)
    ask(system, B, JobType.RESTART)
    run(system)
    assert started_order(system) == [B, A, B, A]


def test_conflicting_unit_is_stopped_first() -> None:
    system = boot(service(A, conflicts=[B], after=[B]), service(B))
    ask(system, B)
    run(system)
    ask(system, A)
    run(system)
    assert system.state(A) == ("active", "running") and system.state(B) == ("inactive", "dead")


def test_an_ordering_cycle_is_broken_at_a_job_that_does_not_matter() -> None:
    system = boot(target("t.target", wants=[A, B]), service(A, after=[B]), service(B, after=[A]))
    system.send(ev.Boot("t.target"))
    run(system)
    states = {system.state(A)[0], system.state(B)[0]}
    assert states == {"active", "inactive"}
    assert any("deleted to break ordering cycle" in line for line in logs(system))


def test_a_cycle_of_jobs_that_all_matter_is_refused() -> None:
    system = boot(service(A, requires=[B], after=[B]), service(B, requires=[A], after=[A]))
    [answer] = ask(system, A)
    assert isinstance(answer, ef.Refused) and answer.error.endswith("TransactionOrderIsCyclic")


def test_binds_to_stops_when_the_other_goes() -> None:
    system = boot(service(A, binds_to=[B], after=[B]), service(B))
    ask(system, A)
    run(system)
    main = system.engine.units[B].machine.main_pid  # type: ignore[attr-defined]
    system._end(system.processes[main], ProcessEnd("exited", 0))
    system.settle()
    run(system)
    assert system.state(A) == ("inactive", "dead")


def test_upholds_starts_again_what_was_stopped() -> None:
    system = boot(service(A, upholds=[B]), service(B))
    ask(system, A)
    run(system)
    ask(system, B, JobType.STOP)
    run(system)
    assert system.state(B) == ("active", "running")


def test_an_upheld_unit_that_cannot_start_is_not_tried_for_ever() -> None:
    system = boot(service(A, upholds=[B]), service(B, conditions=(Condition("PathExists", "/x"),)))
    system.condition_results[B] = False
    ask(system, A)
    run(system)
    tries = [effect for effect in system.trace if isinstance(effect, ef.CheckConditions)]
    assert 1 < len(tries) < 30
    assert any("tried this too often recently" in line for line in logs(system))


def test_unneeded_units_stop() -> None:
    system = boot(service(A, requires=[B]), service(B, stop_when_unneeded=True))
    ask(system, A)
    run(system)
    ask(system, A, JobType.STOP)
    run(system)
    assert system.state(B) == ("inactive", "dead")


def test_on_failure_starts_the_handler() -> None:
    system = boot(service(A, on_failure=[B], type=ServiceType.ONESHOT), service(B))
    system.behaviours[A, ExecPhase.START] = [Behaviour(exit_after=MSEC, status=3)]
    ask(system, A)
    run(system)
    assert system.state(B) == ("active", "running")


def test_failures_that_start_each_other_come_to_an_end() -> None:
    system = boot(service(A, requires=[B], after=[B], on_failure=[A]), service(B, asserts=(Condition("PathExists", "/x"),)))
    system.condition_results[B] = False
    ask(system, A)
    run(system, SEC)
    assert not system.engine.jobs and len(system.trace) < 20_000


def test_on_success_starts_the_follower() -> None:
    system = boot(service(A, on_success=[B], type=ServiceType.ONESHOT), service(B))
    ask(system, A)
    run(system)
    assert system.state(A) == ("inactive", "dead") and system.state(B) == ("active", "running")


def test_a_failed_condition_skips_and_the_job_is_done() -> None:
    system = boot(service(A, conditions=(Condition("PathExists", "/x"),)))
    system.condition_results[A] = False
    ask(system, A)
    run(system)
    assert system.state(A) == ("inactive", "dead")
    assert (A, JobResult.DONE) in system.results
    assert any("unmet condition check (ConditionPathExists=/x)" in line for line in logs(system))


@pytest.mark.parametrize("texts, why", [
    (("|/x", "|/y", "/z"), "of an unmet condition check (ConditionPathExists=/z)"),
    (("|/x", "|/y"), "no trigger condition checks were met"),
])
def test_what_is_blamed_is_no_trigger(texts, why) -> None:
    """As systemd 252 says it."""
    conditions = tuple(Condition("PathExists", text.lstrip("|"), is_triggering=text[0] == "|") for text in texts)
    system = boot(service(A, conditions=conditions))
    system.condition_results[A] = False
    ask(system, A)
    run(system)
    assert any(line.endswith(f" was skipped because {why}.") for line in logs(system))


def test_a_failed_assertion_fails_the_job() -> None:
    system = boot(service(A, asserts=(Condition("PathExists", "/x"),)))
    system.condition_results[A] = False
    ask(system, A)
    run(system)
    assert (A, JobResult.ASSERT) in system.results
    assert any("Starting requested but asserts failed." in line for line in logs(system))


def test_no_trigger_condition_skips_and_asserts_are_not_looked_at() -> None:
    conditions = (Condition("PathExists", "/x", is_triggering=True), Condition("PathExists", "/y", is_triggering=True))
    system = boot(service(A, conditions=conditions, asserts=(Condition("PathExists", "/z"),)))
    system.condition_results[A] = False
    ask(system, A)
    run(system)
    assert (A, JobResult.DONE) in system.results
    assert any("no trigger condition checks were met" in line for line in logs(system))
    unit = system.engine.units[A]
    assert (unit.condition_outcomes, unit.assert_outcomes, unit.assert_time) == ((-1, -1), (), None)


def test_isolate_stops_the_rest() -> None:
    system = boot(target("t.target", requires=[A], allow_isolate=True), service(A), service(B))
    ask(system, B)
    run(system)
    ask(system, "t.target", mode=JobMode.ISOLATE)
    run(system)
    assert system.state(A) == ("active", "running") and system.state(B) == ("inactive", "dead")


def test_isolate_is_refused_where_the_unit_does_not_allow_it() -> None:
    system = boot(target("t.target"))
    [answer] = ask(system, "t.target", mode=JobMode.ISOLATE)
    assert isinstance(answer, ef.Refused) and answer.error.endswith("NoIsolation")


def test_mode_fail_refuses_to_turn_a_queued_job_around() -> None:
    system = boot(service(A, type=ServiceType.NOTIFY))
    system.behaviours[A, ExecPhase.START] = [Behaviour(ready_after=5 * SEC)]
    ask(system, A)
    [answer] = ask(system, A, JobType.STOP, JobMode.FAIL)
    assert isinstance(answer, ef.Refused) and answer.error.endswith("TransactionIsDestructive")


def test_restart_after_failure_and_the_start_limit() -> None:
    system = boot(service(A, restart=ServiceRestart.ON_FAILURE))
    system.behaviours[A, ExecPhase.START] = [Behaviour(exit_after=MSEC, status=1)]
    ask(system, A)
    run(system, 60 * SEC)
    assert system.state(A) == ("failed", "failed")
    assert len(started_order(system)) == 5
    # As real systemd: what went wrong in the last run is still what `Result=` says.
    assert system.engine.units[A].machine.result.value == "exit-code"  # type: ignore[attr-defined]


def test_a_requested_stop_is_not_restarted() -> None:
    system = boot(service(A, restart=ServiceRestart.ALWAYS))
    ask(system, A)
    run(system)
    ask(system, A, JobType.STOP)
    run(system)
    assert system.state(A) == ("inactive", "dead")


def test_stop_of_a_process_that_ignores_sigterm_ends_with_sigkill_after_the_timeout() -> None:
    system = boot(service(A, timeout_stop_usec=5 * SEC))
    system.behaviours[A, ExecPhase.START] = [Behaviour(ignores=(15,))]
    ask(system, A)
    run(system)
    begin = system.usec
    ask(system, A, JobType.STOP)
    run(system, 20 * SEC)
    assert system.state(A) == ("failed", "failed")
    assert system.engine.units[A].machine.result.value == "timeout"  # type: ignore[attr-defined]
    kills = [effect.signal for effect in system.trace if isinstance(effect, ef.KillProcesses)]
    assert kills[:2] == [15, 9] and system.usec - begin >= 5 * SEC


def test_forking_service_takes_its_main_process_from_the_pid_file() -> None:
    system = boot(service(A, type=ServiceType.FORKING, pid_file="/run/a.pid"))
    ask(system, A)
    run(system)
    assert system.state(A) == ("active", "running")
    main = system.engine.units[A].machine.main_pid  # type: ignore[attr-defined]
    assert main and system.processes[main].alive


def test_forking_service_without_a_pid_file_guesses_its_main_process() -> None:
    system = boot(service(A, type=ServiceType.FORKING))
    system.behaviours[A, ExecPhase.START] = [Behaviour(exit_after=MSEC, leaves=1)]
    ask(system, A)
    run(system)
    assert system.state(A) == ("active", "running")
    assert system.engine.units[A].machine.main_pid  # type: ignore[attr-defined]


def test_a_pid_file_that_comes_late_is_waited_for() -> None:
    system = boot(service(A, type=ServiceType.FORKING, pid_file="/run/a.pid"))
    system.behaviours[A, ExecPhase.START] = [Behaviour(exit_after=MSEC, leaves=1)]
    ask(system, A)
    run(system, SEC)
    assert system.state(A) == ("activating", "start")
    system.pid_files["/run/a.pid"] = next(pid for pid, process in system.processes.items() if process.alive)
    run(system, SEC)
    assert system.state(A) == ("active", "running")


def test_a_notify_service_that_exits_before_ready_breaks_the_protocol() -> None:
    system = boot(service(A, type=ServiceType.NOTIFY))
    system.behaviours[A, ExecPhase.START] = [Behaviour(exit_after=MSEC)]
    ask(system, A)
    run(system)
    assert system.engine.units[A].machine.result.value == "protocol"  # type: ignore[attr-defined]


def test_a_start_that_takes_too_long_is_terminated() -> None:
    system = boot(service(A, type=ServiceType.NOTIFY, timeout_start_usec=3 * SEC))
    system.behaviours[A, ExecPhase.START] = [Behaviour()]
    ask(system, A)
    run(system, 10 * SEC)
    assert system.engine.units[A].machine.result.value == "timeout"  # type: ignore[attr-defined]


def test_control_commands_run_one_after_the_other_around_the_main_process() -> None:
    lines = {
        "exec_start_pre": (command("/pre1"), command("/pre2")), "exec_start_post": (command("/post"),),
        "exec_stop": (command("/stop"),), "exec_stop_post": (command("/sp"),), "exec_reload": (command("/reload"),),
    }
    system = boot(service(A, **lines))
    ask(system, A)
    run(system)
    ask(system, A, JobType.RELOAD)
    run(system)
    ask(system, A, JobType.STOP)
    run(system)
    ran = [effect.request.command.path for effect in system.trace if isinstance(effect, ef.Spawn)]
    assert ran == ["/pre1", "/pre2", "/bin/true", "/post", "/reload", "/stop", "/sp"]


def test_a_failing_start_pre_fails_the_start_and_runs_stop_post() -> None:
    system = boot(service(A, exec_start_pre=(command("/pre"),), exec_stop_post=(command("/sp"),)))
    system.behaviours[A, ExecPhase.START_PRE] = [Behaviour(exit_after=MSEC, status=2)]
    ask(system, A)
    run(system)
    ran = [effect.request.command.path for effect in system.trace if isinstance(effect, ef.Spawn)]
    assert ran == ["/pre", "/sp"] and system.state(A) == ("failed", "failed")


def test_a_start_pre_with_a_minus_may_fail() -> None:
    system = boot(service(A, exec_start_pre=(command("/pre", ignore_failure=True),)))
    system.behaviours[A, ExecPhase.START_PRE] = [Behaviour(exit_after=MSEC, status=2)]
    ask(system, A)
    run(system)
    assert system.state(A) == ("active", "running")


def test_an_exec_condition_that_says_no_skips_the_start_without_failing() -> None:
    system = boot(service(A, exec_condition=(command("/c"),)))
    system.behaviours[A, ExecPhase.CONDITION] = [Behaviour(exit_after=MSEC, status=1)]
    ask(system, A)
    run(system)
    assert system.state(A) == ("inactive", "dead") and started_order(system) == []


def test_a_oneshot_runs_all_its_commands_and_may_remain() -> None:
    system = boot(service(A, type=ServiceType.ONESHOT, exec_start=(command("/1"), command("/2")), remain_after_exit=True))
    ask(system, A)
    run(system)
    assert started_order(system) == [A, A] and system.state(A) == ("active", "exited")


def test_kill_mode_process_leaves_the_others_alone() -> None:
    system = boot(service(A, kill_mode=KillMode.PROCESS))
    ask(system, A)
    run(system)
    child = system._new_process(A, ExecPhase.START, 1, Behaviour())
    ask(system, A, JobType.STOP)
    run(system)
    assert system.processes[child].alive and system.state(A) == ("inactive", "dead")


def test_kill_mode_control_group_takes_everybody() -> None:
    system = boot(service(A))
    ask(system, A)
    run(system)
    children = [system._new_process(A, ExecPhase.START, 1, Behaviour(ignores=(15,))) for _ in range(3)]
    ask(system, A, JobType.STOP)
    run(system, 300 * SEC)
    assert not any(system.processes[child].alive for child in children)


def test_watchdog_kills_a_service_that_falls_silent() -> None:
    system = boot(service(A, type=ServiceType.NOTIFY, watchdog_usec=SEC))
    system.behaviours[A, ExecPhase.START] = [Behaviour(ready_after=MSEC, notifies=((500 * MSEC, "WATCHDOG=1"),))]
    ask(system, A)
    run(system, 10 * SEC)
    assert system.engine.units[A].machine.result.value == "watchdog"  # type: ignore[attr-defined]


def test_a_notification_from_a_foreign_process_is_refused() -> None:
    system = boot(service(A, type=ServiceType.NOTIFY))
    system.behaviours[A, ExecPhase.START] = [Behaviour()]
    ask(system, A)
    system.send(ev.NotifyReceived(A, 4711, 0, (("READY", "1"),)))
    assert system.state(A) == ("activating", "start")
    assert any("reception is restricted" in effect.text and effect.priority == LOG_WARNING
               for effect in system.trace if isinstance(effect, ef.Log))


def test_job_timeout_ends_the_job_but_not_the_unit() -> None:
    system = boot(service(A, type=ServiceType.NOTIFY, job_timeout_usec=2 * SEC, timeout_start_usec=INFINITY))
    system.behaviours[A, ExecPhase.START] = [Behaviour()]
    ask(system, A)
    run(system, 5 * SEC)
    assert (A, JobResult.TIMEOUT) in system.results and system.state(A) == ("activating", "start")


def test_sigterm_stops_everything_in_order_and_exits_0() -> None:
    system = boot(target("t.target", wants=[A, B]), service(A, after=[B]), service(B))
    system.send(ev.Boot("t.target"))
    run(system)
    begin = system.usec
    system.send(ev.SignalReceived("TERM"))
    system.run()
    assert system.exit == ef.Exit(0, "poweroff") and system.usec - begin < SEC
    stopped = [unit for unit, result in system.results if unit in (A, B)][-2:]
    assert stopped == [A, B]


@pytest.mark.parametrize("instant", range(0, 200, 7))
def test_sigterm_at_any_instant_of_the_boot(instant: int) -> None:
    system = boot(target("t.target", wants=[A, B, C]), service(A, after=[B], type=ServiceType.NOTIFY),
                  service(B, type=ServiceType.FORKING, pid_file="/run/b.pid"),
                  service(C, type=ServiceType.ONESHOT, exec_start_pre=(command(),)))
    system.send(ev.Boot("t.target"))
    system.run(until=system.usec + instant * MSEC)
    system.send(ev.SignalReceived("TERM"))
    system.run()
    assert system.exit == ef.Exit(0, "poweroff")
    assert not any(process.alive for process in system.processes.values())


def test_sigterm_before_the_boot_still_ends() -> None:
    system = boot(target("t.target"))
    system.send(ev.SignalReceived("TERM"))
    system.send(ev.Boot("t.target"))
    system.run()
    assert system.exit is not None


def test_a_service_that_will_not_die_does_not_hold_the_end_beyond_the_budget() -> None:
    system = boot(target("t.target", wants=[A]), service(A, timeout_stop_usec=90 * SEC))
    system.behaviours[A, ExecPhase.START] = [Behaviour(ignores=(15,))]
    system.send(ev.Boot("t.target"))
    run(system)
    begin = system.usec
    system.send(ev.SignalReceived("TERM"))
    system.run()
    assert system.exit is not None and system.usec - begin <= 9_600 * MSEC


def test_a_second_sigterm_ends_at_once() -> None:
    system = boot(target("t.target", wants=[A]), service(A, timeout_stop_usec=90 * SEC))
    system.behaviours[A, ExecPhase.START] = [Behaviour(ignores=(15,))]
    system.send(ev.Boot("t.target"))
    run(system)
    begin = system.usec
    system.send(ev.SignalReceived("TERM"))
    system.run(until=system.usec + SEC)
    system.send(ev.SignalReceived("TERM"))
    system.run()
    assert system.exit is not None and system.usec - begin <= 2 * SEC


def drains(usec: int = 5 * SEC) -> FakeSystem:
    """A system that is up and was told to stop, and drains first."""
    system = boot(target("t.target", wants=[A]), service(A, timeout_stop_usec=90 * SEC))
    system.engine.world.shutdown.drain_usec = usec
    system.send(ev.Boot("t.target"))
    run(system)
    system.send(ev.SignalReceived("TERM"))
    return system


def test_a_drain_comes_before_the_stop_and_the_budget_after_it() -> None:
    system = drains()
    begin = system.usec
    system.behaviours[A, ExecPhase.START] = [Behaviour(ignores=(15,))]
    ask(system, A, JobType.RESTART)  # it goes on as before
    system.run(until=begin + 4 * SEC)
    assert system.state(A) == ("active", "running") and system.engine.system_state.value == "stopping"
    assert system.engine.world.shutdown.is_draining
    system.run()
    assert system.exit == ef.Exit(0, "poweroff") and 13 * SEC < system.usec - begin < 15 * SEC
    assert system.engine.world.shutdown.reason == "SIGTERM"


@pytest.mark.parametrize("signal", ["TERM", "INT", "RTMIN+13"])
def test_another_signal_ends_the_drain(signal: str) -> None:
    system = drains()
    begin = system.usec
    system.send(ev.SignalReceived(signal))
    system.run()
    assert system.exit == ef.Exit(0, "poweroff" if signal != "RTMIN+13" else "halt") and system.usec - begin < SEC


def test_whoever_asks_for_the_end_ends_the_drain_and_the_budget_counts_from_there() -> None:
    system = drains()
    system.send(ev.ExitRequest(3, "exit", 3))
    assert not system.engine.world.shutdown.is_draining
    assert system.engine.world.shutdown.given_end_usec == 11 * SEC + 9 * SEC
    system.run()
    assert system.exit == ef.Exit(3, "exit") and system.engine.world.shutdown.reason == "a client asked for exit"


def test_no_drain_while_booting_or_for_sigint() -> None:
    system = boot(target("t.target", wants=[A]), service(A, type=ServiceType.NOTIFY))
    system.engine.world.shutdown.drain_usec = 5 * SEC
    system.send(ev.Boot("t.target"))
    system.send(ev.SignalReceived("TERM"))
    assert not system.engine.world.shutdown.is_draining
    system = boot(target("t.target"))
    system.engine.world.shutdown.drain_usec = 5 * SEC
    system.send(ev.Boot("t.target"))
    run(system)
    system.send(ev.SignalReceived("INT"))
    assert not system.engine.world.shutdown.is_draining


def test_exit_request_gives_the_code() -> None:
    system = boot(service(A))
    ask(system, A)
    run(system)
    system.send(ev.ExitRequest(3, "exit", 3))
    system.run()
    assert system.exit == ef.Exit(3, "exit")


def test_the_end_of_the_foreground_unit_is_the_end_of_all() -> None:
    system = boot(service(A), service(B))
    system.engine.world.foreground = A
    system.behaviours[A, ExecPhase.START] = [Behaviour(exit_after=SEC, status=42)]
    ask(system, A)
    ask(system, B)
    system.run()
    assert system.exit == ef.Exit(42, "exit")


def test_an_alias_is_the_same_unit_whoever_mentions_it_first() -> None:
    aliased = service(B).replace(names=(B, "alias.service"))
    system = boot(service(A, requires=["alias.service"], after=["alias.service"]), aliased)
    ask(system, A)
    run(system)
    assert started_order(system) == [B, A]
    assert system.engine.units["alias.service"] is system.engine.units[B]


def test_a_unit_that_nobody_names_is_unloaded_when_it_is_down() -> None:
    system = boot(target("t.target", wants=[A]), service(A), service(B, wants=[C]), service(C))
    ask(system, A)
    ask(system, B)
    run(system)
    system.engine.pinned = frozenset(("t.target",))
    ask(system, C, JobType.STOP)
    run(system)
    assert C in system.engine.units  # b.service is up, and names it
    ask(system, B, JobType.STOP)
    ask(system, A, JobType.STOP)
    run(system)
    system.send(ev.Tick())
    last = [effect for effect in system.trace if isinstance(effect, ef.UnitChanged) and effect.unit == B][-1]
    assert system.trace.index(last) < system.trace.index(ef.UnitRemoved(B))
    assert A in system.engine.units and B not in system.engine.units and C not in system.engine.units
    assert ef.UnitRemoved(B) in system.trace


def test_a_boot_target_that_is_an_alias_is_there_when_it_is_wanted() -> None:
    system = boot(target("graphical.target", wants=[A]).replace(names=("graphical.target", "default.target")), service(A))
    system.engine.pinned = frozenset(("default.target", "poweroff.target"))
    system.send(ev.Tick())
    system.send(ev.Boot("default.target"))
    run(system)
    assert system.state(A) == ("active", "running")


def test_a_failed_unit_is_kept_for_its_story() -> None:
    system = boot(service(A, type=ServiceType.ONESHOT))
    system.engine.pinned = frozenset()
    system.behaviours[A, ExecPhase.START] = [Behaviour(exit_after=MSEC, status=1)]
    ask(system, A)
    run(system)
    assert system.state(A) == ("failed", "failed")
    system.send(ev.ResetFailedRequest(1, A))
    system.send(ev.Tick())
    assert A not in system.engine.units


def test_reload_keeps_what_runs_and_forgets_what_is_gone() -> None:
    system = boot(service(A), service(B))
    ask(system, A)
    run(system)
    main = system.engine.units[A].machine.main_pid  # type: ignore[attr-defined]
    system.engine.reload([service(A, exec_stop=(command("/new"),)), *shutdown_units()], system.now)
    assert B not in system.engine.units
    assert system.engine.units[A].machine.main_pid == main  # type: ignore[attr-defined]
    ask(system, A, JobType.STOP)
    run(system)
    ran = [effect.request.command.path for effect in system.trace if isinstance(effect, ef.Spawn)]
    assert ran[-1] == "/new"


def test_unsupported_types_fail_their_job_and_nothing_else() -> None:
    swap = unloaded("x.swap").replace(load_state=LoadState.LOADED, type=UnitType.SWAP)
    system = boot(target("t.target", wants=["x.swap", A]), swap, service(A))
    system.send(ev.Boot("t.target"))
    run(system)
    assert ("x.swap", JobResult.UNSUPPORTED) in system.results and system.state(A) == ("active", "running")


@pytest.mark.parametrize("is_wanted", [False, True])
def test_permissions_are_for_the_start_only_where_that_is_said(is_wanted):
    """PermissionsStartOnly=: what systemd 252 does then is what it does for "+"."""
    system = boot(service(A, exec_start_pre=(command("/pre"),), permissions_start_only=is_wanted))
    system.trace.clear()
    ask(system, A)
    run(system)
    spawned = [each.request.command for each in system.trace if isinstance(each, ef.Spawn)]
    assert [(each.path, each.full_privileges) for each in spawned] == [("/pre", is_wanted), ("/bin/true", False)]


def test_many_times_that_are_over_at_once_are_acted_upon_in_turns() -> None:
    """Whoever asks meanwhile has an answer between two of them."""
    names = [f"slow-{number}.service" for number in range(20)]
    system = boot(*(service(name, type=ServiceType.NOTIFY, timeout_start_usec=SEC) for name in names))
    for name in names:
        ask(system, name)
    acted = []
    system.usec += SEC
    while (system.engine.next_deadline() or INFINITY) <= system.usec:
        effects = system.engine.handle(ev.Tick(), system.now)
        acted.append(len([effect for effect in effects if isinstance(effect, ef.KillProcesses)]))
    assert sum(acted) == len(names) and max(acted) < 10 and len(acted) > 1
