"""Calendar events such as "Mon..Fri *-*-* 9/2:30 Europe/Berlin" (systemd.time(7), CALENDAR EVENTS): text to value and back.

`parse` reads all that systemd 252 reads, `format` prints the normalized form. When an event elapses next is
`calendar_elapse`'s question. Which names are time zones is a fact of the machine and arrives as an argument.
"""

from __future__ import annotations

from initd.core import caldate
from initd.core.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_WEEKDAY_NAMES = {
    word: number
    for number, name in enumerate(("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"))
    for word in (name.lower(), name[:3].lower())
}
MIN_YEAR, MAX_YEAR = 1970, 2199
SECOND = 1_000_000
#: More values than this in one list are refused.
_MAX_VALUES = 240
_INT_MAX = 2**31 - 1
_INT_DIGITS = len(str(_INT_MAX))
_DIGITS = frozenset("0123456789")
#: What a shorthand stands for.
_SHORTHANDS = {
    "minutely": "*-*-* *:*:00",
    "hourly": "*-*-* *:00:00",
    "daily": "*-*-* 00:00:00",
    "monthly": "*-*-01 00:00:00",
    "weekly": "Mon *-*-* 00:00:00",
    "quarterly": "*-01,04,07,10-01 00:00:00",
} | dict.fromkeys(("annually", "yearly", "anually"), "*-01-01 00:00:00") | dict.fromkeys(
    ("biannually", "bi-annually", "semiannually", "semi-annually"), "*-01,07-01 00:00:00"
)


class CalendarError(ValueError):
    """No calendar event. `is_range`: a number is too large or a repetition zero, ERANGE instead of EINVAL."""

    is_range = False


class _RangeError(CalendarError):
    is_range = True


class Values(Record):
    """Some values of a field: `start` alone, or up to `stop` (None: the field's largest) each `repeat`."""

    start: int
    stop: int | None = None
    repeat: int = 0


#: One field's lists; empty for "*". Seconds are in microseconds.
Field = tuple[Values, ...]
_ALL_SECONDS: Field = (Values(0, None, SECOND),)


class CalendarSpec(Record):
    """A calendar event. `weekdays` are 0 for Monday to 6, none for all; `is_end_of_month` counts days from the end.

    `zone` names a time zone of the database; `is_dst` is set where the zone was given as one of the local zone's
    abbreviations.
    """

    year: Field = ()
    month: Field = ()
    day: Field = ()
    hour: Field = ()
    minute: Field = ()
    second: Field = ()
    weekdays: tuple[int, ...] = ()
    is_end_of_month: bool = False
    is_utc: bool = False
    is_dst: bool | None = None
    zone: str = ""


def parse(text: str, is_zone: Callable[[str], bool], local_names: tuple[str, str] = ("UTC", "UTC")) -> CalendarSpec:
    """The event that the text describes. CalendarError where it describes none.

    `is_zone` says whether the time zone database has a name; `local_names` are the local zone's abbreviations, for
    standard and for daylight saving time.
    """
    event, is_utc, is_dst, zone = _split_zone(text, is_zone, local_names)
    if not event:
        raise CalendarError("empty calendar event")
    event = _SHORTHANDS.get(event.lower(), event)
    reader = _Reader(event)
    weekdays = _read_weekdays(reader)
    spec = _read_date(reader) or CalendarSpec()
    if reader.is_over and spec.second:
        is_utc, is_dst = True, None  # "@SECONDS"
    else:
        spec = _read_time(reader, spec)
    if not reader.is_over:
        raise CalendarError(f"unexpected {reader.rest!r} in calendar event")
    spec = _normalized(spec.replace(weekdays=() if len(weekdays) == 7 else tuple(sorted(weekdays))))
    _check(spec)
    return spec.replace(is_utc=is_utc, is_dst=is_dst, zone="" if is_utc else zone)


