"""What `pyinit-exec` is told: an `ExecContext` as bytes, and its answer from the status pipe.

The format is described once, in initd/exec/context.h; the tags here are its tags. Everything in a context is
resolved: numbers, absolute paths, finished strings. Only two things are known to the new process alone, and have
placeholders: its own pid and the identity of its journal stream.
"""

from __future__ import annotations

import struct

from initd.core.record import Record

MAGIC = b"PYX1\0\0\0\0"

#: Placeholders for arguments and environment values. NUL cannot occur in what a user wrote.
OWN_PID = "\0\x01"
JOURNAL_STREAM = "\0\x02"

STATUS_FD = 1
FAILURE = 2
UNIT_NUMBER = 3
IDLE_FD = 4
IGNORE_SIGPIPE = 5
CGROUP = 6
STREAM = 7
JOURNAL_HEADER = 8
OOM_SCORE_ADJUST = 9
COREDUMP_FILTER = 10
NICE = 11
CPU_SCHEDULING = 12
CPU_AFFINITY = 13
IO_PRIORITY = 14
TIMER_SLACK = 15
PERSONALITY = 16
DIRECTORY = 17
SYMLINK = 18
UMASK = 19
KEYRING = 20
LIMIT = 21
ROOT_DIRECTORY = 22
GROUPS = 23
GID = 24
UID = 25
BOUNDING_SET = 26
AMBIENT_SET = 27
SECURE_BITS = 28
NO_NEW_PRIVILEGES = 29
WORKING_DIRECTORY = 30
PASS_FD = 31
PROGRAM = 32
SEARCH_PATH = 33
ARGUMENT = 34
ENVIRONMENT = 35
SECCOMP = 36
NAMESPACES = 37
JOIN_NAMESPACE = 38
MOUNT = 39
PRIVATE_USERS = 40
SHARED_NAMESPACE = 41
MEMORY_POLICY = 42
CREDENTIAL_DIRECTORY = 50
CREDENTIAL = 51
TERMINAL = 52
MOVE = 53
REMOVE_IPC = 54
ARCHITECTURES = 55
TAG_PROCESS = 56
SAME_GROUP = 57

STREAM_NULL, STREAM_FD, STREAM_FILE, STREAM_TTY, STREAM_JOURNAL, STREAM_SAME_AS, STREAM_LEAVE = range(7)

#: Resources by their lower-case RLIMIT name, as the kernel numbers them (asm-generic/resource.h).
RESOURCES = {
    "cpu": 0,
    "fsize": 1,
    "data": 2,
    "stack": 3,
    "core": 4,
    "rss": 5,
    "nproc": 6,
    "nofile": 7,
    "memlock": 8,
    "as": 9,
    "locks": 10,
    "sigpending": 11,
    "msgqueue": 12,
    "nice": 13,
    "rtprio": 14,
    "rttime": 15,
}


class Stream(Record):
    """How one of descriptors 0 to 2 comes about; `first` and `second` by kind, as in context.h."""

    kind: int
    first: int = 0
    second: int = 0
    path: str = ""


class Directory(Record):
    """One directory to make. `adopt`: an existing one gets this owner and mode as well. -1 leaves uid or gid alone."""

    exit_status: int
    path: str
    mode: int
    uid: int = -1
    gid: int = -1
    adopt: bool = True


class Symlink(Record):
    exit_status: int
    path: str
    target: str


class Move(Record):
    """A directory that gets another path, where a link to it may stand by now."""

    exit_status: int
    path: str
    target: str


class Credential(Record):
    """`source` is the value, or the path of a file, directory or socket that is read for it."""

    name: str
    source: bytes
    is_path: bool
    missing_ok: bool = False


class Terminal(Record):
    """What is done to a terminal before it is opened. 0 rows or columns: leave. `is_all`: no program follows."""

    path: str
    reset: bool = False
    hang_up: bool = False
    rows: int = 0
    columns: int = 0
    clear: bool = False
    is_all: bool = False


class Failure(Record):
    """A step the manager found to be impossible: `pyinit-exec` reports it in its turn and exits with the status."""

    exit_status: int
    errno: int
    step: str


class PassedFd(Record):
    """A descriptor for $LISTEN_FDS. `non_blocking` None leaves it as it is."""

    fd: int
    non_blocking: bool | None = None


