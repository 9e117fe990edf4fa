"""Random inputs for `systemd-analyze` and `systemd-escape`: mostly sensible, some of them bent. Same seed, same inputs."""

from __future__ import annotations

import random
from typing import NamedTuple

ZONES = (
    "UTC", "Europe/Berlin", "America/New_York", "America/Sao_Paulo", "Australia/Lord_Howe", "Europe/Dublin",
    "America/Havana", "Asia/Kolkata", "Pacific/Apia", "Africa/Cairo",
)
_SHORT = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_LONG = ("monday", "Tuesday", "WEDNESDAY", "thursday", "Friday", "saturday", "sunday")
_WORDS = ("minutely", "hourly", "daily", "monthly", "weekly", "yearly", "annually", "quarterly", "semiannually",
          "biannually", "Daily", "fortnightly")
_UNITS = ("", "us", "ms", "s", "sec", "min", "m", "h", "hr", "hours", "d", "days", "w", "weeks", "M", "month", "y",
          "years", "µs", "usec", "S", "x", "ns")
#: Moments around which clocks are changed somewhere, and ordinary ones.
_MOMENTS = (
    "2024-03-10 05:30:00", "2024-03-30 22:40:00", "2024-03-31 00:30:00", "2024-10-26 22:10:00", "2024-10-27 00:20:00",
    "2024-10-27 01:10:00", "2024-11-03 04:45:00", "2024-11-03 06:15:00", "2018-11-03 22:50:00", "2018-02-17 23:30:00",
    "2024-04-06 14:20:00", "2011-12-29 12:00:00", "2023-04-27 21:30:00", "2024-02-28 23:59:59", "1999-12-31 23:59:58",
    "2030-06-15 12:34:56", "2100-02-28 12:00:00", "2198-12-30 01:02:03", "1971-01-01 00:00:00", "2045-10-29 00:59:59",
)


class Call(NamedTuple):
    """A command line, and the time zone ($TZ) it runs in."""

    words: tuple[str, ...]
    zone: str = "UTC"


