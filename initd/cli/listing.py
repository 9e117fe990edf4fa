"""`systemctl list-units`: the units that are loaded, as a table."""

from __future__ import annotations

import sys

from initd.cli.bus import Bus
from initd.cli.names import mangle_glob
from initd.cli.options import Options
from initd.cli.output import glyph, print_table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_BAD_LOAD_STATES = ("error", "not-found", "bad-setting", "masked")


def list_units(arguments: list[str], options: Options) -> int:
    rows = find_units(Bus(), arguments, options)
    if options.output.startswith("json"):
        return _print_json(rows, options.output)
    _print_rows(rows, options)
    return 0


def find_units(bus: Bus, patterns: list[str], options: Options) -> list[tuple[Any, ...]]:
    """Loaded units that the command line asks for, in the order of the table."""
    states = [*options.states, *(["failed"] if options.failed else [])]
    names = [mangle_glob(pattern) for pattern in patterns]
    (rows,) = bus.ask("ListUnitsByPatterns", "asas", states, names)
    shown = [row for row in rows if _is_wanted(row, options, bool(states))]
    return sorted(shown, key=lambda row: (row[0].rpartition(".")[2], row[0].lower(), row[0]))


def _is_wanted(row: tuple[Any, ...], options: Options, has_states: bool) -> bool:
    name, following, job_id = row[0], row[5], row[7]
    if options.types and name.rpartition(".")[2] not in options.types:
        return False
    if has_states or options.all:
        return True
    # What is down and has nothing to do is left out.
    return not following and (row[3] != "inactive" or bool(job_id))


def _mark(row: tuple[Any, ...]) -> str:
    """What catches the eye in front of the name."""
    if row[2] in _BAD_LOAD_STATES or row[3] == "failed":
        return glyph("dot")
    return " "


def _print_rows(rows: list[tuple[Any, ...]], options: Options) -> None:
    has_jobs = any(row[7] for row in rows)
    with_legend = not options.no_legend and not options.quiet
    header = ["UNIT", "LOAD", "ACTIVE", "SUB", *(["JOB"] if has_jobs else []), "DESCRIPTION"]
    cells = [[row[0], row[2], row[3], row[4], *([row[8]] if has_jobs else []), row[1]] for row in rows]
    if not options.plain:
        header[0] = "  " + header[0]
        for line, row in zip(cells, rows):
            line[0] = f"{_mark(row)} {line[0]}"
    print_table(header if with_legend else None, cells)
    if with_legend:
        sys.stdout.write(_legend(len(rows), has_jobs, options))


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
    hint = "" if options.all or is_filtered else " Pass --all to see loaded but inactive units, too."
    text += f"{count} loaded units listed.{hint}\n"
    if not is_filtered or options.all:
        text += "To show all installed unit files use 'systemctl list-unit-files'.\n"
    return text


def _print_json(rows: list[tuple[Any, ...]], style: str) -> int:
    try:
        import json
    except ImportError:
        from initd.cli.output import complain

        complain("JSON output needs Python's json module: install the package python3.")
        return 1
    keys = ("unit", "load", "active", "sub", "description")
    found = [dict(zip(keys, (row[0], row[2], row[3], row[4], row[1]))) for row in rows]
    layout: dict[str, Any] = {"indent": "\t"} if style == "json-pretty" else {"separators": (",", ":")}
    print(json.dumps(found, **layout))
    return 0
