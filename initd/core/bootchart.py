"""A boot as it went: how long what took, what was waited for, and a picture of it. Values in, text out (systemd-analyze(1)).

Times are monotonic µs; what `plot` draws is counted from the manager's own start, as there is nothing before it in a container.
"""

from __future__ import annotations

from initd.core import timespan
from initd.core.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


class Times(Record):
    """When a unit last left and reached its states; 0 for never."""

    name: str
    activating: int = 0
    activated: int = 0
    deactivating: int = 0
    deactivated: int = 0
    after: tuple[str, ...] = ()
    active: str = ""
    result: str = ""
    n_restarts: int = 0
    #: Its job was one of the boot's own.
    was_queued: bool = False

    @property
    def took(self) -> int:
        """From the beginning of its start to its being up, or over where it does not stay."""
        if self.activated >= self.activating:
            return self.activated - self.activating
        return self.deactivated - self.activating if self.deactivated >= self.activating else 0


class Boot(Record):
    """The manager's own times; `finish` is 0 while it is not done. `words`: of whose boot it is."""

    begin: int
    finish: int
    generators: tuple[int, int] = (0, 0)
    load: tuple[int, int] = (0, 0)
    target: str = ""
    target_reached: int = 0
    words: str = ""


class Mark(Record):
    """Something that happened to a unit: its kind is "start", "exit" or "restart"."""

    name: str
    usec: int
    kind: str
    text: str


