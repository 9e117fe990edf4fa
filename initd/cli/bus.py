"""A blocking D-Bus client of the manager: ask, and wait for the answer or for a signal.

It is reached at its private socket; by whoever may not connect there, on the system bus, where there is one.

Imports little: every `systemctl` pays for it.
"""

from __future__ import annotations

import _socket
import time
from errno import EACCES, ENOMEDIUM, EPERM
from sys import byteorder

from initd.wire import dbus
from initd.wire.sasl import CLIENT_GREETING, ClientHandshake, HandshakeError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from initd.core.places import Places

SOCKET_PATH = "/run/systemd/private"
SYSTEM_BUS_PATH = "/run/dbus/system_bus_socket"
SYSTEMD = "org.freedesktop.systemd1"
MANAGER_PATH = "/org/freedesktop/systemd1"
MANAGER = SYSTEMD + ".Manager"
UNIT = SYSTEMD + ".Unit"
DBUS = "org.freedesktop.DBus"
PROPERTIES = DBUS + ".Properties"

_DENIED = DBUS + ".Error.AccessDenied"
#: As sd-bus waits for a reply.
REPLY_TIMEOUT = 90.0


class BusError(Exception):
    """An error reply, or a connection that broke. `name` is the D-Bus error's name, `text` what to print."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(text)
        self.name = name
        self.text = text


class NotRunning(Exception):
    """Nobody answers: no manager runs here, or it is not ours to ask. `is_init`: it was the system's that was asked."""

    def __init__(self, errno: int, text: str, is_init: bool = True) -> None:
        super().__init__(text)
        self.errno = errno
        self.text = text
        self.is_init = is_init


