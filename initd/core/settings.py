"""What a loaded unit says: one class per section of systemd's manual, one attribute per directive.

A class attribute is the directive's default (systemd 252); an instance holds only what the unit's files set, so a
thousand units stay small. Instances are written by `core.load` and never changed afterwards.

Field names follow the directive: TimeoutStartSec= is `timeout_start_usec`. Times are microseconds, no limit is
INFINITY, lists are tuples. Which directive sets which field, and how, stands in `core.directives`.
"""

from __future__ import annotations

from initd.core.dependency import Dependency
from initd.core.record import Record
from initd.core.settings_exec import FILTER_FIELDS as FILTER_FIELDS
from initd.core.settings_exec import NUMA_POLICIES as NUMA_POLICIES
from initd.core.settings_exec import SANDBOX_FIELDS as SANDBOX_FIELDS
from initd.core.settings_exec import CgroupSettings as CgroupSettings
from initd.core.settings_exec import ExecSettings as ExecSettings
from initd.core.settings_exec import KillSettings as KillSettings
from initd.core.settings_exec import Settings as Settings
from initd.core.states import (
    CollectMode,
    EmergencyAction,
    JobMode,
    LoadState,
    NotifyAccess,
    ServiceExitType,
    ServiceRestart,
    ServiceType,
    TimeoutFailureMode,
    UnitType,
)
from initd.core.values import INFINITY, Condition, Diagnostic, ExecCommand


class UnitSettings(Settings):
    """[Unit] of any unit (systemd.unit(5)). Dependencies are kept apart, in `UnitDefinition.dependencies`."""

    description: str = ""
    documentation: tuple[str, ...] = ()
    source_path: str = ""
    requires_mounts_for: tuple[str, ...] = ()
    on_success_job_mode: JobMode = JobMode.FAIL
    on_failure_job_mode: JobMode = JobMode.REPLACE
    ignore_on_isolate: bool = False
    stop_when_unneeded: bool = False
    refuse_manual_start: bool = False
    refuse_manual_stop: bool = False
    allow_isolate: bool = False
    default_dependencies: bool = True
    survive_final_kill_signal: bool = False
    collect_mode: CollectMode = CollectMode.INACTIVE
    failure_action: EmergencyAction = EmergencyAction.NONE
    failure_action_exit_status: int = -1
    success_action: EmergencyAction = EmergencyAction.NONE
    success_action_exit_status: int = -1
    job_timeout_usec: int = INFINITY
    job_running_timeout_usec: int = INFINITY
    job_timeout_action: EmergencyAction = EmergencyAction.NONE
    job_timeout_reboot_argument: str = ""
    start_limit_interval_usec: int = 10_000_000
    start_limit_burst: int = 5
    start_limit_action: EmergencyAction = EmergencyAction.NONE
    reboot_argument: str = ""
    conditions: tuple[Condition, ...] = ()
    asserts: tuple[Condition, ...] = ()


class InstallSettings(Settings):
    """[Install] (systemd.unit(5), [INSTALL] SECTION OPTIONS). Specifiers are not expanded: the instance decides."""

    alias: tuple[str, ...] = ()
    wanted_by: tuple[str, ...] = ()
    required_by: tuple[str, ...] = ()
    upheld_by: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    default_instance: str = ""


