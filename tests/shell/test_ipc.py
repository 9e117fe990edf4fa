"""RemoveIPC=: whose objects go, and whose stay."""

from __future__ import annotations

import os
import subprocess

from initd.shell.ipc import owned_objects, remove_files
from tests.shell.conftest import needs_root, wait_until

TABLE = "       key      {} perms      uid   gid  cuid  cgid\n{}"


def test_objects_are_found_by_owner_or_group_and_never_roots(tmp_path):
    rows = "  0  3  644  5  6  5  6\n  0  4  644  7  6  7  6\n  0  5  644  8  8  8  8\n  0  6  644  0  0  0  0\n"
    for name, column in (("msg", "msqid"), ("sem", "semid"), ("shm", "shmid")):
        (tmp_path / name).write_text(TABLE.format(column, rows))
    assert owned_objects(5, 6, str(tmp_path)) == {
        5: [(0, 3), (1, 3), (2, 3)], 7: [(0, 4), (1, 4), (2, 4)]}
    assert owned_objects(0, 0, str(tmp_path)) == {}
    assert owned_objects(1, 1, str(tmp_path / "missing")) == {}


@needs_root
def test_files_go_with_their_directories(tmp_path):
    (tmp_path / "theirs" / "deep").mkdir(parents=True)
    for path in ("theirs/deep/file", "theirs/file", "mine", "yours"):
        (tmp_path / path).write_text("")
    for path in ("theirs", "theirs/deep", "theirs/deep/file", "theirs/file", "yours"):
        os.chown(tmp_path / path, 5, 60)
    os.chown(tmp_path / "yours", 6, 65)
    remove_files(5, 60, (str(tmp_path), "/nonexistent"))
    assert sorted(os.listdir(tmp_path)) == ["mine", "yours"]


@needs_root
def test_a_units_system_v_objects_are_removed_as_their_owner(runner):
    runner.shell("ipcmk -Q >/dev/null; ipcmk -M 64 >/dev/null; ipcmk -S 1 >/dev/null", user="games")
    uid = int(subprocess.run(["id", "-u", "games"], capture_output=True, text=True, check=True).stdout)
    assert len(owned_objects(uid, uid)[uid]) == 3
    runner.spawner.remove_ipc("test.service", runner.settings(user="games"))
    wait_until(lambda: not owned_objects(uid, uid))
