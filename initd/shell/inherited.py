"""Sockets that were passed to this manager at its start, for units that ask for the same (sd_listen_fds(3)).

Which one is whose is told by what it is: its kind and its address. Names say nothing.
"""

from __future__ import annotations

import _socket as s
import os
import stat

from initd.shell.fds import OwnedFd

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import MutableMapping

_FIRST = 3
_TYPES = {s.SOCK_STREAM: "Stream", s.SOCK_DGRAM: "Datagram", s.SOCK_SEQPACKET: "SequentialPacket"}


class Inherited:
    """Owns what was passed until a unit takes it, or all of it is closed."""

    def __init__(self) -> None:
        self._fds: dict[tuple[str, str], OwnedFd] = {}

    def collect(self, environment: MutableMapping[str, str]) -> None:
        """What $LISTEN_FDS promises, if it is meant for this process. The variables are used up."""
        pid, count, _ = (environment.pop(f"LISTEN_{name}", "") for name in ("PID", "FDS", "FDNAMES"))
        if pid != str(os.getpid()) or not count.isdecimal():
            return
        for number in range(_FIRST, _FIRST + int(count)):
            try:
                os.set_inheritable(number, False)
                os.set_blocking(number, False)
                identity = identify(number)
            except OSError:
                continue  # promised, and not there
            self._fds.setdefault(identity, OwnedFd(number))

    def take(self, kind: str, address: str) -> OwnedFd | None:
        """Who takes it owns it."""
        return self._fds.pop((kind, address), None)

    def close(self) -> list[str]:
        """Everything that is left; the addresses."""
        left = [f"{kind} {address}".rstrip() for kind, address in self._fds]
        for fd in self._fds.values():
            fd.close()
        self._fds.clear()
        return left


def identify(number: int) -> tuple[str, str]:
    """The kind and the address of a descriptor, as units write them: ("Stream", "127.0.0.1:80"). OSError: it is closed."""
    mode = os.fstat(number).st_mode
    if not stat.S_ISSOCK(mode):
        path = os.readlink(f"/proc/self/fd/{number}")
        return ("FIFO" if stat.S_ISFIFO(mode) else "MessageQueue" if _is_queue(number) else "Special"), path
    sock = s.socket(fileno=number)
    try:
        return _identify_socket(sock)
    finally:
        sock.detach()


def _is_queue(number: int) -> bool:
    with open(f"/proc/self/fdinfo/{number}", encoding="ascii", errors="replace") as file:
        return "QSIZE:" in file.read(4096)


def _identify_socket(sock: s.socket) -> tuple[str, str]:
    name = sock.getsockname()
    if sock.family == s.AF_NETLINK:
        from initd.shell.listening import NETLINK_FAMILIES

        number = sock.getsockopt(s.SOL_SOCKET, 38)  # SO_PROTOCOL
        family = next((word for word, each in NETLINK_FAMILIES.items() if each == number), str(number))
        return "Netlink", f"{family} {name[1]}"
    kind = _TYPES.get(sock.type, "")
    if sock.family == s.AF_UNIX:
        return kind, name if isinstance(name, str) else "@" + name[1:].decode("utf-8", "surrogateescape")
    if sock.family == s.AF_INET:
        return kind, f"{name[0]}:{name[1]}"
    if sock.family == s.AF_INET6:
        scope = f"%{s.if_indextoname(name[3])}" if name[3] else ""
        return kind, f"[{name[0].partition('%')[0]}]:{name[1]}{scope}"
    if sock.family == s.AF_VSOCK:
        cid = "" if name[0] == 2**32 - 1 else str(name[0])
        return kind, f"vsock:{cid}:{name[1]}"
    return "", ""
