"""The sockets of socket units: opened, watched, accepted from, handed over and closed (systemd.socket(5)).

The descriptors are owned here, by the name of the unit, until the unit stops; a service gets copies of them. What cannot
be set on a socket (a kernel without it, a container that forbids it) is told, and the socket used without, as systemd
does; what cannot be opened at all fails the unit.
"""

from __future__ import annotations

import _socket as s
import errno
import os
import stat

from initd.core.events import Event, SocketReady, SocketsOpened
from initd.core.settings import SocketSettings
from initd.shell.fds import OwnedFd
from initd.shell.loop import READ, Loop

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    OnConnection = Callable[[str, OwnedFd, str], None]

_TYPES = {"Stream": s.SOCK_STREAM, "Datagram": s.SOCK_DGRAM, "SequentialPacket": s.SOCK_SEQPACKET}
_BIND_IPV6 = {"both": 0, "ipv6-only": 1}
#: asm-generic/socket.h and netinet/*.h, where the interpreter has no name for it.
_SO_RCVBUFFORCE, _SO_SNDBUFFORCE, _SO_PASSSEC, _IP_FREEBIND, _IP_PKTINFO = 33, 32, 34, 15, 8
_IPV6_RECVPKTINFO, _NETLINK_PKTINFO, _SOL_NETLINK, _SO_TIMESTAMP, _SO_TIMESTAMPNS = 49, 3, 270, 29, 35
_NETLINK_FAMILIES = {
    "route": 0, "firewall": 3, "inet-diag": 4, "nflog": 5, "xfrm": 6, "selinux": 7, "iscsi": 8, "audit": 9,
    "fib-lookup": 10, "connector": 11, "netfilter": 12, "ip6-fw": 13, "dnrtmsg": 14, "kobject-uevent": 15, "generic": 16,
    "scsitransport": 18, "ecryptfs": 19, "rdma": 20,
}
#: Connections accepted in one wake-up.
_AT_ONCE = 16
_SEC = 1_000_000


class SocketError(Exception):
    """It cannot be opened; the text says which, and why."""


class _Open:
    """The sockets of one unit."""

    __slots__ = ("settings", "fds", "listening", "nodes")

    def __init__(self, settings: SocketSettings) -> None:
        self.settings = settings
        self.fds: list[OwnedFd] = []
        #: Numbers of those that connections can be accepted from.
        self.listening: set[int] = set()
        #: Paths that were made, and go with RemoveOnStop=.
        self.nodes: list[str] = []


class Sockets:
    """`feed` takes events; `on_connection(unit, connection, peer)` takes over an accepted connection."""

    def __init__(self, loop: Loop, feed: Callable[[Event], None], on_connection: OnConnection) -> None:
        self._loop = loop
        self._feed = feed
        self._on_connection = on_connection
        self._open: dict[str, _Open] = {}
        self._watched: dict[str, list[int]] = {}

    # --- open and close ---------------------------------------------------------------------------------------------

    def open(self, unit: str, settings: SocketSettings) -> SocketsOpened:
        """Opens all of a unit's sockets, or none. Those that are still open from before are used again."""
        if unit in self._open:
            return SocketsOpened(unit)
        made = _Open(settings)
        problems: list[str] = []
        try:
            for kind, address in settings.listen:
                self._open_one(made, kind, address, problems)
            for link in settings.symlinks:
                _link(made, link, problems)
        except SocketError as error:
            for fd in made.fds:
                fd.close()
            return SocketsOpened(unit, str(error), tuple(problems))
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
            saved[unit] = (made.settings, numbers, made.listening, made.nodes, unit in self._watched)
        return saved

    def restore(self, saved: dict[str, Any]) -> None:
        for unit, (settings, numbers, listening, nodes, is_watched) in saved.items():
            made = self._open[unit] = _Open(settings)
            made.fds, made.listening, made.nodes = [OwnedFd(number) for number in numbers], listening, nodes
            if is_watched:
                self.watch(unit, True)

    # --- readiness --------------------------------------------------------------------------------------------------

    def watch(self, unit: str, is_wanted: bool, flushes: bool = False) -> None:
        for number in self._watched.pop(unit, ()):
            self._loop.remove(number)
        made = self._open.get(unit)
        if not is_wanted or made is None:
            return
        if flushes:
            self._flush(made)
        numbers = [fd.fileno() for fd in made.fds]
        for number in numbers:
            accepts = made.settings.accept and number in made.listening
            self._loop.add(number, READ, self._acceptor(unit, number) if accepts else lambda _: self._on_ready(unit))
        self._watched[unit] = numbers

    def _on_ready(self, unit: str) -> None:
        if unit in self._watched:
            self._feed(SocketReady(unit))

    def _acceptor(self, unit: str, number: int) -> Callable[[int], None]:
        def accept(_mask: int) -> None:
            for _ in range(_AT_ONCE):
                if unit not in self._watched:
                    return
                found = _accept(number)
                if found is None:
                    return
                self._on_connection(unit, *found)

        return accept

    def _flush(self, made: _Open) -> None:
        """Drop who has come meanwhile (FlushPending=)."""
        for number in made.listening:
            while (found := _accept(number)) is not None:
                found[0].close()

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

    # --- one socket ---------------------------------------------------------------------------------------------------

    def _open_one(self, made: _Open, kind: str, address: str, problems: list[str]) -> None:
        settings = made.settings
        try:
            if kind in _TYPES:
                fd, listens = _open_socket(_TYPES[kind], address, settings, made, problems)
            elif kind == "FIFO":
                fd, listens = _open_fifo(address, settings, made), False
            elif kind == "Special":
                fd, listens = _open_special(address, settings), False
            elif kind == "Netlink":
                fd, listens = _open_netlink(address, settings, problems), False
            elif kind == "MessageQueue":
                fd, listens = _open_queue(address, settings, problems), False
            else:
                raise SocketError(f"Listen{kind}={address}: a container has no USB gadgets")
        except OSError as error:
            raise SocketError(f"Failed to create listening socket ({address}): {error.strerror}") from None
        made.fds.append(fd)
        if listens:
            made.listening.add(fd.fileno())


