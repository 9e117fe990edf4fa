"""The journal's loop: takes what clients write, gives it to the container's stdout.

One epoll, no timer: an idle container never wakes it. In each wake-up datagrams are taken first, then everything that
the streams hold, and the streams' lines are written before the datagrams' texts. So what a service wrote before it
died comes out before what the manager says about its death: the manager spoke later, its datagram was taken earlier.
"""

from __future__ import annotations

import _socket
import os
from errno import EMFILE, ENFILE, ENOBUFS, ENOMEM
from select import EPOLLHUP, EPOLLIN, epoll
from struct import Struct
from time import clock_gettime_ns

from initd.core.record import Record
from initd.journal.datagram import UNKNOWN, printable, take_native, take_syslog
from initd.journal.keeper import Keeper
from initd.journal.report import report
from initd.journal.segment import encode_fields
from initd.journal.sender import Sender, Senders
from initd.journal.sink import Sink, Source
from initd.journal.stream import LINE_MAX, LineCutter, messages
from initd.wire.journal import StreamHeader, decode_header
from initd.wire.keeping import NAME_SIZE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Iterator

    from initd.journal.keeper import Line

    Ancillary = list[tuple[int, int, bytes]]

_CLOCK_MONOTONIC = 1
_CREDENTIALS = Struct("3i")  # struct ucred: pid, uid, gid
_READ_SIZE = 64 * 1024
#: More than a stream socket holds by default (net.core.wmem_default, 212992): one turn takes all that was there.
_STREAM_TURN = 256 * 1024
_DATAGRAMS_A_TURN = 64
#: So many turns take what a socket of datagrams may hold where the kernel is told to hold many (512, as systemd has it).
_CATCH_UP_TURNS = 9
#: More than a header may have: enough to see that it is too long.
_HEADER_SIZE = 4 * 1024 + 1
#: The largest datagram read, and the largest memfd: entries beyond that are dropped, and it is said.
_ENTRY_MAX = 16 * 1024 * 1024
_NOTHING_SAID: Ancillary = []
_SEALED = 0x000F  # F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE


class Credentials(Record):
    """struct ucred, of whoever wrote."""

    pid: int
    uid: int
    gid: int


NOBODY = Credentials(0, 65534, 65534)


