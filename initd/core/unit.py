"""One unit as the manager keeps it: what its files say, its dependencies, its job, and the record of its machine.

Plain fields. Who changes them: `graph` the names and dependencies, `queue` the job, `engine` the times, the unit
type's own module the machine.
"""

from __future__ import annotations

from initd.core.dependency import KINDS_WITH, Dependency, Facet
from initd.core.enumeration import Enum
from initd.core.job import Job
from initd.core.ratelimit import RateLimit
from initd.core.settings import UnitDefinition, UnitSettings
from initd.core.states import ActiveState, JobType, LoadState, ServiceType, UnitType
from initd.core.values import Diagnostic, Now

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeVar

    _T = TypeVar("_T")

_NOT_IN_CONTAINERS = frozenset((UnitType.DEVICE, UnitType.SWAP))


def _twin(record: _T) -> _T:
    """A second one with the same fields."""
    twin: _T = object.__new__(type(record))
    for kind in type(record).__mro__:
        for field in getattr(kind, "__slots__", ()):
            setattr(twin, field, getattr(record, field))
    return twin


class Machine:
    """What every unit type's runtime record offers. The plain one never becomes active (devices, for example)."""

    __slots__ = ()

    @property
    def active_state(self) -> ActiveState:
        return ActiveState.INACTIVE

    @property
    def sub_state(self) -> str:
        return "dead"

    @property
    def deadline_usec(self) -> int | None:
        """When the machine wants to be looked at again (monotonic), None for never."""
        return None

    @property
    def can_start(self) -> bool:
        return False

    @property
    def has_processes(self) -> bool:
        """Some may be left though it is down."""
        return False


class StateMachine(Machine):
    """One that can be started, and whose state is a word: `ACTIVE_STATES` has those that do not mean active."""

    __slots__ = ("state",)
    ACTIVE_STATES: dict[Enum, ActiveState] = {}
    state: Enum

    @property
    def active_state(self) -> ActiveState:
        return self.ACTIVE_STATES.get(self.state, ActiveState.ACTIVE)

    @property
    def sub_state(self) -> str:
        return str(self.state.value)

    @property
    def can_start(self) -> bool:
        return True