class ServiceSettings(Settings):
    """[Service] (systemd.service(5))."""

    type: ServiceType = ServiceType.SIMPLE
    exit_type: ServiceExitType = ServiceExitType.MAIN
    remain_after_exit: bool = False
    guess_main_pid: bool = True
    pid_file: str = ""
    bus_name: str = ""
    exec_condition: tuple[ExecCommand, ...] = ()
    exec_start_pre: tuple[ExecCommand, ...] = ()
    exec_start: tuple[ExecCommand, ...] = ()
    exec_start_post: tuple[ExecCommand, ...] = ()
    exec_reload: tuple[ExecCommand, ...] = ()
    exec_stop: tuple[ExecCommand, ...] = ()
    exec_stop_post: tuple[ExecCommand, ...] = ()
    restart_usec: int = 100_000
    restart_steps: int = 0
    restart_max_delay_usec: int = INFINITY
    restart_mode: str = "normal"
    timeout_start_usec: int = 90_000_000
    timeout_stop_usec: int = 90_000_000
    #: None: follow timeout_stop_usec.
    timeout_abort_usec: int | None = None
    timeout_start_failure_mode: TimeoutFailureMode = TimeoutFailureMode.TERMINATE
    timeout_stop_failure_mode: TimeoutFailureMode = TimeoutFailureMode.TERMINATE
    runtime_max_usec: int = INFINITY
    runtime_randomized_extra_usec: int = 0
    watchdog_usec: int = 0
    restart: ServiceRestart = ServiceRestart.NO
    #: Exit statuses and signals as two sorted tuples of numbers.
    success_exit_status: tuple[tuple[int, ...], tuple[int, ...]] = ((), ())
    restart_prevent_exit_status: tuple[tuple[int, ...], tuple[int, ...]] = ((), ())
    restart_force_exit_status: tuple[tuple[int, ...], tuple[int, ...]] = ((), ())
    root_directory_start_only: bool = False
    permissions_start_only: bool = False
    non_blocking: bool = False
    notify_access: NotifyAccess = NotifyAccess.NONE
    sockets: tuple[str, ...] = ()
    file_descriptor_store_max: int = 0
    usb_function_descriptors: str = ""
    usb_function_strings: str = ""
    oom_policy: str = "stop"
    #: (path, fd name, options) of OpenFile=.
    open_file: tuple[tuple[str, str, tuple[str, ...]], ...] = ()
    reload_signal: int = 1


class SocketSettings(Settings):
    """[Socket] (systemd.socket(5))."""

    #: (kind, address) as `systemctl show` prints them: ("Stream", "/run/a.sock"), ("Netlink", "route 1").
    listen: tuple[tuple[str, str], ...] = ()
    socket_protocol: int = 0
    bind_ipv6_only: str = "default"
    backlog: int = 2**31 - 1
    bind_to_device: str = ""
    exec_start_pre: tuple[ExecCommand, ...] = ()
    exec_start_post: tuple[ExecCommand, ...] = ()
    exec_stop_pre: tuple[ExecCommand, ...] = ()
    exec_stop_post: tuple[ExecCommand, ...] = ()
    timeout_usec: int = 90_000_000
    socket_user: str = ""
    socket_group: str = ""
    socket_mode: int = 0o666
    directory_mode: int = 0o755
    accept: bool = False
    flush_pending: bool = False
    writable: bool = False
    max_connections: int = 64
    max_connections_per_source: int = 0
    keep_alive: bool = False
    keep_alive_time_usec: int = 0
    keep_alive_interval_usec: int = 0
    keep_alive_probes: int = 0
    defer_accept_usec: int = 0
    no_delay: bool = False
    #: -1: leave the kernel's default, here and below.
    priority: int = -1
    receive_buffer: int = 0
    send_buffer: int = 0
    ip_tos: int = -1
    ip_ttl: int = -1
    mark: int = -1
    pipe_size: int = 0
    free_bind: bool = False
    transparent: bool = False
    broadcast: bool = False
    pass_credentials: bool = False
    pass_security: bool = False
    pass_packet_info: bool = False
    timestamping: str = "off"
    tcp_congestion: str = ""
    reuse_port: bool = False
    message_queue_max_messages: int = 0
    message_queue_message_size: int = 0
    remove_on_stop: bool = False
    symlinks: tuple[str, ...] = ()
    #: Without FileDescriptorName= the socket's own name; what a connection is called then, systemd.socket(5) says.
    file_descriptor_name: str = ""
    #: Service=, or the service of the socket's own name; "" with Accept=yes.
    service: str = ""
    trigger_limit_interval_usec: int = 2_000_000
    #: None: 200 with Accept=yes, 20 without.
    trigger_limit_burst: int | None = None
    #: None: as the other of the two says, or no limit, as 252 has none.
    poll_limit_interval_usec: int | None = None
    poll_limit_burst: int | None = None
    smack_label: str = ""
    smack_label_ip_in: str = ""
    smack_label_ip_out: str = ""
    selinux_context_from_net: bool = False


