"""Timer units (systemd.timer(5)): when the next time is, and what happens then.

A timer is `waiting` for the nearest of its times, `running` while the unit it has started is up, and `elapsed` when none
of its times will come (again). Each time that a unit file gives has its own next elapse; what they are counted from is
the moment of the timer's start, the manager's, or the other unit's last start or end. The clock on the wall and the one
that never jumps are kept apart: a wall-clock time is looked at anew whenever the timer wakes up.

In a container OnBootSec= is as OnStartupSec= (systemd.timer(5)): the kernel's boot is none of ours.
"""

from __future__ import annotations

from initd.core.effects import ReadTimerStamp, TouchTimerStamp, WatchClock
from initd.core.enumeration import Enum
from initd.core.events import Event, TimerStampRead
from initd.core.job import Cause
from initd.core.places import SYSTEM, Places
from initd.core.settings import TimerSettings, UnitDefinition
from initd.core.states import ActiveState, ServiceResult
from initd.core.turn import Outcome, Turn
from initd.core.unit import StateMachine, Unit
from initd.core.values import INFINITY, LOG_ERR, LOG_WARNING, Now
from initd.core.world import World

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


class TimerState(Enum):
    DEAD = "dead"
    WAITING = "waiting"
    RUNNING = "running"
    ELAPSED = "elapsed"
    FAILED = "failed"


_ACTIVE_STATES: dict[Enum, ActiveState] = {TimerState.DEAD: ActiveState.INACTIVE, TimerState.FAILED: ActiveState.FAILED}
#: Times that come once, however often the other unit starts.
_ONCE = frozenset(("OnActive", "OnBoot", "OnStartup"))
#: What wake-ups are aligned to, the coarsest first, so that those of many timers fall together.
_GRAINS = (60_000_000, 10_000_000, 1_000_000, 250_000)


class TimerMachine(StateMachine):
    """The record. `elapses` has a next time for each of the unit's times: monotonic ones first, then those of calendars,
    None where there is none; `spent` the numbers of those that come no more."""

    __slots__ = ("result", "elapses", "spent", "next_monotonic_usec", "next_realtime_usec", "wake_usec",
                 "last_trigger", "start_time", "is_reading_stamp")
    ACTIVE_STATES = _ACTIVE_STATES

    def __init__(self) -> None:
        self.state: TimerState = TimerState.DEAD
        self.result = ServiceResult.SUCCESS
        self.elapses: tuple[int | None, ...] = ()
        self.spent: frozenset[int] = frozenset()
        self.next_monotonic_usec = INFINITY
        self.next_realtime_usec = 0
        self.wake_usec = INFINITY
        #: Of the stamp file, only the wall clock is known.
        self.last_trigger: Now | None = None
        self.start_time: Now | None = None
        self.is_reading_stamp = False

    @property
    def deadline_usec(self) -> int | None:
        return self.wake_usec if self.wake_usec < INFINITY and self.state is TimerState.WAITING else None


def make(definition: UnitDefinition) -> TimerMachine:
    return TimerMachine()


def machine_of(unit: Unit) -> TimerMachine:
    assert isinstance(unit.machine, TimerMachine)
    return unit.machine


def settings_of(unit: Unit) -> TimerSettings:
    assert isinstance(unit.definition.specific, TimerSettings)
    return unit.definition.specific


def stamp_path(unit: Unit, places: Places = SYSTEM) -> str:
    """Where the last time is kept over the end of the container (systemd.timer(5), Persistent=)."""
    return f"{places.timer_stamps}/stamp-{unit.name}"


# --- start and stop -------------------------------------------------------------------------------------------------


def start(unit: Unit, world: World, turn: Turn) -> Outcome:
    machine, settings = machine_of(unit), settings_of(unit)
    other = world.graph.get(settings.unit)
    if other is None or not other.is_loaded:
        turn.log(unit, LOG_ERR, f"Refusing to start, unit {settings.unit} to trigger not loaded.")
        return Outcome.FAILED
    machine.result = ServiceResult.SUCCESS
    machine.spent = frozenset()
    machine.start_time = turn.now
    if settings.persistent:
        machine.is_reading_stamp = True
        turn.ask(ReadTimerStamp(unit.name, stamp_path(unit, turn.places)))
    else:
        enter_waiting(unit, world, turn, is_first=True)
    return Outcome.BEGUN


def stop(unit: Unit, world: World, turn: Turn) -> Outcome:
    machine_of(unit).is_reading_stamp = False
    if unit.active_state.is_down:
        return Outcome.ALREADY
    _set_state(unit, TimerState.DEAD, turn)
    return Outcome.BEGUN


