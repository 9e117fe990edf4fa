from __future__ import annotations

import pytest

from initd.core.happenings import Happening
from initd.core.supervisor_events import (
    KINDS,
    NOT_SENT,
    SENT,
    BadListener,
    Event,
    Pool,
    Translator,
    is_wanted,
    ticks,
)


def state(active: str, sub: str, pid: int = 0, old: str = "", unit: str = "cat.service", **more: object) -> Happening:
    details = {"old_active": old, "old_sub": "", "active": active, "sub": sub, "result": "success", "main_pid": pid}
    return Happening("state", 1, unit, details | more)


START = state("active", "running", 7)
FAILED, DEAD = {"active": "failed", "sub": "failed"}, {"active": "inactive", "sub": "dead"}
ENDED = {"exit_code": "exited", "exit_status": 3}
AGAIN = state("activating", "auto-restart", result="exit-code")
BEGINS = ["STARTING STOPPED tries:0", "RUNNING STARTING pid:7"]

#: What supervisor's page of events says a process goes through → what its unit does.
STORIES = {
    "it is started and stopped": (
        [START, state("deactivating", "stop-sigterm", 7), state(**DEAD, exit_code="killed")],
        [*BEGINS, "STOPPING RUNNING pid:7", "STOPPED STOPPING pid:7"]),
    "it becomes ready": ([state("activating", "start", 7), START], BEGINS),
    "it ends well": ([START, state(**DEAD, **ENDED)], [*BEGINS, "EXITED RUNNING expected:1 pid:7"]),
    "it fails while something of it is stopped": (
        [START, state("deactivating", "stop-sigterm", result="exit-code", **ENDED),
         state(**FAILED, old="deactivating", result="exit-code")], [*BEGINS, "EXITED RUNNING expected:0 pid:7"]),
    "it fails, and is started again": (
        [START, state(**FAILED, result="exit-code", **ENDED), AGAIN, state(**DEAD), state("active", "running", 8)],
        [*BEGINS, "EXITED RUNNING expected:0 pid:7", "STARTING EXITED tries:0", "RUNNING STARTING pid:8"]),
    "it fails too often": (
        [START, state(**FAILED, result="exit-code", **ENDED), AGAIN, state(**DEAD), state(**FAILED, old="inactive")],
        [*BEGINS, "EXITED RUNNING expected:0 pid:7", "FATAL EXITED"]),
    "it does not become ready, twice, and is given up": (
        2 * [state("activating", "start", 7), state(**FAILED), AGAIN, state(**DEAD)] + [state("activating", "start"),
                                                                                        state(**FAILED)],
        ["STARTING STOPPED tries:0", "BACKOFF STARTING tries:1", "STARTING BACKOFF tries:1", "BACKOFF STARTING tries:2",
         "STARTING BACKOFF tries:2", "FATAL STARTING"]),
    "a task is done": ([state("activating", "start", 7), state(**DEAD, **ENDED)],
                       [*BEGINS, "EXITED RUNNING expected:1 pid:7"]),
    "a task is done and stays active": ([state("activating", "start", 7), state("active", "exited", **ENDED)],
                                        [*BEGINS, "EXITED RUNNING expected:1 pid:7"]),
    "it is stopped before it is ready": (
        [state("activating", "start", 7), state("deactivating", "stop-sigterm", 7), state(**DEAD)],
        [BEGINS[0], "STOPPING STARTING pid:7", "STOPPED STOPPING pid:7"]),
    "it reloads": ([START, state("reloading", "reload", 7), START], BEGINS),
}


@pytest.mark.parametrize("story", STORIES)
def test_processes_go_through_supervisors_states(story):
    happenings, expected = STORIES[story]
    found = Translator([], lambda unit: "").events(happenings)
    assert {each.payload.split(" from_state:")[0] for each in found} == {"processname:cat groupname:cat"}
    assert [f"{each.name.removeprefix('PROCESS_STATE_')} {each.payload.split('from_state:')[1]}" for each in found] == expected


def test_a_group_is_asked_for_once_and_who_runs_already_is_running():
    asked = []
    translator = Translator([("w@1.service", "active")], lambda unit: asked.append(unit) or "w")
    found = translator.events([state("deactivating", "stop", 5, unit="w@1.service"), state(**DEAD, unit="w@1.service"),
                               state("active", "active", unit="x.target")])
    assert found == [Event("PROCESS_STATE_STOPPING", "processname:w@1 groupname:w from_state:RUNNING pid:5"),
                     Event("PROCESS_STATE_STOPPED", "processname:w@1 groupname:w from_state:STOPPING pid:5")]
    assert asked == ["w@1.service"]


def test_what_the_manager_does():
    shutdown = [Happening("job-added", 1, "shutdown.target", {"job": 3, "type": kind}) for kind in ("stop", "start")]
    found = Translator([], str).events([Happening("startup-finished", 1), Happening("reloading", 1), *shutdown])
    assert [each.name for each in found] == ["SUPERVISOR_STATE_CHANGE_RUNNING", "SUPERVISOR_STATE_CHANGE_STOPPING"]