class Stream:
    """One connection to the `stdout` socket. Owns its socket."""

    def __init__(self, sock: _socket.socket, senders: Senders, line_max: int, keeper: Keeper, name: bytes = b"") -> None:
        """`name`: it is not new, another journal had it."""
        self.sock = sock
        self.name = name or os.urandom(NAME_SIZE)
        self.peer = Credentials(*_CREDENTIALS.unpack(
            sock.getsockopt(_socket.SOL_SOCKET, _socket.SO_PEERCRED, _CREDENTIALS.size)))
        self.header: StreamHeader | None = None
        self.unit = ""
        self.source = Source(b"", b"", b"", 0)
        self.cutter = LineCutter(line_max)
        self.writer = self.peer
        self.is_open = True
        self._senders = senders
        self._keeper = keeper

    @property
    def is_strangers(self) -> bool:
        """Anybody may connect; only who runs as the manager does (or root) may speak for a unit."""
        return self.peer.uid not in (0, os.geteuid())

    def read(self, sink: Sink) -> None:
        """Everything until the socket is empty or this turn's share is used up.

        Lines that were written one by one come in small pieces. They are put together first: what is done to a piece
        costs more than what is done to its lines.
        """
        if self.header is None:
            self.read_header()
            if self.header is None:
                return
        pieces: list[bytes] = []
        size, writer = 0, _NOTHING_SAID
        for data, ancillary in self._pieces():
            if pieces and (ancillary != writer or size >= _READ_SIZE):
                self._take(b"".join(pieces), _sender(writer)[0], sink)
                pieces.clear()
                size = 0
            pieces.append(data)
            size, writer = size + len(data), ancillary
        if pieces:
            self._take(b"".join(pieces), _sender(writer)[0], sink)
        if not self.is_open:
            self.finish(sink)

    def _pieces(self) -> Iterator[tuple[bytes, Ancillary]]:
        share = _STREAM_TURN
        while share > 0 and self.is_open:
            try:
                data, ancillary, _, _ = self.sock.recvmsg(_READ_SIZE, _socket.CMSG_SPACE(_CREDENTIALS.size))
            except BlockingIOError:
                return
            except OSError:  # ECONNRESET: the client went away with something of ours unread
                data, ancillary = b"", _NOTHING_SAID
            if not data:
                self.is_open = False
                return
            share -= len(data)
            yield data, ancillary

    def finish(self, sink: Sink) -> None:
        """Take the unfinished last line."""
        self.is_open = False
        self._pass_on(self.cutter.finish(), b"eof", sink)

    def _take(self, data: bytes, writer: Credentials, sink: Sink) -> None:
        if writer.pid:
            if writer.pid != self.writer.pid:
                self._pass_on(self.cutter.finish(), b"pid-change", sink)
            self.writer = writer  # who has connected may have become another user since
        for block, ending in self.cutter.feed(data):
            self._pass_on(block, ending, sink)

    def _pass_on(self, block: bytes, ending: bytes, sink: Sink) -> None:
        header = self.header
        if header is None or not block:
            return
        sender = self._sender()
        for level, lines in messages(block, header.priority & 7, header.level_prefix):
            sink.take(sender, self.source, lines, level, ending)

    def _sender(self) -> Sender:
        return self._senders.of(*self.writer, self.unit, clock_gettime_ns(_CLOCK_MONOTONIC) // 1000)

    def read_header(self) -> None:
        """Takes it from the socket when the keeper has it, and not before. One that makes no sense ends the connection."""
        begun = self.cutter.rest
        try:
            data = self.sock.recv(_HEADER_SIZE, _socket.MSG_PEEK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        self.is_open = bool(data)
        try:
            decoded = decode_header(begun + data)
        except ValueError as error:
            report(f"stream of process {self.peer.pid} dropped: {error}")
            self.sock.recv(_HEADER_SIZE)
            self.sock.shutdown(_socket.SHUT_RDWR)  # the connection, not our descriptor alone
            self.cutter.rest = b""
            self.is_open = False
            return
        length = len(begun) + len(data) - (len(decoded[1]) if decoded else 0)
        text = (begun + data)[:length]
        if decoded:
            self._keeper.change(self.name, text)
            self.sock.recv(length - len(begun))
            self._begin(decoded[0])
        elif data:
            self.cutter.rest = begun + self.sock.recv(len(data))
            self._keeper.change(self.name, text)

    def _begin(self, header: StreamHeader) -> None:
        self.header = header
        self.cutter.rest = b""
        self.unit = header.unit if not self.is_strangers else ""
        identifier = os.fsencode(header.identifier)
        facility = header.priority >> 3
        fields = [(b"_TRANSPORT", b"stdout"), (b"_STREAM_ID", self.name.hex().encode())]
        fields += [(b"SYSLOG_IDENTIFIER", identifier)] if identifier else []
        fields += [(b"SYSLOG_FACILITY", b"%d" % facility)] if facility else []
        name = printable(self.unit or header.identifier) or printable(self._sender().command) or UNKNOWN
        self.source = Source(encode_fields(fields), name, identifier, facility, header.forward_to_console)

    def go_on(self, state: bytes) -> None:
        """Another journal had it, and has told that much of its header."""
        try:
            decoded = decode_header(state)
        except ValueError:
            decoded = None
        if decoded is None:
            self.cutter.rest = state
            return
        try:
            if self.sock.recv(len(state), _socket.MSG_PEEK) == state:
                self.sock.recv(len(state))  # it was told, and then there was no time to take it
        except OSError:
            pass  # there is nothing to read, or not any more: `read` will see
        self._begin(decoded[0])


class Receiver:
    """Owns the passed sockets; the sink's outlet writes."""

    def __init__(self, sockets: dict[str, _socket.socket], sink: Sink, senders: Senders, line_max: int = LINE_MAX) -> None:
        self.sink = sink
        self.senders = senders
        self.line_max = line_max
        self.streams: dict[int, Stream] = {}
        self.listener = sockets.get("stdout")
        self.is_accepting = False
        self.datagrams = [(sockets[name], take) for name, take in (("dev-log", take_syslog), ("socket", self._take_native))
                          if name in sockets]
        self.poller = epoll()
        self.keeper = Keeper(sockets.pop("keeper", None), self.poller)
        self.others: set[int] = {self.keeper.fileno()}
        #: The manager has ended without a word: nobody starts another journal, or ends this one.
        self.is_abandoned = False
        for sock in sockets.values():
            sock.setblocking(False)
            sock.setsockopt(_socket.SOL_SOCKET, _socket.SO_PASSCRED, 1)
        for sock, _ in self.datagrams:
            self.poller.register(sock.fileno(), EPOLLIN)
        self._accept_again()

    def adopt(self, streams: list[tuple[int, bytes, bytes]]) -> None:
        """Go on with what another journal had: descriptors, which are ours from now on, names and states."""
        for fd, name, state in streams:
            stream = self._add(fd, name)
            self.keeper.count(name, stream.is_strangers)
            stream.go_on(state)

    def go_on_with(self, lines: list[Line]) -> None:
        """What another journal had read of lines that were not finished."""
        streams = {stream.name: stream for stream in self.streams.values()}
        for name, writer, begun in lines:
            if name in streams and streams[name].header is not None:
                streams[name].writer, streams[name].cutter.rest = Credentials(*writer), begun

    @property
    def unfinished(self) -> list[Line]:
        return [(stream.name, tuple(stream.writer), stream.cutter.rest) for stream in self.streams.values()
                if stream.cutter.rest and stream.header is not None]

    def _add(self, fd: int, name: bytes = b"") -> Stream:
        sock = _socket.socket(fileno=fd)
        sock.setblocking(False)
        stream = self.streams[fd] = Stream(sock, self.senders, self.line_max, self.keeper, name)
        self.poller.register(fd, EPOLLIN)
        return stream

    def watch(self, fd: int) -> None:
        """Wake up for a descriptor that is somebody else's."""
        self.poller.register(fd, EPOLLIN)
        self.others.add(fd)

    def turn(self, ready: set[int]) -> None:
        """Take and write what is there for these descriptors."""
        taken: list[tuple[Callable[[Sink, Sender, bytes], None], Sender, bytes]] = []
        for sock, take in self.datagrams:
            if sock.fileno() in ready:
                for data, writer in _read_datagrams(sock):
                    sender = self.senders.of(*writer, "", clock_gettime_ns(_CLOCK_MONOTONIC) // 1000)
                    taken.append((take, sender, data))
        if taken:  # what was written before these were sent may have come after `ready` was asked for
            ready = ready | {fd for fd, _ in self.poller.poll(0)}
        if self.listener and self.listener.fileno() in ready:
            ready = ready | self._accept()
        for fd in sorted(ready & self.streams.keys()):
            self._read(self.streams[fd])
        for take, sender, data in taken:
            take(self.sink, sender, data)
        self.sink.flush()
        self.keeper.flush()

    def _take_native(self, sink: Sink, sender: Sender, data: bytes) -> None:
        take_native(sink, sender, data, self.senders.about)

    def drain(self) -> None:
        """No client is left: take what they left behind, unfinished lines as well."""
        while ready := {fd for fd, _ in self.poller.poll(0)} - self.others:
            self.turn(ready)
        for stream in self.streams.values():
            stream.finish(self.sink)
        self.sink.flush()

    def catch_up(self) -> None:
        """Take what had been written when this was called, at least as far as sockets hold it.

        One turn takes all that a stream holds, and accepts who waits; a socket of datagrams may hold some turns' worth.
        """
        for round in range(_CATCH_UP_TURNS):
            ready = {fd for fd, _ in self.poller.poll(0)} - self.others
            if not ready or round >= 2 and not any(sock.fileno() in ready for sock, _ in self.datagrams):
                break
            self.turn(ready)

    def wait(self, timeout_sec: float = -1) -> set[int]:
        """What is ready; of other things than ours, their descriptors."""
        found = self.poller.poll(timeout_sec)
        ready = {fd for fd, _ in found}
        if self.keeper.fileno() in ready:
            self.is_abandoned = any(fd == self.keeper.fileno() and mask & EPOLLHUP for fd, mask in found)
        return ready

    def _read(self, stream: Stream) -> None:
        stream.read(self.sink)
        if not stream.is_open:
            fd = stream.sock.fileno()
            self.poller.unregister(fd)
            del self.streams[fd]
            self.keeper.forget(stream.name)
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
            name = os.urandom(NAME_SIZE)
            self.keeper.keep(name, fd)  # before anything else: so long it ends with us
            stream = self._add(fd, name)
            self.keeper.count(name, stream.is_strangers)
            accepted.add(fd)

    def _accept_again(self) -> None:
        if self.listener and not self.is_accepting:
            self.poller.register(self.listener.fileno(), EPOLLIN)
            self.is_accepting = True


def _read_datagrams(sock: _socket.socket) -> Iterator[tuple[bytes, Credentials]]:
    """Datagrams and who sent them. A payload in a sealed memfd (sent where a datagram is too small) is read from it."""
    start = bytearray(1)
    for _ in range(_DATAGRAMS_A_TURN):
        try:
            # How large one may be is the sender's and the system's matter (net.core.wmem_max): it is asked for.
            size = sock.recv_into(start, 0, _socket.MSG_PEEK | _socket.MSG_TRUNC)
            data, ancillary, _, _ = sock.recvmsg(
                size if size <= _ENTRY_MAX else 0, _socket.CMSG_SPACE(_CREDENTIALS.size) + _socket.CMSG_SPACE(4),
                _socket.MSG_CMSG_CLOEXEC)
        except BlockingIOError:
            return
        if size > _ENTRY_MAX:
            report(f"entry of {size} bytes dropped, the limit is {_ENTRY_MAX}")
        writer, fds = _sender(ancillary)
        for fd in fds:
            data = data or _read_memfd(fd)
            os.close(fd)
        yield data, writer


def _sender(ancillary: Ancillary) -> tuple[Credentials, list[int]]:
    """The sending process (number 0 where the kernel does not say) and the descriptors it passed."""
    writer, fds = NOBODY, []
    for _, kind, data in ancillary:
        if kind == _socket.SCM_CREDENTIALS and len(data) == _CREDENTIALS.size:
            writer = Credentials(*_CREDENTIALS.unpack(data))
        elif kind == _socket.SCM_RIGHTS:
            fds += Struct(f"{len(data) // 4}i").unpack(data[:len(data) // 4 * 4])
    return writer, fds


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
