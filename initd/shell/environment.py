"""Which variables does a process of a unit get? (systemd.exec(5), ENVIRONMENT VARIABLES IN SPAWNED PROCESSES)

A service does not inherit the container's variables: it gets the few that systemd gives it, and of the container's
only those that PassEnvironment= names. Later sources win over earlier ones; UnsetEnvironment= comes last.
"""

from __future__ import annotations

import os

from initd.core.settings import ExecSettings
from initd.shell.fds import read_small

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterable, Mapping

_NAME_FIRST = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_")
_NAME = _NAME_FIRST | frozenset("0123456789")
_SPACE = " \t\r"
_NEWLINE = "\n"
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
    """The variables this process was started with, before anybody (the interpreter's locale set-up, for one) changed them."""
    try:
        data = read_small("/proc/self/environ", 4 * 1024 * 1024)
    except OSError:
        return dict(os.environ)
    return split_assignments(data.decode("utf-8", "surrogateescape").split("\0"))


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
                problems += [f"{match[len(root):]}: {text}" for text in wrong]
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
        raise FileNotFoundError(2, "no match", pattern)
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
                raise OSError(27, "file too large", path)
        return b"".join(parts).decode("utf-8", "surrogateescape")
    finally:
        os.close(fd)


def parse_file(text: str) -> tuple[list[tuple[str, str]], list[str]]:
    """The assignments of one environment file, and the lines that are not, in words. Never raises."""
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
    while position < len(text) and text[position] != _NEWLINE:
        position += 2 if text[position] == "\\" else 1
    return position + 1


def _read_assignment(text: str, position: int, assignments: list[tuple[str, str]], problems: list[str]) -> int:
    end_of_line = text.find(_NEWLINE, position)
    end_of_line = len(text) if end_of_line < 0 else end_of_line
    equals = text.find("=", position, end_of_line)
    if equals < 0:
        return end_of_line
    name = text[position:equals].rstrip(_SPACE)
    value, position = _read_value(text, equals + 1)
    if not is_valid_name(name) or "\0" in value or _has_bad_bytes(value):
        problems.append(f"invalid environment assignment, ignoring: {name}={value}")
    else:
        assignments.append((name, value))
    return position


def _has_bad_bytes(value: str) -> bool:
    return not value.isascii() and any("\ud800" <= char <= "\udfff" for char in value)


def _read_value(text: str, position: int) -> tuple[str, int]:
    """A value, quoted or not, and where the next line begins."""
    while position < len(text) and text[position] in _SPACE:
        position += 1
    pieces: list[str] = []
    #: How much of `pieces` trailing white space may not be taken from: it was quoted or escaped.
    kept = 0
    may_quote = True
    while position < len(text) and text[position] != _NEWLINE:
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
            if position + 1 < len(text) and text[position + 1] != _NEWLINE:
                pieces.append(text[position + 1])
                kept = len(pieces)
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
        if char == "\\" and quote == '"' and position + 1 < len(text):
            following = text[position + 1]
            if following in _DOUBLE_QUOTE_ESCAPED:
                pieces.append(following)
            elif following != _NEWLINE:
                pieces.append(char + following)
            position += 2
            continue
        pieces.append(char)
        position += 1
    return "".join(pieces), position + 1
