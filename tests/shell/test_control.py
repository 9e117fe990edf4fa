"""Real sockets in a temporary directory; the clock is the test's, so nothing waits."""

from __future__ import annotations

import gc
import os
import select
import socket
import struct

import jeepney
import pytest
from jeepney import low_level
from jeepney.auth import Authenticator

from initd.shell import connection, control
from initd.shell.backlog import TURN_USEC, Backlog
from initd.shell.control import Control
from initd.wire import dbus
from initd.wire.sasl import CLIENT_GREETING


class FakeLoop:
    """An epoll with callbacks; `turn` handles what is ready now."""

    def __init__(self) -> None:
        self.epoll = select.epoll()
        self.callbacks: dict[int, object] = {}

    def add(self, fd, mask, callback):
        self.epoll.register(fd, mask)
        self.callbacks[fd] = callback

    def modify(self, fd, mask):
        self.epoll.modify(fd, mask)

    def remove(self, fd):
        self.epoll.unregister(fd)
        del self.callbacks[fd]


class Server:
    def __init__(self, path: str) -> None:
        self.path = path
        self.loop = FakeLoop()
        self.now = 1_000_000
        #: How long each call takes.
        self.call_usec = 0
        self.calls: list[tuple[int, int, dbus.Message]] = []
        self.backlog = Backlog(lambda: self.now)
        self.control = Control(self.loop, self.on_call, lambda: self.now, self.backlog)
        self.control.open(path)

    def on_call(self, client_id, uid, message):
        self.calls.append((client_id, uid, message))
        self.now += self.call_usec
        if message.member == "Echo":
            self.control.reply(client_id, message.serial, message.signature, message.body)
        elif message.member == "Much":
            self.control.reply(client_id, message.serial, "ay", (bytes(message.body[0]),))
        elif message.member == "File":
            self.control.reply_file(client_id, message.serial, message.body[0])
        elif message.member == "Wrong":
            self.control.reply(client_id, message.serial, "u", ("text",))
        else:
            self.control.error(client_id, message.serial, "org.x.Error", "no such thing")

    def turn(self) -> int:
        """Handle everything that is ready, until nothing is; returns the number of wake-ups."""
        turns = 0
        while True:
            ready = self.loop.epoll.poll(0)
            is_due = self.control.next_deadline() is not None and self.control.next_deadline() <= self.now
            if not ready and not is_due and not self.backlog.is_pending:
                return turns
            turns += 1
            for fd, mask in ready:
                if fd in self.loop.callbacks:
                    self.loop.callbacks[fd](mask)
            if is_due:
                self.control.on_deadline()
            self.backlog.go_on(bool(ready))


@pytest.fixture
def server(tmp_path):
    served = Server(str(tmp_path / "private"))
    yield served
    served.control.close()


def connect(server: Server) -> socket.socket:
    peer = socket.socket(socket.AF_UNIX)
    peer.setblocking(False)
    peer.connect(server.path)
    return peer


def greet(server: Server) -> socket.socket:
    peer = connect(server)
    peer.send(CLIENT_GREETING)
    server.turn()
    assert b"OK " in peer.recv(100)
    return peer


def call(member: str, signature: str = "", body: tuple = (), serial: int = 1, flags: int = 0) -> bytes:
    message = dbus.Message(dbus.METHOD_CALL, serial, flags, "/x", "x.y", member, signature=signature, body=body)
    return dbus.encode(message)


def received(server: Server, peer: socket.socket) -> list[dbus.Message]:
    """All that the server has to say to this peer."""
    parser = dbus.Parser()
    while True:
        server.turn()
        try:
            data = peer.recv(1 << 20)
        except BlockingIOError:
            break
        if not data:
            break
        parser.feed(data)
    found = []
    while (message := parser.next_message()) is not None:
        found.append(message)
    return found


def is_dropped(server: Server, peer: socket.socket) -> bool:
    server.turn()
    try:
        while peer.recv(1 << 20):
            pass
    except BlockingIOError:
        return False
    except ConnectionResetError:
        pass
    return True


