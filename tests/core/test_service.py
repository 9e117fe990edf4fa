"""Scripts for the service machine: event in, effects out. Each is the quick form of recorded cases."""

from __future__ import annotations

import pytest

from initd.core import events as ev
from initd.core.states import JobType
from initd.core.values import PidRef, ProcessInfo
from tests.core.service_script import NAME, SEC, Script, offered

#: systemd.service(5), Restart=, the table: setting → the ends after which there is a restart.
RESTARTS = {
    "no": "",
    "always": "clean-code clean-signal exit-code signal core timeout watchdog",
    "on-success": "clean-code clean-signal",
    "on-failure": "exit-code signal core timeout watchdog",
    "on-abnormal": "signal core timeout watchdog",
    "on-abort": "signal core",
    "on-watchdog": "watchdog",
}
ENDS = {"clean-code": 0, "clean-signal": "TERM", "exit-code": 1, "signal": "KILL", "core": "dumped ABRT"}
RESULTS = {"clean-code": "success", "clean-signal": "success", "exit-code": "exit-code", "signal": "signal",
           "core": "core-dump", "timeout": "timeout", "watchdog": "watchdog"}


def running(*lines: str, **words) -> Script:
    script = Script(*lines, **words).start()
    assert script.state == "running"
    return script


@pytest.mark.parametrize("end", RESULTS)
@pytest.mark.parametrize("setting", RESTARTS)
def test_restart_after_every_kind_of_end(setting, end):
    script = running(f"Restart={setting}", "RestartSec=3", "WatchdogSec=2" if end == "watchdog" else "RuntimeMaxSec=1")
    if end in ENDS:
        script.ends(ENDS[end])
    else:
        script.after(2)
        assert script.did == ["kill ABRT everyone" if end == "watchdog" else "kill TERM everyone"]
        script.ends("ABRT" if end == "watchdog" else "TERM")
    assert script.result == RESULTS[end]
    if end not in RESTARTS[setting].split():
        assert script.state == ("dead" if RESULTS[end] == "success" else "failed")
        return
    assert script.state == "auto-restart"
    assert script.after(2.9).state == "auto-restart"
    assert script.after(0.2).did == ["Start"]
    assert (script.state, script.result, script.machine.n_restarts) == ("running", "success", 1)


TYPES = [
    ("simple", [], "running"),
    ("idle", [], "running"),
    ("exec", [ev.ExecSucceeded(NAME, 101)], "running"),
    ("notify", [ev.ExecSucceeded(NAME, 101), "READY=1"], "running"),
    ("notify-reload", [ev.ExecSucceeded(NAME, 101), "READY=1"], "running"),
    ("oneshot", [0], "dead"),
]


@pytest.mark.parametrize("kind, steps, state", TYPES)
def test_what_a_start_waits_for(kind, steps, state):
    script = Script(f"Type={kind}", "ExecStart=/bin/main").start()
    for step in steps:
        assert script.state == "start" and not script.results
        if isinstance(step, str):
            script.says(step)
        elif isinstance(step, int):
            script.ends(step)
        else:
            script.send(step)
    assert (script.state, script.results) == (state, ["done"])


def test_forking_waits_for_the_parent_and_guesses_the_daemon():
    script = Script("Type=forking", "ExecStart=/bin/main").start()
    daemon = script.fork()
    script.control_ends(0)
    assert script.state == "start"
    script.send(ev.ProcessesListed(NAME, (ProcessInfo(daemon, 1, 7, False),)))
    assert (script.state, script.machine.main_pid, script.results) == ("running", daemon, ["done"])


def test_forking_without_its_pid_file_is_waited_for_until_the_timeout():
    script = Script("Type=forking", "PIDFile=/run/a.pid", "TimeoutStartSec=5", "ExecStart=/bin/main").start()
    script.fork()
    script.control_ends(0)
    script.send(ev.PidFileRead(NAME, "/run/a.pid", None, problem="no such file"))
    assert script.after(1).state == "start"
    script.after(5)
    assert (script.state, script.result, script.did) == ("stop-sigterm", "timeout", ["kill TERM everyone"])


# --- timeouts -------------------------------------------------------------------------------------------------------

MODES = {"terminate": ("stop-sigterm", "TERM"), "abort": ("stop-watchdog", "ABRT"), "kill": ("stop-sigkill", "KILL")}


@pytest.mark.parametrize("mode", MODES)
def test_start_timeout(mode):
    script = Script("Type=notify", "ExecStart=/bin/main", "TimeoutStartSec=2", f"TimeoutStartFailureMode={mode}").start()
    assert script.after(1.9).state == "start"
    script.after(0.2)
    assert (script.state, script.result) == (MODES[mode][0], "timeout")
    assert script.did == [f"kill {MODES[mode][1]} everyone"]
    assert script.ends(MODES[mode][1]).state == "failed"


