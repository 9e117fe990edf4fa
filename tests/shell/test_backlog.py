"""shell.backlog: what can wait is done in turns, none of which keeps others waiting for longer than its time."""

from __future__ import annotations

import pytest

from initd.shell.backlog import MOST_CHORES, PATIENCE_USEC, TURN_USEC, Backlog, TooManyChores


class Clock:
    """Time passes only where a piece says so."""

    def __init__(self) -> None:
        self.usec = 1_000_000

    def __call__(self) -> int:
        return self.usec


def work(clock: Clock, pieces: int, result: str, usec: int = TURN_USEC // 4):
    for _ in range(pieces):
        clock.usec += usec
        yield
    return result


def turn(clock: Clock, heard: list[str], name: str, usec: int = 0):
    def take(end_usec: int) -> None:
        heard.append(name)
        clock.usec += usec

    return take


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def backlog(clock: Clock) -> Backlog:
    return Backlog(clock)


def test_work_of_one_piece_is_done_at_once(clock, backlog):
    results: list[str] = []
    backlog.begin(work(clock, 0, "done"), results.append, pytest.fail)
    assert results == ["done"]
    assert not backlog.is_pending


def test_long_work_takes_turns(clock, backlog):
    results: list[str] = []
    backlog.begin(work(clock, 7, "long"), results.append, pytest.fail)
    backlog.begin(work(clock, 6, "shorter"), results.append, pytest.fail)
    turns = 0
    while backlog.is_pending:
        before = clock.usec
        backlog.go_on(is_busy=False)
        turns += 1
        assert clock.usec - before <= TURN_USEC
    assert results == ["long", "shorter"]
    assert turns == 4


def test_one_chore_is_done_before_the_next_goes_on(clock, backlog):
    heard: list[str] = []

    def chore(name: str):
        for _ in range(6):
            yield
            heard.append(name)
            clock.usec += TURN_USEC // 2

    for name in ("a", "b"):
        backlog.begin(chore(name), lambda result: None, pytest.fail)
    backlog.finish()
    assert heard == ["a"] * 6 + ["b"] * 6


def test_an_error_is_told_in_any_turn_and_ends_nothing_else(clock, backlog):
    errors: list[Exception] = []
    results: list[str] = []

    def fails(pieces: int):
        yield from work(clock, pieces, "")
        raise ValueError(pieces)

    backlog.begin(fails(0), pytest.fail, errors.append)
    backlog.begin(fails(6), pytest.fail, errors.append)
    backlog.begin(work(clock, 6, "done"), results.append, pytest.fail)
    backlog.finish()
    assert [error.args for error in errors] == [(0,), (6,)]
    assert results == ["done"]


def test_too_many_chores_are_refused(clock, backlog):
    for _ in range(MOST_CHORES):
        backlog.begin(work(clock, 5, "done"), lambda result: None, pytest.fail)
    with pytest.raises(TooManyChores):
        backlog.begin(work(clock, 1, "never"), pytest.fail, pytest.fail)
    backlog.finish()
    assert not backlog.is_pending


def test_who_has_just_spoken_comes_before_who_has_more_to_say(clock, backlog):
    heard: list[str] = []
    backlog.go_on(is_busy=False)  # the last turn of what can wait was now
    backlog.add(turn(clock, heard, "more"))
    backlog.add(turn(clock, heard, "first", TURN_USEC), is_fresh=True)
    backlog.add(turn(clock, heard, "second"), is_fresh=True)
    backlog.go_on(is_busy=False)
    backlog.go_on(is_busy=False)
    assert heard == ["first", "second", "more"]


def test_what_can_wait_waits_while_things_happen_but_not_for_ever(clock, backlog):
    heard: list[str] = []
    backlog.go_on(is_busy=False)  # the last turn of what can wait was now
    backlog.add(turn(clock, heard, "more"))
    backlog.begin(work(clock, 2, "done", 1), heard.append, pytest.fail)
    for _ in range(3):
        backlog.go_on(is_busy=True)
    assert heard == []
    clock.usec += PATIENCE_USEC
    backlog.go_on(is_busy=True)
    assert heard == ["more"]
    clock.usec += PATIENCE_USEC
    backlog.go_on(is_busy=True)
    assert heard == ["more", "done"]


def test_a_result_that_nobody_can_take_is_not_offered_again(clock):
    """Nor are others kept waiting by it."""
    backlog, heard = Backlog(clock), []

    def fail(result: str) -> None:
        heard.append(f"{result}!")
        raise RuntimeError("no idea")

    backlog.begin(work(clock, 2, "first"), fail, pytest.fail)
    backlog.begin(work(clock, 2, "second"), heard.append, pytest.fail)
    for _ in range(6):
        clock.usec += PATIENCE_USEC
        try:
            backlog.go_on(is_busy=False)
        except RuntimeError:
            heard.append("told")
    assert heard == ["first!", "told", "second"] and not backlog.is_pending
