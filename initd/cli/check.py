"""`pyinit check UNIT…|FILE…`: what becomes of every directive of a unit on this machine.

One line a directive: where it stands, its name, its fate, and why it is not applied. What the container allows and the
facts of the machine are handed in; nothing is asked of a running manager, so a unit can be checked before it is needed.
"""

from __future__ import annotations

import os

from initd import HELPER
from initd.cli.getopt import split
from initd.cli.names import mangle
from initd.cli.output import complain
from initd.core import unitname
from initd.core.load import load_unit
from initd.core.sources import Allowed, LoadFacts, UnitFiles, UnitText
from initd.core.states import Fate, LoadState
from initd.core.unitfates import DirectiveFate, judge_unit
from initd.shell.unitdirs import UnitDirs

USAGE = """\
pyinit check [OPTIONS…] UNIT…|FILE…

Say for each directive of these units whether it is applied here, degraded or ignored, and why.
A word with a "/" in it is a file, read as it stands, any other one a unit, with its drop-ins.

  --strict    exit 1 when anything is not applied
  --json      print one list of objects
  -h --help   print this

Exits 0, 1 (--strict), or 2 where a unit cannot be read or used.
"""


def main(arguments: list[str]) -> int:
    from initd.core.managerkeys import configure
    from initd.shell import allowed, limits, machine
    from initd.shell.managerconf import read_configuration

    container = limits.probe()
    files, _ = read_configuration()
    facts = configure(files, machine.read_facts(container)).facts
    return check(arguments, UnitDirs(), facts, allowed.probe(container, HELPER))


def check(arguments: list[str], dirs: UnitDirs, facts: LoadFacts, allowed: Allowed) -> int:
    """The exit status."""
    words, options, unknown = split(arguments, ("--strict", "--json"))
    if "-h" in options or "--help" in options:
        print(USAGE, end="")
        return 0
    if unknown or not words:
        complain(f"pyinit check: Unknown option {unknown[0]}." if unknown else "pyinit check: Which unit, or which file?")
        return 2
    rows: list[DirectiveFate] = []
    is_usable = True
    for word in words:
        files = _find(word, dirs)
        if files is None:
            is_usable = False
            continue
        definition = load_unit(files, facts)
        rows += judge_unit(files, definition, allowed)
        if definition.load_state is not LoadState.LOADED:
            complain(definition.load_error or f"Unit {definition.name} is {definition.load_state.value}.")
            is_usable = False
    if not _print(rows, "--json" in options) or not is_usable:
        return 2
    return 1 if "--strict" in options and any(row.fate is not Fate.APPLIED for row in rows) else 0


# --- reading ------------------------------------------------------------------------------------------------------


def _find(word: str, dirs: UnitDirs) -> UnitFiles | None:
    """The files a word stands for; None, and a complaint, where there are none."""
    if "/" in word:
        return _read_file(word)
    try:
        name = mangle(word)
    except ValueError:
        name = ""
    if not unitname.is_valid(name):
        complain(f"{word!r} is not the name of a unit.")
        return None
    return dirs.read(name)


def _read_file(path: str) -> UnitFiles | None:
    name = os.path.basename(path)
    if not unitname.is_valid(name):
        complain(f"{path}: {name!r} is not the name of a unit.")
        return None
    try:
        with open(path, encoding="utf-8", errors="surrogateescape", newline="") as file:
            text = file.read()
    except OSError as error:
        complain(f"{path}: {error.strerror}")
        return None
    return UnitFiles(name, (name,), UnitText(path, text), is_masked=not text)


# --- printing -----------------------------------------------------------------------------------------------------


def _print(rows: list[DirectiveFate], as_json: bool) -> bool:
    """False where JSON is wanted and Python's module for it is not installed."""
    if not as_json:
        for row in rows:
            print(row)
        return True
    try:
        import json
    except ImportError:
        complain("JSON output needs Python's json module: install the package python3.")
        return False
    print(json.dumps([dict(zip(row._fields, row)) | {"fate": row.fate.value} for row in rows], indent=2))
    return True
