"""Clients' calls, from the wire to the API and back: who waits for which request, and who hears which signal.

They come by two channels, the control socket and the system bus. Decides nothing: `core.api` says what a call means, the
engine whether it is granted.
"""

from __future__ import annotations

from initd.core import effects as ef
from initd.core.answers import CALLER, SUBSCRIBE, Call, Error, Order, Return, Submit, internal_error, return_nothing
from initd.core.events import ExitRequest, JobRequest, ReferenceRequest
from initd.core.states import ActiveState, JobState
from initd.core.view import View
from initd.shell.track import describe
from initd.wire.dbus import Message

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType
    from typing import Any, Protocol

    from initd.core.answers import Answer
    from initd.core.api_signals import Signal
    from initd.core.events import Event
    from initd.core.unit import Unit
    from initd.shell.fds import OwnedFd

    class Channel(Protocol):
        """What clients are reached by. A `client` is whatever the channel itself has called so."""

        def reply(self, client: Any, serial: int, signature: str, values: tuple[Any, ...]) -> None: ...
        def error(self, client: Any, serial: int, name: str, text: str) -> None: ...
        def reply_file(self, client: Any, serial: int, text: str) -> None: ...
        def signal(self, path: str, interface: str, member: str, signature: str, values: tuple[Any, ...]) -> None: ...
        def news(
            self, subject: str, make: Callable[[], list[Signal]],
            make_later: Callable[[], list[Signal]],
        ) -> None: ...
        def hears(self, is_of_job: bool) -> bool: ...
        def subscribe(self, client: Any, is_wanted: bool) -> bool: ...
        def hold(self, client: Any) -> None: ...
        def let_go(self, client: Any) -> None: ...
        def refer(self, client: Any, is_wanted: bool) -> None: ...
        def take_fds(self, client: Any, numbers: tuple[int, ...]) -> list[OwnedFd] | None: ...
        def reference_name(self, client: Any) -> str: ...
        def find_pid_of(self, client: Any, then: Callable[[int], None]) -> None: ...
        def name_of(self, client: Any) -> int | str: ...
        def client_of(self, name: Any) -> Any: ...


#: Of a caller that is no process here, but of another namespace.
_NO_PID = -1


class Caller:
    """Somebody who waits for the answer to a call."""

    __slots__ = ("channel", "client", "serial")

    def __init__(self, channel: Channel, client: Any, serial: int) -> None:
        self.channel = channel
        self.client = client
        self.serial = serial

    def answer(self, answer: Return | Error) -> None:
        if isinstance(answer, Return):
            self.channel.reply(self.client, self.serial, answer.signature, answer.values)
        else:
            self.channel.error(self.client, self.serial, answer.name, answer.text)


