"""Generators as processes and directories: what there is to run is found, run, heard and put in its place.

Nobody waits here: whoever owns a `Running` hears of ends from the loop, and asks `is_over`. What a generator writes goes to the
journal, where environment generators have their standard output read. Which are run, and what they are told, is decided
elsewhere (`core.generation`).
"""

from __future__ import annotations

import _signal
import _socket
import os
import stat
from errno import EEXIST, ENOENT, ENOTEMPTY

from initd.core.conditions import is_leftover
from initd.core.generated import DIRECTORIES
from initd.core.generation import MASK, PROGRAM
from initd.core.places import SYSTEM
from initd.shell.fds import OwnedFd, open_memory_file
from initd.shell.trees import remove_tree
from initd.wire.journal import StreamHeader, encode_header

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from initd.core.generated import Generated

#: Below the runtime directory of the manager: where output is until it is whole, while another is in force.
STAGED = ".generating"
#: An environment generator that writes more than this has lost its mind.
OUTPUT_MAX = 1 << 20
_READ_MAX = 1 << 20


# --- what there is -----------------------------------------------------------------------------------------------------


def list_generators(directories: Iterable[str], root: str = "") -> list[dict[str, tuple[str, str]]]:
    """Of each directory, name → (what it is, path)."""
    return [_list(root, directory) for directory in directories]


def _list(root: str, directory: str) -> dict[str, tuple[str, str]]:
    try:
        names = sorted(os.listdir(root + directory))
    except OSError:
        return {}  # most of them are not there
    found = {}
    for name in names:
        what = "" if is_leftover(name) else _kind(f"{root}{directory}/{name}")
        if what:
            found[name] = (what, f"{directory}/{name}")
    return found


def _kind(path: str) -> str:
    """An empty file and a link to /dev/null are masks; what cannot be run is nothing at all."""
    try:
        status = os.stat(path)
    except OSError:
        return ""
    if stat.S_ISCHR(status.st_mode) or stat.S_ISREG(status.st_mode) and not status.st_size:
        return MASK
    return PROGRAM if stat.S_ISREG(status.st_mode) and os.access(path, os.X_OK) else ""


def list_settings(directories: Iterable[str]) -> list[str]:
    """The .conf files, sorted by name; of two with one name the first directory's counts, and is none if it leads to /dev/null.
    /etc/environment is one as well, by the name that systemd's package gives it."""
    found: dict[str, str] = {}
    for directory in directories:
        for name in _names(directory):
            if name.endswith(".conf") and not name.startswith("."):
                found.setdefault(name, f"{directory}/{name}")
    if os.path.exists("/etc/environment"):
        found.setdefault("99-environment.conf", "/etc/environment")
    return [found[name] for name in sorted(found) if os.path.realpath(found[name]) != "/dev/null"]


def list_init_scripts(root: str = "") -> dict[str, str]:
    """Name → path of every executable file in /etc/init.d."""
    found = {}
    for name in _names(root + "/etc/init.d"):
        path = f"/etc/init.d/{name}"
        if not is_leftover(name) and os.path.isfile(root + path) and os.access(root + path, os.X_OK):
            found[name] = path
    return found


def list_runlevel_links(root: str = "") -> list[tuple[str, str]]:
    """(runlevel, name) of what is in each rcN.d."""
    return [(level, name) for level in "12345" for name in _names(f"{root}/etc/rc{level}.d") if name.startswith("S")]


def is_native(unit: str) -> bool:
    """Whether there is a unit of this very name that no generator has made, a mask or an alias as well."""
    return any(os.path.lexists(f"{directory}/{unit}") for directory in SYSTEM.native_unit_path)


def read_script(path: str) -> str | None:
    """Its text, or the beginning of it; None where it cannot be read."""
    try:
        with open(path, "rb") as file:
            return file.read(_READ_MAX).decode("utf-8", "surrogateescape")
    except OSError:
        return None


def says_something(path: str) -> bool:
    """There is a line in it that is not empty and no comment. An image's /etc/fstab has none, as a rule."""
    try:
        with open(path, "rb") as file:
            return any(line.strip()[:1] not in (b"", b"#") for line in file)
    except FileNotFoundError:
        return False
    except OSError:
        return True  # whoever reads it says why that cannot be


def is_executable(path: str) -> bool:
    return os.path.isfile(path) and os.access(path, os.X_OK)


def _names(directory: str) -> list[str]:
    try:
        return sorted(os.listdir(directory))
    except OSError:
        return []


# --- processes ---------------------------------------------------------------------------------------------------------


