"""How answers look: tables, glyphs, times. Formats nothing that has a meaning of its own.

Follows systemctl(1)'s output on Debian 12 character by character, since scripts cut it into columns.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence


#: What systemd's commands put around words on a terminal.
PLAIN, UNDERLINE, BOLD = "\x1b[0m", "\x1b[0;4m", "\x1b[0;1;39m"
RED, GREEN, YELLOW, BLUE, GREY = "\x1b[0;1;31m", "\x1b[0;1;32m", "\x1b[0;1;38;5;185m", "\x1b[0;1;34m", "\x1b[0;38;5;245m"


def is_coloured(fd: int = 1) -> bool:
    """$SYSTEMD_COLORS and $NO_COLOR say so, or a terminal that can is looked at (systemd(1), ENVIRONMENT)."""
    said = os.environ.get("SYSTEMD_COLORS")
    if said is not None:
        return said.lower() not in ("0", "no", "n", "false", "f", "off")
    if os.environ.get("NO_COLOR") or os.environ.get("TERM", "dumb") == "dumb":
        return False
    return os.isatty(fd)


def painted(text: str, colour: str, fd: int = 1) -> str:
    return f"{colour}{text}{PLAIN}" if colour and is_coloured(fd) else text


def complain(text: str, colour: str = RED) -> None:
    """One line for a person, not for a pipe; where what is quoted has more, empty ones are left out, as in a log."""
    lines = [line for line in text.split("\n") if line] if "\n" in text else [text]
    print("\n".join(painted(line, colour, 2) for line in lines), file=sys.stderr)


def complain_behind(text: str) -> None:
    """One line for a person, after all that was printed for a pipe."""
    sys.stdout.flush()
    complain(text)


def print_version() -> None:
    """Whose behaviour this is, in the form scripts know, and what it really is."""
    from initd import FEATURES, SYSTEMD_VERSION, __version__

    print(f"systemd {SYSTEMD_VERSION} (pyinit {__version__})\n{FEATURES}")


def is_answered(asked: Collection[str], help_text: str) -> bool:
    """Whether --help or --version is among what was asked: that is all that a command does then, and done here."""
    if "help" in asked:
        sys.stdout.write(help_text)
    elif "version" in asked:
        print_version()
    else:
        return False
    return True


def is_utf8() -> bool:
    """Whether the terminal's locale takes more than ASCII; where no locale is set, everybody means UTF-8 today."""
    locale = os.environ.get("LC_ALL") or os.environ.get("LC_CTYPE") or os.environ.get("LANG") or "C.UTF-8"
    return "utf" in locale.lower()


#: Word → its glyph, and what stands for it where there is only ASCII.
_GLYPHS = {
    "dot": ("●", "*"),
    "circle": ("○", "*"),
    "cross": ("×", "x"),
    "reloading": ("↻", "*"),
    "branch": ("├─", "|-"),
    "corner": ("└─", "`-"),
    "line": ("│ ", "| "),
    "arrow": ("→", "->"),
    "ellipsis": ("…", "..."),
}


def glyph(word: str) -> str:
    return _GLYPHS[word][0 if is_utf8() else 1]


_STATE_GLYPHS = {"inactive": "circle", "failed": "cross", "reloading": "reloading", "maintenance": "circle"}


_STATE_COLOURS = {"active": GREEN, "reloading": GREEN, "failed": RED}


def state_glyph(active_state: str) -> str:
    """The dot in front of a unit."""
    return painted(glyph(_STATE_GLYPHS.get(active_state, "dot")), state_colour(active_state))


def state_colour(active_state: str) -> str:
    return _STATE_COLOURS.get(active_state, "")


