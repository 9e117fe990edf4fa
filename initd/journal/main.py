"""The journal's process: `main` runs it until SIGTERM, or until the manager is gone (see the package's docstring).

SIGUSR1, SIGUSR2 and SIGRTMIN+1 ask for what systemd-journald(8), SIGNALS, says; journalctl asks by a socket.
"""

from __future__ import annotations

import _signal
import _socket
import os
import sys

from initd.journal.config import configure, read_files
from initd.journal.keeper import read_lines
from initd.journal.outlet import Outlet
from initd.journal.printing import FORMATS, printer
from initd.journal.receiver import Receiver
from initd.journal.report import report
from initd.journal.sender import Senders
from initd.journal.sink import Sink
from initd.journal.storage import Storage, read_ids
from initd.journal.syslogd import Syslogd
from initd.journal.varlink import NAME, Varlink
from initd.journal.wall import Wall
from initd.wire.keeping import decode_streams

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_FIRST_FD = 3  # sd_listen_fds(3)
#: epoll_wait(2) takes a number of milliseconds.
_LONGEST_WAIT_USEC = 20 * 86_400_000_000


class Journal:
    """Joins the receiver with who may ask for things besides."""

    def __init__(self, receiver: Receiver, storage: Storage | None, control_path: str) -> None:
        self.receiver = receiver
        self.storage = storage
        self.wishes: list[str] = []
        self._methods = {
            "Synchronize": lambda done: self._do("sync", done), "Rotate": lambda done: self._do("rotate", done),
            "FlushToVar": lambda done: self._do("flush_to_var", done),
            "RelinquishVar": lambda done: self._do("relinquish_var", done),
        }
        self.varlink: Varlink | None = None
        if control_path:
            try:
                self.varlink = Varlink(control_path, self._methods)
                receiver.watch(self.varlink.fileno())
            except OSError as error:
                report(f"cannot listen on {control_path}: {error.strerror}")

    def run(self, wakeup_fd: int) -> None:
        """Until told to stop; then everything readable is written before this returns."""
        self.receiver.watch(wakeup_fd)
        if self.storage is not None:
            self.receiver.watch(self.storage.syncer.fileno())
        self.receiver.keeper.ready()
        while True:
            ready = self.receiver.wait(self._timeout_sec())
            if wakeup_fd in ready:
                os.read(wakeup_fd, 512)
            self.receiver.turn(ready)
            self._answer(ready)
            wishes, self.wishes[:] = list(self.wishes), []
            if "stop" in wishes or self.receiver.is_abandoned:
                break
            for wish in wishes:
                self._do(wish)
            if self.receiver.keeper.has_old_lines(self._store_end()):
                self._keep_lines()
            if self.storage and self.storage.store and self.storage.store.wait_usec() == 0:
                self.storage.store.on_time()
        self.receiver.drain()
        if self.storage is not None:
            if self.storage.store is not None:
                self.storage.store.close()
            self.storage.syncer.finish()

    def _timeout_sec(self) -> float:
        """Until the store wants to be looked after; -1: nothing is to be done."""
        wait_usec = self.storage.store.wait_usec() if self.storage and self.storage.store else None
        return -1 if wait_usec is None else min(wait_usec, _LONGEST_WAIT_USEC) / 1_000_000

    def _do(self, wish: str, done: Callable[[], None] | None = None) -> None:
        """What came before the wish is part of it."""
        self.receiver.catch_up()
        if self.storage is not None:
            getattr(self.storage, wish)()
        self._keep_lines()
        if done is not None and self.storage is not None:
            self.storage.syncer.then(done)

    def _store_end(self) -> tuple[str, int] | None:
        return self.storage.store.end if self.storage and self.storage.store else None

    def _keep_lines(self) -> None:
        """What is not in the store, since it is no line yet, outlives this process as well."""
        self.receiver.keeper.tell_lines(self.receiver.unfinished, self._store_end())

    def go_on(self, streams_fd: int, lines_fd: int) -> None:
        """Take over what the manager has kept of a journal before this one."""
        if streams_fd < 0:
            return
        try:
            self.receiver.adopt(decode_streams(os.pread(streams_fd, os.fstat(streams_fd).st_size, 0)))
        except (OSError, ValueError) as error:
            report(f"cannot go on with the streams of another journal: {error}")
        told = read_lines(lines_fd) if lines_fd >= 0 else None
        for fd in (streams_fd, lines_fd):
            if fd >= 0:
                os.close(fd)
        if told is not None and self.storage and self.storage.store:
            at, lines = told
            ended = self.storage.store.find_since(at, [(b"_STREAM_ID=%b" % name.hex().encode()) for name, _, _ in lines])
            self.receiver.go_on_with([line for line, is_ended in zip(lines, ended) if not is_ended])
            self._keep_lines()

    def _answer(self, ready: set[int]) -> None:
        if self.storage is not None and self.storage.syncer.fileno() in ready:
            self.storage.syncer.hear()
        varlink = self.varlink
        if varlink is None:
            return
        if varlink.fileno() in ready and (fd := varlink.accept()) >= 0:
            self.receiver.watch(fd)
        for fd in ready:
            if varlink.has(fd) and not varlink.read(fd):
                self.receiver.others.discard(fd)


