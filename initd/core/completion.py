"""What the rules of a unit's type make of what its files say: settings that follow from others, and refusals.

`complete` fills in what the man pages say "defaults to" something that is not one constant. `refusal` says why a unit
that was read cannot be used, in systemd's words.
"""

from __future__ import annotations

from initd.core import capabilities, unitname
from initd.core.draft import Draft
from initd.core.sections import Group
from initd.core.settings import (
    AutomountSettings,
    MountSettings,
    PathSettings,
    ScopeSettings,
    ServiceSettings,
    Settings,
    SocketSettings,
    SwapSettings,
    TimerSettings,
)
from initd.core.settings_exec import ExecSettings, has_device_policy
from initd.core.sources import LoadFacts
from initd.core.states import EmergencyAction, NotifyAccess, ServiceRestart, ServiceType, UnitType
from initd.core.unfinished import Keyed
from initd.core.values import INFINITY

#: Types whose units stay when another unit is isolated.
_STAYS_ON_ISOLATE = frozenset((
    UnitType.SLICE, UnitType.SCOPE, UnitType.MOUNT, UnitType.AUTOMOUNT, UnitType.SWAP, UnitType.DEVICE,
))
_API_MOUNTS = ("/", "/usr", "/etc", "/proc", "/sys", "/dev", "/run")
#: What mounting an image needs.
_IMAGE_DEVICES = (
    ("/dev/loop-control", "rw"), ("/dev/mapper/control", "rw"), ("block-loop", "rwm"), ("block-blkext", "rwm"),
    ("block-device-mapper", "rwm"),
)
_BASES = (
    ("runtime_directory", "runtime_directory"), ("state_directory", "state_directory"),
    ("cache_directory", "cache_directory"), ("logs_directory", "logs_directory"),
    ("configuration_directory", "configuration_directory"),
)


def prepare(draft: Draft, facts: LoadFacts) -> None:
    """Defaults that must be there before the files are read, as lines of a file may add to them."""
    if draft.kind in _STAYS_ON_ISOLATE:
        draft.set(Group.UNIT, "ignore_on_isolate", True)
    if draft.kind is UnitType.SERVICE:
        draft.set(Group.EXEC, "keyring_mode", "private")
    elif draft.exec is not None:
        draft.set(Group.EXEC, "keyring_mode", "shared")
    if draft.kind is UnitType.MOUNT:
        draft.set(Group.EXEC, "same_process_group", True)
    if draft.kind is UnitType.SOCKET:
        # Here for a unit that turns out to be bad, and once more in the end, where a file has emptied it.
        draft.set(Group.SPECIFIC, "file_descriptor_name", draft.name)
    if draft.kind is UnitType.SLICE:
        draft.set(Group.CGROUP, "tasks_max", INFINITY)


def complete(draft: Draft, facts: LoadFacts) -> None:
    """Everything that follows from what the files set."""
    unit = draft.unit
    if draft.is_set(Group.UNIT, "job_timeout_usec"):
        draft.default(Group.UNIT, "job_running_timeout_usec", unit.job_timeout_usec)
    draft.default(Group.UNIT, "start_limit_interval_usec", facts.default_start_limit_interval_usec)
    draft.default(Group.UNIT, "start_limit_burst", facts.default_start_limit_burst)
    _complete_specific(draft, facts)
    if draft.exec is not None:
        _complete_exec(draft, facts)
    if draft.cgroup is not None:
        _complete_slice(draft, facts)
    if not unit.description:
        unit.description = description(draft)


def _complete_specific(draft: Draft, facts: LoadFacts) -> None:
    specific = draft.specific
    if isinstance(specific, ServiceSettings):
        _complete_service(draft, specific, facts)
    elif isinstance(specific, SocketSettings):
        _complete_socket(draft, specific, facts)
    elif isinstance(specific, TimerSettings):
        draft.default(Group.SPECIFIC, "accuracy_usec", facts.default_timer_accuracy_usec)
        draft.default(Group.SPECIFIC, "unit", unitname.change_type(draft.name, "service"))
        if specific.persistent and not facts.in_user_mode:
            add_mounts_for(draft, f"{facts.state_directory}/systemd/timers")
    elif isinstance(specific, PathSettings):
        draft.default(Group.SPECIFIC, "unit", unitname.change_type(draft.name, "service"))
        for _, path in specific.paths:
            add_mounts_for(draft, path)
    elif isinstance(specific, MountSettings):
        _complete_mount(draft, specific, facts)
    elif isinstance(specific, AutomountSettings):
        draft.default(Group.SPECIFIC, "where", _path_of(draft.name))
        add_mounts_for(draft, _parent(specific.where))
        specific.is_supported = facts.has_automounts
    elif isinstance(specific, SwapSettings):
        draft.default(Group.SPECIFIC, "timeout_usec", facts.default_timeout_start_usec)
        draft.default(Group.SPECIFIC, "what", _path_of(draft.name))
        add_mounts_for(draft, specific.what)
    elif isinstance(specific, ScopeSettings):
        draft.default(Group.SPECIFIC, "timeout_stop_usec", facts.default_timeout_stop_usec)
        draft.default(Group.SPECIFIC, "oom_policy", _oom_policy(draft, facts))