def _accept(number: int) -> tuple[OwnedFd, str] | None:
    """A connection and who is at the other end of it, as an instance's name tells; None where nobody waits."""
    listening = s.socket(fileno=number)
    try:
        fd, address = listening._accept()
    except OSError:
        return None  # nobody is there any more, or descriptors have run out: whoever waits goes on waiting
    finally:
        listening.detach()
    connection = OwnedFd(fd)
    os.set_inheritable(fd, False)
    return connection, _peer(fd, address)


def _peer(fd: int, address: object) -> str:
    """"LOCAL:PORT-REMOTE:PORT", or "PID-UID" of a local peer."""
    sock = s.socket(fileno=fd)
    try:
        if sock.family == s.AF_UNIX:
            import struct

            pid, uid, _ = struct.unpack("3i", sock.getsockopt(s.SOL_SOCKET, s.SO_PEERCRED, 12))
            return f"{pid}-{uid}"
        if sock.family in (s.AF_INET, s.AF_INET6):
            return f"{_host(sock.getsockname())}-{_host(sock.getpeername())}"
    except OSError:
        return ""  # gone already: its service will find out
    finally:
        sock.detach()
    return ""


def _host(address: tuple[str, int]) -> str:
    host = address[0].removeprefix("::ffff:") if "." in address[0] else address[0]
    return f"{host}:{address[1]}" if ":" not in host else f"[{host}]:{address[1]}".replace("[", "").replace("]", "")


# --- sockets --------------------------------------------------------------------------------------------------------


def _open_socket(kind: int, address: str, settings: SocketSettings, made: _Open,
                 problems: list[str]) -> tuple[OwnedFd, bool]:
    family, where = _where(address)
    protocol = settings.socket_protocol if family in (s.AF_INET, s.AF_INET6) else 0
    sock = s.socket(family, kind | s.SOCK_CLOEXEC | s.SOCK_NONBLOCK, protocol)
    try:
        _set_options(sock, family, kind, settings, problems)
        if family == s.AF_UNIX and address.startswith("/"):
            _bind_node(sock, address, settings)
            made.nodes.append(address)
        else:
            sock.bind(where)
        listens = kind != s.SOCK_DGRAM
        if listens:
            sock.listen(settings.backlog)
    except OSError:
        sock.close()
        raise
    return OwnedFd(sock.detach()), listens


def _where(address: str) -> tuple[int, object]:
    if address.startswith("/"):
        return s.AF_UNIX, address
    if address.startswith("@"):
        return s.AF_UNIX, "\0" + address[1:]
    if address.startswith("vsock:"):
        cid, _, port = address[6:].partition(":")
        return s.AF_VSOCK, (int(cid) if cid else 2**32 - 1, int(port))
    host, _, port = address.rpartition(":")
    if not host.startswith("["):
        return s.AF_INET, (host, int(port))
    scope = 0
    if "%" in port:
        port, _, name = port.partition("%")
        scope = s.if_nametoindex(name)
    return s.AF_INET6, (host[1:-1], int(port), 0, scope)


