"""What a unit's processes see of the machine: its settings → a list of plain mount operations, and namespaces.

systemd.exec(5), SANDBOXING and PATHS, say what each setting means for a path. All of them are gathered as entries, one a
path; where two settings name one path the one that takes more away wins. Then come the operations: from the root down
everything that is mounted, and after that the flags, as what is read-only could not be mounted on. A path that is named
keeps its own from what is said of a path above it: that is how ReadWritePaths= is an exception of ProtectSystem=strict.

All of it is done to a second sight of the root directory, which becomes the root at the end: until then the sources of
bind mounts are where they were. What the operations do stands in initd/exec/mounts.c, which carries them out.
"""

from __future__ import annotations

from initd.core.record import Record
from initd.core.settings_exec import ExecSettings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    #: A path → the same without links, below the unit's root directory and named without it.
    Resolve = Callable[[str], str]

#: Kinds of operations, and their options; numbered as in initd/exec/mounts.c.
PROPAGATION, BIND, POINT, FILE_SYSTEM, HIDE, DEVICES, ALL_FLAGS, ROOT = range(8)
MAY_MISS, MAY_FAIL = 1, 2

#: Where the root directory is while it is made; a directory that systemd has as well.
UNIT_ROOT = "/run/systemd/unit-root"

#: mount(2).
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_SYNCHRONOUS, MS_NOATIME = 1, 2, 4, 8, 16, 1024
MS_NODIRATIME, MS_REC, MS_PRIVATE, MS_SLAVE, MS_SHARED, MS_RELATIME, MS_STRICTATIME = (
    2048, 16384, 1 << 18, 1 << 19, 1 << 20, 1 << 21, 1 << 24)
_API = MS_NOSUID | MS_NODEV | MS_NOEXEC
#: clone(2).
CLONE_NEWUTS, CLONE_NEWIPC, CLONE_NEWNET = 0x04000000, 0x08000000, 0x40000000

#: Options of a tmpfs that are flags, and the flag they set, or with a minus take away.
_TMPFS_FLAGS = {
    "ro": MS_RDONLY, "rw": -MS_RDONLY, "nosuid": MS_NOSUID, "suid": -MS_NOSUID, "nodev": MS_NODEV, "dev": -MS_NODEV,
    "noexec": MS_NOEXEC, "exec": -MS_NOEXEC, "noatime": MS_NOATIME, "atime": -MS_NOATIME, "sync": MS_SYNCHRONOUS,
    "nodiratime": MS_NODIRATIME, "relatime": MS_RELATIME, "strictatime": MS_STRICTATIME,
    "nostrictatime": -MS_STRICTATIME,
}
_HOMES = ("/home", "/run/user", "/root")
#: ProtectKernelTunables=.
_TUNABLES = (
    "/proc/acpi", "/proc/fs", "/proc/irq", "/proc/latency_stats", "/proc/sys", "/proc/sysrq-trigger", "/proc/timer_stats",
    "/sys",
)
#: What of a private /dev is mounted in it, and stays as it is.
_IN_DEV = ("/dev/pts", "/dev/shm", "/dev/mqueue", "/dev/hugepages")
#: Directories of a unit, and what they are below.
_DIRECTORIES = (
    ("runtime_directory", "/run"), ("state_directory", "/var/lib"), ("cache_directory", "/var/cache"),
    ("logs_directory", "/var/log"), ("configuration_directory", "/etc"),
)


class Operation(Record):
    """One thing to do; `details` are a source, a type and options, or exceptions, as its kind has it."""

    kind: int
    path: str
    flags: int = 0
    details: tuple[str, ...] = ()
    options: int = 0


class Sandbox(Record):
    """What is private to a unit. `namespaces` are CLONE_NEW* of all but mounts and users."""

    namespaces: int = 0
    #: (CLONE_NEW*, path of one to join).
    joined: tuple[tuple[int, str], ...] = ()
    mounts: tuple[Operation, ...] = ()
    private_users: bool = False


class _Entry:
    """What becomes of one path. `make` is the operation that mounts something there, if one does."""

    __slots__ = ("path", "make", "rank", "read_only", "read_write", "no_exec", "exec", "may_miss")

    def __init__(self, path: str) -> None:
        self.path = path
        self.make: Operation | None = None
        #: Of two that mount something on one path the one with the lower rank does.
        self.rank = 99
        self.read_only = self.read_write = self.no_exec = self.exec = False
        #: No failure where the path is not there: all that name it say so.
        self.may_miss = True