# --- services -----------------------------------------------------------------------------------------------------


def _complete_service(draft: Draft, service: ServiceSettings, facts: LoadFacts) -> None:
    if not draft.is_set(Group.SPECIFIC, "type"):
        service.type = _service_type(service)
    if not draft.is_set(Group.SPECIFIC, "timeout_start_usec"):
        # A oneshot service may take as long as it takes.
        is_oneshot = service.type is ServiceType.ONESHOT
        draft.default(Group.SPECIFIC, "timeout_start_usec",
                      INFINITY if is_oneshot else facts.default_timeout_start_usec)
    draft.default(Group.SPECIFIC, "timeout_stop_usec", facts.default_timeout_stop_usec)
    draft.default(Group.SPECIFIC, "timeout_abort_usec", facts.default_timeout_abort_usec)
    draft.default(Group.SPECIFIC, "restart_usec", facts.default_restart_usec)
    draft.default(Group.SPECIFIC, "oom_policy", _oom_policy(draft, facts))
    hears = (service.type in (ServiceType.NOTIFY, ServiceType.NOTIFY_RELOAD) or 0 < service.watchdog_usec < INFINITY
             or service.file_descriptor_store_max > 0)
    if hears and service.notify_access is NotifyAccess.NONE:
        service.notify_access = NotifyAccess.MAIN


def _service_type(service: ServiceSettings) -> ServiceType:
    if service.bus_name:
        return ServiceType.DBUS
    return ServiceType.SIMPLE if service.exec_start else ServiceType.ONESHOT


def _oom_policy(draft: Draft, facts: LoadFacts) -> str:
    """A unit that manages its own subtree also decides for itself what an OOM kill there means."""
    return "continue" if draft.cgroup is not None and draft.cgroup.delegate else facts.default_oom_policy


# --- sockets and mounts --------------------------------------------------------------------------------------------


def _complete_socket(draft: Draft, socket: SocketSettings, facts: LoadFacts) -> None:
    draft.default(Group.SPECIFIC, "timeout_usec", facts.default_timeout_start_usec)
    if not socket.accept:
        draft.default(Group.SPECIFIC, "service", unitname.change_type(draft.name, "service"))
    draft.default(Group.SPECIFIC, "file_descriptor_name", draft.name)
    for kind, address in socket.listen:
        is_node = kind in ("FIFO", "Special", "USBFunction") or kind in ("Stream", "Datagram", "SequentialPacket")
        if is_node and address.startswith("/"):
            add_mounts_for(draft, address)


def _complete_mount(draft: Draft, mount: MountSettings, facts: LoadFacts) -> None:
    draft.default(Group.SPECIFIC, "timeout_usec", facts.default_timeout_start_usec)
    draft.default(Group.SPECIFIC, "where", _path_of(draft.name))
    if mount.where != "/":
        add_mounts_for(draft, _parent(mount.where))
    if mount.what.startswith("/") and mount.what != mount.where:
        add_mounts_for(draft, mount.what)


def is_api_mount(path: str) -> bool:
    """Mounted by the kernel or the manager before any unit runs: no unit of ours brings it or takes it away."""
    return path in _API_MOUNTS or path.startswith(("/proc/", "/sys/", "/dev/"))


def _path_of(name: str) -> str:
    try:
        return unitname.unescape_path(name.rpartition(".")[0])
    except ValueError:
        return ""


def _parent(path: str) -> str:
    return path.rpartition("/")[0] or "/"


# --- what processes get --------------------------------------------------------------------------------------------


def _complete_exec(draft: Draft, facts: LoadFacts) -> None:
    exec_settings = draft.exec
    assert exec_settings is not None
    if exec_settings.dynamic_user:
        _complete_dynamic_user(draft)
    if facts.working_directory and not exec_settings.working_directory:
        exec_settings.working_directory, exec_settings.working_directory_missing_ok = facts.working_directory, True
    _drop_capabilities(draft)
    _close_devices(draft)
    is_mount = draft.kind in (UnitType.MOUNT, UnitType.SWAP)
    if exec_settings.standard_input == "null" and exec_settings.standard_input_data and not is_mount:
        exec_settings.standard_input = "data"
    if not exec_settings.standard_output and exec_settings.standard_input not in ("null", "file"):
        # A process that reads a terminal or a socket answers there.
        if exec_settings.standard_input in ("socket", "fd", "tty", "tty-force", "tty-fail"):
            exec_settings.standard_output = "inherit"
    for field, _ in _BASES:
        if getattr(exec_settings, field):
            setattr(exec_settings, field, tuple(sorted(getattr(exec_settings, field))))
    if runs_processes(draft.specific):
        _add_mounts(draft, exec_settings, facts)


