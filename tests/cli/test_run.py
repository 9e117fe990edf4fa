"""`systemd-run`: which properties its options come to (the rest: tests/container/test_transient.py)."""

from __future__ import annotations

import os

import pytest

from initd.cli.run import main, plan
from initd.cli.run_options import split


def _planned(*words: str):
    service, properties, trigger, others = plan(*split(list(words)))
    return service, dict(properties), trigger, dict(others)


def test_the_command_begins_with_the_first_word_that_is_no_option():
    options, command = split(["-u", "x", "--nice", "4", "-qp", "A=b", "--uid=me", "sh", "-c", "-x", "--wait"])
    assert command == ["sh", "-c", "-x", "--wait"] and not options.has("wait") and options.has("quiet")
    assert options.values == {"unit": "x", "nice": "4", "property": "A=b", "uid": "me"}
    assert split(["--wait", "--", "-x"])[1] == ["-x"]


def test_a_service_of_its_own_name_and_command():
    service, properties, trigger, others = _planned("--unit=x", "sh", "-c", "a b")
    program = properties["ExecStart"][1][0][0]
    assert (service, trigger, others) == ("x.service", "", {})
    assert os.path.isabs(program) and program.endswith("/sh")
    assert properties == {"Description": ("s", f"{program} -c a b"),
                          "ExecStart": ("a(sasb)", [(program, [program, "-c", "a b"], False)])}


def test_names_are_never_the_same():
    names = {_planned("true")[0] for _ in range(3)}
    assert len(names) == 3 and all(name.startswith("run-r") and name.endswith(".service") for name in names)


@pytest.mark.parametrize(("words", "name", "value"), [
    (["-r"], "RemainAfterExit", ("b", True)),
    (["--send-sighup"], "SendSIGHUP", ("b", True)),
    (["--service-type=oneshot"], "Type", ("s", "oneshot")),
    (["--uid=daemon"], "User", ("s", "daemon")),
    (["--gid=daemon"], "Group", ("s", "daemon")),
    (["--nice=-3"], "Nice", ("i", -3)),
    (["--slice=a"], "Slice", ("s", "a.slice")),
    (["--working-directory=/tmp"], "WorkingDirectory", ("s", "/tmp")),
    (["-G"], "CollectMode", ("s", "inactive-or-failed")),
    (["-E", "A=b c", "--setenv=B=1"], "Environment", ("as", ["A=b c", "B=1"])),
    (["--description=x %n"], "Description", ("s", "x %n")),
    (["-p", "MemoryMax=1K"], "MemoryMax", ("t", 1024)),
])
def test_options_are_properties(words, name, value):
    assert _planned(*words, "true")[1][name] == value


def test_a_variable_is_taken_from_here(monkeypatch):
    monkeypatch.setenv("SOMETHING", "of ours")
    assert _planned("-E", "SOMETHING", "true")[1]["Environment"] == ("as", ["SOMETHING=of ours"])


def test_a_timer_and_its_service():
    service, _, trigger, others = _planned("--on-active=1h", "--timer-property=AccuracySec=1s", "--unit=x", "true")
    assert (service, trigger) == ("x.service", "x.timer")
    others.pop("Description")
    assert others == {"TimersMonotonic": ("a(st)", [("OnActiveUSec", 3_600_000_000)]), "AccuracyUSec": ("t", 1_000_000),
                      "RemainAfterElapse": ("b", False)}


@pytest.mark.parametrize(("words", "text"), [
    ([], "Command line to execute required."),
    (["--bogus", "true"], "systemd-run: unrecognized option '--bogus'"),
    (["--scope", "--wait", "true"], "--wait may not be combined with --scope."),
    (["--timer-property=Unit=x", "true"], "--timer-property= has no effect without any other timer options."),
    (["/no/such"], "Failed to find executable /no/such: No such file or directory"),
    (["-p", "Nope=1", "true"], "Unknown assignment: Nope=1"),
    (["--nice=99", "true"], "Failed to parse Nice=99: Numerical result out of range"),
])
def test_what_cannot_be_is_said_before_anybody_is_asked(words, text, capsys, monkeypatch):
    monkeypatch.setattr("initd.cli.bus.SOCKET_PATH", "/nonexistent")
    monkeypatch.setattr("initd.cli.run.Bus", lambda places: pytest.fail("asked"), raising=False)
    assert main(words) == 1
    assert capsys.readouterr().err == text + "\n"


def test_a_user_without_a_runtime_directory_has_no_manager(capsys, monkeypatch):
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    assert main(["--user", "true"]) == 1
    assert capsys.readouterr().err == "Failed to connect to bus: No medium found\n"