class ExecContext(Record):
    """Everything `pyinit-exec` does before it executes `program`. None, () and False: that step is not taken."""

    program: str
    arguments: tuple[str, ...]
    environment: tuple[str, ...] = ()
    search_path: tuple[str, ...] = ()
    missing_program_is_fine: bool = False
    status_fd: int | None = None
    failure: Failure | None = None
    unit_number: int | None = None
    idle_fd: int | None = None
    #: Stays in the manager's process group.
    has_same_group: bool = False
    ignore_sigpipe: bool = False
    cgroup_procs: str = ""
    streams: tuple[Stream, ...] = ()
    journal_header: bytes = b""
    oom_score_adjust: int | None = None
    coredump_filter: int | None = None
    nice: int | None = None
    #: (policy, priority, reset on fork)
    cpu_scheduling: tuple[int, int, int] | None = None
    cpu_affinity: tuple[int, ...] = ()
    #: (policy, nodes)
    memory_policy: tuple[int, tuple[int, ...]] | None = None
    #: (class, priority)
    io_priority: tuple[int, int] | None = None
    timer_slack_nsec: int | None = None
    personality: int | None = None
    directories: tuple[Directory, ...] = ()
    symlinks: tuple[Symlink, ...] = ()
    moves: tuple[Move, ...] = ()
    #: "" where there are no credentials; they belong to this uid.
    credential_directory: str = ""
    credential_owner: int = -1
    credentials: tuple[Credential, ...] = ()
    terminal: Terminal | None = None
    #: (kind, id) each, of System V objects that the user owns; the process ends when they are removed.
    remove_ipc: tuple[tuple[int, int], ...] = ()
    #: (tag, pid) each, of processes that get a tag; the process ends then.
    tagged_processes: tuple[tuple[int, int], ...] = ()
    umask: int | None = None
    #: 0 leave, 1 private, 2 shared
    keyring: int = 0
    #: (resource number, soft, hard)
    limits: tuple[tuple[int, int, int], ...] = ()
    root_directory: str = ""
    #: CLONE_NEW* of network, IPC and host name.
    namespaces: int = 0
    #: (CLONE_NEW*, path of one to join).
    joined_namespaces: tuple[tuple[int, str], ...] = ()
    #: (CLONE_NEW*, socket to receive it from, socket to send it to): who comes first makes it.
    shared_namespaces: tuple[tuple[int, int, int], ...] = ()
    #: (kind, flags, options, path, what it needs), as `core.sandbox` has them.
    mounts: tuple[tuple[int, int, int, str, tuple[str, ...]], ...] = ()
    #: The uids and the gids that there are in a user namespace; (): none is made.
    private_users: tuple[tuple[int, ...], ...] = ()
    groups: tuple[int, ...] | None = None
    gid: int | None = None
    uid: int | None = None
    bounding_set: int | None = None
    ambient_set: int = 0
    secure_bits: int = 0
    no_new_privileges: bool = False
    #: Structs sock_filter. Who may not load it gets no_new_privileges first, or else (False) goes without.
    #: As the other program, loaded before the user changes.
    architecture_program: bytes = b""
    seccomp_program: bytes = b""
    seccomp_implies_no_new_privileges: bool = True
    working_directory: str = ""
    working_directory_missing_ok: bool = False
    passed_fds: tuple[PassedFd, ...] = ()


def passed_fds(context: ExecContext) -> list[int]:
    """The descriptors that the process must be born with, each once."""
    fds = {passed.fd for passed in context.passed_fds}
    fds |= {stream.first for stream in context.streams if stream.kind == STREAM_FD}
    fds |= {fd for fd in (context.status_fd, context.idle_fd) if fd is not None}
    fds |= {fd for _kind, *pair in context.shared_namespaces for fd in pair}
    return sorted(fds)


def renumbered(context: ExecContext, numbers: dict[int, int]) -> ExecContext:
    """The context for a process in which those descriptors have other numbers."""
    return context.replace(
        passed_fds=tuple([passed.replace(fd=numbers[passed.fd]) for passed in context.passed_fds]),
        streams=tuple([stream.replace(first=numbers[stream.first]) if stream.kind == STREAM_FD else stream
                       for stream in context.streams]),
        status_fd=None if context.status_fd is None else numbers[context.status_fd],
        idle_fd=None if context.idle_fd is None else numbers[context.idle_fd],
        shared_namespaces=tuple([(kind, numbers[a], numbers[b]) for kind, a, b in context.shared_namespaces]),
    )