def runs_processes(specific: Settings | None) -> bool:
    """A socket unit that runs no command of its own has no process to prepare for."""
    return not isinstance(specific, SocketSettings) or bool(
        specific.exec_start_pre or specific.exec_start_post or specific.exec_stop_pre or specific.exec_stop_post)


def _add_mounts(draft: Draft, exec_settings: ExecSettings, facts: LoadFacts) -> None:
    if not exec_settings.working_directory_missing_ok and exec_settings.working_directory.startswith("/"):
        add_mounts_for(draft, exec_settings.working_directory)
    for path in (exec_settings.root_directory, exec_settings.root_image):
        if path:
            add_mounts_for(draft, path)
    for field, fact in _BASES:
        for path, _ in getattr(exec_settings, field):
            add_mounts_for(draft, f"{getattr(facts, fact)}/{path}")
    if exec_settings.private_tmp and not facts.in_user_mode:
        # /tmp itself is wanted, not required: see `implied`.
        add_mounts_for(draft, "/var/tmp")


def _complete_dynamic_user(draft: Draft) -> None:
    exec_settings = draft.exec
    assert exec_settings is not None
    if not exec_settings.user:
        exec_settings.user = unitname.prefix(draft.name)
    if not exec_settings.group:
        exec_settings.group = exec_settings.user
    exec_settings.private_tmp = True
    exec_settings.remove_ipc = True
    exec_settings.no_new_privileges = True
    exec_settings.restrict_suid_sgid = True
    exec_settings.protect_system = "strict"
    if exec_settings.protect_home == "no":
        exec_settings.protect_home = "read-only"


def _drop_capabilities(draft: Draft) -> None:
    """What is protected from the unit it may also not do by capability."""
    exec_settings = draft.exec
    assert exec_settings is not None
    dropped = [
        name
        for is_set, names in (
            (exec_settings.private_devices, ("cap_mknod", "cap_sys_rawio")),
            (exec_settings.protect_kernel_modules, ("cap_sys_module",)),
            (exec_settings.protect_kernel_logs, ("cap_syslog",)),
            (exec_settings.protect_clock, ("cap_sys_time", "cap_wake_alarm")),
        )
        if is_set
        for name in names
    ]
    if dropped:
        mask = exec_settings.capability_bounding_set
        if mask is None:
            mask = capabilities.ALL
        for name in dropped:
            mask &= ~(1 << capabilities.number(name))
        exec_settings.capability_bounding_set = mask


def _close_devices(draft: Draft) -> None:
    exec_settings, cgroup = draft.exec, draft.cgroup
    if exec_settings is None or cgroup is None:
        return
    if exec_settings.private_devices and cgroup.device_policy == "auto":
        cgroup.device_policy = "closed"
    if (exec_settings.root_image or exec_settings.mount_images) and has_device_policy(cgroup):
        cgroup.device_allow = (*cgroup.device_allow, *_IMAGE_DEVICES)
    if exec_settings.protect_clock and has_device_policy(cgroup):
        # The clock may be read: where devices are allowed one by one, it is one of them.
        cgroup.device_allow = (*cgroup.device_allow, ("char-rtc", "r"))


def add_mounts_for(draft: Draft, path: str) -> None:
    """The unit needs what is mounted at and above this path."""
    found = draft.get(Group.UNIT, "requires_mounts_for")
    if path and type(found) is not Keyed:
        found = Keyed(zip(found, found))
        draft.begin(Group.UNIT, "requires_mounts_for", found)
    if path:
        found.setdefault(path, path)


# --- slices and words ----------------------------------------------------------------------------------------------


def _complete_slice(draft: Draft, facts: LoadFacts) -> None:
    cgroup = draft.cgroup
    assert cgroup is not None
    if draft.kind is UnitType.SLICE:
        cgroup.slice = parent_slice(draft.name)
    elif not cgroup.slice:
        cgroup.slice = _default_slice(draft.name, "app" if facts.in_user_mode else "system")


def parent_slice(name: str) -> str:
    """The slice that a slice lies in; empty for the root."""
    if name == "-.slice":
        return ""
    above = name.rpartition(".")[0].rpartition("-")[0]
    return f"{above}.slice" if above else "-.slice"


