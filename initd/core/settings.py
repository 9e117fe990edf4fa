"""What a loaded unit says: one class per section of systemd's manual, one attribute per directive.

A class attribute is the directive's default (systemd 252); an instance holds only what the unit's files set, so a
thousand units stay small. Instances are written by `core.load` and never changed afterwards.

Field names follow the directive: TimeoutStartSec= is `timeout_start_usec`. Times are microseconds, no limit is
INFINITY, lists are tuples. Which directive sets which field, and how, stands in `core.directives`.
"""

from __future__ import annotations

from initd.core.dependency import Dependency
from initd.core.record import Record
from initd.core.states import (
    CollectMode,
    EmergencyAction,
    JobMode,
    KillMode,
    LoadState,
    NotifyAccess,
    ServiceExitType,
    ServiceRestart,
    ServiceType,
    TimeoutFailureMode,
    UnitType,
)
from initd.core.values import INFINITY, Condition, Diagnostic, ExecCommand


class Settings:
    """Base: compares and prints by what was set."""

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.__dict__ == other.__dict__

    def __hash__(self) -> int:
        return id(self)

    def __repr__(self) -> str:
        inner = ", ".join(f"{field}={value!r}" for field, value in sorted(self.__dict__.items()))
        return f"{type(self).__name__}({inner})"


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


class KillSettings(Settings):
    """systemd.kill(5)."""

    kill_mode: KillMode = KillMode.CONTROL_GROUP
    kill_signal: int = 15
    #: None: the same as kill_signal.
    restart_kill_signal: int | None = None
    final_kill_signal: int = 9
    watchdog_signal: int = 6
    send_sigkill: bool = True
    send_sighup: bool = False


