"""Streams outlive the journal that had them: the manager's side and the real process, which is killed."""

from __future__ import annotations

import os
import select
import signal
import socket
import sys
import time
from pathlib import Path

import pytest

import initd
from initd.journal.keeper import Keeper
from initd.journal.segment import HEAD_SIZE, decode_entry
from initd.shell.journal import Journal
from initd.shell.keptstreams import KeptStreams
from initd.wire import keeping
from initd.wire.journal import StreamHeader, encode_header

PROGRAM = Path(initd.__file__).parent / "journal" / "__main__.py"
PATIENCE = 20


class Held:
    """A journal and its manager's side, which this process is."""

    def __init__(self, directory: Path, config: str = "") -> None:
        self.run = directory / "run"
        (self.run / "etc/systemd").mkdir(parents=True)
        (self.run / "etc/systemd/journald.conf").write_text(f"[Journal]\n{config}\n")
        self.journal = Journal(str(self.run), sys.executable, str(PROGRAM), dev=str(directory))
        assert self.journal.open() == []
        self.journal.start()

    def connect(self, unit: str = "a.service") -> socket.socket:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.settimeout(PATIENCE)
        sock.connect(str(self.run / "systemd/journal/stdout"))
        if unit:
            sock.sendall(encode_header(StreamHeader("id", unit)))
        return sock

    def kill(self) -> None:
        os.kill(self.journal.pid, signal.SIGKILL)
        os.waitpid(self.journal.pid, 0)
        self.journal.start()

    def sync(self) -> None:
        deadline = time.monotonic() + PATIENCE
        while True:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
                sock.settimeout(PATIENCE)
                if not sock.connect_ex(str(self.run / "systemd/journal/io.systemd.journal")):
                    sock.sendall(b'{"method":"io.systemd.Journal.Synchronize"}\0')
                    assert sock.recv(1000) == b'{"parameters":{}}\0'
                    return
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def texts(self, field: bytes = b"MESSAGE") -> list[bytes]:
        found = []
        for path in sorted((self.run / "log/journal" / ("0" * 32)).iterdir()):
            data, position = path.read_bytes(), HEAD_SIZE
            while (decoded := decode_entry(data, position)) is not None:
                found.append(dict(decoded[0]).get(field, b""))
                position = decoded[1]
        return found

    def count(self) -> int:
        """Streams that are kept, as far as the journal has said by now."""
        self.journal.streams.hear_all()
        return len(self.journal.streams)

    def close(self) -> None:
        os.kill(self.journal.pid, signal.SIGKILL)
        os.waitpid(self.journal.pid, 0)


@pytest.fixture
def held(tmp_path, monkeypatch):
    monkeypatch.setenv("PYINIT_LOG", "none")
    made = Held(tmp_path)
    yield made
    made.close()


def test_a_stream_goes_on_behind_a_kill(held):
    first, second = held.connect("a.service"), held.connect("b.service")
    first.sendall(b"<3>one\n")
    second.sendall(b"two\n")
    held.sync()
    held.kill()
    first.sendall(b"<3>three\n")
    second.sendall(b"four\n")
    held.sync()
    assert held.texts() == [b"one", b"two", b"three", b"four"]
    assert held.texts(b"PRIORITY") == [b"3", b"6", b"3", b"6"]
    assert held.texts(b"_SYSTEMD_UNIT") == [b"a.service", b"b.service"] * 2
    names = held.texts(b"_STREAM_ID")
    assert names[:2] == names[2:] and names[0] != names[1]


def test_what_is_written_while_there_is_no_journal_waits_in_the_stream(held):
    stream = held.connect()
    held.sync()
    os.kill(held.journal.pid, signal.SIGKILL)
    os.waitpid(held.journal.pid, 0)
    stream.sendall(b"nobody reads\n")
    late = held.connect("late.service")
    late.sendall(b"nor this\n")
    held.journal.start()
    held.sync()
    assert sorted(held.texts()) == [b"nobody reads", b"nor this"]


