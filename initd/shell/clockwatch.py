"""Tells when the wall clock is set, and when this machine's time zone becomes another (systemd.timer(5), OnClockChange=).

Python has no call for either; pyinit-exec opens the descriptors once, when the first timer asks, and sends them here.
A clock that nobody sets costs nothing. The file of the time zone may be put in the place of another one: that
is seen from the directory it is in.
"""

from __future__ import annotations

import os

from initd.core.effects import Log
from initd.core.events import ClockChanged, Event, TimeZoneChanged
from initd.core.values import LOG_WARNING
from initd.shell.askhelper import ask_helper
from initd.shell.fds import OwnedFd
from initd.shell.loop import READ, Loop

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

ZONE_FILE = "/etc/localtime"


class ClockWatch:
    """`feed` hears of changes, `log` of what cannot be watched."""

    def __init__(self, loop: Loop, feed: Callable[[Event], None], log: Callable[[Log], None], helper: str) -> None:
        self._loop = loop
        self._feed = feed
        self._log = log
        self._helper = helper
        self._fds: tuple[OwnedFd, ...] = ()
        self._was_tried = False
        self._zone = _signature()

    def watch(self) -> None:
        """From the first call on."""
        if self._was_tried:
            return
        self._was_tried = True
        try:
            self._take(ask_helper(self._helper, ("--clock",), 2))
        except OSError as error:
            self._log(Log(LOG_WARNING, "", f"The clock and the time zone cannot be watched, timers learn late of changes: "
                                           f"{error.strerror}"))

    def _take(self, fds: tuple[OwnedFd, ...]) -> None:
        self._fds = clock, directory = fds
        self._zone = _signature()
        self._loop.add(clock.fileno(), READ, lambda _: self._on_clock(clock.fileno()))
        self._loop.add(directory.fileno(), READ, lambda _: self._on_directory(directory.fileno()))

    def _on_clock(self, fd: int) -> None:
        try:
            os.read(fd, 8)
        except OSError:
            pass  # ECANCELED: that is the news, and the kernel goes on telling it
        self._feed(ClockChanged())

    def _on_directory(self, fd: int) -> None:
        try:
            os.read(fd, 4096)
        except OSError:
            return
        before, self._zone = self._zone, _signature()
        if before != self._zone:
            self._feed(TimeZoneChanged())

    # --- another manager in our place -------------------------------------------------------------------------------

    def save(self, fds: list[int]) -> list[int]:
        numbers = [fd.fileno() for fd in self._fds]
        fds += numbers
        return numbers

    def restore(self, saved: list[int]) -> None:
        if saved:
            self._was_tried = True
            self._take(tuple(OwnedFd(number) for number in saved))


def _signature() -> tuple[object, ...]:
    """What is another when the file is."""
    try:
        found = os.lstat(ZONE_FILE)
    except OSError:
        return ()
    return found.st_ino, found.st_mtime_ns, found.st_dev
