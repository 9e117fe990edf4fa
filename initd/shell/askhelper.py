"""Descriptors that Python has no call to open: pyinit-exec opens them and sends them here (initd/exec/request.c)."""

from __future__ import annotations

import _socket as s
import os
from struct import calcsize, unpack

from initd.shell.fds import OwnedFd

#: Where the helper finds our end.
_HELPERS_FD = 3


def ask_helper(helper: str, words: tuple[str, ...], count: int) -> tuple[OwnedFd, ...]:
    """So many descriptors, which the caller owns, if any. OSError tells why there are none. A matter of a millisecond: the
    helper makes a few system calls, none of which waits for anybody."""
    ours, theirs = s.socketpair(s.AF_UNIX, s.SOCK_DGRAM | s.SOCK_CLOEXEC, 0)
    form = f"{count}i"
    try:
        actions = [(os.POSIX_SPAWN_DUP2, theirs.fileno(), _HELPERS_FD)]
        pid = os.posix_spawn(helper, ["pyinit-exec", *words], {}, file_actions=actions)
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        if status:
            raise OSError(status, os.strerror(status) if status > 0 else "the helper was killed")
        if not count:
            return ()
        _, control, _, _ = ours.recvmsg(1, s.CMSG_SPACE(calcsize(form)), s.MSG_CMSG_CLOEXEC | s.MSG_DONTWAIT)
        return tuple(OwnedFd(number) for number in unpack(form, control[0][2]))
    finally:
        ours.close()
        theirs.close()