class ExecReport(Record):
    """One message of the status pipe. `exit_status` 0: not a failure, `step` says what (`STEP_EXEC`, …)."""

    exit_status: int
    errno: int
    step: str
    detail: str


#: Set-up is done, exec is next; without a failure behind it, the program runs.
STEP_EXEC = "EXEC"
#: The program is missing and its "-" prefix makes that no failure: the process exits with 0.
STEP_MISSING = "MISSING"

#: Of a record with so many numbers.
_HEADS = [struct.Struct(f"=HHI{count}Q") for count in range(6)]
#: Behind a text of so many bytes, beyond eights: one at least.
_PADDING = [bytes(8 - size) for size in range(8)]
_REPORT = struct.Struct("=ii24s224s")
REPORT_SIZE = _REPORT.size


def pack(context: ExecContext) -> bytes:
    """The context as `pyinit-exec` reads it."""
    parts = [MAGIC]
    parts += _process_records(context)
    parts += _stream_records(context)
    parts += _file_system_records(context)
    parts += _credential_records(context)
    parts += _namespace_records(context)
    parts += _privilege_records(context)
    parts += _program_records(context)
    return b"".join(parts)


def parse_reports(data: bytes) -> tuple[list[ExecReport], bytes]:
    """The complete messages in `data`, and the rest that belongs to the next one."""
    reports = []
    while len(data) >= REPORT_SIZE:
        status, errno, step, detail = _REPORT.unpack_from(data)
        reports.append(ExecReport(status, errno, _text(step), _text(detail)))
        data = data[REPORT_SIZE:]
    return reports, data


def _text(field: bytes) -> str:
    return field.split(b"\0", 1)[0].decode("utf-8", "surrogateescape")


def encode_text(text: str) -> bytes:
    """Paths, arguments and variables keep bytes that are not UTF-8 as surrogates, as everywhere in Python."""
    return text.encode("utf-8", "surrogateescape")


def record(tag: int, numbers: tuple[int, ...] = (), text: bytes = b"") -> bytes:
    """One record of the format."""
    size, count = len(text), len(numbers)
    try:
        head = _HEADS[count].pack(tag, count, size, *numbers)
    except (struct.error, IndexError):  # one is below 0, or there are many
        head = struct.pack(f"=HHI{count}Q", tag, count, size, *[number & 0xFFFF_FFFF_FFFF_FFFF for number in numbers])
    return head + text + _PADDING[size % 8]


def _optional(*pairs: tuple[int, int | None]) -> list[bytes]:
    return [record(tag, (value,)) for tag, value in pairs if value is not None]


def _process_records(context: ExecContext) -> list[bytes]:
    parts = _optional(
        (STATUS_FD, context.status_fd),
        (UNIT_NUMBER, context.unit_number),
        (IDLE_FD, context.idle_fd),
        (OOM_SCORE_ADJUST, context.oom_score_adjust),
        (COREDUMP_FILTER, context.coredump_filter),
        (NICE, context.nice),
        (TIMER_SLACK, context.timer_slack_nsec),
        (PERSONALITY, context.personality),
        (UMASK, context.umask),
        (KEYRING, context.keyring or None),
    )
    if context.failure:
        failure = context.failure
        parts.append(record(FAILURE, (failure.exit_status, failure.errno), encode_text(failure.step)))
    if context.ignore_sigpipe:
        parts.append(record(IGNORE_SIGPIPE))
    if context.has_same_group:
        parts.append(record(SAME_GROUP))
    if context.cgroup_procs:
        parts.append(record(CGROUP, (), encode_text(context.cgroup_procs)))
    if context.cpu_scheduling:
        parts.append(record(CPU_SCHEDULING, context.cpu_scheduling))
    if context.cpu_affinity:
        parts.append(record(CPU_AFFINITY, context.cpu_affinity))
    if context.memory_policy:
        parts.append(record(MEMORY_POLICY, (context.memory_policy[0], *context.memory_policy[1])))
    if context.io_priority:
        parts.append(record(IO_PRIORITY, context.io_priority))
    parts += [record(LIMIT, limit) for limit in context.limits]
    return parts


