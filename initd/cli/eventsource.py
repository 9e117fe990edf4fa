"""The manager's happenings as they come, over re-executions: a connection that breaks is made again, and what changed meanwhile
is told."""

from __future__ import annotations

import time

from initd.cli.bus import Bus, BusError, NotRunning
from initd.core.happenings import Happening, Watch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from initd.core.places import Places

#: For how long, and how often, a manager is looked for that was there.
_PATIENCE, _PAUSE = 30.0, 0.05


class Source:
    """Connected; NotRunning or BusError where nobody answers."""

    def __init__(self, places: Places | None) -> None:
        self._places = places
        self._watch = Watch(_now())
        self.bus = Bus(places)
        self.first = self._begin()

    @property
    def states(self) -> dict[str, tuple[str, str]]:
        """Unit → its active and sub state, as far as was read."""
        return self._watch.states

    def fileno(self) -> int:
        """Readable when there is something to read; another one after a reconnection."""
        return self.bus.fileno()

    def read(self) -> Iterator[Happening]:
        """What has come; waits for the first. NotRunning where a manager went away for good."""
        try:
            yield from self._read()
        except BusError as problem:
            yield Happening("disconnected", _now(), "", {"reason": problem.text})
            self._reconnect()
            yield from self._begin()

    def _read(self) -> Iterator[Happening]:
        for message in self.bus.signals():
            found = self._watch.heard(message.path, message.interface, message.member, message.body, _now())
            if found is not None:
                yield found

    def _begin(self) -> list[Happening]:
        (rows,) = self.bus.ask("ListUnits")
        self.bus.forget_signals()  # of before this answer
        missed = self._watch.begin(rows, _now())
        return [Happening("connected", _now(), "", {"units": len(rows)}), *missed]

    def _reconnect(self) -> None:
        self.bus.close()
        deadline = time.monotonic() + _PATIENCE
        while True:
            try:
                self.bus = Bus(self._places)
                return
            except NotRunning:
                if time.monotonic() > deadline:
                    raise
                time.sleep(_PAUSE)


def _now() -> int:
    return time.time_ns() // 1000
