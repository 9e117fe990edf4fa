"""The manager's place on the system bus: names are watched, peers' calls come in, answers and signals go out.

A client of dbus-daemon(1) that never waits for it. Decides nothing: what a name or a call means is for those who are
told. While the bus is wanted and cannot be reached, or hangs up, it is tried again after a pause.

What the bus itself says (replies, NameOwnerChanged, ActivationRequest) counts only where the bus has sent it. A call
waits until the bus has said whose it is; unique names are never given twice, so that is asked once for each.
Source: D-Bus Specification, "Message Bus Specification".
"""

from __future__ import annotations

import _socket

from initd.core.places import SYSTEM
from initd.shell.connection import Connection, encode_answer
from initd.shell.fds import OwnedFd
from initd.wire import dbus
from initd.wire.sasl import PLAIN_GREETING, ClientHandshake

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Protocol

    from initd.shell.backlog import Backlog
    from initd.shell.connection import Loop

    Then = Callable[["dbus.Message | None"], None]

    class Listener(Protocol):
        """Who is told."""

        def on_owner(self, name: str, owner: str) -> None: ...
        def on_call(self, peer: Peer, uid: int, message: dbus.Message) -> None: ...
        def on_gone(self, peer: str) -> None: ...
        def on_activation(self, unit: str) -> None: ...
        def on_problem(self, text: str) -> None: ...

    #: Path, interface, member, signature, values.
    Signal = tuple[str, str, str, str, tuple[Any, ...]]

OWN_NAME = "org.freedesktop.systemd1"
_BUS, _BUS_PATH = "org.freedesktop.DBus", "/org/freedesktop/DBus"
_ACTIVATOR = OWN_NAME + ".Activator"
#: RequestName: take the name from whoever lets it be taken, and do not queue for it.
_REPLACE_EXISTING, _DO_NOT_QUEUE = 2, 4
#: RequestName's answers where it is ours, just now or already.
_OWNED = ((1,), (4,))

#: Longest message that is taken, as on the control socket.
MAX_CALL = 1 << 20
#: What may wait for the bus to read: it stands for many clients, and losing it loses them all.
MAX_PENDING = 1 << 26
RETRY_USEC = 1_000_000
#: Calls that wait for their callers' identity, all together.
MAX_UNKNOWN_CALLS = 256
#: Peers that are remembered though nothing is owed to them.
MAX_PEERS = 256


class Peer:
    """One connection of the bus, by its unique name. `uid` is None until the bus has told."""

    __slots__ = ("name", "uid", "calls", "holds", "references", "is_subscribed", "is_there", "silent")

    def __init__(self, name: str) -> None:
        self.name = name
        self.uid: int | None = None
        #: Calls that wait for the uid.
        self.calls: list[dbus.Message] = []
        #: How many of its wishes are under way, how many references it has to units, and whether it has asked for signals: of
        #: a peer with any of these the end is watched.
        self.holds = 0
        self.references = 0
        self.is_subscribed = False
        self.is_there = True
        #: Serials of calls that want no reply.
        self.silent: set[int] = set()

    @property
    def is_listening(self) -> bool:
        return self.is_subscribed or self.holds > 0 or self.references > 0


