"""What a PID file says, and who could have written it."""

from __future__ import annotations

import os
import subprocess

import pytest

from initd.shell import pidfile
from initd.shell.pidfile import is_roots, read_pid_file
from initd.shell.track import Tracker, process_ref

from .conftest import needs_root, wait_until

UNIT = "test.service"


@pytest.fixture
def child():
    child = subprocess.Popen(["sleep", "1000"])
    yield child
    child.kill()
    child.wait()


@pytest.fixture
def tracker():
    return Tracker({})


def read(tmp_path, text, tracker):
    (tmp_path / "pid").write_text(text)
    return read_pid_file(UNIT, str(tmp_path / "pid"), tracker)


@pytest.mark.parametrize("form", ["{}", "{}\n", "  {} \n", "{}\nsecond line\n"])
def test_process_is_named_with_its_start(tmp_path, tracker, child, form):
    found = read(tmp_path, form.format(child.pid), tracker)
    assert (found.process, found.problem, found.is_ours) == (process_ref(child.pid), "", False)


def test_process_of_the_unit_is_ours(tmp_path, tracker, child):
    tracker.watch(UNIT, process_ref(child.pid))
    assert read(tmp_path, str(child.pid), tracker).is_ours


@pytest.mark.parametrize("text", ["", "\n", "word", "-5", "0", "1", "99999999999", "12 34", "0x10"])
def test_what_is_no_pid_is_refused(tmp_path, tracker, text):
    found = read(tmp_path, text, tracker)
    assert found.process is None and "Failed to parse PID" in found.problem


def test_missing_file(tmp_path, tracker):
    found = read_pid_file(UNIT, str(tmp_path / "none"), tracker)
    assert found.process is None and "No such file" in found.problem


def test_dead_process_zombie_and_the_manager_are_refused(tmp_path, tracker, child):
    assert read(tmp_path, str(os.getpid()), tracker).process is None
    child.kill()
    wait_until(lambda: open(f"/proc/{child.pid}/stat").read().rsplit(") ")[1].startswith("Z"))
    assert read(tmp_path, str(child.pid), tracker).process is None
    child.wait()
    assert read(tmp_path, str(child.pid), tracker).process is None


def test_file_that_would_block_does_not(tmp_path, tracker):
    os.mkfifo(tmp_path / "pid")
    assert read_pid_file(UNIT, str(tmp_path / "pid"), tracker).process is None


@pytest.fixture
def root(tmp_path):
    """Paths are looked at below this directory only."""
    (tmp_path / "run" / "d").mkdir(parents=True, mode=0o755)
    for directory in (tmp_path / "run", tmp_path / "run" / "d"):
        directory.chmod(0o755)
    (tmp_path / "run" / "d" / "pid").write_text("7")
    return tmp_path


@needs_root
def test_file_of_root_in_roots_directories_is_trusted(root):
    assert is_roots("/run/d/pid", str(root))
    (root / "run" / "link").symlink_to("/run/d")
    (root / "run" / "d" / "up").symlink_to("../d/pid")
    assert is_roots("/run/link/up", str(root))


@needs_root
@pytest.mark.parametrize("spoil", [
    lambda root: os.chown(root / "run/d/pid", 65534, 65534),
    lambda root: os.chown(root / "run/d", 65534, 65534),
    lambda root: (root / "run/d").chmod(0o777),
    lambda root: (root / "run/d/pid").unlink(),
    lambda root: (os.chown(root / "run/d/pid", 0, 65534), (root / "run/d/pid").chmod(0o664)),
])
def test_what_another_user_could_have_written_is_not(root, spoil):
    spoil(root)
    assert not is_roots("/run/d/pid", str(root))


@needs_root
def test_link_of_another_user_is_not_followed(root):
    link = root / "run" / "link"
    link.symlink_to("/run/d")
    os.lchown(link, 65534, 65534)
    assert not is_roots("/run/link/pid", str(root))


@needs_root
def test_a_file_that_takes_the_place_of_the_one_that_was_read_does_not_vouch_for_it(root, tracker, child, monkeypatch):
    """The directory belongs to root and to a group that may write there: one of it puts root's file where its own was."""
    directory = root / "run/d"
    os.chown(directory, 0, 65534)
    directory.chmod(0o775)
    (directory / "roots").write_text("7")
    (directory / "pid").write_text(str(child.pid))
    os.chown(directory / "pid", 65534, 65534)
    assert not read_pid_file(UNIT, "/run/d/pid", tracker, str(root)).is_trusted
    look = pidfile.is_roots

    def swap_then_look(*arguments):
        os.rename(directory / "roots", directory / "pid")
        return look(*arguments)

    monkeypatch.setattr(pidfile, "is_roots", swap_then_look)
    found = read_pid_file(UNIT, "/run/d/pid", tracker, str(root))
    assert found.process == process_ref(child.pid) and not found.is_trusted


@needs_root
def test_links_in_a_circle_end(root):
    (root / "run" / "loop").symlink_to("/run/loop")
    assert not is_roots("/run/loop", str(root))


@needs_root
def test_sticky_directory_is_as_good_as_roots(root):
    (root / "run" / "d").chmod(0o1777)
    assert is_roots("/run/d/pid", str(root))