class Unit:
    """See the module's docstring. `name` is the Id; `names` has every alias too."""

    __slots__ = (
        "name",
        "names",
        "type",
        "number",
        "definition",
        "dependencies",
        "machine",
        "job",
        "last_job",
        "invocation_id",
        "start_limit",
        "wish_limit",
        "grant_limit",
        "condition_result",
        "condition_outcomes",
        "unmet",
        "condition_time",
        "assert_result",
        "assert_outcomes",
        "assert_time",
        "is_checking_conditions",
        "state_change_time",
        "inactive_exit_time",
        "active_enter_time",
        "active_exit_time",
        "inactive_enter_time",
        "is_prepared",
        "runtime_diagnostics",
        "connection",
        "connection_of",
        "trigger",
        "called_by",
        "references",
    )

    def __init__(self, definition: UnitDefinition, number: int, machine: Machine) -> None:
        self.name = definition.name
        self.names = {definition.name, *definition.names}
        self.type: UnitType = definition.type
        #: The number its tag carries (DESIGN.md, "Which process belongs to which unit").
        self.number = number
        self.definition = definition
        #: Kind → the other unit's name → where it comes from. Inverses included.
        self.dependencies: dict[Dependency, dict[str, str]] = {}
        self.machine = machine
        self.job: Job | None = None
        #: The last one that has started or stopped it, or has failed to.
        self.last_job: Job | None = None
        self.invocation_id = ""
        #: Variables that tell by which timer or path it was started last.
        self.trigger: tuple[str, ...] = ()
        #: The loaded units whose OnFailure= or OnSuccess= has started this one → what it is told of them.
        self.called_by: dict[str, tuple[str, ...]] = {}
        self.start_limit = RateLimit()
        #: Counts the jobs it got by `propagation.standing_wish`.
        self.wish_limit = RateLimit()
        #: Counts all jobs it got by what happened to other units.
        self.grant_limit = RateLimit()
        self.condition_result = False
        #: What came of each condition when they were tested last: 1, -1, or 0 if it was not looked at.
        self.condition_outcomes: tuple[int, ...] = ()
        #: Which one was not met then, as its file says it; "" where all were, or where it was for want of a triggering one.
        self.unmet = ""
        self.condition_time: Now | None = None
        self.assert_result = False
        self.assert_outcomes: tuple[int, ...] = ()
        self.assert_time: Now | None = None
        #: The shell was asked about the conditions of a start, the answer is still out.
        self.is_checking_conditions = False
        self.state_change_time: Now | None = None
        self.inactive_exit_time: Now | None = None
        self.active_enter_time: Now | None = None
        self.active_exit_time: Now | None = None
        self.inactive_enter_time: Now | None = None
        #: The shell was asked to give the unit a cgroup, and not yet to take it away.
        self.is_prepared = False
        self.runtime_diagnostics: tuple[Diagnostic, ...] = ()
        #: The accepted connection that this service was started for, and the socket unit it came from; 0 and "" for none.
        self.connection = 0
        self.connection_of = ""
        #: Clients that want it to stay loaded, each as often as it has said so.
        self.references: list[str] = []

    def as_it_is(self) -> Unit:
        """What does not change when the unit does: for a client that is to hear of this very state."""
        twin = _twin(self)
        twin.machine = _twin(self.machine)
        return twin

    def __repr__(self) -> str:
        return f"Unit({self.name}, {self.active_state.value})"

    @property
    def settings(self) -> UnitSettings:
        """[Unit] of its files."""
        return self.definition.unit

    @property
    def load_state(self) -> LoadState:
        return self.definition.load_state

    @property
    def load_error(self) -> str:
        return self.definition.load_error

    @property
    def is_loaded(self) -> bool:
        return self.definition.load_state is LoadState.LOADED

    @property
    def active_state(self) -> ActiveState:
        return self.machine.active_state

    @property
    def sub_state(self) -> str:
        return self.machine.sub_state

    @property
    def description(self) -> str:
        return self.definition.unit.description or self.name

    @property
    def _can_be_here(self) -> bool:
        if self.type is UnitType.AUTOMOUNT:
            return bool(getattr(self.definition.specific, "is_supported", False))
        return self.type not in _NOT_IN_CONTAINERS

    @property
    def can_start(self) -> bool:
        return self.is_loaded and self.machine.can_start and self._can_be_here

    @property
    def can_stop(self) -> bool:
        """Anything may be stopped, loaded or not, but for what is always there and types that containers do not have."""
        return not self.definition.is_perpetual and self._can_be_here

    @property
    def can_reload(self) -> bool:
        if self.type is UnitType.MOUNT:
            return True
        own = getattr(self.definition.specific, "exec_reload", None)
        if own is not None:
            return bool(own) or getattr(self.definition.specific, "type", None) is ServiceType.NOTIFY_RELOAD
        return self.is_loaded and bool(self.dependencies.get(Dependency.PROPAGATES_RELOAD_TO))

    @property
    def can_isolate(self) -> bool:
        return self.can_start and self.definition.unit.allow_isolate

    @property
    def cgroup(self) -> str:
        """Its cgroup below the manager's own: the slice's path, then the unit (systemd.slice(5))."""
        slices = self.dependencies.get(Dependency.IN_SLICE)
        parent = slice_path(next(iter(slices))) if slices else ""
        own = slice_path(self.name) if self.type is UnitType.SLICE else self.name
        return f"{parent}/{own}" if parent and self.type is not UnitType.SLICE else own

    def names_with(self, facet: Facet) -> list[str]:
        """The units on the other end of every dependency that has this facet, in a defined order."""
        found = [others for kind in KINDS_WITH[facet] if (others := self.dependencies.get(kind))]
        if not found:
            return []
        return sorted(found[0]) if len(found) == 1 else sorted(set().union(*found))

    def has(self, facet: Facet, other: str) -> bool:
        return any(other in self.dependencies.get(kind, ()) for kind in KINDS_WITH[facet])

    @property
    def is_start_limit_hit(self) -> bool:
        """The last start was one too many (systemd.unit(5), StartLimitBurst=)."""
        return self.start_limit.count > self.settings.start_limit_burst > 0

    def is_stop_pending(self) -> bool:
        """A job waits to stop the unit (a restart's first half is one too, as for systemd it is not)."""
        return self.job is not None and self.job.type is JobType.STOP


def slice_path(name: str) -> str:
    """The cgroup path of a slice: "a-b.slice" lies in "a.slice" (systemd.slice(5)); "-.slice" is the root."""
    stem = name.removesuffix(".slice")
    if stem in ("-", ""):
        return ""
    words = stem.split("-")
    return "/".join("-".join(words[: n + 1]) + ".slice" for n in range(len(words)))
