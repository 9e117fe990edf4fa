"""Scopes: what becomes of them as a real systemd tells it (tests/conformance/scopes), by cgroup and by tag."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from harness import IN_CGROUP2, Container
from images import Image

from tests.conformance.scopes import run
from tests.conformance.scopes.look import CASES, HERE, look, options
from tests.container.conftest import _finish

ANSWERS = json.loads(Path(HERE, "answers.json").read_text())

#: systemd 252 takes User= for scopes, for the owner of a cgroup that is handed over; systemd.scope(5) knows nothing of it.
NOT_FOR_SCOPES = ("not-for-scopes", "--property=User=daemon")


@pytest.fixture(scope="module", params=["tag", "cgroup"])
def machine(request):
    with_tree = request.param == "cgroup"
    more = {"prefix": IN_CGROUP2} if with_tree else {}
    container = Container(
        Image(("dbus",)), options=(*(("--pids-limit=0", "--systemd=always") if with_tree else ()), *options()), **more)
    try:
        container.start().wait_until_booted()
        yield container
    finally:
        _finish(request, [container])


def test_the_life_of_scopes_is_that_of_systemd(machine):
    cases = [name for name in CASES if name not in NOT_FOR_SCOPES]
    found = look(machine, *cases)
    assert found["properties"] == ANSWERS["properties"]
    differing = {name: (found["cases"][name], ANSWERS["cases"][name]) for name in cases
                 if found["cases"][name] != ANSWERS["cases"][name]}
    assert not differing


def test_systemd_run_says_and_ends_what_systemd_runs_does(machine):
    found = run.look(machine)
    differing = [(ours, theirs) for ours, theirs in zip(found, ANSWERS["run"], strict=True)
                 if ours != theirs and theirs[0][:1] != [NOT_FOR_SCOPES[1]]]
    assert not differing


#: Puts a process into a scope, and says which.
MAKE = """
import sys
sys.path.insert(0, "/opt/look")
from initd.cli.bus import Bus
properties = [("PIDs", ("au", [int(sys.argv[2])]))]
Bus().ask("StartTransientUnit", "ssa(sv)a(sa(sv))", sys.argv[1], "fail", properties, [])
"""


def test_a_process_of_another_user_and_its_children_are_the_scopes(machine):
    """That takes no more than the capabilities that every container has."""
    script = ("setpriv --reuid=games --regid=games --clear-groups sh -c 'read go < /run/go; sleep 1000 & sleep 1000' "
              ">/dev/null 2>&1 & echo $!")
    machine.exec("sh", "-c", "rm -f /run/go; mkfifo -m 644 /run/go")
    pid = machine.exec("sh", "-c", script).stdout.strip()
    machine.wait_until("it is another user's", lambda: "\t5\t" in machine.exec("grep", "Uid", f"/proc/{pid}/status").stdout)
    machine.exec("python3", "-I", "-c", MAKE, "games.scope", pid)
    machine.exec("sh", "-c", "echo go > /run/go")
    machine.wait_until("its children are there", lambda: machine.show("games.scope", "TasksCurrent") == "3")
    machine.systemctl("daemon-reexec")
    machine.wait_until("there is a new manager", lambda: machine.show("games.scope", "TasksCurrent") == "3")
    machine.systemctl("kill", "games.scope")
    machine.wait_until("it is over", lambda: machine.show("games.scope", "LoadState") == "not-found")
    assert "cannot be marked" not in machine.logs()
