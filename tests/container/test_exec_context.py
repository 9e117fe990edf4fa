"""What a process of a unit finds itself to be, one directive at a time, is what real systemd made of it there.

The services are tests/conformance/exec/cases.py, and systemd's answers stand beside them.
"""

from __future__ import annotations

from functools import cache

import pytest
from harness import SERVICES, Container

from tests.conformance.exec.cases import CASES, STATUSES, UNPROVOKED
from tests.conformance.exec.run import CONTAINERS, read_answers, run_cases

#: Where ours is another answer, and why: key → our value, None for one that is not there.
_RUNS = {"start": 0, "ActiveState": "inactive", "SubState": "dead", "Result": "success", "ExecMainCode": "0",
         "ExecMainStatus": "0"}
_JOINED = "what cannot be joined is a failure, as it is of a network namespace"
_FAILS_226 = {"start": 1, "ActiveState": "failed", "SubState": "failed", "Result": "exit-code", "ExecMainCode": "1",
              "ExecMainStatus": "226"}
OURS: dict[str, tuple[str, dict[str, object]]] = {
    "sched-rr": ("running late is better than not running; `pyinit check` says so", _RUNS),
    "io-realtime": ("running late is better than not running; `pyinit check` says so", _RUNS),
    "state-directory-linked": (
        "a link to a volume is the administrator's choice",
        _RUNS | {"after": ["/srv/s6 d 755 1 1 ", "/var/lib/s6 l 777 0 0 /srv/s6"]}),
    "credential-user": (
        "what belongs to the user needs no access list",
        {"credentials": "500 1 0", "credential:/run/credentials/case-credential-user.service/a": "400 1 0 746f700a"}),
    "filter-keeps-privileges": ("who keeps new privileges has no filter; `pyinit check` says so", {"NoNewPrivs": "0"}),
    "group-not-allowed": ("it is the group that cannot be had, not the keyring", {"ExecMainStatus": "216"}),
    "ipc-path-missing": (_JOINED, _FAILS_226),
    "ipc-path-missing-privileged": (_JOINED, _FAILS_226),
    "remove-ipc": ("System V objects are removed as their owner, which needs no CAP_SYS_ADMIN", {"after": ["0"]}),
}


@cache
def ours(where: str) -> dict[str, dict[str, object]]:
    """Of one kind of container: its cases, by name. Run once, whatever order the tests ask in."""
    container = Container(SERVICES, "/sbin/init", options=CONTAINERS[where])
    try:
        return run_cases(container.start(), where)
    finally:
        print(container.logs()[-4000:])
        container.remove()


@pytest.mark.parametrize(("where", "name"), sorted((case.where, name) for name, case in CASES.items()))
def test_a_process_is_set_up_as_systemd_sets_it_up(where, name):
    wanted, found = read_answers()[name], ours(where)[name]
    changed = OURS.get(name, ("", {}))[1]
    # A service that runs only here, or only there, has nothing to be compared with.
    seen = _seen(found) if not _seen(wanted) and changed.get("start") == 0 or changed.get("start") == 1 else _seen(wanted)
    expected = {key: value for key, value in ({**_outcome(wanted), **seen} | changed).items() if value is not None}
    assert {**_outcome(found), **_seen(found)} == expected


def test_every_exit_status_has_a_case_or_a_reason():
    """systemd.exec(5), PROCESS EXIT CODES, knows these numbers."""
    known = {*range(200, 246)} - {223, 234, 244}
    assert known == STATUSES.keys() | UNPROVOKED.keys() and not STATUSES.keys() & UNPROVOKED.keys()
    assert all(reason for _, reason in UNPROVOKED.values())


@pytest.mark.parametrize("status", STATUSES)
def test_a_case_ends_with_each_exit_status(status):
    """Under systemd; that it does here as well is what the test above sees."""
    _, case = STATUSES[status]
    assert read_answers()[case]["ExecMainStatus"] == str(status) and case not in OURS


def test_every_difference_is_one():
    """No line of the table above outlives its reason."""
    for name, (reason, values) in OURS.items():
        recorded = {**_outcome(read_answers()[name]), **_seen(read_answers()[name])}
        assert reason and any(recorded.get(key) != value for key, value in values.items()), name


def _outcome(answer: dict[str, object]) -> dict[str, object]:
    return {key: value for key, value in answer.items() if key != "seen"}


def _seen(answer: dict[str, object]) -> dict[str, object]:
    seen = answer.get("seen", {})
    assert isinstance(seen, dict)
    return seen
