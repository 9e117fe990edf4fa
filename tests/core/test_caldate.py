from __future__ import annotations

import datetime

from hypothesis import given
from hypothesis import strategies as st

from initd.core import caldate

EPOCH = datetime.date(1970, 1, 1).toordinal()


@given(st.dates())
def test_days_are_those_of_datetime(date):
    days = caldate.to_days(date.year, date.month, date.day)
    assert days == date.toordinal() - EPOCH
    assert caldate.from_days(days) == (date.year, date.month, date.day)
    assert caldate.weekday(days) == date.isoweekday() % 7


@given(st.integers(-10**7, 10**7))
def test_any_day_comes_back(days):
    assert caldate.to_days(*caldate.from_days(days)) == days


def test_a_day_too_many_counts_on():
    assert caldate.to_days(2024, 2, 30) == caldate.to_days(2024, 3, 1)
    assert caldate.to_days(2024, 12, 32) == caldate.to_days(2025, 1, 1)


def test_leap_years():
    assert [year for year in (1900, 1970, 2000, 2023, 2024, 2100) if caldate.is_leap(year)] == [2000, 2024]
    assert caldate.month_length(2024, 2) == 29 and caldate.month_length(2100, 2) == 28
