"""The algebra of job types, over all of them: it has to be symmetric and associative, or plans would depend on luck."""

from __future__ import annotations

from itertools import product

import pytest

from initd.core.job import MERGEABLE, collapse, is_conflicting, is_redundant, is_superset, merge
from initd.core.states import ActiveState, JobType

TYPES = (*MERGEABLE, JobType.RELOAD_OR_START)


@pytest.mark.parametrize(("one", "other"), product(TYPES, TYPES))
def test_merge_is_symmetric(one: JobType, other: JobType) -> None:
    assert merge(one, other) is merge(other, one)


@pytest.mark.parametrize(("a", "b", "c"), product(TYPES, TYPES, TYPES))
def test_merge_is_associative(a: JobType, b: JobType, c: JobType) -> None:
    def merge3(x: JobType, y: JobType, z: JobType) -> JobType | None:
        first = merge(x, y)
        return None if first is None else merge(first, z)

    assert merge3(a, b, c) is merge3(b, c, a) is merge3(c, a, b)


@pytest.mark.parametrize("job_type", TYPES)
def test_merge_with_itself_changes_nothing(job_type: JobType) -> None:
    assert merge(job_type, job_type) is job_type
    assert is_superset(job_type, job_type)


@pytest.mark.parametrize("other", [job_type for job_type in TYPES if job_type is not JobType.STOP])
def test_stop_conflicts_with_everything_else(other: JobType) -> None:
    assert is_conflicting(JobType.STOP, other)


@pytest.mark.parametrize("state", ActiveState)
@pytest.mark.parametrize("job_type", JobType)
def test_collapse_leaves_nothing_conditional(job_type: JobType, state: ActiveState) -> None:
    assert collapse(job_type, state) in (*MERGEABLE, JobType.NOP)


@pytest.mark.parametrize(
    ("job_type", "state", "redundant"),
    [
        (JobType.START, ActiveState.ACTIVE, True),
        (JobType.START, ActiveState.ACTIVATING, False),
        (JobType.STOP, ActiveState.FAILED, True),
        (JobType.STOP, ActiveState.DEACTIVATING, False),
        (JobType.RESTART, ActiveState.ACTIVE, False),
        (JobType.RELOAD, ActiveState.ACTIVE, False),
    ],
)
def test_redundancy(job_type: JobType, state: ActiveState, redundant: bool) -> None:
    assert is_redundant(job_type, state) is redundant