class Bus:
    """One connection to the manager. Owns its socket."""

    #: What systemctl and journalctl are told to reach the same one: "", or " --user".
    option = ""
    #: Seconds that a reply may take.
    _timeout = REPLY_TIMEOUT

    def __init__(self, places: Places | None = None, timeout: float = REPLY_TIMEOUT) -> None:
        """To the manager of these places; None: the system's. `timeout`: how many seconds a reply may take."""
        self._timeout = timeout
        self._serial = 0
        self._signals: list[dbus.Message] = []
        if places is not None and not places.run:
            raise NotRunning(ENOMEDIUM, "No medium found", is_init=False)
        if places is not None:
            self.option = " --user" if places.mode == "user" else f" --runtime-directory={places.run}"
        try:
            self._connect(SOCKET_PATH if places is None else places.private)
        except NotRunning as problem:
            problem.is_init = places is None
            if places is not None or problem.errno not in (EACCES, EPERM):
                raise
            self._enter_system_bus(problem)

    def _connect(self, path: str) -> None:
        self._socket = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC)
        self._parser = dbus.Parser(dbus.MAX_MESSAGE)
        self._socket.settimeout(self._timeout)
        try:
            self._socket.connect(path)
            self._greet()
        except OSError as problem:
            self._socket.close()
            raise NotRunning(problem.errno or 0, problem.strerror or str(problem)) from None
        except HandshakeError as problem:
            self._socket.close()
            raise NotRunning(0, str(problem)) from None

    def _enter_system_bus(self, refusal: NotRunning) -> None:
        """Where there is none, what stands in the way is that we may not use the private socket."""
        try:
            self._connect(SYSTEM_BUS_PATH)
            self._ask_bus("Hello")
            # Signals come to those who ask for them, once from the bus and once from the manager.
            self._ask_bus("AddMatch", "s", f"type='signal',sender='{SYSTEMD}'")
            self.ask("Subscribe")
        except (NotRunning, BusError):
            raise refusal from None

    def _ask_bus(self, member: str, signature: str = "", *args: Any) -> None:
        self._call(DBUS, "/org/freedesktop/DBus", DBUS, member, signature, args)

    def manager_pid(self) -> int:
        """The process that answers."""
        if self._socket.getpeername() == SYSTEM_BUS_PATH:
            (pid,) = self._call(DBUS, "/org/freedesktop/DBus", DBUS, "GetConnectionUnixProcessID", "s", (SYSTEMD,))
            return int(pid)
        return int.from_bytes(self._socket.getsockopt(_socket.SOL_SOCKET, _socket.SO_PEERCRED, 12)[:4], byteorder)

    def close(self) -> None:
        self._socket.close()

    def _greet(self) -> None:
        self._socket.sendall(CLIENT_GREETING)
        handshake = ClientHandshake()
        while not handshake.is_done:
            data = self._socket.recv(4096)
            if not data:
                raise HandshakeError("Connection reset by peer")
            handshake.feed(data)
        self._parser.feed(handshake.rest)

    # --- calls ------------------------------------------------------------------------------------------------------

    def call(self, path: str, interface: str, member: str, signature: str = "", *args: Any) -> tuple[Any, ...]:
        """The values that the method returns; BusError where it fails. Signals that come in between are kept."""
        return self._call(SYSTEMD, path, interface, member, signature, args)

    def ask_with_fds(self, fds: tuple[int, ...], member: str, signature: str, *args: Any) -> tuple[Any, ...]:
        """The same of a method of the manager, with descriptors, which stay the caller's."""
        return self._call(SYSTEMD, MANAGER_PATH, MANAGER, member, signature, args, fds)

    def _call(
        self, destination: str, path: str, interface: str, member: str, signature: str, args: tuple[Any, ...],
        fds: tuple[int, ...] = (),
    ) -> tuple[Any, ...]:
        self._serial += 1
        serial = self._serial
        message = dbus.Message(
            dbus.METHOD_CALL, serial, dbus.ALLOW_INTERACTIVE, path, interface, member,
            destination=destination, signature=signature, body=args, fds=len(fds),
        )  # fmt: skip
        try:
            self._send(dbus.encode(message), fds)
        except dbus.WireError as problem:
            raise BusError("org.freedesktop.DBus.Error.InvalidArgs", f"Invalid argument: {problem}") from None
        except OSError as problem:
            raise BusError("org.freedesktop.DBus.Error.Disconnected", problem.strerror or str(problem)) from None
        end = time.monotonic() + self._timeout
        while True:
            reply = self._next_message(max(end - time.monotonic(), 0.001))
            if reply.type == dbus.SIGNAL:
                self._signals.append(reply)
            elif reply.reply_serial == serial:
                break
        if reply.type == dbus.ERROR:
            text = reply.body[0] if reply.body and isinstance(reply.body[0], str) else reply.error_name
            # Whatever was denied, and by whom: systemd's clients say it in their own words.
            raise BusError(reply.error_name, "Access denied" if reply.error_name == _DENIED else text)
        return reply.body

    def _send(self, data: bytes, fds: tuple[int, ...]) -> None:
        sent = 0
        if fds:
            rights = (_socket.SOL_SOCKET, _socket.SCM_RIGHTS, b"".join(fd.to_bytes(4, byteorder) for fd in fds))
            sent = self._socket.sendmsg([data], [rights])
        self._socket.sendall(data[sent:])

    def ask(self, member: str, signature: str = "", *args: Any) -> tuple[Any, ...]:
        """Call a method of the manager."""
        return self.call(MANAGER_PATH, MANAGER, member, signature, *args)

    def get(self, path: str, interface: str, name: str) -> Any:
        """One property."""
        ((_, value),) = self.call(path, PROPERTIES, "Get", "ss", interface, name)
        return value

    def get_all(self, path: str, interface: str = "") -> dict[str, tuple[str, Any]]:
        """Every property with its type."""
        (found,) = self.call(path, PROPERTIES, "GetAll", "s", interface)
        return found  # type: ignore[no-any-return]

    # --- signals ----------------------------------------------------------------------------------------------------

    def fileno(self) -> int:
        return self._socket.fileno()

    def signals(self) -> list[dbus.Message]:
        """Those that have come; waits for the first one."""
        found = [self.wait_for_signal(lambda message: True)]
        while self._signals:
            found.append(self._signals.pop(0))
        while (message := self._parser.next_message()) is not None:
            found += [message] * (message.type == dbus.SIGNAL)
        return found

    @property
    def has_signals(self) -> bool:
        """Whether some came while a reply was waited for, and were not asked for yet."""
        return bool(self._signals)

    def forget_signals(self) -> None:
        """Those that came before the last reply."""
        self._signals.clear()

    def wait_for_signal(self, is_wanted: Callable[[dbus.Message], bool]) -> dbus.Message:
        """The next signal that is wanted, among those kept first; waits for as long as it takes."""
        while True:
            message = self._signals.pop(0) if self._signals else self._next_message(None)
            if message.type == dbus.SIGNAL and is_wanted(message):
                return message

    def _next_message(self, timeout: float | None) -> dbus.Message:
        self._socket.settimeout(timeout)
        while True:
            try:
                message = self._parser.next_message()
                if message is not None:
                    return message
                data = self._socket.recv(1 << 18)
            except (dbus.WireError, OSError) as problem:
                text = "Connection timed out" if isinstance(problem, TimeoutError) else str(problem)
                raise BusError("org.freedesktop.DBus.Error.NoReply", text) from None
            if not data:
                raise BusError("org.freedesktop.DBus.Error.Disconnected", "Connection reset by peer")
            self._parser.feed(data)


class SystemBus(Bus):
    """A connection to the system bus, to ask services there. NotRunning where there is none."""

    def __init__(self) -> None:
        self._serial = 0
        self._signals = []
        self._connect(SYSTEM_BUS_PATH)
        self._ask_bus("Hello")

    def call_service(
        self, service: str, path: str, interface: str, member: str, signature: str = "", *args: Any
    ) -> tuple[Any, ...]:
        """As `call`, of whoever has that name; the bus starts who can be started by it."""
        return self._call(service, path, interface, member, signature, args)
