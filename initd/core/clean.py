"""`systemctl clean`: may a unit's directories be removed now, and what does each type of unit do about it? (systemctl(1))

Services, sockets and mounts have a state for it (`cleaning`), in which a process of theirs removes the directories. Of a
timer it is one file, which is gone at once. As systemd 252 answers: tests/conformance/services, `clean-…`.
"""

from __future__ import annotations

from initd.core import clean_plan, mount, socket, timer
from initd.core.effects import RemoveFiles, Reply
from initd.core.events import CleanRequest
from initd.core.service_enter import enter_cleaning
from initd.core.settings import ExecSettings
from initd.core.states import ActiveState, UnitType
from initd.core.transaction import Refusal
from initd.core.turn import Turn
from initd.core.unit import Unit
from initd.core.world import World, refuse

_ERROR = "org.freedesktop.systemd1."
_DBUS = "org.freedesktop.DBus.Error."


#: Types that have a state for it.
_ENTER_CLEANING = {
    UnitType.SERVICE: enter_cleaning, UnitType.SOCKET: socket.enter_cleaning, UnitType.MOUNT: mount.enter_cleaning,
}


def on_clean_request(world: World, event: CleanRequest, turn: Turn) -> None:
    unit = world.graph.get(event.unit)
    assert unit is not None  # the API has loaded it
    refusal = _refusal(unit, event.what)
    if refusal is not None:
        refuse(event.request, refusal, turn)
        return
    words = frozenset(clean_plan.WORDS if "all" in event.what else event.what)
    if unit.type is UnitType.TIMER:
        turn.ask(RemoveFiles(unit.name, (timer.stamp_path(unit, turn.places),)))
    else:
        paths = clean_plan.directories(unit.definition.exec or ExecSettings(), words, turn.places)
        _ENTER_CLEANING[unit.type](unit, paths, turn)
    turn.ask(Reply(event.request))


def _refusal(unit: Unit, what: tuple[str, ...]) -> Refusal | None:
    for word in what:
        if word not in clean_plan.WORDS and word != "all":
            return Refusal(_DBUS + "InvalidArgs", f"Invalid resource type: {word}")
    if unit.type not in clean_plan.TYPES:
        return Refusal(_DBUS + "NotSupported", f"Unit '{unit.name}' does not support cleaning.")
    if unit.active_state is not ActiveState.INACTIVE or unit.job is not None:
        return Refusal(_ERROR + "UnitBusy", "Unit is not inactive or has pending job.")
    found = clean_plan.cleanable(unit)
    if not found or not ("all" in what or set(found).intersection(what)):
        return Refusal(_ERROR + "NothingToClean", "No matching resources found.")
    return None
