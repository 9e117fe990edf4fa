"""From the engine's wish for a process to its first event: begun, alone or in a batch, and how its set-up went."""

from __future__ import annotations

import os
from collections import deque

from initd.core import effects as ef
from initd.core import events as ev
from initd.core.values import LOG_DEBUG, LOG_WARNING, SpawnRequest
from initd.shell.loop import RANK_MESSAGES, READ, Loop
from initd.shell.spawn import Begun, ExecStatus, SocketFds, Spawned, Spawner, SpawnError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from initd.shell.journal import Journal
    from initd.shell.track import Tracker

#: So many at a time are worth the millisecond in which those who start them begin.
BATCH = 8

#: What has nothing to do with processes: they may be born before or after it.
_REGARDS_NO_PROCESS = frozenset((
    ef.Log, ef.PrepareUnit, ef.LimitUnit, ef.CheckConditions, ef.UnitChanged, ef.UnitPassed, ef.JobAdded, ef.JobRemoved,
))
#: What a signal may come behind, of another unit or its own.
_REGARDS_NO_SIGNAL = frozenset((ef.Log, ef.Thaw, ef.UnitChanged, ef.UnitPassed, ef.JobAdded, ef.JobRemoved))
#: Before these the journal need not have what was said: no process says more for them, or who carries them out sees to it.
_NEEDS_NO_JOURNAL = _REGARDS_NO_PROCESS | {ef.KillProcesses, ef.Thaw, ef.ReleaseUnit}


class Launching:
    """A process of a batch; `event` tells what became of it, once somebody has asked."""

    __slots__ = ("request", "begun", "event")

    def __init__(self, request: SpawnRequest, begun: Begun) -> None:
        self.request = request
        self.begun = begun
        self.event: ev.Event | None = None


class Launcher:
    """`feed` takes what comes later, from the loop."""

    def __init__(
        self, loop: Loop, spawner: Spawner, tracker: Tracker, journal: Journal, feed: Callable[[ev.Event], None]
    ) -> None:
        self._loop = loop
        self._spawner = spawner
        self._tracker = tracker
        self._journal = journal
        self._feed = feed
        #: Of a batch, those that nobody has asked after yet, the oldest first.
        self._launching: deque[Launching] = deque()
        #: Processes that have not said yet how their set-up went, by the number of the pipe; and their units.
        self._setting_up: dict[int, tuple[Spawned, str]] = {}

    def launch(self, request: SpawnRequest, sockets: SocketFds) -> ev.Event | Launching:
        try:
            begun = self._spawner.begin(request, sockets)
        except SpawnError as error:
            return ev.SpawnFailed(request.unit, request.phase, error.exit_status, error.reason)
        if begun.is_done:
            return self._on_begun(request, begun)
        self._launching.append(Launching(request, begun))
        return self._launching[-1]

    def _on_begun(self, request: SpawnRequest, begun: Begun) -> ev.Event:
        try:
            spawned = begun.spawned()
        except SpawnError as error:
            return ev.SpawnFailed(request.unit, request.phase, error.exit_status, error.reason)
        self._tracker.add_child(request.unit, spawned.pid)
        for problem in spawned.problems:
            self._log(LOG_WARNING, request.unit, problem)
        self._watch_status(spawned, request.unit)
        return ev.SpawnDone(request.unit, request.phase, spawned.pid)

    # --- batches ---------------------------------------------------------------------------------------------------

    def begin_batch(self, effects: list[ef.Effect]) -> list[ef.Effect]:
        """The effects in the order to perform them in. Where they start many processes, several of us are to do it, until
        `end_batch`; and what else is to be done comes first, so that they have nothing to wait for, nor the journal to be told
        one thing after the other."""
        if len(effects) < BATCH:
            return effects
        kinds = [type(effect) for effect in effects]
        spawns = kinds.count(ef.Spawn)
        if spawns + kinds.count(ef.KillProcesses) < BATCH:
            return effects
        if spawns >= BATCH and not self._spawner.spawners.are_open:
            try:
                self._spawner.spawners.open(self._spawner.facts.helper)
            except OSError:
                self._spawner.spawners.close()  # one by one, then
        return processes_last(effects)

    def end_batch(self) -> None:
        if self._spawner.spawners.are_open:
            self._settle()
            self._spawner.spawners.close()

    def before(self, effect: ef.Effect) -> None:
        """What is said of a unit is in the journal before its processes say anything; and whoever looks at processes finds
        those that were begun before."""
        kind = type(effect)
        if kind not in _NEEDS_NO_JOURNAL:
            self._journal.flush()
        if self._launching and kind is not ef.Spawn and kind not in _REGARDS_NO_PROCESS:
            self._settle()

    def _settle(self) -> None:
        while self._launching:
            self.answer(self._launching[0])

    def answer(self, launching: Launching) -> ev.Event:
        """What became of it; waits for it, a matter of a millisecond."""
        if launching.event is None:
            if launching in self._launching:  # it is not where this raised the last time
                self._launching.remove(launching)
            launching.event = self._on_begun(launching.request, launching.begun)
        return launching.event

    # --- how the set-up went ---------------------------------------------------------------------------------------

    def _watch_status(self, spawned: Spawned, unit: str) -> None:
        number = spawned.status.fileno()
        self._setting_up[number] = (spawned, unit)
        self._loop.add(number, READ, lambda _: self._on_status(spawned, unit), RANK_MESSAGES)

    def _on_status(self, spawned: Spawned, unit: str) -> None:
        status = spawned.status
        outcome = status.read()
        if outcome is None:
            return
        event = outcome.event(unit, spawned.pid)
        try:
            self._end_set_up(spawned, unit)
        finally:
            if event is not None:
                self._feed(event)

    def _end_set_up(self, spawned: Spawned, unit: str) -> None:
        status = spawned.status
        self._loop.remove(status.fileno())
        del self._setting_up[status.fileno()]
        status.close()
        for report in status.degraded:
            what = f"{report.step} ({report.detail})" if report.detail else report.step
            is_missed = spawned.needs_mounts and report.detail == "mount"
            self._log(LOG_WARNING if is_missed else LOG_DEBUG, unit,
                      f"{what} could not be applied here, going on without: {os.strerror(report.errno)}")

    def _log(self, priority: int, unit: str, text: str) -> None:
        self._journal.write(ef.Log(priority, unit, f"{unit}: {text}"))

    # --- another manager in our place ------------------------------------------------------------------------------

    def save(self, fds: list[int]) -> list[tuple[Any, ...]]:
        """What must be inherited is added to `fds`."""
        return [(spawned.pid, spawned.status.save(fds), spawned.needs_mounts, unit)
                for spawned, unit in self._setting_up.values()]

    def restore(self, saved: list[tuple[Any, ...]]) -> None:
        for pid, status, needs_mounts, unit in saved:
            self._watch_status(Spawned(pid, ExecStatus.restored(status), (), needs_mounts), unit)


def processes_last(effects: Iterable[ef.Effect]) -> list[ef.Effect]:
    """Processes and signals behind what has nothing to do with them, up to the next effect that has."""
    ordered: list[ef.Effect] = []
    waiting: list[ef.Effect] = []
    passing = _REGARDS_NO_PROCESS
    for effect in effects:
        kind = type(effect)
        if kind is ef.Spawn or kind is ef.KillProcesses:
            waiting.append(effect)
            passing = passing if kind is ef.Spawn else _REGARDS_NO_SIGNAL
            continue
        if waiting and kind not in passing:
            ordered += waiting
            waiting, passing = [], _REGARDS_NO_PROCESS
        ordered.append(effect)
    return ordered + waiting
