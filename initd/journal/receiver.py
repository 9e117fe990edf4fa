"""The journal's loop: takes what clients write, gives it to the container's stdout.

One epoll, no timer: an idle container never wakes it. In each wake-up datagrams are taken first, then everything that
the streams hold, and the streams' lines are written before the datagrams' texts. So what a service wrote before it
died comes out before what the manager says about its death: the manager spoke later, its datagram was taken earlier.
"""

from __future__ import annotations

import _signal
import _socket
import os
import sys
from errno import EMFILE, ENFILE, ENOBUFS, ENOMEM
from select import EPOLLIN, epoll
from struct import Struct

from initd.journal.outlet import Outlet
from initd.journal.stream import LineCutter, messages
from initd.wire.journal import StreamHeader, decode_entries, decode_header
from initd.wire.syslog import parse_message

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator

_FIRST_FD = 3  # sd_listen_fds(3)
_CREDENTIALS = Struct("3i")  # struct ucred: pid, uid, gid
_READ_SIZE = 64 * 1024
#: More than a stream socket holds by default (net.core.wmem_default, 212992): one turn takes all that was there.
_STREAM_TURN = 256 * 1024
_DATAGRAMS_A_TURN = 64
#: The largest datagram read, and the largest memfd: entries beyond that are dropped, and it is said.
_ENTRY_MAX = 16 * 1024 * 1024
_DATAGRAM_SIZE = 256 * 1024
_SEALED = 0x000F  # F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE


class Stream:
    """One connection to the `stdout` socket. Owns its socket."""

    def __init__(self, sock: _socket.socket) -> None:
        self.sock = sock
        self.peer_pid, self.peer_uid, _ = _CREDENTIALS.unpack(
            sock.getsockopt(_socket.SOL_SOCKET, _socket.SO_PEERCRED, _CREDENTIALS.size))
        self.header: StreamHeader | None = None
        self.name = b""
        self.cutter = LineCutter()
        self.pid = self.peer_pid
        self.is_open = True

    def read(self) -> Iterator[list[bytes]]:
        """Lines for the outlet, a read at a time, until the socket is empty or this turn's share is used up."""
        share = _STREAM_TURN
        while share > 0 and self.is_open:
            try:
                data, ancillary, _, _ = self.sock.recvmsg(_READ_SIZE, _socket.CMSG_SPACE(_CREDENTIALS.size))
            except BlockingIOError:
                return
            except OSError:  # ECONNRESET: the client went away with something of ours unread
                data, ancillary = b"", []
            share -= len(data)
            yield self._take(data, _sender(ancillary)[0] or self.pid) if data else self.finish()

    def finish(self) -> list[bytes]:
        """The unfinished last line."""
        self.is_open = False
        return self._format(self.cutter.finish())

    def _take(self, data: bytes, pid: int) -> list[bytes]:
        if self.header is None:
            data = self._read_header(data)
            if self.header is None:
                return []
        if pid == self.pid:
            return self._format(self.cutter.feed(data))
        unfinished = self._format(self.cutter.finish())
        self.pid = pid
        return unfinished + self._format(self.cutter.feed(data))

    def _read_header(self, data: bytes) -> bytes:
        """Bytes behind the header, once it is complete. A header that makes no sense ends the connection."""
        try:
            decoded = decode_header(self.cutter.rest + data)
        except ValueError as error:
            report(f"stream of process {self.peer_pid} dropped: {error}")
            self.cutter.rest = b""
            self.is_open = False
            return b""
        if decoded is None:
            self.cutter.rest += data
            return b""
        self.header, rest = decoded
        self.cutter.rest = b""
        # Anybody may connect; only who runs as the manager does (or root) may speak for a unit.
        unit = self.header.unit if self.peer_uid in (0, os.geteuid()) else ""
        self.name = _printable(unit or self.header.identifier) or _command_name(self.peer_pid)
        return rest

    def _format(self, lines: list[bytes]) -> list[bytes]:
        header = self.header
        if header is None or not lines:
            return []
        prefix = _prefix(self.name, self.pid)
        return [prefix + text for _, text in messages(lines, header.priority & 7, header.level_prefix)]


