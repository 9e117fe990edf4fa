from __future__ import annotations

import os
import socket
import stat

import pytest

from initd.core.events import SocketBroken, SocketReady
from initd.core.settings import SocketSettings
from initd.shell import listening
from initd.shell.fds import OwnedFd
from initd.shell.loop import Loop
from initd.shell.sockets import Sockets

from .conftest import needs_root


class Watcher:
    def __init__(self) -> None:
        self.loop = Loop()
        self.ready: list[str] = []
        self.broken: list[SocketBroken] = []
        self.connections: list[tuple[str, OwnedFd, str]] = []
        self.sockets = Sockets(self.loop, self._on_event, lambda *each: self.connections.append(each), "/nonexistent")

    def _on_event(self, event: object) -> None:
        assert isinstance(event, (SocketReady, SocketBroken))
        if isinstance(event, SocketBroken):
            self.broken.append(event)
        else:
            self.ready.append(event.unit)
        self.sockets.watch(event.unit, False)

    def open(self, **words: object):
        settings = SocketSettings()
        for word, value in words.items():
            assert hasattr(SocketSettings, word), word
            setattr(settings, word, value)
        return self.sockets.open("a.socket", settings)


@pytest.fixture
def watcher():
    made = Watcher()
    yield made
    made.sockets.close("a.socket", True)
    for _, fd, *_ in made.connections:
        fd.close()
    made.loop.close()


def port_of(fd: int) -> int:
    sock = socket.socket(fileno=os.dup(fd))
    with sock:
        return sock.getsockname()[1]


def test_a_path_gets_its_mode_and_directories_and_goes_when_it_is_told_to(watcher, tmp_path):
    path = tmp_path / "a/b/sock"
    assert watcher.open(listen=(("Stream", str(path)),), socket_mode=0o600, directory_mode=0o700).failure == ""
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 and path.is_socket()
    assert stat.S_IMODE((tmp_path / "a/b").stat().st_mode) == 0o700
    watcher.sockets.close("a.socket", False)
    assert path.is_socket()
    assert watcher.open(listen=(("Stream", str(path)),)).failure == ""  # over the one that was left
    watcher.sockets.close("a.socket", True)
    assert not path.exists()


def test_what_is_in_the_way_goes(watcher, tmp_path):
    """As recorded of systemd 252 (conformance/triggers, nodes-in-the-way)."""
    (tmp_path / "sock").write_text("mine")
    assert watcher.open(listen=(("Stream", str(tmp_path / "sock")),)).failure == ""
    assert (tmp_path / "sock").is_socket()


@needs_root
@pytest.mark.parametrize("planted", ["link", "file"])
def test_what_takes_a_sockets_place_at_once_is_neither_opened_to_all_nor_given_away(watcher, tmp_path, monkeypatch, planted):
    """In a directory that others may write to, as soon as it is bound."""
    path, victim = tmp_path / "sock", tmp_path / "victim"
    victim.write_text("")
    victim.chmod(0o600)

    class Swapped(listening.s.socket):
        def bind(self, address):
            super().bind(address)
            if address == str(path):
                path.unlink()
                path.symlink_to(victim) if planted == "link" else os.link(victim, path)

    monkeypatch.setattr(listening.s, "socket", Swapped)
    opened = watcher.open(listen=(("Stream", str(path)),), socket_user="nobody", socket_mode=0o666)
    assert "no socket any more" in opened.failure
    info = victim.stat()
    assert (info.st_uid, stat.S_IMODE(info.st_mode)) == (0, 0o600)


def test_whoever_comes_is_told_of_once_watched(watcher, tmp_path):
    watcher.open(listen=(("Stream", str(tmp_path / "s")), ("FIFO", str(tmp_path / "f"))))
    client = socket.socket(socket.AF_UNIX)
    with client:
        client.connect(str(tmp_path / "s"))
        watcher.loop.run_once(0)
        assert watcher.ready == []
        watcher.sockets.watch("a.socket", True)
        watcher.loop.run_once(0)
        assert watcher.ready == ["a.socket"]


