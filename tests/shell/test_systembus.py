"""The system bus as its client sees it, against a fake of dbus-daemon on a real socket; the clock is the test's."""

from __future__ import annotations

import os
import socket

import pytest

from initd.core.saved import Reader, dump
from initd.shell import systembus
from initd.shell.backlog import Backlog
from initd.shell.systembus import OWN_NAME, Peer, SystemBus
from initd.wire import dbus
from initd.wire.sasl import ServerHandshake
from tests.shell.test_control import FakeLoop

BUS, BUS_PATH = "org.freedesktop.DBus", "/org/freedesktop/DBus"
ACTIVATOR = OWN_NAME + ".Activator"


class FakeBus:
    """Answers as dbus-daemon does, from what `owners`, `uids` and `pids` say. Everything sent to it is in `got`."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.listener: socket.socket | None = None
        self.peer: socket.socket | None = None
        self.got: list[dbus.Message] = []
        self.owners: dict[str, str] = {}
        self.uids: dict[str, int] = {}
        self.pids: dict[str, int] = {}
        self.is_mute = False
        self.refuses_name = ""
        self.serial = 0

    def open(self) -> None:
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.setblocking(False)
        self.listener.bind(self.path)
        self.listener.listen(5)

    def turn(self) -> bool:
        """Take what has come. False: there was nothing."""
        if self.peer is None:
            try:
                self.peer, _ = self.listener.accept() if self.listener else (None, None)
            except BlockingIOError:
                return False
            if self.peer is None:
                return False
            self.peer.setblocking(False)
            self.handshake, self.parser = ServerHandshake(0, "0" * 32), dbus.Parser()
        try:
            data = self.peer.recv(1 << 20)
        except BlockingIOError:
            return False
        if not data:
            self.hang_up()
            return True
        if not self.handshake.is_done:
            self.peer.send(self.handshake.feed(data))
            data = self.handshake.rest
        self.parser.feed(data)
        while (message := self.parser.next_message()) is not None:
            self.got.append(message)
            if message.destination == BUS and message.type == dbus.METHOD_CALL and not self.is_mute:
                self.answer(message)
        return True

    def answer(self, call: dbus.Message) -> None:
        known = {"GetNameOwner": self.owners, "GetConnectionUnixUser": self.uids, "GetConnectionUnixProcessID": self.pids}
        if call.member in known:
            value = known[call.member].get(str(call.body[0]))
            self.reply(call, "s" if call.member == "GetNameOwner" else "u", value)
        elif call.member == "Hello":
            self.reply(call, "s", ":1.1")
        elif call.member == "RequestName":
            self.reply(call, "u", None if self.refuses_name else 1, self.refuses_name)
        elif not call.flags & dbus.NO_REPLY_EXPECTED:
            self.reply(call, "", None)

    def reply(self, call: dbus.Message, signature: str, value: object, problem: str = "no such name") -> None:
        if value is None and signature:
            self.send(dbus.ERROR, error_name=BUS + ".Error.NameHasNoOwner", reply_serial=call.serial, signature="s",
                      body=(problem,))
        else:
            self.send(dbus.METHOD_RETURN, reply_serial=call.serial, signature=signature,
                      body=(value,) if signature else ())

    def send(self, kind: int, sender: str = BUS, **fields) -> None:
        self.serial += 1
        self.peer.send(dbus.encode(dbus.Message(kind, self.serial, sender=sender, **fields)))

    def signal(self, member: str, signature: str, *body: object, sender: str = BUS, interface: str = BUS) -> None:
        self.send(dbus.SIGNAL, sender, path=BUS_PATH, interface=interface, member=member, signature=signature, body=body)

    def owner_changes(self, name: str, old: str, new: str, **words) -> None:
        self.signal("NameOwnerChanged", "sss", name, old, new, **words)

    def call(self, sender: str, member: str, flags: int = 0) -> int:
        self.send(dbus.METHOD_CALL, sender, path="/x", interface="x.y", member=member, flags=flags)
        return self.serial

    def hang_up(self) -> None:
        self.peer.close()
        self.peer = None

    def asked(self, member: str) -> list[object]:
        """The first argument of each call of this method of the bus."""
        return [message.body[0] if message.body else None for message in self.got if message.member == member]

    def sent_to(self, destination: str) -> list[dbus.Message]:
        return [message for message in self.got if message.destination == destination]


class Stage:
    """The bus, its client, and what the client has told."""

    def __init__(self, path: str) -> None:
        self.daemon = FakeBus(path)
        self.loop = FakeLoop()
        self.now = 1_000_000
        self.backlog = Backlog(lambda: self.now)
        self.bus = SystemBus(self.loop, lambda: self.now, self.backlog, self, path)
        self.owners: list[tuple[str, str]] = []
        self.calls: list[tuple[Peer, int, dbus.Message]] = []
        self.activations: list[str] = []
        self.gone: list[str] = []
        self.problems: list[str] = []

    def on_owner(self, name: str, owner: str) -> None:
        self.owners.append((name, owner))

    def on_call(self, peer: Peer, uid: int, message: dbus.Message) -> None:
        self.calls.append((peer, uid, message))

    def on_gone(self, peer: str) -> None:
        self.gone.append(peer)

    def on_activation(self, unit: str) -> None:
        self.activations.append(unit)

    def on_problem(self, text: str) -> None:
        self.problems.append(text)

    def turn(self) -> None:
        """Until nobody has anything to say."""
        while True:
            ready = self.loop.epoll.poll(0)
            for fd, mask in ready:
                if fd in self.loop.callbacks:
                    self.loop.callbacks[fd](mask)
            is_due = self.bus.next_deadline() is not None and self.bus.next_deadline() <= self.now
            if is_due:
                self.bus.on_deadline()
            was_pending = self.backlog.is_pending
            self.backlog.go_on(bool(ready))
            if not self.daemon.turn() and not ready and not is_due and not was_pending:
                return

    def take_owners(self) -> list[tuple[str, str]]:
        self.turn()
        owners, self.owners = self.owners, []
        return owners

    def caller(self, name: str = ":1.5", uid: int = 1000) -> Peer:
        """A peer that has called."""
        self.daemon.uids[name], self.daemon.owners[name] = uid, name
        self.daemon.call(name, "Anything")
        self.turn()
        return self.calls[-1][0]


@pytest.fixture
def stage(tmp_path):
    made = Stage(str(tmp_path / "bus"))
    yield made
    made.bus.disconnect()


@pytest.fixture
def on_bus(stage):
    stage.daemon.open()
    stage.bus.connect(("org.x.a",))
    stage.take_owners()
    return stage


def test_it_says_hello_first_watches_names_and_takes_its_own(stage):
    stage.daemon.open()
    stage.bus.connect(("org.x.a", "org.x.b"))
    stage.daemon.owners["org.x.b"] = ":1.4"
    assert stage.take_owners() == [("org.x.a", ""), ("org.x.b", ":1.4")]
    assert stage.daemon.got[0].member == "Hello"
    assert stage.daemon.asked("RequestName") == [OWN_NAME]
    assert ["arg0='org.x.a'" in str(rule) for rule in stage.daemon.asked("AddMatch")] == [True, False]
    assert stage.problems == []


def test_a_name_that_is_denied_is_told_and_no_more(stage):
    stage.daemon.refuses_name = "policy says no"
    stage.daemon.open()
    stage.bus.connect(("org.x.a",))
    assert stage.take_owners() == [("org.x.a", "")]
    assert stage.problems == [f"Cannot have the name {OWN_NAME} on the system bus: policy says no"]


def test_owners_are_told_as_they_change(on_bus):
    on_bus.daemon.owner_changes("org.x.a", "", ":1.9")
    on_bus.daemon.owner_changes("org.x.other", "", ":1.9")
    on_bus.daemon.owner_changes("org.x.a", ":1.9", "")
    assert on_bus.take_owners() == [("org.x.a", ":1.9"), ("org.x.a", "")]


def test_names_come_and_go(on_bus):
    on_bus.daemon.owners["org.x.new"] = ":1.3"
    on_bus.bus.watch("org.x.new")
    assert on_bus.take_owners() == [("org.x.new", ":1.3")]
    on_bus.bus.unwatch("org.x.new")
    on_bus.daemon.owner_changes("org.x.new", ":1.3", "")
    assert on_bus.take_owners() == []
    assert len(on_bus.daemon.asked("RemoveMatch")) == 1


def test_a_name_watched_already_is_asked_for_again_without_another_rule(on_bus):
    rules = len(on_bus.daemon.asked("AddMatch"))
    on_bus.bus.watch("org.x.a")
    assert on_bus.take_owners() == [("org.x.a", "")]
    assert len(on_bus.daemon.asked("AddMatch")) == rules


def test_what_others_claim_to_be_the_bus_s_words_does_not_count(on_bus):
    on_bus.daemon.owner_changes("org.x.a", "", ":1.9", sender=":1.9")
    on_bus.daemon.signal("ActivationRequest", "s", "evil.service", sender=":1.9", interface=ACTIVATOR)
    found: list[int] = []
    on_bus.daemon.is_mute = True
    on_bus.bus.find_pid(":1.9", found.append)
    on_bus.turn()
    serial = on_bus.daemon.got[-1].serial
    on_bus.daemon.send(dbus.METHOD_RETURN, ":1.9", reply_serial=serial, signature="u", body=(1,))
    assert (on_bus.take_owners(), on_bus.activations, found) == ([], [], [])


# --- calls ------------------------------------------------------------------------------------------------------------


def test_a_call_comes_with_its_caller_s_uid_which_is_asked_once(on_bus):
    on_bus.daemon.uids[":1.5"] = 1000
    for member in ("One", "Two"):
        on_bus.daemon.call(":1.5", member)
    on_bus.turn()
    on_bus.daemon.call(":1.5", "Three")
    on_bus.turn()
    assert [(uid, message.member) for _, uid, message in on_bus.calls] == [(1000, "One"), (1000, "Two"), (1000, "Three")]
    assert on_bus.daemon.asked("GetConnectionUnixUser") == [":1.5"]


def test_nobody_is_root_before_the_bus_has_said_so(on_bus):
    on_bus.daemon.is_mute = True
    on_bus.daemon.call(":1.5", "One")
    on_bus.turn()
    assert on_bus.calls == []


def test_a_caller_that_is_gone_is_not_served(on_bus):
    on_bus.daemon.call(":1.5", "One")
    on_bus.turn()
    assert on_bus.calls == [] and on_bus.daemon.sent_to(":1.5") == []


def test_answers_go_to_whoever_called(on_bus):
    on_bus.daemon.uids[":1.5"] = 0
    serial = on_bus.daemon.call(":1.5", "One")
    on_bus.turn()
    peer = on_bus.calls[0][0]
    on_bus.bus.reply(peer, serial, "s", ("yes",))
    on_bus.bus.error(peer, serial, "org.x.No", "no\0")
    on_bus.bus.reply(peer, serial, "u", ("no number",))
    on_bus.turn()
    reply, error, mistake = on_bus.daemon.sent_to(":1.5")
    assert (reply.type, reply.reply_serial, reply.body) == (dbus.METHOD_RETURN, serial, ("yes",))
    assert (error.type, error.error_name, error.body) == (dbus.ERROR, "org.x.No", ("no?",))
    assert mistake.error_name == "org.freedesktop.DBus.Error.Failed"


def test_who_wants_no_answer_gets_none(on_bus):
    on_bus.daemon.uids[":1.5"] = 0
    serial = on_bus.daemon.call(":1.5", "One", dbus.NO_REPLY_EXPECTED)
    on_bus.turn()
    on_bus.bus.reply(on_bus.calls[0][0], serial, "", ())
    on_bus.turn()
    assert on_bus.daemon.sent_to(":1.5") == []


def test_there_is_an_end_to_calls_by_strangers(on_bus, monkeypatch):
    monkeypatch.setattr(systembus, "MAX_UNKNOWN_CALLS", 3)
    on_bus.daemon.is_mute = True
    for number in range(5):
        on_bus.daemon.call(f":1.{10 + number}", "One")
    on_bus.turn()
    refused = [message.error_name for number in range(5) for message in on_bus.daemon.sent_to(f":1.{10 + number}")]
    assert refused == ["org.freedesktop.DBus.Error.LimitsExceeded"] * 2


def test_there_is_an_end_to_the_peers_it_remembers(on_bus, monkeypatch):
    monkeypatch.setattr(systembus, "MAX_PEERS", 4)
    listener = on_bus.caller(":1.10")
    on_bus.bus.subscribe(listener, True)
    for number in range(11, 30):
        on_bus.caller(f":1.{number}")
    assert len(on_bus.bus._peers) == 4
    assert on_bus.bus.hears(False)


def test_many_calls_at_once_are_all_served(on_bus):
    on_bus.caller()
    for _ in range(24):
        on_bus.daemon.call(":1.5", "More")
    on_bus.turn()
    assert len(on_bus.calls) == 25


# --- signals ----------------------------------------------------------------------------------------------------------


def test_somebody_hears_signals_from_when_it_subscribes_until_it_goes(on_bus):
    peer = on_bus.caller()
    assert not on_bus.bus.hears(False)
    assert on_bus.bus.subscribe(peer, True)
    assert not on_bus.bus.subscribe(peer, True)
    on_bus.turn()
    assert on_bus.bus.hears(False) and on_bus.bus.hears(True)
    on_bus.daemon.owner_changes(":1.5", ":1.5", "")
    on_bus.turn()
    assert not on_bus.bus.hears(False) and not on_bus.bus.hears(True)
    assert len(on_bus.daemon.asked("RemoveMatch")) == 1


def test_unsubscribing_ends_it(on_bus):
    peer = on_bus.caller()
    on_bus.bus.subscribe(peer, True)
    assert on_bus.bus.subscribe(peer, False)
    assert not on_bus.bus.subscribe(peer, False)
    assert not on_bus.bus.hears(False)


def test_whoever_waits_for_a_job_hears_of_jobs_only(on_bus):
    peer = on_bus.caller()
    on_bus.bus.hold(peer)
    on_bus.bus.hold(peer)
    on_bus.bus.let_go(peer)
    assert (on_bus.bus.hears(True), on_bus.bus.hears(False)) == (True, False)
    on_bus.bus.let_go(peer)
    assert not on_bus.bus.hears(True)
    on_bus.turn()
    assert len(on_bus.daemon.asked("AddMatch")) - 1 == len(on_bus.daemon.asked("RemoveMatch")) == 1


def test_that_a_peer_with_references_is_gone_is_told(on_bus):
    for name, ends in ((":1.5", True), (":1.6", False)):
        peer = on_bus.caller(name)
        on_bus.bus.refer(peer, True)
        on_bus.bus.refer(peer, True)
        on_bus.bus.refer(peer, False)
        if not ends:
            on_bus.bus.refer(peer, False)
        on_bus.turn()
        on_bus.daemon.owner_changes(name, name, "")
        on_bus.turn()
    assert on_bus.gone == [":1.5"]


def test_with_the_bus_all_references_are_gone(on_bus):
    on_bus.bus.refer(on_bus.caller(":1.5"), True)
    on_bus.caller(":1.6")
    on_bus.daemon.hang_up()
    on_bus.turn()
    assert on_bus.gone == [":1.5"]


def test_a_subscriber_that_has_gone_before_it_is_watched_does_not_stay(on_bus):
    peer = on_bus.caller()
    del on_bus.daemon.owners[":1.5"]
    on_bus.bus.subscribe(peer, True)
    on_bus.turn()
    assert not on_bus.bus.hears(False)


def test_a_signal_is_for_everybody(on_bus):
    on_bus.bus.signal("/org/x", "org.x", "Happened", "u", (4,))
    on_bus.turn()
    message = on_bus.daemon.got[-1]
    assert (message.type, message.destination, message.member, message.body) == (dbus.SIGNAL, "", "Happened", (4,))


# --- activation ---------------------------------------------------------------------------------------------------------


def test_the_bus_s_wish_for_a_unit_is_passed_on_and_may_be_refused(on_bus):
    on_bus.daemon.signal("ActivationRequest", "s", "a.service", interface=ACTIVATOR)
    on_bus.turn()
    assert on_bus.activations == ["a.service"]
    on_bus.bus.refuse_activation("a.service", "org.x.No", "not now")
    on_bus.turn()
    message = on_bus.daemon.got[-1]
    assert (message.type, message.destination, message.interface) == (dbus.SIGNAL, BUS, ACTIVATOR)
    assert (message.member, message.body) == ("ActivationFailure", ("a.service", "org.x.No", "not now"))


def test_the_process_of_an_owner(on_bus):
    on_bus.daemon.pids[":1.9"] = 77
    found: list[int] = []
    on_bus.bus.find_pid(":1.9", found.append)
    on_bus.bus.find_pid(":1.8", found.append)
    on_bus.turn()
    assert found == [77, 0]


# --- coming and going ---------------------------------------------------------------------------------------------------


def test_a_bus_that_is_not_there_is_tried_again(stage):
    stage.bus.connect(("org.x.a",))
    stage.turn()
    assert not stage.bus.is_connected
    stage.daemon.open()
    stage.now += systembus.RETRY_USEC
    assert stage.take_owners() == [("org.x.a", "")]


def test_whoever_waits_is_told_when_the_bus_hangs_up_and_all_is_asked_anew(on_bus):
    on_bus.daemon.is_mute = True
    found: list[int] = []
    on_bus.bus.find_pid(":1.9", found.append)
    on_bus.turn()
    on_bus.daemon.hang_up()
    on_bus.turn()
    assert (found, on_bus.bus.is_connected) == ([0], False)
    on_bus.daemon.is_mute = False
    on_bus.daemon.owners["org.x.a"] = ":1.2"
    on_bus.now += systembus.RETRY_USEC
    assert on_bus.take_owners() == [("org.x.a", ":1.2")]
    assert on_bus.daemon.asked("RequestName") == [OWN_NAME] * 2


def test_peers_of_a_bus_that_has_gone_hear_nothing_from_the_next(on_bus):
    peer = on_bus.caller()
    on_bus.bus.subscribe(peer, True)
    on_bus.bus.hold(peer)
    on_bus.daemon.hang_up()
    on_bus.turn()
    on_bus.now += systembus.RETRY_USEC
    on_bus.turn()
    on_bus.daemon.got.clear()
    on_bus.bus.reply(peer, 1, "", ())
    on_bus.bus.let_go(peer)
    on_bus.turn()
    assert on_bus.daemon.got == [] and not on_bus.bus.hears(True)


def test_another_manager_goes_on_and_nobody_notices(on_bus):
    """daemon-reexec: same connection, same subscribers; a call whose caller was not known yet is served."""
    on_bus.bus.subscribe(on_bus.caller(), True)
    on_bus.bus.hold(on_bus.caller(":1.6", 0))
    on_bus.turn()
    on_bus.daemon.is_mute = True
    on_bus.daemon.uids[":1.7"] = 77
    on_bus.daemon.call(":1.7", "Waiting")
    on_bus.turn()
    fds: list[int] = []
    saved = Reader([]).load(dump(on_bus.bus.save(fds)))
    assert fds == [saved["connection"]["fd"]]
    saved["connection"]["fd"] = os.dup(fds[0])
    on_bus.bus.disconnect()
    on_bus.bus = SystemBus(on_bus.loop, lambda: on_bus.now, on_bus.backlog, on_bus, on_bus.daemon.path)
    on_bus.daemon.is_mute = False
    on_bus.daemon.got.clear()
    on_bus.bus.restore(saved)
    assert on_bus.take_owners() == [("org.x.a", "")]
    assert on_bus.daemon.asked("Hello") == []
    assert (on_bus.calls[-1][1], on_bus.calls[-1][2].member) == (77, "Waiting")
    assert on_bus.bus.hears(False)
    on_bus.bus.let_go(on_bus.bus.client_of(":1.6"))
    on_bus.daemon.owner_changes(":1.5", ":1.5", "")
    on_bus.turn()
    assert not on_bus.bus.hears(True)


def test_another_manager_goes_on_trying(stage):
    stage.bus.connect(("org.x.a",))
    saved = stage.bus.save([])
    stage.bus.disconnect()
    stage.daemon.open()
    stage.bus.restore(saved)
    assert stage.take_owners() == [("org.x.a", "")]


def test_a_bus_that_is_not_wanted_any_more_is_left_alone(on_bus):
    on_bus.bus.disconnect()
    on_bus.turn()
    assert on_bus.bus.next_deadline() is None
    found: list[int] = []
    on_bus.bus.find_pid(":1.9", found.append)
    assert found == [0]


def test_a_bus_that_lets_nobody_in_is_tried_again_later(stage):
    stage.daemon.open()
    stage.bus.connect(())
    stage.daemon.listener.setblocking(True)
    peer, _ = stage.daemon.listener.accept()
    peer.send(b"REJECTED EXTERNAL\r\n")
    for fd, mask in stage.loop.epoll.poll(1):
        stage.loop.callbacks[fd](mask)
    assert not stage.bus.is_connected and stage.bus.next_deadline() == stage.now + systembus.RETRY_USEC
