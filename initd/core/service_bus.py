"""What a service makes of its bus name (BusName=): taken, given up, and whose it is.

With Type=dbus the name says that the service is up; for other types it only shows the main process where that is not
known otherwise. Source: systemd.service(5), Type= and BusName=; the cases as recorded of systemd 252
(conformance/services: bus-*).
"""

from __future__ import annotations

from initd.core.effects import FindBusOwner
from initd.core.events import BusNameChanged, BusOwnerFound
from initd.core.service_enter import enter_running, enter_start_post
from initd.core.service_exits import take_main
from initd.core.service_record import machine_of, service_settings
from initd.core.states import ServiceResult, ServiceType
from initd.core.turn import Turn
from initd.core.unit import Unit


def on_taken_in_start(unit: Unit, event: object, turn: Turn) -> None:
    """Whoever took it: that the name can be called is what Type=dbus promises."""
    if service_settings(unit).type is ServiceType.DBUS:
        enter_start_post(unit, turn)
    else:
        on_taken(unit, event, turn)


def on_taken(unit: Unit, event: object, turn: Turn) -> None:
    assert isinstance(event, BusNameChanged)
    if service_settings(unit).type is not ServiceType.DBUS and not machine_of(unit).has_main:
        turn.ask(FindBusOwner(unit.name, event.name, event.owner))


def on_lost(unit: Unit, _: object, turn: Turn) -> None:
    """Nobody can reach a Type=dbus service any more: `enter_running` finds that it is none."""
    if service_settings(unit).type is ServiceType.DBUS:
        enter_running(unit, ServiceResult.SUCCESS, turn)


def on_owner(unit: Unit, event: object, turn: Turn) -> None:
    """The process that has the name is the main process, in the unit or not, if there is no other."""
    assert isinstance(event, BusOwnerFound)
    machine = machine_of(unit)
    if event.process is not None and event.owner == machine.bus_owner and not machine.has_main:
        take_main(unit, event.process, not event.is_ours, turn)
