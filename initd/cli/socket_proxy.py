"""`systemd-socket-proxyd`: what comes in at passed sockets goes to another one, and back (systemd-socket-proxyd(8)).

One process, one epoll: each connection has two directions, each of which holds at most one piece that its receiver did
not take yet. The end of one direction is passed on and leaves the other one open. Names are looked up in a thread of
their own, anew for each connection, so that nobody waits for another one's name server.
"""

from __future__ import annotations

import _socket
import _thread
import os
import select
import time
from errno import EINPROGRESS, EMFILE, ENFILE

from initd.cli.getopt import parse
from initd.cli.options import UsageError
from initd.cli.output import complain, is_answered
from initd.core import timespan
from initd.core.values import INFINITY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    #: A family and what connect(2) takes.
    Address = tuple[int, Any]

_LONG = {"help": "", "version": "", "connections-max": "=", "exit-idle-time": "="}
_SHORT = {"h": "help", "c": "connections-max"}
_HELP = """\
systemd-socket-proxyd [OPTIONS...] HOST:PORT
systemd-socket-proxyd [OPTIONS...] SOCKET

Take connections from the sockets that a .socket unit passes, and forward each
to another address, both ways.

Options:
  -c --connections-max=NUMBER   Refuse connections beyond these (256)
     --exit-idle-time=TIMESPAN  End when there was no connection for so long
  -h --help                     Show this help
     --version                  Show the version
"""
_FIRST_FD = 3
_PIECE = 256 * 1024
_WAITING, _READ, _WRITE = 0, select.EPOLLIN, select.EPOLLOUT


def main(arguments: list[str]) -> int:
    """The exit status. `arguments` without the program's name."""
    try:
        given, words = parse(arguments, "systemd-socket-proxyd", _LONG, _SHORT)
        names = dict(given)
        if is_answered(names, _HELP):
            return 0
        most, idle_usec = _most(names.get("connections-max", "256")), _idle(names.get("exit-idle-time", "infinity"))
        if len(words) != 1:
            raise UsageError("Too many parameters." if words else "Not enough parameters.")
        target = Target(words[0])
        listeners = passed_sockets()
    except UsageError as problem:
        complain(str(problem))
        return 1
    return Proxy(listeners, target, most, idle_usec).run()


def _most(word: str) -> int:
    if not (word.isascii() and word.isdigit()):
        raise UsageError(f"Failed to parse --connections-max= argument: {word}")
    if int(word) < 1:
        raise UsageError("Connection limit is too low.")
    return int(word)


def _idle(word: str) -> int:
    try:
        return timespan.parse(word)
    except ValueError:
        raise UsageError(f"Failed to parse --exit-idle-time= argument: {word}") from None


def passed_sockets() -> list[_socket.socket]:
    """sd_listen_fds(3). UsageError where nothing was passed, or something that nobody connects to."""
    count = os.environ.get("LISTEN_FDS", "")
    if os.environ.get("LISTEN_PID") != str(os.getpid()) or not count.isdigit() or int(count) < 1:
        raise UsageError("Failed to receive sockets from parent.")
    found = []
    for number in range(_FIRST_FD, _FIRST_FD + int(count)):
        try:
            listener = _socket.socket(fileno=number)
            is_listening = listener.getsockopt(_socket.SOL_SOCKET, _socket.SO_ACCEPTCONN)
        except OSError as error:
            raise UsageError(f"Descriptor {number} was passed, and is no socket: {error.strerror}") from None
        if not is_listening:
            raise UsageError(f"Descriptor {number} was passed, and is no listening stream socket.")
        os.set_inheritable(number, False)
        listener.setblocking(False)
        found.append(listener)
    return found


class Target:
    """Where connections go: a path, an abstract socket ("@name"), or HOST:PORT. UsageError where it is none of these."""

    def __init__(self, word: str) -> None:
        self.word = word
        self.path = ""
        self.host = self.port = ""
        if word.startswith("/"):
            self.path = word
        elif word.startswith("@"):
            self.path = "\0" + word[1:]
        else:
            self.host, _, self.port = word.rpartition(":")
            self.host = self.host.removeprefix("[").removesuffix("]")
            if not self.host or not self.port:
                raise UsageError(f"Neither HOST:PORT nor the path of a socket: {word}")

    def addresses(self) -> list[Address]:
        """In the order in which they are to be tried. OSError: the name cannot be looked up. May take its time."""
        if self.path:
            return [(_socket.AF_UNIX, self.path)]
        found = _socket.getaddrinfo(self.host, self.port, 0, _socket.SOCK_STREAM)
        return [(family, address) for family, _, _, _, address in found]


