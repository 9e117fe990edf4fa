"""Mounts: what becomes of them as a real systemd tells it (tests/conformance/mounts), with and without leave to mount."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from harness import Container
from images import Image

from tests.conformance.mounts.look import CASES, HERE, look, options
from tests.conformance.mounts.record import KINDS
from tests.container.conftest import _finish

ANSWERS = json.loads(Path(HERE, "answers.json").read_text())
#: Each takes a second or more: these are of each kind one. PYINIT_MOUNT_CASES=all asks for the rest.
FEW = {
    "privileged": (
        "mount", "options", "stopped-while-it-mounts", "umount-fails", "of-no-file", "bound", "prefixes"),
    "default": ("mount", "required", "swap", "automount"),
}
#: An automount point needs what no container has by default, and is not set up where one has it.
NOT_YET = {("privileged", name) for name in CASES if name.startswith("automount")}
#: systemd tells nobody of a unit that it has loaded to clean it, and forgets behind that.
NOT_TOLD = {"clean"}
FSTAB = """\
# what is mounted where
tmpfs /srv/cache tmpfs size=1m,mode=700 0 0
tmpfs /srv/later tmpfs noauto 0 0
/etc /srv/etc none bind,x-systemd.requires-mounts-for=/srv/cache 0 0
/dev/sda9 /srv/disk ext4 noauto 0 2
"""


@pytest.fixture(scope="module", params=list(KINDS))
def machine(request):
    container = Container(Image(("dbus",)), options=("--systemd=always", *KINDS[request.param], *options()))
    container.kind = request.param
    try:
        container.start().wait_until_booted()
        yield container
    finally:
        _finish(request, [container])


def test_the_life_of_mounts_is_that_of_systemd(machine):
    names = CASES if os.environ.get("PYINIT_MOUNT_CASES") == "all" else FEW[machine.kind]
    found = look(machine, *(name for name in names if (machine.kind, name) not in NOT_YET and name not in NOT_TOLD))
    theirs = ANSWERS[machine.kind]
    assert {name: (told, theirs[name]) for name, told in found.items() if told != theirs[name]} == {}


def test_what_the_container_came_with_has_units(machine):
    mounted = machine.systemctl("list-units", "--type=mount", "--plain", "--no-legend").split()
    assert {"-.mount", "etc-hosts.mount", "etc-hostname.mount", "run-.containerenv.mount", "tmp.mount"} <= set(mounted)
    assert not {"proc.mount", "run.mount", "dev.mount", "dev-pts.mount", "run-lock.mount"} & set(mounted)
    shown = dict(line.split("=", 1) for line in machine.systemctl("show", "etc-hosts.mount").splitlines())
    assert shown["Where"] == "/etc/hosts" and shown["SourcePath"] == "/proc/self/mountinfo" and shown["What"]
    assert (shown["After"].split().sort(), shown["Slice"]) == (
        "-.mount local-fs-pre.target system.slice systemd-journald.socket".split().sort(), "system.slice")
    assert shown["Conflicts"] == "umount.target" and shown["NeedDaemonReload"] == "no" and not shown.get("FragmentPath")
    assert "Where: /etc/hosts\n       What: " in machine.systemctl("status", "etc-hosts.mount")


def test_a_manager_that_takes_over_knows_what_is_mounted(machine):
    began = machine.show("etc-hosts.mount", "ActiveEnterTimestampMonotonic")
    machine.systemctl("daemon-reexec")
    assert machine.show("etc-hosts.mount", "ActiveEnterTimestampMonotonic") == began
    machine.systemctl("daemon-reload")
    assert machine.systemctl("is-active", "--", "etc-hosts.mount", "-.mount") == "active\nactive\n"


def test_a_mount_under_way_outlives_daemon_reexec(boot):
    container = boot(Image(("dbus",)), options=("--privileged", "--systemd=always"), before=lambda machine: machine.put(
        "/sbin/mount.slow", "#!/bin/sh\nuntil test -e /run/go; do sleep 0.1; done\nmount -i -t tmpfs none /mnt/slow\n", 0o755,
    ).put("/etc/systemd/system/mnt-slow.mount", "[Mount]\nWhat=none\nWhere=/mnt/slow\nType=slow\n"))
    container.wait_until_booted()
    container.systemctl("start", "--no-block", "mnt-slow.mount")
    container.wait_until("it is under way", lambda: container.show("mnt-slow.mount", "SubState") == "mounting")
    container.systemctl("daemon-reexec")
    container.write("/run/go", "")
    container.wait_for_state("mnt-slow.mount", "active")
    container.exec("umount", "/mnt/slow")
    container.wait_for_state("mnt-slow.mount", "inactive")


def test_what_fstab_names_is_mounted_at_the_boot(boot):
    container = boot(Image(("dbus",)), options=("--privileged", "--systemd=always"),
                     before=lambda machine: machine.put("/etc/fstab", FSTAB))
    container.wait_until_booted()
    assert container.systemctl("is-active", "srv-cache.mount", "srv-etc.mount", "local-fs.target") == "active\n" * 3
    assert container.exec("stat", "-c", "%a %s", "/srv/etc/passwd", "/srv/cache").stdout.count("\n") == 2
    assert "/srv/cache" in container.show("srv-etc.mount", "RequiresMountsFor").split()
    assert "srv-cache.mount" in container.show("srv-etc.mount", "Requires").split()
    assert container.systemctl("is-active", "srv-later.mount", check=False) == "inactive\n"
    container.systemctl("start", "srv-later.mount")
    assert container.show("srv-later.mount", "SourcePath") == "/etc/fstab"
    assert container.show("srv-later.mount", "UnitFileState") == "generated"
    container.write("/etc/fstab", FSTAB.replace("/srv/later", "/srv/other"))
    container.systemctl("daemon-reload")
    assert container.show("srv-other.mount", "LoadState") == "loaded"
    assert container.systemctl("is-active", "srv-later.mount") == "active\n"