def has_private_mounts(settings: ExecSettings) -> bool:
    """Whether the unit's processes get a mount namespace."""
    return bool(
        settings.read_write_paths or settings.read_only_paths or settings.inaccessible_paths or settings.exec_paths
        or settings.no_exec_paths or settings.bind_paths or settings.bind_read_only_paths or settings.private_mounts
        or settings.temporary_file_system or settings.private_tmp or settings.private_devices or settings.dynamic_user
        or settings.mount_flags not in ("", "shared") or settings.protect_system != "no" or settings.protect_home != "no"
        or settings.protect_kernel_tunables or settings.protect_kernel_modules or settings.protect_kernel_logs
        or settings.protect_control_groups or settings.protect_proc != "default" or settings.proc_subset != "all"
        or has_api_file_systems(settings) or has_private_ipc(settings)
        or _root(settings) and any(getattr(settings, field) for field, _ in _DIRECTORIES)
    )


def has_private_ipc(settings: ExecSettings) -> bool:
    return settings.private_ipc or bool(settings.ipc_namespace_path)


def has_api_file_systems(settings: ExecSettings) -> bool:
    """MountAPIVFS=, which a root directory implies, and which means nothing without one."""
    return bool(_root(settings)) and settings.mount_api_vfs is not False


def _root(settings: ExecSettings) -> str:
    return settings.root_directory if settings.root_directory != "/" else ""


def plan(settings: ExecSettings, resolve: Resolve, private_tmp: tuple[str, str] = ("", "")) -> Sandbox:
    """All of it. `private_tmp`: the directories that become /tmp and /var/tmp, where the unit has its own."""
    more = connected(settings)
    mounts = _mounts(settings, resolve, private_tmp) if has_private_mounts(settings) else ()
    namespaces = more.namespaces | (CLONE_NEWUTS if settings.protect_hostname else 0)
    return more.replace(namespaces=namespaces, mounts=mounts, private_users=settings.private_users)


def connected(settings: ExecSettings) -> Sandbox:
    """What stays of it for a command with full privileges ("+"): network and IPC, so that it meets the others."""
    namespaces = 0
    joined = []
    for path, is_private, flag in (
        (settings.network_namespace_path, settings.private_network, CLONE_NEWNET),
        (settings.ipc_namespace_path, settings.private_ipc, CLONE_NEWIPC),
    ):
        if path:
            joined.append((flag, path))
        elif is_private:
            namespaces |= flag
    mounts = _finished(settings, [_message_queues("/dev/mqueue")]) if has_private_ipc(settings) else ()
    return Sandbox(namespaces, tuple(joined), mounts)


def _message_queues(path: str) -> Operation:
    """The queues of an IPC namespace are seen through a mount made in it."""
    return Operation(FILE_SYSTEM, path, _API, ("mqueue", ""), MAY_FAIL)


# --- entries ------------------------------------------------------------------------------------------------------


class _Entries:
    """By path, where it is below UNIT_ROOT."""

    def __init__(self, has_root: bool, resolve: Resolve) -> None:
        self.has_root = has_root
        self._resolve = resolve
        self._found: dict[str, _Entry] = {}

    def at(self, path: str, may_miss: bool = False) -> _Entry:
        found = self._resolve(path)
        full = UNIT_ROOT + found if found != "/" else UNIT_ROOT
        entry = self._found.get(full)
        if entry is None:
            entry = self._found[full] = _Entry(full)
        entry.may_miss = entry.may_miss and may_miss
        return entry

    def mount(self, rank: int, kind: int, path: str, flags: int = 0, details: tuple[str, ...] = (),
              options: int = 0) -> _Entry:
        entry = self.at(path, bool(options & MAY_MISS))
        if rank < entry.rank:
            entry.rank = rank
            entry.make = Operation(kind, entry.path, flags, details, options)
        return entry

    def in_order(self) -> list[_Entry]:
        """Parents first; without what is below a path that is hidden, and without what changes nothing."""
        found = [self._found[path] for path in sorted(self._found, key=lambda path: path.split("/"))]
        hidden = [entry.path for entry in found if entry.make is not None and entry.make.kind == HIDE]
        return [entry for entry in found if not any(_is_below(entry.path, path) for path in hidden)]


_HIDDEN, _BOUND, _TEMPORARY, _DEVICE, _PROC, _API_MOUNT, _TMPFS, _IMPLIED = range(8)


def _is_below(path: str, top: str) -> bool:
    return path.startswith(top + "/")


def _prefixed(paths: Iterable[str]) -> list[tuple[str, bool]]:
    """Each path and whether it may be missing. "+" makes it one of the root directory, which all of them are here: what is
    outside of it nobody sees."""
    return [(path.removeprefix("-").removeprefix("+"), path.startswith("-")) for path in paths]


