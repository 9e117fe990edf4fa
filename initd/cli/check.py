"""`pyinit check UNIT…|FILE…`: what becomes of every directive of a unit on this machine.

One line a directive: where it stands, its name, its fate, and why it is not applied. What the container allows and the
facts of the machine are handed in; nothing is asked of a running manager, so a unit can be checked before it is needed.
"""

from __future__ import annotations

import os

from initd.cli.names import mangle
from initd.cli.output import complain
from initd.core import fates, syntax, unitname
from initd.core.directives import SECTIONS_OF, TABLE
from initd.core.fates import Judgement
from initd.core.load import load_unit
from initd.core.record import Record
from initd.core.settings import UnitDefinition
from initd.core.sources import Allowed, LoadFacts, UnitFiles, UnitText
from initd.core.states import Fate, LoadState
from initd.core.values import Diagnostic
from initd.shell.unitdirs import UnitDirs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

USAGE = """\
pyinit check [OPTIONS…] UNIT…|FILE…

Say for each directive of these units whether it is applied here, degraded or ignored, and why.
A word with a "/" in it is a file, read as it stands, any other one a unit, with its drop-ins.

  --strict    exit 1 when anything is not applied
  --json      print one list of objects
  -h --help   print this

Exits 0, 1 (--strict), or 2 where a unit cannot be read or used.
"""


class Row(Record):
    """One directive. `key` is empty where no single directive is to blame."""

    unit: str
    path: str
    line: int
    section: str
    key: str
    fate: Fate
    reason: str

    def __str__(self) -> str:
        what = f"{self.key}=" if self.key else f"[{self.section}]" if self.section else self.unit
        place = f"{self.path}:{self.line}" if self.line else self.path or self.unit
        return f"{place}: {what} {self.fate.value}" + (f": {self.reason}" if self.reason else "")


def check(arguments: list[str], dirs: UnitDirs, facts: LoadFacts, allowed: Allowed) -> int:
    """The exit status."""
    words = [word for word in arguments if not word.startswith("-")]
    options = [word for word in arguments if word.startswith("-")]
    if "-h" in options or "--help" in options:
        print(USAGE, end="")
        return 0
    unknown = [option for option in options if option not in ("--strict", "--json")]
    if unknown or not words:
        complain(f"pyinit check: Unknown option {unknown[0]}." if unknown else "pyinit check: Which unit, or which file?")
        return 2
    rows: list[Row] = []
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


# --- judging ------------------------------------------------------------------------------------------------------


def judge_unit(files: UnitFiles, definition: UnitDefinition, allowed: Allowed) -> list[Row]:
    """A row for every directive in the unit's files, and for every complaint that is about none of them."""
    complaints: dict[tuple[str, int], list[Diagnostic]] = {}
    for found in definition.diagnostics:
        complaints.setdefault((found.path, found.line), []).append(found)
    rows = []
    for file in ((files.fragment,) if files.fragment is not None else ()) + files.dropins:
        for item in syntax.parse(file.text, file.path).assignments:
            if item.key.startswith("X-") or item.section.startswith("X-"):
                continue
            wrong = complaints.pop((file.path, item.line), [])
            found_fate = _judge(item, wrong, definition, allowed)
            rows.append(Row(definition.name, file.path, item.line, item.section, item.key, *found_fate))
    return rows + list(_rest(definition, complaints))


def _judge(
    item: syntax.Assignment, wrong: list[Diagnostic], definition: UnitDefinition, allowed: Allowed
) -> Judgement:
    lost = [found for found in wrong if found.loses != "nothing"]
    if lost:
        # Of one word there is no part left.
        is_part = all(found.loses == "part" for found in lost) and len(item.value.split()) > 1
        return Judgement(Fate.DEGRADED if is_part else Fate.IGNORED, "; ".join(found.text for found in lost))
    directive = TABLE.get((item.section, item.key))
    if directive is None or item.section not in SECTIONS_OF[definition.type]:
        return Judgement(Fate.IGNORED, f"section [{item.section}] is not for a unit of this type")
    return fates.judge(item.section, directive, definition, allowed)


def _rest(definition: UnitDefinition, complaints: dict[tuple[str, int], list[Diagnostic]]) -> Iterator[Row]:
    for (path, line), wrong in complaints.items():
        for found in wrong:
            yield Row(definition.name, path, line, "", "", Fate.IGNORED, found.text)


# --- printing -----------------------------------------------------------------------------------------------------


def _print(rows: list[Row], as_json: bool) -> bool:
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