def test_many_kills_between_two_lines(held):
    stream = held.connect()
    for number in range(5):
        stream.sendall(b"%d\n" % number)
        held.sync()
        held.kill()
    held.sync()
    assert held.texts() == [b"%d" % number for number in range(5)]
    assert held.count() == 1


def test_half_a_header_is_no_line(held):
    header = encode_header(StreamHeader("id", "late.service"))
    stream = held.connect("")
    stream.sendall(header[:10])
    held.sync()
    held.kill()
    held.sync()
    stream.sendall(header[10:] + b"line\n")
    held.sync()
    assert held.texts() == [b"line"]
    assert held.texts(b"_SYSTEMD_UNIT") == [b"late.service"]


def test_a_header_that_was_told_but_not_taken_is_no_line(held):
    """As a journal leaves it that was killed in between."""
    os.kill(held.journal.pid, signal.SIGSTOP)
    stream = held.connect("a.service")
    stream.sendall(b"line\n")
    ours, theirs = socket.socketpair()
    os.kill(held.journal.pid, signal.SIGKILL)
    os.waitpid(held.journal.pid, 0)
    header = encode_header(StreamHeader("id", "b.service"))
    ours.sendall(header + b"other\n")
    held.journal.streams.hear_all()
    end = held.journal.streams._ends[1]
    socket.send_fds(end, [keeping.encode(keeping.KEEP, b"n" * 16, header)], [theirs.fileno()])
    theirs.close()
    held.journal.start()
    held.sync()
    assert sorted(held.texts()) == [b"line", b"other"]


def test_an_ended_stream_is_not_kept(held):
    streams = [held.connect() for _ in range(20)]
    held.sync()
    assert held.count() == 20
    for stream in streams[:-1]:
        stream.sendall(b"bye\n")
        stream.close()
    held.sync()
    assert held.count() == 1
    assert len(held.texts()) == 19


def test_a_stream_that_ends_while_there_is_no_journal_is_read_to_its_end(held):
    stream = held.connect()
    held.sync()
    os.kill(held.journal.pid, signal.SIGKILL)
    os.waitpid(held.journal.pid, 0)
    stream.sendall(b"last words")
    stream.close()
    held.journal.start()
    held.sync()
    assert held.texts() == [b"last words"]
    assert held.count() == 0


def test_half_a_line_that_was_synced_is_whole_behind_the_kill(held):
    stream, other = held.connect(), held.connect("b.service")
    stream.sendall(b"one\nhalf ")
    other.sendall(b"ended ")
    held.sync()
    other.sendall(b"line\n")
    held.sync()
    held.kill()
    held.sync()
    held.kill()  # also what the second journal was told, and did not read itself
    stream.sendall(b"a line\n")
    other.sendall(b"next\n")
    held.sync()
    assert sorted(held.texts()) == [b"ended line", b"half a line", b"next", b"one"]


def test_half_a_line_that_was_ended_before_the_kill_comes_once(held):
    stream = held.connect()
    stream.sendall(b"half ")
    held.sync()
    stream.sendall(b"a line\n")
    deadline = time.monotonic() + PATIENCE
    while held.texts() != [b"half a line"]:  # written without a sync: what was told of the half is old
        assert time.monotonic() < deadline
        time.sleep(0.01)
    held.kill()
    stream.sendall(b"next\n")
    held.sync()
    assert held.texts() == [b"half a line", b"next"]


def test_a_senseless_header_closes_the_stream_though_it_is_kept(held):
    stream = held.connect("")
    stream.sendall(b"a\nb\nno number\n1\n0\n0\n0\n")
    assert stream.recv(1) == b""
    with pytest.raises(BrokenPipeError):
        stream.sendall(b"line\n")
    held.sync()
    assert held.count() == 0


