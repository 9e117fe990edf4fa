from __future__ import annotations

import pytest

from initd.core.dependency import Dependency
from initd.core.load import load_unit
from initd.core.mounted import mounted_unit
from initd.core.mountpoint import TABLE, MountPoint
from initd.core.sources import LoadFacts, UnitFiles, UnitText
from initd.core.states import LoadState
from initd.core.values import INFINITY

FACTS = LoadFacts()


def unit_of(where, what="tmpfs", kind="tmpfs", options="rw,size=50%", facts=FACTS, **files):
    point = MountPoint(where, what, kind, options)
    return mounted_unit(point, UnitFiles(point.unit, (point.unit,), **files), facts)


@pytest.mark.parametrize("what", ["tmpfs", "/dev/vda", "50%", "a\\", "a=b # c", "host:/x", "with blank", "ä"])
@pytest.mark.parametrize("where", ["/mnt/a", "/mnt/a b%i", "/mnt/\"q'", "/mnt/a\nWhat=evil"])
def test_it_says_what_is_mounted(what, where):
    definition = unit_of(where, what)
    assert definition.load_state is LoadState.LOADED and not definition.diagnostics
    settings = definition.specific
    assert (settings.what, settings.where, settings.type, settings.options) == (what, where, "tmpfs", "rw,size=50%")
    assert definition.unit.description == where and definition.source_path == TABLE and definition.fragment_path == ""
    assert definition.source_mtime_usec == INFINITY and definition.is_complete


OTHER_FACTS = LoadFacts(in_user_mode=True, default_timeout_start_usec=7, default_start_limit_burst=9)


@pytest.mark.parametrize("facts", [FACTS, OTHER_FACTS])
@pytest.mark.parametrize("kind, what, options", [
    ("tmpfs", "tmpfs", "rw,size=50%"), ("nfs4", "server:/x", "rw"), ("ext4", "/dev/vda", "rw,nofail"),
    ("ext4", "/dev/vda", "rw,_netdev"), ("fuse.sshfs", "me@there:", "rw"), ("overlay", "overlay", "ro"),
])
@pytest.mark.parametrize("where", ["/srv/a", "/proc/bus", "/srv"])
def test_it_is_as_if_a_file_said_so(where, kind, what, options, facts):
    """But for what comes of the place that it is mounted from, and for what a file is known by."""
    name = MountPoint(where, what, kind, options).unit
    text = (f"[Unit]\nDescription={where}\n"
            f"[Mount]\nWhat={what}\nWhere={where}\nType={kind}\nOptions={options.replace('%', '%%')}\n")
    links = ((Dependency.REQUIRES, "other.target"),)
    file = load_unit(UnitFiles(name, (name,), UnitText("/x", text), (), links), facts)
    table = unit_of(where, what, kind, options, facts, links=links)
    for field in type(file)._fields:
        if field not in ("unit", "fragment_path", "source_path", "source_mtime_usec"):
            assert getattr(table, field) == getattr(file, field), field
    said, would = vars(table.unit), vars(file.unit)
    assert said.pop("source_path") == TABLE
    assert said.pop("requires_mounts_for") == would.pop("requires_mounts_for")[:1] == (where.rpartition("/")[0] or "/",)
    assert said == would


def test_dropins_change_it():
    definition = unit_of("/srv", dropins=(UnitText("/etc/systemd/system/srv.mount.d/a.conf", "[Mount]\nLazyUnmount=yes\n", 3),))
    assert definition.specific.lazy_unmount and definition.mtime_usec == 3
    assert definition.dropin_paths == ("/etc/systemd/system/srv.mount.d/a.conf",)
