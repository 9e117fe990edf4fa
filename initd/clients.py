"""Clients' calls, from the wire to the API and back: who waits for which request, and who hears which signal.

Decides nothing: `core.api` says what a call means, the engine whether it is granted.
"""

from __future__ import annotations

from initd.core import api, api_signals
from initd.core import effects as ef
from initd.core.answers import Call, Error, Order, Return, Submit
from initd.core.view import View
from initd.shell.control import Control
from initd.wire.dbus import Message

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from initd.core.answers import Answer
    from initd.core.events import Event

    Finish = Callable[[tuple[Any, ...], View], Return | Error]


class Clients:
    """`feed` gives the engine an event; its Reply or Refused comes back through `tell`."""

    def __init__(self, control: Control, view: View, feed: Callable[[Event], None]) -> None:
        self._control = control
        self._view = view
        self._feed = feed
        self._next_request = 1
        #: Request number → (client, serial of its call, what makes the answer).
        self._waiting: dict[int, tuple[int, int, Finish]] = {}
        #: Units that have changed, and whose listeners have not heard of it yet.
        self._changed: dict[str, None] = {}

    def on_call(self, client: int, uid: int, message: Message) -> Order | None:
        """Answer a call; an Order is for the caller to carry out, and to `answer`."""
        call = Call(
            message.path or "", message.interface or "", message.member or "", message.signature, message.body, uid
        )
        answer = api.answer(call, self._view)
        if isinstance(answer, Order):
            return answer
        self.answer(client, message, answer)
        return None

    def answer(self, client: int, message: Message, answer: Answer) -> None:
        """Send it, or wait for what the engine says to it."""
        if isinstance(answer, Submit):
            number = self._next_request
            self._next_request += 1
            self._waiting[number] = (client, message.serial, answer.finish)
            self._feed(answer.event.replace(request=number))
        elif not isinstance(answer, Order):
            self._send(client, message.serial, answer)

    def _send(self, client: int, serial: int, answer: Return | Error) -> None:
        if isinstance(answer, Return):
            self._control.reply(client, serial, answer.signature, answer.values)
        else:
            self._control.error(client, serial, answer.name, answer.text)

    def tell(self, effect: ef.Effect) -> None:
        """Whoever waits for this effect, or listens for it, hears of it.

        That a unit has changed is told by `tell_changes`, once for all that an event leads to, as systemd does it; what it
        was in between is told by UnitPassed where clients should see it.
        """
        if isinstance(effect, (ef.Reply, ef.Refused)):
            waiting = self._waiting.pop(effect.request, None)
            if waiting is not None:
                client, serial, finish = waiting
                if isinstance(effect, ef.Reply):
                    self._send(client, serial, finish(effect.values, self._view))
                else:
                    self._send(client, serial, Error(effect.error, effect.text))
        elif not self._control.client_count:
            return
        elif isinstance(effect, ef.UnitChanged):
            self._changed[effect.unit] = None
        else:
            if isinstance(effect, ef.UnitPassed):
                self._changed.pop(effect.unit, None)
            self._signal(api_signals.signal_for(effect, self._view))

    @property
    def are_there(self) -> bool:
        return self._control.client_count > 0

    def tell_changes(self) -> None:
        changed, self._changed = self._changed, {}
        for unit in changed:
            self._signal(api_signals.signal_for(ef.UnitChanged(unit), self._view))

    def tell_reloading(self, is_active: bool) -> None:
        self._signal([api_signals.reloading(is_active)])

    def tell_unit_files_changed(self) -> None:
        self._signal([api_signals.unit_files_changed()])

    def _signal(self, signals: list[api_signals.Signal]) -> None:
        if self._control.client_count:
            for path, interface, member, signature, values in signals:
                self._control.signal(path, interface, member, signature, values)
