from __future__ import annotations

import pytest

from initd.core.dump import dump
from tests.api_manager import FakeManager

MANAGER = ("/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager")


@pytest.fixture
def manager(tmp_path):
    made = FakeManager(tmp_path)
    made.write("web.service", "[Unit]\nDescription=A web server\nWants=none.service\nFoo=1\n[Service]\nExecStart=/bin/web -x\n"
                              "SetCredential=key:hush\nTimeoutStopSec=5s\n")
    made.write("slow.service", "[Service]\nType=oneshot\nExecStart=/bin/slow\n")
    for name in ("web.service", "slow.service"):
        made.call(*MANAGER, "StartUnit", "ss", name, "replace")
    return made


def unit(manager, name):
    text = dump(manager.view, (name,))
    assert text.startswith(f"-> Unit {name}:\n") and text.count("-> Unit ") == 1
    return text.splitlines()


def test_the_manager_comes_first_and_every_unit_once(manager):
    text = dump(manager.view)
    assert text.startswith("Manager: systemd 252 (pyinit test)\nState: ")
    names = [line[8:-1] for line in text.splitlines() if line.startswith("-> Unit ")]
    assert names == sorted({each.name for each in manager.engine.units.values()})


def test_a_unit_is_told_with_states_dependencies_settings_and_record(manager):
    lines = unit(manager, "web.service")
    for line in (
        "\tDescription: A web server", "\tUnit Active State: active", "\tUnit Sub State: running",
        "\tWants: none.service (origin: file)", "\tspecific.timeout_stop_usec: 5s", "\tmachine.state: running",
        "\tFragment Path: /etc/systemd/system/web.service", "\tmachine.watchdog_deadline_usec: infinity",
    ):
        assert line in lines
    assert any(line.startswith("\tDiagnostic: ") and "Unknown key 'Foo'" in line for line in lines)


def test_what_is_not_there_says_why(manager):
    manager.load("none.service")
    assert "\tLoad Error: Unit none.service not found." in unit(manager, "none.service")


def test_a_job_stands_with_its_unit_and_in_the_list(manager):
    assert "\t\tAction: slow.service -> start" in unit(manager, "slow.service")
    assert "\n-> Job " in dump(manager.view)


def test_secrets_are_kept(manager):
    assert "hush" not in dump(manager.view)


def test_clients_get_the_same_text(manager):
    assert manager.call(*MANAGER, "Dump").values == (dump(manager.view),)
    assert manager.call(*MANAGER, "DumpUnitsMatchingPatterns", "as", ["s*w.service"]).values == (
        dump(manager.view, ("slow.service",)),
    )
