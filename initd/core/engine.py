"""The engine: everything that happens goes in as an event, everything to be done comes out as effects.

`handle(event, now)` is the only way in; `next_deadline()` says when to call it with a `Tick` if nothing else happens.
One call works off what the event leads to until nothing moves any more: state changes end jobs and give others new
ones, jobs start units, units ask for processes. It has no clock, does no I/O, and two runs over the same events give
the same effects.

What a request may do stands in `requests`, what a change of state means in `propagation`, who may run when in
`queue`, how a service lives in `service`, how everything ends in `shutdown`.
"""

from __future__ import annotations

from initd.core import events as ev
from initd.core import path, propagation, requests, service, socket, target, timer
from initd.core.conditions import spell, verdict
from initd.core.dependency import Dependency, Facet
from initd.core.effects import (
    CheckConditions,
    Effect,
    KillProcesses,
    Reexecute,
    ReleaseIdle,
    Reload,
    StartupFinished,
    UnitAdded,
    UnitChanged,
    UnitRemoved,
)
from initd.core.graph import Graph
from initd.core.job import Job
from initd.core.machines import make_machine
from initd.core.messages import ID_RESTART_SCHEDULED, begun, title
from initd.core.service_record import ServiceMachine
from initd.core.settings import UnitDefinition
from initd.core.shutdown import ACTIONS, FORCING_SIGNALS, VERB_OF_SIGNAL, Stage
from initd.core.states import (
    ActiveState,
    CollectMode,
    EmergencyAction,
    JobMode,
    JobResult,
    JobState,
    JobType,
    ManagerState,
    UnitType,
)
from initd.core.transaction import Refusal
from initd.core.turn import RESULT_OF, AutomaticRestart, Outcome, StateChange, Turn
from initd.core.unit import Unit
from initd.core.values import INFINITY, LOG_ERR, LOG_INFO, LOG_NOTICE, LOG_WARNING, Condition, Now, PidRef
from initd.core.world import BootTimes, World

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

#: Signals that go on to the foreground command (`pyinit -- COMMAND`), by name and number.
_FORWARDED = {"HUP": 1, "QUIT": 3, "USR1": 10, "USR2": 12, "WINCH": 28}


#: How often BindsTo=, Upholds= and StopWhenUnneeded= may give one unit a job.
_WISH_INTERVAL_USEC, _WISH_BURST = 10_000_000, 16

#: When all that is left is killing, units are no longer run: nothing may be spawned behind the killer's back.
_LAST_STAGES = (Stage.TERMINATING, Stage.KILLING, Stage.OVER)
#: UnitsLoaded too: a client may still ask about a unit, and whoever reads units goes on until none is missing.
_ANSWERS = (
    ev.SpawnDone, ev.SpawnFailed, ev.ProcessesKilled, ev.ProcessesListed, ev.PidFileRead, ev.ConditionsChecked,
    ev.TimerStampRead, ev.SocketsOpened, ev.PathsChecked,
)
_HEARD_TO_THE_LAST = (ev.SignalReceived, ev.ProcessesKilled, ev.Tick, ev.UnitsLoaded)


