"""The control socket: D-Bus clients on a unix stream socket, none of whom can make the manager wait.

Hands every method call to `on_call` and sends what it is told to; what a call means is decided elsewhere. Everything
a client can cost is bounded: how many there are, how long they may take to authenticate, the size of a message, the
calls served in one wake-up, and the bytes that wait for them to read. Who oversteps is dropped, nobody else notices.

No descriptors are accepted: `recv` without a control buffer makes the kernel close them. Those of answers go out once.
"""

from __future__ import annotations

import _socket
import os
import struct
from errno import EAGAIN, EMFILE, ENFILE, ENOBUFS, ENOMEM
from select import EPOLLERR, EPOLLHUP, EPOLLIN, EPOLLOUT

from initd.shell.fds import OwnedFd, open_memory_file
from initd.wire import dbus
from initd.wire.sasl import HandshakeError, ServerHandshake

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Protocol

    class Loop(Protocol):
        def add(self, fd: int, mask: int, callback: Callable[[int], None]) -> None: ...
        def modify(self, fd: int, mask: int) -> None: ...
        def remove(self, fd: int) -> None: ...

    OnCall = Callable[[int, int, dbus.Message], None]

#: The name that replies and signals come from.
SENDER = "org.freedesktop.systemd1"

MAX_CLIENTS = 128
#: Longest message a client may send. The longest sensible one is a long list of unit names.
MAX_CALL = 1 << 20
#: Most elements that the arrays of a call may have: each costs its share of a wake-up.
MAX_ELEMENTS = 1 << 14
AUTHENTICATION_USEC = 10_000_000
#: A client that has not taken a byte of what waits for it in this time has stopped reading; one that has not sent the rest
#: of a message it began has stopped talking.
STALL_USEC = 30_000_000
#: More than this and the client's next calls wait until it has read; signals are added up to the second number.
ENOUGH_PENDING = 1 << 18
MAX_PENDING = 1 << 22
#: The same for files that wait to be taken.
ENOUGH_FILES = 4
#: Calls served for one client before others get their turn.
CALLS_PER_TURN = 8
#: How long not to accept when descriptors or memory have run out.
ACCEPT_PAUSE_USEC = 500_000


class _Client:
    """One connection. Plain fields; `Control` does everything."""

    __slots__ = ("id", "uid", "socket", "fd", "handshake", "parser", "pending", "deadline_usec", "rest_deadline_usec", "mask",
                 "silent",
                 "passes_fds", "files", "sent")

    def __init__(self, client_id: int, uid: int, socket: _socket.socket, guid: str, deadline_usec: int) -> None:
        self.id = client_id
        self.uid = uid
        self.socket = socket
        self.fd = socket.fileno()
        self.handshake: ServerHandshake | None = ServerHandshake(uid, guid, accepts_fds=True)
        self.parser = dbus.Parser(MAX_CALL, MAX_ELEMENTS)
        self.pending = bytearray()
        #: When to give up on it: authentication, or reading.
        self.deadline_usec: int | None = deadline_usec
        #: When the rest of the message that has begun is to be there.
        self.rest_deadline_usec: int | None = None
        self.mask = EPOLLIN
        #: Serials of calls that want no reply.
        self.silent: set[int] = set()
        #: It takes descriptors.
        self.passes_fds = False
        #: Bytes sent so far, and the descriptors that go with what is pending: each with the number of its first byte.
        self.sent = 0
        self.files: list[tuple[int, OwnedFd]] = []

    @property
    def is_full(self) -> bool:
        """Enough waits for it to be read."""
        return len(self.pending) > ENOUGH_PENDING or len(self.files) >= ENOUGH_FILES


def _deadlines(client: _Client) -> list[int]:
    return [usec for usec in (client.deadline_usec, client.rest_deadline_usec) if usec is not None]


