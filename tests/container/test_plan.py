"""`pyinit plan` in an image's first process, and the boot of the same image: one does what the other has said."""

from __future__ import annotations

import json

import pytest
from harness import PLAIN, SERVICES, Container
from plans import differences, plan_of

#: A ring, a unit that is not there, one that fails, what then starts, and a generator's.
CYCLE = {
    "default.target": "[Unit]\nRequires=multi-user.target\nAfter=multi-user.target\nAllowIsolate=yes\n"
                      "Wants=one.service two.service three.service late.path bad.service made.service\n",
    "one.service": "[Unit]\nAfter=two.service\nWants=nobody.service\n[Service]\nExecStart=/bin/sleep 1000\n",
    "two.service": "[Unit]\nAfter=three.service\n[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\n",
    "three.service": "[Unit]\nAfter=one.service\n[Service]\nExecStart=/bin/sleep 1000\n",
    "late.path": "[Path]\nPathExists=/etc/passwd\n",
    "late.service": "[Service]\nExecStart=/bin/sleep 1000\n",
    "bad.service": "[Unit]\nOnFailure=help.service\n[Service]\nType=exec\nExecStart=/bin/nothing\n",
    "help.service": "[Service]\nType=oneshot\nExecStart=/bin/true\n",
}
GENERATOR = '#!/bin/sh\nprintf "[Service]\\nExecStart=/bin/sleep 1000\\n" >"$1/made.service"\n'


@pytest.fixture
def volumes(tmp_path, units):
    """Where units and a generator of the administrator's may be."""
    generators, own = tmp_path / "generators", tmp_path / "units"
    for directory, files in ((generators, {"make": GENERATOR} if units else {}), (own, units)):
        directory.mkdir()
        for name, text in files.items():
            (directory / name).write_text(text)
            (directory / name).chmod(0o755 if name == "make" else 0o644)
    return (f"--volume={generators}:/etc/systemd/system-generators:ro", f"--volume={own}:/usr/local/lib/systemd/system:ro")


@pytest.mark.parametrize("image, units", [(PLAIN, {}), (SERVICES, {}), (SERVICES, CYCLE)], ids=["plain", "services", "cycle"])
def test_a_boot_goes_as_planned(image, units, volumes):
    before = Container(image, "/sbin/pyinit", "plan", "--json", options=volumes)
    booted = Container(image, options=volumes)
    try:
        before.start()
        status = before.wait()
        plan = json.loads(before.streams()[0])
        booted.start().wait_until_booted()
        assert differences(plan, booted) == []
        assert len(plan["units"]) > 20 and status == (1 if units else 0)
        if units:
            assert [cycle["dropped"] for cycle in plan["cycles"]] == ["three.service"]
            assert booted.systemctl("is-active", "three.service", check=False).strip() == "inactive"
            parts = {part["unit"]: part for part in plan["units"]}
            assert parts["made.service"]["file"] == "/run/systemd/generator/made.service"
            assert parts["bad.service"]["outcome"] == "failed" and parts["help.service"]["cause"] == "dependency"
        # Asked where the boot is over, it says the same of the next one.
        again = plan_of(booted)
        assert [part["unit"] for part in again["units"]] == [part["unit"] for part in plan["units"]]
        assert "pyinit" not in booted.exec("ls", "-A", "/tmp").stdout
    finally:
        before.remove()
        booted.remove()
