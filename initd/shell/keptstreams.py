"""Streams of the journal that outlive it: the manager has a descriptor of each, and hands them to the next journal.

The journal sends them over a socket whose two ends are both kept open here: what it said before it was killed is still
there to be read (`hear`), and nobody who writes to a stream ever sees it closed. What a stream's state means is the
journal's business. One message for a stream that begins and one for many that end is all it costs.
"""

from __future__ import annotations

import _socket
import os
from struct import Struct

from initd.shell.fds import OwnedFd, open_memory_file
from initd.wire import keeping

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: What systemd keeps for its journal: 4096 streams (systemd-journald.service, FileDescriptorStoreMax=).
_MOST = 4096
#: Messages that are heard in one wake-up.
_AT_ONCE = 64
_FD = Struct("i")
#: Below are the numbers that listeners are put on in the new process.
_LOWEST = 64


class KeptStreams:
    """Owns the descriptors, and both ends of the socket."""

    def __init__(self) -> None:
        self._ends: tuple[_socket.socket, _socket.socket] | None = None
        self._streams: dict[bytes, tuple[OwnedFd, bytes]] = {}
        self._lines: OwnedFd | None = None
        #: Of our own descriptors, half may be streams.
        self._most = max(16, min(_MOST, os.sysconf("SC_OPEN_MAX") // 2))
        #: The journal that is running, or ran last, had come as far as to read.
        self.is_ready = False
        #: So many were not kept, for there were too many.
        self.refused = 0

    def open(self) -> None:
        """OSError where there are no descriptors."""
        kind = _socket.SOCK_SEQPACKET | _socket.SOCK_CLOEXEC | _socket.SOCK_NONBLOCK
        self._ends = _socket.socketpair(_socket.AF_UNIX, kind)

    def fileno(self) -> int:
        """To be watched for reading; -1 while it is not open."""
        return self._ends[0].fileno() if self._ends is not None else -1

    def __len__(self) -> int:
        return len(self._streams)

    def hear(self, _mask: int = 0) -> bool:
        """Take what the journal has said. False: that was all."""
        for _ in range(_AT_ONCE):
            assert self._ends is not None
            try:
                data, ancillary, flags, _ = self._ends[0].recvmsg(
                    keeping.MESSAGE_MAX, _socket.CMSG_SPACE(_FD.size), _socket.MSG_CMSG_CLOEXEC)
            except OSError:  # EAGAIN: there is nothing (more)
                return False
            fds = [OwnedFd(fd) for _, kind, rights in ancillary if kind == _socket.SCM_RIGHTS
                   for fd, in _FD.iter_unpack(rights)]
            message = keeping.decode(data) if not flags & _socket.MSG_TRUNC else None
            if message is not None:
                self._heed(*message, fds)
            for fd in fds:
                fd.close()
        return True

    def hear_all(self) -> None:
        """Take everything that a journal has said before it ended."""
        while self.fileno() >= 0 and self.hear():
            pass

    def _heed(self, kind: bytes, name: bytes, state: bytes, fds: list[OwnedFd]) -> None:
        """What is kept of `fds` is taken out of it."""
        if kind == keeping.KEEP:
            if not fds or len(self._streams) >= self._most or name in self._streams:
                self.refused += 1
                return
            self._streams[name] = fds.pop(), state
        elif kind == keeping.CHANGE and name in self._streams:
            self._streams[name] = self._streams[name][0], state
        elif kind == keeping.DROP:
            for each in keeping.split_names(state):
                if each in self._streams:
                    self._streams.pop(each)[0].close()
        elif kind == keeping.LINES:
            if self._lines is not None:
                self._lines.close()
            self._lines = fds.pop() if fds else None
        elif kind == keeping.READY:
            self.is_ready = True

    # --- the next journal --------------------------------------------------------------------------------------------

    def hand_out(self) -> HandedOut:
        """What another journal is given. OSError where there are no descriptors."""
        self.hear_all()
        self.is_ready = False
        return HandedOut(self._ends, self._streams, self._lines)

    # --- another manager ---------------------------------------------------------------------------------------------

    def save(self, fds: list[int]) -> dict[str, Any]:
        if self._ends is None:
            return {}
        ends = [end.fileno() for end in self._ends]
        streams = [(name, fd.fileno(), state) for name, (fd, state) in self._streams.items()]
        lines = self._lines.fileno() if self._lines is not None else -1
        fds += [*ends, *[fd for _, fd, _ in streams], *([lines] if lines >= 0 else [])]
        return {"ends": ends, "streams": streams, "lines": lines, "is_ready": self.is_ready}

    def restore(self, saved: dict[str, Any]) -> None:
        """An older manager has kept nothing; the next journal's streams are."""
        if not saved:
            self.open()
            self.is_ready = True
            return
        first, second = saved["ends"]
        self._ends = _socket.socket(fileno=first), _socket.socket(fileno=second)
        self._streams = {name: (OwnedFd(fd), state) for name, fd, state in saved["streams"]}
        self._lines = OwnedFd(saved["lines"]) if saved["lines"] >= 0 else None
        self.is_ready = saved["is_ready"]


class HandedOut:
    """Descriptors for a new process: `named` by the names they go by there, `in_place` under the numbers they have."""

    def __init__(self, ends: tuple[_socket.socket, _socket.socket] | None, streams: dict[bytes, tuple[OwnedFd, bytes]],
                 lines: OwnedFd | None) -> None:
        self.named: list[tuple[str, int]] = []
        self.in_place: list[int] = []
        self._owned: list[OwnedFd] = []
        if ends is None:
            return
        listed = []
        try:
            for name, (fd, state) in streams.items():
                listed.append((self._out_of_the_way(fd.fileno()), name, state))
            self._owned.append(open_memory_file("pyinit-streams", keeping.encode_streams(listed)))
        except OSError:
            self.close()
            raise
        self.in_place = [fd for fd, _, _ in listed]
        self.named = [("keeper", ends[1].fileno()), ("streams", self._owned[-1].fileno())]
        if lines is not None:
            self.named.append(("lines", lines.fileno()))

    def _out_of_the_way(self, number: int) -> int:
        """Where nothing else is put in the new process."""
        if number >= _LOWEST:
            return number
        self._owned.append(park(number))
        return self._owned[-1].fileno()

    def close(self) -> None:
        """The process has been started, or could not be."""
        for fd in self._owned:
            fd.close()


def park(fd: int) -> OwnedFd:
    """The same file under a number that is not among the first."""
    import fcntl

    return OwnedFd(fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, _LOWEST))
