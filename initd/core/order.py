"""Which of two jobs goes first, when their units are ordered. Stops go before starts, whichever way the order points.

Source: systemd.unit(5), Before=, After=. Knows job types only, no jobs and no units.
"""

from __future__ import annotations

from initd.core.states import JobType

_STOPPING = (JobType.STOP, JobType.RESTART)


def compare_order(one: JobType, other: JobType, one_is_before: bool) -> int:
    """-1: `one` runs first; 1: `other` does; 0: no order. `one_is_before`: one's unit has Before= on other's unit,
    else After=."""
    if JobType.NOP in (one, other):
        return 0
    if one_is_before:
        return 1 if other in _STOPPING else -1
    return -1 if one in _STOPPING else 1
