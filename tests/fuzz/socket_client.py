"""Runs in a container, as root: `socket_client.py fuzz SEED SECONDS` or `socket_client.py probe SECONDS`; prints a literal.

`fuzz` talks nonsense to the manager's socket: calls of every method with random values of the right types, the same with
bytes changed, cut off or added, handshakes of any kind, messages that never end, and clients that never read. Left out
are only methods that end the manager or make it read all units again: that they do what they are told is no news.
`probe` starts and stops a unit again and again, and tells how long each start took.
"""

from __future__ import annotations

import _random
import _socket
import re
import sys
import time

sys.path.insert(0, "/usr/lib/pyinit")

from initd.wire import dbus
from initd.wire.sasl import CLIENT_GREETING, ClientHandshake

PATH = "/run/systemd/private"
ROOT_OBJECT = "/org/freedesktop/systemd1"
MANAGER = "org.freedesktop.systemd1.Manager"
NOT_CALLED = {
    "Exit", "Reboot", "PowerOff", "Halt", "KExec", "SwitchRoot", "SoftReboot", "Reload", "Reexecute", "ClearJobs",
    "SetExitCode",
}
UNITS = ("victim.service", "victim@1.service", "other.service", "no.service", "x.socket", "a.timer", "-.mount", "")
WORDS = ("replace", "fail", "isolate", "ignore-dependencies", "all", "main", "control", "reload", "start", "*", "/", "a=b",
         "x" * 300, MANAGER, "org.freedesktop.systemd1.Unit", "ActiveState", "Environment", "é\U0001f600")
METHOD = re.compile(r'<(interface|method) name="([^"]+)"(?:/>|>(.*?)(?=<method|<signal|<property|</interface))', re.S)
KEPT = 40


class Chance:
    """Of random.Random what is needed: the module itself is not in python3-minimal."""

    def __init__(self, seed: int) -> None:
        self._random = _random.Random(seed)

    def below(self, count: int) -> int:
        return int(self._random.random() * count)

    def pick(self, values):
        return values[self.below(len(values))]

    def happens(self, probability: float) -> bool:
        return self._random.random() < probability

    def bytes(self, count: int) -> bytes:
        return bytes(self.below(256) for _ in range(count))