def _split_zone(
    text: str, is_zone: Callable[[str], bool], local_names: tuple[str, str]
) -> tuple[str, bool, bool | None, str]:
    """The text without its time zone; whether that is UTC, which of the local zone's halves, or the zone's name."""
    event, space, word = text.rpartition(" ")
    if not space:
        return text, False, None, ""
    if word.lower() == "utc":
        return event, True, None, ""
    for is_dst, name in enumerate(local_names):
        if word.lower() == name.lower():
            return event, False, bool(is_dst), ""
    if word and is_zone(word):
        return event, False, None, word
    return text, False, None, ""


class _Reader:
    """The text, and how far it has been read."""

    __slots__ = ("text", "position")

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0

    @property
    def rest(self) -> str:
        """What is left, to be shown."""
        return self.text[self.position:]

    @property
    def is_over(self) -> bool:
        return self.position >= len(self.text)

    def is_at(self, prefix: str) -> bool:
        return self.text.startswith(prefix, self.position)

    def skips(self, prefix: str) -> bool:
        if self.is_at(prefix):
            self.position += len(prefix)
            return True
        return False

    def skip_spaces(self) -> None:
        self.take(" ".__eq__)

    def take(self, belongs: Callable[[str], bool]) -> str:
        """The letters from here on that belong together, taken off."""
        start = self.position
        while not self.is_over and belongs(self.text[self.position]):
            self.position += 1
        return self.text[start:self.position]

    def number(self) -> int:
        digits = self._digits()
        if not digits:
            raise CalendarError(f"a number is missing before {self.rest!r}")
        # Their number first: int() refuses thousands of digits with an error of its own.
        significant = digits.lstrip("0") or "0"
        if len(significant) > _INT_DIGITS or int(significant) > _INT_MAX:
            raise _RangeError(f"{digits} is too large")
        return int(significant)

    def instant(self) -> int:
        self.skips("+")  # as strtoul(3) reads it
        digits = self._digits()
        if not digits or len(digits.lstrip("0")) > 12:
            raise CalendarError(f"@{digits} is no moment of the calendar")
        return int(digits.lstrip("0") or "0")

    def microseconds(self) -> int:
        """Seconds with up to any number of decimals, rounded to six."""
        total = self.number() * SECOND
        if total > _INT_MAX:
            raise _RangeError(f"{total // SECOND} seconds are too many")
        if self.is_at(".") and self.text[self.position + 1:self.position + 2] in _DIGITS:
            self.position += 1
            digits = self._digits()
            total += int(digits[:6].ljust(6, "0")) + (digits[6:7] >= "5")
        return total

    def _digits(self) -> str:
        return self.take(_DIGITS.__contains__)


def _read_weekdays(reader: _Reader) -> set[int]:
    """The weekdays at the text's beginning, and what parts them from the rest, taken off."""
    found: set[int] = set()
    first: int | None = None
    is_first = True
    while True:
        day = _read_weekday(reader)
        if day is None:
            if is_first:
                return found
            raise CalendarError(f"{reader.rest!r} is no weekday")
        is_first = False
        if first is not None:
            if first > day:
                raise CalendarError("a range of weekdays ends before it begins")
            found.update(range(first, day + 1))
        else:
            found.add(day)
        if reader.is_over:
            return found
        if reader.is_at(" "):
            reader.skip_spaces()
            return found
        if reader.skips(","):
            first = None
            if reader.is_over:
                return found
            if reader.is_at(" "):
                reader.skip_spaces()
                return found
        elif first is None and (reader.skips("..") or reader.skips("-")):
            first = day
        else:
            raise CalendarError(f"unexpected {reader.rest!r} behind a weekday")


def _read_weekday(reader: _Reader) -> int | None:
    before = reader.position
    day = _WEEKDAY_NAMES.get(reader.take(str.isalpha).lower())
    if day is None:
        reader.position = before
    return day


