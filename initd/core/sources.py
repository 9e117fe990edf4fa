"""What loading a unit starts from: the texts found on disk, and the facts of the machine that directives mention.

`shell.unitdirs` and the manager fill these in; `core.load` reads them. Nothing here knows where a file is looked for
or how a fact is found out.
"""

from __future__ import annotations

from initd.core.capabilities import ALL
from initd.core.dependency import Dependency
from initd.core.record import Record
from initd.core.values import INFINITY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


class UnitText(Record):
    """One file: fragment or drop-in. Bytes that are no UTF-8 are surrogates (`surrogateescape`)."""

    path: str
    text: str
    mtime_usec: int = 0


class UnitFiles(Record):
    """Everything on disk about one unit.

    `name` is the primary name, `names` all names, aliases and `name` included. `fragment` is None where there is none;
    for a mask it is the path with an empty text. `links` are what the .wants/, .requires/ and .upholds/
    directories name. `load_error` tells why a fragment that is there could not be read ("Permission denied").
    """

    name: str
    names: tuple[str, ...] = ()
    fragment: UnitText | None = None
    dropins: tuple[UnitText, ...] = ()
    links: tuple[tuple[Dependency, str], ...] = ()
    is_masked: bool = False
    load_error: str = ""
    load_errno: int = 0
    is_generated: bool = False
    is_transient: bool = False


def newest(files: UnitFiles) -> int:
    """When one of the files was written last; 0 where there are none."""
    return max([text.mtime_usec for text in (files.fragment, *files.dropins) if text is not None], default=0)


#: What a unit gets when nobody says otherwise: RLIMIT name → (soft, hard). All are Linux's own but "nofile", which is
#: systemd's for units.
KERNEL_LIMITS: dict[str, tuple[int, int]] = {
    "cpu": (INFINITY, INFINITY), "fsize": (INFINITY, INFINITY), "data": (INFINITY, INFINITY),
    "stack": (8388608, INFINITY), "core": (0, INFINITY), "rss": (INFINITY, INFINITY), "nofile": (1024, 524288),
    "as": (INFINITY, INFINITY), "nproc": (INFINITY, INFINITY), "memlock": (8388608, 8388608),
    "locks": (INFINITY, INFINITY), "sigpending": (INFINITY, INFINITY), "msgqueue": (819200, 819200),
    "nice": (0, 0), "rtprio": (0, 0), "rttime": (INFINITY, INFINITY),
}


def _any_time_zone(name: str) -> bool:
    """Stands for the time zone database where nobody has looked: every name that could be a zone's."""
    return name.replace("/", "").replace("_", "").replace("-", "").replace("+", "").isalnum()


class LoadFacts(Record):
    """The machine, as far as directives and specifiers mention it, and the manager's defaults (system.conf).

    `os_release` holds os-release(5) by key. `limits` is what a unit gets that sets none: the manager's own limits
    under DefaultLimit…=, shown as they are asked for, whether the container allows them or not. Directories are those
    of the system manager, if nobody says otherwise.
    """

    #: There is no boot that units wait for: the manager is a user's, or a group's (`core.places`).
    in_user_mode: bool = False
    #: WorkingDirectory= of units that set none, as far as it is there; "": the root directory.
    working_directory: str = ""

    hostname: str = "localhost"
    pretty_hostname: str = ""
    machine_id: str = ""
    boot_id: str = ""
    kernel_release: str = ""
    architecture: str = "x86-64"
    os_release: dict[str, str] = {}
    user: str = "root"
    uid: int = 0
    group: str = "root"
    gid: int = 0
    home: str = "/root"
    shell: str = "/bin/sh"
    cgroup_root: str = ""
    tmp_directory: str = "/tmp"
    var_tmp_directory: str = "/var/tmp"
    runtime_directory: str = "/run"
    state_directory: str = "/var/lib"
    cache_directory: str = "/var/cache"
    logs_directory: str = "/var/log"
    configuration_directory: str = "/etc"
    has_ipv6: bool = True
    #: Whether the time zone database has a zone of this name.
    is_time_zone: Callable[[str], bool] = _any_time_zone
    #: The local time zone's abbreviations, for standard and for daylight saving time.
    local_zone_names: tuple[str, str] = ("UTC", "UTC")
    memory_total: int = INFINITY
    #: How many tasks the machine allows: the smallest of pid_max, threads-max and the root cgroup's own limit.
    tasks_total: int = 32768
    cpu_count: int = 1
    limits: dict[str, tuple[int, int]] = KERNEL_LIMITS
    #: The manager's own.
    own_limits: dict[str, tuple[int, int]] = KERNEL_LIMITS
    capability_bounding_set: int = ALL
    oom_score_adjust: int = 0
    coredump_filter: int = 0x33
    timer_slack_nsec: int = 50_000
    default_timeout_start_usec: int = 90_000_000
    default_timeout_stop_usec: int = 90_000_000
    #: None: follow TimeoutStopSec=.
    default_timeout_abort_usec: int | None = None
    default_restart_usec: int = 100_000
    default_start_limit_interval_usec: int = 10_000_000
    default_start_limit_burst: int = 5
    default_standard_output: str = "journal"
    default_standard_error: str = "inherit"
    default_timer_accuracy_usec: int = 60_000_000
    default_oom_policy: str = "stop"
    #: None: 15 % of `tasks_total`.
    default_tasks_max: int | None = None
    default_cpu_accounting: bool = False
    default_io_accounting: bool = False
    default_ip_accounting: bool = False
    default_memory_accounting: bool = True
    default_tasks_accounting: bool = True
    default_environment: tuple[str, ...] = ()
    #: Automount points can be set up here.
    has_automounts: bool = False

    @property
    def tasks_max(self) -> int:
        """What TasksMax= is where nothing sets it."""
        return self.tasks_total * 15 // 100 if self.default_tasks_max is None else self.default_tasks_max


#: Where RuntimeDirectory= and its sisters are made, by their settings' names.
DIRECTORY_BASES = {
    "runtime_directory": "/run", "state_directory": "/var/lib", "cache_directory": "/var/cache",
    "logs_directory": "/var/log", "configuration_directory": "/etc",
}


class Allowed(Record):
    """What the container lets us do, as far as the fate of a directive depends on it.

    `capabilities` is a bit mask. `has_seccomp_filter`: the container has one, `can_filter`: the kernel knows them.
    `hard_limits`: by resource as `ExecSettings.limits` names it; None or missing: none.
    """

    uid: int = 0
    capabilities: int = ALL
    has_cgroups: bool = True
    has_seccomp_filter: bool = False
    can_filter: bool = True
    #: Of "mount network ipc uts user" those that a unit can have of its own.
    namespaces: frozenset[str] = frozenset(("mount", "network", "ipc", "uts", "user"))
    hard_limits: dict[str, int | None] = {}
    can_use_keyrings: bool = True
    can_set_memory_policy: bool = True
    #: As the kernel calls it.
    machine: str = "x86_64"
    #: Of cgroups: what the tree that is writable can limit.
    controllers: frozenset[str] = frozenset(("cpu", "cpuset", "io", "memory", "pids"))
    #: Of the directories that units have theirs in, those where nothing can be made.
    unwritable: frozenset[str] = frozenset()
    has_automounts: bool = False


#: Only ever compared with: facts of no machine in particular.
NO_FACTS = LoadFacts()