class Fuzzer:
    def __init__(self, seed: int) -> None:
        self.chance = Chance(seed)
        self.serial = 0
        self.counts: dict[str, int] = {}
        self.connection = self.connect()
        self.kept: list[_socket.socket] = []
        self.calls = [each for path in (ROOT_OBJECT, f"{ROOT_OBJECT}/unit/victim_2eservice") for each in self.methods(path)]

    def connect(self, greeting: bytes = CLIENT_GREETING) -> _socket.socket:
        connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
        connection.settimeout(5)
        connection.connect(PATH)
        if greeting:
            connection.sendall(greeting)
        return connection

    def count(self, what: str) -> None:
        self.counts[what] = self.counts.get(what, 0) + 1

    def methods(self, path: str) -> list[tuple[str, str, str, str]]:
        """(path, interface, method, signature) of an object, as it says itself."""
        connection = self.connect()
        connection.sendall(self.message(path, "org.freedesktop.DBus.Introspectable", "Introspect", "", ()))
        parser = parser_behind_greeting(connection)
        while (message := parser.next_message()) is None or message.type != dbus.METHOD_RETURN:
            if message is None:
                parser.feed(connection.recv(1 << 20))
        connection.close()
        found, interface = [], ""
        for tag, name, rest in METHOD.findall(message.body[0]):
            if tag == "interface":
                interface = name
                first = re.match(r'\s*<method name="([^"]+)"(?:/>|>(.*))', rest, re.S)
                tag, name, rest = ("method", first[1], first[2] or "") if first else ("", "", "")
            if tag == "method" and name not in NOT_CALLED:
                signature = "".join(kind for kind, way in re.findall(r'<arg type="([^"]+)"[^>]*direction="(in|out)"', rest)
                                    if way == "in")
                found.append((path, interface, name, signature))
        return found

    def message(self, path: str, interface: str, member: str, signature: str, body: tuple) -> bytes:
        self.serial = self.serial % 0xFFFFFFFF + 1
        return dbus.encode(dbus.Message(dbus.METHOD_CALL, self.serial, 0, path, interface, member,
                                        destination="org.freedesktop.systemd1", signature=signature, body=body))

    # --- values -----------------------------------------------------------------------------------------------------

    def value(self, kind: str, depth: int = 0):
        chance = self.chance
        letter = kind[0]
        if letter in "sog":
            return self.text(letter)
        if letter == "b":
            return chance.happens(0.5)
        if letter == "d":
            return float(chance.below(1000))
        if letter in "ynqiuxth":
            bits = {"y": 8, "n": 15, "q": 16, "i": 31, "u": 32, "x": 63, "t": 64, "h": 32}[letter]
            return chance.pick((0, 1, 2, 9, 15, (1 << bits) - 1, chance.below(1 << min(bits, 30)) % (1 << bits)))
        if letter == "v":
            inner = chance.pick(("s", "b", "t", "as", "u", "a(sasb)")) if depth < 3 else "s"
            return (inner, self.value(inner, depth + 1))
        if letter == "a" and kind[1] == "{":
            key, value = dbus.split(kind[2:-1])
            return {self.value(key): self.value(value, depth + 1) for _ in range(chance.below(3))}
        if letter == "a":
            count = chance.pick((0, 1, 2, 3, 200)) if depth < 2 else 1
            if kind[1] == "y":
                return chance.bytes(count)
            return [self.value(kind[1:], depth + 1) for _ in range(count)]
        return tuple(self.value(each, depth + 1) for each in dbus.split(kind[1:-1]))

    def text(self, letter: str) -> str:
        chance = self.chance
        if letter == "o":
            unit, job = f"{ROOT_OBJECT}/unit/victim_2eservice", f"{ROOT_OBJECT}/job/{chance.below(99)}"
            return chance.pick((ROOT_OBJECT, "/", unit, job))
        if letter == "g":
            return chance.pick(("", "s", "a{sv}"))
        if chance.happens(0.6):
            return chance.pick(UNITS)
        return chance.pick(WORDS)

    def call(self) -> bytes:
        path, interface, member, signature = self.chance.pick(self.calls)
        while True:
            try:
                values = tuple(self.value(kind) for kind in dbus.split(signature))
                return self.message(path, interface, member, signature, values)
            except dbus.WireError:
                continue  # a text that D-Bus cannot carry

    def spoil(self, data: bytes) -> bytes:
        """A message with something wrong in it."""
        chance, out = self.chance, bytearray(data)
        for _ in range(1 + chance.below(4)):
            place = chance.below(len(out)) if chance.happens(0.5) else chance.below(min(len(out), 32))
            what = chance.below(4)
            if what == 0:
                out[place] ^= 1 << chance.below(8)
            elif what == 1:
                out[place] = chance.pick((0, 1, 127, 128, 255))
            elif what == 2:
                del out[place:place + 1 + chance.below(8)]
            else:
                out[place:place] = chance.bytes(1 + chance.below(8))
            if not out:
                return b"l"
        return bytes(out)

    # --- what is done -----------------------------------------------------------------------------------------------

    def step(self) -> None:
        chance = self.chance
        what = chance.below(100)
        try:
            if what < 60:
                self.count("valid")
                self.send(self.call())
            elif what < 85:
                self.count("spoiled")
                self.send(self.spoil(self.call()))
            elif what < 90:
                self.count("handshake")
                self.keep(self.connect(self.spoil(CLIENT_GREETING)))
            elif what < 94:
                self.count("unfinished")
                connection = self.connect()
                data = self.call()
                connection.sendall(data[:1 + chance.below(len(data))])
                self.keep(connection)
            elif what < 97:
                self.count("unread")
                connection = self.connect()
                connection.settimeout(0.05)
                listing = self.message(ROOT_OBJECT, MANAGER, "ListUnits", "", ())
                connection.sendall(listing * (1 + chance.below(30)))
                self.keep(connection)
            else:
                self.count("noise")
                self.keep(self.connect(chance.bytes(1 + chance.below(2000))))
        except OSError:
            self.count("hung up")
            self.connection.close()
            self.connection = self.connect()

    def send(self, data: bytes) -> None:
        self.connection.sendall(data)
        self.connection.settimeout(0.002)
        try:
            while True:
                if not self.connection.recv(1 << 18):
                    raise OSError
        except (BlockingIOError, TimeoutError):
            self.connection.settimeout(5)

    def keep(self, connection: _socket.socket) -> None:
        self.kept.append(connection)
        if len(self.kept) > KEPT:
            self.kept.pop(self.chance.below(KEPT)).close()


def parser_behind_greeting(connection: _socket.socket) -> dbus.Parser:
    """The handshake is over; with what came behind it."""
    handshake, parser = ClientHandshake(), dbus.Parser()
    while not handshake.is_done:
        handshake.feed(connection.recv(1 << 20))
    parser.feed(handshake.rest)
    return parser


def fuzz(seed: int, seconds: float) -> None:
    fuzzer = Fuzzer(seed)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        fuzzer.step()
    print(fuzzer.counts | {"methods": len(fuzzer.calls)})


def probe(seconds: float) -> None:
    """Milliseconds from the call to the end of the job, each time."""
    times = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        times.append(round(run_job("StartUnit") * 1000, 2))
        run_job("StopUnit")
        time.sleep(0.1)
    print(times)


def run_job(method: str) -> float:
    began = time.monotonic()
    connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    connection.settimeout(30)
    connection.connect(PATH)
    call = dbus.encode(dbus.Message(dbus.METHOD_CALL, 7, 0, ROOT_OBJECT, MANAGER, method, signature="ss",
                                    body=("probe.service", "replace")))
    connection.sendall(CLIENT_GREETING + call)
    parser = parser_behind_greeting(connection)
    while True:
        message = parser.next_message()
        if message is None:
            parser.feed(connection.recv(1 << 16))
        elif message.member == "JobRemoved" and message.body[2] == "probe.service":
            connection.close()
            return time.monotonic() - began


if __name__ == "__main__":
    if sys.argv[1] == "fuzz":
        fuzz(int(sys.argv[2]), float(sys.argv[3]))
    else:
        probe(float(sys.argv[2]))