def test_ticks_are_told_where_a_period_is_over_with_its_begin():
    assert ticks(10.2, 14.9) == []
    assert ticks(14.9, 15.0) == [Event("TICK_5", "when:15")]
    assert ticks(3590.0, 3601.0) == [Event(f"TICK_{period}", "when:3600") for period in (5, 60, 3600)]


def test_the_events_are_those_of_supervisors_documentation():
    assert {*KINDS, *SENT, *NOT_SENT} == {
        "EVENT", "PROCESS_STATE", "PROCESS_STATE_STOPPED", "PROCESS_STATE_EXITED", "PROCESS_STATE_STARTING",
        "PROCESS_STATE_STOPPING", "PROCESS_STATE_BACKOFF", "PROCESS_STATE_FATAL", "PROCESS_STATE_RUNNING",
        "PROCESS_STATE_UNKNOWN", "PROCESS_COMMUNICATION", "PROCESS_COMMUNICATION_STDOUT", "PROCESS_COMMUNICATION_STDERR",
        "PROCESS_LOG", "PROCESS_LOG_STDOUT", "PROCESS_LOG_STDERR", "REMOTE_COMMUNICATION", "SUPERVISOR_STATE_CHANGE",
        "SUPERVISOR_STATE_CHANGE_RUNNING", "SUPERVISOR_STATE_CHANGE_STOPPING", "TICK", "TICK_5", "TICK_60", "TICK_3600",
        "PROCESS_GROUP", "PROCESS_GROUP_ADDED", "PROCESS_GROUP_REMOVED"}


@pytest.mark.parametrize("name, wanted, is_so", [
    ("TICK_5", ["TICK"], True), ("TICK_5", ["TICK_60"], False), ("TICK_60", ["TICK_6"], False),
    ("PROCESS_STATE_EXITED", ["PROCESS_STATE"], True), ("PROCESS_STATE_EXITED", ["EVENT"], True),
    ("PROCESS_STATE_EXITED", ["TICK", "PROCESS_STATE_EXITED"], True)])
def test_kinds_stand_for_all_of_them(name, wanted, is_so):
    assert is_wanted(name, wanted) is is_so


# --- the protocol ------------------------------------------------------------------------------------------------------


def pool(size: int = 10, count: int = 1) -> Pool:
    return Pool("p", "supervisor", size, count)


def test_a_listener_that_is_ready_gets_one_event_and_the_next_when_it_is_done():
    made = pool()
    for name in ("TICK_5", "TICK_60"):
        assert made.accept(Event(name, "when:5")) is None
    assert made.outgoing() == []
    made.heard(0, b"READY\n")
    assert made.outgoing() == [
        (0, b"ver:3.0 server:supervisor serial:0 pool:p poolserial:0 eventname:TICK_5 len:6\nwhen:5")]
    assert made.outgoing() == []
    assert made.heard(0, b"RESULT 2\nOK") == [] and made.outgoing() == []
    made.heard(0, b"READY\n")
    assert b"serial:1 pool:p poolserial:1 eventname:TICK_60" in made.outgoing()[0][1]


def test_what_a_listener_says_may_come_byte_by_byte():
    made = pool()
    made.accept(Event("TICK_5"))
    sent = []
    for byte in b"READY\nRESULT 2\nOKREADY\n":
        made.heard(0, bytes([byte]))
        sent += made.outgoing()
    assert len(sent) == 1


def test_an_event_that_was_rejected_comes_again_before_others():
    made = pool()
    for number in range(2):
        made.accept(Event("TICK_5", f"when:{number}"))
    made.heard(0, b"READY\n")
    first = made.outgoing()
    assert made.heard(0, b"RESULT 4\nFAILREADY\n") == ["event 0 was rejected: b'FAIL'"]
    assert made.outgoing() == first


def test_of_too_many_the_oldest_goes():
    made = pool(size=2)
    assert [made.accept(Event("TICK_5")) for _ in range(4)] == [None, None, 0, 1]
    made.heard(0, b"READY\n")
    assert b"serial:2" in made.outgoing()[0][1]


def test_each_event_is_for_one_of_a_pool():
    made = pool(count=2)
    for number in range(3):
        made.accept(Event("TICK_5"))
        made.heard(number, b"READY\n") if number < 2 else None
    assert [(number, b"serial:%d " % number in data) for number, data in made.outgoing()] == [(0, True), (1, True)]


@pytest.mark.parametrize("said", [b"hello\n", b"READY", b"READX"])
def test_who_says_what_is_no_token_is_not_listened_to(said):
    made = pool()
    if said == b"READY":
        assert made.heard(0, said) == []
        said = b"!"
    with pytest.raises(BadListener, match="and not"):
        made.heard(0, said)


@pytest.mark.parametrize("said", [b"RESULT x\nOK", b"READY\n", b"OK\n", b"RESULT" + b"1" * 80])
def test_a_result_has_a_length(said):
    made = pool()
    made.accept(Event("TICK_5"))
    made.heard(0, b"READY\n")
    made.outgoing()
    with pytest.raises(BadListener):
        made.heard(0, said)


def test_who_is_ready_has_nothing_to_say():
    made = pool()
    with pytest.raises(BadListener, match="nothing to answer"):
        made.heard(0, b"READY\nREADY\n")
