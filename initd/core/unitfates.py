"""What becomes of every directive of one unit on this machine, line by line, and whether the unit may run with that.

`core.fates` judges a directive; here it is asked for each that a unit's files set. Asked by `pyinit check`, by the D-Bus
property DirectiveFates and, for units that are strict, when they are loaded.
"""

from __future__ import annotations

from initd.core import fates, numbers, syntax
from initd.core.directives import TABLE
from initd.core.judgement import Judgement
from initd.core.record import Record
from initd.core.sections import SECTIONS_OF
from initd.core.settings import UnitDefinition
from initd.core.sources import Allowed, UnitFiles, UnitText
from initd.core.states import Fate, LoadState
from initd.core.values import LOG_ERR, Diagnostic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

#: In [Unit]: whether the unit may start though not all of it is applied. systemd passes over keys that begin so.
STRICT = "X-Strict"


class DirectiveFate(Record):
    """One directive. `key` is empty where no single directive is to blame, `reason` where it is applied."""

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


def judge_unit(files: UnitFiles, definition: UnitDefinition, allowed: Allowed) -> list[DirectiveFate]:
    """One for every directive in the unit's files, and for every complaint that is about none of them."""
    complaints: dict[tuple[str, int], list[Diagnostic]] = {}
    for found in definition.diagnostics:
        complaints.setdefault((found.path, found.line), []).append(found)
    judged = []
    for file in _texts(files):
        for item in syntax.parse(file.text, file.path).assignments:
            if item.key.startswith("X-") or item.section.startswith("X-"):
                continue
            wrong = complaints.pop((file.path, item.line), [])
            found_fate = _judge(item, wrong, definition, allowed)
            judged.append(DirectiveFate(definition.name, file.path, item.line, item.section, item.key, found_fate.fate,
                                        found_fate.reason))
    return judged + list(_rest(definition, complaints))


def _texts(files: UnitFiles) -> tuple[UnitText, ...]:
    return ((files.fragment,) if files.fragment is not None else ()) + files.dropins


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


def _rest(definition: UnitDefinition, complaints: dict[tuple[str, int], list[Diagnostic]]) -> Iterator[DirectiveFate]:
    for (path, line), wrong in complaints.items():
        for found in wrong:
            yield DirectiveFate(definition.name, path, line, "", "", Fate.IGNORED, found.text)


# --- strict units -------------------------------------------------------------------------------------------------


def is_strict(files: UnitFiles, default: bool) -> bool:
    """What the unit's own X-Strict= says, else the manager's setting. The last one counts, and a bad one does not."""
    strict = default
    for file in _texts(files):
        if STRICT not in file.text:
            continue
        for item in syntax.parse(file.text, file.path).assignments:
            if item.section == "Unit" and item.key == STRICT:
                try:
                    strict = numbers.to_bool(item.value)
                except ValueError:
                    pass  # it is read by nobody else who could complain, and must not decide
    return strict


def refuse(definition: UnitDefinition, judged: Iterable[DirectiveFate]) -> UnitDefinition:
    """The definition of a strict unit: bad where any directive is not applied, each of them named in a diagnostic."""
    missing = [each for each in judged if each.fate is not Fate.APPLIED]
    if not missing or definition.load_state is not LoadState.LOADED:
        return definition
    told = tuple(Diagnostic(LOG_ERR, each.path, each.line, f"{each.key}= is {each.fate.value} here: {each.reason}")
                 for each in missing)
    keys = ", ".join(dict.fromkeys(f"{each.key}=" for each in missing))
    return definition.replace(
        load_state=LoadState.BAD_SETTING,
        load_error_name="org.freedesktop.systemd1.BadUnitSetting",
        load_error=f"Unit {definition.name} is strict, and not all of it is applied here: {keys}",
        diagnostics=definition.diagnostics + told,
    )