def test_who_waits_is_dropped_where_the_unit_says_so(watcher, tmp_path):
    watcher.open(listen=(("Stream", str(tmp_path / "s")),))
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(tmp_path / "s"))
        watcher.sockets.watch("a.socket", True, flushes=True)
        watcher.loop.run_once(0)
        assert watcher.ready == []
        assert client.recv(1) == b""


def test_connections_are_accepted_and_named(watcher):
    watcher.open(listen=(("Stream", "127.0.0.1:0"),), accept=True)
    watcher.sockets.watch("a.socket", True)
    port = port_of(watcher.sockets.of(("a.socket",))[0][0])
    with socket.create_connection(("127.0.0.1", port)) as client:
        watcher.loop.run_once(0)
        ((unit, connection, peer, source),) = watcher.connections
        assert (unit, peer) == ("a.socket", f"127.0.0.1:{port}-127.0.0.1:{client.getsockname()[1]}")
        assert not os.get_inheritable(connection.fileno())
        os.write(connection.fileno(), b"x")
        assert client.recv(1) == b"x"


def test_local_peers_are_named_by_process_and_user(watcher, tmp_path):
    watcher.open(listen=(("Stream", str(tmp_path / "s")),), accept=True)
    watcher.sockets.watch("a.socket", True)
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(tmp_path / "s"))
        watcher.loop.run_once(0)
    assert watcher.connections[0][2] == f"{os.getpid()}-{os.getuid()}"


def test_options_are_set_or_told_of(watcher):
    answer = watcher.open(
        listen=(("Stream", "127.0.0.1:0"),), keep_alive=True, keep_alive_time_usec=60_000_000, no_delay=True,
        reuse_port=True, priority=3, tcp_congestion="nosuch",
    )
    assert [problem.partition("=")[0] for problem in answer.problems] == ["TCPCongestion"]
    with socket.socket(fileno=os.dup(watcher.sockets.of(("a.socket",))[0][0])) as sock:
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 60
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_PRIORITY) == 3


def test_a_service_is_given_them_in_order_with_their_names(watcher, tmp_path):
    watcher.open(listen=(("Datagram", "@abstract-of-a-test"), ("FIFO", str(tmp_path / "f"))), file_descriptor_name="mine")
    fds, names = watcher.sockets.of(("a.socket", "unknown.socket"))
    assert names == ["mine", "mine"] and len(fds) == 2
    assert stat.S_ISSOCK(os.fstat(fds[0]).st_mode) and stat.S_ISFIFO(os.fstat(fds[1]).st_mode)


def test_links_lead_to_the_node(watcher, tmp_path):
    watcher.open(listen=(("Stream", str(tmp_path / "s")),), symlinks=(str(tmp_path / "d/link"),))
    assert os.readlink(tmp_path / "d/link") == str(tmp_path / "s")


def test_an_unknown_user_fails_it(watcher, tmp_path):
    failure = watcher.open(listen=(("Stream", str(tmp_path / "s")),), socket_user="no-such-user").failure
    assert "no-such-user is not known" in failure


@pytest.mark.parametrize("accepts", [False, True])
@pytest.mark.parametrize("kind", ["path", "port"])
def test_one_that_a_service_has_shut_down_is_told_of(watcher, tmp_path, kind, accepts):
    watcher.open(listen=(("Stream", str(tmp_path / "s") if kind == "path" else "127.0.0.1:0"),), accept=accepts)
    with socket.socket(fileno=os.dup(watcher.sockets.of(("a.socket",))[0][0])) as sock:
        sock.shutdown(socket.SHUT_RDWR)
    watcher.sockets.watch("a.socket", True)
    watcher.loop.run_once(0)
    assert [event.is_shut for event in watcher.broken] == [True] and watcher.ready == [] == watcher.connections
