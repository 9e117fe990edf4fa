"""The control socket: D-Bus clients on a unix stream socket, none of whom can make the manager wait.

Hands every method call to `on_call` and sends what it is told to; what a call means is decided elsewhere. How many
clients there are is bounded here, what each of them can cost in `connection`.
"""

from __future__ import annotations

import _socket
import os
import struct
from errno import EMFILE, ENFILE, ENOBUFS, ENOMEM
from fcntl import F_DUPFD_CLOEXEC, fcntl
from select import EPOLLIN

from initd.shell.connection import Connection, encode_answer
from initd.shell.fds import OwnedFd, open_memory_file
from initd.wire import dbus
from initd.wire.sasl import ServerHandshake

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from initd.shell.backlog import Backlog
    from initd.shell.connection import Loop

    OnCall = Callable[[int, int, dbus.Message], None]
    #: Path, interface, member, signature, values.
    Signal = tuple[str, str, str, str, tuple[Any, ...]]

#: The name that replies and signals come from.
SENDER = "org.freedesktop.systemd1"

MAX_CLIENTS = 128
#: Longest message a client may send. The longest sensible one is a long list of unit names.
MAX_CALL = 1 << 20
#: Most elements that the arrays of a call may have: each costs its share of a wake-up.
MAX_ELEMENTS = 1 << 14
#: Connections taken in one wake-up.
ACCEPTS_PER_TURN = 8
#: How long not to accept when descriptors or memory have run out.
ACCEPT_PAUSE_USEC = 500_000


class _Client:
    """One peer of the socket."""

    __slots__ = ("uid", "pid", "connection", "silent", "has_references")

    def __init__(self, uid: int, pid: int = 0) -> None:
        self.uid = uid
        #: Who it was that connected, 0 where it is no process of ours.
        self.pid = pid
        self.connection: Connection
        #: It has asked for units to stay loaded while it is there.
        self.has_references = False
        #: Serials of calls that want no reply.
        self.silent: set[int] = set()


