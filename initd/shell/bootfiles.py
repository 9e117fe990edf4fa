"""What a boot owes the file system before any unit: a clean /run, and a machine id.

In a default container /run is no tmpfs: it survives a restart, and may come from the image. Programs take a PID file or a
socket there for a sign of life, so all of it goes, but for what is mounted (secrets, the runtime's own files). Where
nothing can be written that is reported and the boot goes on. `root` stands for "/" in tests.
"""

from __future__ import annotations

import os
import stat

from initd.core.places import UNITS_LINK, Places
from initd.core.values import LOG_NOTICE, LOG_WARNING, Diagnostic
from initd.shell.conditions import read_virtualization
from initd.shell.trees import unlink

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

#: Directories below /run, and their modes. Not /run/systemd/system, which says that we answer, and never
#: /run/systemd/seats: pam_systemd would wait for a logind there.
_LAYOUT = (
    ("lock", 0o1777),
    ("log", 0o755),
    ("systemd", 0o755),
    ("systemd/ask-password", 0o755),
    ("systemd/journal", 0o755),
    ("systemd/units", 0o755),
)
#: Marks of a container's runtime, kept even where they are plain files.
_KEPT = (".containerenv", "host", "secrets")

_TOOLS = {
    "systemd-sysusers": "users and groups of sysusers.d are not made",
    "systemd-tmpfiles": "files and directories of tmpfiles.d are neither made nor cleaned up",
}
_MARKER = "/run/systemd/system"
_FIRST_BOOT = "/run/systemd/first-boot"


#: The file that says why the container ended; without the variable, the one that Kubernetes makes.
MESSAGE_VARIABLE, _MESSAGE = "PYINIT_TERMINATION_MESSAGE", "/dev/termination-log"


def message_path(environment: Mapping[str, str]) -> str:
    """Where to say why the container ended; "" where nobody wants to know."""
    named = environment.get(MESSAGE_VARIABLE, "")
    return named or (_MESSAGE if os.path.exists(_MESSAGE) else "")


def take_name(name: str) -> None:
    """What `ps -o comm` shows for us. Scripts and Ansible ask PID 1 for its name to know whom they can talk to."""
    try:
        with open("/proc/self/comm", "w", encoding="ascii") as comm:
            comm.write(name)
    except OSError:
        pass  # a name and nothing else


def prepare_run(root: str = "/") -> list[Diagnostic]:
    """Empty /run and make the directories in it that programs expect of an init."""
    root = root.rstrip("/")
    problems: list[Diagnostic] = []
    run = root + "/run"
    _make_directory(run, 0o755, problems)
    if _may_clean(root, problems):
        _clean(run, _mount_points() | {f"{os.path.realpath(run)}/{name}" for name in _KEPT}, problems)
    for name, mode in _LAYOUT:
        _make_directory(f"{run}/{name}", mode, problems)
    container = read_virtualization(root).container
    if container:
        # Where systemd's tools and D-Bus services look for it.
        _write(run + "/systemd/container", container + "\n", 0o644, problems)
    return problems


def prepare_own(places: Places) -> list[Diagnostic]:
    """Make the directories of a manager that is no init. What it finds there is of one before it, and is left."""
    problems: list[Diagnostic] = []
    try:
        os.makedirs(os.path.dirname(places.run), exist_ok=True)
    except OSError as error:
        problems.append(_problem(places.run, "make", error))
    for name in ("", "/log", "/systemd", "/systemd/journal", "/systemd/units"):
        _make_directory(places.run + name, 0o755, problems)
    if places.mode == "group":
        # For commands: which process it is, and where its units are.
        _write(places.pid_file, f"{os.getpid()}\n", 0o644, problems)
        link = f"{places.run}/{UNITS_LINK}"
        try:
            if os.path.lexists(link):
                os.unlink(link)
            os.symlink(places.config_units, link)
        except OSError as error:
            problems.append(_problem(link, "make", error))
    return problems


def remove_own(places: Places) -> None:
    """The manager that is no init ends."""
    if places.mode == "group":
        unlink(places.pid_file)
        unlink(f"{places.run}/{UNITS_LINK}")


