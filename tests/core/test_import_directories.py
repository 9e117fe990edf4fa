"""runit's and s6-overlay's directories → units."""

from __future__ import annotations

import pytest

from initd.core.importing import runit, s6
from initd.core.importing.made import BadImport, Imported
from initd.core.importing.tree import File, Tree
from initd.core.load import load_unit
from initd.core.sources import LoadFacts, UnitFiles, UnitText
from initd.core.states import LoadState


def tree(path: str, files: dict[str, str]) -> Tree:
    return Tree(path, {name: File(text, text.startswith("#!")) for name, text in files.items()})


def texts(found: Imported) -> dict[str, str]:
    for unit in found.units:
        definition = load_unit(UnitFiles(unit.name, (unit.name,), UnitText(unit.name, unit.text)), LoadFacts())
        assert (definition.load_state, list(definition.diagnostics)) == (LoadState.LOADED, []), unit.text
    return {unit.name: unit.text for unit in found.units}


def test_a_service_directory_of_runit():
    found = runit.convert(tree("/etc/service", {
        "a/run": "#!/bin/sh\nexec chpst -u x y\n", "a/finish": "#!/bin/sh\n", "a/log/run": "#!x", "a/check": "#!x",
        "a/control/t": "#!x", "b/run": "#!/x", "b/down": "", "c/other": ""}))
    made = texts(found)
    assert list(made) == ["a.service", "b.service"]
    assert [unit.enable for unit in found.units] == [("a.service",), ()]
    assert made["b.service"] == (
        "# Made by pyinit import from /etc/service/b.\n\n[Unit]\nDescription=b\nStartLimitIntervalSec=0\n\n[Service]\n"
        "WorkingDirectory=/etc/service/b\nExecStart=/etc/service/b/run\nRestart=always\nRestartSec=1\nKillMode=mixed\n")
    assert "ExecStopPost=/etc/service/a/finish $EXIT_STATUS\n" in made["a.service"]
    assert [str(remark).partition(": ")[0] for remark in found.remarks] == [
        f"/etc/service/a/{name}" for name in ("finish", "log/run", "check", "control/t", "run")]
    assert "control/t: is not run for stopping" in made["a.service"]


def test_a_script_that_cannot_be_run():
    with pytest.raises(BadImport, match="^/etc/service/a/run: is not executable.$"):
        runit.convert(tree("/etc/service", {"a/run": "true\n"}))


def test_version_3_of_s6_overlay():
    found = s6.convert(tree("/etc/s6-overlay", {
        "s6-rc.d/user/type": "bundle", "s6-rc.d/user/contents.d/web": "", "s6-rc.d/user/contents.d/prepare": "",
        "s6-rc.d/web/type": "longrun\n", "s6-rc.d/web/run": "#!/command/with-contenv sh\nexec web\n",
        "s6-rc.d/web/dependencies.d/prepare": "", "s6-rc.d/web/dependencies.d/base": "", "s6-rc.d/web/notification-fd": "3\n",
        "s6-rc.d/web/down-signal": "SIGINT\n", "s6-rc.d/web/timeout-kill": "5000\n", "s6-rc.d/web/finish": "#!x",
        "s6-rc.d/prepare/type": "oneshot", "s6-rc.d/prepare/up": "# first\n/bin/prepare \"a b\"\n",
        "s6-rc.d/prepare/down": "foreground { echo a } echo b\n", "s6-rc.d/prepare/timeout-up": "100",
        "s6-rc.d/all/type": "bundle", "s6-rc.d/all/contents": "web prepare",
    }))
    made = texts(found)
    assert list(made) == ["all.target", "prepare.service", "web.service"]
    assert [unit.enable for unit in found.units] == [(), ("prepare.service",), ("web.service",)]
    assert "Wants=web.service prepare.service\n" in made["all.target"]
    assert 'Type=oneshot\nRemainAfterExit=yes\nExecStart=/bin/prepare "a b"\n' in made["prepare.service"]
    assert 'ExecStop=/command/execlineb -P -c "foreground { echo a } echo b"\n' in made["prepare.service"]
    assert "TimeoutStartSec=100ms\n" in made["prepare.service"]
    assert "Requires=prepare.service\nAfter=prepare.service\n" in made["web.service"]
    for line in ("ExecStart=/etc/s6-overlay/s6-rc.d/web/run", "KillSignal=SIGINT", "TimeoutStopSec=5000ms", "Restart=always"):
        assert f"{line}\n" in made["web.service"]
    assert [str(remark).partition(": ")[0].removeprefix("/etc/s6-overlay/s6-rc.d/") for remark in found.remarks] == [
        "prepare/down", "web/finish", "web/run", "web/notification-fd"]


def test_version_2_of_s6_overlay():
    found = s6.convert(tree("/etc", dict.fromkeys((
        "cont-init.d/1-users", "cont-init.d/2", "services.d/a/run", "services.d/b/run", "services.d/b/down", "cont-finish.d/z"),
        "#!/x")))
    made = texts(found)
    assert list(made) == ["cont-init-1-users.service", "cont-init-2.service", "a.service", "b.service"]
    assert "After=cont-init-1-users.service\n" in made["cont-init-2.service"]
    assert "After=cont-init-2.service\n" in made["a.service"] and "WantedBy=" not in made["b.service"]
    assert [str(remark) for remark in found.remarks] == ["/etc/cont-finish.d/z: is not run: say it as ExecStop= of a unit."]


@pytest.mark.parametrize("files, message", [
    ({"s6-rc.d/a/run": ""}, "/d/s6-rc.d/a/type: '' is none of longrun, oneshot, bundle"),
    ({"s6-rc.d/a/type": "longrun"}, "/d/s6-rc.d/a: there is no run."),
    ({"s6-rc.d/a/type": "oneshot"}, "/d/s6-rc.d/a/up: there is no command."),
    ({"s6-rc.d/a/type": "oneshot", "s6-rc.d/a/up": "'x"}, "/d/s6-rc.d/a/up: No closing quotation."),
    ({"s6-rc.d/a/type": "bundle", "s6-rc.d/a/contents": "b"}, "/d/s6-rc.d/a: there is no b."),
    ({"s6-rc.d/a/type": "bundle", "s6-rc.d/a/dependencies": "b"}, "/d/s6-rc.d/a: depends on b, which is not there."),
    ({"services.d/a/run": "", "services.d/a/timeout-kill": "1s"}, "/d/services.d/a/timeout-kill:1: '1s' is no number."),
])
def test_directories_that_make_no_sense(files, message):
    with pytest.raises(BadImport) as error:
        s6.convert(tree("/d", files))
    assert str(error.value).startswith(message)
