"""What can wait is done in turns, while nothing else is to be done: no client keeps a unit waiting, nor another client.

Three queues, each first come, first served. Who has just spoken gets one message answered in the wake-up in which it came.
Its further messages wait until a wake-up brings nothing new, and so do chores, work that takes too long for one go; one of
either kind gets a turn in a wake-up. A chore is a generator, each `next` is one small piece, and what it returns is its
result. Neither waits for ever. One chore is done before the next goes on, as each keeps what it has found so far.
"""

from __future__ import annotations

from collections import deque

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from typing import Any

    #: Gets the time (monotonic microseconds) at which its turn is over; does one piece at least.
    Turn = Callable[[int], None]

#: How long a turn may take: after the piece that was too much, it is somebody else's (and the units').
TURN_USEC = 5_000
#: What waits gets a turn after this time, however much is going on.
PATIENCE_USEC = 20_000
#: More chores than these at a time are not taken on.
MOST_CHORES = 64


class TooManyChores(Exception):
    """Somebody asks faster than can be answered."""


class Backlog:
    """`clock` gives monotonic microseconds."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._fresh: deque[Turn] = deque()
        self._further: deque[Turn] = deque()
        #: Turns that say whether it was the last.
        self._chores: deque[Callable[[int], bool]] = deque()
        self._last_usec = 0
        #: Further messages and chores take turns.
        self._is_chores_turn = False

    @property
    def is_pending(self) -> bool:
        """`go_on` is to be called soon."""
        return bool(self._fresh or self._further or self._chores)

    def add(self, turn: Turn, is_fresh: bool = False) -> None:
        """Call it once, in this wake-up where `is_fresh` and there is time, else later."""
        (self._fresh if is_fresh else self._further).append(turn)

    def begin(
        self, pieces: Generator[None, None, Any], on_result: Callable[[Any], None], on_error: Callable[[Exception], None]
    ) -> None:
        """A chore; its first piece is done at once, which is nothing where it takes long. `on_result` gets what it returns,
        `on_error` what it raises. Raises TooManyChores."""
        if len(self._chores) >= MOST_CHORES:
            pieces.close()
            raise TooManyChores

        def turn(end_usec: int) -> bool:
            try:
                next(pieces)
                while self._clock() < end_usec:
                    next(pieces)
            except StopIteration as end:
                on_result(end.value)
            except Exception as error:  # whoever waits for it hears of it, and the others go on
                on_error(error)
            else:
                return False
            return True

        if not turn(0):
            self._chores.append(turn)

    def go_on(self, is_busy: bool) -> None:
        """At the end of a wake-up, which was `is_busy` if anything came."""
        now_usec = self._clock()
        end_usec = now_usec + TURN_USEC
        while self._fresh and self._clock() < end_usec:
            self._fresh.popleft()(0)
        if (is_busy or self._fresh) and now_usec - self._last_usec < PATIENCE_USEC:
            return
        if self._further and not (self._chores and self._is_chores_turn):
            self._is_chores_turn = True
            self._further.popleft()(self._clock() + TURN_USEC)
        elif self._chores:
            self._is_chores_turn = False
            self._go_on_with_chore()
        self._last_usec = self._clock()

    def finish(self) -> None:
        """All chores, however long they take: there will be no later."""
        while self._chores:
            self._go_on_with_chore()

    def _go_on_with_chore(self) -> None:
        is_over = True  # even where it raises
        try:
            is_over = self._chores[0](self._clock() + TURN_USEC)
        finally:
            if is_over:
                self._chores.popleft()
