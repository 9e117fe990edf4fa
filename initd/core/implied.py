"""Dependencies that no file writes: the implicit and the default ones of each unit type.

Source: the sections "Automatic Dependencies" of systemd.service(5), systemd.socket(5), … and systemd.exec(5), tried
against a real systemd 252 in a container: there it has no device units, and leaves out the dependencies on them. What
depends on other units being there (a target after what it wants, the mount units above a path) is the work of `core.graph` and
`core.mountpoint`.
"""

from __future__ import annotations

from initd.core import unitname
from initd.core.completion import is_api_mount, runs_processes
from initd.core.dependency import Dependency
from initd.core.mountpoint import NETWORK_TYPES
from initd.core.settings import (
    AutomountSettings,
    CgroupSettings,
    DependencyEntry,
    ExecSettings,
    MountSettings,
    PathSettings,
    ServiceSettings,
    SocketSettings,
    SwapSettings,
    TimerSettings,
    UnitDefinition,
)
from initd.core.settings_exec import has_device_policy, inherits_nothing
from initd.core.states import LoadState, ServiceType, UnitType

_AFTER, _BEFORE, _REQUIRES, _WANTS = Dependency.AFTER, Dependency.BEFORE, Dependency.REQUIRES, Dependency.WANTS
_CONFLICTS, _TRIGGERS, _SLICE = Dependency.CONFLICTS, Dependency.TRIGGERS, Dependency.IN_SLICE
_STOP_PROPAGATED = Dependency.STOP_PROPAGATED_FROM

#: Types that wait for the early boot and leave at shutdown.
_AFTER_SYSINIT = frozenset((UnitType.SERVICE, UnitType.SOCKET, UnitType.TIMER, UnitType.PATH))
_BEFORE_TARGET = {
    UnitType.SOCKET: "sockets.target", UnitType.TIMER: "timers.target", UnitType.PATH: "paths.target",
}
_LEAVES_AT_SHUTDOWN = _AFTER_SYSINIT | {UnitType.TARGET, UnitType.SLICE, UnitType.SCOPE}
_JOURNAL_OUTPUTS = frozenset(("", "journal", "kmsg", "journal+console", "kmsg+console"))


def implied_dependencies(definition: UnitDefinition, in_user_mode: bool = False) -> tuple[DependencyEntry, ...]:
    """Everything that follows from the unit's own settings, in a fixed order; its own file's dependencies left out."""
    found = _Found(definition)
    if definition.unit.default_dependencies:
        _add_default(found, definition, in_user_mode)
    _add_specific(found, definition)
    if definition.exec is not None and runs_processes(definition.specific) and not in_user_mode:
        _add_exec(found, definition.exec, definition.cgroup)
    if definition.load_state is LoadState.LOADED:
        # systemd gets to these only when nothing was wrong with the unit.
        _add_slice(found, definition)
        if definition.unit.requires_mounts_for and definition.name != "-.mount":
            found.implicit(_AFTER, "-.mount")
    return tuple(found.entries.values())


class _Found:
    def __init__(self, definition: UnitDefinition) -> None:
        self.own_names = {definition.name, *definition.names}
        self.entries: dict[tuple[Dependency, str], DependencyEntry] = {}

    def default(self, kind: Dependency, *units: str) -> None:
        """On units of a handful of names: what thousands of units have is one entry."""
        for unit in units:
            if unit not in self.own_names:
                key = (kind, unit)
                if key not in _SHARED:
                    _SHARED[key] = DependencyEntry(kind, unit, "default")
                self.entries.setdefault(key, _SHARED[key])

    def implicit(self, kind: Dependency, *units: str) -> None:
        for unit in units:
            if unit not in self.own_names:
                self.entries.setdefault((kind, unit), DependencyEntry(kind, unit, "implicit"))


_SHARED: dict[tuple[Dependency, str], DependencyEntry] = {}


# --- by type ------------------------------------------------------------------------------------------------------


def _add_default(found: _Found, definition: UnitDefinition, in_user_mode: bool) -> None:
    kind = definition.type
    if kind is UnitType.SERVICE and in_user_mode:
        found.default(_REQUIRES, "basic.target")
    if kind in _AFTER_SYSINIT and not in_user_mode:
        found.default(_REQUIRES, "sysinit.target")
        found.default(_AFTER, "sysinit.target")
    if kind is UnitType.SERVICE:
        found.default(_AFTER, "basic.target")
    if kind in _BEFORE_TARGET:
        found.default(_BEFORE, _BEFORE_TARGET[kind])
    if kind in _LEAVES_AT_SHUTDOWN and definition.name not in ("shutdown.target", "-.slice", "init.scope"):
        found.default(_CONFLICTS, "shutdown.target")
        found.default(_BEFORE, "shutdown.target")
    specific = definition.specific
    if isinstance(specific, TimerSettings) and specific.calendar and not in_user_mode:
        found.default(_AFTER, "time-set.target", "time-sync.target")
    elif isinstance(specific, MountSettings):
        _add_mount_default(found, specific)
    elif isinstance(specific, AutomountSettings):
        _add_automount_default(found)


