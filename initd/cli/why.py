"""`systemctl why UNIT…`, `pyinit why UNIT…`: what led to a unit being as it is. The manager tells, here it is laid out."""

from __future__ import annotations

from initd.cli.bus import Bus, BusError
from initd.cli.names import expand
from initd.cli.options import Options
from initd.cli.output import complain, format_timestamp
from initd.cli.table import to_json
from initd.core.objectpath import OWN_INTERFACE, unit_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

USAGE = """\
pyinit why [OPTIONS…] UNIT…

Say why units are as they are: running, not running, waiting, restarted, stopped or failed. Below each line stands what
explains it: jobs and who has asked for them, dependencies, conditions, how processes ended, with time, file and line.

  --json                   print one list of objects
  --user                   ask the manager of whoever calls
  --runtime-directory=DIR  ask the manager of a group of units
  -h --help                print this

Exits 0, or 1 where a unit is not there to be told of.
"""
#: Texts that are longer do not move the columns behind them.
_WIDEST = 96


def main(arguments: list[str]) -> int:
    """As `systemctl why`."""
    if "-h" in arguments or "--help" in arguments:
        print(USAGE, end="")
        return 0
    from initd.cli import systemctl

    return systemctl.main(["why", *["--output=json-pretty" if word == "--json" else word for word in arguments]])


def why(arguments: list[str], options: Options) -> int:
    bus = Bus(options.places)
    told, is_good = {}, True
    for name in expand(arguments, bus, options=options):
        try:
            told[name] = bus.call(unit_path(name), OWN_INTERFACE, "Why")[0]
        except BusError as problem:
            complain(f"{name}: {problem.text}")
            is_good = False
    if options.output.startswith("json"):
        print(to_json([as_data(name, lines) for name, lines in told.items()], options.output == "json-pretty"))
    else:
        print("\n".join([as_text(lines) for lines in told.values()]), end="")
    return 0 if is_good else 1


def as_data(name: str, lines: list[tuple[int, int, str, str]]) -> dict[str, Any]:
    keys = ("depth", "time", "text", "source")
    return {"unit": name, "lines": [dict(zip(keys, line)) for line in lines]}


def as_text(lines: list[tuple[int, int, str, str]]) -> str:
    """`lines`: depth, realtime µs or 0, text, where it is written or ""."""
    width = min(max((len(_indented(depth, text)) for depth, _, text, _ in lines), default=0), _WIDEST)
    has_time = any(usec for _, usec, _, _ in lines)
    out = []
    for depth, usec, text, source in lines:
        time = format_timestamp(usec) if usec else ""
        column = f"{time:<28}  " if has_time else ""
        out.append(f"{_indented(depth, text):<{width}}  {column}{source}".rstrip())
    return "\n".join(out) + "\n"


def _indented(depth: int, text: str) -> str:
    return "  " * depth + text
