"""Going through directories in which somebody else may change names while we look: removing trees, opening files.

Every step is taken from a descriptor of the directory before it, and no link is followed on the way down. A path that says
"directory" now may say "link to /etc" when it is used; a descriptor cannot. However deep a tree is, two descriptors are open.
"""

from __future__ import annotations

import errno
import os
import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    #: The directory's descriptor, the name in it, what it was a moment ago.
    Visit = Callable[[int, str, os.stat_result], None]

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_PLACE = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
_LINKS_MAX = 40


def open_place(path: str) -> int:
    """A descriptor (O_PATH, the caller's) of the directory at an absolute path. Links are followed that are root's or our own:
    whoever may make one in a directory of theirs could lead us anywhere (ELOOP)."""
    at = os.open("/", _PLACE)
    left, links = path.split("/")[::-1], 0
    try:
        while left:
            name = left.pop()
            if name in ("", "."):
                continue
            below = os.open(name, _PLACE, dir_fd=at)
            info = os.fstat(below)
            if stat.S_ISLNK(info.st_mode):
                target = os.readlink("", dir_fd=below)
                os.close(below)
                links += 1
                if links > _LINKS_MAX or info.st_uid not in (0, os.geteuid()):
                    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
                left += target.split("/")[::-1]
                if not target.startswith("/"):
                    continue
                below = os.open("/", _PLACE)
            os.close(at)
            at = below
    except OSError:
        os.close(at)
        raise
    return at


def open_file(path: str, flags: int, mode: int) -> int:
    """As os.open, but for links of others': in /tmp, say, somebody's link would have us write where it leads (ELOOP)."""
    for _ in range(_LINKS_MAX):
        above, _, name = path.rpartition("/")
        place = open_place(above)
        try:
            return os.open(name, flags | os.O_NOFOLLOW | os.O_CLOEXEC, mode, dir_fd=place)
        except OSError as error:
            if error.errno != errno.ELOOP or os.stat(name, dir_fd=place, follow_symlinks=False).st_uid not in (0, os.geteuid()):
                raise
            if os.fstat(place).st_dev == os.stat("/proc").st_dev:  # a link that is the file itself, behind /dev/stderr say
                return os.open(name, flags | os.O_CLOEXEC, dir_fd=place)
            path = os.path.join(above or "/", os.readlink(name, dir_fd=place))
        finally:
            os.close(place)
    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)


def visit_tree(directory: int, name: str, visit: Visit) -> None:
    """Calls `visit` for all that is below the name, what is in a directory before that itself, and for the name at last; what
    is mounted there is left out. OSError: also where a directory was moved away under us (ESTALE)."""
    info = os.stat(name, dir_fd=directory, follow_symlinks=False)
    if stat.S_ISDIR(info.st_mode):
        top = os.open(name, _DIRECTORY, dir_fd=directory)
        try:
            if os.fstat(top).st_dev != os.fstat(directory).st_dev:
                return  # a mount
            _visit_below(top, visit)
        finally:
            os.close(top)
    visit(directory, name, info)


def _visit_below(top: int, visit: Visit) -> None:
    start = os.fstat(top)
    at = os.open(".", _DIRECTORY, dir_fd=top)
    way: list[tuple[str, os.stat_result, tuple[int, int]]] = []
    left = [os.listdir(at)]
    try:
        while True:
            if left[-1]:
                name = left[-1].pop()
                below = _enter(at, name, start.st_dev, visit)
                if below is not None:
                    here = os.fstat(at)
                    way.append((name, os.fstat(below), (here.st_dev, here.st_ino)))
                    left.append(os.listdir(below))
                    os.close(at)
                    at = below
                continue
            if not way:
                return
            name, info, above = way.pop()
            left.pop()
            at = _go_up(at, above)
            visit(at, name, info)
    finally:
        os.close(at)


def _enter(at: int, name: str, device: int, visit: Visit) -> int | None:
    """The directory of this name; what is none is visited."""
    try:
        info = os.stat(name, dir_fd=at, follow_symlinks=False)
        if not stat.S_ISDIR(info.st_mode):
            visit(at, name, info)
            return None
        below = os.open(name, _DIRECTORY, dir_fd=at)
    except FileNotFoundError:
        return None  # as it should be
    if os.fstat(below).st_dev == device:
        return below
    os.close(below)
    return None  # somebody's mount: its content is not ours


def _go_up(at: int, expected: tuple[int, int]) -> int:
    above = os.open("..", _DIRECTORY, dir_fd=at)
    info = os.fstat(above)
    if (info.st_dev, info.st_ino) != expected:
        os.close(above)
        raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))
    os.close(at)
    return above


def remove(directory: int, name: str, info: os.stat_result) -> None:
    """A visit that leaves nothing."""
    if stat.S_ISDIR(info.st_mode):
        os.rmdir(name, dir_fd=directory)
    else:
        os.unlink(name, dir_fd=directory)


def remove_tree(path: str) -> None:
    """The tree or link at an absolute path, its mounts left alone (EBUSY or ENOTEMPTY then). Raises OSError."""
    above, _, name = path.rpartition("/")
    place = open_place(above)
    try:
        visit_tree(place, name, remove)
    finally:
        os.close(place)


def unlink(path: str) -> bool:
    """Whether it was there, and is gone: what is not there, or cannot go, is nobody's trouble."""
    try:
        os.unlink(path)
    except OSError:
        return False
    return True
