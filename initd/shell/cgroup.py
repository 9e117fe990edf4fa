"""The cgroup tree, where this container lets us write to it: v2, or the v1 hierarchy called name=systemd.

Units get directories below the cgroup that the manager was started in. The manager itself moves into `init.scope`
there, as systemd does, because v2 wants no processes beside child groups that share controllers.
A path here is relative to that root, without a leading slash: "system.slice/nginx.service".
"""

from __future__ import annotations

import os
import stat

from initd.core.cgroup_attributes import CgroupAttribute, CgroupPlan
from initd.shell.fds import OwnedFd, read_small
from initd.wire.proc import Mount, parse_cgroups, parse_mounts

OWN_CGROUP = "init.scope"

_CONTROLLERS = ("cpu", "io", "memory", "pids")
_DELEGATED_V2 = ("/cgroup.procs", "/cgroup.subtree_control", "/cgroup.threads")
_DELEGATED_V1 = ("/tasks", "/cgroup.procs")


class Cgroups:
    """A writable tree: `hierarchy` "" for v2, "name=systemd" for v1; `root` its directory, `own_path` /proc's word."""

    def __init__(self, hierarchy: str, root: str, own_path: str) -> None:
        self.hierarchy = hierarchy
        self.root = root
        self.own_path = own_path.rstrip("/")

    @property
    def is_v2(self) -> bool:
        return self.hierarchy == ""

    def directory(self, cgroup: str) -> str:
        return f"{self.root}/{cgroup}" if cgroup else self.root

    def procs_path(self, cgroup: str) -> str:
        return self.directory(cgroup) + "/cgroup.procs"

    def create(self, cgroup: str) -> None:
        """Makes the group and those above it, and hands our controllers down. OSError where it cannot."""
        path = ""
        for part in cgroup.split("/"):
            parent, path = path, f"{path}/{part}" if path else part
            try:
                os.mkdir(self.directory(path))
            except FileExistsError:
                continue
            if parent and self.is_v2:
                self._share_controllers(parent)

    def apply(self, cgroup: str, plan: CgroupPlan, uid: int = -1, gid: int = -1) -> list[tuple[CgroupAttribute, int]]:
        """Writes a unit's limits, and hands the group over where it is delegated. What could not be written, and errno."""
        failed = []
        if self.is_v2:
            for controller in sorted({each.controller for each in plan.attributes} - set(_CONTROLLERS)):
                self._share_along(cgroup, controller)
        for attribute in plan.attributes:
            try:
                device = _device_number(attribute.device) + " " if attribute.device else ""
                _write(f"{self.directory(cgroup)}/{attribute.file}", device + attribute.text)
            except OSError as error:
                failed.append((attribute, error.errno or 0))
        if plan.is_delegated:
            self._hand_over(cgroup, uid, gid)
        return failed

    def _share_along(self, cgroup: str, controller: str) -> None:
        path = ""
        for part in ("", *cgroup.split("/")[:-1]):
            path = f"{path}/{part}" if path else part
            self._share(path, controller)

    def _hand_over(self, cgroup: str, uid: int, gid: int) -> None:
        """The user may make groups below, move its processes between them, and share controllers: nothing else."""
        directory = self.directory(cgroup)
        try:
            # How others tell where our part of the tree ends (systemd.resource-control(5), Delegate=).
            os.setxattr(directory, "user.delegate", b"1")
        except OSError:
            pass  # a kernel before 5.6
        for name in ("", *(_DELEGATED_V2 if self.is_v2 else _DELEGATED_V1)):
            try:
                os.chown(directory + name, uid, gid)
            except OSError:
                pass  # not there in this kernel, or not ours to give: the service will be told when it tries

    @property
    def can_freeze(self) -> bool:
        return self.is_v2

    def freeze(self, cgroup: str, is_wanted: bool) -> None:
        """Stops or continues everything in there. OSError where it cannot."""
        _write(self.directory(cgroup) + "/cgroup.freeze", str(int(is_wanted)))

    def freezer_state(self, cgroup: str) -> str:
        """systemd's word for it."""
        try:
            is_wanted = read_small(self.directory(cgroup) + "/cgroup.freeze").strip() == b"1"
            is_frozen = b"frozen 1" in read_small(self.directory(cgroup) + "/cgroup.events")
        except OSError:
            return "running"
        if is_wanted:
            return "frozen" if is_frozen else "freezing"
        return "thawing" if is_frozen else "running"

    def identifier(self, cgroup: str) -> int:
        """The kernel's number for the group, 0 where there is none."""
        try:
            return os.stat(self.directory(cgroup)).st_ino
        except OSError:
            return 0

    def io_counters(self, cgroup: str) -> dict[str, int] | None:
        """rbytes, wbytes, rios and wios over all devices; None where nobody counts."""
        try:
            text = read_small(self.directory(cgroup) + "/io.stat").decode("ascii", "replace")
        except OSError:
            return None
        sums = dict.fromkeys(("rbytes", "wbytes", "rios", "wios"), 0)
        for word in text.split():
            name, equals, value = word.partition("=")
            if equals and name in sums and value.isdigit():
                sums[name] += int(value)
        return sums

    def remove(self, cgroup: str) -> bool:
        """Removes the group and what is below it. False: something still lives there (zombies do not count)."""
        directory = self.directory(cgroup)
        try:
            for entry in os.scandir(directory):
                if entry.is_dir(follow_symlinks=False):
                    self.remove(f"{cgroup}/{entry.name}")
            os.rmdir(directory)
        except FileNotFoundError:
            return True
        except OSError:
            return False
        return True

    def join(self, cgroup: str, pid: int) -> None:
        """OSError where it cannot."""
        _write(self.procs_path(cgroup), f"{pid}\n")

    def pids(self, cgroup: str) -> list[int]:
        """Every process in the group and below it. v2 leaves zombies out, v1 lists them."""
        directory = self.directory(cgroup)
        try:
            pids = [int(line) for line in _read_all(directory + "/cgroup.procs").split()]
            children = [entry.name for entry in os.scandir(directory) if entry.is_dir(follow_symlinks=False)]
        except OSError:
            return []  # gone, or a threaded group whose threads are listed elsewhere
        for child in children:
            pids += self.pids(f"{cgroup}/{child}")
        return [pid for pid in pids if pid > 0]

    def is_populated(self, cgroup: str) -> bool | None:
        """Whether v2 says that a live process is in there; None where nobody says so."""
        try:
            text = read_small(self.directory(cgroup) + "/cgroup.events")
        except OSError:
            return None
        return b"populated 1" in text

    def kill(self, cgroup: str) -> bool:
        """SIGKILL to everybody in there at one stroke, forks in flight included.

        False where the kernel cannot: v1, and before Linux 5.14.
        """
        try:
            _write(self.directory(cgroup) + "/cgroup.kill", "1")
        except OSError:
            return False
        return True

    def open_memory_events(self, cgroup: str) -> OwnedFd | None:
        """To be watched for EPOLLPRI: a counter has changed. Reading it anew rearms. The caller owns it; None where v2's
        memory controller is not there."""
        if not self.is_v2:
            return None
        try:
            return OwnedFd(os.open(self.directory(cgroup) + "/memory.events", os.O_RDONLY | os.O_CLOEXEC))
        except OSError:
            return None

    def cgroup_of(self, pid: int) -> str | None:
        """The group a process is in, None where it is outside of our tree, or gone."""
        try:
            path = parse_cgroups(read_small(f"/proc/{pid}/cgroup")).get(self.hierarchy)
        except OSError:
            return None
        if path is None or not path.startswith(self.own_path + "/"):
            return None
        return path[len(self.own_path) + 1:]

    def read_number(self, cgroup: str, file: str, field: str = "") -> int | None:
        """A counter (memory.current), or a field of a file of fields (cpu.stat, usage_usec)."""
        try:
            words = read_small(f"{self.directory(cgroup)}/{file}").decode("ascii", "replace").split()
        except OSError:
            return None
        if field:
            words = [words[i + 1] for i in range(0, len(words) - 1, 2) if words[i] == field]
        return int(words[0]) if words and words[0].isdigit() else None

    def enter_own(self) -> None:
        """Moves the manager into its own group, and shares our controllers with the units. OSError where it cannot."""
        self.create(OWN_CGROUP)
        self.join(OWN_CGROUP, os.getpid())
        if self.is_v2:
            self._share_controllers("")

    def _share_controllers(self, cgroup: str) -> None:
        for controller in _CONTROLLERS:
            self._share(cgroup, controller)

    def _share(self, cgroup: str, controller: str) -> None:
        try:
            _write(self.directory(cgroup) + "/cgroup.subtree_control", f"+{controller}")
        except OSError:
            pass  # not there, not ours, or processes in the way: accounting comes from /proc then


