"""Whom has the kernel killed for want of memory? (systemd.service(5), OOMPolicy=)

cgroup v2 counts them in each group's memory.events. The count is looked at when the kernel says that the file has changed,
and before anybody hears of a process that SIGKILL has ended: what it died of comes first.
"""

from __future__ import annotations

import os

from initd.core.events import OomKilled
from initd.shell.cgroup import Cgroups
from initd.shell.fds import OwnedFd
from initd.shell.loop import RANK_MESSAGES, URGENT, Loop

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from initd.core.events import Event


class _Watched:
    __slots__ = ("file", "count")

    def __init__(self, file: OwnedFd) -> None:
        self.file = file
        self.count = 0


class OomWatch:
    """Without cgroups that count memory it watches nothing. Owns a descriptor for each unit."""

    def __init__(self, loop: Loop, feed: Callable[[Event], None], cgroups: Cgroups | None) -> None:
        self._loop = loop
        self._feed = feed
        self._cgroups = cgroups
        self._units: dict[str, _Watched] = {}

    def watch(self, unit: str, cgroup: str) -> None:
        """From now on. The unit's group has to be there."""
        self.forget(unit)
        file = self._cgroups.open_memory_events(cgroup) if self._cgroups is not None else None
        if file is not None:
            self._add(unit, file, _count(file) or 0)

    def _add(self, unit: str, file: OwnedFd, count: int) -> None:
        watched = self._units[unit] = _Watched(file)
        watched.count = count
        self._loop.add(file.fileno(), URGENT, lambda _: self.check(unit), RANK_MESSAGES)

    def check(self, unit: str) -> None:
        """Tell if there are more than when it was looked last."""
        watched = self._units.get(unit)
        if watched is None:
            return
        count = _count(watched.file)
        if count is None:
            self.forget(unit)  # the group is gone, and its file is ready for ever
            return
        more, watched.count = count - watched.count, count
        if more > 0:
            self._feed(OomKilled(unit, more))

    def save(self, fds: list[int]) -> dict[str, tuple[int, int]]:
        """For another manager in our place: unit → descriptor and count; what must be inherited is added to `fds`."""
        saved = {unit: (watched.file.fileno(), watched.count) for unit, watched in self._units.items()}
        fds += [fd for fd, _ in saved.values()]
        return saved

    def restore(self, saved: dict[str, tuple[int, int]]) -> None:
        for unit, (fd, count) in saved.items():
            self._add(unit, OwnedFd(fd), count)

    def forget(self, unit: str) -> None:
        watched = self._units.pop(unit, None)
        if watched is not None:
            self._loop.remove(watched.file.fileno())
            watched.file.close()


def _count(file: OwnedFd) -> int | None:
    """Reading it anew also rearms the watch."""
    try:
        words = os.pread(file.fileno(), 4096, 0).split()
    except OSError:
        return None
    return int(words[words.index(b"oom_kill") + 1]) if b"oom_kill" in words else 0
