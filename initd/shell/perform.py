"""Carries out the engine's effects, one function each, and says how it went: effect → call, outcome → event.

Nothing is decided here. Descriptors that an effect opens are watched by the loop and closed by whoever hears the last
of them.
"""

from __future__ import annotations

import os

from initd.core import effects as ef
from initd.core import events as ev
from initd.core.values import LOG_DEBUG, LOG_NOTICE, LOG_WARNING
from initd.shell.cgroup import Cgroups
from initd.shell.conditions import check
from initd.shell.directories import remove_directories
from initd.shell.journal import Journal
from initd.shell.kill import Killer
from initd.shell.loop import RANK_MESSAGES, READ, Loop
from initd.shell.pidfile import read_pid_file
from initd.shell.spawn import Spawned, Spawner, SpawnError
from initd.shell.track import Tracker

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


class Performer:
    """`feed` takes the events that come later, from the loop."""

    def __init__(
        self,
        loop: Loop,
        spawner: Spawner,
        tracker: Tracker,
        killer: Killer,
        journal: Journal,
        feed: Callable[[ev.Event], None],
        cgroups: Cgroups | None,
    ) -> None:
        self._loop = loop
        self._spawner = spawner
        self._tracker = tracker
        self._killer = killer
        self._journal = journal
        self._feed = feed
        self._cgroups = cgroups
        self._table: dict[type[ef.Effect], Callable[..., ev.Event | None]] = {
            ef.Spawn: self._spawn,
            ef.KillProcesses: self._kill_processes,
            ef.KillEverything: self._kill_everything,
            ef.ListProcesses: self._list_processes,
            ef.ReadPidFile: self._read_pid_file,
            ef.WatchPid: self._watch_pid,
            ef.CheckConditions: self._check_conditions,
            ef.PrepareUnit: self._prepare_unit,
            ef.ReleaseUnit: self._release_unit,
            ef.ReleaseIdle: self._release_idle,
            ef.Log: self._log,
        }

    def perform(self, effect: ef.Effect) -> ev.Event | None:
        """Do it. The answering event, if the effect has one and it is known already."""
        action = self._table.get(type(effect))
        return action(effect) if action is not None else None

    def _spawn(self, effect: ef.Spawn) -> ev.Event:
        request = effect.request
        try:
            spawned = self._spawner.spawn(request)
        except SpawnError as error:
            return ev.SpawnFailed(request.unit, request.phase, error.exit_status, error.reason)
        self._tracker.add_child(request.unit, spawned.pid)
        for problem in spawned.problems:
            self._log(ef.Log(LOG_WARNING, request.unit, f"{request.unit}: {problem}"))
        status, unit = spawned.status, request.unit
        self._loop.add(status.fileno(), READ, lambda _: self._on_status(spawned, unit), RANK_MESSAGES)
        return ev.SpawnDone(request.unit, request.phase, spawned.pid)

    def _on_status(self, spawned: Spawned, unit: str) -> None:
        status = spawned.status
        outcome = status.read()
        if outcome is None:
            return
        self._loop.remove(status.fileno())
        status.close()
        for report in status.degraded:
            what = f"{report.step} ({report.detail})" if report.detail else report.step
            text = f"{unit}: {what} could not be applied here, going on without: {os.strerror(report.errno)}"
            is_missed = spawned.needs_mounts and report.detail == "mount"
            self._log(ef.Log(LOG_WARNING if is_missed else LOG_DEBUG, unit, text))
        event = outcome.event(unit, spawned.pid)
        if event is not None:
            self._feed(event)

    def _kill_processes(self, effect: ef.KillProcesses) -> ev.Event:
        killed = self._killer.kill_processes(effect)
        if effect.announce:
            from initd.core import signals

            for process in killed.processes:
                text = (
                    f"{effect.unit}: Killing process {process.pid} ({process.command}) with signal "
                    f"{signals.name(effect.signal)}."
                )
                self._log(ef.Log(LOG_NOTICE, effect.unit, text))
        return killed.event

    def _kill_everything(self, effect: ef.KillEverything) -> ev.Event:
        return self._killer.kill_everything(effect).event

    def _list_processes(self, effect: ef.ListProcesses) -> ev.Event:
        self._tracker.forget()
        return ev.ProcessesListed(effect.unit, tuple(self._tracker.processes(effect.unit)))

    def _read_pid_file(self, effect: ef.ReadPidFile) -> ev.Event:
        return read_pid_file(effect.unit, effect.path, self._tracker)

    def _watch_pid(self, effect: ef.WatchPid) -> None:
        self._tracker.watch(effect.unit, effect.process)

    def _check_conditions(self, effect: ef.CheckConditions) -> ev.Event:
        return ev.ConditionsChecked(
            effect.unit,
            tuple(check(condition) for condition in effect.conditions),
            tuple(check(condition) for condition in effect.asserts),
        )

    def _prepare_unit(self, effect: ef.PrepareUnit) -> None:
        try:
            self._tracker.prepare(effect.unit, effect.cgroup)
        except OSError as error:
            text = f"{effect.unit}: Cannot make cgroup {effect.cgroup}: {error.strerror}; its processes are known by their tag"
            self._log(ef.Log(LOG_DEBUG, effect.unit, text))

    def _release_unit(self, effect: ef.ReleaseUnit) -> None:
        self._tracker.release(effect.unit, effect.cgroup)
        for path in effect.files:
            _unlink(path)
        for path, errno in remove_directories(effect.directories) + self._spawner.spaces.release(effect.unit):
            self._log(ef.Log(LOG_WARNING, effect.unit, f"{effect.unit}: Cannot remove {path}: {os.strerror(errno)}"))

    def _release_idle(self, effect: ef.ReleaseIdle) -> None:
        self._spawner.release_idle()

    def _log(self, effect: ef.Log) -> None:
        self._journal.write(effect)


def _unlink(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        pass  # gone already: most services remove their PID file themselves