class Inputs:
    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def _one(self, *choices: str) -> str:
        return self.random.choice(choices)

    def _bend(self, text: str, often: float = 0.06) -> str:
        """Now and then a letter too many, too few, or another."""
        if not text or self.random.random() >= often:
            return text
        place = self.random.randrange(len(text))
        letter = self._one(*"0159,.-~/:* @xM+")
        return text[:place] + self._one("", letter, letter + text[place]) + text[place + 1:]

    def zone(self) -> str:
        return self._one(*ZONES)

    def base_time(self) -> str:
        if self.random.random() < 0.6:
            return self._one(*_MOMENTS) + " UTC"
        return f"@{self.random.randrange(10**7, 6 * 10**9)}"

    # --- calendar events ----------------------------------------------------------------------------------------------

    def calendar(self) -> str:
        chance = self.random.random()
        if chance < 0.05:
            event = self._one(*_WORDS)
        elif chance < 0.07:
            event = f"@{self.random.randrange(8 * 10**9)}"
        else:
            date, time = self._date(), self._time()
            event = self._one(date, time, time, f"{date} {time}", f"{date} {time}", f"{date} {time}")
            if self.random.random() < 0.3:
                event = f"{self._weekdays()} {event}"
            elif self.random.random() < 0.03:
                event = self._weekdays()
        if self.random.random() < 0.1:
            event += self._one(" UTC", " utc", " Europe/Berlin", " America/New_York", " CET", " CEST", " EST", " Nowhere",
                               " Etc/GMT+5", " EST5EDT")
        return self._bend(event)

    def _weekdays(self) -> str:
        words = []
        for _ in range(self.random.choice((1, 1, 1, 2, 3))):
            day = self.random.randrange(7)
            word = self._one(_SHORT[day], _SHORT[day], _LONG[day])
            if self.random.random() < 0.3:
                other = self.random.randrange(day, 7) if self.random.random() < 0.9 else self.random.randrange(7)
                word += self._one("..", "..", "-") + _SHORT[other]
            words.append(word)
        return ",".join(words) + self._one("", "", "", ",")

    def _date(self) -> str:
        year = self._field(2023, 2032, 0.7) if self.random.random() < 0.9 else self._field(0, 2250, 0.1)
        month = self._field(1, 12, 0.5)
        if self.random.random() < 0.12:
            day = "~" + self._field(1, 9 if self.random.random() < 0.8 else 31, 0.05)
        else:
            day = "-" + self._field(1, 31, 0.4)
        return self._one(f"{year}-{month}{day}", f"{year}-{month}{day}", f"{month}{day}")

    def _time(self) -> str:
        hour, minute = self._field(0, 23, 0.3), self._field(0, 59, 0.2)
        if self.random.random() < 0.5:
            return f"{hour}:{minute}"
        return f"{hour}:{minute}:{self._seconds()}"

    def _field(self, least: int, most: int, any_chance: float) -> str:
        if self.random.random() < any_chance:
            return "*"
        count = self.random.choice((1, 1, 1, 2, 3))
        return ",".join(self._values(least, most) for _ in range(count))

    def _values(self, least: int, most: int) -> str:
        start = self.random.randint(least, most + (self.random.random() < 0.02))
        word = self._one(f"{start}", f"{start:02d}")
        chance = self.random.random()
        if chance < 0.2:
            word += f"..{self.random.randint(start, max(start, most)) if chance < 0.18 else least}"
        if self.random.random() < 0.2:
            word += f"/{self.random.randint(chance >= 0.19, max(1, (most - start) // 2 + 1))}"
        return word

    def _seconds(self) -> str:
        if self.random.random() < 0.7:
            return self._field(0, 59, 0.1)
        word = f"{self.random.randint(0, 59)}." + self._one("", "0", "00") + str(self.random.randint(0, 99999999))
        return word + self._one("", "", f"/{self.random.randint(0, 20)}.{self.random.randint(1, 9999999)}", "..59")

    # --- time spans and timestamps ------------------------------------------------------------------------------------

    def timespan(self) -> str:
        words = []
        for _ in range(self.random.choice((1, 1, 2, 2, 3))):
            number = self._one(str(self.random.randint(0, 9)), str(self.random.randint(0, 99999)),
                               str(self.random.randint(0, 10**self.random.randint(1, 20))))
            if self.random.random() < 0.25:
                number = self._one(number, "", "0", "+") + "." + self._one("", "0") + str(self.random.randint(0, 10**8))
            words.append(number + self._one("", "", " ") + self._one(*_UNITS))
        return self._bend(self._one("", " ").join(words), 0.1)

    def timestamp(self) -> str:
        """None that depend on when it is asked: a sign would count from now."""
        return self._timestamp().lstrip("+-")

    def _timestamp(self) -> str:
        chance = self.random.random()
        if chance < 0.15:
            return self._bend(f"@{self.random.randrange(10**self.random.randint(1, 13))}"
                              + self._one("", "", f".{self.random.randrange(10**7)}", "ms", "us"))
        year = self._one(str(self.random.randint(1970, 2100)), f"{self.random.randint(0, 99):02d}",
                         str(self.random.randint(0, 11000)))
        month, day = self.random.randint(0 if chance > 0.9 else 1, 12), self.random.randint(1, 31)
        text = self._one(f"{year}-{month}-{day}", f"{year}-{month:02d}-{day:02d}")
        if self.random.random() < 0.8:
            hour, minute, second = self.random.randint(0, 24), self.random.randint(0, 59), self.random.randint(0, 61)
            text += " " + self._one(f"{hour}:{minute}", f"{hour:02d}:{minute:02d}:{second:02d}",
                                    f"{hour:02d}:{minute:02d}:{second:02d}.{self.random.randrange(10**8)}")
        if self.random.random() < 0.15:
            text = self._one(*_SHORT, *_LONG) + " " + text
        if self.random.random() < 0.15:
            text += self._one(" UTC", " utc", " CEST", " EDT", " Nowhere")
        return self._bend(text)

    # --- names ----------------------------------------------------------------------------------------------------------

    def string(self) -> str:
        letters = "ab.-_/@\\ x2d:Z09~ö€\n%,*"
        text = "".join(self._one(*letters) for _ in range(self.random.randint(0, 9)))
        return self._one(text, text, "/" + text, "/dev/" + text, text + ".service", text + "@.service", text + "@x.mount",
                         text.replace("/", "\\x2f"))

    # --- calls ----------------------------------------------------------------------------------------------------------

    def call(self, kind: str) -> Call:
        """One call of the tool, with the time zone it is to run in."""
        zone = self.zone() if self.random.random() < 0.7 else "UTC"
        if kind == "calendar":
            at, count = self.base_time(), self.random.randint(1, 3)
            return Call(("systemd-analyze", f"--base-time={at}", f"--iterations={count}", "calendar", "--", self.calendar()),
                        zone)
        if kind == "timestamp":
            return Call(("systemd-analyze", "timestamp", "--", self.timestamp()), zone)
        if kind == "timespan":
            return Call(("systemd-analyze", "timespan", "--", self.timespan()))
        options = [option for option, often in _ESCAPE_OPTIONS if self.random.random() < often]
        strings = [self.string() for _ in range(self.random.choice((1, 1, 1, 2)))]
        return Call(("systemd-escape", *options, "--", *strings))


_ESCAPE_OPTIONS = (
    ("-p", 0.2), ("-u", 0.3), ("-m", 0.2), ("--suffix=service", 0.05), ("--suffix=mount", 0.05), ("--suffix=bogus", 0.02),
    ("--template=a@.service", 0.07), ("--template=b@.mount", 0.07), ("--instance", 0.15),
)
#: What is generated.
KINDS = ("calendar", "timestamp", "timespan", "escape")


def calls(kind: str, seed: int, count: int) -> list[Call]:
    made = Inputs(seed)
    return [made.call(kind) for _ in range(count)]
