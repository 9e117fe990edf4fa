"""OOMPolicy=: what follows when the kernel kills for want of memory. The ends are those that systemd 252 came to where a
memory controller counts (tests/conformance/oom)."""

from __future__ import annotations

from pathlib import Path

import pytest

from initd.core import events as ev
from tests.core.service_script import NAME, Script

_TEXT = (Path(__file__).resolve().parents[1] / "conformance/oom/systemd252.txt").read_text()
#: Unit → sub-state and result.
RECORDED = {words[0].removeprefix("oom-"): (words[2], words[3]) for words in map(str.split, _TEXT.splitlines())
            if words[0].startswith("oom-")}


MAIN = "ExecStart=/bin/main"


def _oom(script: Script) -> Script:
    return script.send(ev.OomKilled(NAME, 1))


def _main(*lines: str) -> Script:
    """The main process is the one that is killed: told first, then its end."""
    script = _oom(Script(*lines).start())
    return script.ends("KILL")


def _child(*lines: str) -> Script:
    return _oom(Script(*lines).start())


def test_main_process():
    script = _main()
    assert (script.state, script.result) == RECORDED["main"]
    assert "a.service: A process of this unit has been killed by the OOM killer." in [
        getattr(each, "text", "") for each in _oom(script).effects]


def test_main_process_with_last_words():
    script = _main(MAIN, "ExecStop=/bin/stop", "ExecStopPost=/bin/post")
    assert script.state == "stop"
    script.control_ends()
    assert script.did == ["StopPost"]
    script.control_ends()
    assert (script.state, script.result) == RECORDED["main-said"]


def test_main_process_is_restarted():
    script = _main("Restart=on-failure", "RestartSec=60")
    assert (script.state, script.result) == RECORDED["main-restart"]


def test_main_process_where_it_does_not_matter():
    script = _main("OOMPolicy=continue")
    assert (script.state, script.result) == RECORDED["main-continue"]


def test_main_process_where_all_go():
    script = _main("OOMPolicy=kill")
    assert (script.state, script.result) == RECORDED["main-kill"]


@pytest.mark.parametrize(("name", "line"), [("child-continue", "OOMPolicy=continue"), ("child-delegate", "Delegate=yes")])
def test_another_process_where_it_does_not_matter(name, line):
    script = _child(line)
    assert (script.state, script.result, script.did) == (*RECORDED[name], [])


def test_another_process_stops_the_service():
    script = _child(MAIN, "ExecStop=/bin/stop")
    assert (script.state, script.did) == ("stop", ["Stop"])
    assert script.control_ends().did == ["kill TERM everyone"]
    script.ends("TERM")
    assert (script.state, script.result) == RECORDED["child-stop"]


def test_another_process_takes_all_with_it_and_there_are_no_last_words():
    script = _child(MAIN, "OOMPolicy=kill", "ExecStop=/bin/stop", "ExecStopPost=/bin/post")
    assert script.did == ["kill KILL everyone"]
    script.ends("KILL")
    assert (script.state, script.result) == RECORDED["child-kill"]
    assert "child-kill" not in _TEXT.replace("oom-child-kill", "")


def test_before_it_runs():
    script = _oom(Script(MAIN, "ExecStartPre=/bin/pre").start())
    assert script.did == ["kill TERM everyone"]
    script.control_ends("TERM")
    assert (script.state, script.result) == RECORDED["pre-child"] == RECORDED["pre"]


def test_its_last_words_are_cut_short():
    script = _oom(Script(MAIN, "ExecStopPost=/bin/post").start().ends(0))
    assert (script.state, script.did) == ("final-sigkill", ["kill KILL everyone"])
    script.control_ends("KILL")
    assert (script.state, script.result) == RECORDED["stop-post"]


def test_while_it_is_told_to_stop():
    script = _oom(Script(MAIN, "ExecStop=/bin/stop").start().stop())
    assert script.did == ["kill TERM everyone"]
    script.control_ends("KILL").ends("TERM")
    assert (script.state, script.result) == RECORDED["stop"]


def test_while_it_has_got_its_signal():
    script = _oom(Script().start().stop())
    assert (script.state, script.did) == ("stop-sigkill", ["kill KILL everyone"])
    script.ends("KILL")
    assert (script.state, script.result) == RECORDED["term"]


def test_a_reload_has_a_result_of_its_own():
    script = _oom(Script(MAIN, "ExecReload=/bin/reload").start().ask(_reload()))
    script.control_ends("KILL")
    assert (script.state, script.result, script.machine.reload_result.value) == ("running", "success", "signal")


def _reload():
    from initd.core.states import JobType

    return JobType.RELOAD