class Control:
    """The server. Owns the listening socket and every client's; `close` ends them all and removes the path."""

    def __init__(
        self, loop: Loop, on_call: OnCall, clock: Callable[[], int], backlog: Backlog,
        on_gone: Callable[[str], None] = lambda name: None,
    ) -> None:
        """`on_gone` hears of the end of a client that has references, by the name it has among them."""
        self._on_gone = on_gone
        self._loop = loop
        self._on_call = on_call
        self._clock = clock
        self._backlog = backlog
        self._path = ""
        self._listener: _socket.socket | None = None
        self._guid = os.urandom(16).hex()
        self._clients: dict[int, _Client] = {}
        self._next_client = 1
        self._next_serial = 1
        self._resume_accept_usec: int | None = None

    # --- the socket -----------------------------------------------------------------------------------------------

    @property
    def is_open(self) -> bool:
        return self._listener is not None

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
        for client in tuple(self._clients.values()):
            client.connection.close()
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

    def hears(self, is_of_job: bool) -> bool:
        """Peers of this socket get every signal, whether they subscribe or not."""
        return bool(self._clients)

    def subscribe(self, client: int, is_wanted: bool) -> bool:
        return True

    def hold(self, client: int) -> None:
        """Nothing to do: it hears everything."""

    def let_go(self, client: int) -> None:
        """As `hold`."""

    def refer(self, client: int, is_wanted: bool) -> None:
        """Whatever it refers to, it does until its end."""
        found = self._clients.get(client)
        if found is not None:
            found.has_references = True
        else:
            self._on_gone(self.reference_name(client))

    def take_fds(self, client: int, numbers: tuple[int, ...]) -> list[OwnedFd] | None:
        """These of the descriptors that came with the call that is being answered, the caller's from now on; None where they
        did not."""
        found = self._clients.get(client)
        passed = found.connection.passed if found is not None else []
        if any(number >= len(passed) for number in numbers):
            return None
        taken: list[OwnedFd] = []
        try:
            for number in numbers:  # one may be meant twice: each is a descriptor of its own
                taken.append(OwnedFd(fcntl(passed[number].fileno(), F_DUPFD_CLOEXEC, 3)))
        except OSError:  # there are no more to be had
            for fd in taken:
                fd.close()
            return None
        return taken

    def reference_name(self, client: int) -> str:
        """No name of the bus, which are all shown to nobody but those who ask for Refs=."""
        return f":private.{client}"

    def find_pid_of(self, client: int, then: Callable[[int], None]) -> None:
        found = self._clients.get(client)
        then(found.pid if found is not None else 0)

    def name_of(self, client: int) -> int:
        return client

    def client_of(self, name: int) -> int:
        return name

    def _on_connection(self, mask: int) -> None:
        for _ in range(ACCEPTS_PER_TURN):
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
        pid, uid, _gid = struct.unpack("=iII", credentials)
        number, client = self._next_client, _Client(uid, pid)
        self._next_client += 1
        client.connection = self._connect(number, uid, socket)
        self._clients[number] = client

    def _connect(self, number: int, uid: int, socket: _socket.socket) -> Connection:
        return Connection(
            self._loop, socket, ServerHandshake(uid, self._guid, accepts_fds=True), self._clock,
            self._backlog, lambda message: self._on_message(number, uid, message), lambda: self._forget(number), MAX_CALL,
            most_elements=MAX_ELEMENTS, takes_fds=True,
        )

    def _on_message(self, number: int, uid: int, message: dbus.Message) -> None:
        if message.type == dbus.METHOD_CALL:
            if message.flags & dbus.NO_REPLY_EXPECTED:
                self._clients[number].silent.add(message.serial)
            self._on_call(number, uid, message)

    # --- another manager in our place ------------------------------------------------------------------------------

    def save(self, fds: list[int]) -> dict[str, Any]:
        """The listener and every client, with what they have said and not read yet; all must be inherited."""
        clients = [
            {"id": number, "uid": each.uid, "pid": each.pid, "silent": each.silent, "refers": each.has_references,
             "connection": each.connection.save(fds)}
            for number, each in self._clients.items()
        ]
        listener = self._listener.fileno() if self._listener is not None else -1
        fds += [listener] if listener >= 0 else []
        return {"path": self._path, "listener": listener, "guid": self._guid, "clients": clients,
                "next_client": self._next_client, "next_serial": self._next_serial}

    def restore(self, saved: dict[str, Any]) -> None:
        self._path, self._guid = saved["path"], saved["guid"]
        self._next_client, self._next_serial = saved["next_client"], saved["next_serial"]
        if saved["listener"] >= 0:
            self._listener = _socket.socket(fileno=saved["listener"])
            self._loop.add(self._listener.fileno(), EPOLLIN, self._on_connection)
        problem: Exception | None = None
        for each in saved["clients"]:
            try:
                self._restore_client(each)
            except Exception as error:  # the others have done nothing
                problem = error
        if problem is not None:
            raise problem

    def _restore_client(self, saved: dict[str, Any]) -> None:
        client = _Client(saved["uid"], saved.get("pid", 0))
        client.silent, client.has_references = saved["silent"], saved.get("refers", False)
        socket = _socket.socket(fileno=saved["connection"]["fd"])
        client.connection = self._connect(saved["id"], saved["uid"], socket)
        self._clients[saved["id"]] = client
        client.connection.go_on(saved["connection"])

    # --- one client -----------------------------------------------------------------------------------------------

    def _forget(self, number: int) -> None:
        if self._clients.pop(number).has_references:
            self._on_gone(self.reference_name(number))

    # --- time -----------------------------------------------------------------------------------------------------

    def next_deadline(self) -> int | None:
        """When `on_deadline` wants to be called (monotonic microseconds)."""
        wanted = [client.connection.next_deadline() for client in self._clients.values()]
        wanted.append(self._resume_accept_usec)
        return min([each for each in wanted if each is not None], default=None)

    def on_deadline(self) -> None:
        now_usec = self._clock()
        for client in tuple(self._clients.values()):
            client.connection.on_deadline(now_usec)
        if self._resume_accept_usec is not None and self._resume_accept_usec <= now_usec and self._listener is not None:
            self._resume_accept_usec = None
            self._loop.add(self._listener.fileno(), EPOLLIN, self._on_connection)

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
        if not client.connection.passes_fds:
            self.error(client_id, serial, "org.freedesktop.DBus.Error.NotSupported", "Operation not supported")
            return
        try:
            file = open_memory_file("reply", text.encode("utf-8", "replace"))
        except OSError as problem:
            self.error(client_id, serial, "org.freedesktop.DBus.Error.Failed", problem.strerror or str(problem))
            return
        message = dbus.Message(
            dbus.METHOD_RETURN, self._serial(), dbus.NO_REPLY_EXPECTED,
            reply_serial=serial, sender=SENDER, signature="h", body=(0,), fds=1,
        )  # fmt: skip
        client.connection.send(dbus.encode(message), file)

    def signal(self, path: str, interface: str, member: str, signature: str, values: tuple[Any, ...]) -> None:
        """To everybody: peers of the private socket get all signals, without asking for them."""
        listeners = self._listeners()
        if listeners:
            data = self._encode_signal(path, interface, member, signature, values)
            for connection in listeners:
                connection.send(data)

    def news(self, subject: str, make: Callable[[], list[Signal]], make_later: Callable[[], list[Signal]]) -> None:
        """The same, made if somebody hears it; who is behind with reading hears of the subject when they have caught up."""
        listeners = self._listeners()
        for connection in listeners:
            if connection.is_behind:
                connection.send_later(subject, lambda: [self._encode_signal(*signal) for signal in make_later()])
        others = [connection for connection in listeners if not connection.is_behind]
        for data in [self._encode_signal(*signal) for signal in make()] if others else ():
            for connection in others:
                connection.send(data)

    def _listeners(self) -> list[Connection]:
        return [client.connection for client in self._clients.values() if client.connection.is_authenticated]

    def _encode_signal(self, path: str, interface: str, member: str, signature: str, values: tuple[Any, ...]) -> bytes:
        return dbus.encode(dbus.Message(
            dbus.SIGNAL, self._serial(), dbus.NO_REPLY_EXPECTED, path=path, interface=interface, member=member,
            sender=SENDER, signature=signature, body=tuple(values),
        ))

    def _answer(self, client_id: int, serial: int, message: dbus.Message) -> None:
        client = self._clients.get(client_id)
        if client is None:
            return
        if serial in client.silent:
            client.silent.discard(serial)
            return
        client.connection.send(encode_answer(message))

    def _serial(self) -> int:
        serial = self._next_serial
        self._next_serial = serial % 0xFFFFFFFF + 1
        return serial