def test_another_manager_goes_on_with_the_streams(held, tmp_path):
    stream = held.connect()
    stream.sendall(b"one\nhalf ")
    held.sync()
    fds: list[int] = []
    saved = held.journal.save(fds)
    assert set(saved["streams"]["ends"]) <= set(fds)
    again = {fd: os.dup(fd) for fd in fds}  # the same numbers in another process

    def renumber(value):
        if isinstance(value, int) and not isinstance(value, bool):
            return again.get(value, value)
        if isinstance(value, dict):
            return {key: renumber(each) if key not in ("pid", "dropped") else each for key, each in value.items()}
        return type(value)(renumber(each) for each in value) if isinstance(value, (list, tuple)) else value

    successor = Journal(str(held.run), sys.executable, str(PROGRAM), dev=str(tmp_path))
    successor.restore(renumber(saved))
    held.journal = successor
    held.kill()
    stream.sendall(b"a line\n")
    held.sync()
    assert held.texts() == [b"one", b"half a line"]


def test_a_manager_that_kept_no_streams_leaves_none():
    kept = KeptStreams()
    kept.restore({})
    assert kept.fileno() >= 0 and len(kept) == 0 and kept.is_ready


def test_no_more_than_the_bound_is_kept():
    kept = KeptStreams()
    kept.open()
    most = kept._most = 3
    with open("/dev/null", "rb") as file:
        before = len(os.listdir("/proc/self/fd"))
        for number in range(5):
            socket.send_fds(kept._ends[1], [keeping.encode(keeping.KEEP, b"%016d" % number, b"x")], [file.fileno()])
        kept.hear_all()
    assert (len(kept), kept.refused) == (most, 2)
    assert len(os.listdir("/proc/self/fd")) == before - 1 + most


def test_strangers_streams_are_kept_up_to_a_bound():
    """Whoever is neither root nor the manager's user may connect, but not use up what the manager has."""
    poller = select.epoll()
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    keeper, kept = Keeper(theirs, poller), KeptStreams()
    kept._ends = ours, theirs
    ours.setblocking(False)
    names = [b"%016d" % number for number in range(600)]
    with open("/dev/null", "rb") as file:
        for number, name in enumerate(names):
            keeper.keep(name, file.fileno())
            keeper.count(name, is_stranger=number % 2 == 0)
            keeper.flush()
            kept.hear_all()
    assert len(kept) == 300 + 256
    for name in names:
        keeper.forget(name)
        keeper.flush()
        kept.hear_all()
    assert len(kept) == 0


def test_what_the_manager_does_not_take_now_is_told_later_in_order():
    poller = select.epoll()
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    keeper, kept = Keeper(theirs, poller), KeptStreams()
    kept._ends = ours, theirs
    ours.setblocking(False)
    names = [b"%016d" % number for number in range(5000)]
    with open("/dev/null", "rb") as file:
        for name in names[:3]:
            keeper.keep(name, file.fileno())
            keeper.count(name, is_stranger=False)
        for name in names[3:]:
            keeper.change(names[1], name)
        keeper.forget(names[0])
        keeper.flush()
    assert poller.poll(0) == []  # there is no room, and so no reason to wake up
    while keeper._waiting:
        kept.hear_all()
        assert poller.poll(0) == [(theirs.fileno(), select.EPOLLOUT)]
        keeper.flush()
    kept.hear_all()
    assert {name: state for name, (_, state) in kept._streams.items()} == {names[1]: names[-1], names[2]: b""}
    assert poller.poll(0) == []


@pytest.mark.parametrize("message", [
    b"", b"K", b"K" + b"n" * 15, b"C" + b"n" * 16, b"D" + b"n" * 17, b"L" + b"x", b"?", b"K" * 20000,
], ids=repr)
def test_rubbish_is_not_heeded(message):
    kept = KeptStreams()
    kept.open()
    kept._ends[1].send(message) if message else None
    kept.hear_all()
    assert len(kept) == 0


def test_names_and_states_of_streams_are_read_as_they_were_written():
    streams = [(5, b"a" * 16, b""), (700, b"b" * 16, b"header\n" * 7)]
    assert keeping.decode_streams(keeping.encode_streams(streams)) == streams
    for torn in (1, 17, 30, -1):
        with pytest.raises(ValueError):
            keeping.decode_streams(keeping.encode_streams(streams)[:torn])
