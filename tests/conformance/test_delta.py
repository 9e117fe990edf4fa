"""systemd-delta against what systemd 252's said about the same tree."""

from __future__ import annotations

import json
import shutil

import pytest

from initd.cli import delta
from tests.cli.commands import run
from tests.cli.test_real_systemctl import reason_to_skip
from tests.conformance.delta.cases import CALLS, build, words
from tests.conformance.delta.record import ANSWERS, ask_all

RECORDED = json.loads(ANSWERS.read_text())


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    root = tmp_path_factory.mktemp("delta")
    build(root, str(root))
    return root


@pytest.fixture(autouse=True)
def plain(monkeypatch):
    for name, value in (("SYSTEMD_COLORS", "0"), ("LANG", "C.UTF-8"), ("TZ", "UTC")):
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("LC_ALL", raising=False)


@pytest.mark.skipif(shutil.which("diff") is None, reason="no diff is installed")
@pytest.mark.parametrize("call", CALLS)
def test_recorded_answers_are_ours(call, tree, capfd):
    status = delta.main(words(call), str(tree))
    said = capfd.readouterr()
    ours = [status, said.out.replace(str(tree), ""), said.err.replace(str(tree), "")]
    assert ours == RECORDED["answers"][CALLS.index(call)]


@pytest.mark.skipif(bool(reason_to_skip()), reason=reason_to_skip() or "-")
def test_the_record_is_what_it_says_today():
    assert RECORDED["version"].startswith("systemd 252 ")
    assert ask_all() == RECORDED["answers"]


def test_without_diff_the_rest_is_told(tree, monkeypatch):
    monkeypatch.setenv("PATH", "/nosuch")
    said = run(lambda words: delta.main(words, str(tree)), "sysctl.d")
    assert said.status == 0
    assert said.out.replace(str(tree), "") == (
        "[OVERRIDDEN] /etc/sysctl.d/50-a.conf → /usr/lib/sysctl.d/50-a.conf\n\n\n\n1 overridden configuration files found.\n"
    )
    assert said.err == "Failed to execute diff: No such file or directory\n"


def test_help_and_version():
    assert run(delta.main, "--help").out.startswith("systemd-delta [OPTIONS...] ")
    assert run(delta.main, "--version").out.startswith("systemd 252 ")
