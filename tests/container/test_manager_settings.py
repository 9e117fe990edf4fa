"""What system.conf says of all units, they find as under real systemd (tests/conformance/manager)."""

from __future__ import annotations

import pytest
from harness import Container
from images import Image

from tests.conformance.manager.look import CONTAINERS, UNITS, look, prepare, read_answers


@pytest.fixture(scope="module")
def ours(request):
    where = request.param
    container = Container(Image(), "/sbin/init", options=CONTAINERS[where])
    try:
        yield where, look(prepare(container).start()), container.logs()
    finally:
        container.remove()


@pytest.mark.parametrize("ours", CONTAINERS, indirect=True)
@pytest.mark.parametrize("name", UNITS)
def test_a_unit_finds_what_the_manager_is_told(ours, name):
    where, found, _ = ours
    assert found[name] == read_answers()[where][name]


@pytest.mark.parametrize("ours", CONTAINERS, indirect=True)
def test_what_cannot_be_had_is_said(ours):
    """Under systemd nobody says it."""
    where, _, logs = ours
    assert ("SystemCallArchitectures= has no effect: it needs CAP_SYS_ADMIN" in logs) == (where == "default")


def test_the_managers_log_is_as_its_file_says_until_a_client_says_otherwise():
    container = Container(Image())
    path, text = "/etc/systemd/system.conf", "[Manager]\nLogLevel={}\nShowStatus=yes\n"
    try:
        container.put(path, text.format("notice")).start().wait_until_booted()
        assert container.systemctl("log-level") == "notice\n"
        assert container.systemctl("show", "-p", "ShowStatus", "--value") == "yes\n"
        assert "Reached target" not in container.logs()
        container.systemctl("log-level", "debug")
        container.systemctl("daemon-reload")
        assert container.systemctl("log-level") == "debug\n"
        container.write(path, text.format("err"))
        container.systemctl("daemon-reload")
        assert container.systemctl("log-level") == "err\n"
    finally:
        container.remove()
