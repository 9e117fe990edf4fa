"""Which machine a unit of each type gets. Who plans jobs without running them needs no more of the engine than this."""

from __future__ import annotations

from initd.core import path, service, socket, target, timer
from initd.core.settings import UnitDefinition
from initd.core.states import UnitType
from initd.core.unit import Machine


def make_machine(definition: UnitDefinition) -> Machine:
    if definition.type is UnitType.SERVICE:
        return service.make(definition)
    if definition.type in (UnitType.TARGET, UnitType.SLICE):
        return target.make(definition)
    if definition.type is UnitType.SOCKET:
        return socket.make(definition)
    if definition.type is UnitType.PATH:
        return path.make(definition)
    if definition.type is UnitType.TIMER:
        return timer.make(definition)
    return target.UnsupportedMachine(definition)