class Clients:
    """`feed` gives the engine an event; its Reply or Refused comes back through `tell`."""

    def __init__(self, channels: dict[str, Channel], view: View, feed: Callable[[Event], None]) -> None:
        self.channels = channels
        self._view = view
        self._feed = feed
        self._next_request = 1
        #: Request number → what to do with its Reply or Refused.
        self._waiting: dict[int, Callable[[ef.Effect], None]] = {}
        #: Job → those who have asked for it, and are told of it whether they hear everything else or not.
        self._askers: dict[int, list[Caller]] = {}
        #: Units that have changed, and whose listeners have not heard of it yet.
        self._changed: dict[str, None] = {}
        #: What listeners know, while there are some: jobs and their states, and who has failed.
        self._jobs: dict[int, str] = {}
        self._failed: set[str] | None = None

    # --- another manager in our place ------------------------------------------------------------------------------

    def spell(self, caller: Caller) -> tuple[str, int | str, int]:
        """Who waits, in plain values."""
        channel = next(name for name, each in self.channels.items() if each is caller.channel)
        return (channel, caller.channel.name_of(caller.client), caller.serial)

    def find(self, spelled: list[tuple[str, int | str, int]]) -> list[Caller]:
        """Those of them whose channel is still there."""
        return [
            Caller(channel, channel.client_of(client), serial)
            for name, client, serial in spelled if (channel := self.channels.get(name)) is not None
        ]

    def save(self, fds: list[int]) -> dict[int, list[tuple[str, int | str, int]]]:
        return {job: [self.spell(caller) for caller in callers] for job, callers in self._askers.items()}

    def restore(self, saved: dict[int, list[tuple[str, int | str, int]]]) -> None:
        self._askers = {job: self.find(callers) for job, callers in saved.items()}

    # --- calls -----------------------------------------------------------------------------------------------------

    def on_call(self, caller: Caller, uid: int, message: Message, carry_out: Callable[[Order, Caller], None]) -> None:
        """Answer a call; `carry_out` gets an Order, and answers it."""
        if self._failed is None:
            self._failed = set(self._view.engine.failed_units())
        call = Call(
            message.path or "", message.interface or "", message.member or "", message.signature, message.body, uid,
            message.sender if caller.channel is not self.channels.get("control") else "",
        )
        self._answer_call(caller, call, carry_out)

    def _answer_call(self, caller: Caller, call: Call, carry_out: Callable[[Order, Caller], None]) -> None:
        from initd.core import api  # with the first call: a boot waits for no client

        answer = api.answer(call, self._view)
        if not isinstance(answer, Order):
            self.answer(caller, answer)
        elif answer.kind == SUBSCRIBE:
            caller.answer(_subscribe(caller, *answer.args))
        elif answer.kind != CALLER:
            carry_out(answer, caller)
        else:
            caller.channel.find_pid_of(
                caller.client, lambda pid: self._answer_call(caller, call.replace(pid=pid or _NO_PID), carry_out))

    def answer(self, caller: Caller, answer: Answer) -> None:
        """Send it, or wait for what the engine says to it."""
        if isinstance(answer, Submit):
            self._submit(caller, answer)
        elif not isinstance(answer, Order):
            caller.answer(answer)

    def _submit(self, caller: Caller, submit: Submit) -> None:
        event = submit.event
        if isinstance(event, (JobRequest, ExitRequest)):
            event = event.replace(by=self._describe(caller))
            submit = submit.replace(event=event)
        is_job = isinstance(event, JobRequest)
        if is_job:
            caller.channel.hold(caller.client)

        def on_outcome(effect: ef.Effect) -> None:
            try:
                if is_job:
                    self._follow(caller, effect)
                if isinstance(effect, ef.Reply) and isinstance(event, ReferenceRequest) and effect.values[0]:
                    caller.channel.refer(caller.client, event.is_wanted)
                answer = self._answer_of(submit, effect)
            except Exception as error:  # nobody else answers
                caller.answer(internal_error(error))
                raise
            caller.answer(answer)

        self.submit(submit, on_outcome)

    def _answer_of(self, submit: Submit, effect: ef.Effect) -> Return | Error:
        if isinstance(effect, ef.Refused):
            return Error(effect.error, effect.text)
        return submit.finish(effect.values if isinstance(effect, ef.Reply) else (), self._view)

    def _describe(self, caller: Caller) -> str:
        """Who asks, in words: for whoever asks later why. Of a peer on the bus, its name has to do."""
        if caller.channel is not self.channels.get("control"):
            return f"{caller.channel.name_of(caller.client)} on the bus"
        pids: list[int] = []
        caller.channel.find_pid_of(caller.client, pids.append)
        return describe(pids[0]) if pids and pids[0] > 0 else ""

    def submit(self, submit: Submit, on_outcome: Callable[[ef.Effect], None]) -> None:
        """Give the request to the engine; `on_outcome` gets its Reply or Refused."""
        number = self._next_request
        self._next_request += 1
        self._waiting[number] = on_outcome
        self._feed(submit.event.replace(request=number))

    def refer(self, caller: Caller, unit: str) -> None:
        """The unit stays loaded for as long as this caller is there (StartTransientUnit(), AddRef)."""

        def on_outcome(effect: ef.Effect) -> None:
            if isinstance(effect, ef.Reply):
                caller.channel.refer(caller.client, True)

        request = ReferenceRequest(0, unit, caller.channel.reference_name(caller.client), True)
        self.submit(Submit(request, return_nothing), on_outcome)

    def _follow(self, caller: Caller, effect: ef.Effect) -> None:
        """Whoever has asked for a job hears of it until it is done: that comes behind the reply, if there is a job."""
        job_id = int(effect.values[0]) if isinstance(effect, ef.Reply) else 0  # type: ignore[call-overload]
        if job_id:
            self._askers.setdefault(job_id, []).append(caller)
        else:
            caller.channel.let_go(caller.client)

    # --- signals ---------------------------------------------------------------------------------------------------

    def tell(self, effect: ef.Effect) -> None:
        """Whoever waits for this effect, or listens for it, hears of it.

        That a unit has changed is told by `tell_changes`, once for all that an event leads to, as systemd does it; what it
        was in between is told by UnitPassed where clients should see it.
        """
        if isinstance(effect, (ef.Reply, ef.Refused)):
            on_outcome = self._waiting.pop(effect.request, None)
            if on_outcome is not None:
                on_outcome(effect)
        elif isinstance(effect, (ef.JobAdded, ef.JobRemoved)):
            self._tell_of_job(effect)
        elif not self.are_there:
            self._failed = None
            return
        elif isinstance(effect, ef.UnitChanged):
            self._changed[effect.unit] = None
        else:
            if isinstance(effect, ef.UnitPassed):
                self._changed.pop(effect.unit, None)
                self._tell_failure(effect.as_it_was)  # type: ignore[arg-type]
                self._tell_news(effect.unit, lambda: _signals().signal_for(effect, self._view))
                return
            self._signal(lambda signals: signals.signal_for(effect, self._view))

    def _tell_of_job(self, effect: ef.JobAdded | ef.JobRemoved) -> None:
        if isinstance(effect, ef.JobAdded) and self.are_there:
            self._jobs[effect.job_id] = JobState.WAITING.value
        else:
            self._jobs.pop(effect.job_id, None)
        self._signal(lambda signals: signals.signal_for(effect, self._view), is_of_job=True)
        if isinstance(effect, ef.JobRemoved):
            for caller in self._askers.pop(effect.job_id, ()):
                caller.channel.let_go(caller.client)

    @property
    def are_there(self) -> bool:
        for channel in self.channels.values():
            if channel.hears(False):
                return True
        return False

    def tell_changes(self) -> None:
        changed, self._changed = self._changed, {}
        for name in changed:
            unit = self._view.engine.units.get(name)
            if unit is None:
                continue
            self._tell_failure(unit)
            self._tell_news(name)
            job = unit.job
            if job is not None and self._jobs.get(job.id, job.state.value) != job.state.value:
                self._jobs[job.id] = job.state.value
                told = job.id, job.state.value
                self._signal(lambda signals, told=told: [signals.job_state_changed(*told)])

    def _tell_failure(self, unit: Unit) -> None:
        """The manager's count of failed units is a property like any other, and told first."""
        if self._failed is None:
            self._failed = set(self._view.engine.failed_units())
        has_failed = unit.active_state is ActiveState.FAILED
        if has_failed != (unit.name in self._failed):
            self._failed ^= {unit.name}
            count = len(self._failed)
            self._signal(lambda signals: [signals.failures_changed(count)])

    def tell_reloading(self, is_active: bool) -> None:
        self._signal(lambda signals: [signals.reloading(is_active)])

    def tell_unit_files_changed(self) -> None:
        self._signal(lambda signals: [signals.unit_files_changed()])

    def _tell_news(self, unit: str, was: Callable[[], list[Signal]] | None = None) -> None:
        """What a unit is, or `was`; whoever is behind hears of what it is when they have caught up."""
        def state() -> list[Signal]:
            return _signals().signal_for(ef.UnitChanged(unit), self._view)

        for channel in self.channels.values():
            if channel.hears(False):
                channel.news(unit, was or state, state)

    def _signal(self, make: Callable[..., list[Signal]], is_of_job: bool = False) -> None:
        """`make` gets the module that knows how signals look."""
        channels = [channel for channel in self.channels.values() if channel.hears(is_of_job)]
        if channels:
            for path, interface, member, signature, values in make(_signals()):
                for channel in channels:
                    channel.signal(path, interface, member, signature, values)


def _signals() -> ModuleType:
    """Loaded when somebody listens: a boot has nobody to tell."""
    from initd.core import api_signals

    return api_signals


def _subscribe(caller: Caller, is_wanted: bool) -> Return | Error:
    if caller.channel.subscribe(caller.client, is_wanted):
        return Return()
    if is_wanted:
        return Error("org.freedesktop.systemd1.AlreadySubscribed", "Client is already subscribed.")
    return Error("org.freedesktop.systemd1.NotSubscribed", "Client is not subscribed.")