class ExecSettings(Settings):
    """systemd.exec(5)."""

    exec_search_path: tuple[str, ...] = ()
    #: "" is the default, "~" the user's home.
    working_directory: str = ""
    working_directory_missing_ok: bool = False
    root_directory: str = ""
    root_image: str = ""
    #: (partition, mount options).
    root_image_options: tuple[tuple[str, str], ...] = ()
    #: The hash as hexadecimal digits, or the path of a file with it; of a signature, "base64:…" or a path.
    root_hash: str = ""
    root_hash_signature: str = ""
    root_verity: str = ""
    extension_directories: tuple[str, ...] = ()
    #: (path, missing is fine, ((partition, mount options), …)).
    extension_images: tuple[tuple[str, bool, tuple[tuple[str, str], ...]], ...] = ()
    #: (path, destination, missing is fine, ((partition, mount options), …)).
    mount_images: tuple[tuple[str, str, bool, tuple[tuple[str, str], ...]], ...] = ()
    user: str = ""
    group: str = ""
    dynamic_user: bool = False
    supplementary_groups: tuple[str, ...] = ()
    pam_name: str = ""
    #: Capability sets are bit masks; None: leave as it is.
    capability_bounding_set: int | None = None
    ambient_capabilities: int = 0
    #: Bit mask of SECBIT_*.
    secure_bits: int = 0
    no_new_privileges: bool = False
    umask: int = 0o022
    #: Resource → (soft, hard), resource by its lower-case RLIMIT name ("nofile").
    limits: dict[str, tuple[int, int]] = {}
    nice: int | None = None
    #: 0 other, 1 fifo, 2 rr, 3 batch, 5 idle, as sched(7) numbers them; None: leave.
    cpu_scheduling_policy: int | None = None
    cpu_scheduling_priority: int = 0
    cpu_scheduling_reset_on_fork: bool = False
    #: CPU numbers, or ("numa",).
    cpu_affinity: tuple[int | str, ...] = ()
    numa_policy: str = ""
    numa_mask: tuple[int, ...] = ()
    #: 0 none, 1 realtime, 2 best-effort, 3 idle; None: leave.
    io_scheduling_class: int | None = None
    io_scheduling_priority: int = 4
    oom_score_adjust: int | None = None
    timer_slack_nsec: int | None = None
    coredump_filter: int | None = None
    personality: str = ""
    keyring_mode: str = ""
    ignore_sigpipe: bool = True
    #: Processes stay in the manager's process group: mount(8) and its like.
    same_process_group: bool = False
    #: "NAME=value", in order, later ones win.
    environment: tuple[str, ...] = ()
    #: (path or glob, missing is fine).
    environment_files: tuple[tuple[str, bool], ...] = ()
    pass_environment: tuple[str, ...] = ()
    unset_environment: tuple[str, ...] = ()
    standard_input: str = "null"
    #: "" follows DefaultStandardOutput=.
    standard_output: str = ""
    standard_error: str = ""
    #: The path or descriptor name behind file:, append:, truncate:, fd:.
    standard_input_path: str = ""
    standard_output_path: str = ""
    standard_error_path: str = ""
    standard_input_data: bytes = b""
    tty_path: str = ""
    tty_reset: bool = False
    tty_vhangup: bool = False
    tty_vt_disallocate: bool = False
    tty_rows: int | None = None
    tty_columns: int | None = None
    syslog_identifier: str = ""
    #: 3 is daemon.
    syslog_facility: int = 3
    syslog_level: int = 6
    syslog_level_prefix: bool = True
    log_level_max: int = -1
    log_extra_fields: tuple[bytes, ...] = ()
    log_rate_limit_interval_usec: int = 0
    log_rate_limit_burst: int = 0
    log_filter_patterns: tuple[str, ...] = ()
    log_namespace: str = ""
    #: Each *Directory=: (path, symlinks to it), relative to the base directory.
    runtime_directory: tuple[tuple[str, tuple[str, ...]], ...] = ()
    state_directory: tuple[tuple[str, tuple[str, ...]], ...] = ()
    cache_directory: tuple[tuple[str, tuple[str, ...]], ...] = ()
    logs_directory: tuple[tuple[str, tuple[str, ...]], ...] = ()
    configuration_directory: tuple[tuple[str, tuple[str, ...]], ...] = ()
    runtime_directory_mode: int = 0o755
    state_directory_mode: int = 0o755
    cache_directory_mode: int = 0o755
    logs_directory_mode: int = 0o755
    configuration_directory_mode: int = 0o755
    #: "no", "yes" or "restart".
    runtime_directory_preserve: str = "no"
    timeout_clean_usec: int = INFINITY
    #: (id, source path) and (id, value bytes).
    load_credential: tuple[tuple[str, str], ...] = ()
    load_credential_encrypted: tuple[tuple[str, str], ...] = ()
    set_credential: tuple[tuple[str, bytes], ...] = ()
    set_credential_encrypted: tuple[tuple[str, bytes], ...] = ()
    # Sandboxing. Words are kept as written ("yes", "full", "strict", "read-only", …).
    protect_system: str = "no"
    protect_home: str = "no"
    protect_proc: str = "default"
    proc_subset: str = "all"
    private_tmp: bool = False
    private_devices: bool = False
    private_network: bool = False
    private_ipc: bool = False
    private_users: bool = False
    private_mounts: bool = False
    protect_hostname: bool = False
    protect_clock: bool = False
    protect_kernel_tunables: bool = False
    protect_kernel_modules: bool = False
    protect_kernel_logs: bool = False
    protect_control_groups: bool = False
    mount_api_vfs: bool | None = None
    mount_flags: str = ""
    #: Paths keep their "-" and "+" prefixes.
    read_write_paths: tuple[str, ...] = ()
    read_only_paths: tuple[str, ...] = ()
    inaccessible_paths: tuple[str, ...] = ()
    exec_paths: tuple[str, ...] = ()
    no_exec_paths: tuple[str, ...] = ()
    #: (source, destination, missing is fine, recursive).
    bind_paths: tuple[tuple[str, str, bool, bool], ...] = ()
    bind_read_only_paths: tuple[tuple[str, str, bool, bool], ...] = ()
    #: (path, mount options).
    temporary_file_system: tuple[tuple[str, str], ...] = ()
    network_namespace_path: str = ""
    ipc_namespace_path: str = ""
    restrict_address_families: tuple[bool, tuple[str, ...]] | None = None
    restrict_file_systems: tuple[bool, tuple[str, ...]] | None = None
    #: Bit mask of CLONE_NEW* that stay allowed; None: all.
    restrict_namespaces: int | None = None
    lock_personality: bool = False
    memory_deny_write_execute: bool = False
    restrict_realtime: bool = False
    restrict_suid_sgid: bool = False
    remove_ipc: bool = False
    #: Words of each line, "~" in front where the line had it; resolved by who builds the filter.
    system_call_filter: tuple[str, ...] = ()
    system_call_error_number: int | None = None
    system_call_architectures: tuple[str, ...] = ()
    system_call_log: tuple[str, ...] = ()
    selinux_context: str = ""
    apparmor_profile: str = ""
    smack_process_label: str = ""
    utmp_identifier: str = ""
    utmp_mode: str = "init"


