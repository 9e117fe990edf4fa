"""What does a PIDFile= say, and may it be believed? Gathers the facts of a PidFileRead event; the verdict is core's.

A service user who can write its PID file could name any process of the system and have the manager kill it. So a
process outside of the unit counts only if root alone could have written the file (systemd.service(5), PIDFile=).
"""

from __future__ import annotations

import os
import stat

from initd.core.events import PidFileRead
from initd.core.values import PidRef
from initd.shell.census import read_stat
from initd.shell.track import Tracker

_PID_MAX = 1 << 22
_LINKS_MAX = 40


def read_pid_file(unit: str, path: str, tracker: Tracker, root: str = "") -> PidFileRead:
    """Never raises: what is wrong stands in `problem`."""
    try:
        line, file = _read_line(root + path)
        pid = _parse_pid(line)
    except FileNotFoundError:
        return PidFileRead(unit, path, None, problem=f"Can't open PID file {path}: No such file or directory")
    except OSError as error:
        return PidFileRead(unit, path, None, problem=f"Can't open PID file {path}: {error.strerror}")
    except ValueError:
        return PidFileRead(unit, path, None, problem=f"Failed to parse PID from file {path}: Invalid argument")
    if pid == os.getpid():
        return PidFileRead(unit, path, None, problem=f"New main PID {pid} is the manager, refusing.")
    process = read_stat(pid)
    if process is None or process.is_zombie:
        problem = f"New main PID {pid} does not exist or is a zombie."
        return PidFileRead(unit, path, None, problem=problem)
    return PidFileRead(
        unit,
        path,
        PidRef(pid, process.start_ticks),
        is_ours=tracker.unit_of(pid) == unit,
        is_trusted=is_roots(path, root, file),
    )


def _read_line(path: str) -> tuple[bytes, os.stat_result]:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    try:
        return os.read(fd, 4096).split(b"\n", 1)[0], os.fstat(fd)
    finally:
        os.close(fd)


def _parse_pid(line: bytes) -> int:
    text = line.strip()
    if not text.isdigit():
        raise ValueError(text)
    pid = int(text)
    if not 1 < pid <= _PID_MAX:
        raise ValueError(text)
    return pid


def is_roots(path: str, root: str = "", read: os.stat_result | None = None) -> bool:
    """The file, and every directory and link on the way to it, belong to root, and nobody else may write there. `read`: it is
    the file that was read, which a group that may write to its directory could have exchanged since."""
    parts = [part for part in path.split("/") if part]
    at = ""
    links = 0
    info: os.stat_result | None = None
    while parts:
        part = parts.pop(0)
        if part == "..":
            at = at.rpartition("/")[0]
            continue
        here = f"{at}/{part}"
        try:
            info = os.lstat(root + here)
        except OSError:
            return False
        if not _is_roots_alone(info):
            return False
        if stat.S_ISLNK(info.st_mode):
            links += 1
            if links > _LINKS_MAX:
                return False
            target = os.readlink(root + here)
            at = "" if target.startswith("/") else at
            parts = [piece for piece in target.split("/") if piece not in ("", ".")] + parts
            continue
        at = here
    if info is None or info.st_mode & stat.S_IWGRP and info.st_gid != 0 and stat.S_ISREG(info.st_mode):
        return False
    return read is None or os.path.samestat(info, read)


def _is_roots_alone(info: os.stat_result) -> bool:
    if info.st_uid != 0:
        return False
    # A sticky directory (/tmp) lets nobody replace what is root's in it; a link's own mode means nothing.
    return bool(stat.S_ISLNK(info.st_mode) or info.st_mode & stat.S_ISVTX or not info.st_mode & stat.S_IWOTH)
