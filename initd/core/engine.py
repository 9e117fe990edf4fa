"""The engine: everything that happens goes in as an event, everything to be done comes out as effects.

`handle(event, now)` is the only way in; `next_deadline()` says when to call it with a `Tick` if nothing else happens.
One call works off what the event leads to until nothing moves any more: state changes end jobs and give others new
ones, jobs start units, units ask for processes. It has no clock, does no I/O, and two runs over the same events give
the same effects.

What a request may do stands in `requests`, what a change of state means in `propagation`, who may run when in
`queue`, how a job is run in `running`, what follows from it in `consequences`, how a service lives in `service`, how
everything ends in `shutdown`.
"""

from __future__ import annotations

from initd.core import bugs, clean, consequences, machines, mount, requests, running, target, timer
from initd.core import events as ev
from initd.core.effects import (
    Effect,
    KillProcesses,
    Reexecute,
    Refused,
    ReleaseIdle,
    Reload,
    Reply,
    StartupFinished,
    UnitAdded,
    UnitRemoved,
)
from initd.core.graph import Graph
from initd.core.job import Cause, Job
from initd.core.machines import make_machine
from initd.core.messages import title
from initd.core.settings import UnitDefinition
from initd.core.shutdown import Stage, asked_by_signal
from initd.core.states import (
    ActiveState,
    CollectMode,
    JobMode,
    JobType,
    ManagerState,
    UnitType,
)
from initd.core.transaction import Refusal
from initd.core.turn import Turn
from initd.core.unit import Unit
from initd.core.values import INFINITY, LOG_ERR, LOG_INFO, LOG_NOTICE, LOG_WARNING, Now, PidRef
from initd.core.world import BootTimes, World

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from initd.core.snapshot import Saved

#: Signals that go on to the foreground command (`pyinit -- COMMAND`), by name and number.
_FORWARDED = {"HUP": 1, "QUIT": 3, "USR1": 10, "USR2": 12, "WINCH": 28}

#: So many bugs end a turn: one that comes back at once must not keep it for ever.
_MOST_BUGS = 16
#: Deadlines in one turn: behind more of them somebody who asks would wait too long. The others are due at once.
_MOST_DUE = 8
#: When a unit is looked at again whose deadline has met one, or which one has left with a deadline that means nothing.
_PUT_OFF_USEC = 1_000_000
#: When all that is left is killing, units are no longer run: nothing may be spawned behind the killer's back.
_LAST_STAGES = (Stage.TERMINATING, Stage.KILLING, Stage.OVER)
#: UnitsLoaded too: a client may still ask about a unit, and whoever reads units goes on until none is missing.
_ANSWERS = (
    ev.SpawnDone, ev.SpawnFailed, ev.ProcessesKilled, ev.ProcessesListed, ev.PidFileRead, ev.ConditionsChecked,
    ev.TimerStampRead, ev.SocketsOpened, ev.PathsChecked, ev.BusOwnerFound,
    ev.ScopeMade, ev.ProcessesAttached, ev.MountPrepared, ev.MountsRead,
)
_HEARD_TO_THE_LAST = (ev.SignalReceived, ev.ProcessesKilled, ev.Tick, ev.UnitsLoaded)


