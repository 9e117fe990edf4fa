"""systemd-path against what systemd 252's said, for several users and environments."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from initd.cli import path
from tests.cli.commands import run
from tests.cli.test_notify import is_252
from tests.conformance.paths.cases import CASES, build
from tests.conformance.paths.record import ANSWERS, REAL, ask

RECORDED = json.loads(ANSWERS.read_text())
OURS = ["/usr/bin/python3", "-IS", "-c", f"import sys; sys.path.insert(0, {str(Path(path.__file__).parents[2])!r}); "
        "from initd.cli.launch import systemd_path; systemd_path()"]


@pytest.fixture
def directory(tmp_path_factory):
    made = tmp_path_factory.mktemp("paths")
    build(made)
    for parent in (made, *made.parents[:2]):
        parent.chmod(0o755)  # other users look into it
    return str(made)


@pytest.mark.skipif(os.geteuid() != 0, reason="asks as several users")
@pytest.mark.parametrize("number", range(len(CASES)))
def test_recorded_answers_are_ours(number, directory):
    assert ask(OURS, CASES[number], directory) == RECORDED["answers"][number]


@pytest.mark.skipif(os.geteuid() != 0 or not is_252(), reason="needs systemd's own, as several users")
def test_the_record_is_what_it_says_today(directory):
    assert RECORDED["version"].startswith("systemd 252 ")
    assert [ask(REAL, case, directory) for case in CASES] == RECORDED["answers"]


def test_help_and_version():
    assert run(path.main, "--help", "--bogus-behind").status == 1
    assert run(path.main, "--help").out.startswith("systemd-path [OPTIONS...] [NAME...]\n")
    assert run(path.main, "x", "--version").out.startswith("systemd 252 ")