def test_only_the_owner_may_connect(server):
    assert os.stat(server.path).st_mode & 0o777 == 0o700


def test_a_call_is_handed_over_with_the_peers_uid_and_answered(server):
    peer = greet(server)
    peer.send(call("Echo", "su", ("hello", 5), serial=77))
    (reply,) = received(server, peer)
    assert (reply.type, reply.reply_serial, reply.body) == (dbus.METHOD_RETURN, 77, ("hello", 5))
    assert reply.sender == "org.freedesktop.systemd1"
    assert server.calls[0][1] == os.getuid()


def test_greeting_and_call_in_one_write(server):
    peer = connect(server)
    peer.send(CLIENT_GREETING + call("Echo"))
    server.turn()
    assert [message.member for _, _, message in server.calls] == ["Echo"]


def test_errors_carry_name_and_text(server):
    peer = greet(server)
    peer.send(call("Nothing"))
    (reply,) = received(server, peer)
    assert (reply.type, reply.error_name, reply.body) == (dbus.ERROR, "org.x.Error", ("no such thing",))


def test_a_value_that_does_not_fit_becomes_an_error(server):
    peer = greet(server)
    peer.send(call("Wrong"))
    (reply,) = received(server, peer)
    assert reply.error_name == "org.freedesktop.DBus.Error.Failed"


def test_who_wants_no_reply_gets_none(server):
    peer = greet(server)
    peer.send(call("Echo", serial=1, flags=dbus.NO_REPLY_EXPECTED) + call("Echo", serial=2))
    assert [reply.reply_serial for reply in received(server, peer)] == [2]


def test_signals_reach_all_peers_but_not_strangers(server):
    peers = [greet(server), greet(server)]
    stranger = connect(server)
    server.turn()
    server.control.signal("/org/x", "org.x", "Happened", "u", (4,))
    for peer in peers:
        (signal,) = received(server, peer)
        assert (signal.type, signal.member, signal.body) == (dbus.SIGNAL, "Happened", (4,))
    assert received(server, stranger) == []


def nested(depth: int) -> bytes:
    """A variant in a variant in a variant …, as no encoder of ours makes them."""
    body = b"\1v\0" * depth + b"\1y\0\0"
    whole = call("Echo", "v", (("y", 0),))
    start = len(whole) - len(b"\1y\0\0")
    return whole[:4] + struct.pack("<I", len(body)) + whole[8:start] + body


def long_array(elements: int) -> bytes:
    return call("Echo", "as", ([""] * elements,))


RUBBISH = {
    "no handshake": b"GET / HTTP/1.0\r\n\r\n",
    "endless handshake": b"\0" + b"AUTH EXTERNAL\r\nCANCEL\r\n" * 100,
    "long line": b"\0AUTH " + b"x" * 10_000,
    "no message": CLIENT_GREETING + b"x" * 64,
    "endless message": CLIENT_GREETING + b"l\1\0\1" + b"\xff" * 64,
    "message too long": CLIENT_GREETING + call("Echo", "ay", (bytes(control.MAX_CALL),))[:1000],
    "nested too deep": CLIENT_GREETING + nested(70),
    "array too long": CLIENT_GREETING + long_array(control.MAX_ELEMENTS + 1),
    "arrays too long together": CLIENT_GREETING + call("Echo", "aas", ([[""] * 200] * 100,)),
}


def test_what_is_just_not_too_much_is_served(server):
    for number, fine in enumerate((nested(60), long_array(control.MAX_ELEMENTS))):
        peer = greet(server)
        peer.setblocking(True)
        peer.settimeout(5)
        for start in range(0, len(fine), 1 << 14):
            peer.sendall(fine[start:start + (1 << 14)])
            server.turn()
        assert len(server.calls) == number + 1


@pytest.mark.parametrize("rubbish", RUBBISH.values(), ids=RUBBISH)
def test_who_sends_rubbish_is_dropped_and_nobody_else(server, rubbish):
    other, peer = greet(server), connect(server)
    for start in range(0, len(rubbish), 1 << 14):
        try:
            peer.send(rubbish[start:start + (1 << 14)])
        except (BrokenPipeError, ConnectionResetError):
            break
        server.turn()
    assert is_dropped(server, peer)
    other.send(call("Echo"))
    assert len(received(server, other)) == 1


