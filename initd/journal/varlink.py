"""The socket by which journalctl asks: /run/systemd/journal/io.systemd.journal.

Varlink is JSON with a NUL behind it. Of a request only the method's name counts here, so no parser of JSON is needed,
and python3-minimal has none.
"""

from __future__ import annotations

import _socket
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

NAME = "io.systemd.journal"
_INTERFACE = "io.systemd.Journal."
_REQUEST_MAX = 64 * 1024
_DONE = b'{"parameters":{}}\0'


class Varlink:
    """Owns its listener and connections. `methods` go without the interface's name, and get what to call when it is done."""

    def __init__(self, path: str, methods: Mapping[str, Callable[[Callable[[], None]], None]]) -> None:
        """OSError where the socket cannot be bound."""
        self._methods = methods
        self._connections: dict[int, tuple[_socket.socket, bytes]] = {}
        self._listener = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC | _socket.SOCK_NONBLOCK)
        try:
            if os.path.lexists(path):
                os.unlink(path)
            self._listener.bind(path)
            os.chmod(path, 0o600)
            self._listener.listen(64)
        except OSError:
            self._listener.close()
            raise

    def fileno(self) -> int:
        return self._listener.fileno()

    def accept(self) -> int:
        """A new connection's descriptor; -1 where there is none after all."""
        try:
            fd, _ = self._listener._accept()
        except OSError:
            return -1
        sock = _socket.socket(fileno=fd)
        sock.setblocking(False)
        self._connections[fd] = (sock, b"")
        return fd

    def has(self, fd: int) -> bool:
        return fd in self._connections

    def read(self, fd: int) -> bool:
        """Take requests and answer them. False: the connection is closed."""
        sock, rest = self._connections[fd]
        try:
            data = sock.recv(_REQUEST_MAX)
        except BlockingIOError:
            return True
        except OSError:
            data = b""
        *requests, rest = (rest + data).split(b"\0")
        if not data or len(rest) > _REQUEST_MAX:
            self._close(fd)
            return False
        self._connections[fd] = (sock, rest)
        for request in requests:
            self._heed(fd, request)
        return fd in self._connections

    def _heed(self, fd: int, request: bytes) -> None:
        sock = self._connections[fd][0]
        method = method_of(request)
        name = method.removeprefix(_INTERFACE)
        if method.startswith(_INTERFACE) and name in self._methods:
            self._methods[name](lambda: self._answer(sock, _DONE))
        elif not method:
            self._answer(sock, b'{"error":"org.varlink.service.InvalidParameter","parameters":{"parameter":"method"}}\0')
        else:
            self._answer(
                sock, b'{"error":"org.varlink.service.MethodNotFound","parameters":{"method":"%b"}}\0' % method.encode())

    def _answer(self, sock: _socket.socket, answer: bytes) -> None:
        """Whoever does not wait for it, or takes none, gets none."""
        try:
            sock.send(answer)
        except OSError:
            pass

    def _close(self, fd: int) -> None:
        sock, _ = self._connections.pop(fd)
        sock.close()


def method_of(request: bytes) -> str:
    """The value of "method"; "" where there is none that a method could have."""
    _, found, rest = request.partition(b'"method"')
    words = rest.lstrip().removeprefix(b":").lstrip().split(b'"', 2)
    if not found or len(words) != 3 or words[0] or not words[1].replace(b".", b"").isalnum():
        return ""
    return words[1].decode("ascii", "replace")