class Engine:
    """One manager's mind. `budget_usec`: how long a shutdown that was asked for by signal may take."""

    def __init__(self, now: Now, seed: int, budget_usec: int = 9_000_000) -> None:
        self.world = World(make_machine, seed, budget_usec, now)
        self._timed: dict[str, int] = {}
        self._standing: dict[str, None] = {}
        #: Units that stay loaded though nothing refers to them: what the manager itself may have to start.
        self.pinned: frozenset[str] = frozenset()
        self._may_hold_garbage = False
        self._is_idle_released = False
        #: Somebody listens to signals: set by whoever sends them.
        self.is_heard = True

    # --- what others may read --------------------------------------------------------------------------------------

    @property
    def graph(self) -> Graph:
        return self.world.graph

    @property
    def units(self) -> dict[str, Unit]:
        """Every unit by every name it has."""
        return self.world.graph.by_name

    @property
    def jobs(self) -> dict[int, Job]:
        return self.world.queue.jobs

    @property
    def environment(self) -> tuple[str, ...]:
        return self.world.environment

    @property
    def boot(self) -> BootTimes:
        return self.world.boot_times

    @property
    def system_state(self) -> ManagerState:
        """`systemctl is-system-running` (systemctl(1))."""
        if self.world.shutdown.stage is not Stage.NONE or self._is_going_down():
            return ManagerState.STOPPING
        if self.world.boot_times.finish is None:
            return ManagerState.STARTING if self.world.is_booting else ManagerState.INITIALIZING
        for name in ("rescue.target", "emergency.target"):
            unit = self.graph.get(name)
            if unit is not None and unit.active_state.is_up:
                return ManagerState.MAINTENANCE
        return ManagerState.DEGRADED if self.failed_units() else ManagerState.RUNNING

    def _is_going_down(self) -> bool:
        unit = self.graph.get("shutdown.target")
        return unit is not None and (unit.active_state.is_up or unit.job is not None and unit.job.type is JobType.START)

    def failed_units(self) -> list[str]:
        return [unit.name for unit in self.graph.units.values() if unit.active_state is ActiveState.FAILED]

    def next_deadline(self) -> int | None:
        """Monotonic µs of the next Tick that is needed, None for never."""
        nearest = min(self._timed.values(), default=INFINITY)
        nearest = min(nearest, self.world.shutdown.deadline_usec)
        return None if nearest >= INFINITY else nearest

    # --- the way in ------------------------------------------------------------------------------------------------

    def handle(self, event: ev.Event, now: Now) -> list[Effect]:
        """What to do about it, in order."""
        turn = Turn(now, self.is_heard)
        turn.heeds_watchdogs = self.world.tuning.service_watchdogs
        if not isinstance(event, (ev.Request, ev.UnitsLoaded, ev.Boot, ev.ConnectionAccepted, *_ANSWERS)):
            # Before the event and not behind the last one, so that a unit's last state was told while it was there to be
            # asked; not before an answer, which belongs to the event before; and not before a request, a
            # connection or the boot, for which units have just been loaded.
            self._collect_garbage(turn)
        handler = _HANDLERS.get(type(event))
        if self.world.shutdown.stage in _LAST_STAGES and type(event) not in _HEARD_TO_THE_LAST:
            if isinstance(event, ev.Request):
                requests.refuse_all(event, turn)
            return turn.effects
        if handler is not None:
            handler(self, event, turn)
        else:
            self._on_unit_event(event, turn)
        self._work(turn)
        return turn.effects

    def collect_garbage(self, now: Now) -> list[Effect]:
        """Unload what nobody needs. Asked at the end of a wake-up: units that were only asked about are gone by then."""
        turn = Turn(now, self.is_heard)
        self._collect_garbage(turn)
        return turn.effects

    def _work(self, turn: Turn) -> None:
        """Until nothing moves: changes first, since they may end or give jobs; then jobs; then standing wishes."""
        while self.world.shutdown.stage not in _LAST_STAGES:
            if turn.changes:
                self._on_change(turn.changes.popleft(), turn)
            elif turn.restarts:
                self._on_automatic_restart(turn.restarts.popleft(), turn)
            elif turn.propagated_reloads:
                self._propagate_reload(turn.propagated_reloads.popleft(), turn)
            elif turn.limits_hit:
                unit = self.graph.units[turn.limits_hit.pop()]
                self._act(unit.settings.start_limit_action, None, f"unit {unit.name} hit its start limit", turn)
            elif self.world.queue.failed_starts:
                self._on_failed_start(self.world.queue.failed_starts.pop(0), turn)
            elif not self._run_next_job(turn) and not self._grant_standing_wish(turn):
                self._check_finished(turn)
                break

    # --- jobs ------------------------------------------------------------------------------------------------------

    def _run_next_job(self, turn: Turn) -> bool:
        job = self.world.queue.next_runnable()
        if job is None:
            return False
        unit = self.graph.units[job.unit]
        if not turn.has_run_jobs:
            # What led to the jobs is told before the first of them runs; what they do to each other is one step.
            turn.has_run_jobs = True
            for name in sorted(turn.touched):
                turn.tell(self.graph.units[name])
        job.state = JobState.RUNNING
        job.running_usec = turn.now.monotonic_usec
        self._end_by_outcome(unit, job, self._begin_job(unit, job, turn), turn)
        self._touch(unit)
        return True

    def _begin_job(self, unit: Unit, job: Job, turn: Turn) -> Outcome | JobResult:
        if job.type is JobType.START:
            return self._begin_start(unit, turn)
        if job.type is JobType.VERIFY_ACTIVE:
            if unit.active_state.is_up:
                return Outcome.ALREADY
            return Outcome.AGAIN if unit.active_state is ActiveState.ACTIVATING else JobResult.SKIPPED
        if job.type in (JobType.STOP, JobType.RESTART, JobType.TRY_RESTART):
            return self._begin_stop(unit, job, turn)
        if job.type is JobType.RELOAD:
            return self._begin_reload(unit, turn)
        return Outcome.ALREADY

    def _begin_start(self, unit: Unit, turn: Turn) -> Outcome | JobResult:
        state = unit.active_state
        if state.is_up:
            return Outcome.ALREADY
        if not unit.is_loaded:
            return Outcome.FAILED
        if state is ActiveState.ACTIVATING or state is ActiveState.DEACTIVATING:
            return self._start_now(unit, turn)
        if unit.settings.conditions or unit.settings.asserts:
            unit.is_checking_conditions = True
            turn.ask(CheckConditions(unit.name, unit.settings.conditions, unit.settings.asserts))
            return Outcome.BEGUN
        unit.condition_result = unit.assert_result = True
        unit.condition_time = unit.assert_time = turn.now
        turn.touched.add(unit.name)
        return self._start_now(unit, turn)

    def _start_now(self, unit: Unit, turn: Turn) -> Outcome | JobResult:
        for name in unit.names_with(Facet.CANNOT_BE_ACTIVE_WITHOUT):
            other = self.graph.units.get(name)
            if other is not None and name in unit.dependencies.get(Dependency.AFTER, ()) and not other.active_state.is_up:
                turn.log(unit, LOG_WARNING, f"Bound to unit {name}, but unit isn't active.")
                return JobResult.DEPENDENCY
        if unit.active_state.is_down:
            unit.invocation_id = self.world.next_invocation_id()
            if unit.type is UnitType.SERVICE:
                self._announce(unit, JobType.START, turn)
            if unit.type in _TRIGGERS:
                begun: Outcome = _TRIGGERS[unit.type].start(unit, self.world, turn)
                return begun
            return service.start(unit, turn) if unit.type is UnitType.SERVICE else _plain(unit).start(unit, turn)
        return service.start(unit, turn) if unit.type is UnitType.SERVICE else Outcome.BEGUN

    def _begin_stop(self, unit: Unit, job: Job, turn: Turn) -> Outcome:
        if unit.active_state.is_down:
            return Outcome.ALREADY
        if unit.type is UnitType.SERVICE:
            if unit.active_state is not ActiveState.DEACTIVATING and unit.sub_state != "auto-restart":
                self._announce(unit, JobType.STOP, turn)
            return service.stop(unit, turn)
        if unit.type in _TRIGGERS:
            ended: Outcome = _TRIGGERS[unit.type].stop(unit, self.world, turn)
            return ended
        return _plain(unit).stop(unit, turn)

    def _begin_reload(self, unit: Unit, turn: Turn) -> Outcome | JobResult:
        state = unit.active_state
        if state is ActiveState.RELOADING:
            return Outcome.AGAIN
        if state is not ActiveState.ACTIVE:
            turn.log(unit, LOG_WARNING, "Unit cannot be reloaded because it is inactive.")
            return JobResult.INVALID
        if unit.type is not UnitType.SERVICE or not service.can_reload(unit):
            return Outcome.ALREADY  # only its PropagatesReloadTo= mattered
        self._announce(unit, JobType.RELOAD, turn)
        return service.reload(unit, turn)

    def _announce(self, unit: Unit, job_type: JobType, turn: Turn) -> None:
        message = begun(unit, job_type)
        if message is not None:
            text, message_id = message
            turn.announce(unit, text, LOG_INFO, MESSAGE_ID=message_id, JOB_TYPE=job_type.value)

    def _end_by_outcome(self, unit: Unit, job: Job, outcome: Outcome | JobResult, turn: Turn) -> None:
        if unit.job is not job or outcome is Outcome.BEGUN:
            return
        if outcome is Outcome.AGAIN:
            self.world.queue.put_back(job)
        elif isinstance(outcome, JobResult):
            self.world.queue.finish(job, outcome, turn)
        else:
            is_quiet = outcome is Outcome.ALREADY
            self.world.queue.finish(job, RESULT_OF[outcome], turn, quiet=is_quiet)
        self._consider_standing(unit)

    # --- consequences ----------------------------------------------------------------------------------------------

    def _on_change(self, change: StateChange, turn: Turn) -> None:
        unit = self.graph.units.get(change.unit)
        if unit is None:
            return
        self._may_hold_garbage |= change.new.is_down
        _note_times(unit, change, turn.now)
        turn.ask(UnitChanged(unit.name))
        verdict = propagation.job_verdict(unit, change)
        job = unit.job
        if verdict.result is not None and job is not None:
            self.world.queue.finish(job, verdict.result, turn)
        elif job is not None and job.state is JobState.WAITING:
            self.world.queue.runnable[unit.name] = None
        for wish in propagation.wishes_after(self.graph, unit, change, verdict.is_expected):
            self.world.grant(wish, turn)
        self._act_on_end(unit, change, turn)
        self._tell_triggers(unit, turn)
        self._consider_standing(unit)
        self._touch(unit)

    def _tell_triggers(self, unit: Unit, turn: Turn) -> None:
        """Timers and sockets hear of what they start."""
        for name in sorted(unit.dependencies.get(Dependency.TRIGGERED_BY, ())):
            other = self.graph.units.get(name)
            if other is not None and other.type is UnitType.TIMER:
                timer.on_other_changed(other, unit, self.world, turn)
                self._touch(other)
            elif other is not None and other.type is UnitType.PATH:
                path.on_other_changed(other, unit, turn)
            elif other is not None and other.type is UnitType.SOCKET and not unit.connection:
                socket.on_service_changed(other, unit, self.world, turn)
        if unit.connection and unit.active_state.is_down and unit.job is None:
            listener = self.graph.units.get(unit.connection_of)
            if listener is not None:
                socket.on_connection_over(listener, unit, turn)

    def _on_failed_start(self, name: str, turn: Turn) -> None:
        for wish in propagation.on_failure_wishes(self.graph.units[name]):
            self.world.grant(wish, turn)

    def _act_on_end(self, unit: Unit, change: StateChange, turn: Turn) -> None:
        """SuccessAction=, FailureAction=, and the end of the foreground command (systemd.unit(5))."""
        if change.will_restart or change.old.is_down or not change.new.is_down:
            return
        settings = unit.settings
        failed = change.new is ActiveState.FAILED
        if unit.name == self.world.foreground:
            self.world.request_exit("exit", Stage.STOPPING, _exit_code(unit, foreground=True), turn)
        action = settings.failure_action if failed else settings.success_action
        status = settings.failure_action_exit_status if failed else settings.success_action_exit_status
        reason = f"unit {unit.name} {'failed' if failed else 'succeeded'}"
        self._act(action, status if status >= 0 else _exit_code(unit), reason, turn)

    def _act(self, action: EmergencyAction, exit_code: int | None, reason: str, turn: Turn) -> None:
        if action is EmergencyAction.NONE:
            return
        if not turn.heeds_watchdogs:
            turn.log(None, LOG_WARNING, f"Watchdog disabled! Not acting on: {reason}")
            return
        verb, stage = ACTIONS[action]
        if self.world.shutdown.stage in (Stage.NONE, Stage.STOPPING):
            turn.log(None, LOG_NOTICE, f"Action {action.value}: {reason}.")
        wants_code = verb == "exit" and not self.world.was_exit_code_set
        self.world.request_exit(verb, stage, exit_code if wants_code else None, turn)

    def _on_automatic_restart(self, restart: AutomaticRestart, turn: Turn) -> None:
        unit = self.graph.units[restart.unit]
        machine = unit.machine
        assert isinstance(machine, ServiceMachine)
        if unit.is_stop_pending():
            turn.log(unit, LOG_INFO, "Stop job pending for unit, skipping automatic restart.")
            return
        machine.n_restarts += 1
        turn.touched.add(unit.name)
        machine.forget_restarts = False
        turn.announce(
            unit, f"{unit.name}: Scheduled restart job, restart counter is at {machine.n_restarts}.", LOG_INFO,
            MESSAGE_ID=ID_RESTART_SCHEDULED, N_RESTARTS=str(machine.n_restarts),
        )
        outcome = self.world.enqueue(unit, JobType.RESTART, JobMode.REPLACE, turn)
        if isinstance(outcome, Refusal):
            turn.log(unit, LOG_WARNING, f"Failed to schedule restart job: {outcome.text}")
            service.stop(unit, turn)

    def _propagate_reload(self, name: str, turn: Turn) -> None:
        unit = self.graph.units[name]
        self.world.queue.pass_anchor(unit, turn)
        for other in sorted(unit.dependencies.get(Dependency.PROPAGATES_RELOAD_TO, ())):
            self.world.grant(
                propagation.Wish(other, JobType.TRY_RELOAD, JobMode.FAIL, f"{name} is reloading"), turn
            )

    def _consider_standing(self, unit: Unit) -> None:
        self._standing.update(dict.fromkeys(propagation.concerned_by(unit)))

    def _grant_standing_wish(self, turn: Turn) -> bool:
        """BindsTo=, Upholds= and StopWhenUnneeded= hold at all times, not only at the moment of a job."""
        if self.world.shutdown.stage is not Stage.NONE:
            self._standing.clear()
        while self._standing:
            name = next(iter(self._standing))
            del self._standing[name]
            unit = self.graph.units.get(name)
            wish = propagation.standing_wish(self.graph, unit) if unit is not None else None
            if wish is not None and unit is not None and self._may_repeat(unit, wish, turn):
                self.world.grant(wish, turn)
                return True
        return False

    def _may_repeat(self, unit: Unit, wish: propagation.Wish, turn: Turn) -> bool:
        """A wish that comes again and again to no effect is not granted any more (systemd: 16 times in 10 s)."""
        now_usec = turn.now.monotonic_usec
        if unit.wish_limit.is_within(_WISH_INTERVAL_USEC, _WISH_BURST, now_usec):
            return True
        if unit.wish_limit.count == _WISH_BURST + 1:
            text = f"{wish.reason}, but not queueing a {wish.type.value} job since we tried this too often recently."
            turn.log(unit, LOG_WARNING, text[0].upper() + text[1:])
        return False

    def _check_finished(self, turn: Turn) -> None:
        if self.world.queue.jobs:
            self._is_idle_released = False
            return
        if self.world.shutdown.stage is Stage.STOPPING:
            # The target is reached (or cannot be): whether or not a unit below it says so, this is the end.
            turn.effects += self.world.shutdown.enter_terminating(turn.now.monotonic_usec)
            return
        if not self._is_idle_released:
            self._is_idle_released = True
            turn.ask(ReleaseIdle())
        times = self.world.boot_times
        if self.world.is_booting and times.finish is None:
            self.world.boot_times = times.replace(finish=turn.now)
            usec = turn.now.monotonic_usec - times.begin.monotonic_usec
            turn.log(None, LOG_INFO, f"Startup finished in {_span(usec)}.")
            turn.ask(StartupFinished(usec))

    def _collect_garbage(self, turn: Turn) -> None:
        """Unload what is down and named by nobody (systemd.unit(5), CollectMode=). A boot is not kept waiting by it."""
        if not self._may_hold_garbage or self._is_booting() or self.graph.missing():
            return
        self._may_hold_garbage = False
        for unit in self.graph.unreferenced(self._is_in_use):
            self.graph.drop(unit)
            self._timed.pop(unit.name, None)
            turn.ask(UnitRemoved(unit.name))

    def _is_booting(self) -> bool:
        return self.world.boot_times.finish is None and bool(self.world.queue.jobs)

    def _is_in_use(self, unit: Unit) -> bool:
        state = unit.active_state
        if state is ActiveState.FAILED:
            return unit.settings.collect_mode is CollectMode.INACTIVE
        if not state.is_down or unit.job is not None or unit.machine.has_processes:
            return True
        return unit.definition.is_perpetual or bool(self.pinned & unit.names)

    # --- events ----------------------------------------------------------------------------------------------------

    def _on_unit_event(self, event: ev.Event, turn: Turn) -> None:
        unit = self.graph.units.get(getattr(event, "unit", ""))
        if unit is not None and unit.type is UnitType.SERVICE:
            service.on_event(unit, event, turn)
            self._may_hold_garbage |= isinstance(event, ev.UnitEmpty)
            self._touch(unit)

    def _on_trigger_event(self, event: ev.Event, turn: Turn) -> None:
        """What the shell tells timers and sockets."""
        unit = self.graph.units.get(getattr(event, "unit", ""))
        kind, handler = _TRIGGER_EVENTS[type(event)]
        if unit is not None and unit.type is kind:
            handler(unit, event, self.world, turn)
            self._touch(unit)

    def _on_processes_killed(self, event: ev.ProcessesKilled, turn: Turn) -> None:
        if event.unit:
            self._on_unit_event(event, turn)
        else:
            turn.effects += self.world.shutdown.on_remaining(event.count)

    def _on_conditions_checked(self, event: ev.ConditionsChecked, turn: Turn) -> None:
        unit = self.graph.units.get(event.unit)
        if unit is None or not unit.is_checking_conditions:
            return
        unit.is_checking_conditions = False
        unit.condition_time = unit.assert_time = turn.now
        unit.condition_result = _all_met(unit.settings.conditions, event.conditions)
        unit.assert_result = _all_met(unit.settings.asserts, event.asserts)
        turn.ask(UnitChanged(unit.name))
        turn.touched.add(unit.name)
        job = unit.job
        if job is None or job.type is not JobType.START or job.state is not JobState.RUNNING:
            return
        outcome: Outcome | JobResult
        if not unit.condition_result:
            unmet = _first_unmet(unit.settings.conditions, event.conditions, "Condition")
            turn.announce(unit, f"{title(unit)} was skipped because of an unmet condition check ({unmet}).", LOG_INFO)
            outcome = Outcome.ALREADY
        elif not unit.assert_result:
            unmet = _first_unmet(unit.settings.asserts, event.asserts, "Assert")
            text = f"Starting {title(unit)} failed because of an unmet assertion check ({unmet})."
            turn.announce(unit, text, LOG_ERR)
            outcome = JobResult.ASSERT
        else:
            outcome = self._start_now(unit, turn)
        self._end_by_outcome(unit, job, outcome, turn)
        self._touch(unit)

    def _on_boot(self, event: ev.Boot, turn: Turn) -> None:
        if self.world.shutdown.stage is not Stage.NONE:
            return  # told to stop before there was anything to stop
        self.world.is_booting = True
        for name in (event.target, "rescue.target", "emergency.target"):
            unit = self.graph.get(name)
            outcome = Refusal("", f"Unit {name} not found.") if unit is None else None
            if unit is not None and outcome is None:
                result = self.world.enqueue(unit, JobType.START, JobMode.REPLACE, turn)
                outcome = result if isinstance(result, Refusal) else None
            if outcome is None:
                turn.log(None, LOG_INFO, f"Queued start job for default target {title(unit) if unit else name}.")
                return
            turn.log(None, LOG_ERR, f"Failed to start {name}: {outcome.text}")

    def _on_signal(self, event: ev.SignalReceived, turn: Turn) -> None:
        name, shutdown = event.signal, self.world.shutdown
        foreground = self.graph.get(self.world.foreground) if self.world.foreground else None
        if name in VERB_OF_SIGNAL:
            if shutdown.budget_end_usec < INFINITY and shutdown.stage is not Stage.NONE:
                turn.log(None, LOG_NOTICE, f"Received SIG{name} again, not waiting any longer.")
                shutdown.end_budget(turn.now.monotonic_usec)
                return
            turn.log(None, LOG_INFO, f"Received SIG{name}.")
            shutdown.start_budget(turn.now.monotonic_usec)
            stage = Stage.TERMINATING if name in FORCING_SIGNALS else Stage.STOPPING
            self.world.request_exit(VERB_OF_SIGNAL[name], stage, None, turn)
        elif foreground is not None and name in _FORWARDED:
            main = getattr(foreground.machine, "main_pid", 0)
            if main:
                turn.ask(KillProcesses(foreground.name, _FORWARDED[name], PidRef(main), None, False))
        elif name == "HUP":
            turn.ask(Reload())
        elif name == "RTMIN+25":
            turn.ask(Reexecute())
        elif name in _TARGET_OF_SIGNAL:
            self._start_by_signal(*_TARGET_OF_SIGNAL[name], turn)

    def _start_by_signal(self, name: str, mode: JobMode, turn: Turn) -> None:
        unit = self.graph.get(name)
        outcome = self.world.enqueue(unit, JobType.START, mode, turn) if unit is not None else None
        if unit is None or isinstance(outcome, Refusal):
            why = outcome.text if isinstance(outcome, Refusal) else "not loaded"
            turn.log(None, LOG_WARNING, f"Cannot start {name}: {why}")

    def _on_units_loaded(self, event: ev.UnitsLoaded, turn: Turn) -> None:
        """New units, as `Graph.missing` asked for them."""
        self._may_hold_garbage = True
        for definition in event.definitions:
            assert isinstance(definition, UnitDefinition)
            is_new = definition.name not in self.units
            unit = self.graph.add(definition)
            if is_new:
                turn.ask(UnitAdded(unit.name))
            for diagnostic in definition.diagnostics:
                turn.log(None, diagnostic.priority, str(diagnostic))
            self._consider_standing(unit)
        if not self.graph.missing():
            self.graph.settle()

    def reload(self, definitions: list[UnitDefinition], now: Now) -> list[Effect]:
        """daemon-reload: all units say what their files say now; what runs goes on (systemctl(1))."""
        turn = Turn(now, self.is_heard)

        def keep(unit: Unit) -> bool:
            return unit.job is not None or not unit.active_state.is_down or unit.definition.is_perpetual

        for unit in self.graph.reset(definitions, keep):
            turn.ask(UnitRemoved(unit.name))
        for definition in definitions:
            for diagnostic in definition.diagnostics:
                turn.log(None, diagnostic.priority, str(diagnostic))
        for unit in self.graph.units.values():
            if unit.type is UnitType.TIMER:
                timer.after_reload(unit, self.world, turn)
                self._touch(unit)
        self._work(turn)
        return turn.effects

    def _on_tick(self, event: ev.Tick, turn: Turn) -> None:
        now_usec = turn.now.monotonic_usec
        if self.world.shutdown.stage in _LAST_STAGES:
            self._timed.clear()
        for name in [name for name, deadline in self._timed.items() if deadline <= now_usec]:
            unit = self.graph.units.get(name)
            if unit is None:
                del self._timed[name]
                continue
            if unit.type is UnitType.SERVICE:
                service.on_deadline(unit, turn)
            elif unit.type is UnitType.TIMER:
                timer.on_tick(unit, self.world, turn)
            self._check_job_timeout(unit, turn)
            self._touch(unit)
        if self.world.shutdown.deadline_usec <= now_usec:
            turn.effects += self.world.shutdown.on_deadline(now_usec)

    def _check_job_timeout(self, unit: Unit, turn: Turn) -> None:
        job = unit.job
        if job is None or _job_deadline(unit, job) > turn.now.monotonic_usec:
            return
        turn.log(unit, LOG_WARNING, f"Job {unit.name}/{job.type.value} timed out.")
        self.world.queue.finish(job, JobResult.TIMEOUT, turn)
        self._act(unit.settings.job_timeout_action, None, f"job of unit {unit.name} timed out", turn)

    def _touch(self, unit: Unit) -> None:
        """Note when the unit wants to be looked at again."""
        deadline = unit.machine.deadline_usec
        if unit.job is not None:
            job_deadline = _job_deadline(unit, unit.job)
            if job_deadline < INFINITY:
                deadline = job_deadline if deadline is None else min(deadline, job_deadline)
        if deadline is None:
            self._timed.pop(unit.name, None)
        else:
            self._timed[unit.name] = deadline

    def _on_job_request(self, event: ev.JobRequest, turn: Turn) -> None:
        requests.on_job_request(self.world, event, turn)

    def _on_reset_failed(self, event: ev.ResetFailedRequest, turn: Turn) -> None:
        requests.on_reset_failed_request(self.world, event, turn, _reset_failed)


