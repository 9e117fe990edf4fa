"""The journal's process runs for as long as the manager does, and hears what the manager has to say.

One that ends is started again at once; one that ends again and again is left alone for a while in between.
"""

from __future__ import annotations

import os

from initd.core.effects import Log
from initd.core.ratelimit import RateLimit
from initd.core.values import LOG_WARNING
from initd.shell.clock import now
from initd.shell.loop import RANK_LAST, WRITE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from initd.shell.journal import Journal
    from initd.shell.kill import Killer
    from initd.shell.loop import Loop

#: So many starts in so much time, and then none for a while.
_STARTS, _INTERVAL_USEC = 5, 10_000_000
_PAUSE_USEC = 5_000_000


class JournalKeeper:
    """`killer` spares the process that is kept."""

    def __init__(self, loop: Loop, journal: Journal, killer: Killer) -> None:
        self._loop = loop
        self._journal = journal
        self._killer = killer
        self._starts = RateLimit()
        self._is_watching = False
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

    def start(self) -> None:
        self.retry_usec = None
        if self._journal.fileno() < 0:
            return
        now_usec = now().monotonic_usec
        if not self._starts.is_within(_INTERVAL_USEC, _STARTS, now_usec):
            self.retry_usec = now_usec + _PAUSE_USEC
            return
        try:
            self._journal.start()
        except OSError as error:
            self._journal.pid = 0
            self.retry_usec = now_usec + _PAUSE_USEC
            os.write(2, f"pyinit: cannot start the journal: {error.strerror}\n".encode())
        self.spare()

    def spare(self) -> None:
        """What stops everything stops neither the journal nor ourselves."""
        self._killer.spared = {os.getpid(), self._journal.pid} - {0}

    def on_deadline(self) -> None:
        if self.retry_usec is not None and self.retry_usec <= now().monotonic_usec:
            self.start()

    def on_exit(self, is_last: bool) -> None:
        """The process is gone; it `is_last` where everything ends."""
        self._journal.pid = 0
        if not is_last:
            self._journal.write(Log(LOG_WARNING, "", "The journal process ended, starting it again."))
            self.start()
