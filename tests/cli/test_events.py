from __future__ import annotations

import json
import os
import threading

import pytest

from initd.cli import events
from initd.cli.events import USAGE, main
from initd.core.happenings import KINDS, Filter
from tests.cli.commands import run


def follow(monkeypatch, systemctl, *words: str, then=()) -> list[str]:
    """The lines until --count= is reached; `then` are calls of systemctl once it is connected."""
    lines: list[str] = []
    monkeypatch.setattr(events, "_print", lambda happening, is_json: lines.append(
        (events.happenings.json if is_json else events.happenings.text)(happening)))
    status: list[int] = []
    parsed = events.parse(list(words))
    source = events.Source(parsed.places)
    thread = threading.Thread(target=lambda: status.append(events._follow(source, parsed)))
    thread.start()
    for call in then:
        systemctl(*call)
    thread.join(10)
    assert status == [0]
    return lines


def test_jobs_are_told_with_types_and_ends(systemctl, monkeypatch):
    lines = follow(monkeypatch, systemctl, "fail.service", "--event=job-added,job-removed", "--count=2",
                   then=[("start", "web"), ("start", "fail")])
    job = lines[0].split()[2]
    assert lines == [f"fail.service: job {job} start added", f"fail.service: job {job} start failed"]


def test_filters_and_json(systemctl, monkeypatch):
    lines = follow(monkeypatch, systemctl, "--json", "--state=failed", "--event=state", "--type=service", "--count=1",
                   then=[("start", "web"), ("start", "fail")])
    (found,) = map(json.loads, lines)
    assert (found["unit"], found["active"], found["result"]) == ("fail.service", "failed", "exit-code")


def test_words_of_the_command_line():
    parsed = events.parse(["web", "w@*", "--unit=a.timer,b*", "--event=state", "--event=job-added", "--count=2", "--json"])
    assert parsed.filter == Filter(("web.service", "w@*", "a.timer", "b*"), (), (), ("state", "job-added"))
    assert (parsed.count, parsed.is_json, parsed.places) == (2, True, None)


@pytest.mark.parametrize("words, told", [
    (["--event=job"], f"--event=job: one of {', '.join(KINDS)}."), (["--type=x"], "--type=x: one of service"),
    (["--count=-1"], "--count=-1: not a number."), (["--what"], "unrecognized option '--what'")])
def test_words_that_make_no_sense_exit_2(words, told):
    status, out, err = run(main, *words)
    assert (status, out) == (2, "") and err.startswith("pyinit events: ") and told in err


def test_nobody_answers(monkeypatch, tmp_path):
    monkeypatch.setattr("initd.cli.bus.SOCKET_PATH", str(tmp_path / "none"))
    monkeypatch.setattr("_signal.signal", lambda *words: None)
    assert run(main) == (1, "", "pyinit events: the manager does not answer: No such file or directory\n")
    assert run(main, "--help") == (0, USAGE, "")


def test_it_ends_when_nobody_reads(systemctl, monkeypatch):
    reader, writer = os.pipe()
    kept = os.dup(1)
    os.dup2(writer, 1)
    os.close(writer)
    os.close(reader)
    try:
        monkeypatch.setattr(events, "_print", lambda *words: None)
        assert events._follow(events.Source(None), events.parse([])) == 0
    finally:
        os.dup2(kept, 1)
        os.close(kept)
