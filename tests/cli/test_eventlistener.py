"""The command line; what it does is tried with supervisor's own library in tests/container/test_supervisor.py."""

from __future__ import annotations

import pytest

from initd.cli.eventlistener import USAGE, Wanted, main, parse
from tests.cli.commands import run


def test_words_of_the_command_line():
    assert parse(["--events=tick_5, PROCESS_STATE", "/bin/x", "--events=y"]) == Wanted(
        ("TICK_5", "PROCESS_STATE"), ("/bin/x", "--events=y"))
    assert parse(["--events=EVENT", "--pool=p", "--buffer-size=2", "--processes=3", "--run-as=u", "--server=s", "--serverurl=r",
                  "--", "x"]) == Wanted(("EVENT",), ("x",), "p", 2, 3, "u", "s", "r")
    assert run(main, "--help") == (0, USAGE, "")


@pytest.mark.parametrize("words, told", [
    (["x"], "--events= says which events."), (["--events=TICK_5"], "Which command?"), (["--events=X", "x"], "no such event"),
    (["--events=TICK", "--processes=0", "x"], "--processes=0: not a number above 0.")])
def test_words_that_make_no_sense_exit_2(words, told):
    status, _, err = run(main, *words)
    assert status == 2 and told in err


def test_a_user_whom_nobody_knows(systemctl):
    assert run(main, "--events=TICK", "--run-as=no-such-user", "x") == (
        1, "", "pyinit eventlistener: listener: there is no user no-such-user.\n")


def test_nobody_answers(monkeypatch, tmp_path):
    monkeypatch.setattr("initd.cli.bus.SOCKET_PATH", str(tmp_path / "none"))
    assert run(main, "--events=TICK", "x") == (
        1, "", "pyinit eventlistener: listener: the manager does not answer: No such file or directory\n")
