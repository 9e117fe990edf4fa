"""Tells the manager of streams, so that they outlive this process (see `initd.wire.keeping` and `initd.shell.keptstreams`).

A stream is told of before the first byte is read from it, and forgotten after its last line was stored. Whatever the
manager does not take at once is told later, in the same order; the journal never waits for it.

Unfinished lines are told of when somebody asks for a sync, so that what was acknowledged outlives this process as well.
The next journal has to know whether such a line was finished in the meantime: then there is an entry of its stream behind
the position at which the store was. Before too much has been written to look for that, the lines are told of again.
"""

from __future__ import annotations

import _socket
import marshal
import os
from select import EPOLLOUT
from struct import Struct

from initd.wire import keeping

TYPE_CHECKING = False
if TYPE_CHECKING:
    from select import epoll

    #: A stream's name, who wrote (pid, uid, gid), and what.
    Line = tuple[bytes, tuple[int, int, int], bytes]

_FD = Struct("i")
#: Streams of others than the manager that are kept: nobody can use up the manager's descriptors.
_STRANGERS_MAX = 256
#: Of unfinished lines, together.
_LINES_MAX = 16 << 20
#: Lines are told of again after so many bytes in the store.
_AGAIN = 16 << 20


class Keeper:
    """Borrows the descriptors of streams; owns `sock`. Without one nothing is kept, and everything else goes on."""

    def __init__(self, sock: _socket.socket | None, poller: epoll) -> None:
        self._sock = sock
        self._poller = poller
        #: Messages, each with a descriptor of its own, or -1.
        self._waiting: list[tuple[bytes, int]] = []
        self._ended: list[bytes] = []
        self._kept: dict[bytes, bool] = {}
        self._strangers = 0
        self._is_watching = False
        #: Where the store was when unfinished lines were told of; None: none are.
        self._told_at: tuple[str, int] | None = None
        if sock is not None:
            sock.setblocking(False)
            poller.register(sock.fileno(), 0)  # the other end's going is told of unasked

    def fileno(self) -> int:
        return self._sock.fileno() if self._sock is not None else -1

    def ready(self) -> None:
        """This process reads now."""
        self._tell(keeping.encode(keeping.READY))

    def keep(self, name: bytes, fd: int) -> None:
        """A stream begins. To be followed by `count`."""
        self._tell(keeping.encode(keeping.KEEP, name), fd)

    def count(self, name: bytes, is_stranger: bool) -> None:
        """Of this stream the manager has a descriptor. One stranger too many is forgotten again."""
        if is_stranger and self._strangers >= _STRANGERS_MAX:
            self._ended.append(name)
            return
        self._kept[name] = is_stranger
        self._strangers += is_stranger

    def change(self, name: bytes, state: bytes) -> None:
        if name in self._kept:
            self._tell(keeping.encode(keeping.CHANGE, name, state))

    def forget(self, name: bytes) -> None:
        """A stream has ended. Told with the next `flush`."""
        is_stranger = self._kept.pop(name, None)
        if is_stranger is not None:
            self._strangers -= is_stranger
            self._ended.append(name)

    def flush(self) -> None:
        """The end of a wake-up: everything that was read is stored."""
        if self._waiting:
            self._send_waiting()
        if self._sock is None:
            self._ended.clear()
        while self._ended:
            names, self._ended = self._ended[:keeping.NAMES_MAX], self._ended[keeping.NAMES_MAX:]
            self._tell(keeping.encode(keeping.DROP, b"", b"".join(names)))

    def tell_lines(self, lines: list[Line], store_position: tuple[str, int] | None) -> None:
        """Everything else that was read is in the store, which ends there."""
        if self._sock is None or not lines and self._told_at is None:
            return
        if not lines or store_position is None:
            self._told_at = None
            self._tell(keeping.encode(keeping.LINES))
            return
        room = _LINES_MAX
        told = []
        for line in lines:
            room -= len(line[2])
            if room >= 0:
                told.append(line)
        fd = os.memfd_create("pyinit-lines", os.MFD_CLOEXEC)
        try:
            os.write(fd, marshal.dumps((store_position, told)))
            self._tell(keeping.encode(keeping.LINES), fd)
            self._told_at = store_position
        finally:
            os.close(fd)

    def has_old_lines(self, store_position: tuple[str, int] | None) -> bool:
        """Is it time to tell of unfinished lines again?"""
        told_at = self._told_at
        return told_at is not None and (
            store_position is None or store_position[0] != told_at[0] or store_position[1] - told_at[1] > _AGAIN)

    def _tell(self, message: bytes, fd: int = -1) -> None:
        """Borrows `fd`."""
        if self._sock is None:
            return
        if self._waiting or not self._send(message, fd):
            try:
                self._waiting.append((message, os.dup(fd) if fd >= 0 else -1))
            except OSError:
                return  # no descriptor is left to keep one: this one stays untold
            self._watch(True)

    def _send(self, message: bytes, fd: int) -> bool:
        """False: later."""
        assert self._sock is not None
        rights = [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, _FD.pack(fd))] if fd >= 0 else []
        try:
            self._sock.sendmsg([message], rights)
        except OSError:  # EAGAIN; ETOOMANYREFS: so many descriptors are under way that the kernel takes no more
            return False
        return True

    def _send_waiting(self) -> None:
        while self._waiting:
            message, fd = self._waiting[0]
            if not self._send(message, fd):
                return
            del self._waiting[0]
            if fd >= 0:
                os.close(fd)
        self._watch(False)

    def _watch(self, wants: bool) -> None:
        """While something waits, the manager's having room is a reason to wake up."""
        if wants != self._is_watching:
            self._is_watching = wants
            self._poller.modify(self.fileno(), EPOLLOUT if wants else 0)


def read_lines(fd: int) -> tuple[tuple[str, int], list[Line]] | None:
    """What another journal has told by `tell_lines`: where the store was, and the lines. None where it is not whole."""
    try:
        found: tuple[tuple[str, int], list[Line]] = marshal.loads(os.pread(fd, os.fstat(fd).st_size, 0))
        return found
    except (OSError, ValueError, EOFError, TypeError):
        return None
