"""What takes too long for one go is done in pieces, between events: no client's question keeps a unit waiting.

A chore is a generator: each `next` is one small piece, and what it returns is its result. The first turn is at once, so
what is quickly done needs no second.
"""

from __future__ import annotations

from collections import deque

from initd.shell.connection import TURN_USEC

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from typing import Any

    _Chore = tuple[Generator[None, None, Any], Callable[[Any], None], Callable[[Exception], None]]

#: More than these at a time are not begun: each keeps what it has found so far.
MOST = 64


class TooManyChores(Exception):
    """Somebody asks faster than can be answered."""


class Chores:
    """`clock` gives monotonic microseconds."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._waiting: deque[_Chore] = deque()

    @property
    def are_pending(self) -> bool:
        return bool(self._waiting)

    def begin(
        self, pieces: Generator[None, None, Any], on_result: Callable[[Any], None], on_error: Callable[[Exception], None]
    ) -> None:
        """`on_result` gets what the generator returns, `on_error` what it raises. Raises TooManyChores."""
        if len(self._waiting) >= MOST:
            pieces.close()
            raise TooManyChores
        self._take_turn((pieces, on_result, on_error))

    def go_on(self) -> None:
        """One turn for the one that has waited longest."""
        if self._waiting:
            self._take_turn(self._waiting.popleft())

    def finish(self) -> None:
        """All of them, however long it takes: there will be no later."""
        while self._waiting:
            self.go_on()

    def _take_turn(self, chore: _Chore) -> None:
        pieces, on_result, on_error = chore
        end_usec = self._clock() + TURN_USEC
        try:
            while self._clock() < end_usec:
                next(pieces)
        except StopIteration as end:
            on_result(end.value)
        except Exception as error:  # whoever waits for it hears of it, and the others go on
            on_error(error)
        else:
            self._waiting.append(chore)