class Engine:
    """One manager's mind. `budget_usec`: how long a shutdown that was asked for by signal may take."""

    def __init__(self, now: Now, seed: int, budget_usec: int = 9_000_000) -> None:
        self.world = World(make_machine, seed, budget_usec, now)
        #: Units that stay loaded though nothing refers to them: what the manager itself may have to start.
        self.pinned: frozenset[str] = frozenset()
        #: Somebody listens to signals: set by whoever sends them.
        self.is_heard = True
        #: And what it has left behind is to be looked for, once all else is done.
        self._has_met_bug = False

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
        if self.world.is_going_down or self.world.shutdown.is_draining:
            return ManagerState.STOPPING
        if self.world.boot_times.finish is None:
            return ManagerState.STARTING if self.world.is_booting else ManagerState.INITIALIZING
        for name in ("rescue.target", "emergency.target"):
            unit = self.graph.get(name)
            if unit is not None and unit.active_state.is_up:
                return ManagerState.MAINTENANCE
        return ManagerState.DEGRADED if self.failed_units() else ManagerState.RUNNING

    def failed_units(self) -> list[str]:
        return [unit.name for unit in self.graph.units.values() if unit.active_state is ActiveState.FAILED]

    def next_deadline(self) -> int | None:
        """Monotonic µs of the next Tick that is needed, None for never."""
        nearest = min(self.world.deadlines.nearest(), self.world.shutdown.deadline_usec)
        return None if nearest >= INFINITY else nearest

    def _turn(self, now: Now) -> Turn:
        turn = Turn(now, self.is_heard, self.world.places)
        turn.surroundings = self.world.surroundings
        turn.heeds_watchdogs = self.world.tuning.service_watchdogs
        return turn

    # --- the way in ------------------------------------------------------------------------------------------------

    def handle(self, event: ev.Event, now: Now) -> list[Effect]:
        """What to do about it, in order."""
        turn = self._turn(now)
        if not isinstance(event, (ev.Request, ev.UnitsLoaded, ev.Boot, ev.ConnectionAccepted, *_ANSWERS)):
            # Before the event and not behind the last one, so that a unit's last state was told while it was there to be
            # asked; not before an answer, which belongs to the event before; and not before a request, a
            # connection or the boot, for which units have just been loaded.
            self._try_to_collect_garbage(turn)
        handler = _HANDLERS.get(type(event))
        if self.world.shutdown.stage in _LAST_STAGES and type(event) not in _HEARD_TO_THE_LAST:
            if isinstance(event, ev.Request):
                requests.refuse_all(event, turn)
            return turn.effects
        try:
            if handler is not None:
                handler(self, event, turn)
            else:
                self._on_unit_event(event, turn)
        except Exception as error:  # what was decided until then is done all the same
            turn.effects += bugs.report(type(event).__name__, error)
            self._has_met_bug = True
            self._answer_bug(event, error, turn)
        self._work(turn)
        return turn.effects

    def _answer_bug(self, event: ev.Event, error: Exception, turn: Turn) -> None:
        """Whoever asked must not wait for ever."""
        if isinstance(event, ev.Request) and not any(
                isinstance(effect, (Reply, Refused)) and effect.request == event.request for effect in turn.effects):
            turn.ask(Refused(event.request, "org.freedesktop.DBus.Error.Failed", f"Internal error: {error}"))

    def collect_garbage(self, now: Now) -> list[Effect]:
        """Unload what nobody needs. Asked at the end of a wake-up: units that were only asked about are gone by then."""
        turn = self._turn(now)
        self._try_to_collect_garbage(turn)
        return turn.effects

    def _work(self, turn: Turn) -> None:
        """Until nothing moves: changes first, since they may end or give jobs; then jobs; then standing wishes."""
        found = 0
        while found < _MOST_BUGS and self.world.shutdown.stage not in _LAST_STAGES:
            try:
                if self._step(turn):
                    continue
                if not self._has_met_bug:
                    break
                self._has_met_bug = False
                running.end_settled(self.world, turn)
            except Exception as error:
                found += 1
                self._has_met_bug = True
                turn.effects += bugs.report("a step", error)

    def _step(self, turn: Turn) -> bool:
        """False: there was nothing to do."""
        world = self.world
        if turn.changes:
            consequences.on_change(world, turn.changes.popleft(), turn)
        elif turn.job_ends:
            consequences.on_job_end(world, turn.job_ends.popleft(), turn)
        elif turn.restarts:
            consequences.on_automatic_restart(world, turn.restarts.popleft(), turn)
        elif turn.propagated_reloads:
            consequences.propagate_reload(world, turn.propagated_reloads.popleft(), turn)
        elif turn.limits_hit:
            unit = self.graph.units[turn.limits_hit.pop()]
            reason = f"unit {unit.name} hit its start limit"
            consequences.act(world, unit.settings.start_limit_action, None, reason, turn)
        elif world.queue.failed_starts:
            consequences.on_failed_start(world, world.queue.failed_starts.pop(0), turn)
        elif not running.run_next(world, turn) and not consequences.grant_standing_wish(world, turn):
            self._check_finished(turn)
            return False
        return True

    # --- the end of a turn ----------------------------------------------------------------------------------------------

    def _check_finished(self, turn: Turn) -> None:
        if self.world.queue.jobs:
            self.world.is_idle_released = False
            return
        if self.world.shutdown.stage is Stage.STOPPING:
            # The target is reached (or cannot be): whether or not a unit below it says so, this is the end.
            turn.effects += self.world.shutdown.enter_terminating(turn.now.monotonic_usec)
            return
        if not self.world.is_idle_released:
            self.world.is_idle_released = True
            turn.ask(ReleaseIdle())
        times = self.world.boot_times
        if self.world.is_booting and times.finish is None:
            self.world.boot_times = times.replace(finish=turn.now)
            usec = turn.now.monotonic_usec - times.begin.monotonic_usec
            turn.log(None, LOG_INFO, f"Startup finished in {_span(usec)}.")
            turn.ask(StartupFinished(usec))
            self.world.limit_again(turn)

    def _try_to_collect_garbage(self, turn: Turn) -> None:
        try:
            self._collect_garbage(turn)
        except Exception as error:
            turn.effects += bugs.report("unloading units", error)

    def _collect_garbage(self, turn: Turn) -> None:
        """Unload what is down and named by nobody (systemd.unit(5), CollectMode=). A boot is not kept waiting by it."""
        if not self.world.may_hold_garbage or self._is_booting() or self.graph.missing():
            return
        if self.world.shutdown.stage is not Stage.NONE:
            return  # all goes soon
        self.world.may_hold_garbage = False
        for unit in self.graph.unreferenced(self._is_in_use):
            self.world.queue.remember(unit)
            self.graph.drop(unit)
            self.world.bus_names.release(unit, turn)
            self.world.deadlines.drop(unit.name)
            turn.ask(UnitRemoved(unit.name))

    def _is_booting(self) -> bool:
        return self.world.boot_times.finish is None and bool(self.world.queue.jobs)

    def _is_in_use(self, unit: Unit) -> bool:
        if unit.references:
            return True
        state = unit.active_state
        if state is ActiveState.FAILED:
            return unit.settings.collect_mode is CollectMode.INACTIVE
        if not state.is_down or unit.job is not None or unit.machine.has_processes:
            return True
        return unit.definition.is_perpetual or bool(self.pinned & unit.names)

    # --- events ----------------------------------------------------------------------------------------------------

    def _on_unit_event(self, event: ev.Event, turn: Turn) -> None:
        unit = self.graph.units.get(getattr(event, "unit", ""))
        if unit is not None and unit.type in machines.ON_PROCESS:
            machines.ON_PROCESS[unit.type](unit, event, turn)
            self.world.may_hold_garbage |= isinstance(event, ev.UnitEmpty) and not self.graph.is_kept(unit)
            self.world.deadlines.touch(unit)

    def _on_event_of_type(self, event: ev.Event, turn: Turn) -> None:
        """What the shell tells units of one type only."""
        unit = self.graph.units.get(getattr(event, "unit", ""))
        kind, handler = machines.ON_EVENT[type(event)]
        if unit is not None and unit.type is kind:
            handler(unit, event, self.world, turn)
            self.world.deadlines.touch(unit)

    def _on_bus_name_changed(self, event: ev.BusNameChanged, turn: Turn) -> None:
        unit = self.graph.units.get(self.world.bus_names.units.get(event.name, ""))
        if unit is not None and unit.type in machines.ON_PROCESS:
            machines.ON_PROCESS[unit.type](unit, event, turn)
            self.world.deadlines.touch(unit)

    def _on_processes_killed(self, event: ev.ProcessesKilled, turn: Turn) -> None:
        if event.unit:
            self._on_unit_event(event, turn)
        else:
            turn.effects += self.world.shutdown.on_remaining(event.count)

    def _on_boot(self, event: ev.Boot, turn: Turn) -> None:
        if self.world.shutdown.stage is not Stage.NONE:
            return  # told to stop before there was anything to stop
        self.world.is_booting = True
        others = ("rescue.target", "emergency.target") if self.world.places.is_init else ()
        for name in (event.target, *others):
            unit = self.graph.get(name)
            outcome = Refusal("", f"Unit {name} not found.") if unit is None else None
            if unit is not None and outcome is None:
                result = self.world.enqueue(unit, JobType.START, JobMode.REPLACE, turn, Cause("boot"))
                outcome = result if isinstance(result, Refusal) else None
            if outcome is None:
                turn.log(None, LOG_INFO, f"Queued start job for default target {title(unit) if unit else name}.")
                return
            turn.log(None, LOG_ERR, f"Failed to start {name}: {outcome.text}")

    def _on_signal(self, event: ev.SignalReceived, turn: Turn) -> None:
        name, shutdown = event.signal, self.world.shutdown
        foreground = self.graph.get(self.world.foreground) if self.world.foreground else None
        asked = asked_by_signal(name, self.world.places.is_init)
        if asked is not None:
            if shutdown.budget_end_usec < INFINITY and shutdown.stage is not Stage.NONE:
                turn.log(None, LOG_NOTICE, f"Received SIG{name} again, not waiting any longer.")
                shutdown.end_budget(turn.now.monotonic_usec)
                return
            if shutdown.is_draining:
                turn.log(None, LOG_NOTICE, f"Received SIG{name}, not draining any longer.")
                self.world.request_exit(*asked, None, turn, f"SIG{shutdown.drained_for}")
                return
            if self.world.boot_times.finish is not None and shutdown.may_drain(name, asked[1]):
                turn.log(None, LOG_INFO, f"Received SIG{name}, draining for {_span(shutdown.drain_usec)}.")
                shutdown.start_drain(name, turn.now.monotonic_usec)
                return
            turn.log(None, LOG_INFO, f"Received SIG{name}.")
            shutdown.start_budget(turn.now.monotonic_usec)
            self.world.request_exit(*asked, None, turn, f"SIG{name}")
        elif foreground is not None and name in _FORWARDED:
            main = getattr(foreground.machine, "main_pid", 0)
            if main:
                turn.ask(KillProcesses(foreground.name, _FORWARDED[name], PidRef(main), None, False))
        elif name == "HUP":
            turn.ask(Reload())
        elif name == "RTMIN+25":
            turn.ask(Reexecute())
        elif name in _TARGET_OF_SIGNAL:
            self._start_by_signal(f"SIG{name}", *_TARGET_OF_SIGNAL[name], turn)

    def _start_by_signal(self, signal: str, name: str, mode: JobMode, turn: Turn) -> None:
        unit = self.graph.get(name)
        cause = Cause("signal", signal)
        outcome = self.world.enqueue(unit, JobType.START, mode, turn, cause) if unit is not None else None
        if unit is None or isinstance(outcome, Refusal):
            why = outcome.text if isinstance(outcome, Refusal) else "not loaded"
            turn.log(None, LOG_WARNING, f"Cannot start {name}: {why}")

    def _on_units_loaded(self, event: ev.UnitsLoaded, turn: Turn) -> None:
        """New units, as `Graph.missing` asked for them."""
        self.world.may_hold_garbage = True
        for definition in event.definitions:
            assert isinstance(definition, UnitDefinition)
            definition = self.world.bus_names.claim(definition, turn)
            is_new = definition.name not in self.units
            unit = self.graph.add(definition)
            if is_new:
                turn.ask(UnitAdded(unit.name))
            if is_new and unit.type is UnitType.SLICE and unit.active_state.is_up and unit.cgroup:
                target.prepare(unit, turn)  # it is up from the beginning: nobody starts it
            for diagnostic in definition.diagnostics:
                turn.log(None, diagnostic.priority, str(diagnostic))
            self.world.consider_standing(unit)
        if not self.graph.missing():
            self.graph.settle()

    def reload(self, definitions: list[UnitDefinition], now: Now) -> list[Effect]:
        """daemon-reload: all units say what their files say now; what runs goes on (systemctl(1))."""
        turn = self._turn(now)

        def keep(unit: Unit) -> bool:
            if unit.active_state is ActiveState.FAILED and unit.settings.collect_mode is CollectMode.INACTIVE:
                return True
            return unit.job is not None or not unit.active_state.is_down or unit.definition.is_perpetual

        for unit in self.graph.reset(definitions, keep):
            turn.ask(UnitRemoved(unit.name))
        for definition in definitions:
            for diagnostic in definition.diagnostics:
                turn.log(None, diagnostic.priority, str(diagnostic))
        self.world.bus_names.after_reload(self.graph, turn)
        for unit in self.graph.units.values():
            if unit.type is UnitType.TIMER:
                timer.after_reload(unit, self.world, turn)
                self.world.deadlines.touch(unit)
        self._work(turn)
        return turn.effects

    def save(self) -> dict[str, Any]:
        """The whole state as plain values, for `Saved`. Only between two events: nothing asked for may be unanswered."""
        from initd.core import snapshot

        return snapshot.save(self.world)

    def restore(self, saved: Saved, now: Now) -> list[Effect]:
        """Go on where another engine has stopped; its units are loaded, under the numbers that `saved.reserve` gave."""
        turn = self._turn(now)
        saved.restore(self.world, turn)
        self._work(turn)
        return turn.effects

    def _on_deadline(self, unit: Unit, turn: Turn) -> None:
        if unit.type in machines.ON_DEADLINE:
            machines.ON_DEADLINE[unit.type](unit, self.world, turn)
        if running.check_timeout(self.world, unit, turn):
            consequences.act(self.world, unit.settings.job_timeout_action, None, f"job of unit {unit.name} timed out", turn)
        self.world.deadlines.touch(unit)

    def _on_tick(self, event: ev.Tick, turn: Turn) -> None:
        world, now_usec = self.world, turn.now.monotonic_usec
        if world.shutdown.stage in _LAST_STAGES:
            world.deadlines.clear()
        for name in world.deadlines.due(now_usec)[:_MOST_DUE]:
            unit = self.graph.units.get(name)
            if unit is None:
                world.deadlines.drop(name)
                continue
            before = unit.machine.sub_state, unit.machine.deadline_usec
            try:
                self._on_deadline(unit, turn)
                after = unit.machine.sub_state, unit.machine.deadline_usec
                is_stuck = before == after and world.deadlines.is_due(name, now_usec)
            except Exception as error:
                turn.effects += bugs.report(f"a deadline of {name}", error)
                is_stuck = self._has_met_bug = True
                bugs.keep_deadline(unit, now_usec + _PUT_OFF_USEC)
            if is_stuck:  # or it would be due again at once, for ever
                world.deadlines.put_off(name, now_usec + _PUT_OFF_USEC)
        shutdown = world.shutdown
        if shutdown.drain_end_usec <= now_usec:
            turn.log(None, LOG_INFO, "Drained, stopping.")
            asked = asked_by_signal(shutdown.drained_for, world.places.is_init) or ("exit", Stage.STOPPING)
            world.request_exit(*asked, None, turn, f"SIG{shutdown.drained_for}")
        if shutdown.deadline_usec <= now_usec:
            turn.effects += shutdown.on_deadline(now_usec)


