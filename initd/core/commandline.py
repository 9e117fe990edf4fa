"""The text of an `Exec…=` line → its commands (systemd.service(5), COMMAND LINES)."""

from __future__ import annotations

from initd.core import words
from initd.core.directive import BadValue, Context, FatalValue
from initd.core.parsers import simplify
from initd.core.values import ExecCommand

_SPACE = " \t\n\r"


def commands(context: Context, text: str) -> tuple[ExecCommand, ...]:
    """Every command of the line, separated by ";" words.

    A line that cannot be understood makes the unit bad, as systemd does, but for a "-" command and for a first word
    whose quote never closes.
    """
    found: list[ExecCommand] = []
    position = 0
    is_plain = _is_plain(text)
    while True:
        command, position = _command(context, text, position, is_plain)
        if command is not None:
            found.append(command)
        if position >= len(text):
            return tuple(found)


def _command(context: Context, text: str, position: int, is_plain: bool) -> tuple[ExecCommand | None, int]:
    try:
        first, position = words.next_word(text, position, on_unknown_escape=lambda escape: _unknown(context, escape))
    except ValueError as error:
        raise BadValue(f"{error}, ignoring: \"{text}\"") from None
    if first is None:
        return None, len(text)
    prefixes, has_argv0 = _prefixes(first)
    # A command that may fail may also be nonsense.
    failure = BadValue if "-" in prefixes else FatalValue
    raw_path = _expand(context, first[len(prefixes):], failure, is_quoted=True)
    _check_program(raw_path, first, failure)
    argv = [] if has_argv0 else [raw_path]
    if is_plain:
        words_left = text[position:].split()
        argv += [_expand(context, word, failure) for word in words_left] if "%" in text else words_left
        position = len(text)
    while position < len(text):
        stop, after = _separator(text, position)
        if stop:
            position = after
            break
        word, position = _next_argument(context, text, position, failure)
        if word is None:
            position = len(text)
            break
        argv.append(word)
    if not argv or not argv[0]:
        raise failure(f"Empty executable name or zeroeth argument: {text}")
    return _build(simplify(raw_path), tuple(argv), prefixes), position


def _is_plain(text: str) -> bool:
    """Nothing but words and spaces between them: as most command lines are, and quicker to read than the others."""
    return (text.isascii() and text.isprintable() and "\\" not in text and '"' not in text and "'" not in text
            and ";" not in text)


def _prefixes(word: str) -> tuple[str, bool]:
    """The prefix characters of a command's first word, and whether the next word is argv[0]."""
    prefixes = ""
    privilege = ""
    for char in word:
        if char in "-@:" and char not in prefixes:
            prefixes += char
        elif char == "+" and not privilege:
            prefixes += char
            privilege = "+"
        elif char == "!" and privilege in ("", "!"):
            prefixes += char
            privilege += "!"
        else:
            break
    return prefixes, "@" in prefixes


def _build(path: str, argv: tuple[str, ...], prefixes: str) -> ExecCommand:
    return ExecCommand(
        path,
        argv,
        ignore_failure="-" in prefixes,
        no_expand=":" in prefixes,
        full_privileges="+" in prefixes,
        no_setuid=prefixes.count("!") == 1,
        ambient_magic=prefixes.count("!") == 2,
    )


def _check_program(path: str, word: str, failure: type[BadValue]) -> None:
    if not path:
        raise failure(f"Empty path in command line: '{word}'")
    if not path.isprintable() and any(ord(char) < 32 or char == "\x7f" for char in path):
        raise failure(f"Executable name contains special characters: {path}")
    if path.endswith("/"):
        raise failure(f"Executable path specifies a directory: {path}")
    if not path.startswith("/") and ("/" in path or path in (".", "..")):
        raise failure(f"Neither a valid executable name nor an absolute path: {path}")


def _separator(text: str, position: int) -> tuple[bool, int]:
    """Whether the next word is a bare ";", and where it ends."""
    while position < len(text) and text[position] in _SPACE:
        position += 1
    if text[position:position + 1] == ";" and (position + 1 == len(text) or text[position + 1] in _SPACE):
        return True, position + 1
    return False, position


def _next_argument(context: Context, text: str, position: int, failure: type[BadValue]) -> tuple[str | None, int]:
    while position < len(text) and text[position] in _SPACE:
        position += 1
    if text[position:position + 2] == "\\;" and (position + 2 == len(text) or text[position + 2] in _SPACE):
        return ";", position + 2
    try:
        word, position = words.next_word(text, position, on_unknown_escape=lambda escape: _unknown(context, escape))
    except ValueError as error:
        raise failure(f"{error}, ignoring: \"{text}\"") from None
    return (None if word is None else _expand(context, word, failure)), position


def _expand(context: Context, text: str, failure: type[BadValue], is_quoted: bool = False) -> str:
    return (context.expand_or_fail if failure is FatalValue else context.expand)(text, is_quoted)


def _unknown(context: Context, escape: str) -> None:
    context.warn(f"Ignoring unknown escape sequences: \"{escape}\"")
