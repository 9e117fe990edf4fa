"""Passes messages on to a syslog daemon that listens on /run/systemd/journal/syslog, as rsyslog does under systemd.

journald.conf(5), ForwardToSyslog=. Whatever the daemon does not take at once, it does not get: the journal has it.
"""

from __future__ import annotations

import _socket
from time import clock_gettime_ns, localtime, strftime

_RETRY_NSEC = 1_000_000_000
_CLOCK_MONOTONIC = 1


class Syslogd:
    def __init__(self, path: str) -> None:
        self._path = path
        self._socket = _socket.socket(_socket.AF_UNIX, _socket.SOCK_DGRAM | _socket.SOCK_CLOEXEC | _socket.SOCK_NONBLOCK)
        #: Nobody listens, as far as was seen, until then.
        self._retry_nsec = 0

    def send(self, block: bytes, priority: int, identifier: bytes, pid: int) -> None:
        """A datagram a line."""
        now_nsec = clock_gettime_ns(_CLOCK_MONOTONIC)
        if now_nsec < self._retry_nsec:
            return
        stamp = strftime("%b %e %H:%M:%S", localtime()).encode()
        tag = b"%b[%d]" % (identifier, pid) if pid else identifier
        prefix = b"<%d>%b %b: " % (priority, stamp, tag)
        for line in block[:-1].split(b"\n"):
            try:
                self._socket.sendto(prefix + line, self._path)
            except BlockingIOError:
                pass  # it has enough to do
            except OSError:
                self._retry_nsec = now_nsec + _RETRY_NSEC
                return