@pytest.mark.parametrize("mode", MODES)
def test_stop_timeout_goes_by_way_of_the_mode_to_sigkill(mode):
    script = running("TimeoutStopSec=2", f"TimeoutStopFailureMode={mode}").stop()
    assert (script.state, script.did) == ("stop-sigterm", ["kill TERM everyone"])
    script.after(2.1)
    if mode == "abort":
        assert (script.state, script.did) == ("stop-watchdog", ["kill ABRT everyone"])
        script.after(2.1)
    assert (script.state, script.did) == ("stop-sigkill", ["kill KILL everyone"])
    script.ends("KILL")
    assert (script.state, script.result) == ("failed", "timeout")


@pytest.mark.parametrize(
    "mode, state", [("terminate", "final-sigterm"), ("abort", "final-watchdog"), ("kill", "final-sigkill")])
def test_stop_post_timeout(mode, state):
    lines = ("ExecStart=/bin/main", "ExecStopPost=/bin/post", "TimeoutStopSec=2")
    script = running(*lines, f"TimeoutStopFailureMode={mode}").ends(0)
    assert script.state == "stop-post"
    assert script.after(2.1).state == state


def test_abort_timeout_is_its_own():
    script = running("WatchdogSec=1", "TimeoutAbortSec=5", "TimeoutStopSec=60").after(1.1)
    assert script.state == "stop-watchdog"
    assert script.after(4.8).state == "stop-watchdog"
    assert script.after(0.3).state == "stop-sigkill"


# --- killing ---------------------------------------------------------------------------------------------------------

KILL_MODES = {
    "control-group": (["kill TERM everyone"], ["kill TERM everyone"]),
    "mixed": (["kill TERM"], ["kill KILL everyone"]),
    "process": (["kill TERM"], []),
    "none": ([], []),
}


@pytest.mark.parametrize("mode", KILL_MODES)
def test_kill_mode(mode):
    """The first list is what a stop does, the second what the main process's end leads to while a child is left."""
    script = running(f"KillMode={mode}")
    script.fork()
    assert script.stop().did == KILL_MODES[mode][0]
    if mode != "none":
        assert script.ends("TERM").did == KILL_MODES[mode][1]
    assert script.state == ("final-sigterm" if mode == "control-group" else "final-sigkill" if mode == "mixed" else "dead")


def test_signals_are_those_of_the_unit():
    script = running("KillSignal=SIGINT", "RestartKillSignal=SIGUSR1", "FinalKillSignal=SIGUSR2", "TimeoutStopSec=1")
    assert script.ask(JobType.RESTART).did == ["kill USR1 everyone"]
    script.ends("USR1")
    assert script.state == "running"
    assert script.stop().did == ["kill INT everyone"]
    assert script.after(1.1).did == ["kill USR2 everyone"]


def test_without_sigkill_a_deaf_service_is_left_behind():
    script = running("SendSIGKILL=no", "TimeoutStopSec=1").stop().after(1.1)
    assert (script.state, script.did) == ("final-sigterm", ["kill TERM everyone"])
    assert (script.after(1.1).state, script.result) == ("failed", "timeout")


# --- sd_notify ---------------------------------------------------------------------------------------------------------


def test_of_the_words_in_a_message_the_last_counts():
    script = running("NotifyAccess=main")
    assert script.says("RELOADING=1", "READY=1").state == "running"
    assert script.says("READY=1", "RELOADING=1").state == "reload"
    assert script.says("READY=1").state == "running"
    assert script.says("READY=1", "STOPPING=1").state == "stop-sigterm"


def test_status_errno_and_bus_error_are_kept():
    script = running("NotifyAccess=main").says("STATUS=here", "ERRNO=2", "BUSERROR=org.example.Error")
    machine = script.machine
    assert (machine.status_text, machine.status_errno, machine.bus_error) == ("here", 2, "org.example.Error")


def test_watchdog_words():
    script = running("NotifyAccess=main", "WatchdogSec=2")
    assert script.after(1.5).says("WATCHDOG=1").after(1.5).state == "running"
    script.says("WATCHDOG_USEC=500000")
    assert script.after(0.6).state == "stop-watchdog"
    script = running("NotifyAccess=main").says("WATCHDOG=trigger").after(0)
    assert (script.state, script.result) == ("stop-watchdog", "watchdog")


def test_extend_timeout():
    script = Script("Type=notify", "ExecStart=/bin/main", "TimeoutStartSec=2").start().says("EXTEND_TIMEOUT_USEC=5000000")
    assert script.after(4.9).state == "start"
    assert script.after(0.2).state == "stop-sigterm"


@pytest.mark.parametrize("is_alive, is_ours, uid, is_taken", [
    (True, True, 1000, True), (True, False, 1000, False), (True, False, 0, True), (False, False, 0, False)])
def test_a_new_main_process_has_to_live_and_to_belong_to_the_unit_unless_root_says_so(is_alive, is_ours, uid, is_taken):
    script = running("NotifyAccess=all")
    main = PidRef(555, 7) if is_alive else None
    script.send(ev.NotifyReceived(NAME, script.machine.main_pid, uid, (("MAINPID", "555"),), main, is_ours))
    assert (script.machine.main_pid == 555) is is_taken


