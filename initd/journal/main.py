"""The journal's process: `main` runs it until SIGTERM (see the package's docstring).

SIGUSR1, SIGUSR2 and SIGRTMIN+1 ask for what systemd-journald(8), SIGNALS, says; journalctl asks by a socket.
"""

from __future__ import annotations

import _signal
import _socket
import os
import sys
from time import clock_gettime_ns

from initd.journal.config import configure, read_files
from initd.journal.outlet import Outlet
from initd.journal.printing import FORMATS, printer
from initd.journal.receiver import Receiver
from initd.journal.report import report
from initd.journal.sender import Senders
from initd.journal.sink import Sink
from initd.journal.storage import Storage, read_ids
from initd.journal.syslogd import Syslogd
from initd.journal.varlink import NAME, Varlink

_FIRST_FD = 3  # sd_listen_fds(3)
_CLOCK_MONOTONIC = 1


class Journal:
    """Joins the receiver with who may ask for things besides."""

    def __init__(self, receiver: Receiver, storage: Storage | None, control_path: str) -> None:
        self.receiver = receiver
        self.storage = storage
        self.wishes: list[str] = []
        self._methods = {
            "Synchronize": lambda: self._do("sync"), "Rotate": lambda: self._do("rotate"),
            "FlushToVar": lambda: self._do("flush_to_var"), "RelinquishVar": lambda: self._do("relinquish_var"),
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
        while True:
            ready = self.receiver.wait(self._timeout_sec())
            if wakeup_fd in ready:
                os.read(wakeup_fd, 512)
            self.receiver.turn(ready)
            self._answer(ready)
            wishes, self.wishes[:] = list(self.wishes), []
            if "stop" in wishes:
                break
            for wish in wishes:
                self._do(wish)
            if self._timeout_sec() == 0 and self.storage and self.storage.store:
                self.storage.store.sync()
        self.receiver.drain()
        if self.storage is not None and self.storage.store is not None:
            self.storage.store.close()

    def _timeout_sec(self) -> float:
        """Until what was stored has to be on the disk; -1: nothing is to be done."""
        deadline = self.storage.store.sync_deadline_usec if self.storage and self.storage.store else None
        if deadline is None:
            return -1
        return max(0, deadline - clock_gettime_ns(_CLOCK_MONOTONIC) // 1000) / 1_000_000

    def _do(self, wish: str) -> None:
        """What came before the wish is part of it."""
        self.receiver.catch_up()
        if self.storage is not None:
            getattr(self.storage, wish)()

    def _answer(self, ready: set[int]) -> None:
        varlink = self.varlink
        if varlink is None:
            return
        if varlink.fileno() in ready and (fd := varlink.accept()) >= 0:
            self.receiver.watch(fd)
        for fd in ready:
            if varlink.has(fd) and not varlink.read(fd):
                self.receiver.others.discard(fd)


def _passed_sockets() -> dict[str, _socket.socket]:
    count = int(os.environ.get("LISTEN_FDS", "0"))
    names = os.environ.get("LISTEN_FDNAMES", "").split(":")
    sockets = {}
    for fd, name in zip(range(_FIRST_FD, _FIRST_FD + count), names):
        os.set_inheritable(fd, False)
        sockets[name] = _socket.socket(fileno=fd)
    return sockets


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
    sockets = _passed_sockets()
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
    sink = Sink(config, storage, Outlet(1), printer(word), syslogd, ids.boot_id)
    for problem in problems:
        sink.say(problem, 4, [])
    receiver = Receiver(sockets, sink, Senders(ids.machine_id, run, is_user=mode == "user"), config.line_max)
    journal = Journal(receiver, storage, f"{run}/systemd/journal/{NAME}" if is_placed else "")
    journal.wishes = wishes
    journal.run(wakeup_fd)
    return 0
