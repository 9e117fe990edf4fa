"""Clients' calls, from the wire to the API and back: who waits for which request, and who hears which signal.

Decides nothing: `core.api` says what a call means, the engine whether it is granted.
"""

from __future__ import annotations

from initd.core import api, api_signals
from initd.core import effects as ef
from initd.core.answers import Call, Error, Order, Return, Submit
from initd.core.states import ActiveState, JobState
from initd.core.view import View
from initd.shell.control import Control
from initd.wire.dbus import Message

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from initd.core.events import Event
    from initd.core.unit import Unit

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
        #: What listeners know, while there are some: jobs and their states, and who has failed.
        self._jobs: dict[int, str] = {}
        self._failed: set[str] | None = None

    def on_call(self, client: int, uid: int, message: Message) -> Order | None:
        """Answer a call; an Order is for the caller to carry out, and to `answer`."""
        if self._failed is None:
            self._failed = set(self._view.engine.failed_units())
        call = Call(
            message.path or "", message.interface or "", message.member or "", message.signature, message.body, uid
        )
        answer = api.answer(call, self._view)
        if isinstance(answer, Order):
            return answer
        if isinstance(answer, Submit):
            number = self._next_request
            self._next_request += 1
            self._waiting[number] = (client, message.serial, answer.finish)
            self._feed(answer.event.replace(request=number))
        else:
            self.answer(client, message, answer)
        return None

    def answer(self, client: int, message: Message, answer: Return | Error) -> None:
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
            self._failed = None
            self._jobs.clear()
            return
        elif isinstance(effect, ef.UnitChanged):
            self._changed[effect.unit] = None
        else:
            if isinstance(effect, ef.UnitPassed):
                self._changed.pop(effect.unit, None)
                self._tell_failure(effect.as_it_was)  # type: ignore[arg-type]
            elif isinstance(effect, ef.JobAdded):
                self._jobs[effect.job_id] = JobState.WAITING.value
            elif isinstance(effect, ef.JobRemoved):
                self._jobs.pop(effect.job_id, None)
            self._signal(api_signals.signal_for(effect, self._view))

    @property
    def are_there(self) -> bool:
        return self._control.client_count > 0

    def tell_changes(self) -> None:
        changed, self._changed = self._changed, {}
        for name in changed:
            unit = self._view.engine.units.get(name)
            if unit is None:
                continue
            self._tell_failure(unit)
            self._signal(api_signals.signal_for(ef.UnitChanged(name), self._view))
            job = unit.job
            if job is not None and self._jobs.get(job.id, job.state.value) != job.state.value:
                self._jobs[job.id] = job.state.value
                self._signal([api_signals.job_state_changed(job.id, job.state.value)])

    def _tell_failure(self, unit: Unit) -> None:
        """The manager's count of failed units is a property like any other, and told first."""
        if self._failed is None:
            self._failed = set(self._view.engine.failed_units())
        has_failed = unit.active_state is ActiveState.FAILED
        if has_failed != (unit.name in self._failed):
            self._failed ^= {unit.name}
            self._signal([api_signals.failures_changed(len(self._failed))])

    def tell_reloading(self, is_active: bool) -> None:
        self._signal([api_signals.reloading(is_active)])

    def tell_unit_files_changed(self) -> None:
        self._signal([api_signals.unit_files_changed()])

    def _signal(self, signals: list[api_signals.Signal]) -> None:
        if self._control.client_count:
            for path, interface, member, signature, values in signals:
                self._control.signal(path, interface, member, signature, values)