def reset_failed(unit: Unit, turn: Turn) -> None:
    if machine_of(unit).state is TimerState.FAILED:
        _set_state(unit, TimerState.DEAD, turn)
    machine_of(unit).result = ServiceResult.SUCCESS


def on_stamp_read(unit: Unit, event: TimerStampRead, world: World, turn: Turn) -> None:
    machine = machine_of(unit)
    if not machine.is_reading_stamp:
        return  # stopped meanwhile
    machine.is_reading_stamp = False
    if event.realtime_usec is not None:
        machine.last_trigger = Now(0, min(event.realtime_usec, turn.now.realtime_usec))
    enter_waiting(unit, world, turn, is_first=True)


# --- the times ------------------------------------------------------------------------------------------------------


def enter_waiting(unit: Unit, world: World, turn: Turn, is_first: bool = False) -> None:
    """Find the nearest time, and wait for it; where there is none, it has elapsed."""
    machine, settings = machine_of(unit), settings_of(unit)
    other = world.graph.get(settings.unit)
    elapses: list[int | None] = []
    near: list[int] = []
    may_come_later = False
    for number, (kind, usec) in enumerate(settings.monotonic):
        base = _base_usec(kind, unit, other, world)
        at = None if base is None else base + usec
        may_come_later |= kind not in _ONCE
        elapses.append(at)
        if at is not None and kind in _ONCE and not is_first and at <= turn.now.monotonic_usec:
            machine.spent |= {number}
        if at is not None and number not in machine.spent:
            near.append(at)
    dates = [_next_date(text, unit, world, turn) for text in settings.calendar]
    machine.elapses = (*elapses, *dates)
    machine.next_monotonic_usec = _delayed(min(near), unit, world) if near else INFINITY
    ahead = [at for at in dates if at is not None]
    machine.next_realtime_usec = _delayed(min(ahead), unit, world) if ahead else 0
    waits_for_change = settings.on_clock_change or settings.on_timezone_change
    if settings.calendar or waits_for_change:
        turn.ask(WatchClock())
    if not near and not machine.next_realtime_usec and not waits_for_change:
        is_left = settings.remain_after_elapse or may_come_later
        _set_state(unit, TimerState.ELAPSED if is_left else TimerState.DEAD, turn)
        return
    wakes = (_wake_usec(at, settings.accuracy_usec, world) for at in _ahead(machine, turn.now))
    machine.wake_usec = min(wakes, default=INFINITY)
    _set_state(unit, TimerState.WAITING, turn)


def _base_usec(kind: str, unit: Unit, other: Unit | None, world: World) -> int | None:
    """What a monotonic time is counted from; None while that has not happened."""
    if kind in ("OnBoot", "OnStartup"):
        return world.boot_times.begin.monotonic_usec
    machine = machine_of(unit)
    if kind == "OnActive":
        return machine.start_time.monotonic_usec if machine.start_time is not None else None
    at = None
    if other is not None:
        at = other.inactive_exit_time if kind == "OnUnitActive" else other.inactive_enter_time
    moments = [moment.monotonic_usec for moment in (at, machine.last_trigger if kind == "OnUnitActive" else None)
               if moment is not None and moment.monotonic_usec]
    return max(moments, default=None)


def _next_date(text: str, unit: Unit, world: World, turn: Turn) -> int | None:
    """The next time of a calendar event, of the epoch, without its delay. One that was missed is due now."""
    from initd.core import calendar
    from initd.core.calendar_elapse import next_elapse
    from initd.core.zone import UTC

    machine, zones = machine_of(unit), world.zones
    local = zones.local()
    spec = calendar.parse(text, lambda name: zones.named(name) is not None, local.names())
    since = machine.last_trigger or machine.start_time or turn.now
    at = next_elapse(spec, since.realtime_usec, (zones.named(spec.zone) or UTC) if spec.zone else local)
    if at is None:
        return None
    return max(at, turn.now.realtime_usec)


def _delayed(at_usec: int, unit: Unit, world: World) -> int:
    settings = settings_of(unit)
    if not settings.randomized_delay_usec:
        return at_usec
    return at_usec + world.random_usec(settings.randomized_delay_usec, unit.name if settings.fixed_random_delay else "")


def _ahead(machine: TimerMachine, now: Now) -> Iterator[int]:
    """The next times of both clocks, by the monotonic one."""
    if machine.next_monotonic_usec < INFINITY:
        yield machine.next_monotonic_usec
    if machine.next_realtime_usec:
        yield now.monotonic_usec + machine.next_realtime_usec - now.realtime_usec


