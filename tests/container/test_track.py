"""Every process belongs to its unit: by tag where cgroups are read-only, by cgroup where they can be written."""

from __future__ import annotations

import pytest
from harness import IN_CGROUP2, SERVICES

#: Forks twice, changes session, drops to another user, and loses its parents on the way.
DAEMON = """\
import os, sys, time
if os.fork(): time.sleep(0.2); os._exit(0)
os.setsid()
if os.fork(): os._exit(0)
os.setgroups([]); os.setgid(65534); os.setuid(65534)
os.closerange(0, 3)
os.setsid() if os.getpid() != os.getsid(0) else None
time.sleep(100000)
"""
UNIT = """\
[Service]
Type=forking
ExecStart=/usr/bin/python3 -IS /usr/local/lib/escaper.py
"""


def _add_daemon(container):
    container.put("/usr/local/lib/escaper.py", DAEMON)
    container.put("/etc/systemd/system/escaper.service", UNIT)


@pytest.fixture(params=["read-only cgroups", "writable cgroups", "writable cgroups, default capabilities"])
def machine(request, boot):
    options, prefix = (), None
    if request.param != "read-only cgroups":
        prefix = IN_CGROUP2
        how = "--systemd=always" if request.param == "writable cgroups" else "--security-opt=unmask=/sys/fs/cgroup"
        options = ("--pids-limit=0", how)
    container = boot(SERVICES, before=_add_daemon, options=options, prefix=prefix)
    container.wait_until_booted()
    return container


def _daemons(machine):
    return [each for each in machine.processes() if each["Uid"] == "65534"]


def test_a_daemon_that_escapes_its_parents_and_user_is_counted_and_killed(machine):
    machine.systemctl("start", "escaper.service")
    machine.wait_until("the daemon runs", lambda: _daemons(machine))
    (daemon,) = _daemons(machine)
    assert machine.main_pid("escaper.service") == int(daemon["Pid"])
    assert f"{daemon['Pid']} /usr/bin/python3" in machine.systemctl("status", "escaper.service")
    machine.systemctl("stop", "escaper.service")
    assert _daemons(machine) == []
    assert machine.show("escaper.service", "ActiveState") == "inactive"


def test_what_a_service_leaves_behind_is_killed_with_it(machine):
    machine.write("/run/systemd/system/litter.service",
                  "[Service]\nExecStart=/bin/sh -c 'setsid setsid sleep 4321 & setsid sleep 4322 & sleep 4323'\n")
    machine.systemctl("daemon-reload")
    machine.systemctl("start", "litter.service")

    def sleepers():
        return [each for each in machine.processes() if each["Name"] == "sleep"]

    machine.wait_until("all run", lambda: len(sleepers()) == 3)
    machine.systemctl("stop", "litter.service")
    assert sleepers() == []


def test_every_process_is_in_its_units_cgroup(booted_with_cgroups):
    machine = booted_with_cgroups
    listing = machine.exec("sh", "-c", "cd /proc; for p in [0-9]*; do "
                           "echo $(tr -d '\\0' < $p/comm) $(sed -n 's/^0:://p' $p/cgroup); done 2>/dev/null").stdout
    places = [line.split() for line in listing.splitlines()]
    for name, unit in (("nginx", "nginx.service"), ("sshd", "ssh.service"), ("cron", "cron.service")):
        found = [words[1] for words in places if words[0] == name]
        assert found and all(place.endswith(f"/system.slice/{unit}") for place in found), listing


def test_a_stopped_units_cgroup_is_gone(booted_with_cgroups):
    machine = booted_with_cgroups
    path = "/sys/fs/cgroup" + machine.show("cron.service", "ControlGroup")
    machine.exec("test", "-d", path)
    machine.systemctl("stop", "cron.service")
    machine.exec("test", "!", "-e", path)
    machine.systemctl("start", "cron.service")
    machine.exec("test", "-d", path)


def test_boot_with_cgroups_is_whole(booted_with_cgroups):
    assert booted_with_cgroups.wait_until_booted() == "running"
    assert "Welcome to nginx!" in booted_with_cgroups.wait_until("nginx answers", booted_with_cgroups.fetch)
