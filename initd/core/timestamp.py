"""Points in time as users write and read them (systemd.time(7), PARSING and DISPLAYING TIMESTAMPS).

`parse` gives microseconds of the epoch, `format` "Fri 2012-11-23 23:02:15 CET", `format_relative` "2h 5min ago". The
present moment and the zones arrive as arguments.

systemd 252 refuses every timestamp that names a zone of the database ("tomorrow Pacific/Auckland"), although its manual
page promises them; here they are read.
"""

from __future__ import annotations

from initd.core import caldate, timespan
from initd.core.values import INFINITY
from initd.core.zone import UTC, Zone

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_SECOND = 1_000_000
_MINUTE, _HOUR, _DAY, _WEEK = 60 * _SECOND, 3600 * _SECOND, 86400 * _SECOND, 604800 * _SECOND
_MONTH, _YEAR = 2629800 * _SECOND, 31557600 * _SECOND
#: The last moment that is printed: a day before the year 10000, so that no zone shows five digits.
FORMATTABLE_MAX = 253402214399_999999
_WEEKDAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_WEEKDAY_NUMBERS = {word.lower(): number for number, name in enumerate(_WEEKDAYS) for word in (name, name[:3])}
_DAYS_FROM_TODAY = {"today": 0, "yesterday": -1, "tomorrow": 1}
#: strptime(3)'s letters: (fewest digits are one) most digits, least, most.
_NUMBERS = {
    "y": (2, 0, 99), "Y": (4, 0, 9999), "m": (2, 1, 12), "d": (2, 1, 31), "H": (2, 0, 23), "M": (2, 0, 59),
    "S": (2, 0, 61),
}
#: The forms tried, in this order. ".": behind the seconds there may be a fraction.
_FORMS = (
    ("%y-%m-%d %H:%M:%S", True), ("%Y-%m-%d %H:%M:%S", True), ("%y-%m-%d %H:%M", False), ("%Y-%m-%d %H:%M", False),
    ("%y-%m-%d", False), ("%Y-%m-%d", False), ("%H:%M:%S", True), ("%H:%M", False),
)
_SPACE = " \t\n\v\f\r"


class TimestampRangeError(ValueError):
    """A time too far away: ERANGE instead of EINVAL."""


def parse(text: str, now_usec: int, zone: Zone, zone_named: Callable[[str], Zone | None]) -> int:
    """The moment meant, in microseconds of the epoch. ValueError where it is none."""
    if text == "now":
        return now_usec
    if text.startswith("@"):
        return _parse_span(text[1:])
    for is_span, span, sign in (
        (text.startswith("+"), text[1:], 1),
        (text.startswith("-"), text[1:], -1),
        (text.endswith(" ago"), text[:-4], -1),
        (text.endswith(" left"), text[:-5], 1),
    ):
        if is_span:
            return _in_range(now_usec + sign * _parse_span(span))
    event, zone, is_dst = _split_zone(text, zone, zone_named)
    return _in_range(_parse_local(event, now_usec, zone, is_dst))


def _parse_span(text: str) -> int:
    try:
        return timespan.parse(text)
    except timespan.SpanRangeError as error:
        raise TimestampRangeError(str(error)) from None


def _in_range(usec: int) -> int:
    if not 0 <= usec <= FORMATTABLE_MAX:
        raise ValueError("the time is out of range")
    return usec


def _split_zone(
    text: str, zone: Zone, zone_named: Callable[[str], Zone | None]
) -> tuple[str, Zone, bool | None]:
    """The text without its zone, the zone, and which half of its year is meant where an abbreviation said so."""
    event, space, word = text.rpartition(" ")
    if not space:
        return text, zone, None
    if word.lower() == "utc":
        return event, UTC, None
    found = zone_named(word)
    if found is not None:
        return event, found, None
    for is_dst, name in enumerate(zone.names()):
        if word.lower() == name.lower():
            return event, zone, bool(is_dst)
    return text, zone, None


def _parse_local(text: str, now_usec: int, zone: Zone, is_dst: bool | None) -> int:
    now = now_usec // _SECOND
    regime = zone.at(now)
    today = (now + regime.offset) // 86400
    if text in _DAYS_FROM_TODAY:
        return zone.instant((today + _DAYS_FROM_TODAY[text]) * 86400, is_dst, regime) * _SECOND
    weekday, text = _take_weekday(text)
    for form, may_have_fraction in _FORMS:
        fields = _match(text, form)
        if fields is None:
            continue
        rest, fraction = fields.pop("rest", ""), 0
        if rest:
            if not may_have_fraction or not isinstance(rest, str):
                continue
            fraction = _fraction(rest)
            if fraction < 0:
                continue
        return _assemble(fields, weekday, today, fraction, zone, is_dst, now)
    raise ValueError(f"{text!r} is no timestamp")