def _bind_node(sock: s.socket, path: str, settings: SocketSettings) -> None:
    os.makedirs(os.path.dirname(path), settings.directory_mode, exist_ok=True)
    old = os.umask(0o777 & ~settings.socket_mode)
    try:
        try:
            sock.bind(path)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or not _is_socket(path):
                raise
            os.unlink(path)  # left by whoever listened there before
            sock.bind(path)
    finally:
        os.umask(old)
    os.chmod(path, settings.socket_mode)
    _give_away(path, settings)


def _is_socket(path: str) -> bool:
    try:
        return stat.S_ISSOCK(os.lstat(path).st_mode)
    except OSError:
        return False


def _give_away(path: str, settings: SocketSettings) -> None:
    if not settings.socket_user and not settings.socket_group:
        return
    import grp
    import pwd

    user, group = settings.socket_user, settings.socket_group
    uid = gid = -1
    try:
        if user:
            entry = pwd.getpwuid(int(user)) if user.isdecimal() else pwd.getpwnam(user)
            uid, gid = entry.pw_uid, entry.pw_gid
        if group:
            gid = int(group) if group.isdecimal() else grp.getgrnam(group).gr_gid
    except KeyError:
        raise SocketError(f"Failed to resolve user or group of {path}: {user or group} is not known") from None
    os.chown(path, uid, gid, follow_symlinks=False)


