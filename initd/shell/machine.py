"""The facts of this machine that unit files mention: names, ids, releases, limits. Found out once, at start and at
daemon-reload.
"""

from __future__ import annotations

import os

from initd.core.conditions import ARCHITECTURES
from initd.core.places import SYSTEM, Places
from initd.core.sources import KERNEL_LIMITS, LoadFacts
from initd.shell import automounts, zones
from initd.shell.envfile import OS_RELEASE, read_assignments
from initd.shell.fds import read_small
from initd.shell.limits import ContainerLimits


def read_facts(container: ContainerLimits, root: str = "", places: Places = SYSTEM) -> LoadFacts:
    """What `core.load` needs; what cannot be found out keeps the default of `LoadFacts`."""
    names, user = os.uname(), read_user(container.uid)
    return LoadFacts(
        hostname=names.nodename,
        machine_id=read_line(root + "/etc/machine-id") or read_line(root + "/run/machine-id"),
        boot_id=read_line("/proc/sys/kernel/random/boot_id").replace("-", ""),
        kernel_release=names.release,
        architecture=ARCHITECTURES.get(names.machine, names.machine),
        os_release=_assignments(root, *OS_RELEASE),
        pretty_hostname=_assignments(root, "/etc/machine-info").get("PRETTY_HOSTNAME", ""),
        uid=container.uid,
        gid=container.gid,
        memory_total=os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"),
        tasks_total=_tasks_total(),
        cpu_count=os.cpu_count() or 1,
        limits=container.own_limits | {"nofile": KERNEL_LIMITS["nofile"]},
        own_limits=container.own_limits,
        is_time_zone=zones.is_zone,
        local_zone_names=zones.local().names(),
        in_user_mode=not places.is_init,
        has_automounts=places.is_init and automounts.are_supported(),
        **places.directories,
        working_directory=user["home"] if places.mode == "user" else "",
        **user,
    )


def read_line(path: str) -> str:
    """The first line of a file, "" where there is none."""
    try:
        return read_small(path).split(b"\n", 1)[0].decode("utf-8", "replace").strip()
    except OSError:
        return ""


def read_user(uid: int) -> dict[str, str]:
    """What the user database has of somebody, by the fields of `LoadFacts`."""
    import grp
    import pwd

    try:
        entry = pwd.getpwuid(uid)
        return {
            "user": entry.pw_name, "home": entry.pw_dir, "shell": entry.pw_shell, "group": grp.getgrgid(entry.pw_gid).gr_name
        }
    except KeyError:
        return {"user": str(uid), "home": "/", "group": str(uid)}


def _assignments(root: str, *paths: str) -> dict[str, str]:
    try:
        return read_assignments(root, *paths)
    except OSError:
        return {}


def _tasks_total() -> int:
    numbers = [read_line(f"/proc/sys/kernel/{name}") for name in ("pid_max", "threads-max")]
    return min([int(number) for number in numbers if number.isdigit()], default=32768)
