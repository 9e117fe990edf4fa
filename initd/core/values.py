"""The words all layers share: small values that events, effects, plans and settings are made of.

Times are `int` microseconds. No limit is `INFINITY`. Nothing here knows a unit's state.
"""

from __future__ import annotations

from initd.core.record import Record
from initd.core.states import ExecPhase

#: "No limit", as D-Bus carries it (UINT64_MAX).
INFINITY = 2**64 - 1

USEC_PER_SEC = 1_000_000
USEC_PER_MSEC = 1_000

#: syslog(3) priorities.
LOG_EMERG, LOG_ALERT, LOG_CRIT, LOG_ERR, LOG_WARNING, LOG_NOTICE, LOG_INFO, LOG_DEBUG = range(8)


class Now(Record):
    """One reading of both clocks, taken once per wake-up."""

    monotonic_usec: int
    realtime_usec: int


class PidRef(Record):
    """A process that cannot be mistaken for a later one with the same pid.

    `start_ticks` is field 22 of /proc/PID/stat; 0 where it was not read (the process is our own unreaped child,
    whose pid cannot be reused).
    """

    pid: int
    start_ticks: int = 0


class OfferedFd(Record):
    """A descriptor that came with a message, by the shell's number for it. Equal identities are one open file; "" is none."""

    fd: int
    identity: str = ""


class StoredFd(Record):
    """A descriptor that is kept for a service's next start."""

    fd: int
    name: str
    identity: str


class ProcessEnd(Record):
    """How a process ended. `code` is "exited", "killed" or "dumped"; `status` the exit status or signal number."""

    code: str
    status: int

    @property
    def cld_code(self) -> int:
        """waitid(2)'s si_code, which ExecMainCode= and $EXIT_CODE show."""
        return {"exited": 1, "killed": 2, "dumped": 3}[self.code]


class ProcessInfo(Record):
    """What /proc says about one process of a unit."""

    pid: int
    parent_pid: int
    start_ticks: int
    is_zombie: bool
    command: str = ""


class Diagnostic(Record):
    """Something a user should know about a file they wrote. `line` is 0 where no single line is to blame.

    `loses` says what of the assignment is not in force: "all" of it, "part" of it, or "nothing".
    """

    priority: int
    path: str
    line: int
    text: str
    loses: str = "all"

    def __str__(self) -> str:
        place = f"{self.path}:{self.line}: " if self.line else f"{self.path}: " if self.path else ""
        return place + self.text


class Verdict(Record):
    """A decision and its reason, in words fit for a log line."""

    yes: bool
    reason: str

    def __bool__(self) -> bool:
        return self.yes


class ExecCommand(Record):
    """One command line of an `Exec…=` directive (systemd.service(5), COMMAND LINES).

    `path` is the program without its prefixes, `argv` the words, `argv[0]` included. Environment variables are
    not yet substituted. Every flag is one of the prefix characters.
    """

    path: str
    argv: tuple[str, ...]
    ignore_failure: bool = False  # -
    no_expand: bool = False  # :
    full_privileges: bool = False  # +
    no_setuid: bool = False  # !
    ambient_magic: bool = False  # !!


class Condition(Record):
    """One `Condition…=` or `Assert…=` line (systemd.unit(5)). `kind` is the word behind that prefix: "PathExists"."""

    kind: str
    parameter: str
    is_triggering: bool = False  # |
    is_negated: bool = False  # !


class SpawnRequest(Record):
    """What the engine wants run. The shell adds users, paths and limits, which are facts of the machine.

    `environment` holds only the variables that the engine knows ("NAME=value"): $MAINPID, $SERVICE_RESULT, ….
    `exec` is the unit's `settings.ExecSettings`. `unit_number` is the number the tag carries (DESIGN.md).
    `cgroup` is the unit's path below the manager's own cgroup, without a leading slash.
    """

    unit: str
    unit_number: int
    phase: ExecPhase
    command: ExecCommand
    exec: object
    cgroup: str
    environment: tuple[str, ...] = ()
    is_control: bool = False
    delegate: bool = False
    #: Type=idle: wait until the boot's jobs are dispatched, 5 s at most, before exec.
    is_idle: bool = False
    #: The process may talk to /run/systemd/notify ($NOTIFY_SOCKET is set).
    may_notify: bool = False
    watchdog_usec: int = 0
    #: The socket units whose descriptors it gets ($LISTEN_FDS).
    sockets: tuple[str, ...] = ()
    #: The accepted connection that it serves; 0 for none.
    connection: int = 0
    non_blocking: bool = False
    #: False for other commands than ExecStart= with RootDirectoryStartOnly=.
    apply_root_directory: bool = True
    #: What the service has stored earlier, for $LISTEN_FDS.
    stored_fds: tuple[StoredFd, ...] = ()
    #: The units of JoinsNamespaceOf=, either way.
    joins_namespaces_of: tuple[str, ...] = ()