def test_who_does_not_authenticate_in_time_is_dropped(server):
    peer, other = connect(server), greet(server)
    peer.send(b"\0AUTH")
    server.turn()
    assert server.control.next_deadline() == 1_000_000 + connection.AUTHENTICATION_USEC
    server.now += connection.AUTHENTICATION_USEC
    assert is_dropped(server, peer) and not is_dropped(server, other)
    assert server.control.next_deadline() is None


def test_who_does_not_finish_a_message_is_dropped_after_a_while(server):
    """Byte by byte does not help: the message is to be complete in time. Whole messages begin anew."""
    slow, fast, whole = greet(server), greet(server), call("Echo")
    for position in range(10):
        slow.send(whole[position:position + 1])
        fast.send(whole + whole[:5] if not position else whole[5:] + whole[:5])
        server.turn()
        server.now += connection.STALL_USEC // 10
    server.turn()
    assert is_dropped(server, slow) and not is_dropped(server, fast)
    fast.send(whole[5:])
    received(server, fast)
    assert server.control.next_deadline() is None


def test_a_slow_client_costs_no_wake_up_while_nothing_comes(server):
    slow = greet(server)
    slow.send(call("Much", "u", (1 << 20,)) + call("Echo")[:20])
    server.turn()
    assert server.turn() == 0


def test_who_stops_reading_is_dropped_after_a_while(server):
    peer, other = greet(server), greet(server)
    peer.send(call("Much", "u", (1 << 20,)))
    server.turn()
    assert not is_dropped(server, other)
    server.now += connection.STALL_USEC
    server.turn()
    assert server.control.client_count == 1


def test_signals_do_not_pile_up_for_who_does_not_read(server):
    peer = greet(server)
    for _ in range(2 * connection.MAX_PENDING // (1 << 16)):
        server.control.signal("/org/x", "org.x", "Happened", "ay", (bytes(1 << 16),))
    assert server.control.client_count == 0
    assert is_dropped(server, peer)


def test_calls_wait_until_their_answers_are_read_and_none_is_lost(server):
    peer = greet(server)
    peer.send(b"".join(call("Much", "u", (1 << 19,), serial=n + 1) for n in range(12)))
    server.turn()
    assert len(server.calls) < 12
    assert [reply.reply_serial for reply in received(server, peer)] == list(range(1, 13))


def test_a_client_with_much_to_say_lets_others_speak_in_between(server):
    busy, other = greet(server), greet(server)
    busy.send(b"".join(call("Echo", serial=n + 1) for n in range(50)))
    other.send(call("Echo"))
    server.turn()
    members = [client_id for client_id, _, _ in server.calls]
    assert members.index(2) == 1 and len(members) == 51
    assert len(received(server, busy)) == 50


def test_a_client_whose_calls_take_long_has_short_turns(server):
    busy, other = greet(server), greet(server)
    server.call_usec = TURN_USEC * 2 // 3
    busy.send(b"".join(call("Echo", serial=n + 1) for n in range(20)))
    other.send(call("Echo"))
    assert server.turn() >= 10
    members = [client_id for client_id, _, _ in server.calls]
    assert members.index(2) == 1 and len(members) == 21
    assert len(received(server, busy)) == 20


def test_what_a_client_said_before_it_went_is_heard(server):
    peer = greet(server)
    peer.send(b"".join(call("Echo", serial=n + 1) for n in range(20)))
    server.call_usec = TURN_USEC
    peer.shutdown(socket.SHUT_WR)
    server.turn()
    assert len(server.calls) == 20
    assert server.control.client_count == 0


def test_there_is_an_end_to_the_number_of_clients(server):
    peers = [connect(server) for _ in range(control.MAX_CLIENTS)]
    server.turn()
    assert server.control.client_count == control.MAX_CLIENTS
    one_more = connect(server)
    assert is_dropped(server, one_more)
    peers.pop().close()
    server.turn()
    assert not is_dropped(server, connect(server))


def sent_with(data: bytes, fds: list[int]):
    return [data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack(f"{len(fds)}i", *fds))]


