"""What `pyinit top` shows, and what keys do to it: rows, a selection, a filter, and what is asked for. Looks at nothing."""

from __future__ import annotations

from initd.cli.output import GREEN, GREY, PLAIN, RED, YELLOW, format_bytes
from initd.core.record import Record

TITLES = ("UNIT", "STATE", "PID", "CPU%", "MEMORY", "RESTARTS", "UPTIME", "LAST LINE")
KEYS = "up/down select  s start  t stop  r restart  l follow its log  / filter  q quit"
_REVERSED, _BOLD = "\x1b[7m", "\x1b[1m"
_VERBS = {"s": "start", "t": "stop", "r": "restart", "l": "follow"}
_COLOURS = {"active": GREEN, "reloading": GREEN, "failed": RED, "activating": YELLOW, "deactivating": YELLOW}
#: Columns of numbers.
_RIGHT = ("PID", "CPU%", "MEMORY", "RESTARTS", "UPTIME")
_MOST_OF_NAME = 40
#: Lines that are no rows: the summary, the titles, the keys.
_AROUND = 3


class Row(Record):
    """One unit; None is what is not known."""

    name: str
    active: str
    sub: str
    pid: int | None = None
    cpu_percent: float | None = None
    memory: int | None = None
    n_restarts: int | None = None
    uptime_usec: int | None = None
    line: str = ""

    def cells(self) -> tuple[str, ...]:
        return (
            self.name, f"{self.active} ({self.sub})" if self.sub not in ("", self.active) else self.active,
            str(self.pid) if self.pid else "-", "-" if self.cpu_percent is None else f"{self.cpu_percent:.1f}",
            "-" if self.memory is None else format_bytes(self.memory), "-" if self.n_restarts is None else str(self.n_restarts),
            "-" if self.uptime_usec is None else uptime(self.uptime_usec), self.line,
        )


def uptime(usec: int) -> str:
    """As clocks show it: 0:05, 3:10:05, 2d 3:10."""
    seconds = usec // 1_000_000
    days, hours, minutes = seconds // 86400, seconds // 3600 % 24, seconds // 60 % 60
    if days:
        return f"{days}d {hours}:{minutes:02d}"
    return f"{hours}:{minutes:02d}:{seconds % 60:02d}" if hours else f"{minutes}:{seconds % 60:02d}"


class Screen:
    """`message` stands in the last line until the next key."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.summary = ""
        self.selected = ""
        self.filter = ""
        self.is_typing = False
        self.message = ""
        self.first = 0
        self._height = 1

    @property
    def shown(self) -> list[Row]:
        return [row for row in self.rows if self.filter in row.name]

    def page(self, height: int) -> list[Row]:
        """The rows that fit, the selected one among them."""
        self._height = max(1, height - _AROUND)
        shown = self.shown
        place = self._place(shown)
        self.first = min(self.first, place, max(0, len(shown) - self._height))
        self.first = max(self.first, place - self._height + 1)
        self.selected = shown[place].name if shown else ""
        return shown[self.first:self.first + self._height]

    def _place(self, shown: list[Row]) -> int:
        """Where the selected one is; the next behind it where it is gone."""
        return next((place for place, row in enumerate(shown) if row.name >= self.selected), max(0, len(shown) - 1))

    # --- keys ---------------------------------------------------------------------------------------------------------

    def press(self, key: str) -> tuple[str, str]:
        """What is wanted now, and of which unit: ("quit", ""), ("start", "web.service"), …; ("", "") for nothing."""
        self.message = ""
        if self.is_typing:
            self._type(key)
        elif key == "q":
            return "quit", ""
        elif key == "/":
            self.is_typing = True
        elif key == "escape":
            self.filter = ""
        elif key in _VERBS and self.selected:
            return _VERBS[key], self.selected
        else:
            self._move({"up": -1, "k": -1, "down": 1, "j": 1, "page-up": -self._height, "page-down": self._height,
                        "home": -len(self.rows), "end": len(self.rows)}.get(key, 0))
        return "", ""

    def _type(self, key: str) -> None:
        if key in ("enter", "escape"):
            self.is_typing = False
            self.filter = "" if key == "escape" else self.filter
        elif key == "backspace":
            self.filter = self.filter[:-1]
        elif len(key) == 1 and key.isprintable():
            self.filter += key

    def _move(self, by: int) -> None:
        shown = self.shown
        if shown:
            self.selected = shown[max(0, min(len(shown) - 1, self._place(shown) + by))].name

    # --- the picture --------------------------------------------------------------------------------------------------

    def draw(self, width: int, height: int) -> list[str]:
        """Lines that are no longer than the terminal, at most as many as it has."""
        page = self.page(height)
        lines = table(page, width)
        last = f"/{self.filter}_" if self.is_typing else self.message or (f"[/{self.filter}]  " if self.filter else "") + KEYS
        made = [fit(self.summary, width), _BOLD + lines[0].ljust(width) + PLAIN]
        for row, line in zip(page, lines[1:]):
            colour = _COLOURS.get(row.active, GREY)
            made.append((_REVERSED + line.ljust(width) if row.name == self.selected else colour + line) + PLAIN)
        made += [""] * (height - len(made) - 1)
        return [*made[:height - 1], fit(last, width)]


def table(rows: list[Row], width: int) -> list[str]:
    """The titles, then a line for each row; the last column gets what is left of the width, or all it wants where that is 0."""
    cells = [row.cells() for row in rows]
    widths = [max([len(title), *(len(each[column]) for each in cells)]) for column, title in enumerate(TITLES)]
    widths[0] = min(widths[0], _MOST_OF_NAME) if width else widths[0]
    lines = []
    for each in (TITLES, *cells):
        texts = [fit(text, size).rjust(size) if title in _RIGHT else fit(text, size).ljust(size)
                 for text, size, title in zip(each, widths, TITLES)]
        lines.append(fit("  ".join(texts).rstrip(), width) if width else "  ".join(texts).rstrip())
    return lines


def fit(text: str, width: int) -> str:
    """Printable, and cut where it is too long."""
    text = "".join(letter if letter.isprintable() else " " for letter in text)
    return text if len(text) <= width else text[:max(0, width - 1)] + ">"
