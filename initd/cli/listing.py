"""`systemctl list-units`: the units that are loaded, as a table."""

from __future__ import annotations

import sys

from initd.cli.bus import Bus
from initd.cli.names import is_wanted, mangle_glob
from initd.cli.options import Options
from initd.cli.output import GREY, RED, YELLOW, glyph, painted
from initd.cli.table import Cell, Table, counted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_BAD_LOAD_STATES = ("error", "not-found", "bad-setting", "masked")


def list_units(arguments: list[str], options: Options) -> int:
    _print_rows(find_units(Bus(options.places), arguments, options), options)
    return 0


def find_units(bus: Bus, patterns: list[str], options: Options) -> list[tuple[Any, ...]]:
    """Loaded units that the command line asks for, in the order of the table."""
    states = [*options.states, *(["failed"] if options.failed else [])]
    names = [mangle_glob(pattern) for pattern in patterns]
    (rows,) = bus.ask("ListUnitsByPatterns", "asas", states, names)
    shown = [row for row in rows if is_wanted(row, options, bool(states))]
    return sorted(shown, key=lambda row: (row[0].rpartition(".")[2], row[0].lower(), row[0]))


def _print_rows(rows: list[tuple[Any, ...]], options: Options) -> None:
    has_jobs = any(row[7] for row in rows)
    with_legend = not options.no_legend and not options.quiet
    titles = ["" if not options.plain else None, "UNIT", "LOAD", "ACTIVE", "SUB", "JOB" if has_jobs else None, "DESCRIPTION"]
    table = Table([title for title in titles if title is not None], cut=("UNIT", "DESCRIPTION"))
    for number, row in enumerate(rows):
        cells = _cells(row, has_jobs)
        table.add(*(cells[1:] if options.plain else cells))
        if number + 1 < len(rows) and _kind(rows[number + 1]) != _kind(row):
            table.underline_last()
    table.show(options)
    if with_legend and not options.output.startswith("json"):
        sys.stdout.write(_legend(len(rows), has_jobs, options))


def _kind(row: tuple[Any, ...]) -> str:
    return str(row[0].rpartition(".")[2])


def _cells(row: tuple[Any, ...], has_jobs: bool) -> list[Cell]:
    """What catches the eye is what is bad: that it failed, or that its files could not be read."""
    failed = RED if row[3] == "failed" else ""
    load = RED if row[2] in _BAD_LOAD_STATES else ""
    mark = Cell(glyph("dot") if failed or load else " ", failed or (YELLOW if load else ""))
    jobs = [Cell(row[8])] if has_jobs else []
    return [mark, Cell(row[0], failed), Cell(row[2], load), Cell(row[3], failed), Cell(row[4], failed), *jobs, Cell(row[1])]


def _legend(count: int, has_jobs: bool, options: Options) -> str:
    text = ""
    if count:
        text = (
            "\nLOAD   = Reflects whether the unit definition was properly loaded.\n"
            "ACTIVE = The high-level unit activation state, i.e. generalization of SUB.\n"
            "SUB    = The low-level unit activation state, values depend on unit type.\n"
        )
        if has_jobs:
            text += "JOB    = Pending job for the unit.\n\n"
    is_filtered = bool(options.states) or options.failed
    hint = "" if options.all or is_filtered else "Pass --all to see loaded but inactive units, too."
    text += counted(count, "loaded units listed.", hint) + "\n"
    if not is_filtered or options.all:
        text += painted("To show all installed unit files use 'systemctl list-unit-files'.", GREY) + "\n"
    return text