def _reset_failed(unit: Unit, turn: Turn) -> None:
    if unit.type is UnitType.SERVICE:
        service.reset_failed(unit, turn)
    elif unit.type in _TRIGGERS:
        _TRIGGERS[unit.type].reset_failed(unit, turn)


#: Types whose units start others, and do it by the world's means.
_TRIGGERS: dict[UnitType, Any] = {UnitType.TIMER: timer, UnitType.SOCKET: socket, UnitType.PATH: path}
_TRIGGER_EVENTS: dict[type[ev.Event], tuple[UnitType, Callable[[Unit, Any, World, Turn], None]]] = {
    ev.TimerStampRead: (UnitType.TIMER, timer.on_stamp_read),
    ev.PathsChecked: (UnitType.PATH, path.on_checked),
    ev.PathTouched: (UnitType.PATH, path.on_touched),
    ev.SocketsOpened: (UnitType.SOCKET, socket.on_opened),
    ev.SocketReady: (UnitType.SOCKET, socket.on_ready),
    ev.ConnectionAccepted: (UnitType.SOCKET, socket.on_connection),
}


def _on_world(handler: Callable[[World, ev.Event, Turn], None]) -> Callable[[Engine, ev.Event, Turn], None]:
    return lambda engine, event, turn: handler(engine.world, event, turn)