class CgroupSettings(Settings):
    """systemd.resource-control(5). Sizes are bytes or tasks, percents of the machine already counted out."""

    #: "" follows the rule of the unit's type (system.slice for a service).
    slice: str = ""
    allowed_cpus: tuple[int, ...] = ()
    startup_allowed_cpus: tuple[int, ...] = ()
    allowed_memory_nodes: tuple[int, ...] = ()
    startup_allowed_memory_nodes: tuple[int, ...] = ()
    cpu_accounting: bool | None = None
    #: None: not set; 0: idle.
    cpu_weight: int | None = None
    startup_cpu_weight: int | None = None
    cpu_shares: int | None = None
    startup_cpu_shares: int | None = None
    #: CPU time per second of wall clock.
    cpu_quota_per_sec_usec: int = INFINITY
    cpu_quota_period_usec: int = INFINITY
    memory_accounting: bool | None = None
    memory_min: int = 0
    memory_low: int = 0
    default_memory_min: int = 0
    default_memory_low: int = 0
    memory_high: int = INFINITY
    memory_max: int = INFINITY
    memory_swap_max: int = INFINITY
    memory_limit: int = INFINITY
    #: (device path or class, "rwm").
    device_allow: tuple[tuple[str, str], ...] = ()
    device_policy: str = "auto"
    io_accounting: bool | None = None
    io_weight: int | None = None
    startup_io_weight: int | None = None
    #: (device, number) each.
    io_device_weight: tuple[tuple[str, int], ...] = ()
    io_read_bandwidth_max: tuple[tuple[str, int], ...] = ()
    io_write_bandwidth_max: tuple[tuple[str, int], ...] = ()
    io_read_iops_max: tuple[tuple[str, int], ...] = ()
    io_write_iops_max: tuple[tuple[str, int], ...] = ()
    io_device_latency_target_usec: tuple[tuple[str, int], ...] = ()
    block_io_accounting: bool | None = None
    block_io_weight: int | None = None
    startup_block_io_weight: int | None = None
    block_io_device_weight: tuple[tuple[str, int], ...] = ()
    block_io_read_bandwidth: tuple[tuple[str, int], ...] = ()
    block_io_write_bandwidth: tuple[tuple[str, int], ...] = ()
    tasks_accounting: bool | None = None
    #: None: DefaultTasksMax=.
    tasks_max: int | None = None
    delegate: bool = False
    delegate_controllers: tuple[str, ...] = ()
    disable_controllers: tuple[str, ...] = ()
    ip_accounting: bool | None = None
    #: (4 or 6, address bytes, prefix length).
    ip_address_allow: tuple[tuple[int, bytes, int], ...] = ()
    ip_address_deny: tuple[tuple[int, bytes, int], ...] = ()
    ip_ingress_filter_path: tuple[str, ...] = ()
    ip_egress_filter_path: tuple[str, ...] = ()
    managed_oom_swap: str = "auto"
    managed_oom_memory_pressure: str = "auto"
    #: Of UINT32_MAX.
    managed_oom_memory_pressure_limit: int = 0
    managed_oom_preference: str = "none"
    #: (attach type, path in the BPF file system).
    bpf_program: tuple[tuple[str, str], ...] = ()
    #: (address family, IP protocol, number of ports, first port); 0 is any.
    socket_bind_allow: tuple[tuple[int, int, int, int], ...] = ()
    socket_bind_deny: tuple[tuple[int, int, int, int], ...] = ()
    #: (the list names what is allowed, interfaces); None: all.
    restrict_network_interfaces: tuple[bool, tuple[str, ...]] | None = None


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
    `mtime_usec` is the newest modification time of fragment and drop-ins (NeedDaemonReload=).
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
