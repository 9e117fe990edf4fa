"""Carries out KillProcesses and KillEverything: who gets the signal, and how many did?

A unit's processes may fork while they are being signalled, so it is looked again until nobody new turns up. Who forks as
fast as it is killed is chased in short goes, with the manager's other business in between. We never signal ourselves, nor
the processes we are told to spare (the journal).
"""

from __future__ import annotations

import _signal
import os
import time

from initd.core.effects import KillEverything, KillProcesses
from initd.core.events import ProcessesKilled
from initd.core.record import Record
from initd.core.values import ProcessInfo
from initd.shell.census import read_stat
from initd.shell.track import Tracker, read_all_stats

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Iterable, Sequence

    from initd.wire.proc import ProcessStat

#: Looks per order. Whoever forks faster than this is met again by the next one; SIGKILL insists.
_PASSES = 5
_PASSES_KILL = 1000
_QUIET_PASSES = 2
#: How long one go may take, and the looks that it has in any case.
_GO_NSEC, _PASSES_A_GO = 50_000_000, 5


class Killed(Record):
    """The answer, and who was signalled, for the log."""

    event: ProcessesKilled
    processes: tuple[ProcessInfo, ...]


class _Chase:
    """A SIGKILL that its processes have escaped so far. `met`: who got it, by pid and start."""

    __slots__ = ("order", "met", "passes_left")

    def __init__(self, order: KillProcesses, met: dict[tuple[int, int], ProcessInfo], passes: int) -> None:
        self.order = order
        self.met = met
        self.passes_left = passes


def _nothing() -> None:
    pass


class Killer:
    """`before` is called before anybody is signalled: whoever dies of it may have last words."""

    def __init__(self, tracker: Tracker, spared: Iterable[int] = (), before: Callable[[], object] = _nothing) -> None:
        self._tracker = tracker
        self._before = before
        #: Pids that no order of ours reaches.
        self.spared = set(spared) | {os.getpid()}
        #: Units of which nobody can say whether somebody is left: to be looked at again.
        self.unsettled: set[str] = set()
        self._chases: dict[str, _Chase] = {}

    def save(self, fds: list[int]) -> set[str]:
        """For another manager in our place."""
        return self.unsettled

    def restore(self, saved: set[str]) -> None:
        self.unsettled = saved

    def kill_processes(self, order: KillProcesses) -> Killed:
        met: dict[tuple[int, int], ProcessInfo] = {}
        for ref in (order.main, order.control):
            if ref is not None:
                info = _look_at(ref.pid)
                if info is None or ref.start_ticks not in (0, info.start_ticks):
                    continue
                self._signal([info], order, met)
                if info.is_zombie and info.parent_pid == os.getpid():
                    met[info.pid, info.start_ticks] = info  # dead already, and its exit is still to be heard
        if order.everyone:
            if order.signal == _signal.SIGKILL and self._tracker.has_cgroup(order.unit):
                self._tracker.census.look()
                living = [info for info in self._tracker.members(order.unit, set()) if info is not None]
                self._before()
                if self._tracker.kill_cgroup(order.unit):
                    return _answer(order.unit, met | {(info.pid, info.start_ticks): info for info in living})
            chase = _Chase(order, met, _passes(order.signal))
            if not self._go(chase):
                self.unsettled.add(order.unit)
                if order.signal == _signal.SIGKILL:
                    self._chases[order.unit] = chase
                return Killed(ProcessesKilled(order.unit, max(len(met), 1)), tuple(met.values()))
        return _answer(order.unit, met)

    @property
    def is_chasing(self) -> bool:
        return bool(self._chases)

    def go_on(self) -> None:
        """One more go at each of those who escape; whoever is caught is `unsettled`, to be looked at once more."""
        for unit, chase in tuple(self._chases.items()):
            if self._go(chase) or chase.passes_left <= 0:
                del self._chases[unit]
            self.unsettled.add(unit)

    def give_up(self, unit: str) -> None:
        """The unit gets a new process, which is not to be killed."""
        self._chases.pop(unit, None)

    def kill_everything(self, order: KillEverything) -> Killed:
        """As PID 1 everybody in our namespace; otherwise only our units and descendants: the rest is not ours."""
        as_kill = KillProcesses("", order.signal, None, None, True)
        met: dict[tuple[int, int], ProcessInfo] = {}
        for _ in range(_passes(order.signal)):
            if not self._signal(self._everybody(), as_kill, met):
                break
        return _answer("", met)

    def _go(self, chase: _Chase) -> bool:
        """Signals each as soon as it is seen, until nobody was born since everybody was, or, where nobody can say that, two
        looks in a row find nobody new, nor anybody who has just gone. False where that did not come before the time was over.

        Who forks and is gone within a millisecond is no longer there when all processes are counted. Nobody is reaped in one
        go, and pids are not used again: what was seen holds to its end, and not to the next go.
        """
        census = self._tracker.census
        gone: set[tuple[int, int]] = set()
        quiet = passes = 0
        end_nsec = time.monotonic_ns() + _GO_NSEC
        while chase.passes_left > 0 and (passes < _PASSES_A_GO or time.monotonic_ns() < end_nsec):
            chase.passes_left -= 1
            passes += 1
            quiet = 0 if self._chase_once(chase.order, chase.met, gone) else quiet + 1
            if quiet == _QUIET_PASSES or census.is_complete():
                return True
        return False

    def _chase_once(
        self, order: KillProcesses, met: dict[tuple[int, int], ProcessInfo], gone: set[tuple[int, int]]
    ) -> bool:
        """Whether anybody was hit, or got away from being looked at."""
        is_moving = False

        def on_counted(pid: int, stat: ProcessStat, unit: str | None) -> None:
            nonlocal is_moving
            if unit == order.unit and not stat.is_zombie:
                is_moving |= self._signal([_as_info(stat)], order, met)

        self._tracker.census.look(on_counted)
        for info in self._tracker.members(order.unit, gone):
            if info is None or self._signal([info], order, met):
                is_moving = True
        return is_moving

    def _signal(
        self, processes: Iterable[ProcessInfo], order: KillProcesses, met: dict[tuple[int, int], ProcessInfo]
    ) -> bool:
        """Signals those not met before; whether there was any."""
        is_new = False
        for info in processes:
            key = (info.pid, info.start_ticks)
            if key in met or info.pid in self.spared or info.is_zombie:
                continue
            signals = [order.signal]
            # A stopped process would sleep through it (systemd.kill(5)).
            if order.signal not in (_signal.SIGKILL, _signal.SIGHUP, _signal.SIGCONT):
                signals.append(_signal.SIGCONT)
            if order.send_sighup and order.signal != _signal.SIGHUP:
                signals.append(_signal.SIGHUP)
            self._before()
            if send(info, signals):
                met[key] = info
                is_new = True
        return is_new

    def _everybody(self) -> list[ProcessInfo]:
        stats = read_all_stats()
        if os.getpid() == 1:
            return [_as_info(stat) for stat in stats.values() if not stat.is_zombie]
        self._tracker.forget()
        ours = {info.pid: info for processes in self._tracker.scan().values() for info in processes}
        for pid in stats:
            if _descends(pid, os.getpid(), stats):
                ours.setdefault(pid, _as_info(stats[pid]))
        return [info for info in ours.values() if not info.is_zombie]


