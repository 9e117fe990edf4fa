"""What a unit says about its processes: systemd.exec(5), systemd.kill(5) and systemd.resource-control(5).

Part of `core.settings`, which says how these classes work.
"""

from __future__ import annotations

from initd.core.states import KillMode
from initd.core.values import INFINITY


class Settings:
    """Base: compares and prints by what was set."""

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.__dict__ == other.__dict__

    def __hash__(self) -> int:
        return id(self)

    def __getstate__(self) -> tuple[None, dict[str, object]]:
        """As slots, which are set one by one: so the copy is as small as the original, whose attributes have no dict."""
        return None, self.__dict__

    def __repr__(self) -> str:
        inner = ", ".join(f"{field}={value!r}" for field, value in sorted(self.__dict__.items()))
        return f"{type(self).__name__}({inner})"


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


def inherits_nothing(settings: ExecSettings) -> bool:
    """StandardOutput=inherit where the input is nothing that could be written to: the manager's default counts then."""
    return settings.standard_output == "inherit" and settings.standard_input in ("null", "file", "data")


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
    #: Patterns of names.
    import_credential: tuple[str, ...] = ()
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


#: NUMAPolicy=, as set_mempolicy(2) numbers it.
NUMA_POLICIES = {"default": 0, "preferred": 1, "bind": 2, "interleave": 3, "local": 4}
#: What a system call filter depends on (`core.seccomp`). A unit that sets none of these has none.
FILTER_FIELDS = (
    "dynamic_user", "lock_personality", "memory_deny_write_execute", "personality", "private_devices", "protect_clock",
    "protect_hostname", "protect_kernel_logs", "protect_kernel_modules", "protect_kernel_tunables",
    "restrict_address_families", "restrict_namespaces", "restrict_realtime", "restrict_suid_sgid",
    "system_call_architectures", "system_call_error_number", "system_call_filter", "system_call_log",
)
#: What namespaces and mounts depend on (`core.sandbox`). A unit that sets none of these has none of its own.
SANDBOX_FIELDS = (
    "bind_paths", "bind_read_only_paths", "dynamic_user", "exec_paths", "inaccessible_paths", "ipc_namespace_path",
    "mount_flags", "network_namespace_path", "no_exec_paths", "private_devices", "private_ipc", "private_mounts",
    "private_network", "private_tmp", "private_users", "proc_subset", "protect_control_groups", "protect_home",
    "protect_hostname", "protect_kernel_logs", "protect_kernel_modules", "protect_kernel_tunables", "protect_proc",
    "protect_system", "read_only_paths", "read_write_paths", "root_directory", "temporary_file_system",
)


def has_credentials(settings: ExecSettings) -> bool:
    return bool(settings.load_credential or settings.set_credential or settings.import_credential)


def is_credential_name(name: str) -> bool:
    return 0 < len(name) <= 255 and name.isascii() and name.isprintable() and "/" not in name and name not in (".", "..")


def has_device_policy(settings: CgroupSettings) -> bool:
    """Devices are allowed one by one: what a unit needs beyond what it names has to be added."""
    return settings.device_policy != "auto" or bool(settings.device_allow)


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