def _assemble(fields: dict[str, int | str], weekday: int | None, today: int, fraction: int, zone: Zone,
              is_dst: bool | None, now: int) -> int:
    year, month, day = caldate.from_days(today)
    year, month, day = (int(fields.get(key, value)) for key, value in (("Y", year), ("m", month), ("d", day)))
    if "y" in fields:
        century = int(fields["y"])
        year = century + (1900 if century >= 69 else 2000)
    days = caldate.to_days(year, month, day)
    hour, minute, second = (int(fields.get(key, 0)) for key in "HMS")
    local = days * 86400 + hour * 3600 + minute * 60 + second
    instant = zone.instant(local, is_dst, zone.at(now))
    if weekday is not None:
        shown = (instant + zone.at(instant).offset) // 86400
        if caldate.weekday(shown) != weekday:
            raise ValueError("it is another day of the week")
    return instant * _SECOND + fraction


def _take_weekday(text: str) -> tuple[int | None, str]:
    """The weekday that a text begins with, a space behind it; and the rest."""
    word, space, rest = text.partition(" ")
    number = _WEEKDAY_NUMBERS.get(word.lower())
    return (number, rest) if space and number is not None else (None, text)


def _match(text: str, form: str) -> dict[str, int | str] | None:
    """The fields of a strptime(3) form by letter, and "rest", what is left behind it; None where it does not fit."""
    found: dict[str, int | str] = {}
    position = 0
    for char in form.replace("%", ""):
        if char in _NUMBERS:
            digits, least, most = _NUMBERS[char]
            while text[position:position + 1] and text[position] in _SPACE:
                position += 1
            end, value = position, 0
            while end < len(text) and end - position < digits and "0" <= text[end] <= "9":
                value = value * 10 + int(text[end])
                end += 1
                if value * 10 > most:
                    break
            if end == position or not least <= value <= most:
                return None
            found[char], position = value, end
        elif char == " ":
            while text[position:position + 1] and text[position] in _SPACE:
                position += 1
        elif text[position:position + 1] == char:
            position += 1
        else:
            return None
    if position < len(text):
        found["rest"] = text[position:]
    return found


def _fraction(text: str) -> int:
    """Microseconds of ".123"; -1 where the text is no fraction."""
    digits = text[1:]
    if not text.startswith(".") or not digits or not (digits.isdecimal() and digits.isascii()):
        return -1
    return int(digits[:6].ljust(6, "0")) + (digits[6:7] >= "5")


# --- printing --------------------------------------------------------------------------------------------------------


def format(usec: int, zone: Zone) -> str:
    """"Fri 2012-11-23 23:02:15 CET"; empty for 0 and for no time at all."""
    if usec <= 0 or usec >= INFINITY:
        return ""
    second = usec // _SECOND
    regime = zone.at(second)
    if usec > FORMATTABLE_MAX:
        return "--- XXXX-XX-XX XX:XX:XX"
    days, rest = divmod(second + regime.offset, 86400)
    year, month, day = caldate.from_days(days)
    return (f"{_WEEKDAYS[caldate.weekday(days)][:3]} {year:04d}-{month:02d}-{day:02d} "
            f"{rest // 3600:02d}:{rest // 60 % 60:02d}:{rest % 60:02d} {regime.abbreviation}")


def format_relative(usec: int, now_usec: int) -> str:
    """"2 months 5 days ago", "59min left"; empty for 0 and for no time at all."""
    if usec <= 0 or usec >= INFINITY:
        return ""
    distance = abs(now_usec - usec)
    if not distance:
        return "now"
    return f"{_distance(distance)} {'ago' if now_usec > usec else 'left'}"


def _distance(usec: int) -> str:
    for large, small, large_name, small_name in (
        (_YEAR, _MONTH, "year", "month"), (_MONTH, _DAY, "month", "day"), (_WEEK, _DAY, "week", "day"),
    ):
        if usec >= large:
            return f"{_count(usec // large, large_name)} {_count(usec % large // small, small_name)}"
    if usec >= 2 * _DAY:
        return _count(usec // _DAY, "day")
    if usec >= 25 * _HOUR:
        return f"1 day {usec // _HOUR - 24}h"
    if usec >= 6 * _HOUR:
        return f"{usec // _HOUR}h"
    if usec >= _HOUR:
        return f"{usec // _HOUR}h {usec % _HOUR // _MINUTE}min"
    if usec >= 5 * _MINUTE:
        return f"{usec // _MINUTE}min"
    if usec >= _MINUTE:
        return f"{usec // _MINUTE}min {usec % _MINUTE // _SECOND}s"
    if usec >= _SECOND:
        return f"{usec // _SECOND}s"
    if usec >= 1000:
        return f"{usec // 1000}ms"
    return f"{usec}us"


def _count(number: int, word: str) -> str:
    return f"{number} {word}" + ("" if number == 1 else "s")
