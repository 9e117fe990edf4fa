"""`systemctl list-jobs`: what is queued, and with --before and --after what waits for what."""

from __future__ import annotations

import sys

from initd.cli.bus import Bus, BusError
from initd.cli.options import Options
from initd.cli.output import BOLD, GREEN, glyph, painted
from initd.cli.table import Cell, Table
from initd.core.globs import matches

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def show(arguments: list[str], options: Options) -> int:
    if options.output.startswith("json"):
        options.output, options.no_legend = "", True  # of the lists it is the one that never is JSON
    bus = Bus(options.places)
    (rows,) = bus.ask("ListJobs")
    wanted = [row for row in rows if not arguments or any(matches(row[1], pattern) for pattern in arguments)]
    with_legend = not options.no_legend and not options.quiet
    if not wanted:
        if with_legend:
            print(painted("No jobs listed." if rows else "No jobs running.", GREEN))
        return 0
    table = Table(("JOB", "UNIT", "TYPE", "STATE"))
    for number, unit, kind, state, *_ in wanted:
        colour = BOLD if state == "running" else ""
        table.add(Cell(str(number), value=number), Cell(unit, colour), kind, Cell(state, colour))
        _add_others(bus, table, number, options)
    table.show(options)
    if with_legend:
        sys.stdout.write("\n" + painted(f"{len(wanted)} jobs listed", BOLD) + ".\n")
    return 0


def _add_others(bus: Bus, table: Table, number: int, options: Options) -> None:
    lines = _others(bus, "GetJobAfter", number, "blocking job") if options.after else []
    lines += _others(bus, "GetJobBefore", number, "waiting for job") if options.before else []
    for position, line in enumerate(lines):
        table.add(glyph("corner" if position == len(lines) - 1 else "branch"), line, "-", "-")


def _others(bus: Bus, method: str, number: int, words: str) -> list[str]:
    try:
        (rows,) = bus.ask(method, "u", number)
    except BusError:
        return []  # it ended just now
    found: list[tuple[Any, ...]] = rows
    return [f"\t{words} {row[0]} ({row[1]}/{row[2]})" for row in found]
