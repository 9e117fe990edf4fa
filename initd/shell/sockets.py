"""The sockets of socket units: opened, watched, accepted from, handed over and closed (systemd.socket(5)).

The descriptors are owned here, by the name of the unit, until the unit stops; a service gets copies of them. What cannot
be set on a socket (a kernel without it, a container that forbids it) is told, and the socket used without, as systemd
does; what cannot be opened at all fails the unit.
"""

from __future__ import annotations

import _socket as s
import os
import stat
from select import epoll

from initd.core.events import Event, SocketBroken, SocketReady, SocketsOpened
from initd.core.settings import SocketSettings
from initd.shell.fds import OwnedFd
from initd.shell.inherited import Inherited
from initd.shell.listening import Listening, Opener, OwnerError, SocketError
from initd.shell.loop import READ, SHUT, Loop

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    OnConnection = Callable[[str, OwnedFd, str, str], None]

#: Connections accepted in one wake-up.
_AT_ONCE = 16
#: As much as any kind of datagram may hold.
_MOST_BYTES = 1 << 16


class Sockets:
    """`feed` takes events; `on_connection(unit, connection, peer, source)` takes over an accepted connection. `helper` is the
    path of pyinit-exec."""

    def __init__(self, loop: Loop, feed: Callable[[Event], None], on_connection: OnConnection, helper: str) -> None:
        self._loop = loop
        self._feed = feed
        self._on_connection = on_connection
        self.inherited = Inherited()
        self._opener = Opener(helper, self.inherited.take)
        self._open: dict[str, Listening] = {}
        self._watched: dict[str, list[int]] = {}

    # --- open and close ---------------------------------------------------------------------------------------------

    def open(self, unit: str, settings: SocketSettings) -> SocketsOpened:
        """Opens all of a unit's sockets, or none. Those that are still open from before are used again."""
        if unit in self._open:
            return SocketsOpened(unit)
        problems: list[str] = []
        try:
            made = self._opener.open(settings, problems)
            _insist_on_events(made)
        except SocketError as error:
            return SocketsOpened(unit, str(error), tuple(problems), isinstance(error, OwnerError))
        self._open[unit] = made
        return SocketsOpened(unit, "", tuple(problems))

    def close(self, unit: str, removes_nodes: bool) -> None:
        self.watch(unit, False)
        made = self._open.pop(unit, None)
        if made is None:
            return
        for fd in made.fds:
            fd.close()
        for path in made.nodes if removes_nodes else ():
            try:
                os.unlink(path)
            except OSError:
                pass  # gone by another hand

    # --- another manager in our place -------------------------------------------------------------------------------

    def save(self, fds: list[int]) -> dict[str, Any]:
        """By unit; the descriptors, which must be inherited, are added to `fds`."""
        saved: dict[str, Any] = {}
        for unit, made in self._open.items():
            numbers = [fd.fileno() for fd in made.fds]
            fds += numbers
            saved[unit] = (made.settings, numbers, made.accepting, made.nodes, unit in self._watched)
        return saved

    def restore(self, saved: dict[str, Any]) -> None:
        for unit, (settings, numbers, listening, nodes, is_watched) in saved.items():
            made = self._open[unit] = Listening(settings)
            made.fds, made.accepting, made.nodes = [OwnedFd(number) for number in numbers], listening, nodes
            if is_watched:
                self.watch(unit, True)

    # --- readiness --------------------------------------------------------------------------------------------------

    def watch(self, unit: str, is_wanted: bool, flushes: bool = False) -> None:
        for number in self._watched.pop(unit, ()):
            self._loop.remove(number)
        made = self._open.get(unit)
        if made is not None and flushes:
            self._flush(made)
        if made is None or not is_wanted:
            return
        numbers = [fd.fileno() for fd in made.fds]
        for number in numbers:
            accepts = made.settings.accept and number in made.accepting
            self._loop.add(number, READ, self._acceptor(unit, number) if accepts else lambda mask: self._on_ready(unit, mask))
        self._watched[unit] = numbers

    def _on_ready(self, unit: str, mask: int) -> None:
        if unit in self._watched:
            self._feed(SocketReady(unit) if mask == READ else SocketBroken(unit, mask, bool(mask & SHUT)))

    def _acceptor(self, unit: str, number: int) -> Callable[[int], None]:
        def accept(mask: int) -> None:
            if mask != READ:
                self._on_ready(unit, mask)
                return
            for _ in range(_AT_ONCE):
                if unit not in self._watched:
                    return
                found = _accept(number)
                if found is None:
                    return
                self._on_connection(unit, *found)

        return accept

    def _flush(self, made: Listening) -> None:
        """Drop who has come, and what was sent meanwhile (FlushPending=)."""
        for fd in made.fds:
            number = fd.fileno()
            # Whoever had a copy may have let it block, for everybody; the next one is given it as NonBlocking= says.
            os.set_blocking(number, False)
            if number in made.accepting:
                while (found := _accept(number)) is not None:
                    found[0].close()
            elif stat.S_ISSOCK(os.fstat(number).st_mode) or stat.S_ISFIFO(os.fstat(number).st_mode):
                _drain(number)

    # --- for a service ----------------------------------------------------------------------------------------------

    def of(self, units: tuple[str, ...]) -> tuple[list[int], list[str]]:
        """The descriptors of these units, and their names; they stay ours."""
        fds: list[int] = []
        names: list[str] = []
        for unit in units:
            made = self._open.get(unit)
            for fd in made.fds if made is not None else ():
                fds.append(fd.fileno())
                names.append(made.settings.file_descriptor_name or unit)
        return fds, names


