"""`python3 -m initd.cli.directives_page`: the page of all directives, in Markdown, printed from the directive table.

Default, D-Bus property and fate of every directive, by section; what sections share is listed once. The fate is that at
best; what a container has to allow for it stands beside it, and `pyinit check` decides it for one machine.
"""

from __future__ import annotations

import sys

from initd.core import fates, timespan
from initd.core.directive import Directive
from initd.core.directives import TABLE
from initd.core.enumeration import Enum
from initd.core.sections import SECTIONS, WITH_CGROUP, WITH_EXEC, WITH_KILL, Group, new_settings
from initd.core.states import Fate, UnitType
from initd.core.values import INFINITY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

INTRODUCTION = """\
# Directives

Every directive that systemd 252 reads in a unit file, and some newer ones, with its default, the D-Bus property that
shows it, and what becomes of it here:

- **applied**: it does what its man page says;
- **degraded**: a part of it is done, and the rest is said;
- **ignored**: it is read and shown, and has no effect.

What stands behind "applied;" is what the container has to allow for it. `pyinit check UNIT` says for each directive of
a unit which of these it is on the machine at hand, `pyinit check --strict UNIT` fails unless all are applied.

This page is printed by `python3 -m initd.cli.directives_page` from the table that the unit files are read with.
"""
#: Heading → group, the types that have it. Directives of a unit's own section come first.
_SHARED = (
    ("Processes: systemd.exec(5)", Group.EXEC, WITH_EXEC),
    ("Killing: systemd.kill(5)", Group.KILL, WITH_KILL),
    ("Resources: systemd.resource-control(5)", Group.CGROUP, WITH_CGROUP),
)


def main() -> int:
    sys.stdout.write(page())
    return 0


def page() -> str:
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield INTRODUCTION
    for fate in Fate:
        yield f"- {fate.value}: {sum(1 for section, item in _each() if _fate_word(section, item) is fate)}"
    for section in ("Unit", "Install"):
        kind = UnitType.TARGET
        yield from _table(f"[{section}]", section, kind, (item for item in fates.directives_of(section)))
    for kind, (section, _) in SECTIONS.items():
        own = [item for item in fates.directives_of(section) if item.group in (Group.SPECIFIC, Group.UNIT)]
        if own:
            yield from _table(f"[{section}]", section, kind, own)
    for heading, group, kinds in _SHARED:
        names = sorted(f"[{SECTIONS[kind][0]}]" for kind in kinds)
        shared = [item for item in fates.directives_of("Service") if item.group is group]
        yield from _table(heading, "Service", UnitType.SERVICE, shared, f"In {', '.join(names)}.")


def _each() -> Iterator[tuple[str, Directive]]:
    """Every directive once: those that sections share by the [Service] section."""
    shared = {group for _, group, _ in _SHARED}
    for (section, _), item in TABLE.items():
        if item.group not in shared or section == "Service":
            yield section, item


def _table(heading: str, section: str, kind: UnitType, rows: Iterable[Directive], note: str = "") -> Iterator[str]:
    yield f"\n## {heading}\n"
    if note:
        yield note + "\n"
    yield "| directive | default | D-Bus property | fate |\n|---|---|---|---|"
    for item in rows:
        properties = ", ".join(f"`{shown.name}` ({shown.signature})" for shown in item.properties)
        yield f"| `{item.key}=` | {_default(item, kind)} | {properties} | {_fate(section, item)} |"


def _fate_word(section: str, item: Directive) -> Fate:
    return Fate.IGNORED if section in fates.NOT_RUN else item.fate


def _fate(section: str, item: Directive) -> str:
    if section in fates.NOT_RUN:
        return f"ignored: {fates.NOT_RUN[section]}"
    rule = fates.rule_of(item)
    if item.fate is Fate.APPLIED:
        return f"applied; {rule.needs}" if rule is not None else "applied"
    return f"{item.fate.value}: {item.reason}"


def _default(item: Directive, kind: UnitType) -> str:
    settings = new_settings(kind).get(item.group)
    if not item.field or settings is None:
        return ""
    text = _shown(getattr(settings, item.field), item)
    return f"`{text}`" if text else ""


def _shown(value: Any, item: Directive) -> str:
    """A default as a unit file would say it; empty where it is nothing, or nothing that one line says."""
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        if value == INFINITY:
            return "infinity"
        if item.field.endswith("_usec"):
            return timespan.format(value)
        return f"{value:04o}" if "mode" in item.field or item.field == "umask" else str(value)
    return value if isinstance(value, str) else ""


if __name__ == "__main__":
    sys.exit(main())