def _set_options(sock: s.socket, family: int, kind: int, settings: SocketSettings, problems: list[str]) -> None:
    is_ip, is_stream = family in (s.AF_INET, s.AF_INET6), kind == s.SOCK_STREAM

    def option(name: str, level: int, number: int, value: int | bytes) -> None:
        try:
            sock.setsockopt(level, number, value)
        except OSError as error:
            problems.append(f"{name}= could not be set, going on without: {error.strerror}")

    if is_ip:
        option("ReuseAddress", s.SOL_SOCKET, s.SO_REUSEADDR, 1)
    if family == s.AF_INET6 and settings.bind_ipv6_only in _BIND_IPV6:
        option("BindIPv6Only", s.IPPROTO_IPV6, s.IPV6_V6ONLY, _BIND_IPV6[settings.bind_ipv6_only])
    if settings.bind_to_device:
        option("BindToDevice", s.SOL_SOCKET, s.SO_BINDTODEVICE, settings.bind_to_device.encode() + b"\0")
    if settings.keep_alive:
        option("KeepAlive", s.SOL_SOCKET, s.SO_KEEPALIVE, 1)
    for wanted, name, number, value in (
        (is_stream and is_ip and settings.keep_alive_time_usec, "KeepAliveTimeSec", s.TCP_KEEPIDLE,
         settings.keep_alive_time_usec // _SEC),
        (is_stream and is_ip and settings.keep_alive_interval_usec, "KeepAliveIntervalSec", s.TCP_KEEPINTVL,
         settings.keep_alive_interval_usec // _SEC),
        (is_stream and is_ip and settings.keep_alive_probes, "KeepAliveProbes", s.TCP_KEEPCNT, settings.keep_alive_probes),
        (is_stream and is_ip and settings.defer_accept_usec, "DeferAcceptSec", s.TCP_DEFER_ACCEPT,
         settings.defer_accept_usec // _SEC),
        (is_stream and is_ip and settings.no_delay, "NoDelay", s.TCP_NODELAY, 1),
    ):
        if wanted:
            option(name, s.IPPROTO_TCP, number, value)
    if settings.tcp_congestion:
        option("TCPCongestion", s.IPPROTO_TCP, s.TCP_CONGESTION, settings.tcp_congestion.encode())
    for is_set, name, number, value in (
        (settings.broadcast, "Broadcast", s.SO_BROADCAST, 1),
        (settings.pass_credentials, "PassCredentials", s.SO_PASSCRED, 1),
        (settings.pass_security, "PassSecurity", _SO_PASSSEC, 1),
        (settings.priority >= 0, "Priority", s.SO_PRIORITY, settings.priority),
        (settings.mark >= 0, "Mark", s.SO_MARK, settings.mark),
        (settings.reuse_port, "ReusePort", s.SO_REUSEPORT, 1),
        (settings.timestamping == "us", "Timestamping", _SO_TIMESTAMP, 1),
        (settings.timestamping == "ns", "Timestamping", _SO_TIMESTAMPNS, 1),
    ):
        if is_set:
            option(name, s.SOL_SOCKET, number, value)
    for size, name, forced, plain in (
        (settings.receive_buffer, "ReceiveBuffer", _SO_RCVBUFFORCE, s.SO_RCVBUF),
        (settings.send_buffer, "SendBuffer", _SO_SNDBUFFORCE, s.SO_SNDBUF),
    ):
        if size:
            try:
                sock.setsockopt(s.SOL_SOCKET, forced, size)
            except OSError:
                option(name, s.SOL_SOCKET, plain, size)
    if is_ip:
        _set_ip_options(family, settings, option)


def _set_ip_options(family: int, settings: SocketSettings, option: Callable[[str, int, int, int], None]) -> None:
    if settings.ip_tos >= 0:
        option("IPTOS", s.IPPROTO_IP, s.IP_TOS, settings.ip_tos)
    if settings.ip_ttl >= 0:
        option("IPTTL", s.IPPROTO_IP, s.IP_TTL, settings.ip_ttl)
        if family == s.AF_INET6:
            option("IPTTL", s.IPPROTO_IPV6, s.IPV6_UNICAST_HOPS, settings.ip_ttl)
    if settings.free_bind:
        option("FreeBind", s.IPPROTO_IP, _IP_FREEBIND, 1)
    if settings.transparent:
        option("Transparent", s.IPPROTO_IP, s.IP_TRANSPARENT, 1)
    if settings.pass_packet_info:
        option("PassPacketInfo", s.IPPROTO_IP, _IP_PKTINFO, 1)
        if family == s.AF_INET6:
            option("PassPacketInfo", s.IPPROTO_IPV6, _IPV6_RECVPKTINFO, 1)


# --- what is no socket ------------------------------------------------------------------------------------------------


def _open_fifo(path: str, settings: SocketSettings, made: _Open) -> OwnedFd:
    os.makedirs(os.path.dirname(path), settings.directory_mode, exist_ok=True)
    old = os.umask(0)
    try:
        os.mkfifo(path, settings.socket_mode)
        made.nodes.append(path)
    except FileExistsError:
        pass  # one from before serves as well
    finally:
        os.umask(old)
    fd = OwnedFd(os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK | os.O_NOFOLLOW))
    if not stat.S_ISFIFO(os.fstat(fd.fileno()).st_mode):
        fd.close()
        raise OSError(errno.EEXIST, os.strerror(errno.EEXIST))
    _give_away(path, settings)
    if settings.pipe_size:
        import fcntl

        try:
            fcntl.fcntl(fd.fileno(), 1031, settings.pipe_size)  # F_SETPIPE_SZ
        except OSError:
            pass  # above what users may have: the size it has must do, as for systemd
    return fd


def _open_special(path: str, settings: SocketSettings) -> OwnedFd:
    how = os.O_RDWR if settings.writable else os.O_RDONLY
    return OwnedFd(os.open(path, how | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK | os.O_NOFOLLOW))


def _open_netlink(address: str, settings: SocketSettings, problems: list[str]) -> OwnedFd:
    family, _, group = address.partition(" ")
    number = _NETLINK_FAMILIES[family] if family in _NETLINK_FAMILIES else int(family)
    sock = s.socket(s.AF_NETLINK, s.SOCK_RAW | s.SOCK_CLOEXEC | s.SOCK_NONBLOCK, number)
    try:
        _set_options(sock, s.AF_NETLINK, s.SOCK_RAW, settings, problems)
        if settings.pass_packet_info:
            sock.setsockopt(_SOL_NETLINK, _NETLINK_PKTINFO, 1)
        sock.bind((0, int(group or "0")))
    except OSError:
        sock.close()
        raise
    return OwnedFd(sock.detach())


def _open_queue(name: str, settings: SocketSettings, problems: list[str]) -> OwnedFd:
    """A POSIX message queue is a file of the mqueue file system: what mq_open(3) opens can be opened there."""
    if settings.message_queue_max_messages or settings.message_queue_message_size:
        problems.append("MessageQueueMaxMessages= and MessageQueueMessageSize= are the kernel's defaults here")
    old = os.umask(0)
    try:
        how = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK
        fd = OwnedFd(os.open("/dev/mqueue" + name, how, settings.socket_mode))
    finally:
        os.umask(old)
    return fd


def _link(made: _Open, link: str, problems: list[str]) -> None:
    """Another name for the only node."""
    target = next((path for path in made.nodes), "")
    if not target:
        return
    try:
        os.makedirs(os.path.dirname(link), 0o755, exist_ok=True)
        if os.path.islink(link):
            os.unlink(link)
        os.symlink(target, link)
        made.nodes.append(link)
    except OSError as error:
        problems.append(f"Symlinks={link} could not be made, going on without: {error.strerror}")
