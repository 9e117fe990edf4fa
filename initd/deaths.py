"""Who of our children has ended, and which unit has nobody left."""

from __future__ import annotations

import time
from collections import deque

from initd.core import events as ev
from initd.shell.reap import reap

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from initd.attempts import Attempts
    from initd.core.values import ProcessEnd
    from initd.shell.kill import Killer
    from initd.shell.track import Tracker

#: How long deaths are told of in one go: services that crash all the time must not keep clients waiting.
_GO_NSEC = 10_000_000


class Deaths:
    """`hear` takes in what processes have said, before one is gone; `on_death` gets each: pid, end, unit. `feed` hears which
    unit is empty, `look` which is not, of those that somebody left."""

    def __init__(
        self, tracker: Tracker, killer: Killer, attempts: Attempts, hear: Callable[[], None],
        on_death: Callable[[int, ProcessEnd, str | None], None], feed: Callable[[ev.Event], None], look: Callable[[str], None],
    ) -> None:
        self._tracker = tracker
        self._killer = killer
        self._attempts = attempts
        self._hear = hear
        self._on_death = on_death
        self._feed = feed
        self._look = look
        #: Reaped, and not yet told of.
        self._dead: deque[tuple[int, ProcessEnd, str | None]] = deque()
        #: Units that somebody left.
        self.units: set[str] = set()
        #: Not all dead children were reaped in this wake-up, or not all of them told of.
        self.has_more = False

    @property
    def is_to_look(self) -> bool:
        """Some unit may be empty, or who was killed may not be gone."""
        return bool(self.units or self._killer.unsettled)

    def on_children(self) -> None:
        """Reaps who is dead and tells of each, for as long as there is time for it."""
        self.has_more = True  # where it goes wrong, and where the time is over
        end_nsec = time.monotonic_ns() + _GO_NSEC
        while self._dead or self._attempts.once(self._reap) or self._dead:
            self._attempts.twice(self._on_death, *self._dead.popleft())
            if time.monotonic_ns() >= end_nsec:
                return

    def hear_all(self) -> None:
        """Who is dead by now is told of, however long it takes: for what must not come before."""
        self.has_more = True
        self._attempts.once(self._reap)
        while self._dead:
            self._attempts.twice(self._on_death, *self._dead.popleft())

    def _reap(self) -> bool:
        """Whether anybody was dead; if not, the next one is told of by SIGCHLD."""
        for dead in reap(self._tracker, lambda: self._attempts.once(self._hear)):
            self._dead.append(dead)
        self.has_more = bool(self._dead)
        return self.has_more

    def note(self, unit: str) -> None:
        """A process of the unit is gone."""
        self.units.add(unit)

    def look_for_empty_units(self) -> None:
        """After the exits of this wake-up were heard: whose last process was it? Not before all were."""
        if self._dead:
            return
        self._attempts.once(self._killer.go_on)
        units, self.units = self.units | self._killer.unsettled, set()
        self._killer.unsettled.clear()
        if not units:
            return
        self._attempts.once(self._tracker.forget)
        for unit in sorted(units):
            self._attempts.twice(self._look_whether_empty, unit)

    def _look_whether_empty(self, unit: str) -> None:
        is_empty = self._tracker.is_empty(unit)
        if is_empty:
            self._feed(ev.UnitEmpty(unit))
        elif is_empty is None:
            self.units.add(unit)
        else:
            self._look(unit)
