"""RuntimeDirectory= and its sisters where another user had a hand in the path: nothing of anybody else's is given away."""

from __future__ import annotations

import os
import pwd
import shutil
import stat
from pathlib import Path

import pytest

from .conftest import needs_root

NOBODY, GAMES = (pwd.getpwnam(name).pw_uid for name in ("nobody", "games"))
pytestmark = needs_root


@pytest.fixture
def place():
    """A directory below /run that belongs to nobody, and beside it one of root's: the victim."""
    top = Path(f"/run/pyinit-test-{os.getpid()}")
    (top / "theirs").mkdir(parents=True)
    (top / "victim" / "leaf").mkdir(parents=True)
    (top / "victim" / "file").write_text("")
    os.chown(top / "theirs", NOBODY, NOBODY)
    yield top
    shutil.rmtree(top)


def link(place: Path, name: str, target: str, owner: int) -> None:
    (place / "theirs" / name).symlink_to(target)
    os.lchown(place / "theirs" / name, owner, owner)


def owners(place: Path) -> set[int]:
    return {os.lstat(place / "victim" / name).st_uid for name in ("", "file", "leaf")}


@pytest.mark.parametrize("path", ["theirs/link", "theirs/link/leaf", "theirs/link/new/leaf", "theirs/twice/leaf"])
@pytest.mark.parametrize("user", ["games", "nobody", ""])
def test_a_link_of_another_user_gives_nothing_away(runner, place, path, user):
    link(place, "link", "../victim", NOBODY)
    link(place, "twice", "link", 0)
    before = os.lstat(place / "victim").st_mode
    status, step, _ = runner.fails(runtime_directory=((f"{place.name}/{path}", ()),), user=user, runtime_directory_mode=0o777)
    assert (status, step) == (233, "RUNTIME_DIRECTORY")
    assert owners(place) == {0} and os.lstat(place / "victim").st_mode == before
    assert sorted(os.listdir(place / "victim")) == ["file", "leaf"]


def test_a_link_of_roots_is_followed(runner, place):
    """systemd refuses every link at the end of the path (238); on a volume of the container's it is of use."""
    link(place, "link", f"/run/{place.name}/victim", 0)
    runner.shell("true", user="games", runtime_directory=((f"{place.name}/theirs/link", ()),))
    assert owners(place) == {GAMES}


def test_a_users_own_link_to_what_is_its_own_is_followed(runner, place):
    """A directory given away with the links in it must do the next time as well."""
    (place / "theirs" / "real").mkdir()
    os.chown(place / "theirs" / "real", NOBODY, NOBODY)
    link(place, "link", "real", NOBODY)
    runner.shell("true", user="nobody", runtime_directory=((f"{place.name}/theirs/link", ()),), runtime_directory_mode=0o700)
    assert stat.S_IMODE(os.stat(place / "theirs" / "real").st_mode) == 0o700


def test_no_link_is_made_where_another_user_leads(runner, place):
    link(place, "link", "../victim", NOBODY)
    name = place.name
    assert runner.fails(runtime_directory=((f"{name}/own", (f"{name}/theirs/link/planted",)),))[0] == 233
    assert not os.path.lexists(place / "victim" / "planted")


def test_a_file_in_the_way_is_none(runner, place):
    (place / "theirs" / "file").write_text("")
    assert runner.fails(runtime_directory=((f"{place.name}/theirs/file", ()),))[0] == 233
