"""The container's stdout: takes lines, writes them all, whole lines at a time.

`flush` waits until everything is written. That wait is the back-pressure: while it lasts the journal reads nothing,
and the services' own writes fill up and wait (the package's docstring says what follows for the manager).

A write of at most PIPE_BUF bytes into a pipe is atomic, so lines are written in pieces of that size that end at a
line's end: what a service with StandardOutput=inherit writes to the same pipe never lands inside one of our lines.
"""

from __future__ import annotations

import os
from errno import EAGAIN
from select import PIPE_BUF, POLLOUT, poll

#: Lines are gathered up to about this many bytes before they are written.
_GATHER = 64 * 1024


class Outlet:
    """Borrows `fd`: never closes it, never changes its flags (other processes share the open file)."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._blocks: list[bytes] = []
        self._size = 0
        self._trouble = 0  # the errno last reported

    def add(self, block: bytes) -> None:
        """Queue whole lines, and write if enough have come together."""
        if not block:
            return
        self._blocks.append(block)
        self._size += len(block)
        if self._size >= _GATHER:
            self.flush()

    def flush(self) -> None:
        """Write everything queued; returns when it is written, or when the stdout is gone for good."""
        if not self._size:
            return
        data = b"".join(self._blocks)
        self._blocks.clear()
        self._size = 0
        try:
            self._write(data)
        except OSError as error:
            # The reader has gone (EPIPE, EIO) or the disk is full: there is nowhere to put these lines.
            self._report(error)

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        position = 0
        while position < len(data):
            end = _piece_end(data, position)
            try:
                position += os.write(self.fd, view[position:end])
            except OSError as error:
                if error.errno != EAGAIN:
                    raise
                # Somebody made the shared open file non-blocking. Wait for room ourselves.
                writable = poll()
                writable.register(self.fd, POLLOUT)
                writable.poll()

    def _report(self, error: OSError) -> None:
        if error.errno == self._trouble:
            return
        self._trouble = error.errno or 0
        text = f"pyinit-journal: cannot write to the container's stdout, lines are lost: {error.strerror}\n"
        try:
            os.write(2, text.encode())
        except OSError:
            pass  # stderr is most likely the same thing, gone as well


def _piece_end(data: bytes, position: int) -> int:
    """Where to stop writing: after the last line that ends within PIPE_BUF bytes, or after this one, longer line."""
    if len(data) - position <= PIPE_BUF:
        return len(data)
    end = data.rfind(b"\n", position, position + PIPE_BUF)
    if end < 0:
        end = data.find(b"\n", position)
    return end + 1