def _insist_on_events(made: Listening) -> None:
    """A file that cannot be waited for is none to listen on: SocketError, and nothing is open."""
    with epoll() as trial:
        for fd, (_, address) in zip(made.fds, made.settings.listen):
            try:
                trial.register(fd.fileno(), READ)
            except OSError as error:
                for each in made.fds:
                    each.close()
                raise SocketError(f"Failed to watch listening fds: {address}: {error.strerror}") from None


def _drain(number: int) -> None:
    try:
        while os.read(number, _MOST_BYTES):
            pass
    except OSError:
        pass  # that was all


def _accept(number: int) -> tuple[OwnedFd, str, str] | None:
    """A connection, who is at the other end of it, as an instance's name tells, and from which host; None where nobody
    waits."""
    listening = s.socket(fileno=number)
    try:
        fd, address = listening._accept()
    except OSError:
        return None  # nobody is there any more, or descriptors have run out: whoever waits goes on waiting
    finally:
        listening.detach()
    connection = OwnedFd(fd)
    os.set_inheritable(fd, False)
    return connection, *_peer(fd, address)


def _peer(fd: int, address: object) -> tuple[str, str]:
    """"LOCAL:PORT-REMOTE:PORT" and the remote host; or "PID-UID" of a local peer, and ""."""
    sock = s.socket(fileno=fd)
    try:
        if sock.family == s.AF_UNIX:
            import struct

            pid, uid, _ = struct.unpack("3i", sock.getsockopt(s.SOL_SOCKET, s.SO_PEERCRED, 12))
            return f"{pid}-{uid}", ""
        if sock.family in (s.AF_INET, s.AF_INET6):
            peer = sock.getpeername()
            return f"{_host(sock.getsockname())}-{_host(peer)}", peer[0]
    except OSError:
        return "", ""  # gone already: its service will find out
    finally:
        sock.detach()
    return "", ""


def _host(address: tuple[str, int]) -> str:
    host = address[0].removeprefix("::ffff:") if "." in address[0] else address[0]
    return f"{host}:{address[1]}" if ":" not in host else f"[{host}]:{address[1]}".replace("[", "").replace("]", "")
