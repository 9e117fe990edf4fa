"""How a container ends: in order, in time, and with the right exit code."""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import time
from pathlib import Path

import pytest
from harness import SERVICES, PrivateRoot, wait_until
from images import CACHE, build_rootfs, unpack

#: Many enough to hit every phase of a boot, few enough for every run; another seed is another set of instants.
SEED = int(os.environ.get("PYINIT_TEST_SEED", "252"))
INSTANTS = 12


def test_podman_stop_is_quick_and_exits_0(boot):
    container = boot()
    container.wait_until_booted()
    assert container.stop() < 1.5  # podman's own part is 0.4 s of this
    assert container.wait() == 0
    assert re.search(r"(?m)Stopped nginx\.service\b", container.logs())


def test_podman_knows_sbin_init_and_stops_it_its_own_way(boot):
    container = boot(SERVICES, "/sbin/init")
    assert container.wait_until_booted() == "running"
    assert container.stop() < 1.5
    assert container.wait() == 0


def test_systemctl_exit_sets_the_containers_exit_code(boot):
    container = boot()
    container.wait_until_booted()
    container.systemctl("exit", "3", check=False)
    assert container.wait(20) == 3


def test_systemctl_poweroff_exits_0(boot):
    container = boot()
    container.wait_until_booted()
    container.systemctl("poweroff", check=False)
    assert container.wait(20) == 0


@pytest.mark.parametrize("script, code", [("exit 7", 7), ("exit 0", 0), ("kill -KILL $$", 137)])
def test_exit_code_of_a_foreground_command(boot, script, code):
    assert boot(SERVICES, "/sbin/pyinit", "--", "sh", "-c", script).wait(30) == code


def test_foreground_command_runs_after_the_boot_and_sees_its_services(boot):
    container = boot(SERVICES, "/sbin/pyinit", "--", "sh", "-c", "systemctl is-active nginx ssh; echo done; exit 5")
    assert container.wait(30) == 5
    assert container.logs().count("active\n") >= 2


def test_foreground_command_gets_the_signal_and_its_code_counts(boot):
    script = "trap 'exit 9' TERM; echo ready; while :; do sleep 0.1; done"
    container = boot(SERVICES, "/sbin/pyinit", "--", "sh", "-c", script)
    container.wait_until("the command runs", lambda: "ready" in container.logs())
    container.signal("TERM")
    assert container.wait(20) == 9


def test_stop_ends_a_service_that_ignores_sigterm_within_the_budget(boot):
    unit = ("[Service]\nExecStart=/bin/sh -c 'trap \"\" TERM; echo deaf; while :; do sleep 1; done'\n"
            "[Install]\nWantedBy=multi-user.target\n")

    def add(container):
        container.put("/etc/systemd/system/deaf.service", unit)

    container = boot(before=add)
    container.wait_until_booted()
    container.systemctl("start", "deaf.service")
    container.wait_until("it runs", lambda: "deaf" in container.logs())
    assert container.stop(timeout=10) < 10.5
    assert container.wait() == 0  # 137 would be podman's SIGKILL


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """One root directory for many boots, each finding what the one before has left."""
    directory = CACHE / f"root-{os.getpid()}"
    yield unpack(build_rootfs(SERVICES), directory)
    shutil.rmtree(directory, ignore_errors=True)


def _is_pyinit(machine: PrivateRoot) -> bool:
    """The init's program has begun, and blocks signals: from here on none may be lost."""
    try:
        status = Path(f"/proc/{machine.pid}/status").read_text()
        command = Path(f"/proc/{machine.pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    blocked = int(re.search(r"SigBlk:\s*([0-9a-f]+)", status)[1], 16)
    return bool(command[0].endswith((b"pyinit", b"python3")) and blocked & 1 << signal.SIGTERM - 1)


@pytest.mark.parametrize("instant", range(INSTANTS))
def test_sigterm_at_any_instant_of_the_boot_exits_0(root, instant):
    machine = PrivateRoot(SERVICES, root=root)
    try:
        machine.start()
        wait_until("pyinit begins", lambda: _is_pyinit(machine), 10, machine.story)
        if instant:  # the first of them: at once
            time.sleep(random.Random(SEED * 1000 + instant).uniform(0, 1.2))
        os.kill(machine.pid, signal.SIGTERM)
        assert machine.wait(12) == 0, machine.logs()
    finally:
        machine.remove()