def detect(own_cgroups: bytes | None = None, own_mounts: bytes | None = None) -> Cgroups | None:
    """The tree to use, our own group already entered; None where none is writable."""
    paths = parse_cgroups(own_cgroups if own_cgroups is not None else read_small("/proc/self/cgroup"))
    mounts = parse_mounts(own_mounts if own_mounts is not None else _read_all("/proc/self/mountinfo"))
    for hierarchy in ("", "name=systemd"):
        for mount in mounts:
            if hierarchy in paths and not mount.is_read_only and _carries(mount, hierarchy):
                cgroups = Cgroups(hierarchy, *_place(mount, paths[hierarchy]))
                if _try(cgroups):
                    return cgroups
    return None


def _try(cgroups: Cgroups) -> bool:
    """Only trying tells: mount options, ownership and namespaces all have a say."""
    try:
        cgroups.enter_own()
    except OSError:
        return False
    return True


def _carries(mount: Mount, hierarchy: str) -> bool:
    if hierarchy == "":
        return mount.type == "cgroup2"
    return mount.type == "cgroup" and hierarchy in mount.super_options


def _place(mount: Mount, path: str) -> tuple[str, str]:
    """Where our own group is in the file system. Restarted in our own group, we take the one above it."""
    path = path.removesuffix("/" + OWN_CGROUP) or "/"
    if mount.root == "/" or path == mount.root or path.startswith(mount.root + "/"):
        inside = path[len(mount.root):] if mount.root != "/" else path
        return (mount.path + "/" + inside.strip("/")).rstrip("/"), path
    return mount.path, path  # a cgroup namespace shows another root than the mount does


def _device_number(path: str) -> str:
    """Of a device node itself, else of the device that the file is on."""
    info = os.stat(path)
    number = info.st_rdev if stat.S_ISBLK(info.st_mode) else info.st_dev
    return f"{os.major(number)}:{os.minor(number)}"


def _write(path: str, text: str) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, text.encode())
    finally:
        os.close(fd)


def _read_all(path: str) -> bytes:
    with open(path, "rb", buffering=0) as file:
        return file.readall()
