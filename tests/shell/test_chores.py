"""shell.chores: long work in pieces, none of which keeps others waiting for longer than a turn."""

from __future__ import annotations

import pytest

from initd.shell.chores import MOST, Chores, TooManyChores
from initd.shell.connection import TURN_USEC


class Clock:
    """Time passes only where a piece says so."""

    def __init__(self) -> None:
        self.usec = 0

    def __call__(self) -> int:
        return self.usec


def work(clock: Clock, pieces: int, result: str, usec: int = TURN_USEC // 4):
    for _ in range(pieces):
        clock.usec += usec
        yield
    return result


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def chores(clock: Clock) -> Chores:
    return Chores(clock)


def test_short_work_is_done_at_once(clock, chores):
    results: list[str] = []
    chores.begin(work(clock, 3, "done"), results.append, pytest.fail)
    assert results == ["done"]
    assert not chores.are_pending


def test_long_work_takes_turns(clock, chores):
    results: list[str] = []
    chores.begin(work(clock, 7, "long"), results.append, pytest.fail)
    chores.begin(work(clock, 5, "shorter"), results.append, pytest.fail)
    assert clock.usec == 2 * TURN_USEC
    turns = 0
    while chores.are_pending:
        before = clock.usec
        chores.go_on()
        turns += 1
        assert clock.usec - before <= TURN_USEC
    assert results == ["long", "shorter"]
    assert turns == 2


def test_an_error_is_told_in_any_turn_and_ends_nothing_else(clock, chores):
    errors: list[Exception] = []
    results: list[str] = []

    def fails(pieces: int):
        yield from work(clock, pieces, "")
        raise ValueError(pieces)

    chores.begin(fails(1), pytest.fail, errors.append)
    chores.begin(fails(6), pytest.fail, errors.append)
    chores.begin(work(clock, 6, "done"), results.append, pytest.fail)
    chores.finish()
    assert [error.args for error in errors] == [(1,), (6,)]
    assert results == ["done"]


def test_too_many_are_refused(clock, chores):
    for _ in range(MOST):
        chores.begin(work(clock, 5, "done"), lambda result: None, pytest.fail)
    with pytest.raises(TooManyChores):
        chores.begin(work(clock, 1, "never"), pytest.fail, pytest.fail)
    chores.finish()
    assert not chores.are_pending
