"""When was this boot, and what has it come to? Said where who(1), last(1) and runlevel(8) look: /run/utmp and /var/log/wtmp.

That of systemd is systemd-update-utmp.service(8). A file that is not there is not made in /var/log: nobody wants it then.
"""

from __future__ import annotations

import os

from initd.wire.utmp import BOOT_TIME, RUN_LVL, encode, run_level

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

#: The target that a run level is, the highest first.
LEVELS = (("graphical.target", "5"), ("multi-user.target", "3"), ("rescue.target", "1"))

_UTMP, _WTMP = "/run/utmp", "/var/log/wtmp"


def begin_boot(usec: int, root: str = "") -> None:
    """The first record of a new /run/utmp. tmpfiles.d gives it to its group."""
    record = _record(BOOT_TIME, 0, "reboot", usec)
    _append(root + _UTMP, record, os.O_CREAT | os.O_TRUNC)
    _append(root + _WTMP, record)


def end_boot(is_up: Callable[[str], bool], usec: int, root: str = "") -> None:
    """The run level, where it is one."""
    level = next((level for target, level in LEVELS if is_up(target)), "")
    if not level:
        return
    record = _record(RUN_LVL, run_level(level), "runlevel", usec)
    for path in (_UTMP, _WTMP):
        _append(root + path, record)


def _record(kind: int, pid: int, user: str, usec: int) -> bytes:
    system = os.uname()
    return encode(kind, pid, user, system.release, usec, system.machine)


def _append(path: str, record: bytes, flags: int = 0) -> None:
    try:
        fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | flags, 0o664)
        try:
            if flags & os.O_CREAT:
                os.fchmod(fd, 0o664)
            os.write(fd, record)
        finally:
            os.close(fd)
    except OSError:
        pass  # not there, or not to be written: nobody is told of it either
