from __future__ import annotations

import pytest

from initd.cli.health import USAGE, main
from tests.cli.commands import run


@pytest.fixture
def asked(manager, systemctl):
    """`systemctl`, and with it the manager that `pyinit health` asks."""
    return systemctl


def test_named_units_are_ready_when_all_are_active(asked):
    assert run(main, "web") == (1, "not ready: web.service is inactive\n", "")
    asked("start", "web")
    assert run(main, "web") == (0, "ready: web.service\n", "")
    assert run(main, "web.service", "slow")[:2] == (1, "not ready: slow.service is inactive\n")


def test_a_failed_unit_says_its_result_and_an_unknown_one_that_it_is_not_found(asked):
    asked("start", "fail")
    assert run(main, "fail", "none") == (1, "not ready: fail.service is failed (exit-code), none.service is not-found\n", "")


def test_without_units_a_failed_one_is_named(asked):
    asked("start", "fail")
    status, out, _ = run(main)
    assert status == 1 and "fail.service failed (exit-code)" in out and out.count("\n") == 1


def test_a_failure_that_is_no_watchdogs_is_alive(asked):
    asked("start", "fail")
    assert run(main, "--live") == (0, "alive\n", "")


def test_nobody_answers(asked, monkeypatch, tmp_path):
    monkeypatch.setattr("initd.cli.bus.SOCKET_PATH", str(tmp_path / "none"))
    for words in ([], ["web"], ["--live"]):
        assert run(main, *words) == (1, "the manager does not answer: No such file or directory\n", "")


def test_words_that_make_no_sense_exit_1():
    assert run(main, "--dead") == (1, "Unknown option --dead.\n", "")
    assert run(main, "--help") == (0, USAGE, "")
