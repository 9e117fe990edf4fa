"""`pyinit health` in a container, and as podman's HEALTHCHECK."""

from __future__ import annotations

import subprocess

import pytest
from harness import Container, Image

pytestmark = pytest.mark.container

IMAGE = Image()
HUNG = ("[Service]\nType=notify\nNotifyAccess=all\nWatchdogSec=1\nTimeoutAbortSec=1\n"
        "ExecStart=/bin/sh -c 'systemd-notify --ready; exec sleep 1000'\n")


@pytest.fixture(scope="module")
def box():
    container = Container(IMAGE, "/sbin/pyinit", options=("--health-cmd=/sbin/pyinit health", "--health-interval=disable"))
    container.put("/etc/systemd/system/hung.service", HUNG)
    container.put("/etc/systemd/system/web.service", "[Service]\nExecStart=/bin/sleep 1000\n")
    try:
        container.start().wait_until_booted()
        yield container
    finally:
        container.remove()


def health(box, *words: str) -> tuple[int, str]:
    answer = box.exec("/sbin/pyinit", "health", *words, check=False)
    return answer.returncode, answer.stdout.strip()


def healthcheck(box) -> int:
    return subprocess.run([*box.podman, "healthcheck", "run", box.id], capture_output=True).returncode


def test_ready_then_not_and_alive_then_not(box):
    assert health(box) == (0, "running")
    assert healthcheck(box) == 0
    assert health(box, "web") == (1, "not ready: web.service is inactive")
    box.systemctl("start", "web")
    assert health(box, "web") == (0, "ready: web.service")
    assert health(box, "--live")[0] == 0
    box.systemctl("start", "hung")
    box.wait_for_state("hung.service", "failed")
    assert health(box) == (1, "degraded: hung.service failed (watchdog)")
    assert health(box, "--live") == (1, "watchdog ran out: hung.service")
    assert health(box, "--live", "web") == (0, "alive")
    assert healthcheck(box) == 1


def test_a_manager_that_hangs_is_not_alive(box):
    box.signal("STOP")
    try:
        assert health(box, "--live") == (1, "the manager does not answer: timed out")
    finally:
        box.signal("CONT")
    assert health(box, "--live", "web") == (0, "alive")
