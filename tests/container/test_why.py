"""`systemctl why` in a container: who has asked, what led there, and where it is written; also for another manager."""

from __future__ import annotations

import re

import pytest
from harness import SERVICES, Container

OWN = "/usr/local/lib/systemd/system"
BAD = """[Unit]
Requires=missing-tool.service
After=missing-tool.service
[Service]
ExecStart=/bin/sleep 1000
[Install]
WantedBy=multi-user.target
"""
TOOL = "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'exit 5'\n"
FLAPPING = "[Service]\nExecStart=/bin/sh -c 'sleep 0.2; exit 4'\nRestart=always\nRestartSec=600\n"
SKIPPED = "[Unit]\nConditionPathExists=/nowhere\n[Service]\nExecStart=/bin/sleep 1000\n"


@pytest.fixture(scope="module")
def box(tmp_path_factory):
    directory = tmp_path_factory.mktemp("units")
    for name, text in {"bad": BAD, "missing-tool": TOOL, "flapping": FLAPPING, "skipped": SKIPPED}.items():
        (directory / f"{name}.service").write_text(text)
    container = Container(SERVICES, options=(f"--volume={directory}:{OWN}:ro",))
    try:
        container.start().wait_until_booted()
        yield container
    finally:
        container.remove()


def why(box: Container, unit: str) -> list[str]:
    """Lines with one blank where columns have more, and without times and pids."""
    text = box.systemctl("why", unit)
    text = re.sub(r"\w{3} \d{4}-\d\d-\d\d \d\d:\d\d:\d\d \w+", "", text)
    return [re.sub(r" +", " ", line).strip() for line in re.sub(r" \[\d+\]", "", text).splitlines()]


def link(unit: str) -> str:
    return f"/etc/systemd/system/multi-user.target.wants/{unit}"


def test_a_boot(box):
    said = why(box, "nginx")
    assert said[:3] == ["nginx.service is running (running)", "it was started",
                        f"multi-user.target has brought it along: Wants=nginx.service {link('nginx.service')}"]
    assert re.fullmatch(r"graphical.target has brought multi-user.target along: Requires=multi-user.target /\S+:\d+", said[3])
    assert said[-1] == "graphical.target is what the boot starts" or said[-1].endswith("is what the boot starts")


def test_a_stop_and_a_restart_by_hand(box):
    box.systemctl("stop", "cron")
    said = why(box, "cron.service")
    assert said[:3] == ["cron.service is not running (dead)", "it was stopped",
                        "cron.service was stopped: asked for by systemctl stop cron"]
    box.systemctl("restart", "ssh")
    assert "ssh.service was restarted: asked for by systemctl restart ssh" in why(box, "ssh")
    box.systemctl("start", "cron")


def test_what_it_needs_has_failed(box):
    box.exec("systemctl", "start", "bad", check=False)
    said = why(box, "bad")
    assert said[1] == f"it has Requires=missing-tool.service, which could not be had {OWN}/bad.service:2"
    assert said[2] == "missing-tool.service is failed (failed)"
    assert said[3] == f"its main process exited with status 5 (NOTINSTALLED) {OWN}/missing-tool.service:3"


def test_a_condition(box):
    box.systemctl("start", "skipped")
    assert why(box, "skipped")[1] == f"ConditionPathExists=/nowhere is not met {OWN}/skipped.service:2"


def test_a_restart_to_come_is_known_after_a_reload_and_to_another_manager(box):
    box.systemctl("start", "flapping")
    box.wait_until("it waits", lambda: box.show("flapping", "SubState") == "auto-restart")

    def chain() -> list[str]:
        said = why(box, "flapping")
        assert re.match(r"it is started again in \w+ \w+, for the 1st time: Restart=always covers result exit-code "
                        rf"{OWN}/flapping.service:3", said[1]), said
        return said[2:]
    told = chain()
    assert told[0] == f"its main process exited with status 4 (NOPERMISSION) {OWN}/flapping.service:2"
    assert told[-1] == "flapping.service was started: asked for by systemctl start flapping"
    box.systemctl("daemon-reload")
    assert chain() == told
    box.systemctl("daemon-reexec")
    assert chain() == told
    assert why(box, "nginx")[-1].endswith("is what the boot starts")


def test_pyinit_why_says_the_same_and_names_without_a_unit_are_told(box):
    assert box.exec("/sbin/pyinit", "why", "nginx").stdout == box.systemctl("why", "nginx")
    assert why(box, "nothing")[1] == "there is no file of that name"
    assert '"source"' in box.exec("/sbin/pyinit", "why", "--json", "nginx").stdout