def print_table(header: Sequence[str] | None, rows: Iterable[Sequence[str]]) -> None:
    """Columns as wide as their widest cell, one space between them, nothing behind the last."""
    shown = [header, *rows] if header is not None else list(rows)
    if not shown:
        return
    widths = [max(len(row[column]) for row in shown) for column in range(len(shown[0]))]
    lines = (" ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in shown)
    sys.stdout.write("".join(line + "\n" for line in lines))


def format_span(usec: int) -> str:
    """A span of time, to the millisecond."""
    from initd.core import timespan

    text = timespan.format(usec // 1000 * 1000)
    # A fraction of a second has six digits there, of which the last three are now zeros.
    return text[:-4] + "s" if "." in text and text.endswith("000s") else text


def linked(path: str) -> str:
    """A path that a terminal may offer to open."""
    if not path.startswith("/") or not is_coloured() or not os.isatty(1):
        return path
    return f"\x1b]8;;file://{os.uname().nodename}{path}\a{path}\x1b]8;;\a"


# --- times ----------------------------------------------------------------------------------------------------------

_USEC = 1_000_000


def format_timestamp(usec: int, style: str = "pretty") -> str:
    """A moment as systemctl(1) --timestamp= says; "" for none."""
    if usec in (0, 2**64 - 1):
        return ""
    import time

    if style == "unix":
        return f"@{usec // _USEC}"
    broken = time.gmtime(usec // _USEC) if style.endswith("utc") else time.localtime(usec // _USEC)
    day = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")[broken.tm_wday]
    fraction = f".{usec % _USEC:06d}" if style.startswith("us") else ""
    zone = "UTC" if style.endswith("utc") else broken.tm_zone
    return f"{day} {time.strftime('%Y-%m-%d %H:%M:%S', broken)}{fraction} {zone}"


def next_elapse(realtime: int, monotonic: int) -> int:
    """When a timer elapses, by the wall clock: the nearer of what its two clocks say; 0 for never."""
    import time

    never = 2**64 - 1
    times = [realtime] if realtime not in (0, never) else []
    if monotonic not in (0, never):
        times.append(monotonic - time.monotonic_ns() // 1000 + time.time_ns() // 1000)
    return min(times, default=0)


def _plural(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_WEEK, _MONTH, _YEAR = 7 * _DAY, 2629800, 31557600


def format_distance(usec: int) -> str:
    """How far away, roughly: "23min", "1 day 3h", "2 weeks 1 day"."""
    seconds = usec // _USEC
    for unit, word, smaller, smaller_word in (
        (_YEAR, "year", _MONTH, "month"),
        (_MONTH, "month", _DAY, "day"),
        (_WEEK, "week", _DAY, "day"),
    ):
        if seconds >= unit:
            return f"{_plural(seconds // unit, word)} {_plural(seconds % unit // smaller, smaller_word)}"
    if seconds >= 2 * _DAY:
        return f"{seconds // _DAY} days"
    if seconds >= 25 * _HOUR:
        return f"1 day {seconds % _DAY // _HOUR}h"
    if seconds >= 6 * _HOUR:
        return f"{seconds // _HOUR}h"
    if seconds >= _HOUR:
        return f"{seconds // _HOUR}h {seconds % _HOUR // _MINUTE}min"
    if seconds >= 5 * _MINUTE:
        return f"{seconds // _MINUTE}min"
    if seconds >= _MINUTE:
        return f"{seconds // _MINUTE}min {seconds % _MINUTE}s"
    if seconds:
        return f"{seconds}s"
    return f"{usec // 1000}ms" if usec >= 1000 else f"{usec}us"


def format_ago(usec: int) -> str:
    """A moment's distance from now."""
    import time

    now = time.time_ns() // 1000
    if usec == now:
        return "now"
    return f"{format_distance(now - usec)} ago" if usec < now else f"{format_distance(usec - now)} left"


def format_bytes(count: int) -> str:
    """1024-based, one decimal: "3.1M"."""
    if count < 1024:
        return f"{count}B"
    for power, letter in ((6, "E"), (5, "P"), (4, "T"), (3, "G"), (2, "M"), (1, "K")):
        unit = 1024**power
        if count >= unit:
            return f"{count // unit}.{count % unit * 10 // unit}{letter}"
    raise AssertionError(count)
