"""Managers that are no init: a user's, compared with what systemd 252's said, and a group's beside the container's own init."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from harness import Container, Image

from tests.conformance.user.cases import GLOBAL_QUESTIONS, QUESTIONS, RUNTIME, USER, answers, script, setup

pytestmark = pytest.mark.container

RECORDED = json.loads((Path(__file__).parents[1] / "conformance/user/answers.json").read_text())


@pytest.fixture(scope="module")
def container():
    machine = Container(Image(("dbus", "procps", "python3-daemon")))
    try:
        machine.start().wait_until_booted()
        machine.exec("bash", text=setup())
        yield machine
    finally:
        machine.remove()


def _as_user(machine: Container, *lines: str, check: bool = True) -> str:
    text = f"export XDG_RUNTIME_DIR={RUNTIME}; cd /\n" + "\n".join(lines) + "\n"
    return machine.exec("su", USER, "-c", "bash", text=text, check=check).stdout


@pytest.fixture
def user(container):
    """Its manager runs, as a unit of the system's."""
    container.systemctl("start", "user@1000.service")
    yield container
    container.systemctl("stop", "user@1000.service")


def test_a_users_manager_answers_as_systemds(user):
    said = answers(user.exec("su", USER, "-c", "bash", text=script(QUESTIONS)).stdout)
    assert dict(zip(QUESTIONS, said)) == RECORDED["user"]
    # the last of the questions has ended it
    user.wait_for_state("user@1000.service", "failed")
    assert user.show("user@1000.service", "ExecMainStatus") == "3"


def test_the_units_of_all_users_are_enabled_as_systemds(container):
    said = answers(container.exec("bash", text=script(GLOBAL_QUESTIONS)).stdout)
    assert dict(zip(GLOBAL_QUESTIONS, said)) == RECORDED["global"]
