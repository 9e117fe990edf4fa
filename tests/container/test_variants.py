"""Containers that allow less, or are started in another way: pyinit comes up in them, and stops in time."""

from __future__ import annotations

import pytest
from harness import PLAIN, SERVICES

VARIANTS = {
    "read-only root": ("--read-only", "--tmpfs=/run", "--tmpfs=/tmp", "--tmpfs=/var/log", "--tmpfs=/var/lib/nginx"),
    "no new privileges": ("--security-opt=no-new-privileges",),
    "a terminal": ("--tty",),
    "not PID 1": ("--init", "--init-path=/usr/bin/catatonit"),
    "podman's systemd mode": ("--systemd=always",),
    "privileged": ("--privileged",),
}


@pytest.mark.parametrize("options", VARIANTS.values(), ids=VARIANTS)
def test_nginx_answers_and_the_container_stops_with_0(boot, options):
    container = boot(SERVICES, options=options)
    container.wait_until_booted()
    assert "Welcome to nginx!" in container.wait_until("nginx answers", container.fetch)
    assert container.systemctl("is-active", "nginx.service") == "active\n"
    assert container.stop() < 2.5
    assert container.wait() == 0


def test_without_any_capability_or_root(boot):
    """Nothing that needs root can start; the manager itself works, and runs what this user may run."""
    unit = "[Service]\nExecStart=/bin/sh -c 'echo I am $$(id -u); exec sleep 9999'\n"

    def add(container):
        container.put("/etc/systemd/system/mine.service", unit)

    container = boot(SERVICES, "/sbin/pyinit", "--unit=mine.service", before=add,
                     options=("--user=1000", "--cap-drop=all", "--tmpfs=/run:U"))
    container.wait_until("the service runs", lambda: "I am 1000" in container.logs())
    assert container.stop() < 2.5
    assert container.wait() == 0


#: As nobody in particular, and as the strictest of clusters start a container; what keeps users of sysusers.d from being made.
NOT_ROOT = {
    "another user": ("--user=1000", "--tmpfs=/run:U"),
    "and a read-only root": ("--user=1000", "--cap-drop=all", "--security-opt=no-new-privileges", "--read-only",
                             "--tmpfs=/run:U", "--tmpfs=/tmp"),
}


@pytest.mark.parametrize("options", NOT_ROOT.values(), ids=NOT_ROOT)
def test_who_is_not_root_boots_to_running_and_is_told_what_was_not_done(boot, options):
    container = boot(PLAIN, options=options)
    assert container.wait_until_booted() == "running"
    assert container.exec("/sbin/pyinit", "health").stdout == "running\n"
    status = container.systemctl("status", "systemd-sysusers", check=False)
    assert "was skipped because of an unmet condition check (ConditionUser=root)" in status
    assert "systemd-tmpfiles-setup.service: Main process exited, code=exited, status=73/CANTCREAT" in container.logs()
    container.stop()
    assert container.wait() == 0


def test_where_nothing_below_run_can_be_written_output_is_on_the_containers_stdout(boot):
    """No journal, no socket for systemctl: what is missing is said once, and no line is lost."""
    def add(container):
        container.put("/etc/systemd/system/mine.service", "[Service]\nExecStart=/bin/sh -c 'echo I speak; exec sleep 9999'\n")

    container = boot(SERVICES, "/sbin/pyinit", "--unit=mine.service", before=add,
                     options=("--user=1000", "--cap-drop=all"))
    container.wait_until("the service's line is there", lambda: "\nI speak\n" in container.logs())
    assert container.logs().count("no journal, services write to the manager's own output") == 1
    assert container.stop() < 2.5
    assert container.wait() == 0
