from __future__ import annotations

import pytest

from initd.cli.rolling import in_order


@pytest.fixture
def workers(manager, systemctl):
    """worker@1, @2, @9 and @10 run in app.slice; `systemctl`."""
    manager.write("app.slice", "[Unit]\nDefaultDependencies=no\n")
    manager.write("app-inner.slice", "[Unit]\nDefaultDependencies=no\n")
    manager.write("worker@.service", "[Unit]\nPartOf=all.target\n[Service]\nSlice=app.slice\nExecStart=/bin/worker-%i\n")
    manager.write("task.service", "[Service]\nSlice=app-inner.slice\nType=oneshot\nExecStart=/bin/true\nRemainAfterExit=yes\n")
    manager.write("all.target", "[Unit]\nWants=task.service\n")
    assert systemctl("start", *(f"worker@{number}" for number in (10, 9, 2, 1)), "task").status == 0
    return systemctl


def restarted(manager) -> list[str]:
    """What runs, in the order in which it was started."""
    return [unit.partition(".")[0] for _, (unit, _) in sorted(manager.processes.items())]


def test_one_after_the_other_in_the_order_of_their_numbers(manager, workers):
    answer = workers("restart", "--rolling", "worker@*")
    assert answer.status == 0 and answer.err == ""
    assert answer.out == "".join(f"worker@{number}.service: active (running)\n" for number in (1, 2, 9, 10))
    assert restarted(manager) == ["worker@1", "worker@2", "worker@9", "worker@10"]


def test_words_are_taken_in_their_order_and_once(manager, workers):
    assert workers("-q", "restart", "--rolling", "worker@9", "worker@1", "worker@*").out == ""
    assert restarted(manager) == ["worker@9", "worker@1", "worker@2", "worker@10"]


@pytest.mark.parametrize("group, members", [
    ("app.slice", ["task.service", "worker@1.service", "worker@2.service", "worker@9.service", "worker@10.service"]),
    ("app-inner.slice", ["task.service"]),
    ("all.target", ["task.service", "worker@1.service", "worker@2.service", "worker@9.service", "worker@10.service"])])
def test_a_slice_and_a_target_stand_for_their_members_that_run(workers, group, members):
    workers("start", "app-inner.slice", "all.target")
    answer = workers("restart", "--parallel=3", group)
    assert [line.partition(":")[0] for line in answer.out.splitlines()] == members and answer.status == 0


def test_it_ends_at_the_first_that_is_not_ready_and_names_the_rest(manager, workers):
    manager.exits["/bin/worker-2"] = 1
    answer = workers("restart", "--rolling", "worker@*")
    assert (answer.status, answer.out) == (1, "worker@1.service: active (running)\n")
    assert answer.err.splitlines()[-2:] == ["worker@2.service is failed (failed) after restart.",
                                            "Left alone: worker@9.service, worker@10.service"]
    assert restarted(manager)[:2] == ["worker@10", "worker@9"]


def test_so_many_at_a_time(manager, workers):
    manager.exits["/bin/worker-1"] = 1
    answer = workers("restart", "--parallel", "2", "worker@*")
    assert answer.out == "" or answer.out == "worker@2.service: active (running)\n"
    assert answer.status == 1 and answer.err.splitlines()[-1] == "Left alone: worker@9.service, worker@10.service"


def test_a_task_that_is_done_is_ready_and_a_unit_that_is_stopped_is_down(manager, workers):
    manager.write("done.service", "[Service]\nType=oneshot\nExecStart=/bin/true\n")
    assert workers("restart", "--rolling", "done", "worker@1").status == 0
    answer = workers("stop", "--rolling", "all.target")
    assert answer.status == 0 and "worker@10.service: inactive (dead)\n" in answer.out and restarted(manager) == []


def test_a_group_of_which_nothing_runs(workers):
    workers("stop", "task", "app-inner.slice")
    assert workers("restart", "--rolling", "app-inner.slice").err == "app-inner.slice: nothing of it runs.\n"


@pytest.mark.parametrize("words, told", [
    (("isolate", "--rolling", "many.target"), "--rolling may not be used with 'isolate'."),
    (("restart", "--rolling", "--no-block", "web"), "--rolling may not be combined with --no-block or --wait."),
    (("restart", "--parallel=0", "web"), "Failed to parse --parallel=0: not a number above 0.")])
def test_what_makes_no_sense(systemctl, words, told):
    answer = systemctl(*words)
    assert (answer.status, answer.err) == (1, told + "\n")


def test_numbers_in_names_are_compared_as_numbers():
    names = ["w@10.service", "w@9.service", "w.service", "a1b2", "a1b10", "w@x.service"]
    assert sorted(names, key=in_order) == ["a1b2", "a1b10", "w.service", "w@9.service", "w@10.service", "w@x.service"]
