"""RuntimeDirectory= and its four sisters: which directories a unit has, and taking them away again.

`pyinit-exec` makes them, as a step of every spawn. What is removed here is what ReleaseUnit names; links are
removed and not followed, and a mount point is where it stops.
"""

from __future__ import annotations

import os
import stat

from initd.core.record import Record
from initd.core.settings import ExecSettings
from initd.core.sources import DIRECTORY_BASES
from initd.shell.trees import remove_tree
from initd.wire.execcontext import Directory, Move, Symlink

#: (settings prefix, variable, exit status) in systemd's order.
_KINDS = (
    ("runtime", "RUNTIME_DIRECTORY", 233),
    ("state", "STATE_DIRECTORY", 238),
    ("cache", "CACHE_DIRECTORY", 239),
    ("logs", "LOGS_DIRECTORY", 240),
    ("configuration", "CONFIGURATION_DIRECTORY", 241),
)
#: Where the directories of dynamic users are kept. systemd lets nobody in but the unit, by a mount of its own; where the
#: unit sees the tree as it is, everybody has to be let pass.
PRIVATE, PRIVATE_MODE = "private", 0o711


class DirectoryPlan(Record):
    directories: tuple[Directory, ...]
    symlinks: tuple[Symlink, ...]
    #: RUNTIME_DIRECTORY and so on, each a list of absolute paths.
    environment: tuple[tuple[str, str], ...]
    #: What changes between being private and not, first of all.
    moves: tuple[Move, ...] = ()


def plan_directories(
    settings: ExecSettings, uid: int | None, gid: int | None, root: str = "", bases: dict[str, str] = DIRECTORY_BASES
) -> DirectoryPlan:
    """What a spawn has to make, and for whom; `bases` by the settings' names."""
    moves: list[Move] = []
    directories: list[Directory] = []
    symlinks: list[Symlink] = []
    environment: list[tuple[str, str]] = []
    owner = (-1 if uid is None else uid, -1 if gid is None else gid)
    for kind, variable, exit_status in _KINDS:
        base = bases[f"{kind}_directory"]
        entries = getattr(settings, f"{kind}_directory")
        if not entries:
            continue
        mode = getattr(settings, f"{kind}_directory_mode")
        is_private = private_base(settings, kind) != ""
        if is_private:
            directories.append(Directory(exit_status, f"{base}/{PRIVATE}", PRIVATE_MODE))
        for name, links in entries:
            path = f"{base}/{PRIVATE}/{name}" if is_private else f"{base}/{name}"
            moves += _moves(exit_status, base, name, is_private, root)
            # Configuration that is there already is not given away (systemd.exec(5)).
            directories.append(Directory(exit_status, path, mode, *owner, kind != "configuration"))
            for link in (*links, name) if is_private else links:
                target = path if link == name else f"{base}/{name}"
                symlinks.append(Symlink(exit_status, f"{base}/{link}", _relative(target, f"{base}/{link}")))
        environment.append((variable, ":".join(dict.fromkeys([f"{base}/{name}" for name, _links in entries]))))
    return DirectoryPlan(tuple(directories), tuple(symlinks), tuple(environment), tuple(moves))


def private_base(settings: ExecSettings, kind: str) -> str:
    """The directory below the base that keeps a dynamic user's own, "" where there is none.

    Runtime directories go away with the unit and need no such care, unless they stay.
    """
    if not settings.dynamic_user or kind == "configuration":
        return ""
    return "" if kind == "runtime" and settings.runtime_directory_preserve == "no" else PRIVATE


def _moves(exit_status: int, base: str, name: str, is_private: bool, root: str) -> list[Move]:
    """The directory of a unit that has got a dynamic user, or has one no longer, comes along."""
    public, private = f"{base}/{name}", f"{base}/{PRIVATE}/{name}"
    try:
        info = os.lstat(root + public)
    except OSError:
        return []  # nothing there yet, or `pyinit-exec` will say what is wrong with it
    if is_private:
        return [Move(exit_status, public, private)] if stat.S_ISDIR(info.st_mode) else []
    if stat.S_ISLNK(info.st_mode) and os.readlink(root + public) == _relative(private, public) and os.path.isdir(
        root + private
    ):
        return [Move(exit_status, private, public)]
    return []


def _relative(target: str, link: str) -> str:
    return os.path.relpath(target, os.path.dirname(link))


def remove_directories(paths: tuple[str, ...], root: str = "") -> list[tuple[str, int]]:
    """Removes each tree or link. What could not be removed, with its errno; missing ones are no failure."""
    failures: list[tuple[str, int]] = []
    for path in paths:
        try:
            remove_tree(root + path)
        except FileNotFoundError:
            pass  # already as it should be
        except OSError as error:
            failures.append((path, error.errno or 0))
    return failures
