"""What a time zone says: when its clocks show what, read from TZif data (tzfile(5), RFC 8536).

Pure: the bytes of a file come in, and a `Zone` comes out; where zones are kept is `shell.zones`' business.
All times are whole seconds since 1970, `local` ones as if the clock on the wall showed UTC. Nothing here knows the zone
of this machine.
"""

from __future__ import annotations

from bisect import bisect_right
from struct import error as StructError
from struct import unpack_from

from initd.core import caldate
from initd.core.record import Record

DAY = 86400
#: So far mktime(3) looks for daylight saving time where a caller says that it is in force and it is not.
_FAR = 536454000
_HEADER = ">4sc15x6L"
_HEADER_SIZE = 44


class Regime(Record):
    """What clocks do for a while: seconds ahead of UTC, whether that is daylight saving time, and what it is called."""

    offset: int
    is_dst: bool
    abbreviation: str


class RuleDate(Record):
    """When in a year a clock is changed: "M3.5.0/2", "J60" or "59" of a POSIX TZ string."""

    kind: str
    month: int
    week: int
    day: int
    second: int


class Rule(Record):
    """A POSIX TZ string: what holds after the last transition. Without `daylight`, `standard` holds for ever."""

    standard: Regime
    daylight: Regime | None = None
    begin: RuleDate | None = None
    end: RuleDate | None = None


class Zone:
    """One zone. `transitions[i]` is when `regimes[i + 1]` begins; `regimes[0]` is what was before all of them."""

    __slots__ = ("transitions", "regimes", "rule")

    def __init__(self, transitions: tuple[int, ...], regimes: tuple[Regime, ...], rule: Rule | None = None) -> None:
        self.transitions, self.regimes, self.rule = transitions, regimes, rule

    def at(self, second: int) -> Regime:
        """What clocks do at this instant."""
        if self.transitions and second < self.transitions[-1] or self.rule is None:
            return self.regimes[bisect_right(self.transitions, second)]
        return _by_rule(self.rule, second)

    def names(self) -> tuple[str, str]:
        """What standard and daylight saving time are called of late; the same word twice where there is none."""
        if self.rule is not None:
            if self.rule.daylight is not None:
                return self.rule.standard.abbreviation, self.rule.daylight.abbreviation
            standard = self.rule.standard.abbreviation
        else:
            standard = next((each.abbreviation for each in reversed(self.regimes) if not each.is_dst), "UTC")
        daylight = next((each.abbreviation for each in reversed(self.regimes) if each.is_dst), standard)
        return standard, daylight

    def passes_for_utc(self, second: int | None) -> bool:
        """Whether the C library's `timezone` and `daylight` are 0 after it has looked up this instant; None: before it has
        looked up any. Where daylight saving time was known once, only what comes after the last transition is UTC."""
        is_ruled = second is not None and (not self.transitions or second >= self.transitions[-1])
        if is_ruled and self.rule is not None:
            return not self.rule.standard.offset and self.rule.daylight is None
        standard = next((each.offset for each in reversed(self.regimes) if not each.is_dst), 0)
        return not standard and not any(each.is_dst for each in self.regimes)

    def instant(self, local: int, is_dst: bool | None, before: Regime) -> int:
        """When clocks show `local`.

        Where they show it twice, `before` (what they did a little earlier in the caller's walk) decides. Where they never
        show it, being put forward, it is the instant that the clock before the change would have shown it at. With
        `is_dst`, the regime meant is a standard or a daylight one; where that is not in force, its neighbour's clock
        is read: a moment that clocks call something else.
        """
        if is_dst is not None:
            return self._instant_as(local, is_dst, before)
        first, last = self.at(local - before.offset), before
        candidates = {before.offset, first.offset, self.at(local - DAY).offset, self.at(local + DAY).offset}
        fits = [offset for offset in candidates if self.at(local - offset).offset == offset]
        if last.offset in fits:
            return local - last.offset
        if fits:
            return local - max(fits)
        return local - self.at(local - DAY).offset

    def _instant_as(self, local: int, is_dst: bool, before: Regime) -> int:
        plain = self.instant(local, None, before)
        for offset in sorted({self.at(local - DAY).offset, self.at(local + DAY).offset, before.offset}):
            found = self.at(local - offset)
            if found.offset == offset and found.is_dst == is_dst:
                return local - offset
        other = self._nearest(plain, is_dst)
        return plain if other is None else local - other.offset

    def _nearest(self, second: int, is_dst: bool) -> Regime | None:
        """The regime nearest in time that is daylight saving time, or is not; None where there is none in sight."""
        for distance in range(7 * DAY, _FAR, 7 * DAY):
            for sample in (second - distance, second + distance):
                if (found := self.at(sample)).is_dst == is_dst:
                    return found
        return None


UTC = Zone((), (Regime(0, False, "UTC"),))


