"""What is mounted where, and the unit that stands for it where no file does (systemd.mount(5)).

Knows nothing of how a mount unit runs. Which places get no unit was tried with systemd 252: those that the kernel, the
container's runtime or the manager itself mounts before there are units.
"""

from __future__ import annotations

from initd.core import unitname
from initd.core.dependency import Dependency
from initd.core.record import Record
from initd.core.settings import DependencyEntry, UnitDefinition
from initd.core.states import LoadState

#: Where what the kernel says of mounts is read.
TABLE = "/proc/self/mountinfo"
_WITHOUT_UNIT = frozenset((
    "/proc", "/sys", "/dev", "/run", "/dev/console", "/dev/pts", "/dev/shm", "/proc/kmsg", "/proc/sys",
    "/proc/sys/kernel/random/boot_id", "/run/host", "/run/lock", "/sys/firmware/efi/efivars", "/sys/fs/bpf", "/sys/fs/cgroup",
    "/sys/fs/pstore", "/sys/fs/selinux", "/sys/fs/smackfs", "/sys/kernel/security",
))
#: File systems that are at the other end of a network.
NETWORK_TYPES = frozenset(
    "afs ceph cifs smb3 smbfs sshfs ncpfs ncp nfs nfs4 gfs gfs2 glusterfs pvfs2 ocfs2 lustre davfs".split()
)
_BELOW_WITHOUT_UNIT = ("/run/host/", "/sys/fs/cgroup/")


class MountPoint(Record):
    """One mounted file system, as its unit shows it."""

    where: str
    what: str
    type: str
    options: str

    @property
    def has_unit(self) -> bool:
        """An automount point that waits is none of a mount unit's; a path may be too long to name one."""
        return (not is_of_the_system(self.where) and self.type != "autofs" and self.where.startswith("/")
                and len(self.unit) <= unitname.MAX_LENGTH)

    @property
    def unit(self) -> str:
        return unitname.path_to_unit(self.where, "mount")


def is_of_the_system(path: str) -> bool:
    """Something is mounted there before there are units, and none is about it."""
    return path in _WITHOUT_UNIT or path.startswith(_BELOW_WITHOUT_UNIT)


_names: dict[str, tuple[str, ...]] = {}


def units_at(path: str) -> tuple[str, ...]:
    """The mount units that could be at or above a path, the root first."""
    found = _names.get(path)
    if found is None:
        parts = [part for part in path.split("/") if part]
        paths = ["/"] + ["/" + "/".join(parts[:count]) for count in range(1, len(parts) + 1)]
        found = _names[path] = tuple(unitname.path_to_unit(item, "mount") for item in paths)
    return found


def needs(definition: UnitDefinition, mount: str, has_file: bool) -> tuple[DependencyEntry, ...]:
    """What RequiresMountsFor= comes to for one mount unit that is there: Requires= only where the unit's file says how to
    mount it (systemd.unit(5)). Empty where the unit needs nothing of it."""
    if mount in (definition.name, *definition.names) or definition.load_state is not LoadState.LOADED:
        return ()
    if not any(mount in units_at(path) for path in definition.unit.requires_mounts_for):
        return ()
    after = DependencyEntry(Dependency.AFTER, mount, "implicit")
    return (after, DependencyEntry(Dependency.REQUIRES, mount, "implicit")) if has_file else (after,)
