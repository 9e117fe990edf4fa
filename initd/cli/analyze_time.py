"""`systemd-analyze calendar`, `timestamp` and `timespan`: what an expression means, in the words of systemd 252."""

from __future__ import annotations

import sys
import time
from errno import EINVAL, ERANGE
from os import strerror

from initd.cli.analyze_options import AnalyzeOptions
from initd.cli.options import UsageError
from initd.cli.output import complain_behind
from initd.core import calendar as events
from initd.core import timespan as spans
from initd.core import timestamp as stamps
from initd.core.calendar_elapse import next_elapse
from initd.core.zone import UTC, Zone
from initd.shell import zones

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def now_usec() -> int:
    return time.time_ns() // 1000


def parse_base_time(text: str) -> int:
    try:
        return stamps.parse(text, now_usec(), zones.local(), zones.named)
    except ValueError:
        raise UsageError(f"Failed to parse --base-time= parameter: {text}") from None


def calendar(arguments: list[str], options: AnalyzeOptions) -> int:
    return _each(arguments, lambda text: _show_calendar(text, options))


def timestamp(arguments: list[str], options: AnalyzeOptions) -> int:
    return _each(arguments, lambda text: _show_timestamp(text, options))


def timespan(arguments: list[str], options: AnalyzeOptions) -> int:
    """The first that is none ends it: systemd's does not go on here, as it does with the others."""
    for number, text in enumerate(arguments):
        try:
            usec = spans.parse(text)
        except ValueError as error:
            _complain(f"Failed to parse time span '{text}'", error)
            _hint(text, options, ("calendar", "timestamp"))
            return 1
        _print_fields([("Original", text), ("μs", str(usec)), ("Human", spans.format(usec))])
        if number + 1 < len(arguments):
            print()
    return 0


def _each(arguments: list[str], show: Callable[[str], bool]) -> int:
    is_good = True
    for number, text in enumerate(arguments):
        is_good = show(text) and is_good
        if number + 1 < len(arguments):
            print()
    return 0 if is_good else 1


def _show_calendar(text: str, options: AnalyzeOptions) -> bool:
    local = zones.local()
    try:
        spec = events.parse(text, zones.is_zone, local.names())
    except events.CalendarError as error:
        _complain(f"Failed to parse calendar specification '{text}'", error)
        _hint(text, options, ("timestamp", "timespan"))
        return False
    normalized = events.format(spec, local.names())
    rows = [("Original form", text)] if normalized != text else []
    rows.append(("Normalized form", normalized))
    zone = zones.named(spec.zone) if spec.zone else local
    at = now_usec() if options.base_time is None else options.base_time
    for number in range(options.iterations):
        found = next_elapse(spec, at, zone or UTC)
        if found is None:
            if number == 0:
                rows.append(("Next elapse", "never"))
            break
        at = found
        rows += _moment("Next elapse" if number == 0 else f"Iter. #{number + 1}", at, local, bool(spec.zone) or spec.is_utc)
        rows.append(("From now", stamps.format_relative(at, now_usec()) or "-"))
    _print_fields(rows)
    return True


def _show_timestamp(text: str, options: AnalyzeOptions) -> bool:
    local = zones.local()
    try:
        usec = stamps.parse(text, now_usec(), local, zones.named)
    except ValueError as error:
        _complain(f'Failed to parse "{text}"', error)
        _hint(text, options, ("calendar", "timespan"))
        return False
    seconds, rest = divmod(usec, 1_000_000)
    _print_fields([
        ("Original form", text),
        *_moment("Normalized form", usec, local),
        ("UNIX seconds", f"@{seconds}" + (f".{rest:06d}" if rest else "")),
        ("From now", stamps.format_relative(usec, now_usec()) or "-"),
    ])
    return True


def _moment(label: str, usec: int, local: Zone, is_elsewhere: bool = False) -> list[tuple[str, str]]:
    """The moment by the local clock, and in UTC where that is another. `is_elsewhere`: found by another zone's clock."""
    rows = [(label, stamps.format(usec, local) or "-")]
    if not local.passes_for_utc(None if is_elsewhere else usec // 1_000_000):
        rows.append(("(in UTC)", stamps.format(usec, UTC) or "-"))
    return rows


def _print_fields(rows: list[tuple[str, str]]) -> None:
    label_width = max(len(label) for label, _ in rows)
    width = max(len(value) for _, value in rows)
    for label, value in rows:
        # The widest is printed as it is, spaces at its end included; the others lose them with their padding.
        print(f"{label:>{label_width}}: {value if len(value) == width else value.rstrip(' ')}")


def _complain(text: str, error: ValueError) -> None:
    is_range = getattr(error, "is_range", False) or isinstance(error, (spans.SpanRangeError, stamps.TimestampRangeError))
    complain_behind(f"{text}: {strerror(ERANGE if is_range else EINVAL)}")


_NAMES = {"calendar": "calendar specification", "timestamp": "timestamp", "timespan": "timespan"}


def _hint(text: str, options: AnalyzeOptions, verbs: tuple[str, ...]) -> None:
    """Whether the expression is good for another verb."""
    if options.is_quiet:
        return
    for verb in verbs:
        if _is_good(verb, text):
            print(f"Hint: this expression is a valid {_NAMES[verb]}. Use 'systemd-analyze {verb} \"{text}\"' instead?",
                  file=sys.stderr)


def _is_good(verb: str, text: str) -> bool:
    local = zones.local()
    try:
        if verb == "calendar":
            events.parse(text, zones.is_zone, local.names())
        elif verb == "timestamp":
            stamps.parse(text, now_usec(), local, zones.named)
        else:
            spans.parse(text)
    except ValueError:
        return False
    return True
