"""`systemctl list-dependencies`: what a unit pulls in, waits for, or is pulled in by, as a tree."""

from __future__ import annotations

import sys

from initd.cli.bus import Bus
from initd.cli.names import expand
from initd.cli.options import Options
from initd.cli.output import PLAIN, glyph, painted, state_colour, state_glyph
from initd.core.objectpath import unit_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_FORWARD = ("Requires", "Requisite", "Wants", "ConsistsOf", "BindsTo", "Upholds")
_REVERSE = ("RequiredBy", "RequisiteOf", "WantedBy", "PartOf", "BoundBy", "UpheldBy")


def list_dependencies(arguments: list[str], options: Options) -> int:
    bus = Bus(options.places)
    names = expand(arguments or ["default.target"], bus)
    out: list[str] = []
    tree = _Tree(bus, options, out)
    for position, name in enumerate(names):
        if position:
            out.append("\n")
        out.append(name + "\n")
        tree.add_below(name, 0, [False], (name,))
    sys.stdout.write("".join(out))
    return 0


class _Tree:
    """Asks for each unit once."""

    def __init__(self, bus: Bus, options: Options, out: list[str]) -> None:
        self._bus = bus
        self._options = options
        self._out = out
        self._known: dict[str, dict[str, Any]] = {}
        #: A plain list shows what is below a unit once.
        self._walked: set[str] = set()
        if options.after:
            self._kinds: tuple[str, ...] = ("After",)
        elif options.before:
            self._kinds = ("Before",)
        else:
            self._kinds = _REVERSE if options.reverse else _FORWARD

    def _properties(self, name: str) -> dict[str, Any]:
        if name not in self._known:
            found = self._bus.get_all(unit_path(name))
            self._known[name] = {key: found[key][1] for key in (*self._kinds, "ActiveState") if key in found}
        return self._known[name]

    def _neighbours(self, name: str) -> list[str]:
        shown = self._properties(name)
        found = {other for kind in self._kinds for other in shown.get(kind, ())}
        return sorted(found, key=lambda other: (other.endswith(".target"), other.lower()))

    def add_below(self, name: str, level: int, is_last_of: list[bool], ancestors: tuple[str, ...]) -> None:
        self._walked.add(name)
        names = self._neighbours(name)
        for position, other in enumerate(names):
            is_last = position == len(names) - 1
            if other in (self._walked if self._options.plain else ancestors):
                if not self._options.plain:
                    self._add_line("...", level, is_last_of, is_last)  # a circle
                continue
            self._add_line(other, level, is_last_of, is_last)
            # Below a target there are services; below a service there is the whole system again.
            if self._options.all or other.endswith(".target"):
                self.add_below(other, level + 1, [*is_last_of, is_last], (*ancestors, other))

    def _dot(self, state: str) -> str:
        return state_glyph(state) if state_colour(state) else painted(state_glyph(state), PLAIN)

    def _add_line(self, name: str, level: int, is_last_of: list[bool], is_last: bool) -> None:
        if self._options.plain:
            self._out.append(f"  {name}\n")
            return
        dot = " " if name == "..." else self._dot(self._properties(name).get("ActiveState", "inactive"))
        bars = "".join("  " if is_end else glyph("line") for is_end in is_last_of[1:])
        self._out.append(f"{dot} {bars}{glyph('corner' if is_last else 'branch')}{name}\n")
