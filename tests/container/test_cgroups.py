"""A unit's cgroup where the tree can be written: handed over, frozen, killed, and told of what the kernel does not do here."""

from __future__ import annotations

import pytest
from harness import IN_CGROUP2, SERVICES, Container

from tests.container.conftest import _finish

UNITS = {
    "delegated": """\
[Service]
User=daemon
Delegate=yes
ExecStart=/bin/sh -c 'd=/sys/fs/cgroup$(sed -n s/^0:://p /proc/self/cgroup); mkdir $d/mine; \\
    echo $$$$ > $d/mine/cgroup.procs; exec sleep 9999'
ExecReload=/bin/sh -c 'cat /proc/self/cgroup'
""",
    "counter": "[Service]\nExecStart=/bin/sh -c 'while :; do :; done'\n",
    "limited": "[Service]\nExecStart=/bin/sleep 9999\nMemoryMax=100M\nTasksMax=50\nDelegate=no\n",
}


@pytest.fixture(scope="module")
def machine(request):
    container = Container(SERVICES, options=("--pids-limit=0", "--systemd=always"), prefix=IN_CGROUP2)
    try:
        for name, text in UNITS.items():
            container.put(f"/etc/systemd/system/{name}.service", text)
        container.start().wait_until_booted()
        for name in UNITS:
            container.systemctl("start", f"{name}.service")
        yield container
    finally:
        _finish(request, [container])


def _directory(machine, unit: str) -> str:
    return "/sys/fs/cgroup" + machine.show(unit, "ControlGroup")


def test_a_delegated_group_is_its_users_to_divide(machine):
    directory = _directory(machine, "delegated.service")
    owners = machine.exec("stat", "-c", "%U %n", directory, directory + "/cgroup.procs", directory + "/cgroup.freeze").stdout
    assert [line.split()[0] for line in owners.splitlines()] == ["daemon", "daemon", "root"]
    pid = str(machine.main_pid("delegated.service"))
    machine.wait_until("it has moved", lambda: pid in machine.exec("cat", directory + "/mine/cgroup.procs").stdout.split())
    assert "sleep 9999" in machine.systemctl("status", "delegated.service")


def test_the_tree_is_shown_with_ids_attributes_and_processes(machine):
    directory, pid = _directory(machine, "delegated.service"), machine.main_pid("delegated.service")
    machine.wait_until("it has moved", lambda: str(pid) in machine.exec("cat", directory + "/mine/cgroup.procs").stdout.split())
    outer, inner = machine.exec("stat", "-c", "%i", directory, directory + "/mine").stdout.split()
    title = f"Unit delegated.service ({directory.removeprefix('/sys/fs/cgroup')}):"
    assert machine.exec("systemd-cgls", "-u", "delegated").stdout == f"{title}\n└─mine (#{inner})\n  └─{pid} sleep 9999\n"
    whole = machine.exec("systemd-cgls").stdout
    assert whole.splitlines()[1] == "-.slice" and "─init.scope (#" in whole
    assert f"─delegated.service (#{outer})\n" in whole and "→ user.delegate: 1\n" in whole


def test_a_control_process_of_a_delegated_group_keeps_out_of_its_way(machine):
    machine.systemctl("reload", "delegated.service")
    machine.wait_until("the reload was logged", lambda: "delegated.service/.control" in machine.logs())
    assert machine.systemctl("is-active", "delegated.service") == "active\n"


def test_a_frozen_unit_does_nothing_until_it_is_thawed(machine):
    assert machine.show("counter.service", "CanFreeze") == "yes"
    machine.systemctl("freeze", "counter.service")
    machine.wait_until("it is frozen", lambda: machine.show("counter.service", "FreezerState") == "frozen")
    assert "active (running) (frozen)" in machine.systemctl("status", "counter.service")
    used = [machine.show("counter.service", "CPUUsageNSec") for _ in range(3)]
    assert len(set(used)) == 1 and int(used[0]) > 0
    machine.systemctl("thaw", "counter.service")
    assert machine.show("counter.service", "FreezerState") == "running"
    machine.wait_until("it runs on", lambda: machine.show("counter.service", "CPUUsageNSec") != used[0])


def test_what_is_not_running_cannot_be_frozen(machine):
    done = machine.exec("systemctl", "freeze", "rescue.service", check=False)
    assert done.returncode == 1 and "Failed to freeze unit rescue.service: " in done.stderr
    done = machine.exec("systemctl", "freeze", "basic.target", check=False)
    assert done.stderr == "Failed to freeze unit basic.target: Unit 'basic.target' does not support freezing.\n"


def test_a_controller_that_is_not_there_is_told_and_the_unit_runs(machine):
    there = machine.exec("cat", "/sys/fs/cgroup/cgroup.controllers").stdout.split()
    told = machine.exec("pyinit", "check", "limited.service", check=False).stdout
    for directive, controller, file in (("MemoryMax", "memory", "memory.max"), ("TasksMax", "pids", "pids.max")):
        is_told = f'{directive}=' in told and f'the cgroup controller "{controller}" is not there' in told
        is_written = machine.exec("test", "-e", f"{_directory(machine, 'limited.service')}/{file}", check=False).returncode == 0
        assert (is_told, is_written) == (controller not in there, controller in there), told
    assert machine.systemctl("is-active", "limited.service") == "active\n"


TRAPPED = """\
[Service]
ExecStart=/bin/sh -c 'trap "echo heard >> /run/{0}.heard; exit 0" TERM; while :; do sleep 0.1; done'
ExecReload=/bin/true
TimeoutStopSec=60
"""


@pytest.fixture
def frozen(machine, request):
    """A unit that is frozen, and hears SIGTERM."""
    name = f"frozen-{request.node.name.removeprefix('test_').replace('_', '-')[:40]}"
    machine.write(f"/etc/systemd/system/{name}.service", TRAPPED.format(name))
    machine.systemctl("daemon-reload")
    machine.systemctl("start", name)
    machine.systemctl("freeze", name)
    machine.wait_until("it is frozen", lambda: machine.show(name, "FreezerState") == "frozen")
    yield name
    machine.systemctl("thaw", name, check=False)
    machine.systemctl("stop", name)


def _has_heard(machine, name: str) -> bool:
    return machine.exec("test", "-e", f"/run/{name}.heard", check=False).returncode == 0


def test_a_frozen_unit_is_thawed_to_stop_as_it_likes(machine, frozen):
    machine.systemctl("stop", frozen)
    assert _has_heard(machine, frozen)
    assert (machine.show(frozen, "ActiveState"), machine.show(frozen, "Result")) == ("inactive", "success")


def test_a_frozen_unit_is_thawed_by_a_restart_and_by_a_reload(machine, frozen):
    machine.systemctl("reload", frozen)
    assert machine.show(frozen, "FreezerState") == "running"
    machine.systemctl("freeze", frozen)
    machine.systemctl("restart", frozen)
    assert _has_heard(machine, frozen)
    assert (machine.show(frozen, "ActiveState"), machine.show(frozen, "FreezerState")) == ("active", "running")


def test_a_signal_waits_for_the_thaw(machine, frozen):
    machine.systemctl("kill", frozen)
    assert not _has_heard(machine, frozen) and machine.show(frozen, "ActiveState") == "active"
    machine.systemctl("thaw", frozen)
    machine.wait_for_state(frozen, "inactive")
    assert _has_heard(machine, frozen)
