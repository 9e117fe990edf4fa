"""What a container does not allow is told, and refused where a unit is strict."""

from __future__ import annotations

from images import Image

UNIT = "[Unit]\n{}\n[Service]\nExecStart=/bin/sleep infinity\nNice=-5\n"


def put_units(container) -> None:
    container.put("/etc/systemd/system/partly.service", UNIT.format("Description=partly"))
    container.put("/etc/systemd/system/strict.service", UNIT.format("X-Strict=yes"))
    container.put("/etc/systemd/system/lax.service", UNIT.format("X-Strict=no"))


def test_a_unit_starts_and_says_what_it_did_not_get(boot):
    container = boot(Image(), before=put_units)
    container.wait_until_booted()
    container.systemctl("start", "partly", "lax")
    assert "Not applied: Nice= (1 ignored;" in container.systemctl("status", "partly")
    fates = container.systemctl("show", "-p", "DirectiveFates", "partly").splitlines()
    assert [line.partition("fate=")[2].partition(" ")[0] for line in fates] == ["applied", "applied", "ignored"]
    refused = container.exec("systemctl", "start", "strict", check=False)
    assert refused.returncode != 0
    assert "Unit strict.service is strict, and not all of it is applied here: Nice=" in refused.stderr
    assert "/etc/systemd/system/strict.service:5: Nice= is ignored here" in container.logs()


def test_a_strict_manager_refuses_all_but_those_that_are_let(boot):
    container = boot(Image(), "/sbin/pyinit", "--strict", before=put_units)
    assert container.wait_until_booted() == "running"
    assert container.exec("systemctl", "start", "partly", check=False).returncode != 0
    container.systemctl("start", "lax")
