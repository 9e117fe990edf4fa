"""What units may say that systemd 252 does not know, from later man pages: notify-reload, restart modes, poll limits."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from harness import Container

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.conformance.services.cases import act, service
from tests.conformance.services.play import Case, volume
from tests.conformance.services.record import PYINIT, play

_ONCE = "[Unit]\nDefaultDependencies=no\n[Service]\nType=oneshot\nExecStart=/bin/true\n"
_STAYS = "[Unit]\nDefaultDependencies=no\n{}\n[Service]\nStandardOutput=null\nExecStart=/bin/sleep 1000\n"
_RELOADS = "trap:HUP:log,,HUP|reloading|await,,go|notify,,READY=1"

CASES = [
    service("newer-reload", "Type=notify-reload", "ExecStart=" + act(_RELOADS, "notify:READY=1", "forever"),
            steps="start, job, reload, until reload, seen HUP, sleep 0.3, gate go, job, until running, stop, job"),
    service("newer-reload-signal", "Type=notify-reload", "ReloadSignal=SIGUSR1",
            "ExecStart=" + act(_RELOADS.replace("HUP", "USR1"), "notify:READY=1", "forever"),
            steps="start, job, reload, until reload, seen USR1, gate go, job, stop, job"),
    service("newer-reload-deaf", "Type=notify-reload", "TimeoutStartSec=1",
            "ExecStart=" + act("ignore:HUP", "notify:READY=1", "await:go", "notify:READY=1", "forever"),
            steps="start, job, reload, until reload, gate go, job, until running, show ReloadResult, stop, job"),
    service("newer-direct", "RestartMode=direct", "Restart=on-failure", "RestartSec=0.2",
            "ExecStart=" + act("nth:2:forever", "await:go", "exit:1"), unit=("OnFailure=newer-direct-other.service",),
            steps="start, job, until running, gate go, until auto-restart, until running, settle 0.5, stop, job",
            other_service=_ONCE),
    service("newer-direct-gives-up", "RestartMode=direct", "Restart=on-failure", "RestartSec=0.1", "ExecStart=/bin/false",
            unit=("OnFailure=newer-direct-gives-up-other.service", "StartLimitBurst=3", "StartLimitIntervalSec=30"),
            steps="start, job, until failed, settle 0.5", other_service=_ONCE),
    service("newer-steps", "Restart=on-failure", "RestartSec=0.1", "RestartSteps=2", "RestartMaxDelaySec=0.9",
            "ExecStart=" + act("exit:1"), unit=("StartLimitBurst=5", "StartLimitIntervalSec=30"),
            steps="start, job, until failed, settle 1.8"),
    service("newer-extra", "RuntimeMaxSec=0.4", "RuntimeRandomizedExtraSec=0.3", "ExecStart=" + act("forever"),
            steps="start, job, until running, until failed"),
    # nobody reads what has come
    Case("newer-poll", {
        "newer-poll.socket": "[Unit]\nDefaultDependencies=no\n[Socket]\nListenFIFO=/run/newer-poll\n"
                             "PollLimitBurst=3\nPollLimitIntervalSec=1h\n",
        "newer-poll.service": _ONCE.replace("[Service]", "StartLimitIntervalSec=0\n[Service]").replace("true", "sleep 0.03"),
    }, ("start", "job", "run echo x > /run/newer-poll", "settle 1", "stop", "job")),
]


@pytest.fixture(scope="module")
def traces():
    container = Container(PYINIT, options=("--pids-limit=0", volume()))
    try:
        container.start().wait_until_booted()
        yield play(container, CASES)
    finally:
        print(container.logs()[-20000:])
        container.remove()


def states(traces, name, unit=""):
    return [line.split()[0].partition("/")[2] for line in traces[name][f"{name}{unit}.service"]]


def test_a_reload_by_signal_lasts_until_the_service_says_so(traces):
    assert states(traces, "newer-reload") == ["start", "running", "reload", "running", "stop-sigterm", "dead"]
    assert traces["newer-reload"]["out"] == ["HUP"]
    assert set(traces["newer-reload"]["jobs"]["newer-reload.service"]) == {"done"}


def test_the_reload_signal_can_be_chosen(traces):
    assert traces["newer-reload-signal"]["out"] == ["USR1"]
    assert states(traces, "newer-reload-signal") == ["start", "running", "reload", "running", "stop-sigterm", "dead"]


def test_a_reload_that_is_not_answered_fails_in_time_and_the_service_goes_on(traces):
    found = traces["newer-reload-deaf"]
    assert states(traces, "newer-reload-deaf") == ["start", "running", "reload", "running", "stop-sigterm", "dead"]
    assert found["jobs"]["newer-reload-deaf.service"] == ["done", "failed", "done"]
    assert found["answers"] == ["ReloadResult=timeout"]


def test_a_direct_restart_is_never_down_and_calls_nobody(traces):
    assert states(traces, "newer-direct") == ["running", "auto-restart", "auto-restart", "running", "stop-sigterm", "dead"]
    assert traces["newer-direct"]["newer-direct-other.service"] == []


def test_a_direct_restart_that_is_given_up_fails_and_calls(traces):
    assert states(traces, "newer-direct-gives-up")[-1] == "failed"
    assert states(traces, "newer-direct-gives-up", "-other")[-1] == "dead"
    assert "dead" not in states(traces, "newer-direct-gives-up")[:-2]


def test_restart_steps_are_counted(traces):
    assert traces["newer-steps"]["newer-steps.service"][-1] == "failed/failed exit-code 1/1 5"


def test_runtime_with_an_extra_part_ends_in_time(traces):
    assert states(traces, "newer-extra") == ["running", "stop-sigterm", "failed"]


def test_a_socket_that_is_polled_too_often_waits_and_does_not_fail(traces):
    found = [line.split()[0].partition("/")[2] for line in traces["newer-poll"]["newer-poll.socket"]]
    assert found == ["listening", *(["running", "listening"] * 3), "dead"]
