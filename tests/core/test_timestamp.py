"""More of it, beside systemd's answers, in tests/conformance/test_analyze.py."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from initd.core import timestamp
from initd.core.values import INFINITY
from initd.core.zone import UTC, Regime, Zone, parse_rule

_RULE = parse_rule("CET-1CEST,M3.5.0,M10.5.0/3")
BERLIN = Zone((), (_RULE.standard,), _RULE)
NOW = 1_719_828_000_000_000  # Mon 2024-07-01 10:00:00 UTC, noon in Berlin
MINUTE, HOUR, DAY = 60_000_000, 3_600_000_000, 86_400_000_000


def parse(text, zone=UTC):
    return timestamp.parse(text, NOW, zone, {"Europe/Berlin": BERLIN}.get)


@pytest.mark.parametrize(("text", "expected"), [
    ("now", NOW), ("today", NOW - 10 * HOUR), ("yesterday", NOW - 34 * HOUR), ("tomorrow", NOW + 14 * HOUR),
    ("+5min", NOW + 5 * MINUTE), ("-5min", NOW - 5 * MINUTE), ("5min ago", NOW - 5 * MINUTE), ("1d left", NOW + DAY),
    ("@5", 5_000_000), ("@1.5", 1_500_000), ("10:00", NOW), ("10:00:01", NOW + 1_000_000), ("2024-07-01 10:00", NOW),
    ("24-07-01 10:00:00.25", NOW + 250_000), ("Mon 2024-07-01 10:00:00", NOW), ("monday 2024-07-01 10:00", NOW),
    ("2024-07-01 12:00 Europe/Berlin", NOW), ("2024-07-01 10:00 UTC", NOW), ("2024-07-01 10:00:00.0000005", NOW + 1),
    ("2024-7-1", NOW - 10 * HOUR),
])  # fmt: skip
def test_moments(text, expected):
    assert parse(text) == expected


def test_the_local_clock_is_read():
    assert parse("2024-07-01 12:00", BERLIN) == parse("2024-07-01 12:00 CEST", BERLIN) == NOW
    assert parse("12:00", BERLIN) == NOW


@pytest.mark.parametrize("text", [
    "", "x", "Tue 2024-07-01", "2024-07-01 10", "2024-13-01", "2024-07-01 25:00", "@x", "+x", "x ago", "10:00:00.", "now ",
    "2024-07-01T10:00", "10000-01-01", "1969-12-31", "2024-07-01 10:00 Nowhere/Else", "-60y",
])  # fmt: skip
def test_what_is_no_moment(text):
    with pytest.raises(ValueError):
        parse(text)


def test_too_far_is_out_of_range():
    with pytest.raises(timestamp.TimestampRangeError):
        parse("@99999999999999999999")


@pytest.mark.parametrize(("usec", "text"), [
    (NOW, "Mon 2024-07-01 10:00:00 UTC"), (1, "Thu 1970-01-01 00:00:00 UTC"), (0, ""), (INFINITY, ""),
    (timestamp.FORMATTABLE_MAX + 1, "--- XXXX-XX-XX XX:XX:XX"),
])  # fmt: skip
def test_shown(usec, text):
    assert timestamp.format(usec, UTC) == text


@pytest.mark.parametrize(("usec", "text"), [
    (NOW, "now"), (NOW - 5, "5us ago"), (NOW + 5000, "5ms left"), (NOW - 61_000_000, "1min 1s ago"),
    (NOW + 5 * MINUTE, "5min left"), (NOW + 61 * MINUTE, "1h 1min left"), (NOW - 7 * HOUR, "7h ago"),
    (NOW - 26 * HOUR, "1 day 2h ago"), (NOW + 3 * DAY, "3 days left"), (NOW + 8 * DAY, "1 week 1 day left"),
    (NOW + 40 * DAY, "1 month 9 days left"), (NOW - 800 * DAY, "2 years 2 months ago"), (0, ""),
])  # fmt: skip
def test_shown_by_its_distance(usec, text):
    assert timestamp.format_relative(usec, NOW) == text


@given(st.integers(1, timestamp.FORMATTABLE_MAX // 10**6), st.sampled_from((UTC, Zone((), (Regime(-7200, False, "XYZ"),)))))
def test_what_is_shown_is_read_as_the_same_second(second, zone):
    text = timestamp.format(second * 10**6, zone)
    if text[4:8] >= "1971":
        assert parse(text, zone) == second * 10**6


@given(st.text(alphabet="0123456789:-. @+agoUTCMonxyz", max_size=24))
def test_nothing_but_value_errors(text):
    try:
        assert 0 <= parse(text) or text.startswith("@")
    except ValueError:
        pass  # refused, as it should be
