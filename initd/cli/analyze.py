"""`systemd-analyze`: which verb is meant, and the options they share. Each verb's function alone is imported.

A verb is a function `verb(arguments, options) -> exit status`. What needs a boot's history, a kernel's tables or another
machine is not here, and says so.
"""

from __future__ import annotations

import os
import sys

from initd.cli.analyze_options import AnalyzeOptions
from initd.cli.getopt import parse
from initd.cli.options import UsageError

#: Verb → (module of initd.cli, function, fewest arguments).
VERBS = {
    "calendar": ("analyze_time", "calendar", 1),
    "timestamp": ("analyze_time", "timestamp", 1),
    "timespan": ("analyze_time", "timespan", 1),
}
#: Verbs of systemd's that are not here (yet): named, so that the answer is not "unknown".
_NOT_AVAILABLE = frozenset((
    "time", "blame", "critical-chain", "plot", "dot", "unit-files", "filesystems", "security", "inspect-elf", "exit-status",
    "capability", "syscall-filter", "compare-versions", "unit-paths", "cat-config", "condition", "verify", "dump",
))
_LONG = {
    "help": "", "version": "", "quiet": "", "root": "=", "image": "=", "recursive-errors": "=", "offline": "=",
    "threshold": "=", "security-policy": "=", "json": "=", "no-pager": "", "system": "", "user": "", "global": "",
    "host": "=", "machine": "=", "order": "", "require": "", "from-pattern": "=", "to-pattern": "=", "fuzz": "=", "man": "?",
    "generators": "?", "iterations": "=", "base-time": "=", "profile": "=",
}
_SHORT = {"h": "help", "q": "quiet", "H": "host", "M": "machine"}
_USES_ROOT = frozenset(("cat-config", "verify", "condition"))
_HELP = """\
systemd-analyze [OPTIONS...] COMMAND ...

Explain calendar events, time spans and time stamps.

Commands:
  calendar SPEC...           When a repeating calendar event elapses
  timestamp TIMESTAMP...     What a point in time is
  timespan SPAN...           What a time span is

Options:
     --iterations=N          Show so many elapses of a calendar event
     --base-time=TIMESTAMP   Count from this time
     --root=PATH             Look at files below this directory
     --recursive-errors=no|one|yes
                             Whose errors `verify` counts
     --man[=BOOL]            Do [not] check that man pages exist
     --user --global         The directories of user managers
  -q --quiet                 Do not give hints
  -h --help                  Show this help
     --version               Show the version
"""


def main(arguments: list[str]) -> int:
    """The exit status. `arguments` without the program's name."""
    try:
        return _run(arguments)
    except UsageError as problem:
        print(problem, file=sys.stderr)
        return 1
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # whoever read us has read enough
        return 0


def _run(arguments: list[str]) -> int:
    given, words = parse(arguments, "systemd-analyze", _LONG, _SHORT)
    options = AnalyzeOptions()
    for name, value in given:
        if name == "help":
            sys.stdout.write(_HELP)
            return 0
        if name == "version":
            from initd import SYSTEMD_VERSION, __version__

            print(f"systemd {SYSTEMD_VERSION} (pyinit {__version__})")
            return 0
        _apply(options, name, value)
    verb, words = (words[0], words[1:]) if words else ("time", [])
    if verb not in VERBS:
        if verb in _NOT_AVAILABLE:
            raise UsageError(f"systemd-analyze {verb}: not available.")
        raise UsageError(f"Unknown command verb {verb}.")
    module_name, function_name, fewest = VERBS[verb]
    if len(words) < fewest:
        raise UsageError("Too few arguments.")
    if options.root and verb not in _USES_ROOT:
        raise UsageError(f"systemd-analyze {verb}: --root= is for cat-config, condition and verify.")
    module = __import__("initd.cli." + module_name, fromlist=(function_name,))
    status: int = getattr(module, function_name)(words, options)
    return status


def _apply(options: AnalyzeOptions, name: str, value: str) -> None:
    if name == "quiet":
        options.is_quiet = True
    elif name in ("system", "user", "global"):
        options.scope = name
    elif name == "root":
        options.root = os.path.abspath(value).rstrip("/") if value else ""
    elif name == "iterations":
        if not (value.isdecimal() and value.isascii()):
            raise UsageError(f"Failed to parse iterations: {value}")
        options.iterations = int(value)
    elif name == "base-time":
        from initd.cli.analyze_time import parse_base_time

        options.base_time = parse_base_time(value)
    elif name == "recursive-errors":
        if value not in ("yes", "no", "one"):
            raise UsageError(f"Unknown mode passed to --recursive-errors='{value}'.")
        options.recursive_errors = value
    elif name == "man":
        options.checks_man = value.lower() not in ("0", "no", "n", "false", "f", "off")
    elif name in ("host", "machine", "image"):
        raise UsageError(f"systemd-analyze: --{name}= is not supported: pyinit looks at this machine only.")


def run() -> int:
    """The entry point of the installed command."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8", errors="surrogateescape")  # type: ignore[union-attr]
    return main(sys.argv[1:])
