"""Which variables does a process of a unit get? (systemd.exec(5), ENVIRONMENT VARIABLES IN SPAWNED PROCESSES)

A service does not inherit the container's variables: it gets the few that systemd gives it, and of the container's
only those that PassEnvironment= names. Later sources win over earlier ones; UnsetEnvironment= comes last.
"""

from __future__ import annotations

import errno
import os

from initd.core.settings import ExecSettings
from initd.shell.envfile import parse_file, read_text
from initd.shell.fds import read_small

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterable, Mapping

_LISTENING = frozenset(("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"))
_GLOB = frozenset("*?[")


class EnvironmentFileError(Exception):
    """An EnvironmentFile= without "-" could not be read."""

    def __init__(self, path: str, errno: int) -> None:
        super().__init__(path, errno)
        self.path = path
        self.errno = errno


def container_environment() -> dict[str, str]:
    """The variables this process was started with, before the interpreter's locale set-up added its own. Those that speak of
    its own descriptors are nobody else's."""
    try:
        data = read_small("/proc/self/environ", 4 * 1024 * 1024)
    except OSError:
        return dict(os.environ)
    variables = split_assignments(data.decode("utf-8", "surrogateescape").split("\0"))
    return {name: value for name, value in variables.items() if name not in _LISTENING}


#: What concerns a process alone, and not those it starts.
_OWN = frozenset((
    "NOTIFY_SOCKET", "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "WATCHDOG_PID", "WATCHDOG_USEC", "MANAGERPID", "MAINPID",
    "INVOCATION_ID", "JOURNAL_STREAM", "CREDENTIALS_DIRECTORY", "SYSTEMD_EXEC_PID", "_",
    "RUNTIME_DIRECTORY", "STATE_DIRECTORY", "CACHE_DIRECTORY", "LOGS_DIRECTORY", "CONFIGURATION_DIRECTORY",
))


def inherited(environment: Mapping[str, str]) -> dict[str, str]:
    """What a user's manager was started with and its units get (systemd.exec(5), ENVIRONMENT VARIABLES)."""
    return {name: value for name, value in environment.items() if name not in _OWN}


def split_assignments(assignments: Iterable[str]) -> dict[str, str]:
    """ "NAME=value" words as a mapping; the last one of a name counts, what is no assignment is left out."""
    variables = {}
    for assignment in assignments:
        name, equals, value = assignment.partition("=")
        if equals and name:
            variables[name] = value
    return variables


def assemble(
    manager: Mapping[str, str],
    engine: Iterable[str],
    own: Mapping[str, str],
    container: Mapping[str, str],
    settings: ExecSettings,
    files: Iterable[tuple[str, str]],
) -> dict[str, str]:
    """The finished environment. `own` is what the spawn itself adds (HOME, LISTEN_FDS, …)."""
    variables = dict(manager)
    variables.update(split_assignments(engine))
    variables.update(own)
    if settings.exec_search_path:
        variables["PATH"] = ":".join(settings.exec_search_path)
    for name in settings.pass_environment:
        if name in container:
            variables[name] = container[name]
    variables.update(split_assignments(settings.environment))
    variables.update(files)
    for entry in settings.unset_environment:
        name, equals, value = entry.partition("=")
        if not equals or variables.get(name) == value:
            variables.pop(name, None)
    return variables


def read_files(files: Iterable[tuple[str, bool]], root: str = "") -> tuple[list[tuple[str, str]], list[str]]:
    """The assignments of all EnvironmentFile= in order, and what was wrong in them, in words.

    EnvironmentFileError where a file that must exist does not, or cannot be read.
    """
    assignments: list[tuple[str, str]] = []
    problems: list[str] = []
    for path, missing_ok in files:
        try:
            for match in _expand(root + path):
                found, wrong = parse_file(read_text(match))
                assignments += found
                problems += [f"{text}: {match[len(root):]}" for text in wrong]
        except OSError as error:
            if not missing_ok:
                raise EnvironmentFileError(path, error.errno or 0) from None
    return assignments, problems


def _expand(pattern: str) -> list[str]:
    if _GLOB.isdisjoint(pattern):
        return [pattern]
    import glob

    matches = sorted(glob.glob(pattern))
    if not matches:
        raise FileNotFoundError(errno.ENOENT, "no match", pattern)
    return matches