def _read_date(reader: _Reader) -> CalendarSpec | None:
    """A date, taken off the text with the spaces behind it; None, and nothing taken off, where a time is there."""
    before = reader.position
    if reader.is_over:
        return None
    if reader.skips("@"):
        return _read_instant(reader)
    first = _read_field(reader)
    if reader.skips("~"):
        day = _read_field(reader)
        _end_date(reader)
        return CalendarSpec(month=first, day=day, is_end_of_month=bool(day))
    if not reader.skips("-"):
        reader.position = before
        return None
    second = _read_field(reader)
    if reader.is_at(" ") or reader.is_over:
        _end_date(reader)
        return CalendarSpec(month=first, day=second)
    is_end_of_month = reader.skips("~")
    if not is_end_of_month and not reader.skips("-"):
        raise CalendarError(f"unexpected {reader.rest!r} in a date")
    third = _read_field(reader)
    _end_date(reader)
    return CalendarSpec(year=first, month=second, day=third, is_end_of_month=is_end_of_month and bool(third))


def _end_date(reader: _Reader) -> None:
    if not reader.is_over and not reader.is_at(" "):
        raise CalendarError(f"unexpected {reader.rest!r} behind a date")
    reader.skip_spaces()


def _read_instant(reader: _Reader) -> CalendarSpec:
    """The one moment that "@SECONDS" names, in UTC."""
    seconds = reader.instant()
    days, second = divmod(seconds, 86400)
    fields = (*caldate.from_days(days), second // 3600, second // 60 % 60, second % 60 * SECOND)
    year, month, day, hour, minute, usec = ((Values(value),) for value in fields)
    return CalendarSpec(year, month, day, hour, minute, usec)


def _read_time(reader: _Reader, spec: CalendarSpec) -> CalendarSpec:
    """The time of day, 00:00:00 where none is left to read."""
    if reader.is_over:
        return spec.replace(hour=(Values(0),), minute=(Values(0),), second=(Values(0),))
    hour = _read_field(reader)
    if not reader.skips(":"):
        raise CalendarError("a time needs minutes")
    minute = _read_field(reader)
    second: Field = (Values(0),)
    if reader.skips(":"):
        second = _read_field(reader, is_seconds=True)
    return spec.replace(hour=hour, minute=minute, second=second)


def _read_field(reader: _Reader, is_seconds: bool = False) -> Field:
    if reader.skips("*"):
        return _ALL_SECONDS if is_seconds else ()
    found = [_read_values(reader, is_seconds)]
    while reader.skips(","):
        found.append(_read_values(reader, is_seconds))
        if len(found) > _MAX_VALUES:
            raise _RangeError("too many values in a list")
    return tuple(found)


def _read_values(reader: _Reader, is_seconds: bool) -> Values:
    read = reader.microseconds if is_seconds else reader.number
    start, stop, repeat, is_short = read(), None, 0, False
    if reader.skips(".."):
        stop = read()
        repeat = SECOND if is_seconds else 1
        is_short = is_seconds and stop < start + repeat
    if reader.skips("/"):
        repeat = read()
        if repeat == 0:
            raise _RangeError("a repetition of zero")
    elif is_short:
        raise CalendarError("a range of less than a second")
    return Values(start, stop, repeat)


# --- normal form ---------------------------------------------------------------------------------------------------


def _normalized(spec: CalendarSpec) -> CalendarSpec:
    return spec.replace(
        year=_sorted(tuple(
            each.replace(start=_full_year(each.start), stop=None if each.stop is None else _full_year(each.stop))
            for each in spec.year
        )),
        month=_sorted(spec.month),
        day=_sorted(spec.day),
        hour=_sorted(spec.hour),
        minute=_sorted(spec.minute),
        second=_sorted(spec.second),
    )


def _full_year(year: int) -> int:
    """Two digits are of this century up to 69."""
    return year if year >= 100 else year + (2000 if year < 70 else 1900)


def _sorted(field: Field) -> Field:
    """In order, none twice; a range ends with the last value that it reaches."""
    out = set()
    for each in field:
        if each.stop is not None and each.stop >= each.start:
            last = each.start + (each.stop - each.start) // each.repeat * each.repeat
            each = Values(each.start) if last == each.start else each.replace(stop=last)
        out.add(each)
    return tuple(sorted(out, key=lambda each: (each.start, -1 if each.stop is None else each.stop, each.repeat)))


def _check(spec: CalendarSpec) -> None:
    _check_field(spec.year, MIN_YEAR, MAX_YEAR)
    _check_field(spec.month, 1, 12)
    if spec.is_end_of_month:
        _check_end_of_month(spec.day)
    else:
        _check_field(spec.day, 1, 31)
    _check_field(spec.hour, 0, 23)
    _check_field(spec.minute, 0, 59)
    _check_field(spec.second, 0, 60 * SECOND - 1)


def _check_field(field: Field, least: int, most: int) -> None:
    for each in field:
        _check_values(each, least, most)
        if each.stop is None and each.start + each.repeat > most:
            raise CalendarError("a repetition that never comes round")


def _check_end_of_month(field: Field) -> None:
    """Only days that each month has; and systemd takes three days off for each further one of a list, in order."""
    for position, each in enumerate(field):
        _check_values(each, 1, 28 - 3 * position)
        if each.stop is None and each.start - each.repeat < 1:
            raise CalendarError("a repetition beyond the month's last day")


def _check_values(values: Values, least: int, most: int) -> None:
    if not least <= values.start <= most:
        raise CalendarError(f"{values.start} is out of range")
    if values.stop is not None and not values.start <= values.stop <= most:
        raise CalendarError("a range ends before it begins, or beyond what there is")


# --- text ------------------------------------------------------------------------------------------------------------


def format(spec: CalendarSpec, local_names: tuple[str, str] = ("UTC", "UTC")) -> str:
    """The normalized form, as systemd prints it."""
    words = []
    if spec.weekdays:
        words.append(_format_weekdays(spec.weekdays))
    mark = "~" if spec.is_end_of_month else "-"
    words.append(f"{_format_field(spec.year, 4)}-{_format_field(spec.month)}{mark}{_format_field(spec.day)}")
    # Whatever comes behind it is covered.
    seconds = "*" if spec.second[:1] == _ALL_SECONDS else _format_field(spec.second, is_seconds=True)
    words.append(f"{_format_field(spec.hour)}:{_format_field(spec.minute)}:{seconds}")
    if spec.is_utc:
        words.append("UTC")
    elif spec.zone:
        words.append(spec.zone)
    elif spec.is_dst is not None:
        words.append(local_names[spec.is_dst])
    return " ".join(words)


def _format_weekdays(days: tuple[int, ...]) -> str:
    """Three in a row or more are a range."""
    words, start = [], 0
    while start < len(days):
        end = start
        while end + 1 < len(days) and days[end + 1] == days[end] + 1:
            end += 1
        if end - start >= 2:
            words.append(f"{WEEKDAYS[days[start]]}..{WEEKDAYS[days[end]]}")
        else:
            words += [WEEKDAYS[day] for day in days[start:end + 1]]
        start = end + 1
    return ",".join(words)


def _format_field(field: Field, width: int = 2, is_seconds: bool = False) -> str:
    if not field:
        return "*"
    words = []
    for each in field:
        word = _format_value(each.start, width, is_seconds)
        if each.stop is not None:
            word += ".." + _format_value(each.stop, width, is_seconds)
        step = SECOND if is_seconds else 1
        if each.repeat and not (each.stop is not None and each.repeat == step):
            word += "/" + _format_value(each.repeat, 1, is_seconds)
        words.append(word)
    return ",".join(words)


def _format_value(value: int, width: int, is_seconds: bool) -> str:
    if not is_seconds:
        return f"{value:0{width}d}"
    whole, rest = divmod(value, SECOND)
    return f"{whole:0{width}d}" + (f".{rest:06d}" if rest else "")
