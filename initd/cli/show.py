"""`systemctl show`: properties as NAME=VALUE, for programs."""

from __future__ import annotations

import sys

from initd.cli import property_format
from initd.cli.bus import MANAGER_PATH, Bus, BusError
from initd.cli.names import expand
from initd.cli.options import Options
from initd.cli.output import complain
from initd.core.objectpath import OWN_INTERFACE, job_path, unit_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def show(arguments: list[str], options: Options) -> int:
    if options.timestamp != "pretty":
        property_format.set_timestamp_style(options.timestamp)
    bus = Bus(options.places)
    paths = [MANAGER_PATH] if not arguments else _paths(arguments, bus, options)
    for position, path in enumerate(paths):
        if position:
            print()
        try:
            _show_one(bus, path, options)
        except BusError as problem:
            complain(f"Failed to get properties: {problem.text}")
            return 1
    return 0


def _paths(arguments: list[str], bus: Bus, options: Options) -> list[str]:
    """The objects that are meant: a number is a job, everything else a unit."""
    numbers = [job_path(int(word)) for word in arguments if word.isascii() and word.isdigit()]
    words = [word for word in arguments if not (word.isascii() and word.isdigit())]
    return numbers + [unit_path(name) for name in expand(words, bus, options=options)]


FATES = "DirectiveFates"


def fates_of(bus: Bus, path: str) -> dict[str, tuple[str, Any]]:
    """The property that only pyinit has, and only tells those who ask for it; nothing where the manager is another."""
    try:
        return bus.get_all(path, OWN_INTERFACE)
    except BusError:
        return {}


def _show_one(bus: Bus, path: str, options: Options) -> None:
    wanted = options.properties
    found = bus.get_all(path)
    out = []
    if wanted is not None and FATES in wanted:
        found |= fates_of(bus, path)
    for name, (signature, value) in found.items():
        if wanted is not None and name not in wanted:
            continue
        for line in property_format.lines_of(name, signature, value, options.all):
            out.append(f"{line}\n" if options.value else f"{name}={line}\n")
    sys.stdout.write("".join(out))