class End:
    """One side of a connection, and what is still to be written to it."""

    __slots__ = ("connection", "has_ended", "is_shut", "mask", "pending", "socket")

    def __init__(self, connection: Connection, socket: _socket.socket) -> None:
        self.connection = connection
        self.socket = socket
        self.pending = memoryview(b"")
        #: It says nothing more; and was told that the other one does not.
        self.has_ended = self.is_shut = False
        self.mask = -1


class Connection:
    """`addresses` are those that were not tried yet; `server` is there when one is."""

    __slots__ = ("addresses", "client", "is_connected", "server")

    def __init__(self, client: _socket.socket) -> None:
        self.client = End(self, client)
        self.server: End | None = None
        self.addresses: list[Address] = []
        self.is_connected = False


class Proxy:
    def __init__(self, listeners: list[_socket.socket], target: Target, most: int, idle_usec: int) -> None:
        self._listeners = {listener.fileno(): listener for listener in listeners}
        self._target = target
        self._most = most
        self._idle_usec = idle_usec
        self._connections: set[Connection] = set()
        self._ends: dict[int, End] = {}
        self._epoll = select.epoll()
        self._buffer = bytearray(_PIECE)
        #: When to end, in seconds of the monotonic clock.
        self._end: float | None = None
        #: Answers of name servers, and a pipe that says that there are some.
        self._looked_up: list[tuple[Connection, list[Address], str]] = []
        self._wake_reader, self._wake_writer = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._is_full = False

    def run(self) -> int:
        """Until nobody needs us any more, or we are ended by a signal."""
        for number in (*self._listeners, self._wake_reader):
            self._epoll.register(number, _READ)
        while True:
            timeout = None if self._end is None else self._end - time.monotonic()
            if timeout is not None and timeout <= 0:
                return 0
            for number, ready in self._epoll.poll(timeout):
                if number in self._listeners:
                    self._accept(self._listeners[number])
                elif number == self._wake_reader:
                    self._hear_of_names()
                elif number in self._ends:
                    self._serve(self._ends[number], ready)

    # --- connections --------------------------------------------------------------------------------------------------

    def _accept(self, listener: _socket.socket) -> None:
        try:
            number, _ = listener._accept()  # type: ignore[attr-defined]
        except (BlockingIOError, ConnectionAbortedError):
            return
        except OSError as error:
            complain(f"Failed to accept a connection: {error.strerror}")
            if error.errno in (EMFILE, ENFILE):
                self._wait_for_room(True)
            return
        client = _socket.socket(fileno=number)
        if len(self._connections) >= self._most:
            complain("Hit connection limit, refusing connection.")
            client.close()
            return
        client.setblocking(False)
        connection = Connection(client)
        self._connections.add(connection)
        self._end = None
        if self._target.path:
            connection.addresses = self._target.addresses()
            self._try_next(connection, "")
        else:
            _thread.start_new_thread(self._look_up, (connection,))

    def _wait_for_room(self, is_wanted: bool) -> None:
        """Without descriptors nobody is let in until somebody has gone."""
        if is_wanted != self._is_full:
            self._is_full = is_wanted
            for number in self._listeners:
                self._epoll.modify(number, _WAITING if is_wanted else _READ)

    def _look_up(self, connection: Connection) -> None:
        """In a thread."""
        try:
            answer = (connection, self._target.addresses(), "")
        except OSError as error:
            answer = (connection, [], error.strerror or str(error))
        self._looked_up.append(answer)
        try:
            os.write(self._wake_writer, b"x")
        except BlockingIOError:
            pass  # it is full of the same news

    def _hear_of_names(self) -> None:
        os.read(self._wake_reader, 4096)
        while self._looked_up:
            connection, connection.addresses, problem = self._looked_up.pop(0)
            self._try_next(connection, problem)

    def _try_next(self, connection: Connection, problem: str) -> None:
        """Connect to the next address there is; without one, that is the end."""
        while connection.addresses:
            family, address = connection.addresses.pop(0)
            try:
                server = _socket.socket(family, _socket.SOCK_STREAM | _socket.SOCK_NONBLOCK | _socket.SOCK_CLOEXEC)
            except OSError as error:
                problem = str(error.strerror)
                continue
            code = server.connect_ex(address)
            if code in (0, EINPROGRESS):
                connection.server = End(connection, server)
                connection.is_connected = not code
                self._add(connection.server)
                if connection.is_connected:
                    self._begin(connection)
                else:
                    self._watch(connection.server, _WRITE)
                return
            server.close()
            problem = os.strerror(code)
        complain(f"Failed to connect to {self._target.word}: {problem}")
        self._drop(connection)

    def _begin(self, connection: Connection) -> None:
        connection.is_connected = True
        self._add(connection.client)
        self._look_at(connection)

    def _drop(self, connection: Connection) -> None:
        for end in (connection.client, connection.server):
            if end is not None:
                self._remove(end)
        self._connections.discard(connection)
        self._wait_for_room(False)
        if not self._connections and self._idle_usec < INFINITY:
            self._end = time.monotonic() + self._idle_usec / 1e6

    # --- what goes through --------------------------------------------------------------------------------------------

    def _serve(self, end: End, ready: int) -> None:
        connection = end.connection
        server = connection.server
        assert server is not None
        if not connection.is_connected:
            code = server.socket.getsockopt(_socket.SOL_SOCKET, _socket.SO_ERROR)
            if code:
                self._remove(server)
                connection.server = None
                self._try_next(connection, os.strerror(code))
            else:
                self._begin(connection)
            return
        other = server if end is connection.client else connection.client
        try:
            if ready & (select.EPOLLOUT | select.EPOLLERR):
                self._write(end)
            if ready & (select.EPOLLIN | select.EPOLLHUP | select.EPOLLERR) and not end.has_ended and not other.pending:
                self._read(end, other)
        except OSError:
            self._drop(connection)  # reset, or nobody reads any more: there is nobody to be told
            return
        self._look_at(connection)

    def _read(self, end: End, other: End) -> None:
        try:
            count = end.socket.recv_into(self._buffer)
        except BlockingIOError:
            return
        if count == 0:
            end.has_ended = True
            return
        sent = 0
        try:
            sent = other.socket.send(memoryview(self._buffer)[:count])
        except BlockingIOError:
            pass
        if sent < count:
            other.pending = memoryview(bytes(memoryview(self._buffer)[sent:count]))

    def _write(self, end: End) -> None:
        if end.pending:
            try:
                end.pending = end.pending[end.socket.send(end.pending):]
            except BlockingIOError:
                pass

    def _look_at(self, connection: Connection) -> None:
        """Pass on ends, and wait for what can go on."""
        client, server = connection.client, connection.server
        assert server is not None
        for end, other in ((client, server), (server, client)):
            if end.has_ended and not other.pending and not other.is_shut:
                other.is_shut = True
                try:
                    other.socket.shutdown(_socket.SHUT_WR)
                except OSError:
                    pass  # it has gone already
        if client.is_shut and server.is_shut:
            self._drop(connection)
            return
        for end, other in ((client, server), (server, client)):
            reads = _READ if not end.has_ended and not other.pending else 0
            self._watch(end, reads | (_WRITE if end.pending else 0))

    # --- descriptors --------------------------------------------------------------------------------------------------

    def _add(self, end: End) -> None:
        self._ends[end.socket.fileno()] = end

    def _watch(self, end: End, mask: int) -> None:
        """Not at all where there is nothing to wait for: the kernel tells of hang-ups unasked, again and again."""
        if mask == end.mask or end.mask == -1 and not mask:
            return
        number = end.socket.fileno()
        if end.mask == -1:
            self._epoll.register(number, mask)
        elif mask:
            self._epoll.modify(number, mask)
        else:
            self._epoll.unregister(number)
        end.mask = mask or -1

    def _remove(self, end: End) -> None:
        self._ends.pop(end.socket.fileno(), None)
        self._watch(end, 0)
        end.socket.close()