def ensure_machine_id(
    root: str, environment: Mapping[str, str], wanted: str = ""
) -> tuple[str, list[Diagnostic], bool]:
    """The machine's id, made and written down if there was none; what went wrong; and whether this is a first boot.

    By machine-id(5): a missing file or "uninitialized" means a first boot, an empty one does not. The id is that of
    D-Bus, $container_uuid, or random; `wanted` comes before all of them, and before what is in the file.
    """
    root = root.rstrip("/")
    path = root + "/etc/machine-id"
    text = _read(path)
    known = _as_id(text or "")
    if known and wanted in ("", known):
        return known, [], False
    problems: list[Diagnostic] = []
    is_new = text is None or text.strip() == "uninitialized"
    machine_id = wanted or (
        _as_id(_read(root + "/var/lib/dbus/machine-id") or "")
        or _as_id(environment.get("container_uuid", ""))
        or _random_id()
    )
    refusals: list[Diagnostic] = []
    if not _write(path, machine_id + "\n", 0o444, refusals):
        place = "/run/machine-id" if _write(root + "/run/machine-id", machine_id + "\n", 0o444, problems) else "no file"
        problems += [each.replace(priority=LOG_NOTICE, text=f"{each.text}; the machine id is in {place}")
                     for each in refusals]
    if is_new:
        _write(root + _FIRST_BOOT, "", 0o644, problems)
    return machine_id, problems, is_new


def is_first_boot(root: str = "/") -> bool:
    """Whether this boot is still under way, and was the first (ConditionFirstBoot=)."""
    return os.path.exists(root.rstrip("/") + _FIRST_BOOT)


def end_first_boot(root: str = "/") -> None:
    """The boot has come to its end: ConditionFirstBoot= does not hold any more."""
    unlink(root.rstrip("/") + _FIRST_BOOT)


def missing_tools(root: str = "/") -> list[Diagnostic]:
    """What this boot will not do, as nobody has installed who does it."""
    return [
        Diagnostic(LOG_NOTICE, tool, 0, f"is not installed: {what} (Debian: systemd-standalone-{tool.rpartition('-')[2]})")
        for tool, what in _TOOLS.items()
        if not any(os.access(f"{root.rstrip('/')}/{directory}/{tool}", os.X_OK) for directory in ("bin", "usr/bin"))
    ]


def mark_booted(root: str = "/") -> list[Diagnostic]:
    """Tell everybody that an init answers here (sd_booted(3)). Call this once the control socket listens."""
    problems: list[Diagnostic] = []
    _make_directory(root.rstrip("/") + _MARKER, 0o755, problems)
    return problems


def remove_booted_marker(root: str = "/") -> None:
    """Nobody answers any more. Runtime units go with it, as they would with the tmpfs that /run is elsewhere."""
    marker = root.rstrip("/") + _MARKER
    _clean(marker, _mount_points(), [])
    try:
        os.rmdir(marker)
    except OSError:
        pass  # not there, not empty or not ours: the next boot cleans up


# --- a boot that leaves no trace -------------------------------------------------------------------------------------


class Before:
    """What there was before a boot, for what is over with it to be removed: whatever is new in these directories, and an id
    that the machine was given for a moment."""

    def __init__(self, directories: tuple[str, ...], root: str = "/") -> None:
        self._root = root.rstrip("/")
        self._directories = [self._root + directory for directory in directories]
        self._paths = frozenset(path for directory in self._directories for path in _everything(directory))
        path = self._root + "/etc/machine-id"
        self._machine_id = _read(path)
        self._mode = stat.S_IMODE(os.stat(path).st_mode) if self._machine_id is not None else 0

    def bring_back(self) -> list[Diagnostic]:
        """What could not be undone."""
        problems: list[Diagnostic] = []
        for directory in self._directories:
            _clean(directory, _mount_points(), problems, self._paths)
        path = self._root + "/etc/machine-id"
        if self._machine_id is None:
            _remove(os.unlink, path, problems)
        elif _read(path) != self._machine_id:
            _write(path, self._machine_id, self._mode, problems)
        return problems


def _everything(directory: str) -> Iterator[str]:
    for place, directories, files in os.walk(directory):
        yield from [f"{place}/{name}" for name in directories + files]


# --- /run ----------------------------------------------------------------------------------------------------------