@pytest.mark.parametrize("access, main, control, other", [
    ("none", False, False, False), ("main", True, False, False), ("exec", True, True, False), ("all", True, True, True)])
def test_notify_access(access, main, control, other):
    script = running("ExecStart=/bin/main", "ExecReload=/bin/reload", f"NotifyAccess={access}").ask(JobType.RELOAD)
    child = script.fork()
    for pid, may in ((script.machine.main_pid, main), (script.machine.control_pid, control), (child, other)):
        script.says(f"STATUS={pid}", pid=pid)
        assert (script.machine.status_text == str(pid)) is may


def test_notify_access_can_be_changed_by_the_service_until_it_ends():
    script = running("NotifyAccess=main", "Restart=always").says("NOTIFYACCESS=all")
    assert script.says("STATUS=child", pid=script.fork()).machine.status_text == "child"


def test_descriptors_are_stored_by_name_up_to_the_maximum_and_handed_to_the_next_start():
    script = running("NotifyAccess=main", "FileDescriptorStoreMax=2", "Restart=always", "RestartSec=1")
    assert script.says("FDSTORE=1", "FDNAME=x", fds=offered(7)).did == ["store (7,)"]
    assert script.says("FDSTORE=1", "FDNAME=x", fds=offered(7)).did == []  # the same file again
    assert script.says("FDSTORE=1", "FDNAME=bad:name", fds=offered(8, 9)).did == ["store (8,)"]
    assert [(stored.fd, stored.name) for stored in script.machine.stored_fds] == [(7, "x"), (8, "stored")]
    script.ends(1).after(1.1)
    (request,) = [effect.request for effect in script.effects if hasattr(effect, "request")]
    assert request.stored_fds == script.machine.stored_fds
    assert script.says("FDSTOREREMOVE=1", "FDNAME=x").did == ["close (7,)"]
    assert script.send(ev.StoredFdHungUp(NAME, 8)).did == ["close (8,)"]
    assert script.machine.stored_fds == ()


def test_the_store_is_emptied_when_the_service_is_down_and_kept_over_a_restart_job():
    script = running("NotifyAccess=main", "FileDescriptorStoreMax=2").says("FDSTORE=1", fds=offered(7))
    script.ask(JobType.RESTART).ends("TERM")
    assert script.state == "running" and len(script.machine.stored_fds) == 1
    script.stop().ends("TERM")
    assert script.did == ["close (7,)"] and script.machine.stored_fds == ()


# --- what is newer than 252 --------------------------------------------------------------------------------------------


def test_notify_reload_waits_for_an_answer_to_its_own_signal():
    script = Script("Type=notify-reload", "ExecStart=/bin/main", "ReloadSignal=SIGUSR2").start().says("READY=1")
    assert script.ask(JobType.RELOAD).did == ["kill USR2"]
    early, late = script.usec - 1, script.usec + 1
    assert script.says("READY=1").state == "reload"
    assert script.says("RELOADING=1", f"MONOTONIC_USEC={early}").says("READY=1").state == "reload"
    assert script.says("RELOADING=1", f"MONOTONIC_USEC={late}").state == "reload"
    assert script.says("READY=1").state == "running"
    assert script.results == ["done", "done"]


def test_direct_restart_is_never_down():
    script = running("Restart=always", "RestartMode=direct", "RestartSec=1").ends(1)
    assert (script.state, script.machine.told.value) == ("auto-restart", "auto-restart")
    script.after(1.1)
    changes = [effect.as_it_was.sub_state for effect in script.effects if hasattr(effect, "as_it_was")]
    assert script.state == "running" and "dead" not in changes and "failed" not in changes


def test_runtime_is_lengthened_by_what_the_invocation_draws():
    script = running("RuntimeMaxSec=10", "RuntimeRandomizedExtraSec=5")
    extra = script.machine.runtime_deadline_usec - script.usec - 10 * SEC
    assert 0 <= extra <= 5 * SEC and extra == int(script.unit.invocation_id[:16], 16) % (5 * SEC + 1)


def test_start_limit_action_ends_the_container():
    script = Script("Type=oneshot", "ExecStart=/bin/main", unit=("StartLimitBurst=1", "StartLimitAction=exit-force"))
    script.start().ends(0)
    script.start()
    assert script.engine.world.shutdown.verb == "exit"
    assert script.state == "failed"


def test_exit_type_cgroup_waits_for_the_last_process():
    script = running("ExitType=cgroup")
    child = script.fork()
    assert script.ends(0).state == "running"
    assert script.ends(0, child).state == "dead"


def test_a_failed_service_is_not_asked_to_stop():
    lines = ("ExecStart=/bin/main", "ExecStop=/bin/stop", "ExecStopPost=/bin/post")
    assert running(*lines).ends(0).did == ["Stop"]
    assert running(*lines).ends(1).did == ["StopPost"]
