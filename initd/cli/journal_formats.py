"""An entry as text for `journalctl -o` and `systemctl status` (journalctl(1), OUTPUT OPTIONS), as systemd 252 prints it."""

from __future__ import annotations

import time

from initd.cli.journal_json import UNPRINTABLE, format_json
from initd.cli.output import format_bytes, glyph
from initd.journal.segment import encode_fields

TYPE_CHECKING = False
if TYPE_CHECKING:
    from initd.journal.reader import Entry
    from initd.journal.segment import Fields

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_SECOND = 1_000_000
_ADDRESS = (b"__CURSOR", b"__REALTIME_TIMESTAMP", b"__MONOTONIC_TIMESTAMP", b"_BOOT_ID")
#: Where not all is to be shown: so many lines of a message, and characters of a value.
_LINES_SHOWN, _CHARACTERS_SHOWN = 3, 300
_RED, _BOLD, _YELLOW, _GREY = "\x1b[0;1;31m", "\x1b[0;1;39m", "\x1b[0;1;38;5;185m", "\x1b[0;38;5;245m"
_OFF = "\x1b[0m"


class Formatter:
    """Formats entries one after another: `short-delta` tells of the one before."""

    def __init__(self, output: str = "short", columns: int = 80, shows_all: bool = False, full: bool = True,
                 utc: bool = False, hostname: bool = True, colours: bool = False,
                 output_fields: tuple[str, ...] | None = None) -> None:
        self.output, self.columns, self.shows_all, self.full = output, columns, shows_all, full
        self.hostname, self.colours = hostname, colours
        self._broken_down = time.gmtime if utc else time.localtime
        self._utc = utc
        self._fields = None if output_fields is None else [name.encode() for name in output_fields]
        self._before: tuple[int, int, str] | None = None
        self._second = -1
        self._shown_second = ""
        #: The part of the message that a pattern matched.
        self.highlight: tuple[int, int] = (0, 0)
        #: Something did not fit.
        self.was_cut = False

    def format(self, entry: Entry) -> str:
        """With its line end; empty for an entry that has nothing to show."""
        if self.output == "cat":
            return self._cat(entry)
        if self.output == "verbose":
            return self._verbose(entry)
        if self.output == "export":
            return encode_fields(self._addressed(entry)).decode("utf-8", "surrogateescape") + "\n"
        if self.output.startswith("json"):
            return format_json(self._addressed(entry), self.output, self.shows_all, self.colours)
        return self._short(entry)

    def _is_shown(self, name: bytes) -> bool:
        return self._fields is None or name in self._fields

    def _addressed(self, entry: Entry) -> Fields:
        """All fields, those first that say where the entry is."""
        made = [(b"__CURSOR", entry.cursor.encode())]
        made += [(name, entry.get(name) or b"") for name in _ADDRESS[1:]]
        rest = [field for field in entry.fields if field[0] != b"_BOOT_ID"]
        return made + (rest if self._fields is None else [field for field in rest if field[0] in self._fields])

    # --- short and its like -----------------------------------------------------------------------------------------

    def _short(self, entry: Entry) -> str:
        words = [self._time(entry)]
        raw = entry.get(b"MESSAGE")
        if raw is None:
            return ""
        if self.hostname and (host := entry.get(b"_HOSTNAME")) is not None:
            words.append(_text(host))
        prefix = f"{' '.join(words)} {self._who(entry)}: "
        message = _text(raw)
        if self.shows_all:
            message = _up_to_nul(message)
        else:
            message = message if message.isprintable() else strip_tabs_and_ansi(message)
            if not message.isprintable() and not UNPRINTABLE.isdisjoint(message):
                return f"{prefix}[{format_bytes(len(raw))} blob data]\n"
        return prefix + self._lines(message, len(prefix), self._colour(entry))

    def _who(self, entry: Entry) -> str:
        found = None
        if self.output == "with-unit":
            units = [unit for name in (b"_SYSTEMD_UNIT", b"_SYSTEMD_USER_UNIT") if (unit := entry.get(name)) is not None]
            found = b"/".join(units) if units else None
        if found is None:
            found = entry.get(b"SYSLOG_IDENTIFIER") or entry.get(b"_COMM") or b"unknown"
        pid = entry.get(b"_PID") or entry.get(b"SYSLOG_PID")
        return f"{_text(found)}[{_text(pid)}]" if pid else _text(found)

    def _time(self, entry: Entry) -> str:
        output = self.output
        if output in ("short-monotonic", "short-delta"):
            return self._monotonic(entry)
        usec = source_usec(entry)
        if output == "short-unix":
            return f"{usec // _SECOND}.{usec % _SECOND:06d}"
        second = self._of_second(usec // _SECOND)
        if output == "short-precise":
            return f"{second}.{usec % _SECOND:06d}"
        if output == "short-iso-precise":
            return f"{second[:-5]}.{usec % _SECOND:06d}{second[-5:]}"
        return second

    def _of_second(self, second: int) -> str:
        """The last one is remembered: entries come in bursts."""
        if second != self._second:
            self._second = second
            t = self._broken_down(second)
            clock = f"{t.tm_hour:02d}:{t.tm_min:02d}:{t.tm_sec:02d}"
            if self.output.startswith("short-iso"):
                minutes = abs(t.tm_gmtoff) // 60
                zone = f"{'-' if t.tm_gmtoff < 0 else '+'}{minutes // 60:02d}{minutes % 60:02d}"
                self._shown_second = f"{t.tm_year:04d}-{t.tm_mon:02d}-{t.tm_mday:02d}T{clock}{zone}"
            elif self.output in ("short-full", "with-unit"):
                self._shown_second = f"{_day(t)} {clock} {self._zone(t)}"
            else:
                self._shown_second = f"{_MONTHS[t.tm_mon - 1]} {t.tm_mday:02d} {clock}"
        return self._shown_second

    def _zone(self, t: time.struct_time) -> str:
        return "UTC" if self._utc else t.tm_zone

    def _monotonic(self, entry: Entry) -> str:
        usec, realtime_usec, boot_id = entry.monotonic_usec, source_usec(entry), entry.boot_id
        shown = _seconds(usec)
        if self.output == "short-delta":
            if self._before is None:
                shown += " " * 16
            elif self._before[2] == boot_id:
                shown += f" <{_seconds(usec - self._before[0])} >"
            else:
                shown += f" <{_seconds(realtime_usec - self._before[1])}*>"
            self._before = usec, realtime_usec, boot_id
        return f"[{shown}]"

    def _colour(self, entry: Entry) -> tuple[str, str, str]:
        """What turns it on, what marks a match, what turns it off; nothing where there is none."""
        if not self.colours:
            return "", "", ""
        level = entry.get(b"PRIORITY") or b"6"
        if level in (b"0", b"1", b"2", b"3"):
            return _RED, _BOLD, _OFF
        if level == b"4":
            return _YELLOW, _BOLD, _OFF
        if level == b"5":
            return _BOLD, _RED, _OFF
        if level == b"7":
            return _GREY, _RED, _OFF
        return "", "", ""

    def _lines(self, message: str, indent: int, colour: tuple[str, str, str]) -> str:
        """The message, its lines below each other; cut where not all is to be shown."""
        if self.full and not colour[0] and "\n" not in message:
            return message + "\n"
        lines = message.split("\n")
        while len(lines) > 1 and not lines[-1]:
            lines.pop()
        on, _, off = colour
        made = []
        for number, line in enumerate(lines):
            shown, is_last = line, False
            if not (self.full or self.shows_all):
                shown, is_last = self._cut(line, number, len(lines), indent)
                self.was_cut = self.was_cut or shown != line
            if number == 0 and on and self.highlight[0] < max(len(line), 1) and shown == line:
                made.append(self._marked(line, colour))
            else:
                made.append(f"{on}{shown}{off}")
            if is_last:
                break
        return ("\n" + " " * indent).join(made) + "\n"

    def _marked(self, line: str, colour: tuple[str, str, str]) -> str:
        on, mark, off = colour
        begin, end = self.highlight
        return f"{on}{line[:begin]}{mark}{line[begin:end]}{on}{line[end:]}{off}"

    def _cut(self, line: str, number: int, count: int, indent: int) -> tuple[str, bool]:
        """The line as it is shown, and whether it is the last one that is."""
        if number + 1 == _LINES_SHOWN and count > _LINES_SHOWN:
            return "...", True
        is_last = len(line) > _CHARACTERS_SHOWN
        if indent + len(line) + 1 < self.columns and not is_last:
            return line, False
        room = self.columns - indent
        return (ellipsize(line, room, 100 if is_last else 90) if room >= 3 else "..."), is_last

    # --- the others -------------------------------------------------------------------------------------------------

    def _cat(self, entry: Entry) -> str:
        if self._fields is not None:
            return "".join(_text(value) + "\n" for name in self._fields if (value := entry.get(name)) is not None)
        raw = entry.get(b"MESSAGE")
        if raw is None:
            return ""
        message, colour = _text(raw), self._colour(entry)
        if not colour[0] or self.highlight[0] >= max(len(message), 1):
            return message + "\n"
        return self._marked(message, colour) + "\n"

    def _verbose(self, entry: Entry) -> str:
        usec = source_usec(entry)
        t = self._broken_down(usec // _SECOND)
        lines = [f"{_day(t)} {t.tm_hour:02d}:{t.tm_min:02d}:{t.tm_sec:02d}.{usec % _SECOND:06d} {self._zone(t)} "
                 f"[{entry.cursor}]\n"]
        for name, raw in entry.fields:
            if not self._is_shown(name):
                continue
            label = f"    {_text(name)}="
            text = _text(raw)
            is_short = self.full or len(name) + 1 + len(raw) < _CHARACTERS_SHOWN
            if self.shows_all or is_short and UNPRINTABLE.isdisjoint(text):
                text = _up_to_nul(text)
                shown = text.removesuffix("\n").replace("\n", "\n" + " " * len(label)) + "\n"
            else:
                shown = f"[{format_bytes(len(raw))} blob data]\n"
            if self.colours and name == b"MESSAGE":
                lines.append(f"    {_BOLD}{label[4:]}{shown}{_OFF}")
            else:
                lines.append(label + shown)
        return "".join(lines)

    def boot_line(self, boot_id: str) -> str:
        """What stands between entries of two boots."""
        return f"{_BOLD}-- Boot {boot_id} --{_OFF}\n" if self.colours else f"-- Boot {boot_id} --\n"


def source_usec(entry: Entry) -> int:
    """When the message was written, where its writer said so; else when it came."""
    source = entry.get(b"_SOURCE_REALTIME_TIMESTAMP")
    return int(source) if source is not None and source.isdigit() and int(source) > 0 else entry.realtime_usec


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


def _up_to_nul(text: str) -> str:
    """Binary values, shown all the same: each line ends at its first NUL, as where strings end so."""
    return "\n".join(line.partition("\0")[0] for line in text.split("\n")) if "\0" in text else text


def _seconds(usec: int) -> str:
    return f"{usec // _SECOND:5d}.{usec % _SECOND:06d}"


def _day(t: time.struct_time) -> str:
    return f"{_DAYS[t.tm_wday]} {t.tm_year:04d}-{t.tm_mon:02d}-{t.tm_mday:02d}"


def ellipsize(text: str, width: int, percent: int) -> str:
    """At most `width` characters: from the beginning and, of the rest, from the end."""
    if len(text) <= width:
        return text
    left = ((width - 1) * percent + 50) // 100
    right = width - 1 - left
    return text[:left] + glyph("ellipsis") + (text[-right:] if right else "")


def strip_tabs_and_ansi(text: str) -> str:
    """Tabs become spaces, and what terminals take for commands (colours, titles) goes."""
    text = text.replace("\t", " " * 8)
    if "\x1b" not in text:
        return text
    made = []
    position = 0
    while (escape := text.find("\x1b", position)) >= 0:
        end = _end_of_command(text, escape)
        made.append(text[position:escape if end > escape else escape + 1])
        position = max(end, escape + 1)
    return "".join(made) + text[position:]


def _end_of_command(text: str, escape: int) -> int:
    """Where the command ends that begins here; `escape` where it is none."""
    kind = text[escape + 1:escape + 2]
    if kind == "[":
        for position in range(escape + 2, len(text)):
            if text[position].isascii() and text[position].isalpha():
                return position + 1
            if text[position] not in "0123456789;:?":
                break
    elif kind == "]":
        for end in ("\x07", "\x1b\\"):
            if (found := text.find(end, escape)) >= 0:
                return found + len(end)
    return escape
