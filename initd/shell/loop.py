"""The one epoll loop: what is ready, in which order is it heard, and which signals came?

One wake-up gathers everything that is ready and hands it over in rank order, so that a service's last words are
heard before its death, and its death before a client's question about it (STYLE.md, section 2). Within a rank the
order is that of registration. A callback may add, modify and remove descriptors, its own and others'; one that was
removed by an earlier callback of the same wake-up is not called any more.

Signals. Python runs signal handlers between two bytecodes, which is no place to do anything: a handler only notes
the number, and the wake-up descriptor ends the wait. The manager is started with every signal blocked (see
initd/exec/boot.c); `unblock_signals()` is called when the handlers are in place, and what was pending arrives then.

Nothing here knows what a descriptor or a signal means.
"""

from __future__ import annotations

import _signal
import os
import select

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

#: Ranks, heard in this order within one wake-up.
RANK_MESSAGES = 0  # sd_notify datagrams, exec results
RANK_EXITS = 1
RANK_EMPTY = 2  # cgroup.events
RANK_REQUESTS = 3
RANK_LAST = 4

READ = select.EPOLLIN
WRITE = select.EPOLLOUT
URGENT = select.EPOLLPRI
#: Told of, whether asked for or not.
SHUT = select.EPOLLHUP

_EVENTS_PER_WAKE_UP = 256


class Watch:
    """One registration. `token` orders registrations of the same rank."""

    __slots__ = ("callback", "rank", "token")

    def __init__(self, callback: Callable[[int], None], rank: int, token: int) -> None:
        self.callback = callback
        self.rank = rank
        self.token = token


def _call(callback: Callable[..., object], *words: object) -> None:
    callback(*words)


class Loop:
    """Descriptors stay their owners'; the loop closes none but its own."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._watches: dict[int, Watch] = {}
        self._next_token = 0
        self._signal_watches: dict[int, tuple[int, Callable[[], None]]] = {}
        self._pending_signals: dict[int, None] = {}
        #: What calls a callback, and what calls that of a signal, which comes once: whoever owns the loop may keep what one
        #: raises from the others.
        self.call: Callable[..., object] = _call
        self.call_surely: Callable[..., object] = _call
        self._old_handlers: dict[int, object] = {}
        self._wake_reader, self._wake_writer = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._old_wakeup_fd = _signal.set_wakeup_fd(self._wake_writer, warn_on_full_buffer=False)
        self.add(self._wake_reader, READ, self._drain_wake_up)

    # --- descriptors ---------------------------------------------------------------------------------------------

    def add(self, fd: int, mask: int, callback: Callable[[int], None], rank: int = RANK_REQUESTS) -> None:
        """Call `callback(ready_mask)` whenever the descriptor is ready; level-triggered."""
        self._epoll.register(fd, mask)
        self._next_token += 1
        self._watches[fd] = Watch(callback, rank, self._next_token)

    def modify(self, fd: int, mask: int) -> None:
        self._epoll.modify(fd, mask)

    def remove(self, fd: int) -> None:
        """Forget the descriptor; to be called before it is closed. Removing one that is not there is no mistake."""
        if self._watches.pop(fd, None) is not None:
            try:
                self._epoll.unregister(fd)
            except (OSError, ValueError):
                pass  # it was closed already, which took it out of the epoll set

    # --- signals -------------------------------------------------------------------------------------------------

    def add_signal(self, signal: int, callback: Callable[[], None], rank: int = RANK_REQUESTS) -> None:
        """Call `callback()` once per wake-up in which the signal came, however often it did."""
        self._signal_watches[signal] = (rank, callback)
        previous = _signal.signal(signal, self._note_signal)
        self._old_handlers.setdefault(signal, previous)

    def block_signals(self) -> None:
        """From now on signals wait in the kernel, where execve(2) does not lose them. What was noted is still called."""
        _signal.pthread_sigmask(_signal.SIG_BLOCK, _signal.valid_signals())

    def unblock_signals(self) -> None:
        """Let in what was kept out since the first instruction of the process."""
        _signal.pthread_sigmask(_signal.SIG_SETMASK, ())

    def _note_signal(self, signal: int, _frame: object) -> None:
        self._pending_signals[signal] = None

    def _drain_wake_up(self, _mask: int) -> None:
        try:
            while len(os.read(self._wake_reader, 4096)) == 4096:
                pass
        except BlockingIOError:
            pass

    # --- the wake-up ---------------------------------------------------------------------------------------------

    def run_once(self, timeout_usec: int | None) -> bool:
        """Wait until something is ready, at most this long (None: for ever), and hear it. False: nothing came."""
        if self._pending_signals:
            timeout_usec = 0
        # Rounded up by poll() to whole milliseconds: never a moment too early.
        ready = self._epoll.poll(None if timeout_usec is None else timeout_usec / 1_000_000, _EVENTS_PER_WAKE_UP)
        calls: list[tuple[int, int, int, int]] = []
        for fd, mask in ready:
            watch = self._watches.get(fd)
            if watch is not None:
                calls.append((watch.rank, watch.token, fd, mask))
        # Only now: a signal that came while we waited must be in this wake-up, not in the next.
        signals, self._pending_signals = self._pending_signals, {}
        for arrival, signal in enumerate(signals):
            calls.append((self._signal_watches[signal][0], arrival, -signal, 0))
        calls.sort()
        for _rank, token, fd, mask in calls:
            if fd < 0:
                self.call_surely(self._signal_watches[-fd][1])
                continue
            watch = self._watches.get(fd)
            if watch is not None and watch.token == token:
                self.call(watch.callback, mask)
        return bool(calls)

    def close(self) -> None:
        """Undo everything: for tests, and for daemon-reexec."""
        for signal, handler in self._old_handlers.items():
            _signal.signal(signal, handler if handler is not None else _signal.SIG_DFL)  # type: ignore[arg-type]
        _signal.set_wakeup_fd(self._old_wakeup_fd)
        self._epoll.close()
        os.close(self._wake_reader)
        os.close(self._wake_writer)
        self._watches.clear()