def _add_mount_default(found: _Found, mount: MountSettings) -> None:
    if is_api_mount(mount.where):
        return
    options = mount.options.split(",") if mount.options else []
    is_network = mount.type in NETWORK_TYPES or mount.type.startswith("fuse.") and \
        mount.type[5:] in NETWORK_TYPES or "_netdev" in options
    if is_network:
        found.default(_AFTER, "remote-fs-pre.target", "network.target", "network-online.target")
        found.default(_WANTS, "network-online.target")
    else:
        found.default(_AFTER, "local-fs-pre.target")
    if "nofail" not in options:
        found.default(_BEFORE, "remote-fs.target" if is_network else "local-fs.target")
    found.default(_BEFORE, "umount.target")
    found.default(_CONFLICTS, "umount.target")
    if mount.type == "tmpfs":
        found.default(_AFTER, "swap.target")


def _add_automount_default(found: _Found) -> None:
    found.default(_BEFORE, "local-fs.target", "umount.target")
    found.default(_AFTER, "local-fs-pre.target")
    found.default(_CONFLICTS, "umount.target")


def _add_specific(found: _Found, definition: UnitDefinition) -> None:
    specific = definition.specific
    if isinstance(specific, ServiceSettings):
        if specific.type is ServiceType.DBUS:
            found.implicit(_REQUIRES, "dbus.socket")
            found.implicit(_AFTER, "dbus.socket")
    elif isinstance(specific, SocketSettings):
        if specific.service:
            found.implicit(_BEFORE, specific.service)
            found.implicit(_TRIGGERS, specific.service)
    elif isinstance(specific, (TimerSettings, PathSettings)):
        found.implicit(_BEFORE, specific.unit)
        found.implicit(_TRIGGERS, specific.unit)
    elif isinstance(specific, AutomountSettings):
        mount = unitname.change_type(definition.name, "mount")
        found.implicit(_BEFORE, mount)
        found.implicit(_TRIGGERS, mount)
    elif isinstance(specific, SwapSettings):
        _add_swap(found, specific)


def _add_swap(found: _Found, swap: SwapSettings) -> None:
    if not swap.what.startswith("/dev/"):
        # A swap file can be used only where its file system may be written.
        found.implicit(_AFTER, "systemd-remount-fs.service")


def _add_exec(found: _Found, settings: ExecSettings, cgroup: CgroupSettings | None) -> None:
    if settings.private_tmp:
        found.implicit(_WANTS, "tmp.mount")
        found.implicit(_AFTER, "tmp.mount", "systemd-tmpfiles-setup.service")
    if settings.state_directory or settings.cache_directory or settings.logs_directory:
        # They are to be writable.
        found.implicit(_AFTER, "systemd-remount-fs.service")
    if settings.root_image:
        found.implicit(_AFTER, "systemd-udevd.service")
    if (settings.root_image or settings.mount_images) and cgroup is not None and has_device_policy(cgroup):
        modules = ("modprobe@loop.service", "modprobe@dm_mod.service", "modprobe@dm_verity.service")
        found.implicit(_WANTS, *modules)
        found.implicit(_AFTER, *modules)
    if settings.log_namespace:
        sockets = (f"systemd-journald@{settings.log_namespace}.socket",
                   f"systemd-journald-varlink@{settings.log_namespace}.socket")
        found.implicit(_REQUIRES, *sockets)
        found.implicit(_AFTER, *sockets)
    elif (settings.standard_output in _JOURNAL_OUTPUTS or inherits_nothing(settings)
          or settings.standard_error in _JOURNAL_OUTPUTS - {""}):
        found.implicit(_AFTER, "systemd-journald.socket")


def _add_slice(found: _Found, definition: UnitDefinition) -> None:
    slice_name = definition.cgroup.slice if definition.cgroup is not None else ""
    if slice_name:
        found.implicit(_REQUIRES, slice_name)
        found.implicit(_AFTER, slice_name)
        found.implicit(_SLICE, slice_name)
