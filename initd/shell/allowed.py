"""What `core.fates` needs to know of this container: the limits that were probed, and whether cgroups are writable.

Unlike `shell.cgroup.detect` this only looks: it makes no group and enters none.
"""

from __future__ import annotations

import os

from initd.core.sources import DIRECTORY_BASES, Allowed
from initd.shell import automounts
from initd.shell.fds import read_small
from initd.shell.limits import ContainerLimits
from initd.shell.sandbox import native_machine
from initd.wire.proc import parse_mounts

#: seccomp(2): SECCOMP_MODE_FILTER, as /proc/PID/status shows it.
_FILTER = 2


#: By the bit of what `pyinit-exec --probe` ends with.
_NAMESPACES = ("mount", "network", "ipc", "uts", "user")
_KEYRING, _MEMORY_POLICY = 32, 64


def probe(container: ContainerLimits, helper: str, directories: dict[str, str] = DIRECTORY_BASES) -> Allowed:
    """`helper` is the path of pyinit-exec; `directories`: where the manager has those of its units, by settings' names."""
    tree = _writable_tree()
    found = _try_out(helper)
    return Allowed(
        uid=container.uid,
        capabilities=container.capabilities,
        has_cgroups=bool(tree),
        controllers=_controllers(tree),
        unwritable=frozenset([DIRECTORY_BASES[name] for name, path in directories.items() if not _can_be_made(path)]),
        has_seccomp_filter=container.seccomp_mode == _FILTER,
        can_filter=container.seccomp_mode is not None,
        namespaces=frozenset([name for bit, name in enumerate(_NAMESPACES) if found >> bit & 1]),
        can_use_keyrings=bool(found & _KEYRING),
        can_set_memory_policy=bool(found & _MEMORY_POLICY),
        machine=native_machine(),
        hard_limits=container.hard_limits,
        has_automounts=automounts.are_supported(),
    )


def _can_be_made(path: str) -> bool:
    """Something in this directory: it, or the nearest above it that is there, can be written."""
    while not os.path.exists(path) and path != "/":
        path = os.path.dirname(path)
    return os.access(path, os.W_OK)


def _try_out(helper: str) -> int:
    """Tried, not guessed: capabilities, the container's filter and its security module all have a say in it."""
    try:
        pid = os.posix_spawn(helper, ["pyinit-exec", "--probe"], {})
    except OSError:
        return 0
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return max(status, 0)


def _writable_tree() -> str:
    """Where a tree that could carry units is mounted for writing, and ours to write to; "" where none is."""
    for mount in parse_mounts(read_small("/proc/self/mountinfo", 1 << 20)):
        is_tree = mount.type == "cgroup2" or mount.type == "cgroup" and "name=systemd" in mount.super_options
        if is_tree and not mount.is_read_only and os.access(mount.path, os.W_OK):
            return mount.path
    return ""


def _controllers(tree: str) -> frozenset[str]:
    """None in v1, where each has a tree of its own, which is not ours."""
    try:
        return frozenset(read_small(tree + "/cgroup.controllers").decode("ascii", "replace").split())
    except OSError:
        return frozenset()
