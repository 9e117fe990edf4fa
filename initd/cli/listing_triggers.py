"""`systemctl list-timers` and `list-sockets`: units that start others, with when or where, and which."""

from __future__ import annotations

import sys

from initd.cli.bus import Bus
from initd.cli.listing import find_units
from initd.cli.options import Options
from initd.cli.output import format_ago, format_timestamp, print_table
from initd.core.objectpath import unit_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_NEVER = 2**64 - 1


def _units(bus: Bus, arguments: list[str], options: Options, kind: str) -> list[tuple[str, dict[str, tuple[str, Any]]]]:
    options.types = [kind]
    patterns = [word if "." in word or word.endswith("*") else f"{word}.{kind}" for word in arguments]
    return [(row[0], bus.get_all(unit_path(row[0]))) for row in find_units(bus, patterns, options)]


def _value(found: dict[str, tuple[str, Any]], name: str, default: Any) -> Any:
    return found.get(name, ("", default))[1]


def _next_elapse(found: dict[str, tuple[str, Any]]) -> int:
    """The nearer of the two clocks' next times, as wall-clock time; 0 for never."""
    import time

    realtime = _value(found, "NextElapseUSecRealtime", 0)
    monotonic = _value(found, "NextElapseUSecMonotonic", _NEVER)
    times = [realtime] if realtime not in (0, _NEVER) else []
    if monotonic not in (0, _NEVER):
        times.append(monotonic - time.monotonic_ns() // 1000 + time.time_ns() // 1000)
    return min(times, default=0)


def list_timers(arguments: list[str], options: Options) -> int:
    rows = []
    for name, found in _units(Bus(), arguments, options, "timer"):
        upcoming, last = _next_elapse(found), _value(found, "LastTriggerUSec", 0)
        cells = (
            format_timestamp(upcoming) or "-",
            format_ago(upcoming) if upcoming else "-",
            format_timestamp(last) or "-",
            format_ago(last) if last else "-",
            name,
            ", ".join(_value(found, "Triggers", [])) or "-",
        )
        rows.append((upcoming or _NEVER, cells))
    rows.sort()
    header = ("NEXT", "LEFT", "LAST", "PASSED", "UNIT", "ACTIVATES")
    return _print(header, [cells for _, cells in rows], len(rows), "timers", options)


def list_sockets(arguments: list[str], options: Options) -> int:
    rows = []
    units = _units(Bus(), arguments, options, "socket")
    for name, found in units:
        for kind, address in _value(found, "Listen", []):
            cells = [address, name, ", ".join(_value(found, "Triggers", [])) or "-"]
            rows.append((cells[0], kind, cells))
    rows.sort()
    header = ["LISTEN", *(["TYPE"] if options.show_types else []), "UNIT", "ACTIVATES"]
    cells = [[row[0], *([kind] if options.show_types else []), *row[1:]] for _, kind, row in rows]
    return _print(header, cells, len(rows), "sockets", options)


def _print(header: Any, cells: list[Any], count: int, what: str, options: Options) -> int:
    with_legend = not options.no_legend and not options.quiet
    print_table(header if with_legend else None, cells)
    if with_legend:
        hint = "" if options.all else f"Pass --all to see loaded but inactive {what}, too.\n"
        sys.stdout.write(f"\n{count} {what} listed.\n{hint}")
    return 0
