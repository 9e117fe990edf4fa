"""More of it, beside systemd's answers, in tests/conformance/test_analyze.py."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from initd.core import calendar
from initd.core.calendar import CalendarError

ZONES = ("Europe/Berlin", "UTC")


def normal(text, names=("CET", "CEST")):
    return calendar.format(calendar.parse(text, ZONES.__contains__, names), names)


@pytest.mark.parametrize(("text", "normalized"), [  # those of systemd.time(7), and a few more
    ("Sat,Thu,Mon..Wed,Sat..Sun", "Mon..Thu,Sat,Sun *-*-* 00:00:00"), ("Mon,Sun 12-*-* 2,1:23", "Mon,Sun 2012-*-* 01,02:23:00"),
    ("Wed *-1", "Wed *-*-01 00:00:00"), ("Wed..Wed,Wed *-1", "Wed *-*-01 00:00:00"), ("Wed, 17:48", "Wed *-*-* 17:48:00"),
    ("Wed..Sat,Tue 12-10-15 1:2:3", "Tue..Sat 2012-10-15 01:02:03"), ("*-*-7 0:0:0", "*-*-07 00:00:00"),
    ("10-15", "*-10-15 00:00:00"), ("monday *-12-* 17:00", "Mon *-12-* 17:00:00"),
    ("Mon,Fri *-*-3,1,2 *:30:45", "Mon,Fri *-*-01,02,03 *:30:45"), ("12,14,13,12:20,10,30", "*-*-* 12,13,14:10,20,30:00"),
    ("12..14:10,20,30", "*-*-* 12..14:10,20,30:00"), ("mon,fri *-1/2-1,3 *:30:45", "Mon,Fri *-01/2-01,03 *:30:45"),
    ("03-05 08:05:40", "*-03-05 08:05:40"), ("05:40", "*-*-* 05:40:00"),
    ("Sat,Sun 12-05 08:05:40", "Sat,Sun *-12-05 08:05:40"),
    ("2003-03-05 05:40", "2003-03-05 05:40:00"), ("05:40:23.4200004/3.1700005", "*-*-* 05:40:23.420000/3.170001"),
    ("*:*:1.032", "*-*-* *:*:01.032000"), ("2003-02..04-05", "2003-02..04-05 00:00:00"),
    ("2003-03-05 05:40 UTC", "2003-03-05 05:40:00 UTC"),
    ("2003-03-05", "2003-03-05 00:00:00"), ("hourly", "*-*-* *:00:00"), ("daily UTC", "*-*-* 00:00:00 UTC"),
    ("weekly Europe/Berlin", "Mon *-*-* 00:00:00 Europe/Berlin"), ("*:2/3", "*-*-* *:02/3:00"), ("*-*~3", "*-*~03 00:00:00"),
    ("@1395716396", "2014-03-25 02:59:56 UTC"),
    ("@+1395716396", "2014-03-25 02:59:56 UTC"), ("*:*:28,0/1", "*-*-* *:*:*"),
    ("daily CEST", "*-*-* 00:00:00 CEST"), ("1..3/5-1-1", "2001-01-01 00:00:00"),
])  # fmt: skip
def test_normalized(text, normalized):
    assert normal(text) == normalized


@pytest.mark.parametrize("text", [
    "", " ", "x", "Mon..x", "Sun..Mon", "0-0", "*-13-*", "*-*-32", "24:00", "*:60", "*:*:60", "1969-*-*", "2200-*-*", "5/0:00",
    "5..3:00", "*-*~0", "*-*~29", "12", "12:", "daily x", "daily Nowhere/Else", "@", "@x", "*:*:1..1.5", "1:2:3:4",
])  # fmt: skip
def test_what_is_no_event(text):
    with pytest.raises(CalendarError):
        normal(text)


def test_numbers_that_are_too_large_are_out_of_range():
    for text, is_range in (("99999999999:00", True), ("*:0/0", True), ("*:*:22..0/0", True), ("*:*:22..0,58/0", False)):
        with pytest.raises(CalendarError) as caught:
            normal(text)
        assert caught.value.is_range is is_range


@given(st.text(alphabet="0123456789*,./-~: @MonTueUTC", max_size=24))
def test_normal_forms_are_their_own(text):
    try:
        once = normal(text)
    except CalendarError:
        return
    assert normal(once) == once
