"""`systemd-delta`: which configuration files stand in the way of others (systemd-delta(1)), in the words of systemd 252.

A file of the same name in a directory of higher precedence overrides one, whatever is between them: only the first and
the last are told. Where systemd 252 departs from its page, so does this: a directory given as argument is the one of the
file that is overridden, not of the one that overrides it.
"""

from __future__ import annotations

import os
import stat
import sys

from initd.cli.getopt import boolean, parse
from initd.cli.options import UsageError
from initd.cli.output import BOLD, GREEN, RED, complain, glyph, is_answered, painted

_LONG = {"help": "", "version": "", "no-pager": "", "diff": "?", "type": "="}
_SHORT = {"h": "help", "t": "type"}
_HELP = """\
systemd-delta [OPTIONS...] [PREFIX[/SUFFIX]|SUFFIX...]

Find configuration files that override others.

Options:
     --diff[=BOOL]   Show what differs where a file is overridden (default: yes)
  -t --type=LIST     Only these: masked, equivalent, redirected, overridden,
                     extended, unchanged, default
     --no-pager      (nothing is ever piped into one)
  -h --help          Show this help
     --version       Show the version
"""
#: Directories of configuration, the one that wins first.
_PREFIXES = ("/etc", "/run", "/usr/local/lib", "/usr/local/share", "/usr/lib", "/usr/share", "/lib")
_SUFFIXES = (
    "sysctl.d", "tmpfiles.d", "modules-load.d", "binfmt.d", "systemd/system", "systemd/user", "systemd/system-preset",
    "systemd/user-preset", "udev/rules.d", "modprobe.d",
)  # fmt: skip
#: Here a directory NAME.d extends the unit NAME.
_WITH_DROPINS = ("systemd/system", "systemd/user")
_DEFAULT = frozenset(("masked", "equivalent", "redirected", "overridden", "extended"))
_COLOURS = {"masked": RED, "equivalent": GREEN, "redirected": BOLD, "overridden": BOLD, "extended": BOLD, "unchanged": ""}


def main(arguments: list[str], root: str = "") -> int:
    """The exit status. `arguments` without the program's name; all directories are looked for below `root`."""
    types, wants_diff = _DEFAULT, None
    chosen: frozenset[str] = frozenset()
    try:
        given, words = parse(arguments, "systemd-delta", _LONG, _SHORT)
        for name, value in given:
            if is_answered((name,), _HELP):
                return 0
            if name == "type":
                chosen |= _types(value)
            elif name == "diff":
                wants_diff = _wants_diff(value)
    except UsageError as problem:
        complain(str(problem))
        return 1
    types = chosen or types
    if wants_diff is None:
        wants_diff = "overridden" in types
    elif wants_diff:
        types |= {"overridden"}
    report = _Report(types, wants_diff)
    for word in words or [""]:
        if not _look_at(word, report, root):
            complain(f"Invalid suffix specification {word}.")
            return 1
    print(("\n" if report.count else "") + f"{report.count} overridden configuration files found.")
    return 0


def _types(value: str) -> frozenset[str]:
    found = frozenset(value.split(","))
    if not found <= {*_COLOURS, "default"}:
        raise UsageError("Failed to parse flags field.")
    return found - {"default"} | (_DEFAULT if "default" in found else frozenset())


def _wants_diff(value: str) -> bool:
    said = boolean(value or "yes")
    if said is None:
        raise UsageError(f"Failed to parse boolean argument to --diff: {value}.")
    return said


def _look_at(word: str, report: _Report, root: str) -> bool:
    """One argument. False where it is a path that no configuration is in."""
    word = "/" + word.lstrip("/") if word.startswith("/") else word
    while "//" in word:
        word = word.replace("//", "/")
    prefix = next((each for each in _PREFIXES if word.startswith(each)), "")
    if word.startswith("/") and not prefix:
        return False
    suffix = word[len(prefix):].strip("/")
    for each in [suffix] if suffix else _SUFFIXES:
        _compare(each, f"{root}{prefix}/" if prefix else "", report, root)
    return True


# --- what is there ----------------------------------------------------------------------------------------------------


