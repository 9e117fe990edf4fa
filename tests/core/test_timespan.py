from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from initd.core import timespan
from initd.core.values import INFINITY


@pytest.mark.parametrize(("text", "usec", "shown"), [  # systemd-analyze timespan
    ("1500ms", 1_500_000, "1.500000s"), ("1.000001s", 1_000_001, "1.000001s"), ("90061.5s", 90_061_500_000,
                                                                                "1d 1h 1min 1.500000s"),
    ("5.5us", 5, "5us"), ("1h 30", 3_630_000_000, "1h 30s"), ("1h30m5", 5_405_000_000, "1h 30min 5s"), ("0", 0, "0"),
    ("infinity", INFINITY, "infinity"), ("1.5M", 3_944_700_000_000, "1month 2w 1d 5h 15min"), ("2y",
                                                                                               63_115_200_000_000, "2y"),
    (" 7 s", 7_000_000, "7s"), ("1.5ms", 1500, "1.500ms"), ("5 5", 10_000_000, "10s"), ("1s5", 6_000_000, "6s"),
    (".5s", 500_000, "500ms"), ("5µs", 5, "5us"), ("1m 5 s", 65_000_000, "1min 5s"),
])
def test_parse_and_format(text, usec, shown):
    assert timespan.parse(text) == usec
    assert timespan.format(usec) == shown


@pytest.mark.parametrize("text", ["", "1.5.5", "-5", "5.s", "1e", "5S", "abc", "s", "99999999999999y", "5 -3",
                                  "+.5", "5s +.5", "+"])
def test_not_a_time_span(text):
    with pytest.raises(ValueError):
        timespan.parse(text)


def test_default_unit():
    assert timespan.parse("5", 1) == 5
    assert timespan.parse_nsec("5ms") == 5_000_000
    assert timespan.parse_nsec("7") == 7


@given(st.integers(0, 2**62))
def test_what_is_printed_can_be_read(usec):
    assert timespan.parse(timespan.format(usec)) == usec


@given(st.text())
def test_parsing_raises_nothing_but_value_error(text):
    try:
        timespan.parse(text)
    except ValueError:
        pass
