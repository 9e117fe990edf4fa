"""Every directive that systemd 252 knows, by section and key: `TABLE`.

One table for all: `load` reads unit files with it, `show` and the D-Bus properties print from it, `pyinit check` and
the documentation list it. The rows are written in the `directives_*` modules, beside their parsers.
"""

from __future__ import annotations

from initd.core import directives_exec, directives_sandbox, directives_socket, directives_unit
from initd.core.directive import Directive, Property
from initd.core.directives_cgroup import CGROUP
from initd.core.directives_exec import EXEC
from initd.core.directives_limits import LIMITS
from initd.core.directives_sandbox import SANDBOX
from initd.core.directives_service import KILL, SCOPE, SERVICE
from initd.core.directives_socket import SOCKET
from initd.core.directives_trigger import AUTOMOUNT, MOUNT, PATH, PATH_PROPERTIES, SWAP, TIMER
from initd.core.directives_unit import INSTALL, LEGACY_SERVICE, UNIT
from initd.core.sections import SECTIONS, WITH_CGROUP, WITH_EXEC, WITH_KILL, Group
from initd.core.states import UnitType

_OWN: dict[UnitType, tuple[Directive, ...]] = {
    UnitType.SERVICE: SERVICE + LEGACY_SERVICE,
    UnitType.SOCKET: SOCKET,
    UnitType.MOUNT: MOUNT,
    UnitType.AUTOMOUNT: AUTOMOUNT,
    UnitType.SWAP: SWAP,
    UnitType.TIMER: TIMER,
    UnitType.PATH: PATH,
    UnitType.SCOPE: SCOPE,
    UnitType.SLICE: (),
}


def _table() -> dict[tuple[str, str], Directive]:
    table = {("Unit", item.key): item for item in UNIT} | {("Install", item.key): item for item in INSTALL}
    for kind, (section, _) in SECTIONS.items():
        rows = _OWN[kind]
        rows += EXEC + LIMITS + SANDBOX if kind in WITH_EXEC else ()
        rows += KILL if kind in WITH_KILL else ()
        rows += CGROUP if kind in WITH_CGROUP else ()
        # A type's own directive comes first: [Mount] Options= and [Service] Type= are nobody else's.
        for item in reversed(rows):
            table[section, item.key] = item
    return table


TABLE: dict[tuple[str, str], Directive] = _table()


def properties_of(kind: UnitType) -> tuple[tuple[Group, Property], ...]:
    """Every property that shows a setting of this type of unit, with the settings object it shows."""
    out: dict[str, tuple[Group, Property]] = {}
    rows = UNIT + _OWN.get(kind, ())
    rows += EXEC + LIMITS + SANDBOX if kind in WITH_EXEC else ()
    rows += KILL if kind in WITH_KILL else ()
    rows += CGROUP if kind in WITH_CGROUP else ()
    for item in rows:
        for shown in item.properties:
            out.setdefault(shown.name, (item.group, shown))
    for group, shown in _extra_properties(kind):
        out.setdefault(shown.name, (group, shown))
    return tuple(out.values())


def _extra_properties(kind: UnitType) -> list[tuple[Group, Property]]:
    """Properties that no single directive owns."""
    out = [(Group.UNIT, shown) for shown in directives_unit.EXTRA_PROPERTIES]
    if kind is UnitType.SOCKET:
        out += [(Group.SPECIFIC, shown) for shown in directives_socket.EXTRA_PROPERTIES]
    if kind is UnitType.PATH:
        out += [(Group.SPECIFIC, shown) for shown in PATH_PROPERTIES]
    if kind in WITH_EXEC:
        extra = directives_exec.EXTRA_PROPERTIES + directives_sandbox.EXTRA_PROPERTIES
        out += [(Group.EXEC, shown) for shown in extra]
    return out
