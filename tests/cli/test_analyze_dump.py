from __future__ import annotations

import pytest

from initd.cli import analyze, bus
from tests.cli.commands import run


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
