"""/run/systemd/notify: datagrams from services, each with the kernel's word on who sent it.

A datagram belongs to the unit of its sender's pid, asked for while the sender is most likely still there: the loop
hears this socket before anybody is reaped. Whether the sender may speak (NotifyAccess=) is the engine's decision.
"""

from __future__ import annotations

import _socket
import os
import struct

from initd.core.events import NotifyReceived
from initd.core.record import Record
from initd.core.values import PidRef
from initd.shell.census import read_stat
from initd.shell.fds import OwnedFd
from initd.shell.fdstore import describe
from initd.wire import notify as wire

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator, Mapping

    from initd.shell.track import Tracker

_CREDENTIALS = struct.Struct("=iII")
_RECEIVE_BUFFER = 8 * 1024 * 1024
#: Datagrams per wake-up: a service that never stops talking must not be the only one heard.
_MESSAGES_PER_WAKE_UP = 256
_MSG_CMSG_CLOEXEC = 0x40000000
_SO_RCVBUFFORCE = 33


class Notification(Record):
    """One datagram: the event for the engine, or None and the reason. `fds` are owned by whoever takes this."""

    event: NotifyReceived | None
    fds: tuple[OwnedFd, ...] = ()
    problem: str = ""

    def close(self) -> None:
        """Closing the descriptors is also what BARRIER=1 waits for (sd_notify(3))."""
        for fd in self.fds:
            fd.close()


class NotifySocket:
    """Owns the bound socket. `fd`: one that is bound there already, taken over from the manager before us."""

    def __init__(self, path: str, fd: int = -1) -> None:
        self.path = path
        if fd >= 0:
            self._socket = _socket.socket(fileno=fd)
            return
        kind = _socket.SOCK_DGRAM | _socket.SOCK_CLOEXEC | _socket.SOCK_NONBLOCK
        self._socket = _socket.socket(_socket.AF_UNIX, kind)
        _enlarge(self._socket)
        self._socket.setsockopt(_socket.SOL_SOCKET, _socket.SO_PASSCRED, 1)
        try:
            os.unlink(path)
        except FileNotFoundError:
            pass
        self._socket.bind(path)
        os.chmod(path, 0o777)  # every user's services may report; who they are the kernel says

    def fileno(self) -> int:
        return self._socket.fileno()

    def receive(self, tracker: Tracker) -> Iterator[Notification]:
        """What is there, a bounded number per call. Take or close the descriptors of each."""
        space = _socket.CMSG_SPACE(_CREDENTIALS.size) + _socket.CMSG_SPACE(4 * wire.FDS_MAX)
        for _ in range(_MESSAGES_PER_WAKE_UP):
            try:
                data, control, flags, _sender = self._socket.recvmsg(wire.MESSAGE_MAX + 1, space, _MSG_CMSG_CLOEXEC)
            except BlockingIOError:
                return
            except OSError:
                return  # nothing a reader of datagrams could mend; the next wake-up tries again
            yield _notification(data, control, flags, tracker)

    def close(self, unlink: bool = True) -> None:
        self._socket.close()
        if unlink:
            try:
                os.unlink(self.path)
            except OSError:
                pass  # /run may be gone before us


def _enlarge(receiver: _socket.socket) -> None:
    for option in (_SO_RCVBUFFORCE, _socket.SO_RCVBUF):
        try:
            receiver.setsockopt(_socket.SOL_SOCKET, option, _RECEIVE_BUFFER)
            return
        except OSError:
            pass  # not privileged: the next way, or what the kernel gives


def _notification(data: bytes, control: list[tuple[int, int, bytes]], flags: int, tracker: Tracker) -> Notification:
    credentials, fds = _parse_control(control)
    if flags & (_socket.MSG_TRUNC | _socket.MSG_CTRUNC):
        return Notification(None, fds, "Received notify message exceeded maximum size. Ignoring.")
    if credentials is None or credentials[0] <= 0:
        return Notification(None, fds, "Received notify message without valid credentials. Ignoring.")
    pid, uid, _gid = credentials
    try:
        fields = wire.parse(data)
    except wire.NotifyError as error:
        return Notification(None, fds, f"Received {error}. Ignoring.")
    unit = tracker.unit_of(pid)
    if unit is None:
        return Notification(None, fds, f"Cannot find unit for notify message of PID {pid}, ignoring.")
    main = _main_process(fields)
    is_ours = main is not None and tracker.unit_of(main.pid) == unit
    offered = tuple([describe(fd) for fd in fds])
    return Notification(NotifyReceived(unit, pid, uid, fields, main, is_ours, offered), fds)


def _main_process(fields: tuple[tuple[str, str], ...]) -> PidRef | None:
    """The process that MAINPID= names, if it lives and is not the manager."""
    named = [value for name, value in fields if name == "MAINPID" and value.isdecimal() and len(value) < 10]
    pid = int(named[-1]) if named else 0
    if pid <= 1 or pid == os.getpid():
        return None
    process = read_stat(pid)
    return PidRef(pid, process.start_ticks) if process is not None and not process.is_zombie else None


def _parse_control(
    control: list[tuple[int, int, bytes]]
) -> tuple[tuple[int, int, int] | None, tuple[OwnedFd, ...]]:
    credentials = None
    fds: list[OwnedFd] = []
    for level, kind, data in control:
        if level != _socket.SOL_SOCKET:
            continue
        if kind == _socket.SCM_CREDENTIALS and len(data) >= _CREDENTIALS.size:
            credentials = _CREDENTIALS.unpack_from(data)
        elif kind == _socket.SCM_RIGHTS:
            count = len(data) // 4
            fds += [OwnedFd(fd) for fd in struct.unpack(f"={count}i", data[:count * 4])]
    return credentials, tuple(fds)


def send(environment: Mapping[str, str], fields: tuple[tuple[str, str], ...]) -> bool:
    """Tells whoever supervises the manager itself ($NOTIFY_SOCKET). False: there is nobody, or it does not listen."""
    path = environment.get("NOTIFY_SOCKET", "")
    if path[:1] not in ("/", "@"):
        return False
    address = "\0" + path[1:] if path[0] == "@" else path
    with_socket = _socket.socket(_socket.AF_UNIX, _socket.SOCK_DGRAM | _socket.SOCK_CLOEXEC | _socket.SOCK_NONBLOCK)
    try:
        with_socket.sendto(wire.encode(fields), address)
        return True
    except OSError:
        return False
    finally:
        with_socket.close()
