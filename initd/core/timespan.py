"""Time spans such as "1min 30s", both ways (systemd.time(7), PARSING TIME SPANS).

`parse` gives microseconds, `format` the words that systemctl prints.
"""

from __future__ import annotations

from initd.core.values import INFINITY

_USEC = 1
_MSEC = 1000
_SEC = 1000 * _MSEC
_MIN = 60 * _SEC
_HOUR = 60 * _MIN
_DAY = 24 * _HOUR
_WEEK = 7 * _DAY
#: 30.44 and 365.25 days.
_MONTH = 2629800 * _SEC
_YEAR = 31557600 * _SEC

_UNITS = {
    "us": _USEC, "usec": _USEC, "µs": _USEC, "μs": _USEC,
    "ms": _MSEC, "msec": _MSEC,
    "s": _SEC, "sec": _SEC, "second": _SEC, "seconds": _SEC,
    "m": _MIN, "min": _MIN, "minute": _MIN, "minutes": _MIN,
    "h": _HOUR, "hr": _HOUR, "hour": _HOUR, "hours": _HOUR,
    "d": _DAY, "day": _DAY, "days": _DAY,
    "w": _WEEK, "week": _WEEK, "weeks": _WEEK,
    "M": _MONTH, "month": _MONTH, "months": _MONTH,
    "y": _YEAR, "year": _YEAR, "years": _YEAR,
}
_PRINTED = (
    ("y", _YEAR), ("month", _MONTH), ("w", _WEEK), ("d", _DAY), ("h", _HOUR), ("min", _MIN), ("s", _SEC),
    ("ms", _MSEC), ("us", _USEC),
)
_NSEC_UNITS = {"ns": 1, "nsec": 1} | {name: 1000 * size for name, size in _UNITS.items()}
_LONGEST_UNIT = max(map(len, _UNITS))
_DIGITS = frozenset("0123456789")
_SPACE = " \t\n\r"


class SpanRangeError(ValueError):
    """A time span that is too long: ERANGE instead of EINVAL."""


def parse(text: str, default_unit: int = _SEC) -> int:
    """Microseconds; a number without a unit counts `default_unit`s. ValueError where it is no time span."""
    return _parse(text, default_unit, _UNITS)


def parse_nsec(text: str) -> int:
    """Nanoseconds; a number without a unit is nanoseconds (TimerSlackNSec=)."""
    return _parse(text, 1, _NSEC_UNITS)


def _parse(text: str, default_unit: int, units: dict[str, int]) -> int:
    text = text.strip(_SPACE)
    if text == "infinity":
        return INFINITY
    if not text:
        raise ValueError("empty time span")
    total = 0
    position = 0
    while position < len(text):
        amount, fraction, position = _number(text, position)
        unit, position = _unit(text, position, default_unit, units)
        total += amount * unit
        for digit in fraction:
            unit //= 10  # rounded down at each digit, as systemd does
            total += int(digit) * unit
        if total >= INFINITY:
            raise SpanRangeError(f"time span {text!r} is out of range")
    return total


def _number(text: str, position: int) -> tuple[int, str, int]:
    """The number at `position`: its whole part, the digits behind the point, and where it ends."""
    start = start_of_all = position
    if text[position] == "-":
        raise SpanRangeError("a time span is not negative")
    if text[position] == "+":
        position = start = position + 1
    while position < len(text) and text[position] in _DIGITS:
        position += 1
    whole = text[start:position]
    # Whatever the unit is: no number that an int64_t does not hold.
    if len(whole.lstrip("0")) > 19 or int(whole or "0") > 2**63 - 1:
        raise SpanRangeError(f"{whole} is out of range")
    fraction = ""
    if position < len(text) and text[position] == ".":
        start = position = position + 1
        while position < len(text) and text[position] in _DIGITS:
            position += 1
        fraction = text[start:position]
        if not fraction or text[position:position + 1] == ".":
            raise ValueError(f"bad time span {text!r}")
    if not whole and (not fraction or text[start_of_all] == "+"):
        raise ValueError(f"bad time span {text!r}")
    return int(whole or "0"), fraction, position


def _unit(text: str, position: int, default_unit: int, units: dict[str, int]) -> tuple[int, int]:
    """The size of the unit behind a number, and where the next number begins.

    A unit is the longest name that is there: what follows it need not be a space, "1h30min" is two spans.
    """
    after_number = position
    position = _skip_space(text, position)
    size, end = default_unit, position
    for length in range(_LONGEST_UNIT, 0, -1):
        if (name := text[position:position + length]) in units:
            size, end = units[name], position + len(name)
            break
    else:
        if position == after_number and position < len(text):
            raise ValueError(f"unknown time unit in {text!r}")
    return size, _skip_space(text, end)


def _skip_space(text: str, position: int) -> int:
    while position < len(text) and text[position] in _SPACE:
        position += 1
    return position


def format(usec: int) -> str:
    """The span as systemctl prints it: "1min 30s", "100ms", "1.500000s", "infinity"."""
    if usec >= INFINITY:
        return "infinity"
    if usec <= 0:
        return "0"
    parts = []
    for name, size in _PRINTED:
        if usec < size:
            continue
        whole, rest = divmod(usec, size)
        if rest and size <= _SEC and size > _USEC:
            digits = len(str(size)) - 1
            parts.append(f"{whole}.{rest:0{digits}d}{name}")
            break
        parts.append(f"{whole}{name}")
        usec = rest
        if not usec:
            break
    return " ".join(parts)
