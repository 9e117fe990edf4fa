"""Jobs, and the algebra of their types: what two jobs for one unit become, and when they contradict each other.

A job is a request to change one unit's state, waiting or running (systemd.unit(5), bootup(7)). Knows nothing of
transactions and of the order between units.
"""

from __future__ import annotations

from initd.core.record import Record
from initd.core.states import ActiveState, JobResult, JobState, JobType
from initd.core.values import INFINITY, Now

TYPE_CHECKING = False
if TYPE_CHECKING:
    from initd.core.dependency import Facet

#: The types that merge with each other. The others collapse to one of these before (see `collapse`).
MERGEABLE = (JobType.START, JobType.VERIFY_ACTIVE, JobType.STOP, JobType.RELOAD, JobType.RESTART)

_T = JobType

#: Unordered pair of different types → what serves both. Pairs that are missing conflict: stop with anything else.
_MERGE: dict[frozenset[JobType], JobType] = {
    frozenset((_T.START, _T.VERIFY_ACTIVE)): _T.START,
    frozenset((_T.START, _T.RELOAD)): _T.RELOAD_OR_START,
    frozenset((_T.START, _T.RESTART)): _T.RESTART,
    frozenset((_T.VERIFY_ACTIVE, _T.RELOAD)): _T.RELOAD,
    frozenset((_T.VERIFY_ACTIVE, _T.RESTART)): _T.RESTART,
    frozenset((_T.RELOAD, _T.RESTART)): _T.RESTART,
    frozenset((_T.RELOAD_OR_START, _T.START)): _T.RELOAD_OR_START,
    frozenset((_T.RELOAD_OR_START, _T.VERIFY_ACTIVE)): _T.RELOAD_OR_START,
    frozenset((_T.RELOAD_OR_START, _T.RELOAD)): _T.RELOAD_OR_START,
    frozenset((_T.RELOAD_OR_START, _T.RESTART)): _T.RESTART,
}


def merge(one: JobType, other: JobType) -> JobType | None:
    """The type that serves both, or None where they conflict. Symmetric and associative."""
    if one is other:
        return one
    return _MERGE.get(frozenset((one, other)))


def is_conflicting(one: JobType, other: JobType) -> bool:
    if JobType.NOP in (one, other):
        return False
    return merge(one, other) is None


def is_superset(one: JobType, other: JobType) -> bool:
    """Doing `one` also does `other`."""
    return merge(one, other) is one


def collapse(job_type: JobType, state: ActiveState) -> JobType:
    """A conditional type made unconditional, by the state its unit is in now."""
    if job_type is _T.TRY_RESTART:
        return _T.NOP if state.is_down_or_going else _T.RESTART
    if job_type is _T.TRY_RELOAD:
        return _T.NOP if state.is_down_or_going else _T.RELOAD
    if job_type is _T.RELOAD_OR_START:
        return _T.START if state.is_down_or_going else _T.RELOAD
    return job_type


def merge_and_collapse(one: JobType, other: JobType, state: ActiveState) -> JobType | None:
    merged = merge(one, other)
    return None if merged is None else collapse(merged, state)


def is_redundant(job_type: JobType, state: ActiveState) -> bool:
    """The unit is already where the job would bring it."""
    if job_type in (_T.START, _T.VERIFY_ACTIVE):
        return state.is_up
    if job_type is _T.STOP:
        return state.is_down
    if job_type is _T.RELOAD:
        return state is ActiveState.RELOADING
    return job_type is _T.NOP


class Cause(Record):
    """What jobs are queued for: what has happened, and where. `by` is the unit that it has happened to, the command of a
    client, or the name of a signal; `text` says more, where there is more to say."""

    #: "boot", "client", "signal", "timer", "socket", "path", "automount", "mount", "dependency", "restart" or "shutdown".
    kind: str
    by: str = ""
    text: str = ""


class Asked(Record):
    """One transaction: what was asked for, why and when. `before` is the number of the one whose run this one repeats."""

    cause: Cause
    unit: str
    type: JobType
    now: Now
    before: int = 0


#: Nobody has said.
UNKNOWN = Cause("")


class Job:
    """An installed job. Plain fields; `core.queue` runs and ends it."""

    __slots__ = ("id", "unit", "type", "state", "is_irreversible", "ignores_order", "added_usec", "running_usec", "waits_for",
                 "asked", "by", "result", "ended", "failed_by")

    def __init__(self, job_id: int = 0, unit: str = "", job_type: JobType = JobType.START, added_usec: int = 0,
                 asked: int = 0, by: str = "") -> None:
        self.id = job_id
        self.unit = unit
        self.type = job_type
        self.state = JobState.WAITING
        self.is_irreversible = False
        #: Runs without waiting for others, nor others for it (--job-mode=ignore-dependencies).
        self.ignores_order = False
        self.added_usec = added_usec
        self.running_usec = INFINITY
        #: Of what it waited for when it was last asked, one: why, and the unit's name.
        self.waits_for: tuple[Facet, str] | tuple[()] = ()
        #: The number of what it was queued for (`JobQueue.asked`), and the unit whose job has brought it along, "" for the
        #: one that was asked for.
        self.asked = asked
        self.by = by
        self.result: JobResult | None = None
        self.ended: Now | None = None
        #: The unit without which it could not be done.
        self.failed_by = ""

    def __repr__(self) -> str:
        return f"Job({self.id}, {self.unit}/{self.type.value}, {self.state.value})"