def _entries(settings: ExecSettings, resolve: Resolve, private_tmp: tuple[str, str]) -> _Entries:
    entries = _Entries(bool(_root(settings)), resolve)
    _add_paths(entries, settings)
    _add_system(entries, settings)
    _add_kernel(entries, settings)
    _add_mounts(entries, settings, private_tmp)
    return entries


def _add_paths(entries: _Entries, settings: ExecSettings) -> None:
    for path, may_miss in _prefixed(settings.read_only_paths):
        entries.at(path, may_miss).read_only = True
    for path, may_miss in _prefixed(settings.read_write_paths):
        entries.at(path, may_miss).read_write = True
    for path, may_miss in _prefixed(settings.no_exec_paths):
        entries.at(path, may_miss).no_exec = True
    for path, may_miss in _prefixed(settings.exec_paths):
        entries.at(path, may_miss).exec = True
    for path, may_miss in _prefixed(settings.inaccessible_paths):
        entries.mount(_HIDDEN, HIDE, path, options=MAY_MISS if may_miss else 0)


def _add_system(entries: _Entries, settings: ExecSettings) -> None:
    """ProtectSystem= and ProtectHome=; what of it is not there needs no protection."""
    system = settings.protect_system if not settings.dynamic_user else "strict"
    if system == "strict":
        entries.at("/").read_only = True
        for path in ("/dev", "/proc", "/sys", *_HOMES):
            entries.at(path, may_miss=True).read_write = True
    elif system != "no":
        for path in ("/usr", "/boot", "/efi", *(("/etc",) if system == "full" else ())):
            entries.at(path, may_miss=True).read_only = True
    home = settings.protect_home if settings.protect_home != "no" or not settings.dynamic_user else "read-only"
    for path in _HOMES if home != "no" else ():
        if home == "yes":
            entries.mount(_HIDDEN, HIDE, path, options=MAY_MISS)
        elif home == "read-only":
            entries.at(path, may_miss=True).read_only = True
        else:
            entries.mount(_TMPFS, FILE_SYSTEM, path, MS_NODEV | MS_STRICTATIME, ("tmpfs", "mode=0755")).read_only = True


def _add_kernel(entries: _Entries, settings: ExecSettings) -> None:
    if settings.protect_kernel_tunables:
        for path in _TUNABLES:
            entries.at(path, may_miss=True).read_only = True
        entries.at("/sys/fs/cgroup", may_miss=True).read_write = True
        for path in ("/proc/kallsyms", "/proc/kcore"):
            entries.mount(_HIDDEN, HIDE, path, options=MAY_MISS)
    if settings.protect_kernel_modules:
        for path in ("/usr/lib/modules", "/lib/modules"):
            entries.mount(_HIDDEN, HIDE, path, options=MAY_MISS)
    if settings.protect_kernel_logs:
        for path in ("/proc/kmsg", "/dev/kmsg"):
            entries.mount(_HIDDEN, HIDE, path, options=MAY_MISS)
    if settings.protect_control_groups:
        entries.at("/sys/fs/cgroup", may_miss=True).read_only = True


def _add_mounts(entries: _Entries, settings: ExecSettings, private_tmp: tuple[str, str]) -> None:
    for paths, is_read_only in ((settings.bind_paths, False), (settings.bind_read_only_paths, True)):
        for source, destination, may_miss, is_recursive in paths:
            entry = entries.mount(_BOUND, BIND, destination, MS_REC if is_recursive else 0, (source,),
                                  MAY_MISS if may_miss else 0)
            entry.read_only |= is_read_only
    for path, options in settings.temporary_file_system:
        flags, data = _tmpfs_options(options)
        entry = entries.mount(_TMPFS, FILE_SYSTEM, path, flags & ~MS_RDONLY, ("tmpfs", data))
        entry.read_only |= bool(flags & MS_RDONLY)
    for source, path in zip(private_tmp, ("/tmp", "/var/tmp")):
        if source:
            entries.mount(_TEMPORARY, BIND, path, MS_REC, (source,))
    if settings.private_devices:
        entries.mount(_DEVICE, DEVICES, "/dev", MS_NOEXEC).read_only = True
        for path in _IN_DEV:
            entries.at(path, may_miss=True).read_write = True
    if has_private_ipc(settings):
        queues = _message_queues("")
        entries.mount(_API_MOUNT, queues.kind, "/dev/mqueue", queues.flags, queues.details, queues.options)
    _add_api(entries, settings)
    _add_directories(entries, settings)


