"""Trees are removed, and places found, while somebody else changes names below them."""

from __future__ import annotations

import errno
import os
import subprocess
import tempfile

import pytest

from initd.shell import trees
from initd.shell.ipc import remove_files
from initd.shell.trees import open_file, open_place, remove, remove_tree, visit_tree

from .conftest import needs_root


@pytest.fixture
def victim(tmp_path):
    """What must not be touched, and beside it a tree."""
    (tmp_path / "victim").mkdir()
    (tmp_path / "victim" / "kept").write_text("")
    (tmp_path / "tree" / "deep").mkdir(parents=True)
    return tmp_path / "victim"


def is_place(path) -> bool:
    fd = open_place(str(path))
    try:
        return os.path.samestat(os.fstat(fd), os.stat(path))
    finally:
        os.close(fd)


@pytest.fixture
def swapped(victim, tmp_path, monkeypatch):
    """At the first look at it, `deep` becomes a link to the victim; has something in it once that has happened."""
    swapped = []
    look = os.stat

    def stat_then_swap(path, **options):
        info = look(path, **options)
        if path == "deep" and not swapped:
            swapped.append(path)
            (tmp_path / "tree" / "deep").rmdir()
            (tmp_path / "tree" / "deep").symlink_to(victim)
        return info

    monkeypatch.setattr(trees.os, "stat", stat_then_swap)
    return swapped


def test_a_directory_that_becomes_a_link_when_it_is_gone_into_is_not_followed(victim, tmp_path, swapped):
    """The moment between the look at a name and its use, at each use of a name."""
    with pytest.raises(OSError):
        remove_tree(str(tmp_path / "tree"))
    assert swapped and (victim / "kept").exists()


def test_a_directory_that_is_moved_away_ends_it(victim, tmp_path):
    (tmp_path / "tree" / "deep" / "file").write_text("")

    def move(directory: int, name: str, info: os.stat_result) -> None:
        if name == "file":
            (tmp_path / "tree" / "deep").rename(victim / "deep")
        remove(directory, name, info)

    place = open_place(str(tmp_path))
    with pytest.raises(OSError) as caught:
        visit_tree(place, "tree", move)
    os.close(place)
    assert caught.value.errno == errno.ESTALE and (victim / "kept").exists()


def test_a_tree_may_be_deeper_than_a_path_is_long_and_descriptors_there_are():
    place = tempfile.mkdtemp(dir="/dev/shm")
    at = os.open(place, os.O_RDONLY)
    try:
        for _ in range(1100):
            os.mkdir("deep", dir_fd=at)
            below = os.open("deep", os.O_RDONLY, dir_fd=at)
            os.close(at)
            at = below
        os.close(at)
        remove_tree(f"{place}/deep")
        assert os.listdir(place) == []
    finally:
        subprocess.run(["rm", "-rf", place], check=True)


def test_links_of_roots_or_our_own_lead_to_a_place(victim, tmp_path):
    (tmp_path / "tree" / "up").symlink_to("../victim")
    (tmp_path / "absolute").symlink_to(tmp_path / "tree" / "up")
    assert is_place(tmp_path / "absolute") and is_place(tmp_path / "tree" / ".." / "victim") and is_place("/")
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(OSError, match="symbolic links"):
        open_place(str(tmp_path / "loop"))


@needs_root
def test_links_of_others_lead_nowhere(victim, tmp_path):
    (tmp_path / "theirs").symlink_to("victim")
    os.lchown(tmp_path / "theirs", 65534, 65534)
    (victim / "leaf").mkdir()
    for path in ("theirs", "theirs/leaf"):
        with pytest.raises(OSError) as caught:
            open_place(str(tmp_path / path))
        assert caught.value.errno == errno.ELOOP
    with pytest.raises(OSError):
        remove_tree(str(tmp_path / "theirs" / "leaf"))
    remove_tree(str(tmp_path / "theirs"))
    assert (victim / "leaf").exists() and not (tmp_path / "theirs").is_symlink()


@needs_root
def test_remove_ipc_does_not_follow_what_becomes_a_link(victim, tmp_path, swapped):
    os.chown(victim / "kept", 5, 60)
    remove_files(5, 60, (str(tmp_path / "tree"),))
    assert swapped and (victim / "kept").exists()


@needs_root
def test_a_file_is_not_opened_where_another_users_link_leads(victim, tmp_path):
    """/dev/stderr and the like are root's links, one behind the other."""
    kept, how = victim / "kept", os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    kept.write_text("whole")
    (tmp_path / "theirs").symlink_to(kept)
    os.lchown(tmp_path / "theirs", 65534, 65534)
    (tmp_path / "roots").symlink_to("theirs")
    for name in ("theirs", "roots"):
        with pytest.raises(OSError) as caught:
            open_file(str(tmp_path / name), how, 0o644)
        assert caught.value.errno == errno.ELOOP and kept.read_text() == "whole"
    (tmp_path / "tree" / "one").symlink_to("../two")
    (tmp_path / "two").symlink_to(victim / "made")
    os.close(open_file(str(tmp_path / "tree" / "one"), how, 0o600))
    assert (victim / "made").stat().st_mode & 0o777 == 0o600
    with open(tmp_path / "two", "w", encoding="ascii") as file:
        (tmp_path / "stderr").symlink_to(f"/proc/self/fd/{file.fileno()}")
        with open(open_file(str(tmp_path / "stderr"), how, 0o600), "w", encoding="ascii") as opened:
            opened.write("said")
    assert (victim / "made").read_text() == "said"
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(OSError):
        open_file(str(tmp_path / "loop"), how, 0o644)
