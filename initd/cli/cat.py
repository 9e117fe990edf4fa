"""`systemctl cat`: the files a unit is made of; `systemctl help`: its manual pages."""

from __future__ import annotations

import os
import sys

from initd.cli.bus import UNIT, Bus, BusError
from initd.cli.names import expand
from initd.cli.options import Options
from initd.cli.output import BLUE, complain, linked, painted
from initd.core.objectpath import unit_path


def cat(arguments: list[str], options: Options) -> int:
    bus = Bus(options.places)
    is_first = True
    for name in expand(arguments, bus):
        path = unit_path(name)
        try:
            state = bus.get(path, UNIT, "LoadState")
            if state == "masked":
                print(f"# Unit {name} is masked.")
                continue
            files = [bus.get(path, UNIT, "FragmentPath"), *bus.get(path, UNIT, "DropInPaths")]
        except BusError as problem:
            complain(f"Failed to get unit state: {problem.text}")
            return 1
        files = [file for file in files if file]
        if state == "not-found" and not files:
            complain(f"No files found for {name}.")
            return 1
        if bus.get(path, UNIT, "NeedDaemonReload"):
            complain(
                f"# Warning: {name} changed on disk, the version systemd has loaded is outdated.\n"
                "# This output shows the current version of the unit's original fragment and drop-in files.\n"
                "# If fragments or drop-ins were added or removed, they are not properly reflected in this output.\n"
                f"# Run 'systemctl{bus.option} daemon-reload' to reload units."
            )
            sys.stderr.flush()
        for file in files:
            if not is_first:
                print()
            is_first = False
            if not _print_file(file):
                return 1
    return 0


def _print_file(path: str) -> bool:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            text = file.read()
    except OSError as problem:
        complain(f"Failed to open {path}: {problem.strerror}")
        return False
    sys.stdout.write(painted(f"# {linked(path)}", BLUE) + f"\n{text}")
    if text and not text.endswith("\n"):
        print()
    return True


def help_pages(arguments: list[str], options: Options) -> int:
    """Show the pages that Documentation= names, with man(1) where they are manual pages."""
    bus = Bus(options.places)
    status = 0
    for name in expand(arguments, bus):
        pages = bus.get(unit_path(name), UNIT, "Documentation")
        if bus.get(unit_path(name), UNIT, "LoadState") == "not-found":
            complain(f"Unit {name} could not be found.")
            status = 1
        elif not pages:
            complain(f"Documentation for {name} not known.")
        for page in pages:
            if not page.startswith("man:"):
                print(f"Additional documentation: {page}")
                continue
            title, _, section = page[4:].rstrip(")").partition("(")
            sys.stdout.flush()
            if os.spawnlp(os.P_WAIT, "man", "man", *([section] if section else []), title) == 127:
                complain("Failed to execute man: No such file or directory")
    return status
