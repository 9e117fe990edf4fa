"""The kernel's table of mounts, in a mount namespace of our own where that is allowed, and the place for a mount."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from initd.attempts import Attempts
from initd.core import effects as ef
from initd.core import events as ev
from initd.core.effects import PrepareMount
from initd.core.mountpoint import MountPoint
from initd.mountlink import MountLink
from initd.shell import fstab, mounts
from initd.wire.proc import parse_mounts

ROOT = Path(__file__).resolve().parents[2]
TABLE = """\
81 52 0:43 / / rw,relatime - overlay overlay rw,lowerdir=/l
82 81 0:46 / /proc rw,nosuid - proc proc rw
86 81 0:49 / /mnt/a\\040b rw,nosuid - tmpfs tm\\040p rw,size=1k
87 81 0:50 /x /mnt/c rw,relatime - ext4 /dev/vda rw,discard
88 87 0:51 / /mnt/c ro,relatime - tmpfs over rw
89 81 0:52 / /sys/fs/cgroup/x rw - cgroup cgroup rw
90 81 0:53 / /mnt/auto rw - autofs systemd-1 rw,fd=3
"""


def test_table_has_the_uppermost_mount_of_each_place_that_has_a_unit(tmp_path):
    (tmp_path / "mountinfo").write_text(TABLE)
    (tmp_path / "utab").write_text("SRC=tm\\040p TARGET=/mnt/a ROOT=/\nSRC=over TARGET=/mnt/c ROOT=/ OPTS=x-foo=1\n")
    table = mounts.MountTable(str(tmp_path / "mountinfo"), str(tmp_path / "utab"))
    assert table.read() == table.read() == (
        MountPoint("/", "overlay", "overlay", "rw,relatime,lowerdir=/l"),
        MountPoint("/mnt/a b", "tm p", "tmpfs", "rw,nosuid,size=1k"),
        MountPoint("/mnt/c", "over", "tmpfs", "ro,relatime,x-foo=1"),
    )
    table.close()


def test_own_table_is_that_of_the_kernel():
    table = mounts.MountTable()
    found = {mount.where for mount in table.read()}
    assert "/" in found and found <= {mount.path for mount in parse_mounts(Path("/proc/self/mountinfo").read_bytes())}
    table.close()


def test_a_change_is_told_once():
    """In a namespace of its own: nobody else mounts there."""
    script = f"""
import select, subprocess, sys
sys.path.insert(0, {str(ROOT)!r})
from initd.shell.loop import URGENT
from initd.shell.mounts import MountTable
table = MountTable()
epoll = select.epoll()
epoll.register(table.fileno(), URGENT)
def wakes():
    return len(epoll.poll(0.2))
told = [wakes()]
for words in (["mount", "-t", "tmpfs", "x", "/mnt"], ["umount", "/mnt"]):
    subprocess.run(words, check=True)
    told += [wakes(), "/mnt" in [mount.where for mount in table.read()], wakes()]
print(told)
"""
    done = subprocess.run(["unshare", "--mount", sys.executable, "-c", script], capture_output=True, text=True, check=False)
    if "unshare failed" in done.stderr or "permission denied" in done.stderr:
        pytest.skip(done.stderr)
    assert done.stdout == "[0, 1, True, 0, 1, False, 0]\n", done.stderr


def test_place_is_made_with_its_mode(tmp_path):
    where = tmp_path / "a/b"
    done = mounts.prepare(PrepareMount("x.mount", str(where), str(tmp_path / "source"), 0o700))
    assert not done.problems and not done.failure
    assert [oct(path.stat().st_mode)[-3:] for path in (tmp_path / "a", where, tmp_path / "source")] == ["755", "700", "700"]


def test_what_is_there_already_is_told(tmp_path):
    (tmp_path / "x").mkdir(0o711)
    (tmp_path / "x/y").touch()
    done = mounts.prepare(PrepareMount("x.mount", str(tmp_path / "x"), "", 0o700))
    assert done.problems == ((5, f"Directory {tmp_path}/x to mount over is not empty, mounting anyway."),)
    assert oct((tmp_path / "x").stat().st_mode)[-3:] == "711"


def test_nothing_is_mounted_behind_a_link(tmp_path):
    (tmp_path / "link").symlink_to("there")
    (tmp_path / "there").mkdir()
    done = mounts.prepare(PrepareMount("x.mount", str(tmp_path / "link"), "", 0o755))
    assert done.failure == "Too many levels of symbolic links"
    assert done.problems == ((3, f"Mount path {tmp_path}/link is not canonical (contains a symlink)."),)


def test_place_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").touch()
    done = mounts.prepare(PrepareMount("x.mount", str(tmp_path / "file/x"), "", 0o755))
    assert done.problems == ((4, f"Failed to create directory {tmp_path}/file/x: File exists"),)


def test_fstab_is_read_with_the_links_of_its_places(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    path = tmp_path / "fstab"
    path.write_text(f"tmpfs {tmp_path}/link tmpfs defaults 0 0\n")
    made = fstab.generate(str(path)).made
    assert any(f"Where={os.path.realpath(tmp_path)}/real\n" in each.text for each in made)
    assert fstab.generate(str(tmp_path / "none")) == fstab.fstab.Plan((), ())


def test_a_look_that_raises_is_repeated_as_a_stop_waits_for_it():
    class Table:
        looks = 0

        def read(self):
            self.looks += 1
            if self.looks == 1:
                raise MemoryError("none left")
            return ()

    said = []
    link = MountLink(None, None, None, None, None, Attempts(lambda log: said.append(log.text)).twice)
    link._table = Table()
    assert link.handlers()[ef.ReadMounts](ef.ReadMounts("srv.mount")) == ev.MountsRead(())
    assert said[0] == "Bug: MountLink._answer could not be handled, going on without it: MemoryError: none left"
