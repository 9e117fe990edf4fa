"""Command lines as getopt_long(3) reads them: options anywhere, long ones by any unambiguous beginning, "--" ends them.

For the commands whose options are few; `systemctl` has `cli.options`.
"""

from __future__ import annotations

import sys

from initd.cli.options import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    _T = TypeVar("_T")


def parse(
    arguments: list[str], program: str, long: dict[str, str], short: dict[str, str], ends_at_word: bool = False
) -> tuple[list[tuple[str, str]], list[str]]:
    """The options given, each as its long name and its value, and the words that are none.

    `long` says of each option what it takes: "" nothing, "=" a value, "?" a value that is only given behind "=", or behind the
    letter. `short` maps letters to long names. With `ends_at_word` the first word that is none ends the options: it is a
    command, with options of its own. UsageError for what is no option.
    """
    given: list[tuple[str, str]] = []
    rest: list[str] = []
    waiting = arguments[::-1]
    while waiting:
        word = waiting.pop()
        if word == "--":
            return given, rest + waiting[::-1]
        if word.startswith("--"):
            given.append(_long(word[2:], waiting, program, long))
        elif word.startswith("-") and len(word) > 1:
            _letters(word[1:], waiting, program, long, short, given)
        elif ends_at_word:
            return given, [word, *waiting[::-1]]
        else:
            rest.append(word)
    return given, rest


def split(arguments: list[str], known: tuple[str, ...]) -> tuple[list[str], list[str], list[str]]:
    """Words, options, and which of these are not `known`: for commands of our own, whose options are few and take no value."""
    words = [word for word in arguments if not word.startswith("-")]
    options = [word for word in arguments if word.startswith("-")]
    return words, options, [option for option in options if option not in known]


def understood(parse: Callable[[list[str]], _T | None], arguments: list[str], usage: str) -> _T | int:
    """What `parse` makes of them, or, where help was wanted (None) or they make no sense, the exit status: 0 or 2."""
    try:
        found = parse(arguments)
    except UsageError as problem:
        print(problem, file=sys.stderr)
        return 2
    if found is None:
        print(usage, end="")
        return 0
    return found


def boolean(word: str) -> bool | None:
    """What systemd's booleans say (systemd.syntax(7)); None for what is none."""
    word = word.lower()
    if word in ("1", "yes", "y", "true", "t", "on"):
        return True
    return False if word in ("0", "no", "n", "false", "f", "off") else None


def _long(word: str, waiting: list[str], program: str, long: dict[str, str]) -> tuple[str, str]:
    typed, sign, value = word.partition("=")
    matching = [typed] if typed in long else [name for name in long if name.startswith(typed)]
    if not matching:
        raise UsageError(f"{program}: unrecognized option '--{typed}'")
    if len(matching) > 1:
        possible = " ".join(f"'--{name}'" for name in matching)
        raise UsageError(f"{program}: option '--{typed}' is ambiguous; possibilities: {possible}")
    name = matching[0]
    if sign and not long[name]:
        raise UsageError(f"{program}: option '--{name}' doesn't allow an argument")
    if long[name] == "=" and not sign:
        if not waiting:
            raise UsageError(f"{program}: option '--{name}' requires an argument")
        value = waiting.pop()
    return name, value


def _letters(letters: str, waiting: list[str], program: str, long: dict[str, str], short: dict[str, str],
             given: list[tuple[str, str]]) -> None:
    for position, letter in enumerate(letters):
        name = short.get(letter)
        if name is None:
            raise UsageError(f"{program}: invalid option -- '{letter}'")
        value = letters[position + 1:] if long[name] else ""
        if not long[name]:
            given.append((name, ""))
            continue
        if not value and long[name] == "=":
            if not waiting:
                raise UsageError(f"{program}: option requires an argument -- '{letter}'")
            value = waiting.pop()
        given.append((name, value))
        return
