"""Managers that are no init: a user's, compared with what systemd 252's said, and a group's beside the container's own init."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from harness import Container, Image

from tests.conformance.user.cases import (
    GENERATOR_QUESTIONS,
    GLOBAL_QUESTIONS,
    QUESTIONS,
    RUNTIME,
    USER,
    answers,
    script,
    setup,
    setup_generators,
)

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


def test_users_generators_and_session_bus_are_as_systemds(container):
    container.exec("bash", text=setup_generators())
    container.systemctl("restart", "user@1000.service")
    said = answers(container.exec("su", USER, "-c", "bash", text=script(GENERATOR_QUESTIONS)).stdout)
    container.systemctl("stop", "user@1000.service")
    assert dict(zip(map(str, range(len(said))), said)) == RECORDED["generators"]
    told = container.exec("journalctl", "-u", "user@1000", "-o", "cat").stdout
    assert "/usr/lib/systemd/user-generators/fails failed with exit status 3." in told


def test_what_users_units_say_is_in_the_users_own_journal(user):
    said = _as_user(
        user,
        "systemd-run --user --quiet --unit=talks --wait /bin/echo said by a unit",
        "journalctl --user -u talks -o cat --no-pager",
        "systemd-cgls --user-unit basic.target 2>&1 | head -n1",
        check=False,
    )
    assert "said by a unit" in said and "talks.service: Deactivated successfully." in said
    fields = json.loads(_as_user(user, "journalctl --user -u talks -t echo -o json"))
    assert fields["_SYSTEMD_USER_UNIT"] == "talks.service" and fields["_UID"] == "1000"
    assert "said by a unit" in user.exec("journalctl", "-u", "user@1000", "-o", "cat").stdout  # by the manager's stdout


def test_two_managers_do_not_take_each_others_processes(user):
    """What a user's manager has started is none of the system's units', and is gone with it."""
    _as_user(user, "systemd-run --user --quiet --unit=stays sh -c 'setsid sleep 7777 & sleep 7778'")
    _as_user(user, "systemctl --user restart basic.target")
    assert len(user.exec("pgrep", "-f", "^sleep 777").stdout.split()) == 2
    assert "sleep" not in user.systemctl("status", "dbus.service")
    user.systemctl("stop", "user@1000.service")
    assert user.exec("pgrep", "-f", "^sleep 777", check=False).stdout == ""


GROUP_UNITS = {
    "web.service": "[Service]\nExecStart=/bin/sleep 6666\nRuntimeDirectory=web\nUser=www-data\n"
                   "[Install]\nWantedBy=default.target\n",
    "tells.service": "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'systemctl is-active web; pwd; id -u'\n",
    "forks.service": "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/sh -c 'setsid sleep 6667 & exit 0'\n",
}


@pytest.fixture
def group(container):
    """A group's manager in the background, beside the container's own init."""
    for name, text in GROUP_UNITS.items():
        container.write(f"/srv/units/{name}", text)
    before = container.exec("find", "/run", "-newer", "/proc/1").stdout
    container.exec("sh", "-c", "sleep 6665 > /dev/null 2>&1 &")
    container.exec("sh", "-c", "cd /srv && /usr/sbin/pyinit --daemon --runtime-directory=run --unit-directory=units")
    assert container.exec("find", "/run", "-newer", "/proc/1").stdout == before
    yield container
    container.exec("sh", "-c", "systemctl --runtime-directory=/srv/run exit; pkill -x sleep; true")


def _ask_group(machine: Container, *words: str) -> str:
    return machine.exec("env", "PYINIT_RUNTIME_DIRECTORY=/srv/run", *words, check=False).stdout.strip()


