"""Who waits for which answer and hears which signal: a real engine, and a channel that writes down what is said to it."""

from __future__ import annotations

import pytest

from initd.clients import Caller, Clients
from initd.core import events as ev
from initd.core.objectpath import OWN_MANAGER, ROOT, unit_path
from initd.core.values import ProcessEnd
from initd.wire import dbus
from tests.api_manager import FakeManager

MANAGER = "org.freedesktop.systemd1.Manager"
_UNIT = "[Unit]\nDefaultDependencies=no\n[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/a\n"


class Channel:
    """As the system bus: clients are names."""

    def __init__(self) -> None:
        self.answers: list[tuple[str, int, object]] = []
        self.signals: list[str] = []
        self.subscribed: set[str] = set()
        self.held: list[str] = []
        self.references: list[str] = []

    def reply(self, client, serial, signature, values):
        self.answers.append((client, serial, values))

    def error(self, client, serial, name, text):
        self.answers.append((client, serial, name.rpartition(".")[2]))

    def signal(self, path, interface, member, signature, values):
        if interface != OWN_MANAGER:
            self.signals.append(member)

    def news(self, subject, make, make_later):
        for signal in make():
            self.signal(*signal)

    def hears(self, is_of_job):
        return bool(self.subscribed or is_of_job and self.held)

    def subscribe(self, client, is_wanted):
        if (client in self.subscribed) == is_wanted:
            return False
        (self.subscribed.add if is_wanted else self.subscribed.discard)(client)
        return True

    def hold(self, client):
        self.held.append(client)

    def let_go(self, client):
        self.held.remove(client)

    def refer(self, client, is_wanted):
        (self.references.append if is_wanted else self.references.remove)(client)

    def reference_name(self, client):
        return client

    def find_pid_of(self, client, then):
        then({":1.5": 1000}.get(client, 0))

    def name_of(self, client):
        return client

    def client_of(self, name):
        return name


class Stage:
    def __init__(self, root) -> None:
        self.manager = FakeManager(root)
        self.manager.write("a.service", _UNIT)
        self.channel = Channel()
        self.clients = self.make_clients()
        self.serial = 0
        self.orders: list[object] = []

    def make_clients(self) -> Clients:
        return Clients({"bus": self.channel}, self.manager.view, self.feed)

    def feed(self, event) -> None:
        events = [event]
        while events:
            for effect in self.manager.engine.handle(events.pop(0), self.manager.now()):
                events += self.manager._carry_out(effect)
                self.clients.tell(effect)
        self.clients.tell_changes()

    def call(self, member: str, signature: str = "", *body: object, client: str = ":1.5") -> object:
        """What is answered."""
        self.serial += 1
        message = dbus.Message(dbus.METHOD_CALL, self.serial, 0, ROOT, MANAGER, member, sender=client,
                               signature=signature, body=body)
        caller = Caller(self.channel, client, self.serial)
        self.clients.on_call(caller, 0, message, lambda order, caller: self.orders.append(order))
        name, serial, answer = self.channel.answers.pop()
        assert (name, serial, self.channel.answers) == (client, self.serial, [])
        return answer

    def end_process(self) -> None:
        (pid,) = self.manager.processes
        unit, _ = self.manager.processes.pop(pid)
        self.feed(ev.ProcessExited(unit, pid, ProcessEnd("exited", 0)))


@pytest.fixture
def stage(tmp_path):
    return Stage(tmp_path)


def test_whoever_has_asked_for_a_job_hears_of_its_end_and_of_nothing_else(stage):
    stage.call("StartUnit", "ss", "a.service", "replace")
    assert (stage.channel.held, stage.channel.signals) == ([":1.5"], ["JobNew"])
    stage.end_process()
    assert (stage.channel.held, stage.channel.signals) == ([], ["JobNew", "JobRemoved"])


def test_a_job_that_is_done_at_once_is_told_too(stage):
    stage.call("StartUnit", "ss", "basic.target", "replace")
    assert (stage.channel.held, stage.channel.signals.count("JobRemoved")) == ([], stage.channel.signals.count("JobNew"))
    assert "JobRemoved" in stage.channel.signals


@pytest.mark.parametrize("unit, mode", [("nosuch.service", "replace"), ("a.service", "isolate")])
def test_who_is_refused_waits_for_nothing(stage, unit, mode):
    assert isinstance(stage.call("StartUnit", "ss", unit, mode), str)
    assert (stage.channel.held, stage.channel.signals) == ([], [])


def test_what_is_done_already_makes_nobody_wait(stage):
    stage.call("StartUnit", "ss", "basic.target", "replace")
    stage.call("StartUnit", "ss", "basic.target", "replace")
    assert stage.channel.held == []


def test_subscribers_hear_everything(stage):
    assert stage.call("Subscribe") == ()
    assert stage.call("Subscribe") == "AlreadySubscribed"
    stage.call("StartUnit", "ss", "a.service", "replace", client=":1.6")
    assert {"JobNew", "PropertiesChanged"} <= set(stage.channel.signals)
    assert stage.call("Unsubscribe") == ()
    assert stage.call("Unsubscribe") == "NotSubscribed"


def test_references_are_counted_where_they_change(stage):
    stage.call("RefUnit", "s", "a.service")
    stage.call("RefUnit", "s", "a.service", client=":1.6")
    stage.call("UnrefUnit", "s", "a.service")
    assert stage.call("UnrefUnit", "s", "a.service") == ()
    assert stage.channel.references == [":1.6"]


def test_another_manager_knows_who_waits(stage):
    stage.call("StartUnit", "ss", "a.service", "replace")
    saved = stage.clients.save([])
    stage.clients = stage.make_clients()
    stage.clients.restore(saved)
    stage.end_process()
    assert (stage.channel.held, stage.channel.signals) == ([], ["JobNew", "JobRemoved"])


def test_whoever_asks_for_process_0_means_itself(stage):
    stage.manager.processes[1000] = ("a.service", "daemon")
    stage.manager.load("a.service")
    for member, signature, value, error in (
            ("GetUnitByPID", "u", 0, "NoUnitForPID"), ("GetUnitByInvocationID", "ay", b"", "NoSuchUnit")):
        assert stage.call(member, signature, value) == (unit_path("a.service"),)
        assert stage.call(member, signature, value, client=":1.6") == error


def test_who_refers_to_a_unit_that_it_makes_does_so_when_it_is_there(stage):
    stage.manager.load("a.service")
    stage.clients.refer(Caller(stage.channel, ":1.5", 1), "a.service")
    assert stage.channel.references == [":1.5"]
    assert stage.manager.engine.units["a.service"].references == [":1.5"]
