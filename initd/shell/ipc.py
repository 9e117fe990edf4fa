"""RemoveIPC=: the IPC objects of a user and group go when their unit ends (systemd.exec(5)).

What stands in the file system, POSIX shared memory and message queues, is unlinked here. System V objects may only be
removed by their owner, so `pyinit-exec` becomes that user for them.
"""

from __future__ import annotations

import os

from initd.shell.fds import read_small
from initd.shell.trees import remove, visit_tree

#: As `pyinit-exec` counts them: the file below /proc/sysvipc of each kind.
_KINDS = ("msg", "sem", "shm")
_ID_OF = {"msg": "msqid", "sem": "semid", "shm": "shmid"}
_FILE_SYSTEMS = ("/dev/shm", "/dev/mqueue")
_TABLE_MAX = 4 * 1024 * 1024


def remove_files(uid: int, gid: int, places: tuple[str, ...] = _FILE_SYSTEMS) -> None:
    """Everything of the user or group in there. What cannot be removed stays: nothing depends on it."""
    def remove_theirs(directory: int, name: str, info: os.stat_result) -> None:
        if _is_theirs(info.st_uid, info.st_gid, uid, gid):
            try:
                remove(directory, name, info)
            except OSError:
                pass  # others have something in it

    for place in places:
        try:
            top = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError:
            continue  # not mounted here
        for name in os.listdir(top):
            try:
                visit_tree(top, name, remove_theirs)
            except OSError:
                pass  # gone meanwhile, or somebody moves it about
        os.close(top)


def _is_theirs(owner: int, group: int, uid: int, gid: int) -> bool:
    """Root's objects are never taken for a service's."""
    return owner == uid != 0 or group == gid != 0


def owned_objects(uid: int, gid: int, proc: str = "/proc/sysvipc") -> dict[int, list[tuple[int, int]]]:
    """Owner → (kind, id) of every System V object of the user or group."""
    found: dict[int, list[tuple[int, int]]] = {}
    for kind, name in enumerate(_KINDS):
        try:
            lines = read_small(f"{proc}/{name}", _TABLE_MAX).decode("ascii", "replace").splitlines()
        except OSError:
            continue  # a kernel without System V IPC
        columns = lines[0].split() if lines else []
        for line in lines[1:]:
            row = dict(zip(columns, line.split()))
            owner, group, number = int(row["uid"]), int(row["gid"]), int(row[_ID_OF[name]])
            if _is_theirs(owner, group, uid, gid):
                found.setdefault(owner, []).append((kind, number))
    return found