def _may_clean(root: str, problems: list[Diagnostic]) -> bool:
    """Not where another init is at work on this /run: then it is not ours."""
    if root:
        return True
    if os.getpid() != 1:
        return False
    if listens("/run/systemd/private"):
        problems.append(Diagnostic(LOG_WARNING, "/run", 0, "is in use by another init, and left as it is"))
        return False
    return True


def listens(path: str) -> bool:
    """Somebody answers at this socket."""
    import _socket

    client = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC | _socket.SOCK_NONBLOCK)
    try:
        client.connect(path)
    except BlockingIOError:
        return True  # its queue is full
    except OSError:
        return False
    finally:
        client.close()
    return True


def _mount_points() -> frozenset[str]:
    """Every place where something is mounted, as this process sees it."""
    try:
        with open("/proc/self/mountinfo", "rb") as file:
            fields = [line.split(b" ") for line in file]
    except OSError:
        return frozenset()
    return frozenset(_unescape(line[4]) for line in fields if len(line) > 4)


def _unescape(path: bytes) -> str:
    """Spaces, tabs, newlines and backslashes are written as octal in mountinfo (proc(5))."""
    for code in (b"\\040", b"\\011", b"\\012", b"\\134"):
        path = path.replace(code, bytes([int(code[1:], 8)]))
    return os.fsdecode(path)


def _clean(
    directory: str, untouched: frozenset[str], problems: list[Diagnostic], kept: frozenset[str] = frozenset()
) -> bool:
    """Empty a directory, without following links. Whether nothing is left in it. What is `untouched`, by its real path, is not
    looked into (mounts); of what is `kept` the rest is removed."""
    real = os.path.realpath(directory)
    try:
        entries = sorted(os.scandir(directory), key=lambda entry: entry.name)
    except FileNotFoundError:
        return True
    except OSError as error:
        problems.append(_problem(directory, "list", error))
        return False
    is_empty = True
    for entry in entries:
        if f"{real}/{entry.name}" in untouched:
            is_empty = False
        elif entry.is_dir(follow_symlinks=False):
            if not _clean(entry.path, untouched, problems, kept) or entry.path in kept:
                is_empty = False
            elif not _remove(os.rmdir, entry.path, problems):
                is_empty = False
        elif entry.path in kept or not _remove(os.unlink, entry.path, problems):
            is_empty = False
    return is_empty


# --- small acts ------------------------------------------------------------------------------------------------------


def _make_directory(path: str, mode: int, problems: list[Diagnostic]) -> None:
    try:
        os.mkdir(path, mode)
        os.chmod(path, mode)
    except FileExistsError:
        pass  # made by the image or the runtime, who may have given it another mode on purpose
    except OSError as error:
        problems.append(_problem(path, "make", error))


def _write(path: str, text: str, mode: int, problems: list[Diagnostic]) -> bool:
    """Write the whole file. In place: what is bind-mounted there cannot be replaced."""
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, mode)
        try:
            os.write(fd, text.encode())
            os.fchmod(fd, mode)
        finally:
            os.close(fd)
    except OSError as error:
        problems.append(_problem(path, "write", error))
        return False
    return True


def _remove(how: Callable[[str], None], path: str, problems: list[Diagnostic]) -> bool:
    try:
        how(path)
    except FileNotFoundError:
        return True
    except OSError as error:
        problems.append(_problem(path, "remove", error))
        return False
    return True


def _problem(path: str, verb: str, error: OSError) -> Diagnostic:
    return Diagnostic(LOG_WARNING, path, 0, f"cannot {verb}: {error.strerror}")


def _read(path: str) -> str | None:
    """The text; None where there is no such file, empty where it cannot be read."""
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.read(4096)
    except FileNotFoundError:
        return None
    except OSError:
        return ""


def _as_id(text: str) -> str:
    """32 hexadecimal digits, from those or a UUID with dashes; empty where it is none, or all zeros."""
    word = text.strip().lower().replace("-", "")
    is_id = len(word) == 32 and set(word) <= set("0123456789abcdef") and set(word) != {"0"}
    return word if is_id else ""


def _random_id() -> str:
    """128 random bits, marked as a random UUID of the usual variant."""
    data = bytearray(os.urandom(16))
    data[6] = data[6] & 0x0F | 0x40
    data[8] = data[8] & 0x3F | 0x80
    return data.hex()
