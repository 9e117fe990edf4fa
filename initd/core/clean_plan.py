"""What does `systemctl clean` remove of a unit, and which process removes it? (systemctl(1), systemd.exec(5))

The directories of a unit may hold more than can be removed while the manager waits: rm(1) does it, as a process of the
unit, with none of the unit's settings. Links are removed and not followed.
"""

from __future__ import annotations

from initd.core.effects import PrepareUnit
from initd.core.places import SYSTEM, Places
from initd.core.settings import ExecSettings, TimerSettings
from initd.core.states import ExecPhase, UnitType
from initd.core.turn import Turn
from initd.core.unit import Unit
from initd.core.values import ExecCommand, SpawnRequest

PROGRAM = "/bin/rm"
#: systemd's words, in its order.
WORDS = ("runtime", "state", "cache", "logs", "configuration")
#: Types that keep something.
TYPES = frozenset((UnitType.SERVICE, UnitType.SOCKET, UnitType.MOUNT, UnitType.TIMER))


def cleanable(unit: Unit) -> list[str]:
    """What of a unit `systemctl clean --what=` may name."""
    execution, specific = unit.definition.exec, unit.definition.specific
    if not unit.is_loaded:
        return []
    if isinstance(specific, TimerSettings):
        return ["state"] if specific.persistent else []
    return [word for word in WORDS if execution is not None and getattr(execution, f"{word}_directory")]


def directories(settings: ExecSettings, words: frozenset[str], places: Places = SYSTEM) -> tuple[str, ...]:
    """The unit's directories of these kinds, the links to them, and where a dynamic user's are kept."""
    paths: list[str] = []
    for word in WORDS:
        base = places.directories[f"{word}_directory"]
        for name, links in getattr(settings, f"{word}_directory") if word in words else ():
            paths += [f"{base}/{each}" for each in (name, *links)]
            if settings.dynamic_user and word != "configuration":
                paths.append(f"{base}/private/{name}")
    return tuple(dict.fromkeys(paths))


def prepare(unit: Unit, turn: Turn) -> None:
    turn.ask(PrepareUnit(unit.name, unit.cgroup))
    unit.is_prepared = True


def request(unit: Unit, paths: tuple[str, ...]) -> SpawnRequest:
    return SpawnRequest(
        unit=unit.name, unit_number=unit.number, phase=ExecPhase.CLEAN,
        command=ExecCommand(PROGRAM, (PROGRAM, "-rf", "--", *paths), no_expand=True),
        exec=ExecSettings(), cgroup=unit.cgroup, is_control=True,
    )