class SystemBus:
    """Owns the connection, while there is one."""

    def __init__(
        self, loop: Loop, clock: Callable[[], int], backlog: Backlog, listener: Listener, path: str = SYSTEM.bus
    ) -> None:
        self._backlog = backlog
        self._loop = loop
        self._clock = clock
        self._listener = listener
        self._path = path
        self._connection: Connection | None = None
        self._is_wanted = False
        self._retry_usec: int | None = None
        self._names: dict[str, None] = {}
        self._peers: dict[str, Peer] = {}
        #: Those of them whose end is watched.
        self._listening: dict[str, Peer] = {}
        self._n_unknown = 0
        self._waiting: dict[int, Then] = {}
        self._next_serial = 1

    # --- coming and going ------------------------------------------------------------------------------------------

    def connect(self, names: tuple[str, ...]) -> None:
        """Be on the bus from now on, and watch these names of it."""
        self._names = dict.fromkeys(names)
        self._is_wanted = True
        self._try()

    def disconnect(self) -> None:
        self._is_wanted = False
        self._retry_usec = None
        if self._connection is not None:
            self._connection.close()

    @property
    def is_connected(self) -> bool:
        return self._connection is not None

    def _try(self) -> None:
        self._retry_usec = None
        socket = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM | _socket.SOCK_NONBLOCK | _socket.SOCK_CLOEXEC)
        try:
            socket.connect(self._path)
        except OSError:
            socket.close()  # nobody there yet, or too many before us
            self._retry_usec = self._clock() + RETRY_USEC
            return
        self._connection = self._make_connection(socket)
        self._connection.send(PLAIN_GREETING)
        self._ask("Hello")
        for name in self._names:
            self._watch(name)
        self._ask("RequestName", "su", OWN_NAME, _REPLACE_EXISTING | _DO_NOT_QUEUE, then=self._on_own_name)

    def _make_connection(self, socket: _socket.socket) -> Connection:
        handshake = ClientHandshake(passes_fds=False)
        return Connection(
            self._loop, socket, handshake, self._clock, self._backlog, self._on_message, self._on_end, MAX_CALL, MAX_PENDING
        )

    def _on_own_name(self, reply: dbus.Message | None) -> None:
        if reply is not None and reply.body[:1] not in _OWNED:
            why = reply.body[0] if reply.type == dbus.ERROR and reply.body else "it is taken"
            self._listener.on_problem(f"Cannot have the name {OWN_NAME} on the system bus: {why}")

    def _on_end(self) -> None:
        """Everybody on the bus is out of reach, and it may be another one next time."""
        self._connection = None
        if self._is_wanted:
            self._retry_usec = self._clock() + RETRY_USEC
        peers, self._peers = self._peers, {}
        for peer in peers.values():
            peer.is_there = False
            if peer.references:
                self._listener.on_gone(peer.name)
        self._listening.clear()
        self._n_unknown = 0
        waiting, self._waiting = self._waiting, {}
        for then in waiting.values():
            then(None)

    def next_deadline(self) -> int | None:
        return self._connection.next_deadline() if self._connection is not None else self._retry_usec

    def on_deadline(self) -> None:
        now_usec = self._clock()
        if self._connection is not None:
            self._connection.on_deadline(now_usec)
        elif self._retry_usec is not None and self._retry_usec <= now_usec:
            self._try()

    # --- another manager in our place ------------------------------------------------------------------------------

    def save(self, fds: list[int]) -> dict[str, Any]:
        """The connection, which must be inherited, and who is on its other end."""
        fields = [name for name in Peer.__slots__ if name != "is_there"]
        return {
            "is_wanted": self._is_wanted, "names": list(self._names), "next_serial": self._next_serial,
            "connection": self._connection.save(fds) if self._connection is not None else None,
            "peers": [
                {name: getattr(each, name) for name in fields if name != "calls"} | {"calls": list(map(tuple, each.calls))}
                for each in self._peers.values()
            ],
        }

    def restore(self, saved: dict[str, Any]) -> None:
        """Nobody has noticed. What the bus was asked is asked again; old answers come to nobody."""
        self._is_wanted, self._next_serial = saved["is_wanted"], saved["next_serial"]
        self._names = dict.fromkeys(saved["names"])
        if saved["connection"] is None:
            if self._is_wanted:
                self._try()
            return
        self._connection = self._make_connection(_socket.socket(fileno=saved["connection"]["fd"]))
        self._connection.go_on(saved["connection"])
        for name in self._names:
            self._watch(name, is_new=False)
        self._ask("RequestName", "su", OWN_NAME, _REPLACE_EXISTING | _DO_NOT_QUEUE, then=self._on_own_name)
        for fields in saved["peers"]:
            self._restore_peer(fields)

    def _restore_peer(self, fields: dict[str, Any]) -> None:
        peer = self._peers[fields["name"]] = Peer(fields["name"])
        for name, value in fields.items():
            setattr(peer, name, value)
        peer.calls = [dbus.Message(*each) for each in fields["calls"]]
        self._n_unknown += len(peer.calls)
        if peer.calls:
            self._ask("GetConnectionUnixUser", "s", peer.name, then=lambda reply: self._on_uid(peer, reply))
        if peer.is_listening:
            self._listening[peer.name] = peer

    # --- asking the bus --------------------------------------------------------------------------------------------

    def _ask(self, member: str, signature: str = "", *body: Any, then: Then | None = None) -> None:
        """Call a method of the bus. `then` gets the reply, whichever, or None where the connection ends before."""
        serial = self._serial()
        flags = dbus.NO_AUTO_START if then is not None or member == "Hello" else dbus.NO_REPLY_EXPECTED
        if then is not None:
            self._waiting[serial] = then
        self._send(dbus.Message(
            dbus.METHOD_CALL, serial, flags, _BUS_PATH, _BUS, member, destination=_BUS, signature=signature, body=body,
        ))

    def _send(self, message: dbus.Message) -> None:
        if self._connection is not None:
            self._connection.send(dbus.encode(message))

    def _serial(self) -> int:
        serial = self._next_serial
        self._next_serial = serial % 0xFFFFFFFF + 1
        return serial

    # --- names -----------------------------------------------------------------------------------------------------

    def watch(self, name: str) -> None:
        """Tell who has this name, now and whenever that changes."""
        is_new = name not in self._names
        self._names[name] = None
        if self._connection is not None:
            self._watch(name, is_new)

    def unwatch(self, name: str) -> None:
        if name in self._names:
            del self._names[name]
            self._ask("RemoveMatch", "s", _rule(name))

    def _watch(self, name: str, is_new: bool = True) -> None:
        if is_new:
            self._ask("AddMatch", "s", _rule(name))
        self._ask("GetNameOwner", "s", name, then=lambda reply: self._on_name_owner(name, reply))

    def _on_name_owner(self, name: str, reply: dbus.Message | None) -> None:
        if reply is not None and name in self._names:
            self._listener.on_owner(name, str(reply.body[0]) if reply.type == dbus.METHOD_RETURN else "")

    def find_pid(self, owner: str, then: Callable[[int], None]) -> None:
        """`then` gets the pid of this unique name's process, 0 where nobody can tell."""
        if self._connection is None:
            then(0)
            return

        def on_reply(reply: dbus.Message | None) -> None:
            is_known = reply is not None and reply.type == dbus.METHOD_RETURN and reply.signature == "u"
            then(reply.body[0] if reply is not None and is_known else 0)  # type: ignore[arg-type]

        self._ask("GetConnectionUnixProcessID", "s", owner, then=on_reply)

    def find_pid_of(self, peer: Peer, then: Callable[[int], None]) -> None:
        self.find_pid(peer.name, then)

    # --- what comes ------------------------------------------------------------------------------------------------

    def _on_message(self, message: dbus.Message) -> None:
        if message.type == dbus.METHOD_CALL:
            if message.sender.startswith(":"):
                self._on_call(message)
        elif message.sender != _BUS:
            return
        elif message.type == dbus.SIGNAL:
            self._on_bus_signal(message)
        else:
            then = self._waiting.pop(message.reply_serial, None)
            if then is not None:
                then(message)

    def _on_bus_signal(self, message: dbus.Message) -> None:
        if (message.interface, message.member, message.signature) == (_BUS, "NameOwnerChanged", "sss"):
            name, _, owner = message.body
            if name in self._names:
                self._listener.on_owner(str(name), str(owner))
            elif not owner:
                self._lose(str(name))
        elif (message.interface, message.member, message.signature) == (_ACTIVATOR, "ActivationRequest", "s"):
            self._listener.on_activation(str(message.body[0]))

    def _on_call(self, message: dbus.Message) -> None:
        peer = self._peers.get(message.sender)
        if peer is None:
            self._make_room()
            peer = self._peers[message.sender] = Peer(message.sender)
        if message.flags & dbus.NO_REPLY_EXPECTED:
            peer.silent.add(message.serial)
        if peer.uid is not None:
            self._listener.on_call(peer, peer.uid, message)
        elif self._n_unknown >= MAX_UNKNOWN_CALLS:
            self.error(peer, message.serial, "org.freedesktop.DBus.Error.LimitsExceeded", "Too many calls at once.")
        else:
            self._n_unknown += 1
            peer.calls.append(message)
            if len(peer.calls) == 1:
                self._ask("GetConnectionUnixUser", "s", peer.name, then=lambda reply: self._on_uid(peer, reply))

    def _on_uid(self, peer: Peer, reply: dbus.Message | None) -> None:
        calls, peer.calls = peer.calls, []
        if not peer.is_there:
            return
        self._n_unknown -= len(calls)
        if reply is None or reply.type != dbus.METHOD_RETURN or reply.signature != "u":
            self._lose(peer.name)  # it has hung up meanwhile: whose wish it was nobody can tell
            return
        peer.uid = uid = int(str(reply.body[0]))
        for message in calls:
            self._listener.on_call(peer, uid, message)

    # --- peers -----------------------------------------------------------------------------------------------------

    def _make_room(self) -> None:
        """Forget the peer of whom nothing is waited for and that called first."""
        if len(self._peers) >= MAX_PEERS:
            idle = next((each for each in self._peers.values() if not each.calls and not each.is_listening), None)
            if idle is not None:
                del self._peers[idle.name]

    def _lose(self, name: str) -> None:
        peer = self._peers.pop(name, None)
        if peer is not None:
            peer.is_there = False
            if self._listening.pop(name, None) is not None:
                self._ask("RemoveMatch", "s", _rule(name))
            if peer.references:
                self._listener.on_gone(name)

    def subscribe(self, peer: Peer, is_wanted: bool) -> bool:
        """Signals are sent while somebody wants them. False: it is so already."""
        if peer.is_subscribed == is_wanted:
            return False
        was_listening = peer.is_listening
        peer.is_subscribed = is_wanted
        self._watch_peer(peer, was_listening)
        return True

    def hold(self, peer: Peer) -> None:
        """The peer has asked for a job: signals about jobs are sent until `let_go`, or until it is gone."""
        was_listening = peer.is_listening
        peer.holds += 1
        self._watch_peer(peer, was_listening)

    def let_go(self, peer: Peer) -> None:
        was_listening = peer.is_listening
        peer.holds -= 1
        self._watch_peer(peer, was_listening)

    def _watch_peer(self, peer: Peer, was_listening: bool) -> None:
        if not peer.is_there or was_listening == peer.is_listening:
            return
        if was_listening:
            self._listening.pop(peer.name, None)
            self._ask("RemoveMatch", "s", _rule(peer.name))
            return
        self._peers[peer.name] = self._listening[peer.name] = peer
        self._ask("AddMatch", "s", _rule(peer.name))
        self._ask("GetNameOwner", "s", peer.name, then=lambda reply: self._on_peer_owner(peer, reply))

    def _on_peer_owner(self, peer: Peer, reply: dbus.Message | None) -> None:
        if reply is not None and reply.type == dbus.ERROR and peer.is_there:
            self._lose(peer.name)  # gone before it was watched

    def refer(self, peer: Peer, is_wanted: bool) -> None:
        """The peer refers to one more unit, or one less; that it is gone is told."""
        was_listening = peer.is_listening
        peer.references += 1 if is_wanted else -1
        self._watch_peer(peer, was_listening)

    def take_fds(self, peer: Peer, numbers: tuple[int, ...]) -> list[OwnedFd] | None:
        """None: the bus was told not to send us any."""
        return [] if not numbers else None

    def reference_name(self, peer: Peer) -> str:
        """What is among a unit's Refs= for it."""
        return peer.name

    def name_of(self, peer: Peer) -> str:
        return peer.name

    def client_of(self, name: str) -> Peer:
        """The peer of this name; nobody hears what is said to one that is gone."""
        return self._peers.get(name) or Peer(name)

    def hears(self, is_of_job: bool) -> bool:
        """Somebody would hear a signal of this kind."""
        return any(peer.is_subscribed or peer.references or is_of_job for peer in self._listening.values())

    # --- what the manager says -------------------------------------------------------------------------------------

    def reply(self, peer: Peer, serial: int, signature: str, values: tuple[Any, ...]) -> None:
        """The answer to the call with this serial; nothing happens where the peer is gone or wanted none."""
        self._answer(peer, dbus.Message(
            dbus.METHOD_RETURN, self._serial(), dbus.NO_REPLY_EXPECTED, reply_serial=serial, destination=peer.name,
            signature=signature, body=tuple(values),
        ))

    def error(self, peer: Peer, serial: int, name: str, text: str) -> None:
        self._answer(peer, dbus.Message(
            dbus.ERROR, self._serial(), dbus.NO_REPLY_EXPECTED, error_name=name, reply_serial=serial,
            destination=peer.name, signature="s", body=(text.replace("\0", "?"),),
        ))

    def reply_file(self, peer: Peer, serial: int, text: str) -> None:
        """Descriptors do not go over this connection; who asks for one asks for the text then."""
        self.error(peer, serial, "org.freedesktop.DBus.Error.NotSupported", "Operation not supported")

    def _answer(self, peer: Peer, message: dbus.Message) -> None:
        if message.reply_serial in peer.silent:
            peer.silent.discard(message.reply_serial)
        elif peer.is_there and self._connection is not None:
            self._connection.send(encode_answer(message))

    def signal(self, path: str, interface: str, member: str, signature: str, values: tuple[Any, ...]) -> None:
        """To everybody who has a match rule for it."""
        self._send(self._signal(path, interface, member, signature, values))

    def news(self, subject: str, make: Callable[[], list[Signal]], make_later: Callable[[], list[Signal]]) -> None:
        """The same; while the bus is behind with reading, only what is true of the subject when it has caught up."""
        if self._connection is not None and self._connection.is_behind:
            later = lambda: [dbus.encode(self._signal(*each)) for each in make_later()]  # noqa: E731
            self._connection.send_later(subject, later)
        elif self._connection is not None:
            for signal in make():
                self.signal(*signal)

    def _signal(self, path: str, interface: str, member: str, signature: str, values: tuple[Any, ...]) -> dbus.Message:
        return dbus.Message(
            dbus.SIGNAL, self._serial(), dbus.NO_REPLY_EXPECTED, path, interface, member, signature=signature,
            body=tuple(values),
        )

    def request_stop(self, name: str, path: str) -> None:
        """Scope.RequestStop, to whoever has this name."""
        self._send(dbus.Message(
            dbus.SIGNAL, self._serial(), dbus.NO_REPLY_EXPECTED, path, f"{OWN_NAME}.Scope", "RequestStop", destination=name,
        ))

    def refuse_activation(self, unit: str, error: str, text: str) -> None:
        """Whoever waits for a bus name of this unit need not wait."""
        self._send(dbus.Message(
            dbus.SIGNAL, self._serial(), dbus.NO_REPLY_EXPECTED, "/org/freedesktop/systemd1", _ACTIVATOR,
            "ActivationFailure", destination=_BUS, signature="sss", body=(unit, error, text.replace("\0", "?")),
        ))


def _rule(name: str) -> str:
    return (f"type='signal',sender='{_BUS}',path='{_BUS_PATH}',interface='{_BUS}',member='NameOwnerChanged',"
            f"arg0='{name}'")
