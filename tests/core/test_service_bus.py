"""What a service makes of its bus name; each is the quick form of recorded cases (conformance/services: bus-*)."""

from __future__ import annotations

import pytest

from initd.core import effects as ef
from initd.core.states import JobType
from tests.core.service_script import BUS_NAME, Script

DBUS = ("Type=dbus", f"BusName={BUS_NAME}")


def running(*lines: str) -> Script:
    script = Script(*DBUS, *lines).start()
    assert script.state == "start"
    assert script.name(":1.7").state in ("running", "start-post")
    return script


def test_it_is_up_when_its_name_is_taken_and_not_before():
    script = Script(*DBUS).start()
    assert script.state == "start" and script.unit.job is not None
    assert script.name(":1.7").state == "running" and script.unit.job is None


def test_a_name_that_was_taken_before_does_not_count():
    """conformance/services: bus-taken."""
    script = Script(*DBUS, "TimeoutStartSec=2").name(":1.3").start()
    assert script.state == "start"
    assert (script.after(2.1).state, script.result) == ("stop-sigterm", "timeout")


def test_a_lost_name_stops_it_whoever_had_it():
    script = running("ExecStart=/bin/main", "ExecStop=/bin/stop")
    assert (script.name().state, script.did) == ("stop", ["Stop"])


def test_another_owner_is_no_loss():
    assert running().name(":1.9").state == "running"


@pytest.mark.parametrize("setting, state", [
    ("no", "dead"), ("on-failure", "dead"), ("on-success", "auto-restart"), ("always", "auto-restart")])
def test_a_lost_name_is_no_failure(setting, state):
    script = running(f"Restart={setting}").name()
    assert script.did == ["kill TERM everyone"]
    assert (script.ends("TERM").state, script.result) == (state, "success")


def test_a_loss_during_a_reload_counts_behind_it():
    script = running("ExecStart=/bin/main", "ExecReload=/bin/reload")
    assert script.ask(JobType.RELOAD).state == "reload"
    assert script.name().state == "reload"
    assert script.control_ends(0).state == "stop-sigterm"


def test_a_loss_during_start_post_counts_behind_it():
    script = running("ExecStart=/bin/main", "ExecStartPost=/bin/post")
    assert script.state == "start-post"
    assert script.name().state == "start-post"
    assert script.control_ends(0).state == "stop-sigterm"


@pytest.mark.parametrize("status, state, result", [(0, "dead", "success"), (3, "failed", "exit-code")])
def test_ending_before_the_name_is_ending(status, state, result):
    script = Script(*DBUS).start().ends(status)
    assert (script.state, script.result) == (state, result)


def test_remaining_it_leaves_its_process_to_itself():
    """conformance/services: bus-lost-remains."""
    script = running("RemainAfterExit=yes").name()
    assert (script.state, script.machine.main_pid) == ("exited", 0)
    assert script.stop().did == ["kill TERM everyone"]


def test_for_other_types_a_lost_name_means_nothing():
    script = Script("Type=simple", f"BusName={BUS_NAME}").start().name(":1.7")
    assert script.name().state == "running"


def test_the_owner_is_the_main_process_where_no_other_is_known():
    script = Script("Type=forking", "GuessMainPID=no", f"BusName={BUS_NAME}").start()
    daemon = script.fork()
    script.control_ends(0)
    assert (script.state, script.machine.main_pid) == ("running", 0)
    assert script.name(f":1.{daemon}").machine.main_pid == daemon
    assert script.ends(0, daemon).state == "dead"


def test_an_owner_that_is_gone_is_no_main_process():
    script = Script("Type=forking", "GuessMainPID=no", f"BusName={BUS_NAME}").start()
    script.fork()
    script.control_ends(0)
    assert script.name(":1.9999").machine.main_pid == 0


def test_a_known_main_process_stays():
    script = Script("Type=simple", f"BusName={BUS_NAME}").start()
    main = script.machine.main_pid
    script.name(f":1.{script.fork()}")
    assert script.machine.main_pid == main
    assert not any(isinstance(effect, ef.FindBusOwner) for effect in script.effects)
