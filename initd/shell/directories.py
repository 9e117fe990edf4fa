"""RuntimeDirectory= and its four sisters: which directories a unit has, and taking them away again.

`pyinit-exec` makes them, as a step of every spawn. What is removed here is what ReleaseUnit names; links are
removed and not followed, and a mount point is where it stops.
"""

from __future__ import annotations

import os
import stat

from initd.core.record import Record
from initd.core.settings import ExecSettings
from initd.wire.execcontext import Directory, Symlink

#: (settings prefix, base directory, variable, exit status) in systemd's order.
_KINDS = (
    ("runtime", "/run", "RUNTIME_DIRECTORY", 233),
    ("state", "/var/lib", "STATE_DIRECTORY", 238),
    ("cache", "/var/cache", "CACHE_DIRECTORY", 239),
    ("logs", "/var/log", "LOGS_DIRECTORY", 240),
    ("configuration", "/etc", "CONFIGURATION_DIRECTORY", 241),
)


class DirectoryPlan(Record):
    directories: tuple[Directory, ...]
    symlinks: tuple[Symlink, ...]
    #: RUNTIME_DIRECTORY and so on, each a list of absolute paths.
    environment: tuple[tuple[str, str], ...]


def plan_directories(settings: ExecSettings, uid: int | None, gid: int | None) -> DirectoryPlan:
    """What a spawn has to make, and for whom. Configuration is never given away (systemd.exec(5))."""
    directories: list[Directory] = []
    symlinks: list[Symlink] = []
    environment: list[tuple[str, str]] = []
    for kind, base, variable, exit_status in _KINDS:
        entries = getattr(settings, f"{kind}_directory")
        if not entries:
            continue
        mode = getattr(settings, f"{kind}_directory_mode")
        is_given_away = kind != "configuration"
        for name, links in entries:
            path = f"{base}/{name}"
            owner = (-1 if uid is None else uid, -1 if gid is None else gid) if is_given_away else (-1, -1)
            directories.append(Directory(exit_status, path, mode, owner[0], owner[1], is_given_away))
            symlinks += [
                Symlink(exit_status, f"{base}/{link}", _relative(path, f"{base}/{link}")) for link in links
            ]
        environment.append((variable, ":".join([f"{base}/{name}" for name, _links in entries])))
    return DirectoryPlan(tuple(directories), tuple(symlinks), tuple(environment))


def runtime_paths(settings: ExecSettings) -> tuple[str, ...]:
    """What goes away with the unit unless RuntimeDirectoryPreserve= says otherwise: directories and links to them."""
    paths = []
    for name, links in settings.runtime_directory:
        paths.append(f"/run/{name}")
        paths += [f"/run/{link}" for link in links]
    return tuple(paths)


def _relative(target: str, link: str) -> str:
    return os.path.relpath(target, os.path.dirname(link))


def remove_directories(paths: tuple[str, ...], root: str = "") -> list[tuple[str, int]]:
    """Removes each tree or link. What could not be removed, with its errno; missing ones are no failure."""
    failures: list[tuple[str, int]] = []
    for path in paths:
        try:
            _remove(root + path, os.lstat(os.path.dirname(root + path)).st_dev)
        except FileNotFoundError:
            pass  # already as it should be
        except OSError as error:
            failures.append((path, error.errno or 0))
    return failures


def _remove(path: str, device: int) -> None:
    info = os.lstat(path)
    if not stat.S_ISDIR(info.st_mode):
        os.unlink(path)
        return
    if info.st_dev != device:
        return  # somebody's mount: its content is not ours
    with os.scandir(path) as entries:
        names = [entry.name for entry in entries]
    for name in names:
        _remove(f"{path}/{name}", device)
    os.rmdir(path)