def with_fds(member: str, count: int) -> bytes:
    return dbus.encode(dbus.Message(dbus.METHOD_CALL, 1, 0, "/x", "x.y", member, fds=count))


def test_descriptors_are_the_answerers_to_take_and_closed_where_they_are_not(server):
    peer = greet(server)
    reader, writer = os.pipe()
    before = len(os.listdir("/proc/self/fd"))
    taken = []

    def take(client_id, uid, message):
        taken.append(server.control.take_fds(client_id, (1, 1, 0) if message.member == "Take" else ()))
        assert server.control.take_fds(client_id, (2,)) is None

    server.control._on_call = take
    peer.sendmsg(*sent_with(with_fds("Take", 2), [reader, writer]))
    server.turn()
    ((second, again, first),) = taken
    assert len(os.listdir("/proc/self/fd")) == before + 3 and second.fileno() != again.fileno()
    os.write(again.fileno(), b"x")
    assert os.read(first.fileno(), 1) == b"x" and not os.get_inheritable(first.fileno())
    for fd in taken[0]:
        fd.close()
    peer.sendmsg(*sent_with(with_fds("Leave", 2), [reader, writer]))
    server.turn()
    assert taken[1] == [] and len(os.listdir("/proc/self/fd")) == before
    os.close(reader)
    os.close(writer)


@pytest.mark.parametrize(("said", "sent"), [(2, 1), (0, connection.MAX_FDS + 1), (1, 0)])
def test_whoever_sends_other_descriptors_than_it_says_is_hung_up_on(server, said, sent):
    peer = greet(server)
    before = len(os.listdir("/proc/self/fd"))
    peer.sendmsg(*sent_with(with_fds("Echo", said), [0] * sent) if sent else ([with_fds("Echo", said)],))
    server.turn()
    assert server.control.client_count == 0 and not server.calls
    assert len(os.listdir("/proc/self/fd")) == before - 1


def test_descriptors_of_half_a_message_are_handed_on_to_another_manager(server):
    peer = greet(server)
    data = with_fds("Take", 1)
    peer.sendmsg(*sent_with(data[:20], [0]))
    server.turn()
    fds: list[int] = []
    ((client,), listener) = (server.control.save(fds)["clients"], server.control.save([])["listener"])
    (waiting,) = client["connection"]["fds"]
    assert {waiting, listener} < set(fds)
    peer.send(data[20:])
    server.turn()
    assert [message.fds for _, _, message in server.calls] == [1]
    with pytest.raises(OSError):
        os.fstat(waiting)


def test_descriptors_sent_along_do_not_stay(server):
    peer = greet(server)
    before = len(os.listdir("/proc/self/fd"))
    reader, writer = os.pipe()
    peer.sendmsg([call("Echo")], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack("i", reader))])
    server.turn()
    os.close(reader)
    os.close(writer)
    assert len(os.listdir("/proc/self/fd")) == before


def open_files() -> int:
    gc.collect()  # what an earlier test has left
    return len(os.listdir("/proc/self/fd"))


def test_an_answer_can_be_a_file(server):
    peer, before = greet(server), open_files()
    peer.send(call("File", "s", ("a long story",), serial=5) + call("Echo", "s", ("next",), serial=6))
    server.turn()
    data, fds, _, _ = socket.recv_fds(peer, 4096, 5)
    parser = dbus.Parser()
    parser.feed(data + (peer.recv(4096) if len(fds) else b""))
    reply, other = parser.next_message(), parser.next_message()
    assert (reply.reply_serial, reply.signature, reply.body, reply.fds) == (5, "h", (0,), 1)
    assert (other.reply_serial, other.fds) == (6, 0)
    with open(fds[0]) as file:
        assert file.read() == "a long story"
    assert open_files() == before