def _on_world(handler: Callable[[World, ev.Event, Turn], None]) -> Callable[[Engine, ev.Event, Turn], None]:
    return lambda engine, event, turn: handler(engine.world, event, turn)


_HANDLERS: dict[type[ev.Event], Callable[[Engine, ev.Event, Turn], None]] = {
    **dict.fromkeys(machines.ON_EVENT, Engine._on_event_of_type),
    ev.Boot: Engine._on_boot,  # type: ignore[dict-item]
    ev.Tick: Engine._on_tick,  # type: ignore[dict-item]
    ev.SignalReceived: Engine._on_signal,  # type: ignore[dict-item]
    ev.UnitsLoaded: Engine._on_units_loaded,  # type: ignore[dict-item]
    ev.ConditionsChecked: _on_world(running.on_conditions_checked),  # type: ignore[arg-type]
    ev.MountsRead: _on_world(mount.on_mounts_read),  # type: ignore[arg-type]
    ev.BusNameChanged: Engine._on_bus_name_changed,  # type: ignore[dict-item]
    ev.ClockChanged: _on_world(timer.on_clock_changed),
    ev.TimeZoneChanged: _on_world(timer.on_time_zone_changed),
    ev.ProcessesKilled: Engine._on_processes_killed,  # type: ignore[dict-item]
    ev.JobRequest: _on_world(requests.on_job_request),  # type: ignore[arg-type]
    ev.ResetFailedRequest: _on_world(requests.on_reset_failed_request),  # type: ignore[arg-type]
    ev.CleanRequest: _on_world(clean.on_clean_request),  # type: ignore[arg-type]
    ev.CancelRequest: _on_world(requests.on_cancel_request),  # type: ignore[arg-type]
    ev.ReferenceRequest: _on_world(requests.on_reference_request),  # type: ignore[arg-type]
    ev.ClientGone: _on_world(requests.on_client_gone),  # type: ignore[arg-type]
    ev.AbandonRequest: _on_world(requests.on_abandon_request),  # type: ignore[arg-type]
    ev.AttachRequest: _on_world(requests.on_attach_request),  # type: ignore[arg-type]
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


def _span(usec: int) -> str:
    from initd.core import timespan

    return timespan.format(usec // 1000 * 1000)
