"""`pyinitctl`: supervisorctl's words and systemctl's verbs, one at a time and in a shell."""

from __future__ import annotations

import io
import os
import re

import pytest

from initd.cli import ctl_words
from initd.cli.ctl import history_path, in_child, main
from initd.cli.ctl_complete import Completer
from initd.cli.ctl_session import PROGRAMS, WORDS, Session
from initd.cli.systemctl import VERBS
from tests.cli.commands import run


def write_units(manager) -> None:
    """The boot target wants a service, a one-shot one, and a group of two."""
    service = "[Service]\nExecStart=/bin/x\n"
    manager.write("default.target", "[Unit]\nWants=web.service group.target slow.service gone.service\n")
    manager.write("group.target", "[Unit]\nWants=a.service w@1.service\n")
    manager.write("a.service", "[Unit]\nPartOf=group.target\n" + service)
    manager.write("w@.service", "[Unit]\nPartOf=group.target\n" + service)


@pytest.fixture
def asked(manager, systemctl):
    write_units(manager)
    return systemctl


@pytest.fixture
def script(manager, monkeypatch, capfd):
    """Runs a script; its exit status, and what was written."""
    write_units(manager)
    monkeypatch.setattr("initd.cli.bus.SOCKET_PATH", manager.socket_path)
    monkeypatch.setenv("SYSTEMD_OFFLINE", "0")

    def run_lines(text: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.stdin", io.StringIO(text))
        return main([]), *capfd.readouterr()

    return run_lines


def states(systemctl, *units: str) -> list[str]:
    return systemctl("is-active", *units).out.split()


def test_all_is_what_the_boot_starts_and_what_stays(asked):
    assert run(main, "start", "all") == (
        0, "a.service: active (running)\nw@1.service: active (running)\nweb.service: active (running)\n", "")
    assert states(asked, "slow", "a", "web") == ["inactive", "active", "active"]
    status, out, _ = run(main, "pid", "all")
    assert status == 0 and re.fullmatch(r"(\S+\.service \d{4}\n){3}", out)
    assert run(main, "stop", "all").out.count(": inactive (dead)\n") == 3
    assert run(main, "pid") == (0, f"{os.getpid()}\n", "")
    assert run(main, "pid", "web") == (3, "0\n", "")


def test_names_of_groups(asked):
    assert run(main, "start", "group:*").out == "group.target: active\n"
    assert states(asked, "a", "w@1") == ["active", "active"]
    assert run(main, "stop", "group:a").out == "a.service: inactive (dead)\n"
    assert run(main, "restart", "w:*").out == "w@1.service: active (running)\n"
    assert run(main, "start") == (1, "", 'A name is needed, or "all".\n')


def test_a_start_that_fails_says_how_it_is_now(asked):
    status, out, err = run(main, "start", "fail")
    assert status == 1 and out == "fail.service: failed\n" and "Job for fail.service failed" in err


def test_status_is_a_table_or_systemctls(asked):
    run(main, "start", "web")
    status, out, _ = run(main, "status")
    assert status == 0 and out.startswith("UNIT ") and re.search(r"(?m)^web\.service +active \(running\) +\d+ ", out)
    assert "Loaded: loaded" in run(main, "status", "web").out
    assert run(main, "status", "slow").status == 3


def test_other_words_are_systemctls_verbs(asked):
    assert run(main, "is-active", "web") == (3, "inactive\n", "")
    assert run(main, "systemctl", "is-active", "web") == (3, "inactive\n", "")
    assert run(main, "frobnicate") == (1, "", "Unknown command verb frobnicate.\n")
    assert run(main, "health", "web")[:2] == (1, "not ready: web.service is inactive\n")


def test_signal_goes_to_main_processes(asked, manager):
    run(main, "start", "web", "a")
    assert run(main, "signal", "KILL", "all").status == 0
    assert "web.service" in asked("list-units", "--failed", "--no-legend").out
    assert run(main, "signal", "HUP").err == 'A signal is needed, and a name or "all".\n'


def test_remove_is_for_what_is_down(asked):
    run(main, "start", "web")
    run(main, "start", "fail")
    status, out, err = run(main, "remove", "fail", "web")
    assert status == 1 and out == "fail.service: removed\n" and err.startswith("web.service is still active (running)")
    assert states(asked, "fail") == ["inactive"]


def test_what_cannot_be_done_is_said(asked):
    status, _, err = run(main, "clear", "web")
    assert status == 1 and "one store" in err
    assert run(main, "open", "http://x").err.startswith("open: there is no other server")
    assert run(main, "fg", "all").err == "fg is for one service.\n"
    assert run(main, "fg", "web") == (3, "", "web.service does not run.\n")
    assert run(main, "tail", "-x", "web").err == "Unknown option -x.\n"
    assert run(main, "--wide").err == "pyinitctl: unknown option --wide; those of a command stand behind it.\n"


def test_nobody_answers(asked, monkeypatch, tmp_path):
    monkeypatch.setattr("initd.cli.bus.SOCKET_PATH", str(tmp_path / "none"))
    status, _, err = run(main, "start", "web")
    assert status == 1 and "Host is down" in err


def test_every_word_has_a_function_and_a_line_of_help():
    assert WORDS.keys() == ctl_words._FUNCTIONS.keys()
    text = run(main, "--help").out
    assert all(f"\n  {word} " in text for word in WORDS) and all(word in text for word in PROGRAMS)
    assert run(main, "help", "fg").out.startswith("fg NAME\n") and run(main, "help", "mask").out.startswith("mask UNIT")
    assert run(main, "help", "frob") == (1, "", "There is no frob.\n")


def test_every_word_of_supervisorctl_is_known():
    theirs = ("add avail clear exit fg help maintail open pid quit reload remove reread restart shutdown signal start status "
              "stop tail update version").split()
    from initd.cli.ctl_session import ALIASES, REFUSED

    assert not set(theirs) - {*WORDS, *ALIASES, *REFUSED}


# --- the shell --------------------------------------------------------------------------------------------------------


def test_a_script_is_carried_out_line_by_line(script):
    status, out, err = script("# a comment\n\nstart 'web'\nis-active web slow\nbroken '\nis-failed web\n")
    assert (status, out) == (1, "web.service: active (running)\nactive\ninactive\nactive\n") and err.count("\n") == 1


def test_exit_leaves_a_script(script):
    assert script("is-active slow\nquit\nis-active web\n") == (0, "inactive\n", "")


def test_a_command_that_goes_wrong_leaves_the_shell_alive(capfd):
    assert in_child(lambda: 7) == 7
    assert in_child(lambda: 1 // 0) == 1 and "ZeroDivisionError" in capfd.readouterr().err
    assert in_child(lambda: os.kill(os.getpid(), 9)) == 137


def test_tab_offers_words_and_units(asked):
    run(main, "start", "web")

    def offered(line: str) -> list[str]:
        begin = len(line) - len(line.split(" ")[-1])
        completer = Completer(Session([], None), lambda: line, lambda: begin)
        found: list[str] = []
        while (word := completer.complete(line[begin:], len(found))) is not None:
            found.append(word)
        return found

    assert offered("star") == ["start "] and "isolate " in offered("is") and "top " in offered("t")
    assert offered("stop w") == ["web.service "] and offered("stop al") == ["all "]
    assert offered("signal TER") == ["TERM "] and offered("signal TERM we") == ["web.service "]
    assert offered("help fg") == ["fg "] and not set(VERBS) - {word.strip() for word in offered("")}
    assert offered("version ") == []


def test_the_history_is_the_users_state(monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", "/s")
    assert history_path() == "/s/pyinitctl/history"
    monkeypatch.setenv("XDG_STATE_HOME", "relative")
    monkeypatch.setenv("HOME", "/h")
    assert history_path() == "/h/.local/state/pyinitctl/history"
