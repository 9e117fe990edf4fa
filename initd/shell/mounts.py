"""What is mounted in this mount namespace, told when it changes; and the place for what is to be mounted.

The kernel marks /proc/self/mountinfo as urgent when a mount has come or gone (proc(5)): nobody looks until then. Of several
file systems on one place the uppermost counts, which is the last in the table.
"""

from __future__ import annotations

import os

from initd.core.effects import PrepareMount
from initd.core.events import MountPrepared
from initd.core.mountpoint import TABLE, MountPoint
from initd.core.values import LOG_ERR, LOG_NOTICE, LOG_WARNING
from initd.shell.fds import OwnedFd
from initd.wire.proc import parse_mounts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

#: Where mount(8) writes down what the kernel is not told: options that begin with "x-", for one.
_USER_OPTIONS = "/run/mount/utab"


class MountTable:
    """Owns the descriptor that tells of changes: to be watched for URGENT."""

    def __init__(self, path: str = TABLE, user_options: str = _USER_OPTIONS) -> None:
        self._user_options = user_options
        self._fd = OwnedFd(os.open(path, os.O_RDONLY | os.O_CLOEXEC))

    def fileno(self) -> int:
        return self._fd.fileno()

    def close(self) -> None:
        self._fd.close()

    def read(self) -> tuple[MountPoint, ...]:
        """One for each place that has a unit, in the order in which they were mounted."""
        extra = _read_user_options(self._user_options)
        found: dict[str, MountPoint] = {}
        for mount in parse_mounts(b"".join(self._chunks())):
            options = mount.all_options
            more = extra.get((mount.path, mount.source))
            point = MountPoint(mount.path, mount.source, mount.type, f"{options},{more}" if more else options)
            found.pop(mount.path, None)
            if point.has_unit:
                found[mount.path] = point
        return tuple(found.values())

    def _chunks(self) -> Iterator[bytes]:
        os.lseek(self._fd.fileno(), 0, os.SEEK_SET)
        while chunk := os.read(self._fd.fileno(), 1 << 16):
            yield chunk


def _read_user_options(path: str) -> dict[tuple[str, str], str]:
    """(place, source) → options."""
    try:
        with open(path, "rb") as file:
            text = file.read().decode("utf-8", "surrogateescape")
    except OSError:
        return {}  # there is none until it is needed
    found = {}
    for line in text.splitlines():
        words = dict(word.split("=", 1) for word in line.split(" ") if "=" in word)
        if "TARGET" in words and words.get("OPTS"):
            found[words["TARGET"], words.get("SRC", "")] = words["OPTS"]
    return found


def prepare(effect: PrepareMount) -> MountPrepared:
    """Make the place, and what a bind mount shows there. Links on the way are not followed by the kernel as one would like:
    the mount would be found elsewhere, and so not at all."""
    problems: list[tuple[int, str]] = []
    for path in (effect.where, effect.source):
        problem = _make(path, effect.mode) if path else ""
        if problem:
            problems.append((LOG_WARNING, problem))
    where = effect.where
    if os.path.realpath(where) != where:
        problems.append((LOG_ERR, f"Mount path {where} is not canonical (contains a symlink)."))
        return MountPrepared(effect.unit, tuple(problems), "Too many levels of symbolic links")
    try:
        if os.listdir(where):
            problems.append((LOG_NOTICE, f"Directory {where} to mount over is not empty, mounting anyway."))
    except OSError:
        pass  # a file, perhaps: mount(8) says what is wrong with it, if anything is
    return MountPrepared(effect.unit, tuple(problems))


def _make(path: str, mode: int) -> str:
    """The directory, and those above it; what kept us from it, or ""."""
    try:
        if not os.path.lexists(path):
            os.makedirs(os.path.dirname(path), 0o755, exist_ok=True)
            os.mkdir(path)
            os.chmod(path, mode)
    except OSError as error:
        return f"Failed to create directory {path}: {error.strerror}"
    return ""
