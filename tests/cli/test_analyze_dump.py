from __future__ import annotations

import subprocess

import pytest

from initd.cli import analyze, bus
from tests.cli.commands import run
from tests.cli.test_real_systemctl import IN_NAMESPACE, Served, reason_to_skip


@pytest.fixture
def dump(manager, monkeypatch):
    monkeypatch.setattr(bus, "SOCKET_PATH", manager.socket_path)
    client = bus.Bus()
    client.ask("StartUnit", "ss", "web.service", "replace")
    client.close()
    return lambda *words: run(analyze.main, "dump", *words)


def test_dump_tells_of_the_manager_and_every_unit(dump):
    said = dump()
    assert said.status == 0 and said.err == ""
    assert said.out.startswith("Manager: systemd 252 ")
    assert "\n-> Unit web.service:\n\tDescription: A web server\n" in said.out and "-> Unit -.slice:" in said.out


def test_patterns_choose_units_by_any_of_their_names(dump):
    assert dump("we*").out.startswith("-> Unit web.service:")
    assert dump("web").out.count("-> Unit ") == 1
    assert dump("none*") == (0, "", "")


def test_without_a_manager_the_answer_is_systemds(monkeypatch, tmp_path):
    monkeypatch.setattr(bus, "SOCKET_PATH", str(tmp_path / "none"))
    said = run(analyze.main, "dump")
    assert said.status == 1 and said.err.endswith("Failed to connect to bus: Host is down\n")


@pytest.mark.skipif(bool(reason_to_skip()), reason=reason_to_skip() or "-")
@pytest.mark.parametrize("words", [(), ("we*",)])
def test_systemds_own_command_reads_our_dump(tmp_path, words, monkeypatch):
    with Served(tmp_path) as served:
        done = subprocess.run(
            ["unshare", "-m", "sh", "-c", IN_NAMESPACE, "sh", str(served.run), "/usr/bin/systemd-analyze", "--no-pager", "dump",
             *words], capture_output=True, text=True, timeout=30,
        )  # fmt: skip
        monkeypatch.setattr(bus, "SOCKET_PATH", served.path)
        ours = run(analyze.main, "dump", *words)
    assert (done.returncode, done.stdout, done.stderr) == ours and "-> Unit web.service:" in done.stdout
