"""Opens what a socket unit listens on: sockets, FIFOs, special files, netlink sockets, message queues (systemd.socket(5)).

What was passed to this manager at its start, and is what a unit asks for, is taken instead of opening it anew.
"""

from __future__ import annotations

import _socket as s
import errno
import os
import stat

from initd.core.settings import SocketSettings
from initd.shell.askhelper import ask_helper
from initd.shell.fds import OwnedFd
from initd.shell.socketoptions import set_options

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_TYPES = {"Stream": s.SOCK_STREAM, "Datagram": s.SOCK_DGRAM, "SequentialPacket": s.SOCK_SEQPACKET}
_NETLINK_PKTINFO, _SOL_NETLINK, _F_SETPIPE_SZ = 3, 270, 1031
NETLINK_FAMILIES = {
    "route": 0, "firewall": 3, "inet-diag": 4, "nflog": 5, "xfrm": 6, "selinux": 7, "iscsi": 8, "audit": 9,
    "fib-lookup": 10, "connector": 11, "netfilter": 12, "ip6-fw": 13, "dnrtmsg": 14, "kobject-uevent": 15, "generic": 16,
    "scsitransport": 18, "ecryptfs": 19, "rdma": 20,
}
#: Where the kernel's message queues are files, for removing them.
QUEUES = "/dev/mqueue"


class SocketError(Exception):
    """It cannot be opened; the text says which, and why."""


class OwnerError(SocketError):
    """It could be opened, and not be given to its owner."""


class Listening:
    """What the units of one unit file's Listen…= lines have become."""

    __slots__ = ("settings", "fds", "accepting", "nodes")

    def __init__(self, settings: SocketSettings) -> None:
        self.settings = settings
        self.fds: list[OwnedFd] = []
        #: Numbers of those that connections can be accepted from.
        self.accepting: set[int] = set()
        #: Paths that were made, and go with RemoveOnStop=.
        self.nodes: list[str] = []


class Opener:
    """`helper` is the path of pyinit-exec, `take` finds a descriptor that was passed to this manager, by kind and address."""

    def __init__(self, helper: str, take: Callable[[str, str], OwnedFd | None]) -> None:
        self._helper = helper
        self._take = take
        self._open_kind: dict[str, Callable[[Listening, str, list[str]], OwnedFd]] = {
            "FIFO": _open_fifo, "Special": _open_special, "Netlink": _open_netlink, "MessageQueue": self._open_queue,
            "USBFunction": _refuse_usb,
        }

    def open(self, settings: SocketSettings, problems: list[str]) -> Listening:
        """All of it, or a SocketError and nothing. What an option could not be given goes into `problems`."""
        made = Listening(settings)
        try:
            for kind, address in settings.listen:
                self._open_one(made, kind, address, problems)
            for link in settings.symlinks:
                _link(made, link, problems)
        except SocketError:
            for fd in made.fds:
                fd.close()
            raise
        return made

    def _open_one(self, made: Listening, kind: str, address: str, problems: list[str]) -> None:
        passed = self._take(kind, address)
        if passed is not None:
            made.fds.append(passed)
            if kind in _TYPES and kind != "Datagram":
                made.accepting.add(passed.fileno())
            return
        try:
            if kind in _TYPES:
                fd = _open_socket(made, _TYPES[kind], address, problems)
                if kind != "Datagram":
                    made.accepting.add(fd.fileno())
            else:
                fd = self._open_kind[kind](made, address, problems)
        except OSError as error:
            raise SocketError(f"Failed to create listening socket ({address}): {error.strerror}") from None
        made.fds.append(fd)

    def _open_queue(self, made: Listening, name: str, problems: list[str]) -> OwnedFd:
        settings = made.settings
        sizes = (settings.message_queue_max_messages, settings.message_queue_message_size)
        if min(sizes) <= 0:
            sizes = (0, 0)
        words = ("--queue", name, f"{settings.socket_mode:o}", *(str(each) for each in sizes))
        (fd,) = ask_helper(self._helper, words, 1)
        made.nodes.append(QUEUES + name)
        os.fchmod(fd.fileno(), settings.socket_mode)
        return fd


def _refuse_usb(made: Listening, address: str, problems: list[str]) -> OwnedFd:
    raise SocketError(f"Failed to create listening socket ({address}): ListenUSBFunction= needs a USB gadget of the "
                      "kernel's, and a container has none")


