"""What units say is kept from the image, and from one boot to the next; files that are others are in force at once."""

from __future__ import annotations

import pytest
from harness import PLAIN, Container
from images import run

FILE = "/var/cache/pyinit/units"
SERVICE = "[Unit]\nDescription={}\n[Service]\nExecStart=/bin/sleep 1000\n[Install]\nWantedBy=multi-user.target\n"
#: What differs from boot to boot, of `systemctl show`.
FLEETING = ("Timestamp", "InvocationID", "PID", "PIDs", "USec", "CPUUsage", "Memory", "Tasks", "ControlGroupId", "Stamp")


@pytest.fixture(scope="module")
def box():
    container = Container(PLAIN)
    container.start().wait_until_booted()
    for name, text in (("one", "first"), ("two", "second")):
        container.exec("mkdir", f"/etc/systemd/system/{name}.service.d")
        container.write(f"/etc/systemd/system/{name}.service", SERVICE.format(text))
        container.write(f"/etc/systemd/system/{name}.service.d/more.conf", "[Service]\nEnvironment=A=%n\nNice=3\n")
    try:
        yield container
    finally:
        container.remove()


def identity(box) -> str:
    """Another where it was written again."""
    return box.exec("stat", "-c", "%i %Y %a %U", FILE, check=False).stdout.strip()


def restart(box) -> None:
    run([*box.podman, "restart", "--time", "10", box.id])
    box.wait_until_booted()


def shown(box, *units: str) -> list[str]:
    lines = box.systemctl("show", *units).splitlines()
    return [line for line in lines if not any(word in line.partition("=")[0] for word in FLEETING) and "pid=" not in line]


def test_the_package_has_kept_what_came_with_the_image():
    """And a boot that finds the same does not write it again."""
    container = Container(PLAIN)
    try:
        container.start().wait_until_booted()
        before = container.exec("stat", "-c", "%Y", FILE).stdout
        assert int(before) < int(container.exec("stat", "-c", "%Y", "/run/systemd/journal").stdout), "written by this boot"
    finally:
        container.remove()


def test_a_boot_takes_what_the_one_before_has_kept(box):
    box.wait_until("the file of this boot", lambda: identity(box).endswith("600 root"))
    box.exec("systemctl", "enable", "-q", "--now", "one", "two")
    box.systemctl("daemon-reload")
    box.wait_until("its units in it", lambda: box.exec("grep", "-q", "two.service", FILE, check=False).returncode == 0)
    kept = identity(box)
    cold = shown(box, "one.service", "two.service", "basic.target", "systemd-tmpfiles-setup.service")
    assert "Environment=A=one.service" in cold and "Nice=3" in cold
    restart(box)
    assert box.systemctl("is-active", "one", "two").split() == ["active", "active"]
    assert identity(box) == kept, "all of it was as before"
    warm = shown(box, "one.service", "two.service", "basic.target", "systemd-tmpfiles-setup.service")
    assert warm == cold


def test_what_has_changed_meanwhile_is_in_force(box):
    box.write("/etc/systemd/system/one.service", SERVICE.format("third"))
    box.exec("rm", "/etc/systemd/system/two.service.d/more.conf")
    box.systemctl("stop", "one")
    restart(box)
    assert box.show("one.service", "Description") == "third" and box.show("one.service", "Nice") == "3"
    assert box.show("two.service", "Description") == "second" and box.show("two.service", "Nice") == "0"


def test_a_spoiled_file_is_replaced(box):
    box.exec("sh", "-c", f"head -c 3000 /dev/urandom > {FILE}")
    spoiled = identity(box)
    restart(box)
    assert box.systemctl("is-active", "one", "two").split() == ["active", "active"]
    box.wait_until("a good one", lambda: identity(box) not in ("", spoiled))


def test_the_command_says_what_is_wrong(box):
    assert box.exec("pyinit", "cache", "now", check=False).returncode == 2
    box.write("/etc/systemd/system/one.service", SERVICE.format("first").replace("[Service]", "X-Strict=yes\n[Service]"))
    done = box.exec("pyinit", "cache")
    assert done.stdout == done.stderr == ""
    box.exec("mv", "/var/cache/pyinit", "/var/cache/away")
    box.exec("touch", "/var/cache/pyinit")
    done = box.exec("pyinit", "cache", check=False)
    box.exec("rm", "/var/cache/pyinit")
    assert done.returncode == 1 and done.stderr.startswith("pyinit cache: /var/cache/pyinit: ")
