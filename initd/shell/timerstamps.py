"""When timers last elapsed, kept as the modification times of files (systemd.timer(5), Persistent=)."""

from __future__ import annotations

import os


def read(path: str) -> int | None:
    """The time in µs of the epoch; None where there is no such file."""
    try:
        return os.stat(path).st_mtime_ns // 1000
    except OSError:
        return None


def touch(path: str, realtime_usec: int | None) -> None:
    """Make the file, and the directories above it, with this time, or with the present one."""
    os.makedirs(os.path.dirname(path), 0o755, exist_ok=True)
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
    try:
        if realtime_usec is None:
            os.utime(fd)
        else:
            os.utime(fd, ns=(realtime_usec * 1000, realtime_usec * 1000))
    finally:
        os.close(fd)