class Running:
    """Processes that somebody waits for, each with a process group of its own. `journal` is the socket for their lines."""

    def __init__(self, journal: str) -> None:
        self._journal = journal
        #: pid → path.
        self.pids: dict[int, str] = {}

    @property
    def is_over(self) -> bool:
        return not self.pids

    def start(self, path: str, arguments: Iterable[str], environment: Mapping[str, str], output: OwnedFd | None = None) -> None:
        """OSError where it cannot be executed."""
        journal = _open_journal(self._journal, path.rpartition("/")[2])
        error = journal.fileno() if journal is not None else -1
        written = output.fileno() if output is not None else error
        actions = [(os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0)]
        for target, source in ((1, written), (2, error)):
            actions.append((os.POSIX_SPAWN_OPEN, target, "/dev/null", os.O_WRONLY, 0) if source < 0  # type: ignore[arg-type]
                           else (os.POSIX_SPAWN_DUP2, source, target))
        try:
            pid = os.posix_spawn(path, [path, *arguments], dict(environment), file_actions=actions, setpgroup=0, setsigmask=(),
                                 setsigdef=(_signal.SIGPIPE, _signal.SIGXFSZ))
        finally:
            if journal is not None:
                journal.close()
        self.pids[pid] = path

    def kill(self) -> list[str]:
        """End them all, and whatever they have started. Who was still there."""
        for pid in self.pids:
            try:
                os.killpg(pid, _signal.SIGKILL)
            except ProcessLookupError:
                pass  # dead, and not heard of yet
        return sorted(self.pids.values())


def _open_journal(address: str, name: str) -> OwnedFd | None:
    """What a process writes there is in the journal by that name; None where nobody takes it."""
    connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC | _socket.SOCK_NONBLOCK)
    try:
        connection.connect(address)
        connection.sendall(encode_header(StreamHeader(identifier=name)))
        connection.setblocking(True)  # a property of the connection: the process shares it
    except OSError:
        connection.close()
        return None
    return _above_streams(connection.detach())


def _above_streams(fd: int) -> OwnedFd:
    """Not one of the numbers that become a child's streams."""
    import fcntl

    with OwnedFd(fd):
        return OwnedFd(fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 3))


def open_output() -> OwnedFd:
    """A file in memory for what a generator writes; `read_output` gives it back."""
    with open_memory_file("pyinit-generator", b"") as memory_file:
        return _above_streams(os.dup(memory_file.fileno()))


def read_output(output: OwnedFd) -> str:
    """Closes it."""
    with output:
        return os.pread(output.fileno(), OUTPUT_MAX, 0).decode("utf-8", "surrogateescape")


# --- directories -------------------------------------------------------------------------------------------------------


class Output:
    """The three directories below `run`, while they are filled: in place where nothing is in force yet, else beside what is."""

    def __init__(self, is_boot: bool, run: str) -> None:
        self._run = run
        self._base = run if is_boot else f"{run}/{STAGED}"
        self.paths = tuple(f"{self._base}/{name}" for name in DIRECTORIES)

    @property
    def is_anything_in_force(self) -> bool:
        return any(os.path.isdir(f"{self._run}/{name}") for name in DIRECTORIES)

    def prepare(self) -> None:
        """Make them, empty. Raises OSError."""
        if self._base != self._run:
            discard(self._base)
        for path in self.paths:
            discard(path)
            os.makedirs(path, 0o755)

    def write(self, generated: Iterable[Generated]) -> list[str]:
        """What we make ourselves. What a generator has made already stays. The failures, in words."""
        problems = []
        for each in generated:
            path = f"{self._base}/{each.directory}/{each.path}"
            try:
                os.makedirs(path.rpartition("/")[0], 0o755, exist_ok=True)
                if each.target:
                    os.symlink(each.target, path)
                else:
                    with open(path, "x", encoding="utf-8", errors="surrogateescape") as file:
                        file.write(each.text)
            except FileExistsError:
                pass
            except OSError as error:
                problems.append(f"{path}: cannot write: {error.strerror}")
        return problems

    def publish(self) -> list[str]:
        """Put what was made in force, in place of what is. Directories with nothing in them are not left."""
        problems = []
        for name, path in zip(DIRECTORIES, self.paths):
            final = f"{self._run}/{name}"
            try:
                if path != final:
                    _exchange(path, final, f"{self._base}/old")
                os.rmdir(final)
            except OSError as error:
                if error.errno not in (ENOTEMPTY, EEXIST, ENOENT):
                    problems.append(f"{final}: {error.strerror}")
        if self._base != self._run:
            discard(self._base)
        return problems


def _exchange(path: str, final: str, aside: str) -> None:
    """Links that lead into `path` lead into `final` then: generators name their own output by the path that they know."""
    for directory, subdirectories, files in os.walk(path):
        for name in (*subdirectories, *files):
            entry = f"{directory}/{name}"
            if os.path.islink(entry) and (target := os.readlink(entry)).startswith(path + "/"):
                os.unlink(entry)
                os.symlink(final + target[len(path):], entry)
    if os.path.isdir(final):
        os.rename(final, aside)
    os.rename(path, final)
    discard(aside)


def discard(path: str) -> None:
    """A tree at an absolute path. What cannot go is in the way later, and told of then."""
    try:
        remove_tree(path)
    except OSError:
        pass
