"""Which variables does a process of a unit get? (systemd.exec(5), ENVIRONMENT VARIABLES IN SPAWNED PROCESSES)

A service does not inherit the container's variables: it gets the few that systemd gives it, and of the container's
only those that PassEnvironment= names. Later sources win over earlier ones; UnsetEnvironment= comes last.
"""

from __future__ import annotations

import errno
import os

from initd.core.settings import ExecSettings
from initd.shell.fds import read_small

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterable, Mapping

_NAME_FIRST = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_")
_NAME = _NAME_FIRST | frozenset("0123456789")
_SPACE = " \t"
#: A carriage return ends a line as well, but not inside of quotes.
_NEWLINE = "\n\r"
_COMMENT = "#;"
_GLOB = frozenset("*?[")
#: What a double-quoted backslash takes its meaning from, as in a POSIX shell.
_DOUBLE_QUOTE_ESCAPED = frozenset('"\\`$')
_FILE_SIZE_MAX = 16 * 1024 * 1024


class EnvironmentFileError(Exception):
    """An EnvironmentFile= without "-" could not be read."""

    def __init__(self, path: str, errno: int) -> None:
        super().__init__(path, errno)
        self.path = path
        self.errno = errno


def container_environment() -> dict[str, str]:
    """The variables this process was started with, before the interpreter's locale set-up added its own."""
    try:
        data = read_small("/proc/self/environ", 4 * 1024 * 1024)
    except OSError:
        return dict(os.environ)
    return split_assignments(data.decode("utf-8", "surrogateescape").split("\0"))


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


def is_valid_name(name: str) -> bool:
    return bool(name) and name[0] in _NAME_FIRST and _NAME.issuperset(name)


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
                found, wrong = parse_file(_read_text(match))
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


def _read_text(path: str) -> str:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        parts = []
        size = 0
        while part := os.read(fd, 65536):
            parts.append(part)
            size += len(part)
            if size > _FILE_SIZE_MAX:
                raise OSError(errno.EFBIG, "file too large", path)
    finally:
        os.close(fd)
    data = b"".join(parts)
    if b"\0" in data:
        raise OSError(errno.EBADMSG, "NUL in environment file", path)
    return data.decode("utf-8", "surrogateescape")


def parse_file(text: str) -> tuple[list[tuple[str, str]], list[str]]:
    """The assignments of one environment file, and what is no valid one, in words.

    OSError EINVAL where a name or value is not UTF-8: systemd refuses the whole file then.
    """
    assignments: list[tuple[str, str]] = []
    problems: list[str] = []
    position = 0
    while position < len(text):
        if text[position] in " \t\r\n":
            position += 1
        elif text[position] in _COMMENT:
            position = _skip_comment(text, position)
        else:
            position = _read_assignment(text, position, assignments, problems)
    return assignments, problems


def _skip_comment(text: str, position: int) -> int:
    """Behind the comment's line; a backslash at its end continues a comment, too."""
    while position < len(text) and text[position] not in _NEWLINE:
        position += 2 if text[position] == "\\" else 1
    return position + 1


def _read_assignment(text: str, position: int, assignments: list[tuple[str, str]], problems: list[str]) -> int:
    equals = position
    while equals < len(text) and text[equals] != "=":
        if text[equals] in _NEWLINE:
            return equals  # a line without "=" says nothing
        equals += 1
    if equals == len(text):
        return equals
    name = text[position:equals].rstrip(_SPACE)
    value, position = _read_value(text, equals + 1)
    if not _is_utf8(name) or not _is_utf8(value):
        raise OSError(errno.EINVAL, "not UTF-8")
    if not is_valid_name(name):
        problems.append(f"Ignoring invalid environment assignment '{name}={value}'")
    else:
        assignments.append((name, value))
    return position


def _is_utf8(text: str) -> bool:
    """UTF-8, and none of Unicode's noncharacters; bytes that were not UTF-8 are surrogates here."""
    return text.isascii() or not any(_is_noncharacter(ord(char)) for char in text)


def _is_noncharacter(code: int) -> bool:
    return 0xD800 <= code <= 0xDFFF or 0xFDD0 <= code <= 0xFDEF or code & 0xFFFE == 0xFFFE


def _read_value(text: str, position: int) -> tuple[str, int]:
    """A value, quoted or not, and where the next line begins."""
    while position < len(text) and text[position] in _SPACE:
        position += 1
    pieces: list[str] = []
    #: How much of `pieces` trailing white space may not be taken from: it was quoted or escaped.
    kept = 0
    may_quote = True
    while position < len(text) and text[position] not in _NEWLINE:
        char = text[position]
        if may_quote and char in "'\"":
            piece, position = _read_quoted(text, position + 1, char)
            pieces.append(piece)
            kept = len(pieces)
            may_quote = True
            while position < len(text) and text[position] in _SPACE:
                position += 1
            continue
        may_quote = False
        if char == "\\":
            if position + 1 < len(text) and text[position + 1] not in _NEWLINE:
                pieces.append(text[position + 1])
            kept = len(pieces)  # white space in front of any backslash stays
            position += 2
            continue
        pieces.append(char)
        position += 1
    while len(pieces) > kept and pieces[-1] in _SPACE:
        pieces.pop()
    return "".join(pieces), position + 1


def _read_quoted(text: str, position: int, quote: str) -> tuple[str, int]:
    """What stands between the quotes, which may be several lines; a quote that never closes ends with the file."""
    pieces: list[str] = []
    while position < len(text) and text[position] != quote:
        char = text[position]
        if char == "\\" and quote == '"':
            following = text[position + 1:position + 2]
            if following in _DOUBLE_QUOTE_ESCAPED:
                pieces.append(following)
            elif following not in ("", "\n"):
                pieces.append(char + following)
            position += 2
            continue
        pieces.append(char)
        position += 1
    return "".join(pieces), position + 1
