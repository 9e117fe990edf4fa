"""Tells everybody who is logged in: journald.conf(5), ForwardToWall=. Whose terminal takes nothing now is not waited for."""

from __future__ import annotations

import os
from struct import Struct
from time import localtime, strftime

#: utmp(5), as glibc has it on every machine with 64 bits: kind, process, terminal, id, user.
_RECORD = Struct("<hxxi32s4s32s308x")
_USER_PROCESS = 7
_MOST = 4096


class Wall:
    """`run` and `dev` stand for /run and /dev."""

    def __init__(self, run: str = "/run", dev: str = "/dev") -> None:
        self._utmp = f"{run}/utmp"
        self._dev = dev

    def send(self, block: bytes, identifier: bytes, pid: int) -> None:
        """A broadcast a line."""
        terminals = self._terminals()
        if not terminals:
            return
        sender = b"%b[%d]" % (identifier, pid) if pid else identifier
        stamp = strftime("%a %Y-%m-%d %H:%M:%S %Z", localtime()).encode()
        head = b"\r\nBroadcast message from pyinit-journal@%b (%b):\r\n\r\n" % (os.fsencode(os.uname().nodename), stamp)
        for line in block[:-1].split(b"\n"):
            for terminal in terminals:
                _write(terminal, head + b"%b: %b\r\n\r\n" % (sender, line))

    def _terminals(self) -> list[bytes]:
        try:
            with open(self._utmp, "rb") as file:
                data = file.read(_MOST * _RECORD.size)
        except OSError:
            return []  # nobody writes down who logs in
        found: dict[bytes, None] = {}
        for kind, _, line, _, user in _RECORD.iter_unpack(data[:len(data) // _RECORD.size * _RECORD.size]):
            line = line.rstrip(b"\0")
            if kind == _USER_PROCESS and user.rstrip(b"\0") and line and b".." not in line:
                found[os.fsencode(self._dev) + b"/" + line.removeprefix(b"/dev/")] = None
        return list(found)


def _write(path: bytes, text: bytes) -> None:
    try:
        fd = os.open(path, os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return  # logged out, or nobody's any more
    try:
        if os.isatty(fd):
            os.write(fd, text)
    except OSError:
        pass  # its user has stopped it
    finally:
        os.close(fd)