def test_files_wait_for_their_turn_and_are_bounded(server):
    peer, before = greet(server), open_files()
    peer.send(call("Much", "u", (1 << 20,)) + b"".join(call("File", "s", ("x",), serial=n) for n in range(2, 40)))
    server.turn()
    assert open_files() - before <= connection.ENOUGH_FILES
    serials, files, parser = [], 0, dbus.Parser()
    while len(serials) < 39:
        server.turn()
        data, fds, _, _ = socket.recv_fds(peer, 1 << 16, 5)
        files += len(fds)
        for fd in fds:
            os.close(fd)
        parser.feed(data)
        while (message := parser.next_message()) is not None:
            serials.append(message.reply_serial)
    assert serials == list(range(1, 40)) and files == 38
    assert open_files() == before


def test_files_that_nobody_took_are_closed_with_the_client(server):
    before = open_files()
    peer = greet(server)
    peer.send(call("Much", "u", (1 << 18,)) + b"".join(call("File", "s", ("x",), serial=n) for n in range(2, 5)))
    server.turn()
    peer.close()
    server.turn()
    assert open_files() == before


def test_who_takes_no_descriptors_gets_an_error(server):
    peer = connect(server)
    peer.send(b"\0AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n" + call("File", "s", ("x",)))
    server.turn()
    peer.recv(len(b"DATA\r\nOK \r\n") + 32)
    (reply,) = received(server, peer)
    assert reply.error_name == "org.freedesktop.DBus.Error.NotSupported"


def test_a_peer_that_hangs_up_is_forgotten(server):
    greet(server).close()
    server.turn()
    assert server.control.client_count == 0


def test_no_accepting_while_descriptors_are_short(server, monkeypatch):
    class Short:
        def fileno(self):
            return real.fileno()

        def _accept(self):
            raise OSError(24, "Too many open files")

        def close(self):
            real.close()

    real = server.control._listener
    server.control._listener = Short()
    peer = connect(server)
    assert server.turn() == 1  # and not for ever
    server.control._listener = real
    server.now += control.ACCEPT_PAUSE_USEC
    server.turn()
    assert server.control.client_count == 1
    peer.close()


def test_closing_removes_the_path_and_tells_the_peers(tmp_path):
    served = Server(str(tmp_path / "private"))
    peer = greet(served)
    served.control.close()
    assert not os.path.exists(served.path)
    assert peer.recv(10) == b""


def test_a_path_left_behind_is_replaced(tmp_path):
    (tmp_path / "private").write_text("")
    served = Server(str(tmp_path / "private"))
    assert greet(served)
    served.control.close()


def test_jeepney_can_talk_to_it(server):
    """A client that others wrote, with its own handshake."""
    peer, talk, theirs = connect(server), Authenticator(), low_level.Parser()
    for data in talk:
        peer.send(data)
        server.turn()
        talk.feed(peer.recv(1000))
    peer.send(b"BEGIN\r\n")
    address = jeepney.DBusAddress("/x", "org.x", "x.y")
    peer.send(jeepney.new_method_call(address, "Echo", "s", ("hi",)).serialise(serial=1))
    peer.send(jeepney.new_method_call(address, "No").serialise(serial=2))
    server.turn()
    theirs.add_data(peer.recv(10_000))
    assert theirs.get_next_message().body == ("hi",)
    assert theirs.get_next_message().header.message_type is jeepney.MessageType.error


def test_who_is_behind_with_reading_hears_of_the_latest_when_they_have_caught_up(server):
    slow, quick = greet(server), greet(server)
    state = {"a": 0, "b": 0}
    big = "x" * 40_000

    def tell(unit: str) -> None:
        state[unit] += 1
        signal = ("/u", "x.y", "Changed", "sus", (unit, state[unit], big))
        server.control.news(unit, lambda: [signal], lambda: [("/u", "x.y", "Changed", "sus", (unit, state[unit], big))])

    heard = []
    for _ in range(40):
        tell("a")
        tell("b")
        heard += [message.body[:2] for message in received(server, quick)]
    assert [body for body in heard if body[0] == "a"] == [("a", number) for number in range(1, 41)]
    late = [message.body[:2] for message in received(server, slow)]
    assert len(late) < 40 and set(late[-2:]) == {("a", 40), ("b", 40)}