def _stream_records(context: ExecContext) -> list[bytes]:
    parts = [
        record(STREAM, (target, stream.kind, stream.first, stream.second), encode_text(stream.path))
        for target, stream in enumerate(context.streams)
    ]
    if context.journal_header:
        parts.append(record(JOURNAL_HEADER, (), context.journal_header))
    for passed in context.passed_fds:
        how = 2 if passed.non_blocking is None else int(passed.non_blocking)
        parts.append(record(PASS_FD, (passed.fd, how)))
    if context.terminal is not None:
        tty = context.terminal
        flags = int(tty.reset) | int(tty.hang_up) << 1 | int(tty.clear) << 2 | int(tty.is_all) << 3
        parts.append(record(TERMINAL, (flags, tty.rows, tty.columns), encode_text(tty.path)))
    return parts


def _file_system_records(context: ExecContext) -> list[bytes]:
    parts = [
        record(DIRECTORY, (d.exit_status, d.mode, d.uid, d.gid, int(d.adopt)), encode_text(d.path))
        for d in context.directories
    ]
    for move in context.moves:
        parts.append(record(MOVE, (move.exit_status,), encode_text(move.path) + b"\0" + encode_text(move.target)))
    for link in context.symlinks:
        parts.append(record(SYMLINK, (link.exit_status,), encode_text(link.path) + b"\0" + encode_text(link.target)))
    if context.root_directory:
        parts.append(record(ROOT_DIRECTORY, (), encode_text(context.root_directory)))
    if context.working_directory:
        missing_ok = int(context.working_directory_missing_ok)
        parts.append(record(WORKING_DIRECTORY, (missing_ok,), encode_text(context.working_directory)))
    return parts


def _credential_records(context: ExecContext) -> list[bytes]:
    if not context.credential_directory:
        return []
    parts = [record(CREDENTIAL_DIRECTORY, (context.credential_owner,), encode_text(context.credential_directory))]
    for each in context.credentials:
        numbers = (int(each.is_path), int(each.missing_ok))
        parts.append(record(CREDENTIAL, numbers, encode_text(each.name) + b"\0" + each.source))
    return parts


def _namespace_records(context: ExecContext) -> list[bytes]:
    parts = _optional((NAMESPACES, context.namespaces or None))
    parts += [record(JOIN_NAMESPACE, (kind,), encode_text(path)) for kind, path in context.joined_namespaces]
    parts += [record(SHARED_NAMESPACE, shared) for shared in context.shared_namespaces]
    for kind, flags, options, path, details in context.mounts:
        parts.append(record(MOUNT, (kind, flags, options), b"\0".join([encode_text(text) for text in (path, *details)])))
    parts += [record(PRIVATE_USERS, ids) for ids in context.private_users]
    return parts


def _privilege_records(context: ExecContext) -> list[bytes]:
    parts = _optional(
        (GID, context.gid),
        (UID, context.uid),
        (BOUNDING_SET, context.bounding_set),
        (AMBIENT_SET, context.ambient_set or None),
        (SECURE_BITS, context.secure_bits or None),
    )
    if context.groups is not None:
        parts.append(record(GROUPS, context.groups))
    parts += [record(REMOVE_IPC, each) for each in context.remove_ipc]
    parts += [record(TAG_PROCESS, each) for each in context.tagged_processes]
    if context.no_new_privileges:
        parts.append(record(NO_NEW_PRIVILEGES))
    if context.architecture_program:
        parts.append(record(ARCHITECTURES, (), context.architecture_program))
    if context.seccomp_program:
        parts.append(record(SECCOMP, (int(context.seccomp_implies_no_new_privileges),), context.seccomp_program))
    return parts


def _program_records(context: ExecContext) -> list[bytes]:
    parts = [record(PROGRAM, (int(context.missing_program_is_fine),), encode_text(context.program))]
    parts += [record(SEARCH_PATH, (), encode_text(directory)) for directory in context.search_path]
    parts += [record(ARGUMENT, (), encode_text(argument)) for argument in context.arguments]
    parts += [record(ENVIRONMENT, (), encode_text(variable)) for variable in context.environment]
    return parts
