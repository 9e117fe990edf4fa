"""Brings what was written to the disk while the journal goes on: a rotation does not hold services back until it is there.

One thread for as long as that takes, and never two: where the disk does not keep up, the next segment waits for it.
"""

from __future__ import annotations

import _thread
import os


class Settler:
    """`problem` is what the disk last had to say; whoever reads it may take it away."""

    def __init__(self) -> None:
        self._is_busy = _thread.allocate_lock()
        self.problem: OSError | None = None

    def settle(self, fd: int) -> None:
        """Synchronizes the file and closes the descriptor, which is its own from now on."""
        self._is_busy.acquire()
        try:
            _thread.start_new_thread(self._run, (fd,))
        except RuntimeError:  # no more threads here (pids.max): then it is waited for
            self._run(fd)

    def wait(self) -> None:
        """Returns when all of it is done."""
        with self._is_busy:
            pass

    def _run(self, fd: int) -> None:
        try:
            os.fdatasync(fd)
        except OSError as error:
            self.problem = error
        finally:
            os.close(fd)
            self._is_busy.release()