class Receiver:
    """Owns the passed sockets; the outlet writes."""

    def __init__(self, sockets: dict[str, _socket.socket], outlet: Outlet) -> None:
        self.outlet = outlet
        self.streams: dict[int, Stream] = {}
        self.listener = sockets.get("stdout")
        self.is_accepting = False
        self.datagrams = [(sockets[name], take) for name, take in (("dev-log", _take_syslog), ("socket", _take_native))
                          if name in sockets]
        self.poller = epoll()
        self.wakeup_fd = -1
        for sock in sockets.values():
            sock.setblocking(False)
            sock.setsockopt(_socket.SOL_SOCKET, _socket.SO_PASSCRED, 1)
        for sock, _ in self.datagrams:
            self.poller.register(sock.fileno(), EPOLLIN)
        self._accept_again()

    def turn(self, ready: set[int]) -> None:
        """Take and write what is there for these descriptors."""
        texts: list[bytes] = []
        for sock, take in self.datagrams:
            if sock.fileno() in ready:
                for data, pid in _read_datagrams(sock):
                    texts.extend(take(data, pid))
        if texts:  # what was written before these were sent may have come after `ready` was asked for
            ready = ready | {fd for fd, _ in self.poller.poll(0)}
        if self.listener and self.listener.fileno() in ready:
            ready = ready | self._accept()
        for fd in sorted(ready & self.streams.keys()):
            self._read(self.streams[fd])
        self.outlet.add(texts)
        self.outlet.flush()

    def drain(self) -> None:
        """No client is left: take what they left behind, unfinished lines as well."""
        while ready := {fd for fd, _ in self.poller.poll(0)} - {self.wakeup_fd}:
            self.turn(ready)
        for stream in self.streams.values():
            self.outlet.add(stream.finish())
        self.outlet.flush()

    def run(self, wakeup_fd: int, is_told_to_stop: list[bool]) -> None:
        """Until told to stop; then everything readable is written before this returns."""
        self.wakeup_fd = wakeup_fd
        self.poller.register(wakeup_fd, EPOLLIN)
        while not is_told_to_stop:
            ready = {fd for fd, _ in self.poller.poll()}
            if wakeup_fd in ready:
                os.read(wakeup_fd, 512)
            self.turn(ready)
        self.drain()

    def _read(self, stream: Stream) -> None:
        for lines in stream.read():
            self.outlet.add(lines)
        if not stream.is_open:
            fd = stream.sock.fileno()
            self.poller.unregister(fd)
            del self.streams[fd]
            stream.sock.close()
            self._accept_again()

    def _accept(self) -> set[int]:
        assert self.listener is not None
        accepted = set()
        while True:
            try:
                fd, _ = self.listener._accept()
            except BlockingIOError:
                return accepted
            except OSError as error:
                if error.errno in (EMFILE, ENFILE, ENOBUFS, ENOMEM):
                    # Callers wait in the backlog until a stream closes; polling the listener would only spin.
                    self.poller.unregister(self.listener.fileno())
                    self.is_accepting = False
                    report(f"cannot take another stream: {error.strerror}")
                    return accepted
                continue  # this caller gave up before we came
            sock = _socket.socket(fileno=fd)
            sock.setblocking(False)
            self.streams[fd] = Stream(sock)
            self.poller.register(fd, EPOLLIN)
            accepted.add(fd)

    def _accept_again(self) -> None:
        if self.listener and not self.is_accepting:
            self.poller.register(self.listener.fileno(), EPOLLIN)
            self.is_accepting = True


def _read_datagrams(sock: _socket.socket) -> Iterator[tuple[bytes, int]]:
    """Datagrams and who sent them. A payload in a sealed memfd (sent where a datagram is too small) is read from it."""
    for _ in range(_DATAGRAMS_A_TURN):
        try:
            data, ancillary, _, _ = sock.recvmsg(_DATAGRAM_SIZE, _socket.CMSG_SPACE(_CREDENTIALS.size)
                                                 + _socket.CMSG_SPACE(4), _socket.MSG_CMSG_CLOEXEC)
        except BlockingIOError:
            return
        pid, fds = _sender(ancillary)
        for fd in fds:
            data = data or _read_memfd(fd)
            os.close(fd)
        yield data, pid


