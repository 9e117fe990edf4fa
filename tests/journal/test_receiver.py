"""The journal process as the manager starts it: real sockets in a temporary directory, its stdout a pipe."""

from __future__ import annotations

import array
import fcntl
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import initd
from initd.wire.journal import StreamHeader, encode_entry, encode_header

MAIN = Path(initd.__file__).parent / "journal" / "__main__.py"
NAMES = ("stdout", "socket", "dev-log")
PATIENCE = 20


class Journal:
    """A running journal process, its sockets, and what it has written so far."""

    def __init__(self, directory: Path, places: tuple[str, ...] = (), environment: dict[str, str] | None = None) -> None:
        self.directory = directory
        self.sockets = [self._bind(name) for name in NAMES]
        self.output, write_fd = os.pipe()
        old = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        try:
            # dup2 to 3, 4, 5 through posix_spawn's file actions, as the manager does it
            spare = [fcntl.fcntl(s.fileno(), fcntl.F_DUPFD, 100) for s in self.sockets]
            actions = [(os.POSIX_SPAWN_DUP2, write_fd, 1)]
            actions += [(os.POSIX_SPAWN_DUP2, fd, 3 + i) for i, fd in enumerate(spare)]
            self.pid = os.posix_spawn(
                sys.executable, [sys.executable, "-IS", str(MAIN), *places],
                {"LISTEN_FDS": "3", "LISTEN_FDNAMES": ":".join(NAMES), **(environment or {})}, file_actions=actions)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, old)
        for fd in spare:
            os.close(fd)
        os.close(write_fd)
        self.status: int | None = None
        self.text = b""

    def _bind(self, name: str) -> socket.socket:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM if name == "stdout" else socket.SOCK_DGRAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        sock.bind(str(self.directory / name))
        if name == "stdout":
            sock.listen(128)
        return sock

    def stream(self, header: StreamHeader | None = None) -> socket.socket:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.connect(str(self.directory / "stdout"))
        if header:
            sock.sendall(encode_header(header))
        return sock

    def send(self, name: str, data: bytes, fds: list[int] | None = None) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.connect(str(self.directory / name))
            sock.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else [])

    def read_until(self, expected: bytes) -> bytes:
        """Everything written so far, once it holds these bytes."""
        deadline = time.monotonic() + PATIENCE
        while expected not in self.text:
            ready, _, _ = select.select([self.output], [], [], max(0, deadline - time.monotonic()))
            assert ready, f"waited for {expected!r}, got {self.text[-2000:]!r}"
            data = os.read(self.output, 65536)
            assert data, f"it ended; waited for {expected!r}, got {self.text[-2000:]!r}"
            self.text += data
        return self.text

    def stop(self) -> bytes:
        """SIGTERM; everything it wrote until it ended."""
        os.kill(self.pid, signal.SIGTERM)
        while data := os.read(self.output, 65536):
            self.text += data
        return self.text

    def wait(self) -> int:
        if self.status is None:
            self.status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self.status

    def close(self) -> None:
        if self.status is None:
            os.kill(self.pid, signal.SIGKILL)
            self.wait()
        for sock in self.sockets:
            sock.close()
        os.close(self.output)


@pytest.fixture
def journal(tmp_path):
    process = Journal(tmp_path)
    yield process
    process.close()


ME = os.getpid()


def test_lines_carry_unit_and_pid_of_the_writer(journal):
    stream = journal.stream(StreamHeader("nginx", "nginx.service"))
    stream.sendall(b"one\ntwo\n")
    assert journal.read_until(b"two\n") == b"nginx.service[%d]: one\nnginx.service[%d]: two\n" % (ME, ME)


def test_a_line_written_in_pieces_comes_out_whole(journal):
    first, second = journal.stream(StreamHeader("a", "a.service")), journal.stream(StreamHeader("b", "b.service"))
    first.sendall(b"half of ")
    second.sendall(b"other\n")
    journal.read_until(b"other\n")
    first.sendall(b"a line\n")
    assert b"a.service[%d]: half of a line\n" % ME in journal.read_until(b"a line\n")


