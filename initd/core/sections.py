"""Which sections a unit file of each type has, and the settings objects that hold what they say."""

from __future__ import annotations

from initd.core.enumeration import Enum
from initd.core.settings import (
    AutomountSettings,
    CgroupSettings,
    ExecSettings,
    InstallSettings,
    KillSettings,
    MountSettings,
    PathSettings,
    ScopeSettings,
    ServiceSettings,
    Settings,
    SliceSettings,
    SocketSettings,
    SwapSettings,
    TimerSettings,
    UnitSettings,
)
from initd.core.states import UnitType


class Group(Enum):
    """Which settings object of a unit a field is in: the attribute of `UnitDefinition`."""

    UNIT = "unit"
    INSTALL = "install"
    SPECIFIC = "specific"
    EXEC = "exec"
    KILL = "kill"
    CGROUP = "cgroup"


#: The section of each type that has one, and its settings class.
SECTIONS: dict[UnitType, tuple[str, type[Settings]]] = {
    UnitType.SERVICE: ("Service", ServiceSettings),
    UnitType.SOCKET: ("Socket", SocketSettings),
    UnitType.MOUNT: ("Mount", MountSettings),
    UnitType.AUTOMOUNT: ("Automount", AutomountSettings),
    UnitType.SWAP: ("Swap", SwapSettings),
    UnitType.TIMER: ("Timer", TimerSettings),
    UnitType.PATH: ("Path", PathSettings),
    UnitType.SLICE: ("Slice", SliceSettings),
    UnitType.SCOPE: ("Scope", ScopeSettings),
}
#: Every section that a unit of a type may have.
SECTIONS_OF = {kind: frozenset(("Unit", "Install", *SECTIONS.get(kind, ())[:1])) for kind in UnitType}
#: Types whose units run processes.
WITH_EXEC = frozenset((UnitType.SERVICE, UnitType.SOCKET, UnitType.MOUNT, UnitType.SWAP))
WITH_KILL = WITH_EXEC | {UnitType.SCOPE}
WITH_CGROUP = WITH_KILL | {UnitType.SLICE}


def new_settings(kind: UnitType) -> dict[Group, Settings]:
    """The settings objects that a unit of this type has, all of them empty."""
    out: dict[Group, Settings] = {Group.UNIT: UnitSettings(), Group.INSTALL: InstallSettings()}
    if kind in SECTIONS:
        out[Group.SPECIFIC] = SECTIONS[kind][1]()
    if kind in WITH_EXEC:
        out[Group.EXEC] = ExecSettings()
    if kind in WITH_KILL:
        out[Group.KILL] = KillSettings()
    if kind in WITH_CGROUP:
        out[Group.CGROUP] = CgroupSettings()
    return out