def test_a_group_is_managed_beside_the_init(group):
    assert _ask_group(group, "systemctl", "enable", "--now", "web", "forks", "tells") == ""
    assert _ask_group(group, "systemctl", "is-active", "web", "forks").split() == ["active", "active"]
    assert group.systemctl("is-active", "web", check=False).strip() == "inactive"  # the init's own is another
    assert group.exec("readlink", "/srv/units/default.target.wants/web.service").stdout.strip() == "/srv/units/web.service"
    assert group.exec("stat", "-c", "%U", "/srv/run/web").stdout.strip() == "www-data"
    assert [line.split(": ")[-1] for line in _ask_group(
        group, "journalctl", "-u", "tells", "-o", "cat").splitlines()][1:4] == ["active", "/", "0"]
    pid = int(group.exec("cat", "/srv/run/pid").stdout)
    parents = {each["Pid"]: each["PPid"] for each in group.processes()}
    assert parents[str(pid)] == "1"
    main = _ask_group(group, "systemctl", "show", "-p", "MainPID", "--value", "web")
    assert parents[main] == str(pid)
    _ask_group(group, "systemctl", "daemon-reexec")
    assert _ask_group(group, "systemctl", "show", "-p", "MainPID", "--value", "web") == main
    again = group.exec("/usr/sbin/pyinit", "--daemon", "--runtime-directory=/srv/run", check=False)
    assert (again.returncode, again.stderr) == (1, "pyinit: A manager runs in /srv/run already.\n")


def test_a_group_ends_with_its_own_and_nobody_elses(group):
    _ask_group(group, "systemctl", "start", "web", "forks")
    group.exec("sh", "-c", "kill -TERM $(cat /srv/run/pid)")
    group.wait_until("it is gone", lambda: group.exec("test", "-e", "/srv/run/pid", check=False).returncode)
    lines = group.exec("pgrep", "-a", "sleep").stdout
    assert "6665" in lines and "6666" not in lines and "6667" not in lines
    assert group.wait_until_booted() == "running"


def test_the_journal_does_not_outlive_a_manager_that_was_killed(group):
    """What was said to it before is kept, and another manager begins in the same place."""
    group.write("/srv/units/said.service", "[Service]\nExecStart=/bin/sh -c 'echo said before; exec sleep 6664'\n")
    _ask_group(group, "systemctl", "daemon-reload")
    _ask_group(group, "systemctl", "start", "said")
    _ask_group(group, "systemctl", "daemon-reexec")  # is no end of the manager
    journals = "/srv/run group$"
    assert len(group.exec("pgrep", "-f", journals).stdout.split()) == 1
    group.exec("sh", "-c", "kill -KILL $(cat /srv/run/pid)")
    group.wait_until("it is gone", lambda: group.exec("pgrep", "-f", journals, check=False).returncode)
    assert "said before" in group.exec("journalctl", "-D", "/srv/run/log/journal", "-o", "cat").stdout
    group.exec("sh", "-c", "cd /srv && /usr/sbin/pyinit --daemon --runtime-directory=run --unit-directory=units")
    assert _ask_group(group, "systemctl", "is-system-running") == "running"
    assert len(group.exec("pgrep", "-f", journals).stdout.split()) == 1


def test_without_python_daemon_it_says_what_to_install(container):
    where = "/usr/lib/python3/dist-packages/daemon"
    container.exec("mv", where, where + "-away")
    try:
        said = container.exec("/usr/sbin/pyinit", "--daemon", "--runtime-directory=/srv/none", check=False)
    finally:
        container.exec("mv", where + "-away", where)
    assert (said.returncode, said.stderr) == (
        1, 'pyinit: --daemon needs Python\'s module "daemon": install the package python3-daemon.\n')


def test_somebody_without_rights_has_a_group_too(container):
    container.exec("install", "-d", "-o", USER, "/srv/theirs", "/srv/theirs/units")
    said = _as_user(
        container,
        "cd /srv/theirs; printf '[Service]\\nExecStart=/bin/sleep 5555\\nStateDirectory=kept\\n' > units/x.service",
        "/usr/sbin/pyinit --daemon --runtime-directory=/srv/theirs/run --unit-directory=units || exit 1",
        "export PYINIT_RUNTIME_DIRECTORY=/srv/theirs/run",
        "systemctl start x; systemctl is-active x; stat -c %U ~/.config/kept; journalctl -u x -o cat",
        "systemctl exit; while test -e run/pid; do sleep 0.05; done; pgrep -x sleep",
        check=False,
    )
    assert said.splitlines()[:2] == ["active", USER] and said.splitlines()[-1] == "Started x.service."