def test_unfinished_last_line_comes_out_at_the_end_of_the_stream(journal):
    stream = journal.stream(StreamHeader("a", "a.service"))
    stream.sendall(b"no newline")
    stream.close()
    assert journal.read_until(b"newline\n") == b"a.service[%d]: no newline\n" % ME


def test_another_process_on_the_stream_gets_its_own_line_and_pid(journal):
    stream = journal.stream(StreamHeader("a", "a.service"))
    stream.sendall(b"parent")
    child = subprocess.Popen(["sh", "-c", "printf child"], stdout=stream.fileno())
    child.wait(timeout=PATIENCE)
    stream.sendall(b" goes on\n")
    expected = b"a.service[%d]: parent\na.service[%d]: child\na.service[%d]:  goes on\n" % (ME, child.pid, ME)
    assert journal.read_until(b"goes on\n") == expected


def test_without_a_unit_the_identifier_names_the_line(journal):
    journal.stream(StreamHeader("my script\tx")).sendall(b"hello\n")
    assert journal.read_until(b"hello\n") == b"my_script_x[%d]: hello\n" % ME


def test_without_any_name_the_command_names_the_line(journal):
    journal.stream(StreamHeader("")).sendall(b"hello\n")
    comm = Path("/proc/self/comm").read_text().split()[0].encode()
    assert journal.read_until(b"hello\n") == b"%b[%d]: hello\n" % (comm, ME)


def test_a_senseless_header_ends_that_connection_only(journal):
    bad = journal.stream()
    bad.sendall(b"id\nunit\nnine\n1\n0\n0\n0\nlost\n")
    good = journal.stream(StreamHeader("a", "a.service"))
    assert bad.recv(1) == b""
    good.sendall(b"fine\n")
    assert journal.read_until(b"fine\n") == b"a.service[%d]: fine\n" % ME


def test_an_endless_header_ends_the_connection(journal):
    bad = journal.stream()
    with pytest.raises(OSError):
        for _ in range(1000):
            bad.sendall(b"x" * 10000)


def test_native_entry_of_several_lines(journal):
    journal.send("socket", encode_entry([("PRIORITY", "6"), ("SYSLOG_IDENTIFIER", "systemd"), ("MESSAGE", "a\nb")]))
    assert journal.read_until(b"b\n") == b"systemd[%d]: a\nsystemd[%d]: b\n" % (ME, ME)


def test_native_entry_in_a_sealed_memfd(journal):
    fd = os.memfd_create("entry", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.write(fd, encode_entry([("SYSLOG_IDENTIFIER", "big"), ("MESSAGE", "x" * 300_000)]))
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS,
                fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE)
    journal.send("socket", b"", [fd])
    os.close(fd)
    assert journal.read_until(b"x\n") == b"big[%d]: %b\n" % (ME, b"x" * 300_000)


def test_descriptors_that_are_not_sealed_memfds_are_closed_unread(journal, tmp_path):
    read_fd, write_fd = os.pipe()
    journal.send("socket", b"", [write_fd])
    os.close(write_fd)
    assert os.read(read_fd, 1) == b""  # blocks for as long as the journal keeps the other end
    os.close(read_fd)


def test_syslog_datagram(journal):
    journal.send("dev-log", b"<30>Jan  2 03:04:05 cron[77]: (root) CMD (true)")
    assert journal.read_until(b"\n") == b"cron[%d]: (root) CMD (true)\n" % ME


def test_rubbish_on_every_socket_harms_nobody(journal):
    rubbish = (b"", b"\0" * 100, b"MESSAGE\n" + b"\xff" * 8 + b"abc", b"=\n=\n\n\n", b"<", b"<>:", b"[]:")
    for name in ("socket", "dev-log"):
        for data in rubbish:
            journal.send(name, data)
    journal.stream().sendall(b"\n" * 7 + b"x\n")
    journal.send("socket", encode_entry([("SYSLOG_IDENTIFIER", "me"), ("MESSAGE", "alive")]))
    assert b"me[%d]: alive\n" % ME in journal.read_until(b"alive\n")


