"""A peer of a container's system bus, as root or as somebody else: calls methods and keeps the signals that come.

It connects from outside, so that nothing has to be installed in the image but the bus.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from typing import Any, Callable

from initd.wire import dbus
from initd.wire.sasl import ClientHandshake

SYSTEMD = "org.freedesktop.systemd1"
ROOT = "/org/freedesktop/systemd1"
MANAGER = SYSTEMD + ".Manager"
UNIT = SYSTEMD + ".Unit"
PROPERTIES = "org.freedesktop.DBus.Properties"
BUS = "org.freedesktop.DBus"
NOBODY = 65534

#: Connects as this user, in the container's pid namespace, and gives the connection away.
_CONNECT = """
import os, socket, sys
directory, name, uid, number = sys.argv[1:]
os.chdir(directory)
os.setgroups([])
os.setgid(int(uid))
os.setuid(int(uid))
connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
connection.connect(name)
socket.send_fds(socket.socket(fileno=int(number)), [b"."], [connection.fileno()])
"""


class Refused(Exception):
    """An error reply."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(f"{name}: {text}")
        self.name, self.text = name, text


class BusClient:
    """`pid` is the container's init, seen from here."""

    def __init__(self, pid: int, uid: int = 0, path: str = "/run/dbus/system_bus_socket", timeout: float = 20) -> None:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            where, name = os.path.split(f"/proc/{pid}/root{path}")
            command = [sys.executable, "-c", _CONNECT, where, name, str(uid), str(theirs.fileno())]
            command = ["nsenter", "--target", str(pid), "--pid", *command]
            subprocess.run(command, pass_fds=[theirs.fileno()], check=True)
            (fd,) = socket.recv_fds(ours, 1, 1)[1]
        self.socket = socket.socket(fileno=fd)
        self.socket.settimeout(timeout)
        self.timeout = timeout
        self.socket.sendall(b"\0AUTH EXTERNAL\r\nDATA\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n")
        handshake = ClientHandshake()
        while not handshake.is_done:
            handshake.feed(self.socket.recv(4096))
        self.parser = dbus.Parser(dbus.MAX_MESSAGE)
        self.parser.feed(handshake.rest)
        self.serial = 0
        self.signals: list[dbus.Message] = []
        (self.name,) = self.bus("Hello")

    def close(self) -> None:
        self.socket.close()

    def __enter__(self) -> BusClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def send(self, destination: str, path: str, interface: str, member: str, signature: str, body: tuple[Any, ...],
             flags: int = 0) -> int:
        self.serial += 1
        message = dbus.Message(dbus.METHOD_CALL, self.serial, flags, path, interface, member, destination=destination,
                               signature=signature, body=body)
        self.socket.sendall(dbus.encode(message))
        return self.serial

    def call(self, path: str, interface: str, member: str, signature: str = "", *body: Any, flags: int = 0,
             destination: str = SYSTEMD) -> tuple[Any, ...]:
        serial = self.send(destination, path, interface, member, signature, body, flags)
        while True:
            message = self.next_message(self.timeout)
            if message is None:
                raise TimeoutError(member)
            if message.reply_serial != serial:
                self.signals.append(message)
            elif message.type == dbus.ERROR:
                raise Refused(message.error_name, str(message.body[0]) if message.body else "")
            else:
                return message.body

    def bus(self, member: str, signature: str = "", *body: Any) -> tuple[Any, ...]:
        """A method of the bus itself."""
        return self.call("/org/freedesktop/DBus", BUS, member, signature, *body, destination=BUS)

    def ask(self, member: str, signature: str = "", *body: Any) -> tuple[Any, ...]:
        """A method of the manager."""
        return self.call(ROOT, MANAGER, member, signature, *body)

    def get(self, path: str, interface: str, name: str) -> Any:
        return self.call(path, PROPERTIES, "Get", "ss", interface, name)[0][1]

    def match(self, rule: str) -> None:
        self.bus("AddMatch", "s", rule)

    def next_message(self, timeout: float) -> dbus.Message | None:
        deadline = time.monotonic() + timeout
        while (message := self.parser.next_message()) is None:
            left = deadline - time.monotonic()
            if left <= 0:
                return None
            self.socket.settimeout(left)
            try:
                data = self.socket.recv(1 << 18)
            except TimeoutError:
                return None
            if not data:
                raise ConnectionError("the bus has hung up")
            self.parser.feed(data)
        return message

    def wait_for(self, is_wanted: Callable[[dbus.Message], bool], timeout: float | None = None) -> dbus.Message | None:
        """The first message that has come and is wanted; None where none came in time. Others are forgotten."""
        deadline = time.monotonic() + (self.timeout if timeout is None else timeout)
        while True:
            message = self.signals.pop(0) if self.signals else self.next_message(max(deadline - time.monotonic(), 0))
            if message is None or is_wanted(message):
                return message

    def drain(self, timeout: float) -> list[dbus.Message]:
        """All that has come, and what comes within this time."""
        found, self.signals = self.signals, []
        deadline = time.monotonic() + timeout
        while (message := self.next_message(max(deadline - time.monotonic(), 0))) is not None:
            found.append(message)
        return found
