"""What a D-Bus object says it offers (Introspect), as plain values that can be compared and kept."""

from __future__ import annotations

import socket
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

from initd.wire import dbus
from initd.wire.sasl import CLIENT_GREETING, ClientHandshake

ROOT = "/org/freedesktop/systemd1"
SYSTEMD = "org.freedesktop.systemd1"
MANAGER = SYSTEMD + ".Manager"
INTROSPECTABLE = "org.freedesktop.DBus.Introspectable"
HERE = Path(__file__).resolve().parent

#: One unit of each type that a container with a real systemd has, or is given by the recorder.
UNITS = {
    "Service": "api-probe.service", "Socket": "api-probe.socket", "Target": "api-probe.target",
    "Timer": "api-probe.timer", "Path": "api-probe.path", "Mount": "-.mount", "Automount": "api-probe.automount",
    "Swap": "api-probe.swap", "Slice": "system.slice", "Scope": "init.scope", "Device": "api-probe.device",
}  # fmt: skip


def described(document: str) -> dict[str, dict[str, dict[str, Any]]]:
    """Interface → "methods", "signals" and "properties" → name → what it takes and gives, and its annotations."""
    found = {}
    for interface in ElementTree.fromstring(document).iter("interface"):
        found[interface.get("name", "")] = {
            "methods": {each.get("name"): _called(each) for each in interface.findall("method")},
            "signals": {each.get("name"): _called(each) for each in interface.findall("signal")},
            "properties": {each.get("name"): [each.get("type"), each.get("access"), *_annotations(each)]
                           for each in interface.findall("property")},
        }
    return found


def _called(element: ElementTree.Element) -> list[str]:
    """The arguments, each as "in u id", and the annotations."""
    arguments = [" ".join(filter(None, (each.get("direction"), each.get("type"), each.get("name"))))
                 for each in element.findall("arg")]
    return [*arguments, *_annotations(element)]


def _annotations(element: ElementTree.Element) -> list[str]:
    return [f"{each.get('name', '').rpartition('.')[2]}={each.get('value')}" for each in element.findall("annotation")]


class Peer:
    """A client on a connection to a manager's private socket, which it owns."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self.socket.settimeout(30)
        self.socket.sendall(CLIENT_GREETING)
        handshake = ClientHandshake()
        while not handshake.is_done:
            handshake.feed(self.socket.recv(4096))
        self._parser = dbus.Parser()
        self._parser.feed(handshake.rest)
        self._serial = 0
        self.signals: list[dbus.Message] = []

    def call(self, path: str, interface: str, member: str, signature: str = "", *body: Any) -> dbus.Message:
        """The reply or the error; signals that come before it are kept."""
        self._serial += 1
        self.socket.sendall(dbus.encode(dbus.Message(
            dbus.METHOD_CALL, self._serial, 0, path, interface, member, destination=SYSTEMD, signature=signature, body=body)))
        while (reply := self.next_message()).reply_serial != self._serial:
            self.signals.append(reply)
        return reply

    def next_message(self) -> dbus.Message:
        while (message := self._parser.next_message()) is None:
            data = self.socket.recv(1 << 18)
            if not data:
                raise ConnectionResetError("the manager hung up")
            self._parser.feed(data)
        return message

    def introspect(self, path: str) -> str:
        reply = self.call(path, INTROSPECTABLE, "Introspect")
        assert reply.type == dbus.METHOD_RETURN, reply
        return str(reply.body[0])
