"""Carries out the engine's effects, one function each, and says how it went: effect → call, outcome → event.

Nothing is decided here. Descriptors that an effect opens are watched by the loop and closed by whoever hears the last
of them.
"""

from __future__ import annotations

import os

from initd.core import effects as ef
from initd.core import events as ev
from initd.core.answers import Error, Order, Return
from initd.core.cgroup_attributes import CgroupPlan
from initd.core.settings import ExecSettings, PathSettings, SocketSettings
from initd.core.values import LOG_DEBUG, LOG_NOTICE, LOG_WARNING, SpawnRequest
from initd.shell import timerstamps
from initd.shell.attach import Attacher
from initd.shell.automounts import Automounts
from initd.shell.cgroup import Cgroups
from initd.shell.clockwatch import ClockWatch
from initd.shell.conditions import check
from initd.shell.directories import remove_directories
from initd.shell.fds import OwnedFd
from initd.shell.fdstore import FdStore
from initd.shell.givenstreams import GivenStreams
from initd.shell.journal import Journal
from initd.shell.kill import Killer
from initd.shell.launcher import Launcher, Launching
from initd.shell.loop import Loop
from initd.shell.oom import OomWatch
from initd.shell.pidfile import read_pid_file
from initd.shell.sockets import Sockets
from initd.shell.spawn import SocketFds, Spawner
from initd.shell.track import Tracker
from initd.shell.trees import unlink
from initd.shell.unitstate import UnitState
from initd.shell.watch import PathWatch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


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
        on_connection: Callable[[str, OwnedFd, str, str], None],
        on_end: Callable[[str], None],
        bus: dict[type[ef.Effect], Callable[..., ev.Event | None]],
    ) -> None:
        """`on_end` hears of a unit that may have lost its last process; `bus` has what carries out effects that concern the
        system bus."""
        self._spawner = spawner
        self._tracker = tracker
        self._killer = killer
        self._journal = journal
        self._cgroups = cgroups
        self.launcher = Launcher(loop, spawner, tracker, journal, feed)
        self._paths = PathWatch(loop, feed)
        self.sockets = Sockets(loop, feed, on_connection, spawner.facts.helper)
        self.automounts = Automounts(loop, feed, spawner.facts.helper)
        self.clock = ClockWatch(loop, feed, journal.write, spawner.facts.helper)
        #: Accepted connections by their number, until their service has ended.
        self.connections: dict[int, OwnedFd] = {}
        self.given_streams = GivenStreams()
        self.fd_store = FdStore(loop, feed)
        self.unit_state = UnitState(spawner.facts.places.run, spawner.facts.tag_base)
        #: Units that clients have frozen.
        self._frozen: set[str] = set()
        self.attacher = Attacher(loop, spawner, tracker, cgroups, on_end)
        self.oom = OomWatch(loop, feed, cgroups)
        self._table: dict[type[ef.Effect], Callable[..., ev.Event | Launching | None]] = {
            ef.Spawn: self._spawn,
            ef.KillProcesses: self._kill_processes,
            ef.KillEverything: self._kill_everything,
            ef.ListProcesses: self._list_processes,
            ef.ReadPidFile: self._read_pid_file,
            ef.WatchPaths: self._watch_paths,
            ef.UnwatchPaths: self._unwatch_paths,
            ef.WatchClock: lambda effect: self.clock.watch(),
            ef.OpenSockets: self._open_sockets,
            ef.WatchSockets: self._watch_sockets,
            ef.CloseSockets: self._close_sockets,
            ef.CloseConnection: self._close_connection,
            **self.automounts.handlers(),
            ef.ReadTimerStamp: self._read_timer_stamp,
            ef.TouchTimerStamp: self._touch_timer_stamp,
            ef.WatchPid: self._watch_pid,
            ef.AttachProcesses: self.attacher.attach,
            ef.CheckConditions: self._check_conditions,
            ef.RemoveFiles: self._remove_files,
            ef.Thaw: self._thaw,
            ef.LimitUnit: lambda effect: self.limit(effect.unit, effect.cgroup, effect.plan),
            ef.PrepareUnit: self._prepare_unit,
            ef.ReleaseUnit: self._release_unit,
            ef.ReleaseIdle: self._release_idle,
            ef.Log: self._log,
            ef.StoreDescriptors: lambda effect: self.fd_store.keep(effect.unit, effect.fds, effect.is_polled),
            ef.CloseDescriptors: lambda effect: self.fd_store.close(effect.fds),
            **bus,
        }

    def perform(self, effect: ef.Effect) -> ev.Event | Launching | None:
        """Do it. The answering event, if the effect has one and it is known already, or who knows it (`launcher.answer`)."""
        self.launcher.before(effect)
        action = self._table.get(type(effect))
        return action(effect) if action is not None else None

    def _spawn(self, effect: ef.Spawn) -> ev.Event | Launching:
        self._killer.give_up(effect.request.unit)
        return self.launcher.launch(effect.request, self._passed(effect.request))

    def save(self, fds: list[int]) -> dict[str, Any]:
        """For another manager in our place; what must be inherited is added to `fds`."""
        connections = {number: connection.fileno() for number, connection in self.connections.items()}
        fds += connections.values()
        return {
            "connections": connections, "setting_up": self.launcher.save(fds), "frozen": sorted(self._frozen),
            "oom": self.oom.save(fds), "unit_state": self.unit_state.save(fds),
            "attached": self.attacher.save(fds), "clock": self.clock.save(fds),
        }

    def restore(self, saved: dict[str, Any]) -> None:
        self.connections = {number: OwnedFd(fd) for number, fd in saved["connections"].items()}
        self.launcher.restore(saved["setting_up"])
        self._frozen = set(saved["frozen"])
        self.oom.restore(saved["oom"])
        self.unit_state.restore(saved["unit_state"])
        self.attacher.restore(saved.get("attached", []))
        self.clock.restore(saved.get("clock", []))

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

    def _watch_paths(self, effect: ef.WatchPaths) -> ev.Event:
        assert isinstance(effect.settings, PathSettings)
        return self._paths.watch(effect.unit, effect.settings, effect.makes_directories, effect.is_fresh)

    def _unwatch_paths(self, effect: ef.UnwatchPaths) -> None:
        self._paths.forget(effect.unit)

    def _open_sockets(self, effect: ef.OpenSockets) -> ev.Event:
        assert isinstance(effect.settings, SocketSettings)
        return self.sockets.open(effect.unit, effect.settings)

    def _watch_sockets(self, effect: ef.WatchSockets) -> None:
        self.sockets.watch(effect.unit, effect.is_wanted, effect.flushes)

    def _close_sockets(self, effect: ef.CloseSockets) -> None:
        self.sockets.close(effect.unit, effect.removes_nodes)

    def _close_connection(self, effect: ef.CloseConnection) -> None:
        connection = self.connections.pop(effect.connection, None)
        if connection is not None:
            connection.close()

    def _passed(self, request: SpawnRequest) -> SocketFds:
        """The descriptors a service starts with."""
        connection = self.connections.get(request.connection)
        if connection is not None:
            fd = connection.fileno()
            return SocketFds((fd,), ("connection",), fd, request.non_blocking)
        streams = self.given_streams.of(request.unit)
        fds, names = self.sockets.of(request.sockets)
        connection_fd = fds[0] if len(fds) == 1 else None
        # What it has stored comes behind its sockets, in the order in which it did.
        fds += [each.fd for each in request.stored_fds]
        names += [each.name for each in request.stored_fds]
        return SocketFds(tuple(fds), tuple(names), connection_fd, request.non_blocking, streams)

    def _read_timer_stamp(self, effect: ef.ReadTimerStamp) -> ev.Event:
        usec = timerstamps.read(effect.path)
        if usec is None:
            self._touch_timer_stamp(ef.TouchTimerStamp(effect.unit, effect.path, None))
        return ev.TimerStampRead(effect.unit, usec)

    def _touch_timer_stamp(self, effect: ef.TouchTimerStamp) -> None:
        try:
            timerstamps.touch(effect.path, effect.realtime_usec)
        except OSError as error:
            text = f"{effect.unit}: Cannot keep the time of the last elapse in {effect.path}: {error.strerror}"
            self._log(ef.Log(LOG_WARNING, effect.unit, text))

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
            self.unit_state.publish(effect)
        except OSError as error:
            text = f"{effect.unit}: Cannot tell the journal about it: {error.strerror}"
            self._log(ef.Log(LOG_DEBUG, effect.unit, text))
        try:
            self._tracker.prepare(effect.unit, effect.cgroup)
            if self._cgroups is not None and effect.cgroup:
                self._limit(effect)
                self.oom.watch(effect.unit, effect.cgroup)
        except OSError as error:
            text = f"{effect.unit}: Cannot make cgroup {effect.cgroup}: {error.strerror}; its processes are known by their tag"
            self._log(ef.Log(LOG_DEBUG, effect.unit, text))

    def _limit(self, effect: ef.PrepareUnit) -> None:
        uid, gid = -1, -1
        if effect.plan.is_delegated and isinstance(effect.exec, ExecSettings):
            uid, gid = self._spawner.owner(effect.unit, effect.exec)
        self.limit(effect.unit, effect.cgroup, effect.plan, uid, gid)

    def limit(self, unit: str, cgroup: str, plan: CgroupPlan, uid: int = -1, gid: int = -1) -> None:
        """Write a unit's limits into its cgroup, if it has one."""
        failed = self._cgroups.apply(cgroup, plan, uid, gid) if self._cgroups is not None else []
        for attribute, errno in failed:
            if attribute.is_default:
                continue
            text = f"{unit}: Failed to set '{attribute.file}' to '{attribute.text}': {os.strerror(errno)}"
            self._log(ef.Log(LOG_DEBUG, unit, text))

    def freeze(self, order: Order) -> Return | Error:
        """A client's wish to stop everything in a unit's cgroup for a while, or to let it go on."""
        unit, cgroup, is_wanted = order.args
        if self._cgroups is None:
            return Error("org.freedesktop.DBus.Error.NotSupported", f"Unit '{unit}' does not support freezing.")
        try:
            self._cgroups.freeze(cgroup, is_wanted)
        except OSError as error:
            return Error("org.freedesktop.DBus.Error.Failed", error.strerror or str(error))
        (self._frozen.add if is_wanted else self._frozen.discard)(unit)
        return Return()

    def _thaw(self, effect: ef.Thaw) -> None:
        if effect.unit in self._frozen:
            self._journal.flush()
            self.freeze(Order("", (effect.unit, effect.cgroup, False)))

    def _release_unit(self, effect: ef.ReleaseUnit) -> None:
        self._frozen.discard(effect.unit)
        self.oom.forget(effect.unit)
        self.unit_state.release(effect.unit)
        self.attacher.forget(effect.unit)
        self.given_streams.close(effect.unit)
        self._tracker.release(effect.unit, effect.cgroup)
        if isinstance(effect.remove_ipc, ExecSettings):
            self._spawner.remove_ipc(effect.unit, effect.remove_ipc)
        if isinstance(effect.reset_terminal, ExecSettings):
            self._spawner.reset_terminal(effect.reset_terminal)
        if effect.terminal:
            _give_back(effect.terminal)
        self._spawner.dynamic_users.release(effect.unit)
        for path in effect.files:
            unlink(path)
        for path, errno in remove_directories(effect.directories) + self._spawner.spaces.release(effect.unit):
            self._log(ef.Log(LOG_WARNING, effect.unit, f"{effect.unit}: Cannot remove {path}: {os.strerror(errno)}"))

    def _remove_files(self, effect: ef.RemoveFiles) -> None:
        for path in effect.paths:
            unlink(path)

    def _release_idle(self, effect: ef.ReleaseIdle) -> None:
        self._spawner.release_idle()

    def _log(self, effect: ef.Log) -> None:
        self._journal.write(effect)


def _give_back(terminal: str) -> None:
    try:
        os.chown(terminal, 0, -1)
    except OSError:
        pass  # gone, or never ours to give
