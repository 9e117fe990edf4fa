"""Which module runs the units of which type. All of them offer the same functions, so that nobody else asks for the type."""

from __future__ import annotations

from initd.core import automount, mount, path, scope, service, socket, socket_life, target, timer, unsupported
from initd.core import events as ev
from initd.core.settings import UnitDefinition
from initd.core.states import UnitType
from initd.core.turn import Outcome, Turn
from initd.core.unit import Machine, Unit
from initd.core.world import World

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Protocol

    class Kind(Protocol):
        """What a unit type's module offers."""

        def make(self, definition: UnitDefinition) -> Machine: ...
        def start(self, unit: Unit, world: World, turn: Turn) -> Outcome: ...
        def stop(self, unit: Unit, world: World, turn: Turn) -> Outcome: ...
        def reset_failed(self, unit: Unit, turn: Turn) -> None: ...

    class Trigger(Kind, Protocol):
        """The module of a type whose units start others."""

        def on_other_changed(self, unit: Unit, other: Unit, world: World, turn: Turn) -> None: ...


KINDS: dict[UnitType, Kind] = {
    UnitType.SERVICE: service, UnitType.TARGET: target, UnitType.SLICE: target, UnitType.SOCKET: socket,
    UnitType.TIMER: timer, UnitType.PATH: path, UnitType.SCOPE: scope, UnitType.MOUNT: mount,
    UnitType.AUTOMOUNT: automount,
}
TRIGGERS: dict[UnitType, Trigger] = {
    UnitType.SOCKET: socket, UnitType.TIMER: timer, UnitType.PATH: path, UnitType.AUTOMOUNT: automount,
}

#: Types with a clock of their own.
ON_DEADLINE: dict[UnitType, Callable[[Unit, World, Turn], None]] = {
    UnitType.SERVICE: service.on_deadline, UnitType.TIMER: timer.on_deadline,
    UnitType.SOCKET: socket.on_deadline, UnitType.SCOPE: scope.on_deadline, UnitType.MOUNT: mount.on_deadline,
    UnitType.AUTOMOUNT: automount.on_deadline,
}

#: Types that have processes, and hear of them.
ON_PROCESS: dict[UnitType, Callable[[Unit, ev.Event, Turn], None]] = {
    UnitType.SERVICE: service.on_event, UnitType.SOCKET: socket_life.on_event, UnitType.SCOPE: scope.on_event,
    UnitType.MOUNT: mount.on_event,
}

#: What a unit does when its state was read back by a new manager (`snapshot`).
AFTER_RESTORE: dict[UnitType, Callable[[Unit, World, Turn], None]] = {
    UnitType.TIMER: timer.after_reload, UnitType.PATH: path.after_restore,
}

#: What the shell tells units of one type only.
ON_EVENT: dict[type[ev.Event], tuple[UnitType, Callable[[Unit, Any, World, Turn], None]]] = {
    ev.TimerStampRead: (UnitType.TIMER, timer.on_stamp_read),
    ev.PathsChecked: (UnitType.PATH, path.on_checked),
    ev.PathTouched: (UnitType.PATH, path.on_touched),
    ev.MountPrepared: (UnitType.MOUNT, mount.on_prepared),
    ev.AutomountOpened: (UnitType.AUTOMOUNT, automount.on_opened),
    ev.AutomountRequested: (UnitType.AUTOMOUNT, automount.on_requested),
    ev.AutomountLost: (UnitType.AUTOMOUNT, automount.on_lost),
    ev.ScopeMade: (UnitType.SCOPE, scope.on_made),
    ev.ProcessesAttached: (UnitType.SCOPE, scope.on_attached),
    ev.SocketsOpened: (UnitType.SOCKET, socket.on_opened),
    ev.SocketReady: (UnitType.SOCKET, socket.on_ready),
    ev.SocketBroken: (UnitType.SOCKET, socket.on_broken),
    ev.ConnectionAccepted: (UnitType.SOCKET, socket.on_connection),
}


def make_machine(definition: UnitDefinition) -> Machine:
    """The record of a unit that has not run yet."""
    return KINDS.get(definition.type, unsupported).make(definition)


def of(unit: Unit) -> Kind:
    return KINDS.get(unit.type, unsupported)
