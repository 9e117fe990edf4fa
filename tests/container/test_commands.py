"""The small commands of the package where they are used: in services' scripts."""

from __future__ import annotations

import re

import pytest
from harness import Container
from images import Image

UNITS = {
    "told.service": "[Service]\nType=notify\nNotifyAccess=all\n"
                    "ExecStart=/bin/sh -c 'systemd-notify --ready --status=\"all is well\" && exec sleep infinity'\n",
    "handed.service": "[Service]\nType=notify\nNotifyAccess=all\n"
                      "ExecStart=/bin/sh -c 'sleep infinity & systemd-notify --pid=$! --ready; wait'\n",
    "inside.service": "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/usr/bin/systemd-detect-virt -qc\n",
}  # fmt: skip


@pytest.fixture(scope="module")
def box():
    container = Container(Image(("procps",)))
    try:
        for name, text in UNITS.items():
            container.put(f"/etc/systemd/system/{name}", text)
        container.start().wait_until_booted()
        yield container
    finally:
        print(container.logs()[-5000:])
        container.remove()


def test_a_script_says_that_it_is_ready(box):
    box.systemctl("start", "told")
    assert box.show("told", "StatusText") == "all is well"
    assert box.show("told", "SubState") == "running"


def test_a_script_names_the_main_process(box):
    box.systemctl("start", "handed")
    main = box.main_pid("handed")
    assert box.exec("cat", f"/proc/{main}/comm").stdout == "sleep\n"


def test_a_service_knows_that_it_is_in_a_container(box):
    box.systemctl("start", "inside")
    assert box.show("inside", "ActiveState") == "active"
    assert box.exec("systemd-detect-virt").stdout == "podman\n"


def test_the_journal_takes_what_a_command_writes(box):
    box.exec("sh", "-c", "echo from a pipe | systemd-cat -t piped -p err")
    done = box.exec("systemd-cat", "-t", "ran", "sh", "-c", "echo its output; echo its errors >&2; exit 7", check=False)
    assert done.returncode == 7
    expected = {("piped", "from a pipe"), ("ran", "its output"), ("ran", "its errors")}
    box.wait_until("three lines", lambda: expected <= set(re.findall(r"(?m)^(\w+)\[\d+\]: (.*)$", box.logs())))


def test_the_processes_are_shown_by_unit(box):
    box.systemctl("start", "told")
    main = box.main_pid("told")
    assert box.exec("systemd-cgls", "-u", "told").stdout == (
        f"Unit told.service (/system.slice/told.service):\n└─{main} sleep infinity\n")
    whole = box.exec("systemd-cgls", "/system.slice").stdout
    assert "─told.service\n" in whole and f"─{main} sleep infinity\n" in whole


def test_configuration_and_paths_are_told(box):
    box.write("/etc/systemd/system/told.service.d/more.conf", "[Service]\n")
    assert "[EXTENDED]   /etc/systemd/system/told.service → /etc/systemd/system/told.service.d/more.conf\n" in \
        box.exec("systemd-delta", "-t", "extended").stdout
    assert box.exec("systemd-path", "systemd-system-conf", "user-shared").stdout == "/etc/systemd/system\n/root/.local/share\n"


def test_the_shell_finds_the_completion(box):
    done = box.exec("bash", "-c", "source /usr/share/bash-completion/completions/systemctl && "
                    "COMP_WORDS=(systemctl stop tol) COMP_CWORD=2 && _systemctl && echo ${COMPREPLY[@]}")
    assert done.stdout == "told.service\n"
