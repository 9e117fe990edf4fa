"""initd/cli/socket_proxy.py: what comes in goes out at the other side, whole, both ways, until either end."""

import contextlib
import hashlib
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = (f"import sys, os; sys.path.insert(0, {str(ROOT)!r}); os.environ['LISTEN_PID'] = str(os.getpid()); "
           "from initd.cli.launch import systemd_socket_proxyd; systemd_socket_proxyd()")


class Proxy:
    """The command, with sockets that listen on loopback."""

    def __init__(self, *words: str, listeners: int = 1) -> None:
        self.listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(listeners)]
        numbers = [each.fileno() for each in self.listeners]

        def pass_on() -> None:
            copies = [os.dup(number) for number in numbers]
            for place, copy in enumerate(copies, 3):
                os.dup2(copy, place)
        self.process = subprocess.Popen(
            [sys.executable, "-IS", "-c", PROGRAM, *words], preexec_fn=pass_on, close_fds=False,
            env={"LISTEN_FDS": str(listeners)}, stderr=subprocess.PIPE, text=True)
        self.said: str | None = None

    def connect(self, number: int = 0) -> socket.socket:
        connection = socket.create_connection(self.listeners[number].getsockname(), 20)
        connection.settimeout(20)
        return connection

    def end(self) -> str:
        """What it said."""
        if self.said is None:
            self.process.kill()
            self.said = self.process.communicate()[1]
        return self.said


@pytest.fixture
def proxy():
    made = []

    def make(*words, **options):
        made.append(Proxy(*words, **options))
        return made[-1]
    yield make
    for each in made:
        each.end()
        for listener in each.listeners:
            listener.close()


@pytest.fixture
def echo():
    """A server that sends back what it gets, and then its end."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve(connection: socket.socket) -> None:
        with connection, contextlib.suppress(ConnectionError):
            while data := connection.recv(65536):
                connection.sendall(data)

    def accept() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(connection,), daemon=True).start()
    threading.Thread(target=accept, daemon=True).start()
    yield f"127.0.0.1:{server.getsockname()[1]}"
    server.close()


def read_all(connection: socket.socket) -> bytes:
    parts = []
    while data := connection.recv(1 << 20):
        parts.append(data)
    return b"".join(parts)


def test_much_goes_both_ways_at_once_and_ends_where_it_ended(proxy, echo):
    through = proxy(echo)
    data = os.urandom(8 << 20)
    with through.connect() as connection:
        def write() -> None:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
        writer = threading.Thread(target=write)
        writer.start()
        assert hashlib.sha256(read_all(connection)).digest() == hashlib.sha256(data).digest()
        writer.join()


def test_who_does_not_read_keeps_nobody_else_waiting(proxy, echo):
    through = proxy(echo)
    with through.connect() as deaf, through.connect() as other:
        deaf.setblocking(False)
        with pytest.raises(BlockingIOError):
            while True:
                deaf.send(b"x" * 65536)
        other.sendall(b"hello")
        assert other.recv(100) == b"hello"


def test_a_server_that_says_goodbye_first_may_still_be_talked_to(proxy):
    with socket.create_server(("127.0.0.1", 0)) as server:
        through = proxy(f"127.0.0.1:{server.getsockname()[1]}")
        with through.connect() as connection:
            served, _ = server.accept()
            with served:
                served.sendall(b"bye")
                served.shutdown(socket.SHUT_WR)
                assert read_all(connection) == b"bye"
                connection.sendall(b"late")
                connection.shutdown(socket.SHUT_WR)
                assert read_all(served) == b"late"


def test_several_sockets_lead_to_one_place_by_a_path(proxy, tmp_path):
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s"))
        server.listen()
        through = proxy(str(tmp_path / "s"), listeners=2)
        for number in range(2):
            with through.connect(number) as connection:
                served, _ = server.accept()
                with served:
                    served.sendall(b"%d" % number)
                assert read_all(connection) == b"%d" % number


def test_a_name_is_looked_up_and_its_addresses_are_tried_in_turn(proxy):
    with socket.create_server(("127.0.0.1", 0)) as server:  # "localhost" is ::1 as well, where nobody listens
        through = proxy(f"localhost:{server.getsockname()[1]}")
        with through.connect() as connection:
            served, _ = server.accept()
            with served:
                connection.sendall(b"x")
                assert served.recv(1) == b"x"


def test_nobody_there_ends_the_connection_and_says_why(proxy):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        address = f"127.0.0.1:{closed.getsockname()[1]}"
    through = proxy(address)
    with through.connect() as connection:
        try:
            assert connection.recv(1) == b""
        except ConnectionResetError:
            pass
    assert f"Failed to connect to {address}: Connection refused\n" == through.end()


def test_more_connections_than_allowed_are_refused(proxy, echo):
    through = proxy("-c", "1", echo)
    with through.connect() as first:
        first.sendall(b"x")
        assert first.recv(1) == b"x"
        with through.connect() as second:
            assert second.recv(1) == b""
    assert through.end() == "Hit connection limit, refusing connection.\n"


def test_it_ends_when_nobody_came_for_a_while(proxy, echo):
    through = proxy("--exit-idle-time=100ms", echo)
    with through.connect() as connection:
        connection.sendall(b"x")
        assert connection.recv(1) == b"x"
    assert through.process.wait(20) == 0


@pytest.mark.parametrize("words, listeners, complaint", [  # as systemd-socket-proxyd 252 said
    ((), 1, "Not enough parameters."),
    (("a", "b"), 1, "Too many parameters."),
    (("127.0.0.1:1",), 0, "Failed to receive sockets from parent."),
    (("--exit-idle-time=bla", "127.0.0.1:1"), 1, "Failed to parse --exit-idle-time= argument: bla"),
    (("-c", "0", "127.0.0.1:1"), 1, "Connection limit is too low."),
    (("-c", "x", "127.0.0.1:1"), 1, "Failed to parse --connections-max= argument: x"),
])
def test_what_it_cannot_do_it_says(proxy, words, listeners, complaint):
    through = proxy(*words, listeners=listeners)
    assert through.process.wait(20) == 1 and through.end() == complaint + "\n"
