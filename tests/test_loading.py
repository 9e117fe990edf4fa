"""Which units are read, and when; of files that are really there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from initd.attempts import Attempts
from initd.core import effects as ef
from initd.core import events as ev
from initd.core.engine import Engine
from initd.core.settings import UnitDefinition
from initd.core.sources import LoadFacts
from initd.core.states import LoadState
from initd.loading import Loading
from initd.shell import limits
from initd.shell.clock import now
from initd.shell.unitdirs import UnitDirs
from initd.unitreader import UnitReader

ETC = "etc/systemd/system"


class Bug(Exception):
    """What nobody has foreseen."""


class Tree:
    """An engine that loads from a directory of its own; reading `spoiled` raises so often."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / ETC).mkdir(parents=True)
        self.said: list[str] = []
        self.exit = False
        self.spoiled: dict[str, int] = {}
        self.engine = Engine(now(), 1, 0)
        units = UnitReader(UnitDirs(str(root)), LoadFacts(), limits.probe(), "", is_strict=False)
        self._read, units.read = units.read, self.read  # type: ignore[method-assign]
        self.loading = Loading(self.engine.graph, units, Attempts(self.write), self.feed, lambda: self.exit)

    def write(self, log: ef.Log) -> None:
        self.said.append(log.text)

    def feed(self, event: ev.Event) -> None:
        self.engine.handle(event, now())

    def read(self, name: str) -> UnitDefinition:
        if self.spoiled.get(name):
            self.spoiled[name] -= 1
            raise Bug("no idea")
        return self._read(name)

    def put(self, name: str, text: str) -> None:
        path = self.root / ETC / name
        path.write_text(text)
        # Seen by the time of the directory, which is as coarse as the kernel's clock.
        os.utime(path.parent, ns=(0, path.parent.stat().st_mtime_ns + 1_000_000))

    def states(self) -> dict[str, str]:
        return {unit.name: unit.load_state.value for unit in self.engine.graph.units.values()
                if unit.name.partition(".")[0] in "abc"}


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path)


def test_what_a_unit_mentions_is_loaded_and_what_that_mentions(tree):
    tree.put("a.service", "[Unit]\nWants=b.service\n[Service]\nExecStart=/bin/true\n")
    tree.put("b.service", "[Unit]\nAfter=c.service\n[Service]\nExecStart=/bin/true\n")
    tree.loading.load("a.service")
    assert tree.states() == {"a.service": "loaded", "b.service": "loaded", "c.service": "not-found"}
    assert not tree.engine.graph.missing()


def test_nothing_more_is_read_when_the_end_has_come(tree):
    tree.exit = True
    tree.loading.load("a.service")
    assert tree.states() == {} and tree.engine.graph.missing()


def test_a_new_file_is_seen_without_a_reload_by_who_asks(tree):
    tree.put("a.service", "[Unit]\nWants=b.service\n[Service]\nExecStart=/bin/true\n")
    tree.loading.load_asked("a.service")
    tree.put("b.service", "[Unit]\nWants=c.service\n[Service]\nExecStart=/bin/true\n")
    tree.loading.load("a.service")
    assert tree.states() == {"a.service": "loaded", "b.service": "not-found"}
    tree.loading.load_asked("b.service")
    assert tree.states() == {"a.service": "loaded", "b.service": "loaded", "c.service": "not-found"}


def test_what_was_only_mentioned_is_looked_for_when_something_is_new(tree):
    tree.put("a.service", "[Unit]\nWants=b.service\n[Service]\nExecStart=/bin/true\n")
    tree.loading.load("a.service")
    tree.loading.look_for_missing()
    assert tree.states()["b.service"] == "not-found"
    tree.put("b.service", "[Service]\nExecStart=/bin/true\n")
    tree.loading.look_for_missing()
    assert tree.states()["b.service"] == "loaded"


def test_read_again_is_what_files_have_now_and_who_has_none_is_left_out(tree):
    tree.put("a.service", "[Service]\nExecStart=/bin/true\n")
    tree.put("b.service", "[Service]\nExecStart=/bin/true\n")
    tree.loading.load("a.service", "b.service")
    tree.put("a.service", "[Unit]\nDescription=Anew\n[Service]\nExecStart=/bin/true\n")
    (tree.root / ETC / "b.service").unlink()
    again = {each.name: each for each in tree.loading.read_again()}
    assert again["a.service"].unit.description == "Anew" and "b.service" not in again


def test_a_unit_that_cannot_be_read_keeps_no_other_from_being_read(tree):
    tree.put("b.service", "[Service]\nExecStart=/bin/true\n")
    tree.spoiled["a.service"] = 2
    tree.loading.load("a.service", "b.service")
    assert tree.states() == {"a.service": "error", "b.service": "loaded"}
    assert "no idea" in tree.engine.graph.units["a.service"].definition.diagnostics[0].text
    assert len([text for text in tree.said if text.startswith("Bug: ")]) == 2


def test_one_exception_is_told_and_the_unit_read_all_the_same(tree):
    tree.put("a.service", "[Service]\nExecStart=/bin/true\n")
    tree.spoiled["a.service"] = 1
    tree.loading.load("a.service")
    assert tree.states() == {"a.service": "loaded"} and tree.said
    tree.spoiled["a.service"] = 1
    assert tree.engine.graph.units["a.service"].definition in tree.loading.read_again()
    assert tree.engine.graph.units["a.service"].load_state is LoadState.LOADED