_HANDLERS: dict[type[ev.Event], Callable[[Engine, ev.Event, Turn], None]] = {
    ev.Boot: Engine._on_boot,  # type: ignore[dict-item]
    ev.Tick: Engine._on_tick,  # type: ignore[dict-item]
    ev.SignalReceived: Engine._on_signal,  # type: ignore[dict-item]
    ev.UnitsLoaded: Engine._on_units_loaded,  # type: ignore[dict-item]
    ev.ConditionsChecked: Engine._on_conditions_checked,  # type: ignore[dict-item]
    ev.TimerStampRead: Engine._on_trigger_event,
    ev.PathsChecked: Engine._on_trigger_event,
    ev.PathTouched: Engine._on_trigger_event,
    ev.SocketsOpened: Engine._on_trigger_event,
    ev.SocketReady: Engine._on_trigger_event,
    ev.ConnectionAccepted: Engine._on_trigger_event,
    ev.ProcessesKilled: Engine._on_processes_killed,  # type: ignore[dict-item]
    ev.JobRequest: Engine._on_job_request,  # type: ignore[dict-item]
    ev.ResetFailedRequest: Engine._on_reset_failed,  # type: ignore[dict-item]
    ev.CancelRequest: _on_world(requests.on_cancel_request),  # type: ignore[arg-type]
    ev.KillRequest: _on_world(requests.on_kill_request),  # type: ignore[arg-type]
    ev.ExitRequest: _on_world(requests.on_exit_request),  # type: ignore[arg-type]
    ev.ExitCodeRequest: _on_world(requests.on_exit_code_request),  # type: ignore[arg-type]
    ev.EnvironmentRequest: _on_world(requests.on_environment_request),  # type: ignore[arg-type]
    ev.TuningRequest: _on_world(requests.on_tuning_request),  # type: ignore[arg-type]
}

