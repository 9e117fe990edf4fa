"""`systemctl why` as it is printed; what it tells is tests/core/test_why.py's."""

from __future__ import annotations

from initd.cli.why import as_data, as_text, main
from initd.core.answers import Call, Return
from initd.core.api import answer
from initd.core.objectpath import OWN_INTERFACE, unit_path
from tests.api_manager import FakeManager

from .commands import run

LINES = [(0, 1_700_000_000_000_000, "a.service is failed (failed)", ""),
         (1, 0, "it was started", "/etc/systemd/system/a.service:3")]


def test_columns(monkeypatch):
    monkeypatch.setenv("TZ", "UTC")
    first, second = as_text(LINES).splitlines()
    assert first == "a.service is failed (failed)  Tue 2023-11-14 22:13:20 UTC"
    assert second.startswith("  it was started ") and second.endswith("/etc/systemd/system/a.service:3")
    assert second.index("/etc") > first.index("Tue")


def test_json():
    assert as_data("a.service", LINES)["lines"][1] == {
        "depth": 1, "time": 0, "text": "it was started", "source": "/etc/systemd/system/a.service:3"}


def test_help():
    assert run(main, "--help").out.startswith("pyinit why")


def test_the_manager_answers(tmp_path):
    manager = FakeManager(tmp_path)
    (tmp_path / "etc/systemd/system").mkdir(parents=True, exist_ok=True)
    (tmp_path / "etc/systemd/system/a.service").write_text("[Service]\nExecStart=/bin/true\n")
    manager.dirs.forget()
    found = answer(Call(unit_path("a.service"), OWN_INTERFACE, "Why", "", (), 1000), manager.view)
    assert isinstance(found, Return) and found.signature == "a(utss)"
    assert [line[2] for line in found.values[0]] == [
        "a.service is not running (dead)", "nobody has asked for it, and no unit that is loaded wants it"]
