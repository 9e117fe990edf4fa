"""Files of assignments, as a shell would read them: environment files, os-release(5), machine-info(5).

Tried against a real systemd 252, as systemd.exec(5) says little of quotes and white space.
"""

from __future__ import annotations

import errno
import os

_NAME_FIRST = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_")
_NAME = _NAME_FIRST | frozenset("0123456789")
_SPACE = " \t"
#: A carriage return ends a line as well, but not inside of quotes.
_NEWLINE = "\n\r"
_COMMENT = "#;"
#: What a double-quoted backslash takes its meaning from, as in a POSIX shell.
_DOUBLE_QUOTE_ESCAPED = frozenset('"\\`$')
_FILE_SIZE_MAX = 16 * 1024 * 1024
#: Where os-release(5) is looked for.
OS_RELEASE = ("/etc/os-release", "/usr/lib/os-release")


def is_valid_name(name: str) -> bool:
    return bool(name) and name[0] in _NAME_FIRST and _NAME.issuperset(name)


def read_assignments(root: str, *paths: str) -> dict[str, str]:
    """What the first of these files that is there assigns. OSError where none is, or where it is not text."""
    for path in paths[:-1]:
        try:
            return dict(parse_file(read_text(root + path))[0])
        except FileNotFoundError:
            continue
    return dict(parse_file(read_text(root + paths[-1]))[0])


def read_text(path: str) -> str:
    """OSError as for any file, and where it is too large or holds a NUL. Bytes that are no UTF-8 are surrogates."""
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