def span(usec: int) -> str:
    """To the millisecond, as systemd-analyze says it."""
    text = timespan.format(usec // 1000 * 1000)
    return text[:-4] + "s" if "." in text and text.endswith("000s") else text


def summary(boot: Boot) -> str:
    """`systemd-analyze time`."""
    text = f"Startup finished in {span(boot.finish - boot.begin)} (userspace) \n"
    if not boot.target:
        return text
    if boot.target_reached:
        return text + f"{boot.target} reached after {span(boot.target_reached - boot.begin)} in userspace.\n"
    return text + f"{boot.target} was never reached.\n"


def blame(units: Iterable[Times]) -> list[tuple[str, str]]:
    """(how long, which unit), the longest first."""
    rows = sorted(((unit.took, unit.name) for unit in units if unit.activating), key=lambda row: (-row[0], row[1]))
    return [(span(usec), name) for usec, name in rows if usec >= 1000]


# --- what was waited for ----------------------------------------------------------------------------------------------


class Link(Record):
    """One line of a chain: the unit, and for each depth above it whether another follows there."""

    #: None: what stands above already.
    unit: Times | None
    branches: tuple[bool, ...]


def chain(units: dict[str, Times], first: str, boot: Boot, fuzz_usec: int = 0) -> list[Link]:
    """The unit, below it the one of those it comes after that was up last, and so on; with `fuzz_usec`, those that were up so
    much earlier as well. What stands there already is not walked again."""
    made: list[Link] = []
    seen: set[str] = set()

    def walk(unit: Times, branches: tuple[bool, ...]) -> None:
        made.append(Link(unit, branches))
        if unit.name in seen:
            made.append(Link(None, (*branches, False)))
            return
        seen.add(unit.name)
        before = [units[name] for name in unit.after if name in units]
        before = [each for each in before if 0 < each.activated <= (boot.finish or each.activated)]
        latest = max((each.activated for each in before), default=0)
        shown = sorted((each for each in before if each.activated + fuzz_usec >= latest), key=lambda each: -each.activated)
        for place, each in enumerate(shown):
            walk(each, (*branches, place + 1 < len(shown)))

    if first in units:
        walk(units[first], ())
    return made


# --- the picture ------------------------------------------------------------------------------------------------------

#: Pixels.
_WIDTH, _ROW, _LEFT, _TOP, _TEXT = 1000, 20, 20, 120, 420
_STYLE = """\
text{font:13px sans-serif;fill:#222} .small{font-size:11px;fill:#666} .bad{fill:#b00020;font-weight:bold} .bg{fill:#fff}
.odd{fill:#f6f6f6} .grid{stroke:#ddd} .end{stroke:#2a7a2a;stroke-dasharray:4 3} .waiting{stroke:#bbb;stroke-width:2}
.activating{fill:#e0803a} .active{fill:#9ccc9c} .deactivating{fill:#b39ddb} .generators{fill:#66ccff} .load{fill:#3d9be0}
.exit{stroke:#b00020;stroke-width:2} .restart{fill:none;stroke:#1a56b0;stroke-width:2}"""
_LEGEND = (("waiting", "job waits"), ("activating", "starts"), ("active", "is up"), ("deactivating", "stops"),
           ("generators", "generators"), ("load", "units are read"), ("exit", "process ended badly, or failed"),
           ("restart", "restart is due"))


def plot(boot: Boot, units: Iterable[Times], marks: Iterable[Mark]) -> str:
    """The boot as SVG: a row for each unit that was started in it, in that order."""
    end = boot.finish + max(1, (boot.finish - boot.begin) // 50)
    shown = sorted((unit for unit in units if boot.begin <= unit.activating <= end),
                   key=lambda unit: (unit.activating, unit.name))
    picture = _Picture(boot.begin, end)
    rows = len(shown) + 1
    picture.frame(rows, summary(boot), boot.words)
    picture.line(boot.finish, 0, rows, "end")
    picture.row(0, "manager", [(boot.begin, end, "active"), (*boot.generators, "generators"), (*boot.load, "load")])
    happened = _by_unit(marks, boot.begin, end)
    for place, unit in enumerate(shown, 1):
        told = happened.get(unit.name, [])
        runs = _earlier_runs(unit, told)
        if unit.was_queued and boot.load[1]:
            picture.waiting(place, boot.load[1], runs[0][0] if runs else unit.activating)
        is_behind_sign = any(mark.kind != "start" and abs(mark.usec - unit.activating) * _WIDTH < 14 * (end - boot.begin)
                             for mark in told)
        bars = [*runs, *_bars(unit, end)]
        picture.row(place, _label(unit), bars, unit.activating, "bad" if unit.active == "failed" else "", 12 * is_behind_sign)
        for mark in told:
            if mark.kind != "start":
                picture.mark(place, mark)
    return picture.text(rows)


#: An exit and the failure that follows from it are one thing.
_ONE_THING_USEC = 50_000


def _by_unit(marks: Iterable[Mark], begin: int, end: int) -> dict[str, list[Mark]]:
    """Those of the boot, in their order."""
    happened: dict[str, list[Mark]] = {}
    for mark in sorted(marks, key=lambda mark: mark.usec):
        if begin <= mark.usec <= end:
            of_unit = happened.setdefault(mark.name, [])
            before = of_unit[-1] if of_unit else None
            if before is None or before.kind != mark.kind or mark.usec - before.usec > _ONE_THING_USEC:
                of_unit.append(mark)
    return happened


def _earlier_runs(unit: Times, marks: list[Mark]) -> list[tuple[int, int, str]]:
    """Of a unit that was restarted: the times tell of its last start alone, the log of those before."""
    runs = []
    for place, mark in enumerate(marks):
        if mark.kind == "start" and mark.usec < unit.activating:
            over = next((each.usec for each in marks[place + 1:] if each.kind != "start"), 0)
            if 0 < over < unit.activating:
                runs.append((mark.usec, over, "activating"))
    return runs


def _label(unit: Times) -> str:
    words = [span(unit.took)] if unit.took >= 1000 else []
    words += [f"{unit.n_restarts} restart{'s' if unit.n_restarts > 1 else ''}"] if unit.n_restarts else []
    words += [f"failed: {unit.result}" if unit.result not in ("", "success") else "failed"] if unit.active == "failed" else []
    return unit.name + (f" ({', '.join(words)})" if words else "")


def _bars(unit: Times, end: int) -> list[tuple[int, int, str]]:
    if unit.activated < unit.activating:  # it was never up since: it starts still, or is over
        return [(unit.activating, unit.deactivated if unit.deactivated >= unit.activating else end, "activating")]
    stops = unit.deactivating if unit.deactivating >= unit.activated else end
    bars = [(unit.activating, unit.activated, "activating"), (unit.activated, stops, "active")]
    if stops < end:
        bars.append((stops, unit.deactivated if unit.deactivated >= stops else end, "deactivating"))
    return bars


def _escaped(text: str) -> str:
    text = "".join(letter if letter.isprintable() else "?" for letter in text)
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")


class _Picture:
    """SVG in the making. Places are given in µs and rows."""

    def __init__(self, begin: int, end: int) -> None:
        self._begin, self._end = begin, end
        self._parts: list[str] = []

    def _x(self, usec: int) -> float:
        return _LEFT + (min(max(usec, self._begin), self._end) - self._begin) * _WIDTH / (self._end - self._begin)

    def _y(self, row: int) -> int:
        return _TOP + row * _ROW

    def _say(self, x: float, y: float, text: str, kind: str = "", more: str = "") -> None:
        of_class = f' class="{kind}"' if kind else ""
        self._parts.append(f'<text x="{x:.1f}" y="{y:.1f}"{of_class}{more}>{_escaped(text)}</text>')

    def frame(self, rows: int, title: str, words: str) -> None:
        self._parts.append('<rect class="bg" width="100%" height="100%"/>')
        self._say(_LEFT, 24, words)
        for place, line in enumerate(title.splitlines()):
            self._say(_LEFT, 44 + 18 * place, line.strip())
        for row in range(1, rows, 2):
            self._parts.append(f'<rect class="odd" x="0" y="{self._y(row)}" width="100%" height="{_ROW}"/>')
        step = _step(self._end - self._begin)
        for usec in range(0, self._end - self._begin + 1, step):
            self.line(self._begin + usec, 0, rows, "grid")
            self._say(self._x(self._begin + usec), _TOP - 6, span(usec) if usec else "0", "small", ' text-anchor="middle"')
        x = float(_LEFT)
        for kind, text in _LEGEND:
            self._sample(x, 92, kind)
            self._say(x + 20, 96, text, "small")
            x += 34 + 6.2 * len(text)

    def _sample(self, x: float, y: float, kind: str) -> None:
        if kind == "waiting":
            self._parts.append(f'<line class="waiting" x1="{x}" y1="{y}" x2="{x + 16}" y2="{y}"/>')
        elif kind in ("exit", "restart"):
            self._sign(x + 8, y, kind)
        else:
            self._parts.append(f'<rect class="{kind}" x="{x}" y="{y - 6}" width="16" height="12"/>')

    def _sign(self, x: float, y: float, kind: str, told: str = "") -> None:
        shape = (f'<path class="exit" d="M{x - 4:.1f} {y - 4:.1f}l8 8m0 -8l-8 8"' if kind == "exit"
                 else f'<circle class="restart" cx="{x:.1f}" cy="{y:.1f}" r="4"')
        end = f"><title>{_escaped(told)}</title></{'path' if kind == 'exit' else 'circle'}>" if told else "/>"
        self._parts.append(shape + end)

    def line(self, usec: int, first: int, rows: int, kind: str) -> None:
        x = self._x(usec)
        self._parts.append(f'<line class="{kind}" x1="{x:.1f}" y1="{self._y(first)}" x2="{x:.1f}" y2="{self._y(rows)}"/>')

    def waiting(self, row: int, begin: int, end: int) -> None:
        y = self._y(row) + _ROW / 2
        self._parts.append(f'<line class="waiting" x1="{self._x(begin):.1f}" y1="{y}" x2="{self._x(end):.1f}" y2="{y}"/>')

    def row(self, row: int, label: str, bars: list[tuple[int, int, str]], at: int = 0, kind: str = "", more: int = 0) -> None:
        y = self._y(row)
        for begin, end, colour in bars:
            if end >= begin > 0:
                width = max(self._x(end) - self._x(begin), 1.5 if colour != "active" else 0)
                told = f"{_escaped(label)}: {colour}, {span(begin - self._begin)} to {span(end - self._begin)}"
                self._parts.append(f'<rect class="{colour}" x="{self._x(begin):.1f}" y="{y + 3}" width="{width:.1f}" '
                                   f'height="{_ROW - 6}"><title>{told}</title></rect>')
        self._say(self._x(at or self._begin) + 6 + more, y + _ROW - 6, label, kind)

    def mark(self, row: int, mark: Mark) -> None:
        self._sign(self._x(mark.usec), self._y(row) + _ROW / 2, mark.kind, f"{span(mark.usec - self._begin)}: {mark.text}")

    def text(self, rows: int) -> str:
        width, height = _LEFT + _WIDTH + _TEXT, self._y(rows) + 20
        return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">\n'
                f"<style>\n{_STYLE}\n</style>\n" + "\n".join(self._parts) + "\n</svg>\n")


def _step(usec: int) -> int:
    """Between lines of the grid: 1, 2 or 5 of some power of ten, so that there are about ten."""
    step = 1000
    while True:
        for factor in (1, 2, 5):
            if usec <= step * factor * 12:
                return step * factor
        step *= 10


# --- dependencies -----------------------------------------------------------------------------------------------------

#: Property → its colour (systemd-analyze(1), dot).
ORDER_COLOURS = {"After": "green"}
REQUIREMENT_COLOURS = {"Requires": "black", "Requisite": "darkblue", "Wants": "grey66", "Conflicts": "red"}


def dot(edges: Iterable[tuple[str, str, str]]) -> str:
    """Of (from, property, to)."""
    colours = ORDER_COLOURS | REQUIREMENT_COLOURS
    lines = (f'\t"{_quoted(one)}"->"{_quoted(other)}" [color="{colours[kind]}"];\n' for one, kind, other in edges)
    return "digraph systemd {\n" + "".join(lines) + "}\n"


def _quoted(name: str) -> str:
    return name.replace('"', '\\"')