def _passed() -> tuple[dict[str, _socket.socket], int, int]:
    """Sockets, and the files that tell of streams and of unfinished lines; -1 for none."""
    count = int(os.environ.get("LISTEN_FDS", "0"))
    names = os.environ.get("LISTEN_FDNAMES", "").split(":")
    sockets, files = {}, {"streams": -1, "lines": -1}
    for fd, name in zip(range(_FIRST_FD, _FIRST_FD + count), names):
        os.set_inheritable(fd, False)
        if name in files:
            files[name] = fd
        else:
            sockets[name] = _socket.socket(fileno=fd)
    return sockets, files["streams"], files["lines"]


def _catch_signals(wishes: list[str]) -> int:
    """The descriptor that becomes readable when one came."""
    wakeup_fd, write_fd = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    _signal.set_wakeup_fd(write_fd, warn_on_full_buffer=False)
    for number, wish in ((_signal.SIGTERM, "stop"), (_signal.SIGUSR1, "flush_to_var"), (_signal.SIGUSR2, "rotate"),
                         (_signal.SIGRTMIN + 1, "sync")):
        _signal.signal(number, lambda number, frame, wish=wish: wishes.append(wish))
    _signal.signal(_signal.SIGINT, _signal.SIG_IGN)
    _signal.signal(_signal.SIGHUP, _signal.SIG_IGN)
    return wakeup_fd


def main(arguments: list[str]) -> int:
    """`arguments` are the directories that stand for / and /run, and whose journal it is: the "system"'s, a "user"'s or
    a "group"'s; without them nothing is stored and no file is read. Only that of the system is configured by a file."""
    wishes: list[str] = []
    wakeup_fd = _catch_signals(wishes)
    _signal.pthread_sigmask(_signal.SIG_SETMASK, ())
    sockets, streams_fd, lines_fd = _passed()
    if not sockets:
        sys.stderr.write("pyinit-journal: no sockets were passed; the manager starts this program\n")
        return 1
    is_placed = len(arguments) >= 2
    root, run, mode = (*arguments, "system")[:3] if is_placed else ("", "/run", "system")
    config, problems = configure(read_files(root) if is_placed and mode == "system" else ())
    if mode != "system":
        config = config.replace(storage="volatile", to_syslog=False)
    ids = read_ids(root, run)
    storage = Storage(config, ids, root, run, report) if is_placed else None
    word = os.environ.get("PYINIT_LOG", "")
    if word and word not in FORMATS:
        problems.append(f"PYINIT_LOG={word} is none of {', '.join(FORMATS)}, ignoring")
    syslogd = Syslogd(run + "/systemd/journal/syslog") if config.to_syslog and is_placed else None
    wall = Wall(run) if config.to_wall and is_placed else None
    sink = Sink(config, storage, Outlet(1), printer(word), syslogd, ids.boot_id, wall)
    for problem in problems:
        sink.say(problem, 4, [])
    receiver = Receiver(sockets, sink, Senders(ids.machine_id, run, is_user=mode == "user"), config.line_max)
    journal = Journal(receiver, storage, f"{run}/systemd/journal/{NAME}" if is_placed else "")
    journal.wishes = wishes
    journal.go_on(streams_fd, lines_fd)
    journal.run(wakeup_fd)
    return 0