def make_parents(path: str, mode: int) -> None:
    """The directories above a path, all with this mode (systemd.socket(5), DirectoryMode=)."""
    parent = os.path.dirname(path)
    if parent == "/" or os.path.isdir(parent):
        return
    make_parents(parent, mode)
    os.mkdir(parent, mode)


# --- sockets --------------------------------------------------------------------------------------------------------


def _open_socket(made: Listening, kind: int, address: str, problems: list[str]) -> OwnedFd:
    settings = made.settings
    family, where = address_of(address)
    protocol = settings.socket_protocol if family in (s.AF_INET, s.AF_INET6) else 0
    sock = s.socket(family, kind | s.SOCK_CLOEXEC | s.SOCK_NONBLOCK, protocol)
    try:
        set_options(sock, family, kind, settings, problems)
        if family == s.AF_UNIX and address.startswith("/"):
            _bind_node(sock, address, settings)
            made.nodes.append(address)
        else:
            sock.bind(where)
        if kind != s.SOCK_DGRAM:
            sock.listen(settings.backlog)
    except (OSError, SocketError):
        sock.close()
        raise
    return OwnedFd(sock.detach())


def address_of(address: str) -> tuple[int, object]:
    """The family, and what bind(2) gets."""
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
    make_parents(path, settings.directory_mode)
    # The node is made with the socket's own mode. A path may be another file by the time of a chmod(2).
    os.fchmod(sock.fileno(), settings.socket_mode)
    old = os.umask(0)
    try:
        try:
            sock.bind(path)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            os.unlink(path)  # left by whoever listened there before, or something else: systemd does not look either
            sock.bind(path)
    finally:
        os.umask(old)
    _give_away(path, settings)


def _give_away(path: str, settings: SocketSettings) -> None:
    """The socket or queue, and nothing that has taken its place where somebody else may write: a link, another's file."""
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
        raise OwnerError(f"Failed to resolve user or group of {path}: {user or group} is not known") from None
    node = OwnedFd(os.open(path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC))
    try:
        mode = os.fstat(node.fileno()).st_mode
        if not stat.S_ISSOCK(mode) and not stat.S_ISFIFO(mode):
            raise OwnerError(f"Failed to change the owner of {path}: it is no socket any more")
        os.chown(f"/proc/self/fd/{node.fileno()}", uid, gid)
    finally:
        node.close()


# --- what is no socket ------------------------------------------------------------------------------------------------


def _open_fifo(made: Listening, path: str, problems: list[str]) -> OwnedFd:
    settings = made.settings
    make_parents(path, settings.directory_mode)
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
            fcntl.fcntl(fd.fileno(), _F_SETPIPE_SZ, settings.pipe_size)
        except OSError:
            pass  # above what users may have: the size it has must do, as for systemd
    return fd


def _open_special(made: Listening, path: str, problems: list[str]) -> OwnedFd:
    how = os.O_RDWR if made.settings.writable else os.O_RDONLY
    return OwnedFd(os.open(path, how | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK | os.O_NOFOLLOW))


def _open_netlink(made: Listening, address: str, problems: list[str]) -> OwnedFd:
    settings = made.settings
    family, _, group = address.partition(" ")
    number = NETLINK_FAMILIES[family] if family in NETLINK_FAMILIES else int(family)
    sock = s.socket(s.AF_NETLINK, s.SOCK_RAW | s.SOCK_CLOEXEC | s.SOCK_NONBLOCK, number)
    try:
        set_options(sock, s.AF_NETLINK, s.SOCK_RAW, settings, problems)
        if settings.pass_packet_info:
            sock.setsockopt(_SOL_NETLINK, _NETLINK_PKTINFO, 1)
        sock.bind((0, int(group or "0")))
    except OSError:
        sock.close()
        raise
    return OwnedFd(sock.detach())


def _link(made: Listening, link: str, problems: list[str]) -> None:
    """Another name for the only node."""
    target = next((path for path in made.nodes), "")
    if not target:
        return
    try:
        make_parents(link, made.settings.directory_mode)
        os.symlink(target, link)
        made.nodes.append(link)
    except OSError as error:
        problems.append(f"Symlinks={link} could not be made, going on without: {error.strerror}")
