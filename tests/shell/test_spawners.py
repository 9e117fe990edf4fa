"""Several processes at once, and what happens while they are still to be born."""

from __future__ import annotations

import os
import signal

import pytest

from initd.core import effects as ef
from initd.core import events as ev
from initd.core.values import ExecCommand
from initd.shell.journal import Journal
from initd.shell.launcher import BATCH, Launcher, Launching, processes_last
from initd.shell.loop import Loop
from initd.shell.spawn import NO_SOCKETS, Spawner, SpawnError
from initd.shell.spawners import Asked

MANY = 100


@pytest.fixture
def batch(runner):
    spawners = runner.spawner.spawners
    spawners.open(runner.spawner.facts.helper)
    yield spawners
    for pid in spawners.close():
        os.waitpid(pid, 0)


def begin(runner, *argv: str):
    return runner.spawner.begin(runner.request(ExecCommand(argv[0], argv), runner.settings()))


def test_processes_of_a_batch_are_children_of_ours(runner, batch):
    begun = [begin(runner, "/bin/sh", "-c", "test $PPID = \"$1\"; exit $(($? + $2))", "-", str(os.getpid()), str(n % 7))
             for n in range(MANY)]
    spawned = [each.spawned() for each in begun]
    pids = [each.pid for each in spawned]
    for each in spawned:
        each.status.close()
    assert len(set(pids)) == MANY
    assert [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids] == [n % 7 for n in range(MANY)]


def test_nothing_of_the_batch_is_left_open_in_a_process(runner, batch):
    assert not begin(runner, "/bin/true").is_done  # so that another one's context has been there before
    assert runner.shell("ls /proc/self/fd").split() == ["0", "1", "2", "3"]


def test_what_the_manager_was_started_with_is_in_nobodys_way(runner, tmp_path):
    inherited = [os.open(tmp_path, os.O_RDONLY) for _ in range(30)]
    for fd in inherited:
        os.set_inheritable(fd, True)
    spawners = runner.spawner.spawners
    spawners.open(runner.spawner.facts.helper)
    try:
        assert runner.shell("ls /proc/self/fd").split() == ["0", "1", "2", "3"]
    finally:
        for pid in spawners.close():
            os.waitpid(pid, 0)
        for fd in inherited:
            os.close(fd)


def test_a_set_up_that_fails_says_so_as_ever(runner, batch):
    assert runner.run("/nonexistent")[1] == 203


def test_where_they_are_killed_what_they_had_begun_has_failed_and_the_rest_is_started_without_them(runner, batch):
    for server in batch._servers:
        os.kill(server.pid, signal.SIGSTOP)
    begun = begin(runner, "/bin/true")
    for server in batch._servers:
        os.kill(server.pid, signal.SIGKILL)
        os.waitid(os.P_PID, server.pid, os.WEXITED | os.WNOWAIT)
    with pytest.raises(SpawnError, match="No child processes"):
        begun.spawned()
    assert runner.run("/bin/echo", "alone")[0] == "alone\n"


# --- the launcher -------------------------------------------------------------------------------------------------------


class FakeTracker:
    def __init__(self) -> None:
        self.children: list[tuple[str, int]] = []

    def add_child(self, unit: str, pid: int) -> None:
        self.children.append((unit, pid))


@pytest.fixture
def launcher(runner, tmp_path):
    made = Launcher(Loop(), runner.spawner, FakeTracker(), Journal(str(tmp_path), "", ""), lambda event: None)
    yield made
    for spawned, _unit in made._setting_up.values():
        spawned.status.close()
    for _unit, pid in made._tracker.children:
        os.waitpid(pid, 0)


def spawn(runner) -> ef.Spawn:
    return ef.Spawn(runner.request(ExecCommand("/bin/true", ("/bin/true",)), runner.settings()))


def test_a_few_are_started_one_by_one(runner, launcher):
    effects = [spawn(runner)] * (BATCH - 1)
    assert launcher.begin_batch(effects) == effects
    assert isinstance(launcher.launch(effects[0].request, NO_SOCKETS), ev.SpawnDone)


def test_many_are_under_way_at_once_and_there_before_anybody_looks_for_them(runner, launcher):
    effects = launcher.begin_batch([spawn(runner)] * MANY)
    servers = [server.pid for server in runner.spawner.spawners._servers]
    launched = []
    for effect in effects:
        launcher.before(effect)
        launched.append(launcher.launch(effect.request, NO_SOCKETS))
    assert all(isinstance(each, Launching) for each in launched)
    launcher.before(ef.Log(6, "", "text"))
    assert not launcher._tracker.children
    launcher.before(ef.ListProcesses("test.service"))
    assert len(launcher._tracker.children) == MANY
    answers = [launcher.answer(each) for each in launched]
    assert [answer.pid for answer in answers] == [pid for _unit, pid in launcher._tracker.children]
    launcher.end_batch()
    assert not runner.spawner.spawners.are_open
    for pid in servers:
        os.waitpid(pid, 0)


def test_an_answer_that_raised_is_there_when_it_is_asked_for_again(runner, launcher, monkeypatch):
    launched = [launcher.launch(effect.request, NO_SOCKETS) for effect in launcher.begin_batch([spawn(runner)] * BATCH)]
    servers = [server.pid for server in runner.spawner.spawners._servers]
    with monkeypatch.context() as patch:
        patch.setattr(launcher, "_watch_status", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            launcher.answer(launched[0])
    assert isinstance(launcher.answer(launched[0]), ev.SpawnDone)
    launcher.end_batch()
    launcher._tracker.children[:] = dict.fromkeys(launcher._tracker.children)
    assert len(launcher._tracker.children) == BATCH
    for pid in servers:
        os.waitpid(pid, 0)


def test_an_answer_that_was_lost_is_not_waited_for(runner, batch, monkeypatch):
    begun = begin(runner, "/bin/true")
    with monkeypatch.context() as patch:
        patch.setattr(Asked, "answered", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            begun.spawned()
    with pytest.raises(SpawnError, match="No child processes"):
        begun.spawned()
    os.waitpid(-1, 0)


def test_without_a_helper_to_start_them_all_fail_one_by_one(facts, runner, launcher):
    launcher._spawner = runner.spawner = Spawner(facts.replace(helper="/nonexistent/pyinit-exec"))
    effects = launcher.begin_batch([spawn(runner)] * BATCH)
    assert {type(launcher.launch(effect.request, NO_SOCKETS)) for effect in effects} == {ev.SpawnFailed}
    launcher.end_batch()


def test_what_regards_no_process_comes_first_and_the_rest_keeps_its_place(runner):
    first, second, third = spawn(runner), spawn(runner), spawn(runner)
    log, kill, changed = ef.Log(6, "", "text"), ef.ListProcesses("test.service"), ef.UnitChanged("test.service")
    assert processes_last([first, log, second, changed, kill, third, log]) == [log, changed, first, second, kill, log, third]
