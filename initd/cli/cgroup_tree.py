"""Control groups as they are in the file system: where the tree is, what is in it, and how it is drawn.

Group ids and extended attributes are shown as systemd-cgls(1) does; a process in a group without children of its own is
drawn as in `systemctl status`.
"""

from __future__ import annotations

import os

from initd.cli.output import GREY, glyph, painted
from initd.cli.process_tree import shown
from initd.wire.proc import parse_cgroups, parse_command_line, parse_mounts, parse_stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from initd.wire.proc import Mount

#: Where the manager itself is, in a tree that it may write to.
_OWN = "/init.scope"


class Group:
    """One cgroup: its processes, and the groups in it in the order they are found."""

    def __init__(self, identifier: int = 0) -> None:
        self.identifier = identifier
        self.attributes: list[tuple[str, str]] = []
        self.processes: list[tuple[int, str]] = []
        self.groups: dict[str, Group] = {}

    @property
    def is_empty(self) -> bool:
        """Nobody lives in it or below it."""
        return not self.processes and all(group.is_empty for group in self.groups.values())


class Wanted:
    """What is shown of it."""

    def __init__(self) -> None:
        self.empty = False
        self.kernel_threads = False
        self.attributes = True
        self.identifiers = True
        #: Lines end here; 0: nowhere.
        self.width = 80


# --- where ------------------------------------------------------------------------------------------------------------


def find_root(hierarchies: tuple[str, ...] = ("", "name=systemd")) -> tuple[str, str] | None:
    """The first of them that the manager keeps its units in: the directory, and the path of that cgroup.

    None where it keeps them in none: it has no group of its own there then.
    """
    paths = parse_cgroups(_read("/proc/1/cgroup"))
    for hierarchy in hierarchies:
        path = paths.get(hierarchy, "")
        if path.endswith(_OWN):
            found = _place(hierarchy, path.removesuffix(_OWN))
            if found:
                return found, path.removesuffix(_OWN)
    return None


def find_controller(controller: str) -> str:
    """The directory of a version 1 hierarchy, "" where it is not mounted."""
    mounts = parse_mounts(_read("/proc/self/mountinfo"))
    return next((mount.path for mount in mounts if _carries(mount, controller)), "") if controller else ""


def _place(hierarchy: str, path: str) -> str:
    for mount in parse_mounts(_read("/proc/self/mountinfo")):
        if _carries(mount, hierarchy):
            inside = path.removeprefix(mount.root) if mount.root != "/" else path
            directory = mount.path + ("" if inside in ("", "/") else inside)
            if os.path.isdir(directory):
                return directory
    return ""


def _carries(mount: Mount, hierarchy: str) -> bool:
    if hierarchy == "":
        return mount.type == "cgroup2"
    return mount.type == "cgroup" and hierarchy in mount.super_options


# --- what -------------------------------------------------------------------------------------------------------------


def read(directory: str, wanted: Wanted) -> Group:
    """OSError where there is no such group; what goes away meanwhile is left out."""
    group = Group(os.stat(directory).st_ino)
    if wanted.attributes:
        group.attributes = _attributes(directory)
    for pid in _pids(directory):
        command = _command(pid, wanted.kernel_threads)
        if command:
            group.processes.append((pid, command))
    for entry in os.scandir(directory):
        if entry.is_dir(follow_symlinks=False):
            try:
                group.groups[entry.name] = read(entry.path, wanted)
            except OSError:
                continue  # gone
    return group


def _pids(directory: str) -> list[int]:
    try:
        return [int(line) for line in _read(directory + "/cgroup.procs").split() if line != b"0"]
    except OSError:
        return []  # no control group itself, or a threaded one


def _command(pid: int, with_kernel_threads: bool) -> str:
    """What runs there, the name alone in brackets where there is no command line; "" for what is not shown."""
    try:
        command = parse_command_line(_read(f"/proc/{pid}/cmdline"))
        if command:
            return command
        if not with_kernel_threads and parse_stat(_read(f"/proc/{pid}/stat")).is_kernel_thread:
            return ""
        return f"[{_read(f'/proc/{pid}/comm').decode('utf-8', 'replace').rstrip()}]"
    except OSError:
        return ""  # ended


def _attributes(directory: str) -> list[tuple[str, str]]:
    """Those that a manager sets: the kernel's own say nothing about the group."""
    try:
        names = [name for name in os.listxattr(directory) if name.startswith(("user.", "trusted."))]
        return [(name, os.getxattr(directory, name).decode("utf-8", "replace")) for name in names]
    except OSError:
        return []


def _read(path: str) -> bytes:
    with open(path, "rb", buffering=0) as file:
        return file.readall()


def gather(top: str, processes: Iterable[tuple[str, int, str]]) -> Group | None:
    """The same from the manager's list of cgroup, process and command line; None where nothing is in `top`."""
    group: Group | None = None
    for path, pid, command in sorted(processes, key=lambda each: (each[0].split("/"), each[1])):
        if path == top or path.startswith(top + "/"):
            group = inner = group or Group()
            for part in path[len(top):].split("/"):
                if part:
                    inner = inner.groups.setdefault(part, Group())
            inner.processes.append((pid, command))
    return group


# --- how --------------------------------------------------------------------------------------------------------------


def draw(group: Group, wanted: Wanted, prefix: str = "") -> list[str]:
    """The lines below the one that names the group."""
    groups = [(name, each) for name, each in group.groups.items() if wanted.empty or not each.is_empty]
    processes = sorted(group.processes)
    width = len(str(processes[-1][0])) if processes else 0
    lines = []
    for position, (pid, command) in enumerate(processes):
        is_last = position == len(processes) - 1 and not groups
        branch = prefix + glyph("corner" if is_last else "branch")
        lines.append(branch + painted(_cut(f"{pid:>{width}} {shown(command)}", wanted.width - len(branch), wanted), GREY))
    for position, (name, inner) in enumerate(groups):
        is_last = position == len(groups) - 1
        identifier = f" {painted(f'(#{inner.identifier})', GREY)}" if wanted.identifiers and inner.identifier else ""
        lines.append(f"{prefix}{glyph('corner' if is_last else 'branch')}{shown(name)}{identifier}")
        below = prefix + ("  " if is_last else glyph("line"))
        lines += [f"{below}{glyph('arrow')} {painted(key, GREY)}: {shown(value)}" for key, value in inner.attributes]
        lines += draw(inner, wanted, below)
    return lines


def _cut(text: str, width: int, wanted: Wanted) -> str:
    if not wanted.width or len(text) <= width:
        return text
    ellipsis = glyph("ellipsis")
    return text[:max(width - len(ellipsis), 0)] + ellipsis