def parse(data: bytes) -> Zone:
    """The zone of a TZif file. ValueError where it is none."""
    try:
        magic, version, *counts = unpack_from(_HEADER, data)
        if magic != b"TZif":
            raise ValueError("not a TZif file")
        if version == b"\0":
            return _block(data, _HEADER_SIZE, counts, 4)[0]
        skipped = _HEADER_SIZE + _size(counts, 4)
        magic, version, *counts = unpack_from(_HEADER, data, skipped)
        if magic != b"TZif":
            raise ValueError("not a TZif file")
        zone, end = _block(data, skipped + _HEADER_SIZE, counts, 8)
        footer = data[end:].strip(b"\n").decode("ascii")
        zone.rule = parse_rule(footer) if footer else None
        return zone
    except (StructError, IndexError, UnicodeDecodeError):
        raise ValueError("not a TZif file") from None


def _size(counts: list[int], width: int) -> int:
    is_utc, is_standard, leaps, times, types, letters = counts
    return times * width + times + types * 6 + letters + leaps * (width + 4) + is_standard + is_utc


def _block(data: bytes, start: int, counts: list[int], width: int) -> tuple[Zone, int]:
    _, _, leaps, times, types, letters = counts
    if leaps:
        raise ValueError("zones that count leap seconds are not supported")
    if not types:
        raise ValueError("a zone without a time type")
    transitions = unpack_from(f">{times}{'q' if width == 8 else 'l'}", data, start)
    indexes = data[start + times * width:start + times * (width + 1)]
    at = start + times * (width + 1)
    texts = data[at + types * 6:at + types * 6 + letters]
    regimes = []
    for number in range(types):
        offset, is_dst, name = unpack_from(">lBB", data, at + number * 6)
        regimes.append(Regime(offset, bool(is_dst), texts[name:texts.index(b"\0", name)].decode("ascii")))
    used = (regimes[0], *(regimes[index] for index in indexes))
    return Zone(transitions, used), start + _size(counts, width)


# --- POSIX TZ strings --------------------------------------------------------------------------------------------


def parse_rule(text: str) -> Rule:
    """A POSIX TZ string such as "CET-1CEST,M3.5.0,M10.5.0/3". ValueError where it is none."""
    head, *dates = text.split(",")
    name, rest = _name(head)
    offset, rest = _offset(rest)
    standard = Regime(-offset, False, name)
    if not rest:
        return Rule(standard)
    name, rest = _name(rest)
    ahead = standard.offset + 3600
    if rest:
        behind, rest = _offset(rest)
        ahead = -behind
    if rest or len(dates) != 2:
        raise ValueError(f"bad time zone rule {text!r}")
    return Rule(standard, Regime(ahead, True, name), _rule_date(dates[0]), _rule_date(dates[1]))


def _name(text: str) -> tuple[str, str]:
    if text.startswith("<"):
        name, closed, rest = text[1:].partition(">")
        if not closed:
            raise ValueError(f"bad time zone name in {text!r}")
        return name, rest
    end = next((place for place, char in enumerate(text) if not char.isalpha()), len(text))
    if end < 3:
        raise ValueError(f"bad time zone name in {text!r}")
    return text[:end], text[end:]


def _offset(text: str) -> tuple[int, str]:
    """[+-]hh[:mm[:ss]] in seconds, and what follows it."""
    end = next((place for place, char in enumerate(text) if char not in "+-:0123456789"), len(text))
    word = text[:end]
    sign = -1 if word.startswith("-") else 1
    seconds = 0
    for part, size in zip(word.lstrip("+-").split(":"), (3600, 60, 1)):
        seconds += int(part) * size
    return sign * seconds, text[end:]


def _rule_date(text: str) -> RuleDate:
    date, _, time = text.partition("/")
    second = _offset(time)[0] if time else 7200
    if date.startswith("M"):
        month, week, day = (int(part) for part in date[1:].split("."))
        return RuleDate("M", month, week, day, second)
    if date.startswith("J"):
        return RuleDate("J", 0, 0, int(date[1:]), second)
    return RuleDate("0", 0, 0, int(date), second)


def _by_rule(rule: Rule, second: int) -> Regime:
    if rule.daylight is None or rule.begin is None or rule.end is None:
        return rule.standard
    year = caldate.from_days((second + rule.standard.offset) // DAY)[0]
    begin = _second_of(rule.begin, year) - rule.standard.offset
    end = _second_of(rule.end, year) - rule.daylight.offset
    if begin <= end:
        is_daylight = begin <= second < end
    else:
        is_daylight = not end <= second < begin  # south of the equator
    return rule.daylight if is_daylight else rule.standard


def _second_of(date: RuleDate, year: int) -> int:
    """The local second at which a rule's date begins to hold in a year."""
    if date.kind == "M":
        first = caldate.to_days(year, date.month, 1)
        day = first + (date.day - caldate.weekday(first)) % 7 + 7 * (date.week - 1)
        while day >= first + caldate.month_length(year, date.month):
            day -= 7
    else:
        day = caldate.to_days(year, 1, 1) + date.day
        if date.kind == "J":
            # Counted as if no year had a February 29.
            day += (date.day >= 60 and caldate.is_leap(year)) - 1
    return day * DAY + date.second
