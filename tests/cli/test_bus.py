"""A connection to a manager: what is waited for, and for how long."""

from __future__ import annotations

import socket
import threading

import pytest

from initd.cli.bus import Bus, BusError
from initd.wire import dbus


def test_a_reply_that_never_comes_is_not_waited_for_longer_because_signals_come():
    ours, theirs = socket.socketpair()
    connection = Bus.__new__(Bus)
    connection._socket, connection._parser, connection._timeout = ours, dbus.Parser(dbus.MAX_MESSAGE), 0.2
    connection._serial, connection._signals = 0, []
    is_over = threading.Event()

    def talk() -> None:
        serial = 0
        while not is_over.wait(0.01):
            serial += 1
            theirs.sendall(dbus.encode(dbus.Message(dbus.SIGNAL, serial, 0, "/a", "a.b", "C")))

    talker = threading.Thread(target=talk)
    talker.start()
    try:
        with pytest.raises(BusError) as caught:
            connection.ask("Reload")
    finally:
        is_over.set()
        talker.join()
        ours.close()
        theirs.close()
    assert caught.value.name == "org.freedesktop.DBus.Error.NoReply"
    assert connection.has_signals