def _default_slice(name: str, stem: str) -> str:
    if name == "init.scope" or name.endswith(".mount") and is_api_mount(_path_of(name)):
        return "-.slice"
    if unitname.is_instance(name):
        # The dash of a prefix is no level of the hierarchy.
        return f"{stem}-" + unitname.prefix(name).replace("\\", "\\x5c").replace("-", "\\x2d") + ".slice"
    return f"{stem}.slice"


def description(draft: Draft) -> str:
    specific = draft.specific
    if draft.kind is UnitType.SLICE:
        if draft.name == "-.slice":
            return "Root Slice"
        stem = draft.name.rpartition(".")[0]
        try:
            return "Slice /" + unitname.unescape(stem)
        except ValueError:
            return draft.name
    if isinstance(specific, MountSettings) and specific.where:
        return specific.where
    if isinstance(specific, SwapSettings) and specific.what:
        return specific.what
    return draft.name


# --- refusals -----------------------------------------------------------------------------------------------------


def refusal(draft: Draft) -> str:
    """Why this unit cannot be used; empty where it can."""
    specific = draft.specific
    if isinstance(specific, ServiceSettings):
        return _service_refusal(draft, specific)
    if isinstance(specific, SocketSettings):
        return _socket_refusal(specific)
    if isinstance(specific, TimerSettings):
        has_trigger = specific.monotonic or specific.calendar or specific.on_clock_change or specific.on_timezone_change
        return "" if has_trigger else "Timer unit lacks value setting. Refusing."
    if isinstance(specific, PathSettings):
        return "" if specific.paths else "Path unit lacks path setting. Refusing."
    if isinstance(specific, (MountSettings, AutomountSettings)):
        return _mount_refusal(draft, specific)
    if isinstance(specific, SwapSettings):
        if specific.what and unitname.path_to_unit(specific.what, "swap") != draft.name:
            return "Value of What= and unit name do not match, not loading."
    return ""


def _service_refusal(draft: Draft, service: ServiceSettings) -> str:
    if not service.exec_start and not service.exec_stop and draft.unit.success_action is EmergencyAction.NONE:
        return "Service has no ExecStart=, ExecStop=, or SuccessAction=. Refusing."
    if service.type is not ServiceType.ONESHOT and not service.exec_start:
        return "Service has no ExecStart= setting, which is only allowed for Type=oneshot services. Refusing."
    if not service.remain_after_exit and not service.exec_start and draft.unit.success_action is EmergencyAction.NONE:
        return "Service has no ExecStart= setting, which is only allowed for RemainAfterExit=yes services. Refusing."
    if service.type is not ServiceType.ONESHOT and len(service.exec_start) > 1:
        return ("Service has more than one ExecStart= setting, which is only allowed for Type=oneshot services. "
                "Refusing.")
    if service.type is ServiceType.ONESHOT and service.restart in (ServiceRestart.ALWAYS, ServiceRestart.ON_SUCCESS):
        return ("Service has Restart= set to either always or on-success, which isn't allowed for Type=oneshot "
                "services. Refusing.")
    if service.type is ServiceType.ONESHOT and any(service.restart_force_exit_status):
        return "Service has RestartForceExitStatus= set, which isn't allowed for Type=oneshot services. Refusing."
    if service.type is ServiceType.DBUS and not service.bus_name:
        return "Service is of type D-Bus but no D-Bus service name has been specified. Refusing."
    return ""


def _socket_refusal(socket: SocketSettings) -> str:
    if not socket.listen:
        return "Unit has no Listen setting (ListenStream=, ListenDatagram=, ListenFIFO=, ...). Refusing."
    if socket.accept and any(kind not in ("Stream", "SequentialPacket") for kind, _ in socket.listen):
        return "Unit configured for accepting sockets, but sockets are non-accepting. Refusing."
    if socket.accept and socket.max_connections <= 0:
        return "MaxConnection= setting too small. Refusing."
    if socket.accept and socket.service:
        return "Explicit service configuration for accepting socket units not supported. Refusing."
    nodes = [address for kind, address in socket.listen if address.startswith("/") and kind != "MessageQueue"]
    if socket.symlinks and len(nodes) != 1:
        return "Unit has symlinks set but none or more than one node in the file system. Refusing."
    return ""


def _mount_refusal(draft: Draft, mount: MountSettings | AutomountSettings) -> str:
    if not mount.where or unitname.path_to_unit(mount.where, draft.kind.value) != draft.name:
        return "Where= setting doesn't match unit name. Refusing."
    if isinstance(mount, MountSettings) and not mount.what and draft.name != "-.mount":
        return "What= setting is missing. Refusing."
    return ""
