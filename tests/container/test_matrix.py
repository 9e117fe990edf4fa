"""A few packages of the matrix, unchanged, together in one container: up, answering, and so after a restart."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from harness import Container
from images import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "matrix"))

import matrix

#: One of each kind: a web server, a cache, a key-value store, DNS, mail, a broker, files, and time.
PACKAGES = ("nginx", "memcached", "redis-server", "dnsmasq", "exim4-daemon-light", "mosquitto", "vsftpd", "cron")


@pytest.fixture(scope="module")
def together():
    container = Container(Image(PACKAGES), options=matrix.OPTIONS)
    try:
        container.start().wait_until_booted(timeout=120)
        yield container
    finally:
        container.remove()


def services(container: Container) -> list[str]:
    return [unit for unit in matrix.own_units(container, "pyinit")
            if unit.endswith(".service") and container.show(unit, "SubState") == "running"]


def test_all_of_it_is_up(together):
    assert together.systemctl("is-system-running") == "running\n" and together.systemctl("--failed", "--no-legend") == ""
    assert len(services(together)) >= len(PACKAGES)


@pytest.mark.parametrize("package", PACKAGES)
def test_it_answers(together, package):
    said, problem = matrix.answer(together, package)
    assert said and not problem


def test_it_answers_after_a_restart(together):
    before = {unit: together.show(unit, "InvocationID") for unit in services(together)}
    together.systemctl("restart", *before, timeout=120)
    assert services(together) == sorted(before)
    assert [unit for unit, told in before.items() if together.show(unit, "InvocationID") == told] == []
    assert [package for package in PACKAGES if matrix.answer(together, package)[1]] == []


def test_it_stops_in_order_and_at_once(together):
    together.stop(timeout=20)
    assert together.wait() == 0 and "SIGKILL" not in together.logs()
