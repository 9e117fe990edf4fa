"""What the soak would call a failure: timers that miss a turn or have one too many, and what grows."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).resolve().parent)]

import soak  # noqa: E402

SEC = 1_000_000


def look(monkeypatch, monotonic, calendar):
    """Of elapses at these instants (usec): one monotonic timer's, and one calendar timer's."""
    known = {"each-0": monotonic, "even": calendar}
    monkeypatch.setattr(soak, "elapses", lambda container, name: [(usec, usec) for usec in known.get(name, [])])
    lateness = soak.Lateness()
    lateness.look(None)
    return lateness.missed, lateness.stalled, lateness.doubled


def test_turns_that_come_when_they_must(monkeypatch):
    assert look(monkeypatch, [SEC, 2 * SEC + 30, 3 * SEC + 70], [2 * SEC + 10, 4 * SEC + 900_000, 6 * SEC]) == (0, 0, 0)


@pytest.mark.parametrize(("monotonic", "calendar", "found"), [
    ([], [2 * SEC, 6 * SEC], (1, 0, 0)),
    ([2 * SEC, 5 * SEC], [2 * SEC, 6 * SEC], (0, 1, 0)),  # no timer at all was served
    ([], [2 * SEC, 2 * SEC + 500], (0, 0, 1)),
    ([SEC, SEC + soak.PERIOD_USEC - 1], [], (0, 0, 1)),
])
def test_turns_that_do_not(monkeypatch, monotonic, calendar, found):
    assert look(monkeypatch, monotonic, calendar) == found


def row(**changed):
    return {"quarter": 1, "missed": 0, "doubled": 0, "zombies": 0, "least_late_usec": 300, "manager_mb": "14.00",
            "journal_mb": "4.00", "manager_fds": 40, "journal_fds": 36, "children": 22, **changed}


def test_what_stays_as_it_is_is_well():
    assert not soak.judge([row(), row(manager_mb="15.00"), row(), row(manager_mb="14.20")])


@pytest.mark.parametrize("name", ["missed", "doubled", "zombies", "manager_fds", "journal_fds", "children"])
def test_one_more_of_what_must_not_be_is_told(name):
    assert soak.judge([row(), row(), row(), row(**{name: 41})])


def test_growth_within_one_process_is_told():
    assert soak.judge([row(), row(), row(), row(journal_mb="4.31")])


def test_timers_that_drift_are_told():
    assert soak.judge([row(), row(), row(), row(least_late_usec=1301)])
    assert not soak.judge([row(), row(least_late_usec=9000), row(), row(least_late_usec=1300)])
