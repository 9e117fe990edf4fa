"""Somebody else's processes become a unit's: they are tagged, whoever owns them, and the end of the last one is noticed."""

from __future__ import annotations

import os
import signal
import subprocess

import pytest

from initd.core.effects import AttachProcesses
from initd.shell.attach import Attacher
from initd.shell.fds import read_small
from initd.shell.limits import probe
from initd.shell.loop import Loop
from initd.shell.spawn import Spawner
from initd.shell.track import Tracker
from initd.wire.proc import parse_tag

from .conftest import needs_root, wait_until

UNIT, NUMBER = "a.scope", 7


class Stage:
    def __init__(self, facts) -> None:
        self.loop = Loop()
        self.tag_base = probe().tag_base
        self.tracker = Tracker({NUMBER: UNIT}, self.tag_base)
        self.ended: list[str] = []
        spawner = Spawner(facts.replace(tag_base=self.tag_base))
        self.attacher = Attacher(self.loop, spawner, self.tracker, None, self.ended.append)
        self.children: list[subprocess.Popen] = []

    def process(self, script: str = "sleep 1000 & wait", **options: object) -> int:
        self.children.append(subprocess.Popen(["sh", "-c", script], start_new_session=True, **options))
        return self.children[-1].pid

    def attach(self, *pids: int):
        return self.attacher.attach(AttachProcesses(UNIT, NUMBER, "", pids))

    def tag(self, pid: int) -> int | None:
        tag = parse_tag(read_small(f"/proc/{pid}/limits"))
        return None if tag is None else tag - self.tag_base

    def pids(self) -> set[int]:
        self.tracker.forget()
        return {process.pid for process in self.tracker.live(UNIT)}

    def close(self) -> None:
        self.attacher.forget(UNIT)
        for child in self.children:
            try:
                os.killpg(child.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            child.wait()


@pytest.fixture
def stage(facts):
    stage = Stage(facts)
    yield stage
    stage.close()


def test_a_process_is_tagged_with_what_it_forks_from_then_on(stage):
    pid = stage.process("read line; sleep 1000 & wait", stdin=subprocess.PIPE)
    answer = stage.attach(pid)
    assert (answer.count, answer.problems, stage.tag(pid)) == (1, (), NUMBER)
    stage.children[-1].stdin.write(b"\n")
    stage.children[-1].stdin.flush()
    assert wait_until(lambda: len(stage.pids()) == 2)
    assert {stage.tag(each) for each in stage.pids()} == {NUMBER}


@needs_root
def test_the_owner_of_a_process_may_tag_it_though_we_may_not(stage):
    pid = stage.process(user="games", group="games", extra_groups=[])
    answer = stage.attach(pid)
    assert (answer.problems, stage.tag(pid)) == ((), NUMBER)


def test_a_process_that_cannot_be_tagged_is_known_by_its_pid(stage):
    stage.attacher._spawner.facts = stage.attacher._spawner.facts.replace(tag_base=None)
    pid = stage.process("sleep 1000 & wait")
    answer = stage.attach(pid)
    assert answer.count == 1 and len(answer.problems) == 1 and pid in stage.pids()


def test_who_is_gone_is_not_counted(stage):
    pid = stage.process("exit 0")
    stage.children[-1].wait()
    assert stage.attach(pid).count == 0


def test_the_end_of_each_is_noticed_until_nobody_is_left(stage):
    """They are our children here, so that it is said of others': the parent is another process in between."""
    middle = stage.process("sleep 1000 & echo $!; sleep 1000 & echo $!; wait", stdout=subprocess.PIPE, text=True)
    pids = [int(stage.children[-1].stdout.readline()) for _ in range(2)]
    assert stage.attach(*pids).count == 2 and middle not in stage.pids()
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
        while not stage.ended:
            stage.loop.run_once(20_000_000)
        assert stage.ended == [UNIT] and pid not in stage.pids()
        stage.ended.clear()
        stage.attacher.look(UNIT)
    assert stage.pids() == set()
