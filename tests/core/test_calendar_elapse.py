"""More of it, beside systemd's answers, in tests/conformance/test_analyze.py."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from initd.core import calendar, timestamp
from initd.core.calendar_elapse import next_elapse
from initd.core.zone import UTC, Zone, parse_rule

_RULE = parse_rule("CET-1CEST,M3.5.0,M10.5.0/3")
BERLIN = Zone((), (_RULE.standard,), _RULE)


def usec(text):
    return timestamp.parse(text + " UTC", 0, UTC, lambda name: None)


def elapses(text, after, count=1, zone=UTC):
    """The next elapses as clocks in UTC show them."""
    spec = calendar.parse(text, lambda name: False)
    at, shown = usec(after), []
    for _ in range(count):
        at = next_elapse(spec, at, zone)
        if at is None:
            break
        shown.append(timestamp.format(at, UTC)[4:-4])
    return shown


@pytest.mark.parametrize(("text", "after", "expected"), [
    ("daily", "2024-02-28 12:00:00", ["2024-02-29 00:00:00", "2024-03-01 00:00:00"]),
    ("Fri *-*-13", "2024-01-01 00:00:00", ["2024-09-13 00:00:00", "2024-12-13 00:00:00"]),
    ("*-02-29", "2024-03-01 00:00:00", ["2028-02-29 00:00:00", "2032-02-29 00:00:00"]),
    ("*-*~1", "2024-02-01 00:00:00", ["2024-02-29 00:00:00", "2024-03-31 00:00:00"]),
    ("*-*-30", "2024-01-31 00:00:00", ["2024-03-30 00:00:00", "2024-04-30 00:00:00"]),
    ("2020-01-01", "2024-01-01 00:00:00", []), ("*-02-30", "2024-01-01 00:00:00", []),
    ("2199-12-31", "2024-01-01 00:00:00", ["2199-12-31 00:00:00"]),
    # A repetition that runs over midnight loses what it should do right after it, as in systemd 252.
    ("*:4/27", "2024-05-05 23:59:00", ["2024-05-06 00:31:00", "2024-05-06 00:58:00"]),
    ("*:4..58/27", "2024-05-05 23:59:00", ["2024-05-06 00:04:00", "2024-05-06 00:31:00"]),
    ("0/5:00", "2024-05-31 20:30:00", ["2024-06-01 05:00:00", "2024-06-01 10:00:00"]),
    ("*:*:0.25/20.5", "2024-05-05 10:00:30", ["2024-05-05 10:00:41", "2024-05-05 10:01:20"]),
    ("*-*-1,6/11", "2024-12-28 12:00:00", ["2025-01-17 00:00:00", "2025-01-28 00:00:00"]),
])  # fmt: skip
def test_next_elapses(text, after, expected):
    assert elapses(text, after, 2) == expected


def test_an_hour_that_is_skipped_does_not_elapse():
    assert elapses("*-*-* 02:30", "2024-03-30 12:00:00", 1, BERLIN) == ["2024-04-01 00:30:00"]


def test_an_hour_shown_twice_elapses_once():
    assert elapses("*-*-* 02:30", "2024-10-26 12:00:00", 2, BERLIN) == ["2024-10-27 00:30:00", "2024-10-28 01:30:00"]


_EVENTS = ("*:0/7", "Mon..Wed 3/4:15", "*-1/3-1..9/2 5:00", "*-*~7/5 *:59", "*:*:0.5/3.25", "Sat *-*-8..14 02:30",
           "*:4/27:10/25")


@given(st.sampled_from(_EVENTS), st.integers(10**15, 4 * 10**15), st.sampled_from((UTC, BERLIN)))
@example("*:4/27:10/25", usec("2024-12-31 23:59:59"), UTC)
def test_the_next_elapse_is_later_than_the_last(text, after, zone):
    spec = calendar.parse(text, lambda name: False)
    found = next_elapse(spec, after, zone)
    assert found is not None and found > after
    assert next_elapse(spec, found - 1, zone) == found or zone is BERLIN
