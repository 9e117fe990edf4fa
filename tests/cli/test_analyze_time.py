"""What is printed. Which expressions mean what is compared with systemd's own in tests/conformance/test_analyze.py."""

from __future__ import annotations

import pytest

from initd.cli import analyze
from tests.cli.commands import run


@pytest.fixture(autouse=True)
def berlin(monkeypatch):
    monkeypatch.setenv("TZ", ":Europe/Berlin")


def without_distance(text):
    return "\n".join(line for line in text.splitlines() if "From now" not in line)


def test_calendar_shows_each_elapse_by_the_local_clock_and_in_utc():
    said = run(analyze.main, "--base-time=2024-03-31 00:00:00 UTC", "--iterations=2", "calendar", "*:30")
    assert said.status == 0 and without_distance(said.out) == """\
  Original form: *:30
Normalized form: *-*-* *:30:00
    Next elapse: Sun 2024-03-31 01:30:00 CET
       (in UTC): Sun 2024-03-31 00:30:00 UTC
       Iter. #2: Sun 2024-03-31 03:30:00 CEST
       (in UTC): Sun 2024-03-31 01:30:00 UTC"""


def test_an_event_that_is_over_never_elapses():
    said = run(analyze.main, "--base-time=2024-01-01 UTC", "calendar", "2020-01-01 00:00:00")
    assert said.out == "Normalized form: 2020-01-01 00:00:00\n    Next elapse: never\n"


def test_one_bad_event_does_not_keep_the_others_from_being_shown():
    said = run(analyze.main, "--base-time=@0", "calendar", "daily", "x", "weekly")
    assert said.status == 1
    assert said.out.count("Next elapse") == 2
    assert said.err == "Failed to parse calendar specification 'x': Invalid argument\n"


def test_a_bad_span_ends_it():
    said = run(analyze.main, "timespan", "1", "x", "2")
    assert said == (1, "Original: 1\n      μs: 1000000\n   Human: 1s\n\n",
                    "Failed to parse time span 'x': Invalid argument\n")


def test_a_timestamp_is_shown_in_both_zones_and_as_seconds():
    said = run(analyze.main, "timestamp", "2024-07-01 12:00:00.5")
    assert without_distance(said.out) == """\
  Original form: 2024-07-01 12:00:00.5
Normalized form: Mon 2024-07-01 12:00:00 CEST
       (in UTC): Mon 2024-07-01 10:00:00 UTC
   UNIX seconds: @1719828000.500000"""


def test_an_expression_for_another_verb_gets_a_hint_unless_quiet():
    assert "systemd-analyze timespan" in run(analyze.main, "calendar", "5s").err
    assert "Hint" not in run(analyze.main, "-q", "calendar", "5s").err


def test_numbers_that_are_too_large_are_out_of_range():
    assert run(analyze.main, "timespan", "99999999999y").err.endswith(": Numerical result out of range\n")
