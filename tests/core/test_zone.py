"""Against Python's own zoneinfo where it has a database; the rules of POSIX strings by hand."""

from __future__ import annotations

import datetime
import os
import zoneinfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from initd.core import zone
from initd.core.zone import UTC, Regime, Zone, parse_rule

DATABASE = "/usr/share/zoneinfo"
NAMES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Europe/Dublin", "Asia/Kolkata", "Pacific/Apia",
         "America/Sao_Paulo", "Africa/Casablanca", "Etc/GMT+5")
needs_database = pytest.mark.skipif(not os.path.isdir(DATABASE), reason="no time zone database is installed")


def read(name):
    with open(f"{DATABASE}/{name}", "rb") as file:
        return zone.parse(file.read())


ZONES = {name: read(name) for name in NAMES} if os.path.isdir(DATABASE) else {}


@needs_database
@given(st.sampled_from(NAMES), st.integers(-10**9, 7 * 10**9))
def test_clocks_show_what_zoneinfo_says(name, second):
    theirs = datetime.datetime.fromtimestamp(second, zoneinfo.ZoneInfo(name))
    ours = ZONES[name].at(second)
    assert (ours.offset, ours.abbreviation) == (theirs.utcoffset().total_seconds(), theirs.tzname())


@needs_database
@given(st.sampled_from(NAMES), st.integers(0, 6 * 10**9))
def test_what_a_clock_shows_leads_back_to_a_moment_at_which_it_shows_that(name, second):
    its = ZONES[name]
    regime = its.at(second)
    local = second + regime.offset
    found = its.instant(local, None, regime)
    assert found + its.at(found).offset == local


BERLIN = Zone((), (Regime(3600, False, "CET"),), zone.parse_rule("CET-1CEST,M3.5.0,M10.5.0/3"))
PUT_FORWARD, PUT_BACK = 1711846800, 1729990800  # 2024-03-31 01:00 UTC, 2024-10-27 01:00 UTC


def test_a_posix_rule_tells_both_halves_of_the_year():
    assert BERLIN.names() == ("CET", "CEST")
    assert BERLIN.at(PUT_FORWARD - 1).abbreviation == "CET" and BERLIN.at(PUT_FORWARD).abbreviation == "CEST"
    assert BERLIN.at(PUT_BACK - 1).offset == 7200 and BERLIN.at(PUT_BACK).offset == 3600


def test_an_hour_that_is_skipped_is_read_by_the_clock_before():
    local = PUT_FORWARD + 3600 + 1800  # 02:30, which no clock shows
    assert BERLIN.instant(local, None, BERLIN.at(PUT_FORWARD - 60)) == PUT_FORWARD + 1800


def test_an_hour_shown_twice_goes_by_what_held_before():
    local = PUT_BACK + 3600 + 1800  # 02:30
    assert BERLIN.instant(local, None, BERLIN.at(PUT_BACK - 7200)) == PUT_BACK - 1800
    assert BERLIN.instant(local, None, BERLIN.at(PUT_BACK + 7200)) == PUT_BACK + 1800
    assert BERLIN.instant(local, True, BERLIN.at(PUT_BACK + 7200)) == PUT_BACK - 1800
    assert BERLIN.instant(local, False, BERLIN.at(PUT_BACK - 7200)) == PUT_BACK + 1800


@pytest.mark.parametrize(("text", "second", "offset"), [
    ("EST5", 0, -18000), ("<+0330>-3:30", 0, 12600), ("AEST-10AEDT,M10.1.0,M4.1.0/3", 1704067200, 39600),
    ("AEST-10AEDT,M10.1.0,M4.1.0/3", 1719792000, 36000), ("XXX0YYY,J60,J300", 1709251200, 0),
    ("XXX0YYY,J60,J300", 1709262000, 3600), ("XXX0YYY,59,300", 1709175600, 3600), ("XXX0YYY-2,J1/0,J365/25", 1709251200, 7200),
])  # fmt: skip
def test_posix_strings(text, second, offset):
    rule = zone.parse_rule(text)
    assert Zone((), (rule.standard,), rule).at(second).offset == offset


@pytest.mark.parametrize("text", ["", "X", "EST", "<EST5", "CET-1CEST", "CET-1CEST,M3.5.0", "CET-1CEST,M3.5.0,M10.5.0,J1",
                                  "CET-1CEST,M3,M10", "CET-1CEST,x,y"])
def test_what_is_no_posix_string(text):
    with pytest.raises(ValueError):
        zone.parse_rule(text)


@given(st.binary(max_size=200))
def test_what_is_no_zone_file_is_refused(data):
    for text in (data, b"TZif2" + data, b"TZif\0" + 15 * b"\0" + data):
        try:
            zone.parse(text)
        except ValueError:
            pass  # anything else would be a bug; that it parses is as good


@needs_database
@given(st.sampled_from(NAMES), st.integers(0, 500))
def test_a_torn_zone_file_raises_nothing_but_value_errors(name, size):
    with open(f"{DATABASE}/{name}", "rb") as file:
        data = file.read()[:size]
    try:
        zone.parse(data)
    except ValueError:
        pass  # a file torn within its last line still has all transitions


def test_utc_has_one_name_and_no_offset():
    assert UTC.names() == ("UTC", "UTC") and UTC.at(10**10).offset == 0


def test_a_zone_passes_for_utc_when_its_clocks_are_not_changed_any_more():
    """As systemd-analyze 252 shows it of Africa/Accra, which had daylight saving time once."""
    accra = Zone((0, 1000), (Regime(0, False, "GMT"), Regime(1200, True, "+0020"), Regime(0, False, "GMT")), parse_rule("GMT0"))
    assert accra.passes_for_utc(1000) and not accra.passes_for_utc(999) and not accra.passes_for_utc(None)
    assert UTC.passes_for_utc(None) and UTC.passes_for_utc(0)
    assert not Zone((), (Regime(3600, False, "CET"),), parse_rule("CET-1")).passes_for_utc(5)
