"""The manager's side of the journal: binds its sockets, keeps its process running, and sends it the manager's lines.

The sockets stay open here for as long as the manager lives, so a journal that dies loses no connection that waits, and
those that it has taken are kept as well (`initd.shell.keptstreams`). The manager never waits for the journal: lines it
cannot take now are kept, up to a bound, and sent later, or written to stderr at the end.
"""

from __future__ import annotations

import _signal
import _socket
import os
import select
from collections import deque

from initd.core.effects import Log
from initd.core.values import LOG_DEBUG, LOG_WARNING
from initd.shell.fds import OwnedFd
from initd.shell.keptstreams import KeptStreams, park
from initd.wire.journal import decode_entries, encode_entry

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: (name in LISTEN_FDNAMES, path below /run/systemd/journal, is a stream).
_SOCKETS = (("stdout", "stdout", True), ("socket", "socket", False), ("dev-log", "dev-log", False))
_BACKLOG = 4096
_MAX_KEPT = 10_000
#: Held back, to be sent together.
_HELD_MOST = 100
_DATAGRAM_SIZE = 32 * 1024
#: How long a journal that does not read is waited for at the end.
_LAST_WORDS_MSEC = 1000
_ALL_SIGNALS = tuple(_signal.valid_signals())


class Journal:
    """`run` is the directory that stands for /run; `python` and `program` start the process. That of a manager which is no
    init (`mode`, see `core.places`) keeps what it is told below `run`, and nobody but the units writes to it."""

    def __init__(self, run: str, python: str, program: str, dev: str = "/dev", mode: str = "system") -> None:
        self._directory = run + "/systemd/journal"
        #: Beside another root there are no files of ours but below `run`.
        self._argv = [python, "-IS", program, run if run != "/run" and mode == "system" else "", run, mode]
        self._dev = dev if mode == "system" else ""
        self._prefix = "USER_" if mode == "user" else ""
        self._listeners: list[tuple[str, _socket.socket]] = []
        self._sender: _socket.socket | None = None
        self._kept: deque[bytes] = deque()
        self._is_held = False
        self._dropped = 0
        self._is_open = False
        self._target, self._level = "journal", LOG_DEBUG
        self.streams = KeptStreams()
        self._is_refusal_told = False
        self.pid = 0

    def open(self) -> list[str]:
        """Bind the sockets. Returns what could not be done."""
        self._is_open = True
        problems = []
        try:
            os.makedirs(self._directory, exist_ok=True)
        except OSError as error:
            return [f"Cannot make {self._directory}: {error.strerror}; no journal, services write to the manager's own output"]
        for name, file, is_stream in _SOCKETS:
            try:
                self._listeners.append((name, _bind(f"{self._directory}/{file}", is_stream)))
            except OSError as error:
                problems.append(f"Cannot listen on {self._directory}/{file}: {error.strerror}")
        problems += self._link_dev_log()
        try:
            self.streams.open()
        except OSError as error:
            problems.append(f"Cannot keep streams for the journal: {error.strerror}")
        kind = _socket.SOCK_DGRAM | _socket.SOCK_CLOEXEC | _socket.SOCK_NONBLOCK
        sender = _socket.socket(_socket.AF_UNIX, kind)
        try:
            sender.connect(self._directory + "/socket")  # connected, it polls as writable when there is room
            self._sender = sender
        except OSError as error:
            problems.append(f"Cannot reach {self._directory}/socket: {error.strerror}")
            sender.close()
        return problems

    def fileno(self) -> int:
        """To be watched for writing while `has_kept`; -1 where there is no journal to write to."""
        return self._sender.fileno() if self._sender is not None else -1

    def _link_dev_log(self) -> list[str]:
        """/dev/log is where syslog(3) writes."""
        if not self._dev:
            return []
        link, target = self._dev + "/log", self._directory + "/dev-log"
        try:
            if os.path.islink(link) or not os.path.exists(link):
                if os.path.lexists(link):
                    os.unlink(link)
                os.symlink(target, link)
        except OSError as error:
            return [f"Cannot make {link}: {error.strerror}; programs that log with syslog(3) will not be heard"]
        return []

    def save(self, fds: list[int]) -> dict[str, Any]:
        """For another manager in our place; what it must inherit is added to `fds`."""
        listeners = [(name, listener.fileno()) for name, listener in self._listeners]
        sender = self.fileno()
        fds += [fd for _, fd in listeners] + ([sender] if sender >= 0 else [])
        return {"listeners": listeners, "sender": sender, "kept": list(self._kept), "dropped": self._dropped,
                "is_open": self._is_open, "pid": self.pid, "streams": self.streams.save(fds)}

    def restore(self, saved: dict[str, Any]) -> None:
        self._listeners = [(name, _socket.socket(fileno=fd)) for name, fd in saved["listeners"]]
        self._sender = _socket.socket(fileno=saved["sender"]) if saved["sender"] >= 0 else None
        self._kept.extendleft(reversed(saved["kept"]))
        self._dropped += saved["dropped"]
        self._is_open, self.pid = saved["is_open"], saved["pid"]
        if self._is_open:
            self.streams.restore(saved.get("streams", {}))

    def start(self) -> None:
        """Spawn the process. OSError where that fails."""
        handed = self.streams.hand_out()
        parked: list[OwnedFd] = []
        named = [(name, listener.fileno()) for name, listener in self._listeners] + handed.named
        try:
            # First out of the way of 3, 4, …, then into place: a descriptor may itself sit on one of those numbers.
            for _, fd in named:
                parked.append(park(fd))
            actions = [(os.POSIX_SPAWN_DUP2, fd.fileno(), 3 + position) for position, fd in enumerate(parked)]
            actions += [(os.POSIX_SPAWN_DUP2, fd, fd) for fd in handed.in_place]  # is then inherited (posix_spawn(3))
            self.pid = os.posix_spawn(self._argv[0], self._argv, self._environment([name for name, _ in named]),
                                      file_actions=actions, setsid=True, setsigmask=_ALL_SIGNALS)
        finally:
            for fd in parked:
                fd.close()
            handed.close()

    def _environment(self, names: list[str]) -> dict[str, str]:
        environment = {
            "LISTEN_FDS": str(len(names)), "LISTEN_FDNAMES": ":".join(names), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        }
        for name in ("PYINIT_LOG",):
            if name in os.environ:
                environment[name] = os.environ[name]
        return environment

    def hear(self, _mask: int = 0) -> None:
        """The journal has said something of its streams."""
        self.streams.hear()
        if self.streams.refused and not self._is_refusal_told:
            self._is_refusal_told = True
            self.write(Log(LOG_WARNING, "", f"There are more than {len(self.streams)} streams to the journal: should it die, "
                                            "those that came last end with it."))

    def write(self, log: Log) -> None:
        """One entry; never waits, and keeps the order. Without a journal it goes to the container's stderr."""
        if log.priority > self._level or self._target == "null":
            return
        if self._is_open and self._sender is None or self._target.startswith("console"):
            os.write(2, log.text.encode("utf-8", "replace") + b"\n")
            return
        fields = [("MESSAGE", log.text), ("PRIORITY", str(log.priority)), ("SYSLOG_IDENTIFIER", "pyinit")]
        if log.unit:
            fields.append((self._prefix + "UNIT", log.unit))
        fields += [(self._prefix + name if name == "INVOCATION_ID" else name, value) for name, value in log.fields]
        self._keep(encode_entry(fields))
        if not self._is_held or len(self._kept) >= _HELD_MOST:
            self.flush()

    def hold(self) -> bool:
        """More is to come at once: `release()` sends it together, and so does `flush()`. False where somebody else holds it
        already, who is to release it."""
        was_held, self._is_held = self._is_held, True
        return not was_held

    def release(self) -> None:
        self._is_held = False
        if self._kept:
            self.flush()

    def direct(self, target: str, level: int) -> None:
        """Where entries go from now on: "null" nowhere, "console…" to the container's stderr, all other words here; and
        the lowest priority that is of interest (`systemctl log-target`, `log-level`)."""
        self._target, self._level = target, level

    def _keep(self, entry: bytes) -> None:
        if len(self._kept) >= _MAX_KEPT:
            self._kept.popleft()
            self._dropped += 1
        self._kept.append(entry)

    def flush(self) -> bool:
        """Send what is kept. False: the journal does not take it now."""
        if self._sender is None or not self.pid:
            return False
        while self._kept:
            entries = self._next_datagram()
            try:
                self._sender.send(b"\n".join(entries))
            except OSError:
                self._kept.extendleft(reversed(entries))
                return False
        if self._dropped:
            dropped, self._dropped = self._dropped, 0
            text = f"{dropped} messages of the manager were dropped: the journal did not take them."
            self.write(Log(LOG_WARNING, "", text))
        return True

    def _next_datagram(self) -> list[bytes]:
        """Entries to send at once: the kernel queues few datagrams (net.unix.max_dgram_qlen, 10), but large ones."""
        entries, size = [], 0
        while self._kept and size < _DATAGRAM_SIZE:
            entries.append(self._kept.popleft())
            size += len(entries[-1])
        return entries

    @property
    def has_kept(self) -> bool:
        return bool(self._kept)

    def take_kept(self) -> list[bytes]:
        """The texts that never reached the journal, for stderr, when everything ends."""
        kept, self._kept = b"\n".join(self._kept), deque()
        return [value for fields in decode_entries(kept) for name, value in fields if name == "MESSAGE"]

    def stop(self) -> None:
        """Send what is kept, and ask the process to drain and end; the caller waits for that."""
        if not self.pid:
            return
        self._flush_patiently()
        os.kill(self.pid, _signal.SIGTERM)

    def _flush_patiently(self) -> None:
        """Nothing else is left to do: wait until the journal takes what is kept, but not for ever."""
        if self._sender is None or self.flush():
            return
        room = select.poll()
        room.register(self._sender.fileno(), select.POLLOUT)
        while room.poll(_LAST_WORDS_MSEC) and not self.flush():
            pass


def _bind(path: str, is_stream: bool) -> _socket.socket:
    kind = _socket.SOCK_STREAM if is_stream else _socket.SOCK_DGRAM
    listener = _socket.socket(_socket.AF_UNIX, kind | _socket.SOCK_CLOEXEC | _socket.SOCK_NONBLOCK)
    try:
        if os.path.lexists(path):
            os.unlink(path)
        listener.setsockopt(_socket.SOL_SOCKET, _socket.SO_PASSCRED, 1)
        listener.bind(path)
        os.chmod(path, 0o666)
        if is_stream:
            listener.listen(_BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener
