"""The units that a user means: typed words → unit names, globs → the loaded units that match.

The usual word, `nginx` or `nginx.service`, is understood without importing the grammar of unit names.
"""

from __future__ import annotations

import sys

from initd.cli.options import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from initd.cli.bus import Bus
    from initd.cli.options import Options

_SUFFIXES = (
    "service", "socket", "target", "device", "mount", "automount", "swap", "timer", "path", "slice", "scope",
)  # fmt: skip
_PLAIN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789:_-.@\\")
_GLOB = frozenset("*?[")


def is_glob(word: str) -> bool:
    return not _GLOB.isdisjoint(word)


def mangle(word: str, suffix: str = ".service") -> str:
    """The name of the unit that this word stands for. ValueError where none can be made of it."""
    if word and _PLAIN.issuperset(word) and not word.startswith("@"):
        return word if word.rpartition(".")[2] in _SUFFIXES and not word.startswith(".") else word + suffix
    from initd.core import unitname

    name = unitname.mangle(word, suffix)
    if not word.startswith("/") and not _PLAIN.issuperset(word):
        escaped = name if word.endswith(suffix) else name.removesuffix(suffix)
        print(
            f'Invalid unit name "{word}" escaped as "{escaped}" '
            "(maybe you should use systemd-escape?).",
            file=sys.stderr,
        )
    return name


def mangle_glob(word: str, suffix: str = ".service") -> str:
    """A pattern for names: one without a type gets the suffix, unless it may match one itself."""
    if not is_glob(word):
        return mangle(word, suffix)
    is_whole = word.rpartition(".")[2] in _SUFFIXES or word.endswith("*")
    return word if is_whole else word + suffix


def is_wanted(row: tuple[Any, ...], options: Options, has_states: bool) -> bool:
    """Whether the user wants to see this row of ListUnits()."""
    name, following, job_id = row[0], row[5], row[7]
    if options.types and name.rpartition(".")[2] not in options.types:
        return False
    if has_states or options.all:
        return True
    # What is down and has nothing to do is left out.
    return not following and (row[3] != "inactive" or bool(job_id))


def expand(words: list[str], bus: Bus, suffix: str = ".service", states: list[str] | None = None,
           options: Options | None = None) -> list[str]:
    """Unit names for words: plain ones first, then what the globs match among the loaded units, in the list's order.

    With options, a glob matches what `list-units` would show: by --type=, --state= and --all.
    """
    if "" in words:
        raise UsageError("Failed to mangle name: Invalid argument\nFailed to expand names: Invalid argument")
    names = [mangle(word, suffix) for word in words if not is_glob(word)]
    patterns = [mangle_glob(word, suffix) for word in words if is_glob(word)]
    if patterns and options is not None:
        states = [*options.states, *(["failed"] if options.failed else [])]
        (rows,) = bus.ask("ListUnitsByPatterns", "asas", states, patterns)
        names += [row[0] for row in rows if is_wanted(row, options, bool(states))]
    elif patterns:
        (rows,) = bus.ask("ListUnitsByPatterns", "asas", states or [], patterns)
        names += [row[0] for row in rows]
    return names
