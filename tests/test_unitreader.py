"""Units of what is mounted, and what others need of them."""

from __future__ import annotations

from initd.core.dependency import Dependency
from initd.core.mountpoint import MountPoint
from initd.core.sources import LoadFacts
from initd.core.states import LoadState
from initd.shell import limits
from initd.shell.unitdirs import UnitDirs
from initd.unitreader import UnitReader


def reader(root, mounts=(), **units):
    for name, text in units.items():
        path = root / "etc/systemd/system" / name.replace("__", ".").replace("_", "-")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    found = UnitReader(UnitDirs(str(root)), LoadFacts(), limits.probe(), "", False)
    found.mounted = {point.unit: point for point in mounts}
    return found


SRV = MountPoint("/srv", "tmp", "tmpfs", "rw")
SERVICE = "[Unit]\nRequiresMountsFor=/srv/x/y\n[Service]\nExecStart=/bin/true\n"


def needed(definition):
    kinds = (Dependency.AFTER, Dependency.REQUIRES)
    return [(entry.kind, entry.unit) for entry in definition.dependencies if entry.kind in kinds and "srv" in entry.unit]


def test_what_is_mounted_without_a_file_has_a_unit(tmp_path):
    found = reader(tmp_path, [SRV]).read("srv.mount")
    assert found.load_state is LoadState.LOADED and found.fragment_path == "" and found.source_path == "/proc/self/mountinfo"
    assert found.specific.what == "tmp" and tuple(found.unit.requires_mounts_for) == ("/",)


def test_a_file_says_more_than_the_table(tmp_path):
    found = reader(tmp_path, [SRV], srv__mount="[Mount]\nWhat=mine\nWhere=/srv\n").read("srv.mount")
    assert found.specific.what == "mine" and found.fragment_path.endswith("/srv.mount")


def test_nothing_is_known_of_what_is_not_mounted(tmp_path):
    assert reader(tmp_path).read("srv.mount").load_state is LoadState.NOT_FOUND


def test_mounts_that_a_path_needs(tmp_path):
    units = {"a__service": SERVICE, "srv_x__mount": "[Mount]\nWhat=a\nWhere=/srv/x\n"}
    found = reader(tmp_path, [SRV], **units).read("a.service")
    assert needed(found) == [
        (Dependency.AFTER, "srv.mount"), (Dependency.AFTER, "srv-x.mount"), (Dependency.REQUIRES, "srv-x.mount")]


def test_a_mask_is_not_needed(tmp_path):
    assert needed(reader(tmp_path, a__service=SERVICE, srv_x__mount="").read("a.service")) == []
