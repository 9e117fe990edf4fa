"""Everything the engine owns, and the two things that every part of it does: queue a job, ask for the end.

`engine` decides what happens when; `requests` what clients may ask. Plain fields, so that the whole can be saved.
"""

from __future__ import annotations

from initd.core.busnames import BusNames
from initd.core.cgroup_attributes import Surroundings, changed_attributes, has_startup_settings, plan_cgroup
from initd.core.deadlines import Deadlines
from initd.core.dependency import Dependency
from initd.core.effects import LimitUnit, Refused
from initd.core.graph import Graph
from initd.core.job import UNKNOWN, Cause, Job
from initd.core.monitor import monitor_variables
from initd.core.places import SYSTEM
from initd.core.propagation import Wish, concerned_by
from initd.core.queue import JobQueue
from initd.core.record import Record
from initd.core.shutdown import TARGET_OF, Shutdown, Stage
from initd.core.states import JobMode, JobType, UnitType
from initd.core.transaction import Refusal, plan_job
from initd.core.tuning import Tuning
from initd.core.turn import Turn
from initd.core.unit import Unit, slice_path
from initd.core.values import LOG_NOTICE, LOG_WARNING, Now

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from initd.core.graph import MakeMachine
    from initd.core.zone import Zone

    class Zones(Protocol):
        """Time zones by name, None for one that is not known, and the machine's own."""

        def named(self, name: str) -> Zone | None: ...
        def local(self) -> Zone: ...


#: Units whose failures start each other must not keep the manager from everything else: no unit gets more jobs than this
#: by what happens to others. Far above what a handler shared by many units needs.
_GRANT_INTERVAL_USEC, _GRANT_BURST = 10_000_000, 500
#: Of how many units it is remembered why they got no job.
_TOLD_MAX = 100


class UtcOnly:
    """The time zones of a machine that nobody has told of: `shell.zones` has the real ones."""

    def named(self, name: str) -> Zone | None:
        return None

    def local(self) -> Zone:
        from initd.core.zone import UTC

        return UTC


class BootTimes(Record):
    """When the manager began, and when the boot's last job was done; None until then."""

    begin: Now
    finish: Now | None = None
    generators_start: Now | None = None
    generators_finish: Now | None = None
    #: The boot's own reading of units, begun and done, and when units were last read anew.
    units_load_start: Now | None = None
    units_load_finish: Now | None = None
    units_load: Now | None = None


