"""Notifications over a real socket: whose they are, and what comes with them."""

from __future__ import annotations

import array
import os
import socket
import sys

import pytest

from initd.core.events import NotifyReceived
from initd.core.values import PidRef
from initd.shell.notify import NotifySocket, send
from initd.shell.track import Tracker

from .conftest import wait_until


@pytest.fixture
def tracker():
    tracker = Tracker({})
    tracker.watch("test.service", PidRef(os.getpid()))
    return tracker


@pytest.fixture
def receiver(tmp_path):
    receiver = NotifySocket(str(tmp_path / "notify"))
    yield receiver
    receiver.close()


@pytest.fixture
def client(receiver):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as client:
        client.connect(receiver.path)
        yield client


def only(receiver, tracker):
    (notification,) = list(receiver.receive(tracker))
    return notification


def test_fields_arrive_in_order_with_the_senders_identity(receiver, client, tracker):
    client.send(b"READY=1\nSTATUS=a = b\nnonsense\n\nMAINPID=999999999\0")
    fields = (("READY", "1"), ("STATUS", "a = b"), ("MAINPID", "999999999"))
    assert only(receiver, tracker).event == NotifyReceived("test.service", os.getpid(), os.getuid(), fields)


def test_a_main_process_that_lives_is_told_with_what_identifies_it(receiver, client, tracker):
    parent = os.getppid()
    client.send(f"MAINPID={parent}".encode())
    event = only(receiver, tracker).event
    assert (event.main.pid, event.main.start_ticks > 0, event.main_is_ours) == (parent, True, False)


def test_nothing_there_is_no_mistake(receiver, tracker):
    assert list(receiver.receive(tracker)) == []


def test_sender_without_a_unit_is_named(receiver, client):
    client.send(b"READY=1")
    notification = only(receiver, Tracker({}))
    assert notification.event is None and str(os.getpid()) in notification.problem


@pytest.mark.parametrize("data", [b"READY=1\n" + b"X" * 5000, b"A=1\0B=2"])
def test_bad_datagrams_are_dropped_with_a_reason(receiver, client, tracker, data):
    client.send(data)
    client.send(b"READY=1")
    bad, good = receiver.receive(tracker)
    assert bad.event is None and bad.problem
    assert good.event is not None


def test_descriptors_are_handed_on_and_closed_with_the_notification(receiver, client, tracker):
    reader, writer = os.pipe()
    client.sendmsg([b"BARRIER=1"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [writer]))])
    os.close(writer)
    notification = only(receiver, tracker)
    assert notification.event.fields == (("BARRIER", "1"),)
    assert [os.get_inheritable(fd.fileno()) for fd in notification.fds] == [False]
    os.set_blocking(reader, False)
    with pytest.raises(BlockingIOError):
        os.read(reader, 1)
    notification.close()
    assert os.read(reader, 1) == b""
    os.close(reader)


def test_one_talkative_service_does_not_fill_a_whole_wake_up(receiver, client, tracker):
    sent = 0
    client.setblocking(False)
    try:
        while sent < 400:
            client.send(b"WATCHDOG=1")
            sent += 1
    except BlockingIOError:
        pass  # the kernel's own bound on waiting datagrams
    total = 0
    while (batch := len(list(receiver.receive(tracker)))):
        assert batch <= 256
        total += batch
    assert total == sent


def test_service_process_is_heard_through_its_variable(receiver, runner, facts, tmp_path):
    from initd.shell.spawn import Spawner

    runner.spawner = Spawner(facts.replace(notify_path=receiver.path))
    os.chmod(tmp_path, 0o755)
    program = (
        "import os,socket;s=socket.socket(socket.AF_UNIX,socket.SOCK_DGRAM);"
        "s.sendto(b'READY=1',os.environ['NOTIFY_SOCKET']);input()"
    )
    spawned = runner.start(sys.executable, "-c", program, request={"may_notify": True})
    tracker = Tracker({})
    tracker.add_child("test.service", spawned.pid)
    (notification,) = wait_until(lambda: list(receiver.receive(tracker)))
    assert (notification.event.pid, notification.event.unit) == (spawned.pid, "test.service")


def test_managers_own_notification(receiver, tracker):
    assert send({"NOTIFY_SOCKET": receiver.path}, (("STATUS", "two\nlines"), ("READY", "1")))
    assert only(receiver, tracker).event.fields == (("STATUS", "two lines"), ("READY", "1"))
    assert not send({}, (("READY", "1"),))
    assert not send({"NOTIFY_SOCKET": "/nonexistent"}, (("READY", "1"),))


def test_abstract_address_is_understood():
    name = f"pyinit-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind("\0" + name)
        assert send({"NOTIFY_SOCKET": "@" + name}, (("READY", "1"),))
        assert listener.recv(100) == b"READY=1"
