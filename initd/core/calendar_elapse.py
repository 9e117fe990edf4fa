"""When a calendar event elapses next, by the clocks of a time zone.

The walk goes over what clocks show, largest field first: each is moved on to its next match, and all below it begin
again. What clocks never show (February 30, an hour that is skipped when they are put forward) does not elapse; an hour
they show twice elapses once. So does systemd, whose way of going from the clock's reading to an instant is
mktime(3)'s: see `Zone.instant`.
"""

from __future__ import annotations

from initd.core import caldate
from initd.core.calendar import MAX_YEAR, SECOND, CalendarSpec, Field, Values
from initd.core.zone import UTC, Regime, Zone

#: systemd gives up after so many steps: what has not come by then never does.
_MAX_STEPS = 1000
_YEAR, _MONTH, _DAY, _HOUR, _MINUTE, _SECOND = range(6)
_LEAST = (0, 1, 1, 0, 0, 0)


def next_elapse(spec: CalendarSpec, after_usec: int, zone: Zone) -> int | None:
    """The first microsecond after `after_usec` (of the epoch) that matches; None where none will.

    `zone` is the event's own where it names one, else the local one; an event in UTC ignores it.
    """
    return _Walk(spec, UTC if spec.is_utc else zone, after_usec + 1).run()


class _Walk:
    """One search. `_clock` is what clocks show where it stands: year, month, day, hour, minute, microsecond."""

    __slots__ = ("_spec", "_zone", "_clock", "_regime")

    def __init__(self, spec: CalendarSpec, zone: Zone, usec: int) -> None:
        self._spec, self._zone = spec, zone
        second, rest = divmod(usec, SECOND)
        #: What the zone's clocks did at the instant last looked at: an hour shown twice is understood by it.
        self._regime: Regime = zone.at(second)
        self._clock = _clock_at(second + self._regime.offset, rest)

    def run(self) -> int | None:
        for _ in range(_MAX_STEPS):
            self._settle(None)
            field = 0
            while field <= _SECOND:
                moved = self._match(field)
                if moved is False:
                    break
                if moved is None:
                    return None
                field += 1
            else:
                return self._settle(self._spec.is_dst)
        return None

    def _match(self, field: int) -> bool | None:
        """Move one field on to its next match. False: the clock was carried, begin again; None: there is no match."""
        value = self._next_value(field)
        if value is not None:
            if value != self._clock[field]:
                self._set(field, value)
            wanted = list(self._clock)
            self._settle(self._spec.is_dst)
            if self._clock == wanted:
                return True if field != _DAY or self._is_weekday() else self._carry(_DAY, 1)
            if field == _YEAR:
                return None
            if self._clock > wanted:
                self._begin_below(wanted)
                return False
            self._clock = wanted
        return None if field == _YEAR else self._carry(field - 1, 1)

    def _begin_below(self, wanted: list[int]) -> None:
        """Clocks never show what was wanted, and were carried on: what lies below the carry begins again.

        systemd lets only the field right below begin again. A repetition that runs over ("*:4/27" at 23:59 goes on to
        minute 85) may therefore miss its first match after midnight, 00:04, for the next, 00:31; and "*-*-1,6/11" goes
        from December 28 to "December 39" and from there to January 17.
        """
        field = next(place for place, (now, then) in enumerate(zip(self._clock, wanted)) if now != then)
        if field < _MINUTE:
            self._clock[field + 1] = _LEAST[field + 1]
        elif field == _MINUTE:
            self._clock[_SECOND] %= SECOND  # fractions of a second are a field of their own there, below this one

    def _is_weekday(self) -> bool:
        day = caldate.weekday(caldate.to_days(*self._clock[:3]))
        return not self._spec.weekdays or (day - 1) % 7 in self._spec.weekdays

    def _carry(self, field: int, step: int) -> bool:
        self._set(field, self._clock[field] + step)
        return False

    def _set(self, field: int, value: int) -> None:
        self._clock[field:] = (value, *_LEAST[field + 1:])

    def _next_value(self, field: int) -> int | None:
        """The least match that is not below what the clock shows; None where the field runs over."""
        now = self._clock[field]
        values: Field = getattr(self._spec, CalendarSpec._fields[field])
        if field == _YEAR and now > MAX_YEAR:
            return None
        if not values:
            return now
        if field == _DAY and self._spec.is_end_of_month:
            values = _from_the_end(values, caldate.month_length(*self._clock[:2]))
        best: int | None = None
        for each in values:
            if each.start >= now:
                value = each.start
            elif each.repeat:
                value = each.start + -(-(now - each.start) // each.repeat) * each.repeat
            else:
                continue
            if (each.stop is None or value <= each.stop) and (best is None or value < best):
                best = value
        return None if field == _YEAR and best is not None and best > MAX_YEAR else best

    def _settle(self, is_dst: bool | None) -> int:
        """The instant at which clocks show `_clock`, which becomes what they then show. Microseconds."""
        year, month, day, hour, minute, second = self._clock
        # A month or a day too many counts on, as everywhere in mktime(3).
        year, month = year + (month - 1) // 12, (month - 1) % 12 + 1
        local = caldate.to_days(year, month, day) * 86400 + hour * 3600 + minute * 60 + second // SECOND
        instant = self._zone.instant(local, is_dst, self._regime)
        self._regime = self._zone.at(instant)
        self._clock = _clock_at(instant + self._regime.offset, second % SECOND)
        return instant * SECOND + second % SECOND


def _from_the_end(values: Field, length: int) -> Field:
    """Days counted from a month's end, as days of that month. "~7/2" goes on to its last day, "~1..7/2" back from it."""
    return tuple(
        Values(length + 1 - each.start, length if each.repeat else None, each.repeat) if each.stop is None
        else Values(length + 1 - each.stop, length + 1 - each.start, each.repeat)
        for each in values
    )


def _clock_at(local: int, rest: int) -> list[int]:
    days, second = divmod(local, 86400)
    return [*caldate.from_days(days), second // 3600, second // 60 % 60, second % 60 * SECOND + rest]