def _compare(suffix: str, below: str, report: _Report, root: str) -> None:
    """All directories of the suffix, as one; told is what is in `below`."""
    first: dict[str, str] = {}
    last: dict[str, str] = {}
    dropins: dict[str, dict[str, str]] = {}
    for directory in _directories(suffix, root):
        for name, path in _files(directory, suffix in _WITH_DROPINS):
            first.setdefault(name, path)
            last[name] = path
            unit, slash, dropin = name.rpartition("/")
            if slash:
                dropins.setdefault(unit.removesuffix(".d"), {}).setdefault(dropin, path)
    for name, top in first.items():
        bottom = last[name]
        if bottom.startswith(below):
            if bottom != top:
                report.tell_override(top, bottom)
            else:
                report.tell("unchanged", top)
        for path in dropins.get(name, {}).values():
            if path.startswith(below):
                report.tell("extended", top, path)


def _directories(suffix: str, root: str) -> list[str]:
    # Where /lib is /usr/lib, it is no place of its own.
    merged = os.path.islink(root + "/lib")
    return [f"{root}{prefix}/{suffix}" for prefix in _PREFIXES if not (merged and prefix == "/lib")]


def _files(directory: str, has_dropins: bool) -> list[tuple[str, str]]:
    """Names below the directory and their paths: what is in drop-in directories first, each sorted."""
    names = sorted(_names(directory))
    found = []
    for name in names if has_dropins else ():
        path = f"{directory}/{name}"
        if name.endswith(".d") and _kind(path) == stat.S_IFDIR:
            found += [(f"{name}/{each}", f"{path}/{each}") for each in sorted(_names(path))
                      if each.endswith(".conf") and _is_file(f"{path}/{each}")]
    return found + [(name, f"{directory}/{name}") for name in names if _is_file(f"{directory}/{name}")]


def _names(directory: str) -> list[str]:
    from initd.core.conditions import is_leftover

    try:
        return [name for name in os.listdir(directory) if not is_leftover(name)]
    except FileNotFoundError:
        return []
    except OSError as problem:
        complain(f"Failed to open {directory}: {problem.strerror}")
        return []


def _kind(path: str) -> int:
    try:
        return stat.S_IFMT(os.lstat(path).st_mode)
    except OSError:
        return 0  # it went away


def _is_file(path: str) -> bool:
    return _kind(path) in (stat.S_IFREG, stat.S_IFLNK)


def _is_masking(path: str) -> bool:
    """An empty file, or a link to /dev/null."""
    try:
        found = os.stat(path)
    except OSError:
        return False
    return found.st_size == 0 and stat.S_ISREG(found.st_mode) or stat.S_ISCHR(found.st_mode)


# --- what is told -----------------------------------------------------------------------------------------------------


class _Report:
    """Prints what is of the wanted types, and counts it; what is unchanged does not count."""

    def __init__(self, types: frozenset[str], wants_diff: bool) -> None:
        self.count = 0
        self._types = types
        self._wants_diff = wants_diff

    def tell_override(self, top: str, bottom: str) -> None:
        if _is_masking(top):
            self.tell("masked", top, bottom)
        elif os.path.islink(top):
            self.tell("equivalent" if _is_same(top, bottom) else "redirected", top, bottom)
        elif self.tell("overridden", top, bottom) and self._wants_diff:
            _show_difference(bottom, top)

    def tell(self, kind: str, path: str, other: str = "") -> bool:
        """Whether it was wanted."""
        if kind not in self._types:
            return False
        word = f"[{kind.upper()}]"
        shown = painted(word, _COLOURS[kind]) + " " * (13 - len(word)) + path
        if other:
            self.count += 1
            shown += f" {glyph('arrow')} {other}"
        print(shown)
        return True


def _is_same(top: str, bottom: str) -> bool:
    try:
        return os.path.samefile(top, bottom)
    except OSError:
        return False


def _show_difference(old: str, new: str) -> None:
    """By diff(1), as systemd does it: Debian cannot be without."""
    print()
    sys.stdout.flush()
    try:
        os.waitpid(os.posix_spawnp("diff", ["diff", "-us", "--", old, new], os.environ), 0)
    except OSError as problem:
        complain(f"Failed to execute diff: {problem.strerror}")
    print()