def send(info: ProcessInfo, signals: Sequence[int]) -> bool:
    """Signals exactly this process, not a later one with its pid. False: it is gone, or we may not.

    It was looked at in this wake-up, in which nobody is reaped: a child of ours still has its pid."""
    if info.parent_pid == os.getpid():
        return _send_each(signals, lambda signal: os.kill(info.pid, signal))
    try:
        fd = os.pidfd_open(info.pid)
    except OSError:
        return False
    try:
        stat = read_stat(info.pid)
        if stat is None or stat.start_ticks != info.start_ticks:
            return False
        return _send_each(signals, lambda signal: _signal.pidfd_send_signal(fd, signal))
    finally:
        os.close(fd)


def _send_each(signals: Sequence[int], send_one: Callable[[int], None]) -> bool:
    """Whether the first of them got there."""
    is_sent = False
    for signal in signals:
        try:
            send_one(signal)
        except OSError:
            break
        is_sent = True
    return is_sent


def _passes(signal: int) -> int:
    return _PASSES_KILL if signal == _signal.SIGKILL else _PASSES


def _answer(unit: str, met: dict[tuple[int, int], ProcessInfo]) -> Killed:
    return Killed(ProcessesKilled(unit, len(met)), tuple(met.values()))


def _look_at(pid: int) -> ProcessInfo | None:
    stat = read_stat(pid)
    if stat is None:
        return None
    return _as_info(stat)


def _as_info(stat: ProcessStat) -> ProcessInfo:
    return ProcessInfo(stat.pid, stat.parent_pid, stat.start_ticks, stat.is_zombie, stat.command)


def _descends(pid: int, ancestor: int, stats: dict) -> bool:  # type: ignore[type-arg]
    while pid in stats and pid != ancestor:
        pid = stats[pid].parent_pid
        if pid == ancestor:
            return True
    return False
