"""`systemctl clean`: which directories, by which process, and what the states are worth (traces: conformance, `clean-…`)."""

from __future__ import annotations

import pytest

from initd.core import effects as ef
from initd.core import events as ev
from initd.core.states import ServiceState
from tests.core.service_script import NAME, Script

DIRECTORIES = ("RuntimeDirectory=r", "StateDirectory=a b/c:link", "CacheDirectory=x", "ConfigurationDirectory=conf")


def _clean(script: Script, *what: str) -> Script:
    return script.send(ev.CleanRequest(7, NAME, what))


def _removed(script: Script) -> list[str]:
    """What the process of the last step is told to remove."""
    (request,) = [each.request for each in script.effects if isinstance(each, ef.Spawn)]
    assert request.command.argv[:3] == ("/bin/rm", "-rf", "--") and request.exec is not script.unit.definition.exec
    return list(request.command.argv[3:])


@pytest.mark.parametrize(("what", "paths"), [
    (("state",), ["/var/lib/a", "/var/lib/b/c", "/var/lib/link"]),
    (("cache", "runtime"), ["/run/r", "/var/cache/x"]),
    (("logs", "configuration"), ["/etc/conf"]),
    (("all",), ["/run/r", "/var/lib/a", "/var/lib/b/c", "/var/lib/link", "/var/cache/x", "/etc/conf"]),
])
def test_the_directories_that_are_named_are_removed(what, paths):
    script = _clean(Script(*DIRECTORIES), *what)
    assert (script.state, _removed(script)) == ("cleaning", paths)
    script.control_ends()
    assert (script.state, script.machine.clean_result.value) == ("dead", "success")


def test_where_a_dynamic_user_keeps_its_own_goes_too():
    script = _clean(Script("DynamicUser=yes", "StateDirectory=d", "ConfigurationDirectory=d"), "state", "configuration")
    assert _removed(script) == ["/var/lib/d", "/var/lib/private/d", "/etc/d"]


@pytest.mark.parametrize(("lines", "what", "name"), [
    (DIRECTORIES, ("all", "bogus"), "InvalidArgs"),
    (DIRECTORIES, ("logs",), "NothingToClean"),
    ((), ("all",), "NothingToClean"),
    (DIRECTORIES, (), "NothingToClean"),
])
def test_what_cannot_be_cleaned_is_refused(lines, what, name):
    script = _clean(Script(*lines), *what)
    (refused,) = [each for each in script.effects if isinstance(each, ef.Refused)]
    assert refused.error.endswith("." + name) and script.state == "dead"


def test_only_a_unit_that_is_down_and_was_not_asked_for_is_cleaned():
    script = Script(*DIRECTORIES).start()
    _clean(script, "state")
    assert [each.error for each in script.effects if isinstance(each, ef.Refused)] == ["org.freedesktop.systemd1.UnitBusy"]
    assert script.state == "running"


def test_a_start_waits_until_the_directories_are_gone():
    script = _clean(Script(*DIRECTORIES), "all").start()
    assert (script.did, script.state) == ([], "cleaning")
    script.control_ends()
    assert (script.did, script.state) == (["Start"], "running")


def test_a_timeout_kills_and_fails_and_says_which_it_was():
    script = _clean(Script(*DIRECTORIES, "TimeoutCleanSec=2"), "all").after(1.9)
    assert script.state == "cleaning"
    script.after(0.2)
    assert (script.did, script.state) == (["kill KILL everyone"], "final-sigkill")
    script.control_ends("KILL")
    assert (script.state, script.result, script.machine.clean_result.value) == ("failed", "signal", "timeout")


def test_a_run_after_it_ends_as_any_other():
    """The last control process was not one of this run's."""
    script = _clean(Script(*DIRECTORIES), "all").control_ends().start()
    child = script.fork()
    script.stop().ends("TERM")
    assert script.state == "final-sigterm"
    script.ends("TERM", child)
    assert (script.machine.state, script.result) == (ServiceState.DEAD, "success")