class Control:
    """The server. Owns the listening socket and every client's; `close` ends them all and removes the path."""

    def __init__(self, loop: Loop, on_call: OnCall, clock: Callable[[], int]) -> None:
        self._loop = loop
        self._on_call = on_call
        self._clock = clock
        self._path = ""
        self._listener: _socket.socket | None = None
        self._guid = os.urandom(16).hex()
        self._clients: dict[int, _Client] = {}
        self._next_client = 1
        self._next_serial = 1
        self._resume_accept_usec: int | None = None
        #: Clients with calls read and not yet served, in turn.
        self._waiting: dict[int, None] = {}

    # --- the socket -----------------------------------------------------------------------------------------------

    def open(self, path: str) -> None:
        """Listen at `path`, for root alone (or for whoever we run as). Raises OSError."""
        listener = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM | _socket.SOCK_NONBLOCK | _socket.SOCK_CLOEXEC)
        try:
            if os.path.lexists(path):
                os.unlink(path)
            mask = os.umask(0o077)  # the path must never be open to others, not even before a chmod
            try:
                listener.bind(path)
            finally:
                os.umask(mask)
            listener.listen(MAX_CLIENTS)
        except OSError:
            listener.close()
            raise
        self._path = path
        self._listener = listener
        self._loop.add(listener.fileno(), EPOLLIN, self._on_connection)

    def close(self) -> None:
        for client_id in tuple(self._clients):
            self._drop(client_id)
        if self._listener is None:
            return
        if self._resume_accept_usec is None:
            self._loop.remove(self._listener.fileno())
        self._listener.close()
        self._listener = None
        try:
            os.unlink(self._path)
        except OSError:
            pass  # gone already, or /run is: either way nobody can connect any more

    @property
    def client_count(self) -> int:
        return len(self._clients)

    def _on_connection(self, mask: int) -> None:
        for _ in range(CALLS_PER_TURN):
            try:
                fd, _address = self._listener._accept()  # type: ignore[union-attr]
            except OSError as problem:
                if problem.errno in (EMFILE, ENFILE, ENOBUFS, ENOMEM):
                    self._pause_accepting()
                return  # EAGAIN: that was all; ECONNABORTED and the like: the next wake-up sees the rest
            self._admit(_socket.socket(fileno=fd))

    def _pause_accepting(self) -> None:
        """The connection stays ready, so without a pause the loop would spin on it."""
        if self._listener is not None:
            self._loop.remove(self._listener.fileno())
            self._resume_accept_usec = self._clock() + ACCEPT_PAUSE_USEC

    def _admit(self, socket: _socket.socket) -> None:
        if len(self._clients) >= MAX_CLIENTS:
            socket.close()
            return
        socket.setblocking(False)
        try:
            credentials = socket.getsockopt(_socket.SOL_SOCKET, _socket.SO_PEERCRED, 12)
        except OSError:
            socket.close()
            return
        _pid, uid, _gid = struct.unpack("=iII", credentials)
        client = _Client(self._next_client, uid, socket, self._guid, self._clock() + AUTHENTICATION_USEC)
        self._next_client += 1
        self._add(client)

    def _add(self, client: _Client) -> None:
        self._clients[client.id] = client
        self._loop.add(client.fd, client.mask, lambda mask: self._on_ready(client, mask))

    # --- another manager in our place ------------------------------------------------------------------------------

    def save(self, fds: list[int]) -> dict[str, Any]:
        """The listener and every client, with what they have said and not read yet; all must be inherited."""
        clients = [
            {"id": each.id, "uid": each.uid, "fd": each.fd, "read": each.parser.unread, "pending": bytes(each.pending),
             "deadline": each.deadline_usec, "silent": each.silent, "passes_fds": each.passes_fds,
             "files": [(start - each.sent, file.fileno()) for start, file in each.files],
             "handshake": vars(each.handshake) if each.handshake is not None else None}
            for each in self._clients.values()
        ]
        listener = self._listener.fileno() if self._listener is not None else -1
        fds += [client["fd"] for client in clients] + ([listener] if listener >= 0 else [])
        fds += [file.fileno() for each in self._clients.values() for _, file in each.files]
        return {"path": self._path, "listener": listener, "guid": self._guid, "clients": clients,
                "next_client": self._next_client, "next_serial": self._next_serial}

    def restore(self, saved: dict[str, Any]) -> None:
        self._path, self._guid = saved["path"], saved["guid"]
        self._next_client, self._next_serial = saved["next_client"], saved["next_serial"]
        if saved["listener"] >= 0:
            self._listener = _socket.socket(fileno=saved["listener"])
            self._loop.add(self._listener.fileno(), EPOLLIN, self._on_connection)
        for each in saved["clients"]:
            client = _Client(each["id"], each["uid"], _socket.socket(fileno=each["fd"]), self._guid, 0)
            client.deadline_usec, client.silent = each["deadline"], each["silent"]
            client.passes_fds = each["passes_fds"]
            client.files = [(start, OwnedFd(fd)) for start, fd in each["files"]]
            if each["handshake"] is None:
                client.handshake = None
            else:
                vars(client.handshake).update(each["handshake"])
            client.parser.feed(each["read"])
            client.pending += each["pending"]
            self._add(client)
            # What it has sent already does not make its socket ready again.
            self._waiting[client.id] = None

    # --- one client -----------------------------------------------------------------------------------------------

    def _on_ready(self, client: _Client, mask: int) -> None:
        if client.id not in self._clients:
            return  # dropped earlier in this wake-up
        if mask & EPOLLOUT:
            self._flush(client)
        if mask & EPOLLIN:
            self._read(client)
        elif mask & (EPOLLHUP | EPOLLERR):
            self._drop(client.id)

    def _read(self, client: _Client) -> None:
        try:
            data = client.socket.recv(65536)
        except OSError as problem:
            if problem.errno != EAGAIN:
                self._drop(client.id)
            return
        if not data:
            self._drop(client.id)
            return
        try:
            if client.handshake is not None:
                data = self._greet(client, client.handshake, data)
            client.parser.feed(data)
        except HandshakeError:
            self._drop(client.id)
            return
        self._serve(client)

    def _greet(self, client: _Client, handshake: ServerHandshake, data: bytes) -> bytes:
        """Go on with the handshake; returns the messages that came behind it."""
        answer = handshake.feed(data)
        if handshake.is_done:
            client.passes_fds = handshake.passes_fds
            client.handshake = None
            client.deadline_usec = None
        self._send(client, answer)
        return handshake.rest

    def _serve(self, client: _Client) -> None:
        """Hand over some of the calls that are complete; the rest waits for its turn, or for the client to read."""
        self._waiting.pop(client.id, None)
        for _ in range(CALLS_PER_TURN):
            if client.id not in self._clients or client.is_full:
                break
            try:
                message = client.parser.next_message()
            except dbus.WireError:
                self._drop(client.id)
                return
            self._expect_rest(client, message is None and client.parser.pending > 0)
            if message is None:
                break
            if message.type == dbus.METHOD_CALL:
                if message.flags & dbus.NO_REPLY_EXPECTED:
                    client.silent.add(message.serial)
                self._on_call(client.id, client.uid, message)
        else:
            self._waiting[client.id] = None
        self._watch(client)

    def _expect_rest(self, client: _Client, has_begun: bool) -> None:
        if not has_begun:
            client.rest_deadline_usec = None
        elif client.rest_deadline_usec is None:
            client.rest_deadline_usec = self._clock() + STALL_USEC

    def _watch(self, client: _Client) -> None:
        """Ask the loop for what matters now: room to write, and more calls unless there are enough already."""
        if client.id not in self._clients:
            return
        mask = EPOLLOUT if client.pending else 0
        if client.id not in self._waiting and not client.is_full:
            mask |= EPOLLIN
        if mask != client.mask:
            client.mask = mask
            self._loop.modify(client.fd, mask)

    def _flush(self, client: _Client) -> None:
        was_full = client.is_full
        self._write(client)
        if client.id not in self._clients:
            return
        if was_full and not client.is_full:
            self._serve(client)  # its calls had to wait
        self._watch(client)

    def _send(self, client: _Client, data: bytes) -> None:
        if not data:
            return
        has_queue = bool(client.pending)
        client.pending += data
        if not has_queue:
            self._write(client)
        if len(client.pending) > MAX_PENDING:
            self._drop(client.id)
            return
        self._watch(client)

    def _write(self, client: _Client) -> None:
        try:
            sent = self._send_some(client)
        except OSError as problem:
            if problem.errno != EAGAIN:
                self._drop(client.id)
                return
            sent = 0
        client.sent += sent
        del client.pending[:sent]
        if client.handshake is not None:
            return
        if not client.pending:
            client.deadline_usec = None
        elif sent or client.deadline_usec is None:
            client.deadline_usec = self._clock() + STALL_USEC

    def _send_some(self, client: _Client) -> int:
        """A descriptor goes with the first byte of its message, and no other with it: each send ends where one begins."""
        starts = [start for start, _ in client.files[:2]]
        if not starts:
            return client.socket.send(client.pending, _socket.MSG_NOSIGNAL)
        if starts[0] > client.sent:
            return client.socket.send(client.pending[: starts[0] - client.sent], _socket.MSG_NOSIGNAL)
        end = starts[1] - client.sent if len(starts) > 1 else len(client.pending)
        file = client.files[0][1]
        rights = (_socket.SOL_SOCKET, _socket.SCM_RIGHTS, struct.pack("i", file.fileno()))
        sent = client.socket.sendmsg([client.pending[:end]], [rights], _socket.MSG_NOSIGNAL)
        del client.files[0]
        file.close()
        return sent

    def _drop(self, client_id: int) -> None:
        client = self._clients.pop(client_id, None)
        if client is None:
            return
        self._waiting.pop(client_id, None)
        self._loop.remove(client.fd)
        client.socket.close()
        for _, file in client.files:
            file.close()

    # --- time -----------------------------------------------------------------------------------------------------

    def next_deadline(self) -> int | None:
        """When `on_deadline` wants to be called (monotonic microseconds): at once where calls wait for their turn."""
        if self._waiting:
            return 0
        found = [usec for client in self._clients.values() for usec in _deadlines(client)]
        if self._resume_accept_usec is not None:
            found.append(self._resume_accept_usec)
        return min(found, default=None)

    def on_deadline(self) -> None:
        now = self._clock()
        for client in tuple(self._clients.values()):
            if any(usec <= now for usec in _deadlines(client)):
                self._drop(client.id)
        if self._resume_accept_usec is not None and self._resume_accept_usec <= now and self._listener is not None:
            self._resume_accept_usec = None
            self._loop.add(self._listener.fileno(), EPOLLIN, self._on_connection)
        for client_id in tuple(self._waiting):
            waiting = self._clients.get(client_id)
            if waiting is not None:
                self._serve(waiting)

    # --- what the manager says ------------------------------------------------------------------------------------

    def reply(self, client_id: int, serial: int, signature: str, values: tuple[Any, ...]) -> None:
        """The answer to the call with this serial; nothing happens where the client is gone or wanted none."""
        message = dbus.Message(
            dbus.METHOD_RETURN, self._serial(), dbus.NO_REPLY_EXPECTED,
            reply_serial=serial, sender=SENDER, signature=signature, body=tuple(values),
        )  # fmt: skip
        self._answer(client_id, serial, message)

    def error(self, client_id: int, serial: int, name: str, text: str) -> None:
        message = dbus.Message(
            dbus.ERROR, self._serial(), dbus.NO_REPLY_EXPECTED,
            error_name=name, reply_serial=serial, sender=SENDER, signature="s", body=(text.replace("\0", "?"),),
        )  # fmt: skip
        self._answer(client_id, serial, message)

    def reply_file(self, client_id: int, serial: int, text: str) -> None:
        """The answer is a file to read, at its beginning: what would be long for a message."""
        client = self._clients.get(client_id)
        if client is None or serial in client.silent:
            return
        if not client.passes_fds:
            self.error(client_id, serial, "org.freedesktop.DBus.Error.NotSupported", "Operation not supported")
            return
        try:
            file = open_memory_file("reply", text.encode("utf-8", "replace"))
        except OSError as problem:
            self.error(client_id, serial, "org.freedesktop.DBus.Error.Failed", problem.strerror or str(problem))
            return
        client.files.append((client.sent + len(client.pending), file))
        message = dbus.Message(
            dbus.METHOD_RETURN, self._serial(), dbus.NO_REPLY_EXPECTED,
            reply_serial=serial, sender=SENDER, signature="h", body=(0,), fds=1,
        )  # fmt: skip
        self._answer(client_id, serial, message)

    def signal(self, path: str, interface: str, member: str, signature: str, values: tuple[Any, ...]) -> None:
        """To everybody: peers of the private socket get all signals, without asking for them."""
        listeners = [client for client in self._clients.values() if client.handshake is None]
        if not listeners:
            return
        message = dbus.Message(
            dbus.SIGNAL, self._serial(), dbus.NO_REPLY_EXPECTED, path=path, interface=interface, member=member,
            sender=SENDER, signature=signature, body=tuple(values),
        )  # fmt: skip
        data = dbus.encode(message)
        for client in listeners:
            if client.id in self._clients:
                self._send(client, data)

    def _answer(self, client_id: int, serial: int, message: dbus.Message) -> None:
        client = self._clients.get(client_id)
        if client is None:
            return
        if serial in client.silent:
            client.silent.discard(serial)
            return
        try:
            data = dbus.encode(message)
        except dbus.WireError as problem:
            # A value that does not fit its signature is our mistake; the client hears of it and nobody else suffers.
            text = f"The answer cannot be sent: {problem}".replace("\0", "?")
            name = "org.freedesktop.DBus.Error.Failed"
            data = dbus.encode(message.replace(type=dbus.ERROR, error_name=name, signature="s", body=(text,)))
        self._send(client, data)

    def _serial(self) -> int:
        serial = self._next_serial
        self._next_serial = serial % 0xFFFFFFFF + 1
        return serial
