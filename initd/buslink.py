"""Joins the system bus, once there is one, to clients and engine: names and activations become events, calls answers.

Most containers have no bus, so that `shell.systembus` is imported only when the engine asks for it.
"""

from __future__ import annotations

import os

from initd.clients import Caller, Clients
from initd.core import effects as ef
from initd.core import events as ev
from initd.core.answers import Error, Submit
from initd.core.objectpath import unit_path
from initd.core.values import LOG_WARNING
from initd.core.view import View
from initd.shell.track import Tracker, process_ref
from initd.wire.dbus import Message

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from initd.shell.backlog import Backlog
    from initd.shell.connection import Loop
    from initd.shell.systembus import Peer, SystemBus


class BusLink:
    """`feed` gives the engine an event, `on_call` answers a caller, `say` writes to the journal; `path` is the
    bus's socket."""

    def __init__(
        self,
        loop: Loop,
        clock: Callable[[], int],
        backlog: Backlog,
        tracker: Tracker,
        clients: Clients,
        view: View,
        feed: Callable[[ev.Event], None],
        on_call: Callable[[Caller, int, Message], None],
        say: Callable[[int, str], None],
        hear_exits: Callable[[], None],
        path: str,
    ) -> None:
        self._path = path
        self._loop = loop
        self._clock = clock
        self._backlog = backlog
        self._tracker = tracker
        self._clients = clients
        self._view = view
        self._feed = feed
        self._answer = on_call
        self._say = say
        self._hear_exits = hear_exits
        self.bus: SystemBus | None = None

    # --- what the engine wants ---------------------------------------------------------------------------------------

    def handlers(self) -> dict[type[ef.Effect], Callable[..., ev.Event | None]]:
        """Effect → what carries it out."""
        return {
            ef.ConnectBus: self._connect, ef.DisconnectBus: self._disconnect, ef.WatchBusName: self._watch,
            ef.UnwatchBusName: self._unwatch, ef.FindBusOwner: self._find_owner,
            ef.RequestStop: self._request_stop,
        }

    def _connect(self, effect: ef.ConnectBus) -> None:
        self._make().connect(effect.names)

    def _make(self) -> SystemBus:
        if self.bus is None:
            from initd.shell.systembus import SystemBus

            self.bus = SystemBus(self._loop, self._clock, self._backlog, self, self._path)
            self._clients.channels["bus"] = self.bus
        return self.bus

    def _disconnect(self, effect: ef.DisconnectBus) -> None:
        if self.bus is not None:
            self.bus.disconnect()

    def _watch(self, effect: ef.WatchBusName) -> None:
        if self.bus is not None:
            self.bus.watch(effect.name)

    def _unwatch(self, effect: ef.UnwatchBusName) -> None:
        if self.bus is not None:
            self.bus.unwatch(effect.name)

    def _find_owner(self, effect: ef.FindBusOwner) -> None:
        def then(pid: int) -> None:
            process = process_ref(pid) if pid and pid != os.getpid() else None
            is_ours = process is not None and self._tracker.unit_of(pid) == effect.unit
            self._feed(ev.BusOwnerFound(effect.unit, effect.owner, process, is_ours))

        if self.bus is None:
            then(0)
        else:
            self.bus.find_pid(effect.owner, then)

    def _request_stop(self, effect: ef.RequestStop) -> None:
        if self.bus is not None:
            self.bus.request_stop(effect.controller, unit_path(effect.unit))

    # --- what the bus tells ------------------------------------------------------------------------------------------

    def on_owner(self, name: str, owner: str) -> None:
        if not owner:
            self._hear_exits()  # if the service has ended, that is the news, and the name only follows
        self._feed(ev.BusNameChanged(name, owner))

    def on_call(self, peer: Peer, uid: int, message: Message) -> None:
        assert self.bus is not None
        self._answer(Caller(self.bus, peer, message.serial), uid, message)

    def on_gone(self, peer: str) -> None:
        self._feed(ev.ClientGone(peer))

    def on_activation(self, unit: str) -> None:
        from initd.core.api_activation import activate

        answer = activate(unit, self._view)
        if isinstance(answer, Submit):
            self._clients.submit(answer, lambda effect: self._on_activated(unit, effect))
        elif isinstance(answer, Error):
            self._refuse(unit, answer.name, answer.text)

    def _on_activated(self, unit: str, effect: ef.Effect) -> None:
        if isinstance(effect, ef.Refused):
            self._refuse(unit, effect.error, effect.text)

    def _refuse(self, unit: str, error: str, text: str) -> None:
        self._say(LOG_WARNING, f"{unit} cannot be started for the system bus: {text}")
        if self.bus is not None:
            self.bus.refuse_activation(unit, error, text)

    def on_problem(self, text: str) -> None:
        self._say(LOG_WARNING, text)

    # --- another manager in our place --------------------------------------------------------------------------------

    def save(self, fds: list[int]) -> dict[str, Any] | None:
        return self.bus.save(fds) if self.bus is not None else None

    def restore(self, saved: dict[str, Any] | None) -> None:
        if saved is not None:
            self._make().restore(saved)

    # --- time --------------------------------------------------------------------------------------------------------

    def next_deadline(self) -> int | None:
        return self.bus.next_deadline() if self.bus is not None else None

    def on_deadline(self) -> None:
        if self.bus is not None:
            self.bus.on_deadline()

    def close(self) -> None:
        if self.bus is not None:
            self.bus.disconnect()


