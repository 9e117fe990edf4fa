"""The names of the system bus that services wait for (BusName=), and when there is a bus to be on.

A name belongs to one unit. The manager goes to the bus while dbus.service runs, and stays away otherwise: connecting to
dbus.socket alone would start it. What a service makes of its name being taken or lost stands in `service_bus`.
Source: systemd.service(5), BusName=; the rest as recorded of systemd 252 (conformance/services: bus-*).
"""

from __future__ import annotations

from initd.core.effects import ConnectBus, DisconnectBus, UnwatchBusName, WatchBusName
from initd.core.settings import ServiceSettings, UnitDefinition
from initd.core.states import LoadState
from initd.core.unit import Unit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from initd.core.graph import Graph
    from initd.core.turn import Turn

_SERVICE, _SOCKET = "dbus.service", "dbus.socket"
_SERVING = ("running", "reload")


class BusNames:
    """Plain fields. `units`: bus name → the unit that has it as its BusName=."""

    __slots__ = ("units", "is_wanted")

    def __init__(self) -> None:
        self.units: dict[str, str] = {}
        #: The shell was told to be on the bus.
        self.is_wanted = False

    def claim(self, definition: UnitDefinition, turn: Turn) -> UnitDefinition:
        """The unit's name is watched from now on. A second unit for the same name cannot be loaded: that comes back."""
        name = _name_of(definition)
        if not name:
            return definition
        owner = self.units.setdefault(name, definition.name)
        if owner != definition.name:
            return _refuse(definition)
        self._watch(name, turn)
        return definition

    def release(self, unit: Unit, turn: Turn) -> None:
        """The unit is not known any more."""
        name = _name_of(unit.definition)
        if name and self.units.get(name) == unit.name:
            del self.units[name]
            if self.is_wanted:
                turn.ask(UnwatchBusName(name))

    def after_reload(self, graph: Graph, turn: Turn) -> None:
        """Units may have other names now. Who has them is asked again, as systemd does."""
        old, self.units = self.units, {}
        # Whoever has a name keeps it, whatever else wants it now.
        for unit in sorted(graph.units.values(), key=lambda unit: old.get(_name_of(unit.definition)) != unit.name):
            unit.definition = self.claim(unit.definition, turn)
        for name in old:
            if name not in self.units and self.is_wanted:
                turn.ask(UnwatchBusName(name))

    def _watch(self, name: str, turn: Turn) -> None:
        if self.is_wanted:
            turn.ask(WatchBusName(name))

    def recheck(self, graph: Graph, turn: Turn) -> None:
        """Go to the bus, or leave it, as its own units are now."""
        service, socket = graph.get(_SERVICE), graph.get(_SOCKET)
        is_there = (
            service is not None and service.sub_state in _SERVING and socket is not None and socket.active_state.is_up
        )
        if is_there == self.is_wanted:
            return
        self.is_wanted = is_there
        turn.ask(ConnectBus(tuple(sorted(self.units))) if is_there else DisconnectBus())


def is_of_bus(unit: Unit) -> bool:
    """What becomes of this unit decides whether there is a bus."""
    return _SERVICE in unit.names or _SOCKET in unit.names


def _name_of(definition: UnitDefinition) -> str:
    specific = definition.specific
    is_service = isinstance(specific, ServiceSettings) and definition.load_state is LoadState.LOADED
    return specific.bus_name if is_service else ""  # type: ignore[union-attr]


def _refuse(definition: UnitDefinition) -> UnitDefinition:
    return definition.replace(
        load_state=LoadState.ERROR, load_error_name="org.freedesktop.DBus.Error.FileExists",
        load_error=f"Unit {definition.name} failed to load properly, please adjust/correct and reload service manager: "
                   "File exists",
    )
