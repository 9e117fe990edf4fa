"""What is asked of the manager. That what runs is enabled is tried in tests/container/test_events.py."""

from __future__ import annotations

import pytest

from initd.cli.scale import USAGE, Wanted, main, parse
from tests.cli.commands import run


@pytest.fixture
def running(manager, systemctl):
    """Which instances run; every call leaves enabled what is."""
    manager.write("worker@.service", "[Service]\nExecStart=/bin/worker-%i\n")
    return lambda: [unit for _, (unit, _) in sorted(manager.processes.items())]


def names(*numbers: int) -> list[str]:
    return [f"worker@{number}.service" for number in numbers]


def test_missing_ones_are_started_and_those_above_are_stopped_from_the_top(running):
    assert run(main, "--runtime", "worker@", "3") == (0, (
        f"Started {', '.join(names(1, 2, 3))}.\nworker@.service: 3 of 3 run, 0 before.\n"), "")
    assert running() == names(1, 2, 3)
    assert run(main, "--runtime", "worker@.service", "3")[1] == "worker@.service: 3 of 3 run.\n"
    assert run(main, "--runtime", "worker@", "1")[1] == (
        f"Stopped {', '.join(names(3, 2))}.\nworker@.service: 1 of 1 run, 3 before.\n")
    assert running() == names(1)


def test_a_gap_is_filled_and_others_are_left_alone(running, systemctl):
    systemctl("start", "worker@2", "worker@mail", "worker@03")
    status, out, err = run(main, "--runtime", "worker@", "2")
    assert (status, out) == (0, "Started worker@1.service.\nworker@.service: 2 of 2 run, 1 before.\n")
    assert err == "".join(f"worker@{word}.service is none of 1, 2, …: it is left alone.\n" for word in ("03", "mail"))


def test_one_that_does_not_start_is_a_failure(running, manager):
    manager.exits["/bin/worker-2"] = 1
    status, out, _ = run(main, "--runtime", "worker@", "2")
    assert (status, out.splitlines()[-1]) == (1, "worker@.service: 1 of 2 run, 0 before.")


def test_words_of_the_command_line():
    assert parse(["worker@", "4"]) == parse(["worker", "4"]) == Wanted("worker@.service", 4)
    assert parse(["--runtime", "a-b@.service", "0"]) == Wanted("a-b@.service", 0, True)
    assert run(main, "--help") == (0, USAGE, "")


@pytest.mark.parametrize("words, told", [
    (["worker@"], "a template and a number"), (["w.service", "2"], "w.service is no template"),
    (["w@1", "2"], "w@1 is no template"), (["w@", "-1"], "invalid option"),
    (["w@", "x"], "x is no number from 0"), (["w@", "99999"], "is no number from 0 to 10000")])
def test_words_that_make_no_sense_exit_2(words, told):
    status, out, err = run(main, *words)
    assert (status, out) == (2, "") and told in err


def test_nobody_answers(monkeypatch, tmp_path):
    monkeypatch.setattr("initd.cli.bus.SOCKET_PATH", str(tmp_path / "none"))
    assert run(main, "w@", "1") == (1, "", "pyinit scale: the manager does not answer: No such file or directory\n")