def test_last_words_come_before_what_is_said_about_the_death(journal):
    for i in range(50):
        stream = journal.stream(StreamHeader("a", "a.service"))
        stream.sendall(b"last words %d\n" % i)
        stream.close()
        journal.send("socket", encode_entry([("SYSLOG_IDENTIFIER", "systemd"), ("MESSAGE", f"end of {i}.")]))
    lines = journal.read_until(b"end of 49.\n").decode().splitlines()
    for i in range(50):
        words = lines.index(f"a.service[{ME}]: last words {i}")
        assert words < lines.index(f"systemd[{ME}]: end of {i}.")


def test_sigterm_writes_everything_that_was_there_and_exits_0(journal):
    streams = [journal.stream(StreamHeader("s", f"s{i}.service")) for i in range(20)]
    for i, stream in enumerate(streams):
        stream.sendall(b"line\n" * 2000 + b"tail %d" % i)
    text = journal.stop()
    assert journal.wait() == 0
    lines = text.splitlines()
    assert len(lines) == 20 * 2001
    for i in range(20):
        assert b"s%d.service[%d]: tail %d" % (i, ME, i) in lines


def test_a_signal_at_the_very_start_is_not_lost(journal):
    text = journal.stop()
    assert (text, journal.wait()) == (b"", 0)


def test_stdout_that_nobody_reads_holds_writers_back_and_loses_nothing(journal):
    stream = journal.stream(StreamHeader("flood", "flood.service"))
    stream.setblocking(False)
    sent = 0
    block = b"".join(b"%09d\n" % i for i in range(100_000))
    # Not read: the pipe fills, then the journal's one read, then the socket; then the writer waits.
    while select.select([], [stream], [], 0.5)[1]:
        sent += stream.send(block[sent:sent + 4096])
        assert sent < 900_000, "nothing holds the writer back"
    status = Path(f"/proc/{journal.pid}/status").read_text()
    rss = int(status.split("VmRSS:")[1].split()[0])
    assert rss < 40_000
    stream.setblocking(True)
    end = sent // 10 * 10 + 10
    rest = threading.Thread(target=stream.sendall, args=(block[sent:end],))
    rest.start()
    text = journal.read_until(b"%09d\n" % (end // 10 - 1))
    rest.join(PATIENCE)
    numbers = b"".join(line.partition(b": ")[2] for line in text.splitlines())
    assert numbers == block[:end].replace(b"\n", b"")


def test_a_reader_that_goes_away_does_not_end_the_journal(tmp_path):
    journal = Journal(tmp_path)
    try:
        spare, journal.output = journal.output, os.open("/dev/null", os.O_RDONLY)
        os.close(spare)
        stream = journal.stream(StreamHeader("a", "a.service"))
        stream.sendall(b"x\n" * 200_000)  # more than any buffer on the way
        os.kill(journal.pid, signal.SIGTERM)
        assert journal.wait() == 0
    finally:
        journal.close()


def test_idle_means_no_wake_up(journal):
    stream = journal.stream(StreamHeader("a", "a.service"))
    stream.sendall(b"x\n")
    journal.read_until(b"x\n")

    def switches() -> int:
        status = Path(f"/proc/{journal.pid}/status").read_text()
        return int(status.split("nonvoluntary_ctxt_switches:")[0].split("voluntary_ctxt_switches:")[1])

    deadline = time.monotonic() + PATIENCE
    while Path(f"/proc/{journal.pid}/wchan").exists() and "S" not in \
            Path(f"/proc/{journal.pid}/stat").read_text().rsplit(")", 1)[1].split()[0]:
        assert time.monotonic() < deadline
    before = switches()
    select.select([], [], [], 0.5)  # watch it do nothing for half a second
    assert switches() == before
