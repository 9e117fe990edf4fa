"""Descriptors that services gave to the manager for their next start (sd_notify(3), FDSTORE=1).

Which are kept, and for how long, is decided elsewhere; here they are owned, watched for a hang-up, and closed.
"""

from __future__ import annotations

import os
import stat

from initd.core.events import StoredFdHungUp
from initd.core.values import OfferedFd
from initd.shell.fds import OwnedFd

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from initd.core.events import Event
    from initd.shell.loop import Loop

_ACCESS_MODE = os.O_RDONLY | os.O_WRONLY | os.O_RDWR


class FdStore:
    """Owns what is kept. `feed` hears of those that hang up."""

    def __init__(self, loop: Loop, feed: Callable[[Event], None]) -> None:
        self._loop = loop
        self._feed = feed
        self._offered: dict[int, OwnedFd] = {}
        self._kept: dict[int, OwnedFd] = {}
        #: Number → the unit that wants to hear of its hang-up.
        self._polled: dict[int, str] = {}

    def offer(self, fds: Iterable[OwnedFd]) -> None:
        """These may be kept while the message they came with is dealt with; they stay their owner's until they are."""
        self._offered = {fd.fileno(): fd for fd in fds}

    def keep(self, unit: str, numbers: Iterable[int], is_polled: bool) -> None:
        for number in numbers:
            offered = self._offered.pop(number)
            self._kept[number] = OwnedFd(offered.take())
            if is_polled:
                self._watch(unit, number)

    def _watch(self, unit: str, number: int) -> None:
        def hang_up(_: int) -> None:
            self._loop.remove(number)
            self._polled.pop(number, None)
            self._feed(StoredFdHungUp(unit, number))

        try:
            self._loop.add(number, 0, hang_up)  # hang-ups and errors are told in any case
            self._polled[number] = unit
        except OSError:
            pass  # a file that cannot be polled cannot hang up either

    def close(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            kept = self._kept.pop(number, None)
            self._polled.pop(number, None)
            if kept is not None:
                self._loop.remove(number)
                kept.close()

    def save(self, fds: list[int]) -> tuple[list[int], dict[int, str]]:
        """For another manager in our place: all that is kept must be inherited."""
        fds += self._kept
        return list(self._kept), self._polled

    def restore(self, saved: tuple[list[int], dict[int, str]]) -> None:
        numbers, polled = saved
        self._kept = {number: OwnedFd(number) for number in numbers}
        for number, unit in polled.items():
            self._watch(unit, number)


def describe(fd: OwnedFd) -> OfferedFd:
    """What tells this open file from others; nothing does where the kernel has one inode for all of a kind."""
    number = fd.fileno()
    info = os.fstat(number)
    if stat.S_IFMT(info.st_mode) == 0:
        return OfferedFd(number)
    import fcntl

    mode = fcntl.fcntl(number, fcntl.F_GETFL) & _ACCESS_MODE
    return OfferedFd(number, f"{info.st_dev}:{info.st_ino}:{mode}")