#: systemd(1), SIGNALS: what starts a target.
_TARGET_OF_SIGNAL = {
    "RTMIN+0": ("default.target", JobMode.ISOLATE),
    "RTMIN+1": ("rescue.target", JobMode.ISOLATE),
    "RTMIN+2": ("emergency.target", JobMode.ISOLATE),
    "WINCH": ("kbrequest.target", JobMode.REPLACE),
}


def _plain(unit: Unit) -> _Plain:
    return _SIMPLE if unit.type in (UnitType.TARGET, UnitType.SLICE) else _UNSUPPORTED


class _Plain:
    """Start and stop of a unit type without processes."""

    __slots__ = ("start", "stop")

    def __init__(self, start: Callable[[Unit, Turn], Outcome], stop: Callable[[Unit, Turn], Outcome]) -> None:
        self.start = start
        self.stop = stop


_SIMPLE = _Plain(target.start, target.stop)
_UNSUPPORTED = _Plain(target.refuse_start, target.refuse_stop)


def _note_times(unit: Unit, change: StateChange, now: Now) -> None:
    """The five time stamps that `systemctl show` prints (org.freedesktop.systemd1(5))."""
    unit.state_change_time = now
    if change.old.is_down and not change.new.is_down:
        unit.inactive_exit_time = now
    elif not change.old.is_down and change.new.is_down:
        unit.inactive_enter_time = now
    if not change.old.is_up and change.new.is_up:
        unit.active_enter_time = now
    elif change.old.is_up and not change.new.is_up:
        unit.active_exit_time = now


