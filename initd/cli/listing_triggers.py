"""`systemctl list-timers`, `list-sockets`, `list-automounts`: units that start others, with when or where, and which."""

from __future__ import annotations

import sys

from initd.cli.bus import MANAGER_PATH, Bus
from initd.cli.listing import find_units
from initd.cli.options import Options
from initd.cli.output import RED, YELLOW, format_ago, format_span, format_timestamp, glyph, next_elapse
from initd.cli.table import Cell, Table, counted
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
    return next_elapse(_value(found, "NextElapseUSecRealtime", 0), _value(found, "NextElapseUSecMonotonic", _NEVER))


def _never(usec: int, text: str) -> Cell:
    return Cell(text if usec else "-", value=usec)


def list_timers(arguments: list[str], options: Options) -> int:
    rows = []
    for name, found in _units(Bus(options.places), arguments, options, "timer"):
        upcoming, last = _next_elapse(found), _value(found, "LastTriggerUSec", 0)
        rows.append((upcoming or _NEVER, name, last, ", ".join(_value(found, "Triggers", []))))
    table = Table(("NEXT", "LEFT", "LAST", "PASSED", "UNIT", "ACTIVATES"))
    for usec, name, last, triggers in sorted(rows):
        upcoming = 0 if usec == _NEVER else usec
        table.add(
            _never(upcoming, format_timestamp(upcoming)), _never(upcoming, format_ago(upcoming)),
            _never(last, format_timestamp(last)), _never(last, format_ago(last)), name, triggers or "-",
        )  # fmt: skip
    return _print(table, "timers", options)


def list_sockets(arguments: list[str], options: Options) -> int:
    rows = []
    for name, found in _units(Bus(options.places), arguments, options, "socket"):
        triggers = ", ".join(_value(found, "Triggers", [])) or "-"
        rows += [(address, kind, name, triggers) for kind, address in _value(found, "Listen", [])]
    table = Table(("LISTEN", *(["TYPE"] if options.show_types else []), "UNIT", "ACTIVATES"))
    for address, kind, name, triggers in sorted(rows):
        table.add(address, *([kind] if options.show_types else []), name, triggers)
    return _print(table, "sockets", options)


def list_automounts(arguments: list[str], options: Options) -> int:
    """Where there is no /dev/autofs none of them works; units of that type may be there."""
    bus = Bus(options.places)
    table = Table(("WHAT", "WHERE", "MOUNTED", "IDLE TIMEOUT", "UNIT"))
    for name, found in _units(bus, arguments, options, "automount"):
        mount = bus.get_all(unit_path(name.removesuffix("automount") + "mount"))
        idle = _value(found, "TimeoutIdleUSec", 0)
        is_mounted = _value(mount, "ActiveState", "") == "active"
        table.add(
            _value(mount, "What", "") or "n/a", _value(found, "Where", ""),
            Cell("yes" if is_mounted else "no", value=is_mounted), Cell(format_span(idle), value=idle), name,
        )  # fmt: skip
    return _print(table, "automounts", options)


def list_machines(arguments: list[str], options: Options) -> int:
    """The container itself is all there is."""
    import os

    from initd.core.globs import matches

    bus = Bus(options.places)
    shown = {name: value for name, (_, value) in bus.get_all(MANAGER_PATH).items()}
    name = os.uname().nodename
    table = Table(("", "NAME", "STATE", "FAILED", "JOBS"))
    if not arguments or any(matches(name, pattern) for pattern in arguments):
        state, failed, jobs = shown.get("SystemState", ""), shown.get("NFailedUnits", 0), shown.get("NJobs", 0)
        colour = RED if state == "degraded" else YELLOW if state == "maintenance" else ""
        table.add(
            Cell(glyph("dot") if colour else " ", colour), f"{name} (host)", Cell(state, colour),
            Cell(str(failed), RED if failed else "", failed), Cell(str(jobs), "", jobs),
        )  # fmt: skip
    table.show(options)
    if not options.no_legend and not options.quiet and not options.output.startswith("json"):
        print(f"\n{len(table.rows)} machines listed.")
    return 0


def _print(table: Table, what: str, options: Options) -> int:
    table.show(options)
    if not options.no_legend and not options.quiet and not options.output.startswith("json"):
        hint = "" if options.all else f"Pass --all to see loaded but inactive {what}, too.\n"
        sys.stdout.write(f"\n{counted(len(table.rows), what + ' listed.')}\n{hint}")
    return 0
