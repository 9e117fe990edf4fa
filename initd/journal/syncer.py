"""Has the disk keep what was written, beside the journal's loop: a disk may take seconds, and services are not to wait for it.

One thread, which is there only while there is something to be synchronized, does it in the order it was asked for. What
comes after a synchronization is done by the loop (`hear`), as is everything else.
"""

from __future__ import annotations

import _thread
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Failed = Callable[[OSError], None]


class Syncer:
    """Watch `fileno` for reading, and then call `hear`."""

    def __init__(self, synchronize: Callable[[int], None] = os.fdatasync) -> None:
        self._synchronize = synchronize
        self._lock = _thread.allocate_lock()
        self._queue: list[tuple[str, int, Failed]] = []
        self._is_working = False
        self._asked = 0
        #: The thread only appends: what was done, and what went wrong with it.
        self._done: list[tuple[Failed, OSError | None]] = []
        self._heard = 0
        self._next: list[tuple[int, Callable[[], None]]] = []
        self._wake_fd, self._done_fd = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)

    def fileno(self) -> int:
        return self._wake_fd

    def sync(self, name: str, fd: int, failed: Failed) -> None:
        """Takes the descriptor, and closes it when that is done. A file that is to be synchronized already, is so once."""
        with self._lock:
            if any(name == queued for queued, _, _ in self._queue):
                os.close(fd)
                return
            self._queue.append((name, fd, failed))
            self._asked += 1
            is_idle, self._is_working = not self._is_working, True
        if is_idle:
            try:
                _thread.start_new_thread(self._work, ())
            except RuntimeError:  # no more processes are allowed
                self._work()

    def forget(self, name: str) -> None:
        """The file is gone: whoever still has it open keeps its room from being used."""
        with self._lock:
            forgotten = [each for each in self._queue if each[0] == name]
            self._queue = [each for each in self._queue if each[0] != name]
        for _, fd, failed in forgotten:
            os.close(fd)
            self._report(failed, None)

    def then(self, call: Callable[[], None]) -> None:
        """Call it when all that was asked for is done, which may be now."""
        if self._heard == self._asked:
            call()
        else:
            self._next.append((self._asked, call))

    def hear(self) -> None:
        try:
            os.read(self._wake_fd, 512)
        except BlockingIOError:
            pass  # it was heard before
        done, self._done[:] = list(self._done), []
        for failed, error in done:
            if error is not None:
                failed(error)
        self._heard += len(done)
        due = [call for number, call in self._next if number <= self._heard]
        self._next = self._next[len(due):]
        for call in due:
            call()

    def finish(self) -> None:
        """Returns when everything is done."""
        while self._heard < self._asked:
            os.set_blocking(self._wake_fd, True)
            self.hear()

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._queue:
                    self._is_working = False
                    return
                _, fd, failed = self._queue.pop(0)
            problem = None
            try:
                self._synchronize(fd)
            except OSError as error:
                problem = error
            os.close(fd)
            self._report(failed, problem)

    def _report(self, failed: Failed, problem: OSError | None) -> None:
        self._done.append((failed, problem))
        try:
            os.write(self._done_fd, b"!")
        except BlockingIOError:
            pass  # there is enough in it to be woken up by
