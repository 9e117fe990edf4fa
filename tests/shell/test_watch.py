from __future__ import annotations

import os

import pytest

from initd.core.events import PathTouched
from initd.core.settings import PathSettings
from initd.shell.loop import Loop
from initd.shell.watch import PathWatch

pytest.importorskip("pyinotify")


@pytest.fixture
def watcher(tmp_path):
    class Watcher:
        def __init__(self) -> None:
            self.loop = Loop()
            self.heard: list[bool] = []
            self.watch = PathWatch(self.loop, self._on_event)

        def _on_event(self, event: object) -> None:
            assert isinstance(event, PathTouched) and event.unit == "a.path"
            self.heard.append(bool(event.changed))

        def start(self, kind: str, path: str, makes: bool = False, is_fresh: bool = True) -> bool:
            settings = PathSettings()
            settings.paths = ((kind, f"{tmp_path}/{path}"),)
            answer = self.watch.watch("a.path", settings, makes, is_fresh)
            assert answer.failure == ""
            return bool(answer.met)

        def hear(self) -> list[bool]:
            self.loop.run_once(0)
            found, self.heard = self.heard, []
            return found

    return Watcher()


@pytest.mark.parametrize(("kind", "path", "make", "is_met_then"), [
    ("PathExists", "x", "x", True), ("PathExistsGlob", "*.x", "a.x", True), ("PathChanged", "x", "x", False),
])  # fmt: skip
def test_what_appears_is_heard_of(watcher, tmp_path, kind, path, make, is_met_then):
    assert not watcher.start(kind, path)
    (tmp_path / "unrelated").write_text("")
    (tmp_path / make).write_text("")
    assert watcher.hear()
    assert watcher.start(kind, path) is is_met_then


def test_a_directory_that_fills_is_heard_of(watcher, tmp_path):
    assert not watcher.start("DirectoryNotEmpty", "d", makes=True)
    (tmp_path / "d/x").write_text("")
    assert watcher.hear()
    assert watcher.start("DirectoryNotEmpty", "d")


def test_a_path_is_followed_as_its_parents_appear(watcher, tmp_path):
    assert not watcher.start("PathExists", "a/b/c")
    (tmp_path / "a").mkdir()
    assert watcher.hear()
    assert not watcher.start("PathExists", "a/b/c")
    (tmp_path / "a/b").mkdir()
    (tmp_path / "a/b/c").write_text("")
    assert watcher.hear()
    assert watcher.start("PathExists", "a/b/c")


def test_writing_is_a_change_when_the_file_is_closed_and_for_modified_at_once(watcher, tmp_path):
    (tmp_path / "x").write_text("")
    watcher.start("PathChanged", "x")
    with open(tmp_path / "x", "w") as file:
        file.write("a")
        file.flush()
        assert True not in watcher.hear()
    assert True in watcher.hear()
    watcher.start("PathModified", "x")
    with open(tmp_path / "x", "w") as file:
        file.write("b")
        file.flush()
        assert True in watcher.hear()


def test_what_was_forgotten_is_not_heard_of(watcher, tmp_path):
    watcher.start("PathExists", "x")
    watcher.watch.forget("a.path")
    (tmp_path / "x").write_text("")
    assert watcher.hear() == []


@pytest.mark.parametrize("kind", ["PathChanged", "PathModified"])
def test_what_comes_or_goes_with_a_directory_above_has_changed(watcher, tmp_path, kind):
    (tmp_path / "a").mkdir()
    (tmp_path / "a/x").write_text("")
    assert not watcher.start(kind, "a/x")
    (tmp_path / "a").rename(tmp_path / "b")
    assert watcher.hear()
    assert watcher.start(kind, "a/x", is_fresh=False)
    assert not watcher.start(kind, "a/x", is_fresh=False)
    (tmp_path / "b").rename(tmp_path / "a")
    assert not watcher.start(kind, "a/x")  # the service has just ended: that is no news


def test_no_program_that_is_run_has_what_watches(watcher, tmp_path):
    watcher.start("PathExists", "x")
    fds = [fd for fd in os.listdir("/proc/self/fd") if os.path.islink(f"/proc/self/fd/{fd}")]
    found = [int(fd) for fd in fds if os.readlink(f"/proc/self/fd/{fd}") == "anon_inode:inotify"]
    assert found and not any(os.get_inheritable(fd) for fd in found)