def _add_api(entries: _Entries, settings: ExecSettings) -> None:
    """/proc may be a new one, with less in it; all that a root directory of its own lacks is mounted into it."""
    words = []
    if settings.protect_proc != "default":
        words.append(f"hidepid={settings.protect_proc}")
    if settings.proc_subset != "all":
        words.append(f"subset={settings.proc_subset}")
    if words or settings.mount_api_vfs or settings.protect_kernel_tunables or settings.protect_control_groups:
        # MountAPIVFS= is implied: /run then counts as one of the file systems that ProtectSystem=strict leaves alone.
        entries.at("/run").read_write = True
    if words:
        entries.mount(_PROC, FILE_SYSTEM, "/proc", _API, ("proc", ",".join(words)), MAY_FAIL)
    if not has_api_file_systems(settings):
        return
    for path in ("/proc", "/sys", "/dev"):
        entries.mount(_API_MOUNT, BIND, path, MS_REC, (path,))
    entries.mount(_TMPFS, FILE_SYSTEM, "/run", MS_NOSUID | MS_NODEV | MS_STRICTATIME, ("tmpfs", "mode=0755"))
    for path in ("/proc", "/sys", "/dev", "/run"):
        entries.at(path).read_write = True


def _add_directories(entries: _Entries, settings: ExecSettings) -> None:
    """The unit's own directories are always there to write to, and outside of a root directory."""
    for field, base in _DIRECTORIES:
        for name, _ in getattr(settings, field):
            path = f"{base}/{name}"
            if entries.has_root:
                entries.mount(_IMPLIED, BIND, path, MS_REC, (path,))
            entries.at(path).read_write = True


def _tmpfs_options(text: str) -> tuple[int, str]:
    """Flags and what is left for the file system; by default nodev, strictatime and mode 0755."""
    flags = MS_NODEV | MS_STRICTATIME
    data = ["mode=0755"]
    for option in text.split(","):
        flag = _TMPFS_FLAGS.get(option)
        if flag is None:
            data += [option] if option else []
        elif flag > 0:
            flags |= flag
        else:
            flags &= ~-flag
    return flags, ",".join(data)


# --- operations ---------------------------------------------------------------------------------------------------


def _mounts(settings: ExecSettings, resolve: Resolve, private_tmp: tuple[str, str]) -> tuple[Operation, ...]:
    entries = _entries(settings, resolve, private_tmp).in_order()
    operations = [Operation(BIND, UNIT_ROOT, MS_REC, (_root(settings) or "/",))]
    operations += [made for entry in entries if (made := _made(entry, entries)) is not None]
    for entry in entries:
        if entry.make is not None and entry.make.kind == HIDE:
            continue
        options = MAY_MISS if entry.may_miss else 0
        for flag, is_set in ((MS_RDONLY, entry.read_only), (MS_NOEXEC, entry.no_exec)):
            if is_set:
                exceptions = tuple([other.path for other in entries if _is_exception(other, entry, flag)])
                operations.append(Operation(ALL_FLAGS, entry.path, flag, exceptions, options))
    if settings.no_new_privileges:
        operations.append(Operation(ALL_FLAGS, UNIT_ROOT, MS_NOSUID))
    return _finished(settings, [*operations, Operation(ROOT, UNIT_ROOT)])


def _made(entry: _Entry, entries: list[_Entry]) -> Operation | None:
    """What is mounted on an entry's path: something else, or itself, where it needs flags of its own."""
    if entry.make is not None:
        return entry.make
    is_special = (
        entry.read_only or entry.no_exec
        or entry.read_write and any(other.read_only and _is_below(entry.path, other.path) for other in entries)
        or entry.exec and any(other.no_exec and _is_below(entry.path, other.path) for other in entries)
    )
    if not is_special or entry.path == UNIT_ROOT:
        return None
    return Operation(POINT, entry.path, options=MAY_MISS if entry.may_miss else 0)


def _is_exception(other: _Entry, entry: _Entry, flag: int) -> bool:
    if not _is_below(other.path, entry.path):
        return False
    if flag == MS_NOEXEC:
        return other.exec and not other.no_exec
    return other.read_only or other.read_write or other.make is not None


def _finished(settings: ExecSettings, operations: list[Operation]) -> tuple[Operation, ...]:
    """First nothing may get out of the namespace any more; at the end it is what MountFlags= says."""
    flags = {"slave": MS_SLAVE, "private": MS_PRIVATE}.get(settings.mount_flags, MS_SHARED)
    return (
        Operation(PROPAGATION, "/", MS_REC | MS_SLAVE), *operations, Operation(PROPAGATION, "/", MS_REC | flags),
    )