class TimerSettings(Settings):
    """[Timer] (systemd.timer(5))."""

    #: (OnActiveSec and so on without "Sec", span), in the order of the file.
    monotonic: tuple[tuple[str, int], ...] = ()
    #: Calendar expressions, normalized.
    calendar: tuple[str, ...] = ()
    on_clock_change: bool = False
    on_timezone_change: bool = False
    persistent: bool = False
    wake_system: bool = False
    remain_after_elapse: bool = True
    fixed_random_delay: bool = False
    accuracy_usec: int = 60_000_000
    randomized_delay_usec: int = 0
    #: Unit=, or the service of the timer's own name.
    unit: str = ""


class PathSettings(Settings):
    """[Path] (systemd.path(5))."""

    #: (directive, path), in the order of the file.
    paths: tuple[tuple[str, str], ...] = ()
    #: Unit=, or the service of the path unit's own name.
    unit: str = ""
    make_directory: bool = False
    directory_mode: int = 0o755
    trigger_limit_interval_usec: int = 2_000_000
    trigger_limit_burst: int = 200


class MountSettings(Settings):
    """[Mount] (systemd.mount(5))."""

    what: str = ""
    where: str = ""
    options: str = ""
    type: str = ""
    timeout_usec: int = 90_000_000
    directory_mode: int = 0o755
    sloppy_options: bool = False
    lazy_unmount: bool = False
    force_unmount: bool = False
    read_write_only: bool = False


class AutomountSettings(Settings):
    """[Automount] (systemd.automount(5))."""

    where: str = ""
    extra_options: str = ""
    directory_mode: int = 0o755
    #: 0: never.
    timeout_idle_usec: int = 0
    #: There are automount points here: no setting, but known when settings are complete.
    is_supported: bool = False


class SwapSettings(Settings):
    """[Swap] (systemd.swap(5))."""

    what: str = ""
    #: None: the kernel chooses.
    priority: int | None = None
    options: str = ""
    timeout_usec: int = 90_000_000


class SliceSettings(Settings):
    """[Slice] has no directive of its own (systemd.slice(5))."""


class ScopeSettings(Settings):
    """[Scope] (systemd.scope(5))."""

    runtime_max_usec: int = INFINITY
    runtime_randomized_extra_usec: int = 0
    timeout_stop_usec: int = 90_000_000
    oom_policy: str = "stop"


class DependencyEntry(Record):
    """One dependency that a unit's files or its type's rules give it. `origin` is "file", "default", "implicit", …"""

    kind: Dependency
    unit: str
    origin: str = "file"


class UnitDefinition(Record):
    """Everything read about one unit. What of it applies to its type is set, the rest is None.

    `name` is the primary name (Id), `names` holds every name it answers to, `name` included.
    `dependencies` is what its own files, their .wants/ and .requires/ directories, and the rules of its type give; the
    graph adds the inverses. `specific` is the settings object of the unit's own section (ServiceSettings, …).
    `mtime_usec` is the newest modification time of fragment and drop-ins, `source_mtime_usec` that of the file which
    SourcePath= names, 0 where there is none (NeedDaemonReload=). `is_complete`: its type's defaults were filled in.
    """

    name: str
    type: UnitType
    load_state: LoadState
    names: tuple[str, ...] = ()
    load_error: str = ""
    #: The D-Bus error that `load_error` is the text of.
    load_error_name: str = ""
    fragment_path: str = ""
    source_path: str = ""
    dropin_paths: tuple[str, ...] = ()
    mtime_usec: int = 0
    source_mtime_usec: int = 0
    dependencies: tuple[DependencyEntry, ...] = ()
    unit: UnitSettings = UnitSettings()
    install: InstallSettings = InstallSettings()
    specific: Settings | None = None
    exec: ExecSettings | None = None
    kill: KillSettings | None = None
    cgroup: CgroupSettings | None = None
    diagnostics: tuple[Diagnostic, ...] = ()
    is_transient: bool = False
    is_generated: bool = False
    is_perpetual: bool = False
    is_complete: bool = False
