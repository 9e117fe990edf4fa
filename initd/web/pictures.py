"""Pictures as SVG: the dependencies of one unit, and the boot. Values in, text out.

They stand in a page: colours are classes of its style sheet, and names are links to units' pages, which `link` makes.
"""

from __future__ import annotations

from html import escape
from math import ceil

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Link = Callable[[str], str]

#: Pixels.
_ROW, _BOX, _GAP, _CHARACTER, _PAD = 30, 22, 150, 7.3, 10
#: Kinds that are a wish: what is drawn with a broken line.
_WEAK = ("Wants", "WantedBy", "Upholds", "UpheldBy", "Triggers", "TriggeredBy")


def graph(name: str, dependencies: dict[str, list[str]], states: dict[str, str], sides: tuple[tuple[str, ...], tuple[str, ...]],
          link: Link) -> str:
    """What the unit needs to the right of it, what needs it to the left. `sides`: the kinds of each, needs first.

    A line says of which kind a dependency is; "after" behind it, that it is ordered as well."""
    after, before = set(dependencies.get("After", ())), set(dependencies.get("Before", ()))
    needs = _edges(dependencies, sides[0], after)
    needed = _edges(dependencies, sides[1], before)
    widths = [_width([each for each, _, _ in edges]) for edges in (needed, [(name, "", False)], needs)]
    xs = [_PAD, _PAD + widths[0] + _GAP, _PAD + widths[0] + widths[1] + 2 * _GAP]
    if not needed:
        xs = [0.0, float(_PAD), _PAD + widths[1] + _GAP]
    rows = max(len(needs), len(needed), 1)
    width = xs[2] + widths[2] + _PAD if needs else xs[1] + widths[1] + _PAD
    height = rows * _ROW + 2 * _PAD
    middle = height / 2
    parts = [_head(width, height, f"Dependencies of {name}")]
    for edges, x, is_left in ((needed, xs[0], True), (needs, xs[2], False)):
        box_width = widths[0] if is_left else widths[2]
        top = middle - len(edges) * _ROW / 2
        for place, (each, kinds, is_weak) in enumerate(edges):
            y = top + (place + 0.5) * _ROW
            start, end = ((x + box_width, y), (xs[1], middle)) if is_left else ((xs[1] + widths[1], middle), (x, y))
            parts.append(_line(start, end, is_weak))
            at, anchor = (start[0] + 6, "start") if is_left else (end[0] - 6, "end")
            parts.append(f'<text class="kind" x="{at:.0f}" y="{y - 4:.0f}" text-anchor="{anchor}">{escape(kinds)}</text>')
            parts.append(_box(x, y, box_width, each, states.get(each, "inactive"), link(each)))
    parts.append(_box(xs[1], middle, widths[1], name, states.get(name, "inactive"), "", "centre"))
    return "".join(parts) + "</svg>"


def _edges(dependencies: dict[str, list[str]], kinds: tuple[str, ...], ordered: set[str]) -> list[tuple[str, str, bool]]:
    """(unit, what the line says, whether it is weak), by name."""
    found: dict[str, list[str]] = {}
    for kind in kinds:
        for each in dependencies.get(kind, ()):
            found.setdefault(each, []).append(kind)
    return [(each, ", ".join(names) + (" · after" if each in ordered else ""), all(kind in _WEAK for kind in names))
            for each, names in sorted(found.items())]


def _width(names: list[str]) -> float:
    return max((len(name) for name in names), default=0) * _CHARACTER + 2 * _PAD if names else 0.0


def _head(width: float, height: float, title: str) -> str:
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{ceil(width)}" height="{ceil(height)}" '
            f'viewBox="0 0 {ceil(width)} {ceil(height)}" role="img"><title>{escape(title)}</title>')


def _line(start: tuple[float, float], end: tuple[float, float], is_weak: bool) -> str:
    (x1, y1), (x2, y2) = start, end
    bend = (x1 + x2) / 2
    dashes = ' stroke-dasharray="5 4"' if is_weak else ""
    return f'<path class="edge" d="M{x1:.0f} {y1:.0f}C{bend:.0f} {y1:.0f} {bend:.0f} {y2:.0f} {x2:.0f} {y2:.0f}"{dashes}/>'


def _box(x: float, y: float, width: float, name: str, state: str, href: str, more: str = "") -> str:
    box = (f'<g class="node {escape(state)} {more}"><rect x="{x:.0f}" y="{y - _BOX / 2:.0f}" width="{width:.0f}" '
           f'height="{_BOX}" rx="4"/><text x="{x + _PAD:.0f}" y="{y + 4:.0f}">{escape(name)}</text></g>')
    return f'<a href="{escape(href)}">{box}</a>' if href else box


# --- the boot ---------------------------------------------------------------------------------------------------------


def boot_chart(boot: dict[str, Any], link: Link, width: int = 760) -> str:
    """A bar for each unit, from the moment it was begun to the moment it was up; the scale in milliseconds of the boot.

    What took no time is a point. Microseconds in; units in the order in which they were begun."""
    began, rows = boot["began"], boot["units"]
    end = max([boot["ended"], *(max(row["began"], row["up"]) for row in rows), began + 1])
    if boot["ended"]:
        end = boot["ended"]
    total = end - began
    step = _step(total)
    top, line, left = 28, 18, 24
    height = top + len(rows) * line + 8
    right = left + width + 320
    parts = [_head(right, height, f"The boot: {total / 1000:.0f} ms")]
    for at in range(0, total + 1, step):
        x = at / total * width + left
        parts.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="20" y2="{height}"/>'
                     f'<text class="kind" x="{x:.1f}" y="14" text-anchor="middle">{at / 1000:g} ms</text>')
    for place, row in enumerate(rows):
        x = max(row["began"] - began, 0) / total * width + left
        up = min(row["up"], end) if row["up"] >= row["began"] else row["began"]
        length = max((up - row["began"]) / total * width, 2)
        y = top + place * line
        took = f" ({(up - row['began']) / 1000:.0f} ms)" if up - row["began"] >= 1000 else ""
        parts.append(f'<a href="{escape(link(row["name"]))}"><g class="node {escape(row["active"])}"><rect x="{x:.1f}" y="{y}" '
                     f'width="{length:.1f}" height="12" rx="2"/></g><text class="name" x="{x + length + 5:.1f}" y="{y + 10}">'
                     f'{escape(row["name"])}{took}</text></a>')
    return "".join(parts) + "</svg>"


def _step(total_usec: int) -> int:
    """Between two lines of the scale: 1, 2 or 5 times a power of ten, and not more than ten of them."""
    step = 1
    while True:
        for factor in (1, 2, 5):
            if total_usec <= step * factor * 10:
                return step * factor
        step *= 10
