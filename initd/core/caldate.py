"""Dates as day numbers and back, in plain integers: the Gregorian calendar, for all years.

`datetime` would do it between the years 1 and 9999, and cost PID 1 its import.
"""

from __future__ import annotations

_LENGTHS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def is_leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def month_length(year: int, month: int) -> int:
    return 29 if month == 2 and is_leap(year) else _LENGTHS[month - 1]


def to_days(year: int, month: int, day: int) -> int:
    """Days since 1970-01-01. A day beyond the month's end counts on; the month is 1 to 12."""
    # Counted from March, so that a leap day is the last of its year.
    year -= month <= 2
    month = (month + 9) % 12
    return year * 365 + year // 4 - year // 100 + year // 400 + (153 * month + 2) // 5 + day - 719469


def from_days(days: int) -> tuple[int, int, int]:
    """Year, month and day."""
    days += 719468
    era, days = divmod(days, 146097)
    year = (days - days // 1460 + days // 36524 - days // 146096) // 365
    days -= 365 * year + year // 4 - year // 100
    month = (5 * days + 2) // 153
    day = days - (153 * month + 2) // 5 + 1
    month = month + 3 if month < 10 else month - 9
    return year + era * 400 + (month <= 2), month, day


def weekday(days: int) -> int:
    """0 for Sunday to 6 for Saturday, as tm_wday."""
    return (days + 4) % 7
