"""Automount units in a container with /dev/autofs, and in one without: as recorded of systemd (conformance/automounts)."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.conformance.automounts import cases  # noqa: E402
from tests.conformance.automounts.record import ANSWERS, pyinit_container, refused  # noqa: E402
from tests.conformance.services.record import differences, play, play_again  # noqa: E402

RECORDED = json.loads(ANSWERS.read_text())
needs_autofs = pytest.mark.skipif(not Path("/dev/autofs").exists(), reason="this kernel has no /dev/autofs")


@pytest.fixture(scope="module")
def container():
    made = pyinit_container()
    try:
        made.start().wait_until_booted()
        yield made
    finally:
        print(made.logs()[-20000:])
        made.remove()


@pytest.fixture(scope="module")
def traces(container):
    found = play(container, cases.every())
    play_again(container, cases.every(), RECORDED["cases"], found)
    return found


def test_every_case_is_recorded():
    assert sorted(RECORDED["cases"]) == sorted(case.name for case in cases.every())


@needs_autofs
@pytest.mark.parametrize("name", [case.name for case in cases.every()])
def test_trace_is_as_recorded(traces, name):
    assert "\n".join(differences(name, RECORDED["cases"][name], traces[name])) == ""


@needs_autofs
def test_automount_points_go_on_with_another_manager(container):
    for kind, text in (("mount", "[Mount]\nWhat=/srv/of-kept\nType=none\nOptions=bind\n"), ("automount", "[Automount]\n")):
        container.write(f"/etc/systemd/system/srv-kept.{kind}", f"{text}Where=/srv/kept\n")
    container.exec("sh", "-c", "mkdir -p /srv/of-kept; touch /srv/of-kept/file; systemctl daemon-reload")
    container.systemctl("start", "srv-kept.automount")
    container.systemctl("daemon-reexec")
    # whose file systems are gone through one by one
    container.exec("systemd-run", "--wait", "--quiet", "-p", "ProtectSystem=strict", "-p", "ProtectHome=yes", "true")
    assert container.show("srv-kept.mount", "ActiveState") == "inactive"
    assert container.exec("timeout", "10", "ls", "/srv/kept").stdout == "file\n"
    assert container.systemctl("is-active", "srv-kept.automount", "srv-kept.mount").split() == ["active"] * 2
    said = container.systemctl("check", "srv-kept.automount", check=False)
    assert "srv-kept" not in said or "ignored" not in said
    line = container.systemctl("list-automounts", "--no-legend", "srv-kept.automount").split()
    assert line[1:] == ["/srv/kept", "yes", "0", "srv-kept.automount"]
    container.systemctl("stop", "srv-kept.automount")
    assert " /srv/kept " not in container.exec("cat", "/proc/self/mountinfo").stdout


def test_without_the_device_it_is_refused_as_by_systemd():
    plain = pyinit_container(())
    try:
        assert refused(plain) == RECORDED["refused"]
    finally:
        plain.remove()
