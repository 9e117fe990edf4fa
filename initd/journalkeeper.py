"""The journal's process runs for as long as the manager does, and hears what the manager has to say.

One that ends is started again at once, as services wait for it; with one that ends again and again there are pauses.
"""

from __future__ import annotations

import os
from _signal import SIGKILL

from initd.core.effects import Log
from initd.core.ratelimit import RateLimit
from initd.core.values import LOG_WARNING, ProcessEnd
from initd.shell.clock import now
from initd.shell.loop import RANK_LAST, READ, WRITE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from initd.shell.journal import Journal
    from initd.shell.kill import Killer
    from initd.shell.loop import Loop

#: So many deaths in so much time are followed by another start at once.
_DEATHS, _INTERVAL_USEC = 20, 10_000_000
#: Then there is a pause: a short one behind a journal that reads, or is killed, and a long one where none comes to read.
_PAUSE_USEC, _LONG_PAUSE_USEC = 100_000, 5_000_000


class JournalKeeper:
    """`killer` spares the process that is kept."""

    def __init__(self, loop: Loop, journal: Journal, killer: Killer) -> None:
        self._loop = loop
        self._journal = journal
        self._killer = killer
        self._deaths = RateLimit()
        self._is_watching = False
        self._is_renewing = False
        #: When to try again, on the monotonic clock.
        self.retry_usec: int | None = None

    def watch(self) -> None:
        """While lines wait for the journal, its having room again is a reason to wake up."""
        journal = self._journal
        wants = journal.has_kept and journal.fileno() >= 0
        if wants and not self._is_watching:
            self._loop.add(journal.fileno(), WRITE, lambda _: journal.flush() and None, RANK_LAST)
        elif not wants and self._is_watching:
            self._loop.remove(journal.fileno())
        self._is_watching = wants

    def begin(self) -> None:
        """The sockets are open."""
        self._hear()
        self.start()

    def go_on(self) -> None:
        """Another manager has kept it up to now."""
        self._hear()
        if not self._journal.pid:  # it was to be started again
            self.retry_usec = now().monotonic_usec
        self.spare()

    def renew(self) -> None:
        """The program may have been replaced, as the manager's was: one that has read all it has ends, another follows."""
        self._is_renewing = bool(self._journal.pid)
        self._journal.stop()

    def end(self) -> None:
        """Nobody else is left: it is to write out what it has."""
        if not self._journal.pid:  # it was to be started again: streams hold what services said last
            self.start()
        self._journal.flush()
        self._journal.stop()

    def _hear(self) -> None:
        if self._journal.streams.fileno() >= 0:
            self._loop.add(self._journal.streams.fileno(), READ, self._journal.hear, RANK_LAST)

    def start(self) -> None:
        if self._journal.fileno() < 0:
            self.retry_usec = None
            return
        try:
            self._journal.start()
            self.retry_usec = None
        except Exception as error:  # whatever it is: nobody's lines may be lost for it
            self._journal.pid = 0
            self.retry_usec = now().monotonic_usec + _LONG_PAUSE_USEC
            os.write(2, f"pyinit: cannot start the journal: {getattr(error, 'strerror', None) or error}\n".encode())
        self.spare()

    def spare(self) -> None:
        """What stops everything stops neither the journal nor ourselves."""
        self._killer.spared = {os.getpid(), self._journal.pid} - {0}

    def on_deadline(self) -> None:
        if self.retry_usec is not None and self.retry_usec <= now().monotonic_usec:
            self.start()

    def on_exit(self, end: ProcessEnd, is_last: bool) -> None:
        """The process is gone; it `is_last` where everything ends."""
        self._journal.pid = 0
        if is_last:
            return
        self.retry_usec = now().monotonic_usec  # where something goes wrong below
        if not self._is_renewing:
            self._journal.write(Log(LOG_WARNING, "", "The journal process ended, starting it again."))
        self._is_renewing = False
        self._journal.streams.hear_all()
        now_usec = now().monotonic_usec
        if self._deaths.is_within(_INTERVAL_USEC, _DEATHS, now_usec):
            self.start()
        else:
            is_short = self._journal.streams.is_ready or end == ProcessEnd("killed", SIGKILL)
            self.retry_usec = now_usec + (_PAUSE_USEC if is_short else _LONG_PAUSE_USEC)
