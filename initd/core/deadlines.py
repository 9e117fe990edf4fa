"""Which unit wants to be looked at again, and when: its machine's own deadline, or its job's timeout."""

from __future__ import annotations

from initd.core.job import Job
from initd.core.states import JobState
from initd.core.unit import Unit
from initd.core.values import INFINITY


class Deadlines:
    """Unit names by monotonic µs. `touch` is called whenever a unit may have changed."""

    __slots__ = ("_at",)

    def __init__(self) -> None:
        self._at: dict[str, int] = {}

    def touch(self, unit: Unit) -> None:
        """Note when the unit wants to be looked at again."""
        deadline = unit.machine.deadline_usec
        if unit.job is not None:
            deadline_of_job = job_deadline(unit, unit.job)
            if deadline_of_job < INFINITY:
                deadline = deadline_of_job if deadline is None else min(deadline, deadline_of_job)
        if deadline is None:
            self._at.pop(unit.name, None)
        else:
            self._at[unit.name] = deadline

    def put_off(self, name: str, usec: int) -> None:
        """Not before that."""
        self._at[name] = usec

    def is_due(self, name: str, now_usec: int) -> bool:
        return self._at.get(name, INFINITY) <= now_usec

    def nearest(self) -> int:
        return min(self._at.values(), default=INFINITY)

    def due(self, now_usec: int) -> list[str]:
        """Those whose time has come, the longest waiting first."""
        return [name for deadline, name in sorted((at, name) for name, at in self._at.items() if at <= now_usec)]

    def drop(self, name: str) -> None:
        self._at.pop(name, None)

    def clear(self) -> None:
        self._at.clear()


def job_deadline(unit: Unit, job: Job) -> int:
    settings = unit.settings
    deadline = INFINITY
    if settings.job_timeout_usec < INFINITY:
        deadline = job.added_usec + settings.job_timeout_usec
    if settings.job_running_timeout_usec < INFINITY and job.state is JobState.RUNNING:
        deadline = min(deadline, job.running_usec + settings.job_running_timeout_usec)
    return deadline
