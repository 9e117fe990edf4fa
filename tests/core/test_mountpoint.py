from __future__ import annotations

import pytest

from initd.core import unitname
from initd.core.dependency import Dependency
from initd.core.load import LoadFacts, load_unit
from initd.core.mountpoint import MountPoint, needs, units_at
from initd.core.settings import DependencyEntry
from initd.core.sources import UnitFiles, UnitText


def loaded(name, text, path="/etc/systemd/system/x"):
    return load_unit(UnitFiles(name, (name,), UnitText(path, text)), LoadFacts())


@pytest.mark.parametrize("where, kind, expected", [
    ("/", "overlay", True), ("/etc/hosts", "ext4", True), ("/proc", "proc", False), ("/proc/bus", "proc", True),
    ("/run", "tmpfs", False), ("/run/lock", "tmpfs", False), ("/run/lock/x", "tmpfs", True), ("/run/host/x", "tmpfs", False),
    ("/sys/fs/cgroup/a/b", "cgroup", False), ("/dev/pts", "devpts", False), ("/dev/mqueue", "mqueue", True),
    ("/srv", "autofs", False), ("/proc/sys", "proc", False), ("/proc/sys/net", "tmpfs", True),
])
def test_what_has_a_unit(where, kind, expected):
    """As tried with systemd 252, mount by mount."""
    assert MountPoint(where, "x", kind, "rw").has_unit is expected


@pytest.mark.parametrize("where, name", [("/", "-.mount"), ("/mnt/a b", "mnt-a\\x20b.mount"), ("/a-b", "a\\x2db.mount")])
def test_names(where, name):
    assert MountPoint(where, "x", "y", "rw").unit == name


def test_units_at_a_path():
    assert units_at("/") == ("-.mount",)
    assert units_at("/a/b-c/") == ("-.mount", "a.mount", "a-b\\x2dc.mount")


def test_what_requires_mounts_for_comes_to():
    service = loaded("a.service", "[Unit]\nRequiresMountsFor=/srv/x/y\n[Service]\nExecStart=/bin/true\n")
    after = DependencyEntry(Dependency.AFTER, "srv-x.mount", "implicit")
    assert needs(service, "srv-x.mount", False) == (after,)
    assert needs(service, "srv-x.mount", True) == (after, DependencyEntry(Dependency.REQUIRES, "srv-x.mount", "implicit"))
    assert needs(service, "srv-z.mount", True) == ()


def test_a_mount_does_not_need_itself():
    own = loaded("srv-x.mount", "[Unit]\nRequiresMountsFor=/srv/x\n[Mount]\nWhat=a\nWhere=/srv/x\n")
    assert needs(own, "srv-x.mount", True) == () and needs(own, "srv.mount", True)


def test_a_place_whose_name_would_be_too_long_has_no_unit():
    """As in systemd: a unit's name has 255 characters at most, and each byte that is escaped takes four."""
    for where, has_unit in (("/srv/" + "a" * 245, True), ("/srv/" + "a" * 246, False), ("/srv/" + "é" * 40, False)):
        point = MountPoint(where, "tmpfs", "tmpfs", "rw")
        assert point.has_unit is has_unit
        assert unitname.is_valid(point.unit) is has_unit