def _exit_code(unit: Unit, foreground: bool = False) -> int | None:
    """What the end of this unit's main process makes of the container's exit code: its status. Killed by a signal, a
    foreground command gives 128+n, as a shell does, a unit that failed 255, and one that was stopped cleanly 0."""
    last = getattr(unit.machine, "last_main", None)
    if last is None or last.end is None:
        return None
    if last.end.code == "exited":
        return int(last.end.status)
    if foreground:
        return 128 + int(last.end.status)
    # As recorded of systemd 252 (conformance/services/actions.json).
    return 255 if unit.active_state is ActiveState.FAILED else 0


def _job_deadline(unit: Unit, job: Job) -> int:
    settings = unit.settings
    deadline = INFINITY
    if settings.job_timeout_usec < INFINITY:
        deadline = job.added_usec + settings.job_timeout_usec
    if settings.job_running_timeout_usec < INFINITY and job.state is JobState.RUNNING:
        deadline = min(deadline, job.running_usec + settings.job_running_timeout_usec)
    return deadline


def _all_met(conditions: tuple[Condition, ...], results: tuple[bool, ...]) -> bool:
    return bool(verdict(conditions, results))


def _first_unmet(conditions: tuple[Condition, ...], results: tuple[bool, ...], prefix: str) -> str:
    """The condition to blame, as the unit file says it."""
    return next((spell(condition, prefix) for condition, met in zip(conditions, results) if not met), prefix)


def _span(usec: int) -> str:
    from initd.core import timespan

    return timespan.format(usec // 1000 * 1000)