def _wake_usec(at_usec: int, accuracy_usec: int, world: World) -> int:
    """The latest aligned moment that is accurate enough (systemd.timer(5), AccuracySec=)."""
    latest = at_usec + accuracy_usec
    for grain in _GRAINS:
        offset = world.wake_offset_usec % grain
        aligned = (latest - offset) // grain * grain + offset
        if aligned >= at_usec:
            return aligned
    return at_usec


# --- what happens then ----------------------------------------------------------------------------------------------


def on_deadline(unit: Unit, world: World, turn: Turn) -> None:
    machine, now = machine_of(unit), turn.now
    if machine.state is not TimerState.WAITING or machine.wake_usec > now.monotonic_usec:
        return
    is_date_due = bool(machine.next_realtime_usec) and machine.next_realtime_usec <= now.realtime_usec
    if is_date_due or machine.next_monotonic_usec <= now.monotonic_usec:
        _enter_running(unit, world, turn)
    else:
        enter_waiting(unit, world, turn)  # the clock was put back


def _enter_running(unit: Unit, world: World, turn: Turn) -> None:
    machine, settings = machine_of(unit), settings_of(unit)
    machine.wake_usec = INFINITY
    if unit.is_stop_pending():
        return
    refusal = world.start(settings.unit, turn, Cause("timer", unit.name), (
        f"TRIGGER_UNIT={unit.name}", f"TRIGGER_TIMER_REALTIME_USEC={turn.now.realtime_usec}",
        f"TRIGGER_TIMER_MONOTONIC_USEC={turn.now.monotonic_usec}",
    ))
    if refusal:
        turn.log(unit, LOG_WARNING, f"Failed to queue unit startup job: {refusal}")
        machine.result = ServiceResult.RESOURCES
        _set_state(unit, TimerState.FAILED, turn)
        return
    machine.last_trigger = turn.now
    if settings.persistent:
        turn.ask(TouchTimerStamp(unit.name, stamp_path(unit, turn.places), turn.now.realtime_usec))
    _set_state(unit, TimerState.RUNNING, turn)
    turn.tell(unit)  # where a condition keeps the other one down, it is over at once
    other = world.graph.get(settings.unit)
    if other is not None and other.job is None:
        # It was up already, or is down again already: nothing will be heard of it.
        on_other_changed(unit, other, world, turn)


def on_other_changed(unit: Unit, other: Unit, world: World, turn: Turn) -> None:
    """The unit that is started by this one has changed its state."""
    state = machine_of(unit).state
    if state in (TimerState.WAITING, TimerState.ELAPSED):
        if any(kind not in _ONCE for kind, _ in settings_of(unit).monotonic):
            enter_waiting(unit, world, turn)
    elif state is TimerState.RUNNING and other.active_state.is_down and other.job is None:
        enter_waiting(unit, world, turn)


def after_reload(unit: Unit, world: World, turn: Turn) -> None:
    """The unit's files were read again: its times may be others. What has passed meanwhile is made up for by a timer that has
    never elapsed (seen on systemd 252)."""
    machine = machine_of(unit)
    if machine.state in (TimerState.WAITING, TimerState.ELAPSED):
        machine.spent = frozenset()
        enter_waiting(unit, world, turn, is_first=machine.last_trigger is None)


def on_clock_changed(world: World, event: Event, turn: Turn) -> None:
    """Every date is another span away. A timer that has elapsed in what is now the future elapses anew when it comes."""
    for unit in _waiting(world):
        machine = machine_of(unit)
        if machine.last_trigger is not None and machine.last_trigger.realtime_usec > turn.now.realtime_usec:
            machine.last_trigger = machine.last_trigger.replace(realtime_usec=turn.now.realtime_usec)
        _after_change(unit, settings_of(unit).on_clock_change, world, turn)


def on_time_zone_changed(world: World, event: Event, turn: Turn) -> None:
    for unit in _waiting(world):
        _after_change(unit, settings_of(unit).on_timezone_change, world, turn)


def _waiting(world: World) -> list[Unit]:
    units = [world.graph.units[name] for name in sorted(world.graph.units)]
    return [unit for unit in units
            if isinstance(unit.machine, TimerMachine) and unit.machine.state is TimerState.WAITING]


def _after_change(unit: Unit, is_triggered: bool, world: World, turn: Turn) -> None:
    if is_triggered:
        _enter_running(unit, world, turn)
    elif settings_of(unit).calendar:
        enter_waiting(unit, world, turn)
    world.deadlines.touch(unit)


def _set_state(unit: Unit, state: TimerState, turn: Turn) -> None:
    machine = machine_of(unit)
    if state is not TimerState.WAITING:
        machine.wake_usec = INFINITY
    if state is not TimerState.WAITING and state is not TimerState.RUNNING:
        machine.next_monotonic_usec, machine.next_realtime_usec = INFINITY, 0
    turn.enter(unit, state)
