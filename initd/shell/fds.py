"""Descriptors with one owner each: close-on-exec from birth, closed exactly once.

Knows nothing of what a descriptor is for.
"""

from __future__ import annotations

import os


class OwnedFd:
    """A descriptor that belongs to whoever holds this object, until `take()` gives it away or `close()` ends it."""

    __slots__ = ("_fd",)

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def fileno(self) -> int:
        if self._fd < 0:
            raise ValueError("descriptor was given away or closed")
        return self._fd

    def take(self) -> int:
        """The number; the caller owns it from now on."""
        fd = self.fileno()
        self._fd = -1
        return fd

    def close(self) -> None:
        """Closing twice is harmless, closing what was given away does nothing."""
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            os.close(fd)

    @property
    def is_open(self) -> bool:
        return self._fd >= 0

    def __enter__(self) -> OwnedFd:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"OwnedFd({self._fd})"


def open_pipe(non_blocking: bool = True) -> tuple[OwnedFd, OwnedFd]:
    """The reading and the writing end; only the reading end is non-blocking. The caller owns both."""
    reader, writer = os.pipe2(os.O_CLOEXEC)
    if non_blocking:
        os.set_blocking(reader, False)
    return OwnedFd(reader), OwnedFd(writer)


def open_memory_file(name: str, data: bytes) -> OwnedFd:
    """A file in memory that holds the data, positioned at its start. The caller owns it."""
    memory_file = OwnedFd(os.memfd_create(name, os.MFD_CLOEXEC))
    try:
        write_all(memory_file.fileno(), data)
        os.lseek(memory_file.fileno(), 0, os.SEEK_SET)
    except OSError:
        memory_file.close()
        raise
    return memory_file


def write_all(fd: int, data: bytes) -> None:
    """Writes everything; for regular and memory files, which take what they are given."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view):]


def read_small(path: str, limit: int = 65536) -> bytes:
    """The first `limit` bytes of a file, in one read: right for /proc, whose files must not be read in pieces."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(fd, limit)
    finally:
        os.close(fd)