def _sender(ancillary: list[tuple[int, int, bytes]]) -> tuple[int, list[int]]:
    """The sending process (0 where the kernel does not say) and the descriptors it passed."""
    pid, fds = 0, []
    for _, kind, data in ancillary:
        if kind == _socket.SCM_CREDENTIALS and len(data) == _CREDENTIALS.size:
            pid = _CREDENTIALS.unpack(data)[0]
        elif kind == _socket.SCM_RIGHTS:
            fds += Struct(f"{len(data) // 4}i").unpack(data[:len(data) // 4 * 4])
    return pid, fds


def _read_memfd(fd: int) -> bytes:
    """A file that its sender can still change is not read: it could shrink under us, or block."""
    from fcntl import F_GET_SEALS, fcntl

    try:
        if fcntl(fd, F_GET_SEALS) & _SEALED != _SEALED:
            return b""
        size = os.fstat(fd).st_size
        if size > _ENTRY_MAX:
            report(f"entry of {size} bytes dropped, the limit is {_ENTRY_MAX}")
            return b""
        return os.pread(fd, size, 0)
    except OSError:
        return b""  # not a memfd


def _take_native(data: bytes, pid: int) -> Iterator[bytes]:
    for fields in decode_entries(data):
        values = dict(fields)
        if text := values.get("MESSAGE", b""):
            name = _printable(values.get("SYSLOG_IDENTIFIER", b"")) or _command_name(pid)
            yield from _lines(name, pid, text)


def _take_syslog(data: bytes, pid: int) -> Iterator[bytes]:
    message = parse_message(data)
    pid = pid or message.pid
    yield from _lines(_printable(message.identifier) or _command_name(pid), pid, message.text)


def _lines(name: bytes, pid: int, text: bytes) -> list[bytes]:
    prefix = _prefix(name, pid)
    return [prefix + line for line in text.rstrip().split(b"\n") if line]


def _prefix(name: bytes, pid: int) -> bytes:
    return b"%b[%d]: " % (name, pid) if pid else name + b": "


def _command_name(pid: int) -> bytes:
    try:
        with open(f"/proc/{pid}/comm", "rb", buffering=0) as file:
            return _printable(file.read(64).strip()) or b"unknown"
    except OSError:
        return b"unknown"  # gone already


def _printable(name: str | bytes) -> bytes:
    """A name that cannot be mistaken for the start of another line."""
    raw = name if isinstance(name, bytes) else name.encode("utf-8", "surrogateescape")
    return b"_".join(raw.split())


def report(text: str) -> None:
    """The journal's own troubles go to the container's stderr."""
    try:
        os.write(2, f"pyinit-journal: {text}\n".encode("utf-8", "replace"))
    except OSError:
        pass  # nowhere else to say it


def _passed_sockets() -> dict[str, _socket.socket]:
    count = int(os.environ.get("LISTEN_FDS", "0"))
    names = os.environ.get("LISTEN_FDNAMES", "").split(":")
    sockets = {}
    for fd, name in zip(range(_FIRST_FD, _FIRST_FD + count), names):
        os.set_inheritable(fd, False)
        sockets[name] = _socket.socket(fileno=fd)
    return sockets


def main() -> int:
    wakeup_fd, write_fd = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    _signal.set_wakeup_fd(write_fd, warn_on_full_buffer=False)
    is_told_to_stop: list[bool] = []
    _signal.signal(_signal.SIGTERM, lambda number, frame: is_told_to_stop.append(True))
    _signal.signal(_signal.SIGINT, _signal.SIG_IGN)
    _signal.signal(_signal.SIGHUP, _signal.SIG_IGN)
    _signal.pthread_sigmask(_signal.SIG_SETMASK, ())
    sockets = _passed_sockets()
    if not sockets:
        sys.stderr.write("pyinit-journal: no sockets were passed; the manager starts this program\n")
        return 1
    Receiver(sockets, Outlet(1)).run(wakeup_fd, is_told_to_stop)
    return 0
