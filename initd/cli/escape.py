"""`systemd-escape`: any text made fit for a unit name, and back (systemd-escape(1)), in the words of systemd 252."""

from __future__ import annotations

import os
import sys

from initd.cli.getopt import parse
from initd.cli.options import UsageError
from initd.cli.output import complain, complain_behind, is_answered
from initd.core import unitname

_LONG = {
    "help": "", "version": "", "suffix": "=", "template": "=", "unescape": "", "mangle": "", "path": "", "instance": "",
}
_SHORT = {"h": "help", "u": "unescape", "m": "mangle", "p": "path"}
_HELP = """\
systemd-escape [OPTIONS...] [NAME...]

Make names of units from any text, and text from names of units.

Options:
     --suffix=SUFFIX      Append this unit type to what is escaped
     --template=TEMPLATE  Make it the instance of this template; or, with
                          --unescape, take it from an instance of it
     --instance           With --unescape: of a unit's name, the instance
  -u --unescape           From escaped text to text
  -m --mangle             Escape only what cannot be escaped text
  -p --path               The text is a path
  -h --help               Show this help
     --version            Show the version
"""
_INVALID = "Invalid argument"
#: NAME_MAX and PATH_MAX of Linux: what is longer is no path.
_NAME_MAX, _PATH_MAX = 255, 4096


class _Failure(Exception):
    """A word that cannot be escaped, or a name that is none; the text is what to print."""


class _Options:
    """What was asked for; `action` is escape, unescape or mangle, whichever was said last."""

    def __init__(self) -> None:
        self.action = "escape"
        self.suffix: str | None = None
        self.template: str | None = None
        self.is_path = False
        self.wants_instance = False


def main(arguments: list[str]) -> int:
    """The exit status. `arguments` without the program's name."""
    try:
        given, words = parse(arguments, "systemd-escape", _LONG, _SHORT)
        options = _Options()
        for name, value in given:
            if is_answered((name,), _HELP):
                return 0
            _apply(options, name, value)
        if not words:
            raise UsageError("Not enough arguments.")
        _check(options)
    except UsageError as problem:
        complain(str(problem))
        return 1
    return _print_all(words, options)


def _apply(options: _Options, name: str, value: str) -> None:
    if name == "suffix":
        if not unitname.is_valid("x." + value):
            raise UsageError(f'Invalid unit suffix type "{value}".')
        options.suffix = value
    elif name == "template":
        if not (unitname.is_valid(value) and unitname.is_template(value)):
            raise UsageError(f"Template name {value} is not valid.")
        options.template = value
    elif name == "path":
        options.is_path = True
    elif name == "instance":
        options.wants_instance = True
    else:
        options.action = name


def _check(options: _Options) -> None:
    """UsageError for options that do not go together."""
    has_template, has_suffix = options.template is not None, options.suffix is not None
    for is_wrong, text in (
        (has_template and has_suffix, "--suffix= and --template= may not be combined."),
        ((has_template or has_suffix) and options.action == "mangle",
         "--suffix= and --template= are not compatible with --mangle."),
        (has_suffix and options.action == "unescape", "--suffix is not compatible with --unescape."),
        (options.is_path and options.action == "mangle", "--path may not be combined with --mangle."),
        (options.wants_instance and options.action != "unescape",
         "--instance must be used in conjunction with --unescape."),
        (options.wants_instance and has_template, "--instance may not be combined with --template."),
    ):
        if is_wrong:
            raise UsageError(text)


def _print_all(words: list[str], options: _Options) -> int:
    """All in one line. The first that fails ends it, and the line stays open."""
    convert = {"escape": _escape, "unescape": _unescape, "mangle": _mangle}[options.action]
    for number, word in enumerate(words):
        try:
            # What ends at a NUL ends there: it would be no argument either.
            text = convert(word, options).partition("\0")[0]
        except _Failure as problem:
            complain_behind(str(problem))
            return 1
        sys.stdout.write((" " if number else "") + text)
    print()
    return 0


def _mangle(word: str, options: _Options) -> str:
    try:
        return unitname.mangle(word)
    except ValueError:
        raise _Failure(f"Failed to mangle name: {_INVALID}") from None


def _unescape(word: str, options: _Options) -> str:
    if options.template is not None or options.wants_instance:
        word = _instance_of(word, options.template)
    try:
        return unitname.unescape_path(word) if options.is_path else unitname.unescape(word)
    except ValueError:
        raise _Failure(f"Failed to unescape string: {_INVALID}") from None


def _instance_of(name: str, template: str | None) -> str:
    if not unitname.is_valid(name):
        raise _Failure(f"Failed to extract instance: {_INVALID}")
    if not unitname.is_instance(name):
        raise _Failure(f"Unit {name} is missing the instance name.")
    found = unitname.template_of(name)
    if template is not None and found != template:
        raise _Failure(f"Unit {name} template {found} does not match specified template {template}.")
    return unitname.instance(name)


def _escape(word: str, options: _Options) -> str:
    escaped = _escape_path(word) if options.is_path else unitname.escape(word)
    if options.suffix is not None:
        return f"{escaped}.{options.suffix}"
    if options.template is not None:
        name = unitname.instantiate(options.template, escaped)
        if not escaped or not unitname.is_valid(name):
            raise _Failure(f"Failed to replace instance: {_INVALID}")
        return name
    return escaped


def _escape_path(word: str) -> str:
    """The path, escaped. A warning where unescaping would not give the same path again."""
    doubt = _doubt(word)
    try:
        if doubt == "valid" and word:
            raise ValueError("no path of Linux'")
        escaped = unitname.escape_path(word)
    except ValueError:
        raise _Failure(f"Input '{word}' is not {_doubts[doubt or 'normalized']}, failed to escape.") from None
    if doubt:
        # The words differ by one "to", there too.
        ending = "likely not going be reversible." if doubt == "valid" else "likely not going to be reversible."
        complain(f"Input '{word}' is not {_doubts[doubt]}, escaping is {ending}")
    return escaped


_doubts = {
    "valid": "a valid file system path", "absolute": "an absolute file system path",
    "normalized": "a normalized file system path",
}


def _doubt(path: str) -> str:
    """What the path is not, of what it should be; empty where there is nothing to say before trying."""
    size = len(os.fsencode(path))
    if not path or size >= _PATH_MAX or any(len(os.fsencode(part)) > _NAME_MAX for part in path.split("/")):
        return "valid"
    return "" if path.startswith("/") else "absolute"
