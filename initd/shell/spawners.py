"""A batch of processes is started by several at once, while the manager goes on.

posix_spawn(3) lets its caller sleep until the child has executed its program, so that one manager cannot keep two
processors busy. For a batch `pyinit-exec --serve` runs a few times (initd/exec/serve.c): each is sent exec contexts, and
forks for every one of them a child that is the manager's own (CLONE_PARENT, clone(2)). They end with the batch.
"""

from __future__ import annotations

import _signal
import _socket as s
import os
import struct
from collections import deque
from errno import ECHILD

_ALL_SIGNALS = tuple(_signal.valid_signals())
_SERVERS_FD = 3
#: What the first descriptor of a message becomes in the child.
FIRST_FD = 4
#: More, and the message is refused (SCM_MAX_FD, unix(7)).
MOST_FDS = 253
#: Asked for and not answered yet, by one of them: descriptors under way are counted by the kernel (unix(7), ETOOMANYREFS).
_MOST_ASKED = 16
_MOST_SERVERS = 4
_ANSWER = struct.Struct("=i")


class Asked:
    """A process that was asked for."""

    __slots__ = ("_server", "_answer")

    def __init__(self, server: _Server) -> None:
        self._server = server
        self._answer: int | None = None

    def pid(self) -> int:
        """Waits until there is one. OSError: there is none, as from fork(2)."""
        while self._answer is None:
            if self not in self._server.asked:  # its answer was heard and lost, and no other comes
                raise OSError(ECHILD, os.strerror(ECHILD))
            self._server.hear()
        if self._answer < 0:
            raise OSError(-self._answer, os.strerror(-self._answer))
        return self._answer

    def answered(self, answer: int) -> None:
        self._answer = answer


class _Server:
    def __init__(self, helper: str) -> None:
        self._socket, theirs = s.socketpair(s.AF_UNIX, s.SOCK_SEQPACKET | s.SOCK_CLOEXEC, 0)
        self.asked: deque[Asked] = deque()
        try:
            actions = [(os.POSIX_SPAWN_DUP2, theirs.fileno(), _SERVERS_FD)]
            self.pid = os.posix_spawn(helper, ["pyinit-exec", "--serve"], {}, file_actions=actions, setsigmask=_ALL_SIGNALS)
        except OSError:
            self._socket.close()
            raise
        finally:
            theirs.close()

    def ask(self, fds: list[int]) -> Asked:
        if len(self.asked) >= _MOST_ASKED:
            self.hear()
        self._socket.sendmsg([b"+"], [(s.SOL_SOCKET, s.SCM_RIGHTS, struct.pack(f"{len(fds)}i", *fds))])
        asked = Asked(self)
        self.asked.append(asked)
        return asked

    def hear(self) -> None:
        """The oldest that was asked for has its answer; where the other end is gone, nobody knows what became of it."""
        try:
            answer = self._socket.recv(_ANSWER.size)
        except ConnectionResetError:  # gone, with questions that it had not read
            answer = b""
        self.asked.popleft().answered(_ANSWER.unpack(answer)[0] if answer else -ECHILD)

    def close(self) -> None:
        self._socket.close()


class Spawners:
    """Open for a batch; what was asked for must have been answered before it is closed."""

    def __init__(self) -> None:
        self._servers: list[_Server] = []

    @property
    def are_open(self) -> bool:
        return bool(self._servers)

    def open(self, helper: str) -> None:
        """OSError where none can be started."""
        for _ in range(min(_MOST_SERVERS, len(os.sched_getaffinity(0)))):
            self._servers.append(_Server(helper))

    def ask(self, fds: list[int]) -> Asked:
        """A process with these descriptors, the exec context first. They stay the caller's, who may close them at once."""
        return min(self._servers, key=lambda server: len(server.asked)).ask(fds)

    def close(self) -> list[int]:
        """They end by themselves, and are reaped as all of our children are: their pids."""
        pids = [server.pid for server in self._servers]
        for server in self._servers:
            server.close()
        self._servers.clear()
        return pids