class World:
    """See the module's docstring. `seed` is 128 random bits: invocation ids are drawn from it."""

    __slots__ = (
        "graph",
        "queue",
        "shutdown",
        "deadlines",
        "bus_names",
        "standing",
        "may_hold_garbage",
        "is_idle_released",
        "own_environment",
        "client_environment",
        "boot_times",
        "is_booting",
        "foreground",
        "was_exit_code_set",
        "tuning",
        "zones",
        "machine_id",
        "default_tasks_max",
        "places",
        "seed",
        "invocations",
        "drawn",
        "told",
    )

    def __init__(self, make_machine: MakeMachine, seed: int, budget_usec: int, now: Now) -> None:
        self.graph = Graph(make_machine)
        self.queue = JobQueue(self.graph)
        self.shutdown = Shutdown(budget_usec)
        self.deadlines = Deadlines()
        self.bus_names = BusNames()
        #: Units that may have to be started or stopped because of what others are now (`consequences`).
        self.standing: dict[str, None] = {}
        self.may_hold_garbage = False
        #: Type=idle services were told to go on.
        self.is_idle_released = False
        #: The manager's own variables, those of environment generators among them; and what clients have set, which comes
        #: before those and may be taken back. "NAME=value" each.
        self.own_environment: tuple[str, ...] = ()
        self.client_environment: tuple[str, ...] = ()
        self.boot_times = BootTimes(now)
        #: The boot's first transaction is in the queue.
        self.is_booting = False
        #: The unit whose end is the container's end (`pyinit -- COMMAND`), or "".
        self.foreground = ""
        self.was_exit_code_set = False
        self.tuning = Tuning()
        self.zones: Zones = UtcOnly()
        #: What a delay that is to be the same after every boot is drawn from.
        self.machine_id = ""
        #: DefaultTasksMax=, for units in groups that count tasks; None where nobody has looked.
        self.default_tasks_max: int | None = None
        self.places = SYSTEM
        self.seed = seed
        self.invocations = 0
        self.drawn = 0
        #: What was said of units that got no job: unit → (realtime µs, what, what for).
        self.told: dict[str, tuple[tuple[int, str, Cause], ...]] = {}

    @property
    def environment(self) -> tuple[str, ...]:
        """`systemctl show-environment`: "NAME=value", sorted."""
        merged = {text.partition("=")[0]: text for text in (*self.own_environment, *self.client_environment)}
        return tuple(merged[name] for name in sorted(merged))

    def next_invocation_id(self) -> str:
        """32 hex digits, never the same twice for one seed (an odd multiplier permutes the 128-bit numbers)."""
        self.invocations += 1
        mixed = (self.seed + self.invocations * 0x9E3779B97F4A7C15F39CC0605CEDC835) % 2**128
        return f"{mixed:032x}"

    @property
    def wake_offset_usec(self) -> int:
        """Within the minute, where this manager's aligned wake-ups are: many containers need not all wake up at once."""
        return self.seed % 60_000_000

    def random_usec(self, most: int, key: str = "") -> int:
        """Evenly drawn from 0 to `most`; for a key, the same on this machine each time."""
        if key:
            return _hash(self.machine_id + key) % (most + 1)
        self.drawn += 1
        return _hash(f"{self.seed} {self.drawn}") % (most + 1)

    @property
    def is_startup(self) -> bool:
        """The boot, or the shutdown, is under way: the time of Startup…= (systemd.resource-control(5))."""
        return self.boot_times.finish is None or self.shutdown.stage is not Stage.NONE

    @property
    def is_going_down(self) -> bool:
        """The end was asked for, of us or by a job for one of the targets that bring everything down."""
        if self.shutdown.stage is not Stage.NONE:
            return True
        unit = self.graph.get("shutdown.target")
        return unit is not None and (unit.active_state.is_up or unit.job is not None and unit.job.type is JobType.START)

    def surroundings(self, unit: Unit) -> Surroundings:
        slices = [self.graph.get(name) for name in _slices_above(unit)]
        above = [each.definition.cgroup for each in slices if each is not None and each.definition.cgroup is not None]
        return Surroundings(
            self.is_startup,
            None if unit.type is UnitType.SLICE else self.default_tasks_max,
            next((each.default_memory_min for each in above if each.default_memory_min), 0),
            next((each.default_memory_low for each in above if each.default_memory_low), 0),
        )

    def limit_again(self, turn: Turn) -> None:
        """The boot is over, or the shutdown begins: who has other limits now gets them."""
        for unit in self.graph.units.values():
            settings = unit.definition.cgroup
            is_there = unit.is_prepared or unit.type is UnitType.SLICE and unit.active_state.is_up
            if settings is None or not is_there or not has_startup_settings(settings):
                continue
            now = self.surroundings(unit)
            plans = [plan_cgroup(settings, surroundings=each) for each in (now.replace(is_startup=not now.is_startup), now)]
            change = changed_attributes(*plans)
            if change.attributes:
                turn.ask(LimitUnit(unit.name, unit.cgroup, change))

    def enqueue(self, unit: Unit, job_type: JobType, mode: JobMode, turn: Turn, cause: Cause = UNKNOWN,
                before: int = 0) -> Job | Refusal | None:
        """Plan, tell the story, install. The anchor's job (None: done already), or the refusal. `before`: `Asked.before`."""
        planned = plan_job(self.graph, unit, job_type, mode)
        for diagnostic in planned.story:
            about = self.graph.get(diagnostic.path)
            turn.log(about, diagnostic.priority, diagnostic.text)
            self.remember(diagnostic.path, turn, diagnostic.text)
        if isinstance(planned, Refusal):
            self.remember(unit.name, turn, f"A {job_type.value} job was refused: {planned.text}", cause)
            return planned
        return self.queue.install(planned, turn, cause, before)

    def remember(self, unit: str, turn: Turn, text: str, cause: Cause = UNKNOWN) -> None:
        """Why a unit got no job, for whoever asks later: the last few things that were said about the last few units."""
        told = self.told.pop(unit, ())
        self.told[unit] = (*told[-7:], (turn.now.realtime_usec, text, cause))
        if len(self.told) > _TOLD_MAX:
            del self.told[next(iter(self.told))]

    def start(self, name: str, turn: Turn, cause: Cause, trigger: tuple[str, ...] = ()) -> str:
        """Queue a start job for whom a timer, socket or path unit starts; why that cannot be, or "". `trigger`: variables that
        tell the unit why it is started."""
        unit = self.graph.get(name)
        if unit is None:
            return f"Unit {name} not found."
        outcome = self.enqueue(unit, JobType.START, JobMode.REPLACE, turn, cause)
        if isinstance(outcome, Refusal):
            return outcome.text
        unit.trigger = trigger
        return ""

    def consider_standing(self, unit: Unit) -> None:
        """Whoever depends on this unit's state is looked at before the turn ends."""
        self.standing.update(dict.fromkeys(concerned_by(unit)))

    def grant(self, wish: Wish, turn: Turn) -> None:
        """Queue a job that follows from something else; a refusal is a log line."""
        unit = self.graph.get(wish.unit)
        if unit is None or wish in turn.granted:
            return
        turn.granted.add(wish)
        if not unit.grant_limit.is_within(_GRANT_INTERVAL_USEC, _GRANT_BURST, turn.now.monotonic_usec):
            return
        turn.log(unit, LOG_NOTICE, f"{wish.type.value.capitalize()} job: {wish.reason}.")
        refusal = self.enqueue(unit, wish.type, wish.mode, turn, Cause("dependency", wish.by, wish.reason))
        if isinstance(refusal, Refusal):
            turn.log(unit, LOG_WARNING, f"Cannot queue {wish.type.value} job, ignoring: {refusal.text}")
        elif wish.caller in self.graph.units:
            unit.called_by[wish.caller] = monitor_variables(self.graph.units[wish.caller])

    def request_exit(self, verb: str, stage: Stage, exit_code: int | None, turn: Turn, reason: str) -> Refusal | None:
        """Begin to end: in order (stage STOPPING), or at once. A later request may only go further than an earlier one.
        `reason`: why, in words."""
        shutdown = self.shutdown
        verb = verb if self.places.is_init else "exit"
        if shutdown.stage is Stage.OVER:
            return None
        if exit_code is not None:
            shutdown.exit_code = exit_code
            self.was_exit_code_set = True
        if not shutdown.verb or shutdown.stage is Stage.NONE:
            shutdown.verb = verb
        shutdown.reason = shutdown.reason or reason
        now_usec = turn.now.monotonic_usec
        if shutdown.is_draining:
            shutdown.end_drain(now_usec)
        if stage is Stage.KILLING:
            turn.effects += shutdown.enter_killing(now_usec)
        elif stage is Stage.TERMINATING:
            turn.effects += shutdown.enter_terminating(now_usec)
        elif shutdown.stage is Stage.NONE:
            return self._begin_stopping(verb, turn, reason)
        return None

    def _begin_stopping(self, verb: str, turn: Turn, reason: str) -> Refusal | None:
        self.shutdown.stage = Stage.STOPPING
        if self.boot_times.finish is not None:
            self.limit_again(turn)
        target = self.graph.get(TARGET_OF[verb])
        refusal = Refusal("", f"{TARGET_OF[verb]} is not loaded") if target is None else None
        if target is not None:
            cause = Cause("shutdown", verb, reason)
            outcome = self.enqueue(target, JobType.START, JobMode.REPLACE_IRREVERSIBLY, turn, cause)
            refusal = outcome if isinstance(outcome, Refusal) else None
        if refusal is not None:
            # No way to stop in order; ending is still what was asked for.
            turn.log(target, LOG_WARNING, f"Cannot stop units in order, killing them instead: {refusal.text}")
            turn.effects += self.shutdown.enter_terminating(turn.now.monotonic_usec)
        return refusal


def _slices_above(unit: Unit) -> list[str]:
    """The unit's slice and those above it, the nearest first."""
    slices = unit.dependencies.get(Dependency.IN_SLICE)
    path = slice_path(unit.name) if unit.type is UnitType.SLICE else slice_path(next(iter(slices))) if slices else ""
    names = path.split("/")[:: -1] if path else []
    return [*(names[1:] if unit.type is UnitType.SLICE else names), "-.slice"]


def _hash(text: str) -> int:
    """FNV-1a, 64 bits, and its bits once more mixed, as the last letters would hardly move the high ones."""
    value = 0xCBF29CE484222325
    for byte in text.encode("utf-8", "surrogateescape"):
        value = (value ^ byte) * 0x100000001B3 % 2**64
    value = (value ^ value >> 33) * 0xFF51AFD7ED558CCD % 2**64
    return value ^ value >> 33


def refuse(request: int, refusal: Refusal, turn: Turn) -> None:
    if request:
        turn.ask(Refused(request, refusal.error, refusal.text))
