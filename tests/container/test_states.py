"""The states of the whole: isolated targets, rescue and emergency, and a start over in the same container."""

from __future__ import annotations

from images import Image

UNITS = {
    "usual.service": "[Service]\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target\n",
    "alone.service": "[Service]\nExecStart=/bin/sleep infinity\n",
    "alone.target": "[Unit]\nAllowIsolate=yes\nWants=alone.service\n",
    "false.service": "[Service]\nType=oneshot\nExecStart=/bin/false\n",
    "slow.service": "[Unit]\nDefaultDependencies=no\n"
                    "[Service]\nType=oneshot\nRemainAfterExit=yes\n"
                    "ExecStart=/bin/sh -c 'until test -e /tmp/go; do sleep .1; done'\n",
}


def put_units(container) -> None:
    for name, text in UNITS.items():
        container.put(f"/etc/systemd/system/{name}", text)


def state(container, *options: str) -> tuple[int, str]:
    done = container.exec("systemctl", "is-system-running", *options, check=False)
    return done.returncode, done.stdout.strip()


def begun(container) -> str:
    """When the manager has begun; "" while there is none to ask."""
    return container.systemctl("show", "--property=UserspaceTimestampMonotonic", "--value", check=False).strip()


def start_over(container, do) -> None:
    before = begun(container)
    do()
    container.wait_until("another manager has begun", lambda: begun(container) not in ("", before))
    container.wait_until_booted()


def test_states_of_the_system_one_after_the_other(boot):
    container = boot(Image(("dbus",)), before=put_units)
    container.wait_until_booted()
    container.systemctl("enable", "--now", "usual.service")
    assert state(container) == state(container, "--wait") == (0, "running")

    done = container.exec("systemctl", "isolate", "usual.service", check=False)
    assert (done.returncode, done.stderr.splitlines()[0]) == (
        4, "Failed to start usual.service: Operation refused, unit may not be isolated.")
    container.systemctl("isolate", "alone.target")
    container.wait_for_state("alone.service", "active")
    container.wait_for_state("usual.service", "inactive")
    container.systemctl("default")
    container.wait_for_state("usual.service", "active")
    container.wait_for_state("alone.service", "inactive")

    for verb in ("rescue", "emergency"):
        container.systemctl(verb)
        container.wait_for_state(f"{verb}.target", "active")
        container.wait_for_state("usual.service", "inactive")
        assert state(container) == (1, "maintenance")
        assert container.systemctl("is-active", "sysinit.target", check=False) == (
            "active\n" if verb == "rescue" else "inactive\n")
        container.systemctl("default")
        container.wait_for_state("usual.service", "active")
        container.wait_until_booted()

    container.systemctl("start", "false.service", check=False)
    assert state(container) == state(container, "--wait") == (1, "degraded")
    container.systemctl("reset-failed")
    assert state(container) == (0, "running")


def test_waiting_for_the_end_of_the_boot(boot):
    container = boot(Image(("dbus",)), before=lambda machine: (put_units(machine), machine.put(
        "/etc/systemd/system/getty.target", "[Unit]\nWants=slow.service\n")))  # one that every boot wants
    container.wait_until("it has begun", lambda: state(container)[1] == "starting")
    script = "systemctl is-system-running --wait > /tmp/said & echo go > /tmp/go; wait; cat /tmp/said"
    waits = container.exec("sh", "-c", script)
    assert waits.stdout == "running\n"


def test_soft_reboot_starts_everything_over_in_the_same_container(boot):
    """systemctl(1) of systemd 254."""
    container = boot(Image(("dbus",)), before=put_units)
    container.wait_until_booted()
    container.systemctl("enable", "--now", "usual.service")
    container.systemctl("start", "alone.service")
    container.systemctl("set-environment", "A=b")
    container.write("/run/left", "x")
    pid, first = container.pid, container.main_pid("usual.service")
    start_over(container, lambda: container.exec("systemctl", "soft-reboot", check=False))  # which it may end before its answer
    assert container.is_running() and container.pid == pid and container.main_pid("usual.service") != first
    assert container.systemctl("is-active", "alone.service", check=False) == "inactive\n"
    assert "A=b" not in container.systemctl("show-environment")
    assert len([each for each in container.processes() if each["Name"] == "sleep"]) == 1
    assert "Reached target soft-reboot" not in container.exec("journalctl", "--no-pager", "--boot").stdout[-1000:]

    start_over(container, lambda: container.exec("systemctl", "soft-reboot", "--force", check=False))
    start_over(container, lambda: container.signal("RTMIN+7"))
    assert state(container) == (0, "running")
    container.stop()
    assert container.wait() == 0
