"""`systemd-analyze`: which verb is meant, and the options they share. Each verb's function alone is imported.

A verb is a function `verb(arguments, options) -> exit status`. What needs a kernel's tables or another machine is
not here, and says so.
"""

from __future__ import annotations

import os

from initd.cli.analyze_options import AnalyzeOptions
from initd.cli.getopt import parse
from initd.cli.options import UsageError
from initd.cli.output import complain_behind, is_answered
from initd.core.numbers import to_int

#: Verb → (module of initd.cli, function, fewest and most arguments). None: as many as you like.
VERBS: dict[str, tuple[str, str, int, int | None]] = {
    "time": ("analyze_boot", "time", 0, 0),
    "blame": ("analyze_boot", "blame", 0, 0),
    "critical-chain": ("analyze_boot", "critical_chain", 0, None),
    "plot": ("analyze_boot", "plot", 0, 0),
    "dot": ("analyze_boot", "dot", 0, None),
    "calendar": ("analyze_time", "calendar", 1, None),
    "timestamp": ("analyze_time", "timestamp", 1, None),
    "timespan": ("analyze_time", "timespan", 1, None),
    "unit-paths": ("analyze_files", "unit_paths", 0, 0),
    "cat-config": ("analyze_files", "cat_config", 1, None),
    "condition": ("analyze_files", "condition", 0, None),
    "exit-status": ("analyze_tables", "exit_status", 0, None),
    "capability": ("analyze_tables", "capability", 0, None),
    "syscall-filter": ("analyze_tables", "syscall_filter", 0, None),
    "compare-versions": ("analyze_tables", "compare_versions", 2, 3),
    "verify": ("analyze_verify", "verify", 1, None),
    "dump": ("analyze_dump", "dump", 0, None),
    # As they were called before systemctl had them.
    "log-level": ("manager_settings", "log_level", 0, 1),
    "log-target": ("manager_settings", "log_target", 0, 1),
    "set-log-level": ("manager_settings", "log_level", 1, 1),
    "set-log-target": ("manager_settings", "log_target", 1, 1),
    "get-log-level": ("manager_settings", "log_level", 0, 0),
    "get-log-target": ("manager_settings", "log_target", 0, 0),
    "service-watchdogs": ("manager_settings", "service_watchdogs", 0, 1),
}
#: Verbs of systemd's that are not here, and why.
_REFUSED = {
    "unit-files": "not available; see systemctl list-unit-files",
    "security": "not available; see pyinit check for what becomes of each directive here",
    "filesystems": "the kernel's file systems are not restricted here (no BPF), so none are listed",
    "inspect-elf": "not available",
}
_LONG = {
    "help": "", "version": "", "quiet": "", "root": "=", "image": "=", "recursive-errors": "=", "offline": "=",
    "threshold": "=", "security-policy": "=", "json": "=", "no-pager": "", "system": "", "user": "", "global": "",
    "host": "=", "machine": "=", "order": "", "require": "", "from-pattern": "=", "to-pattern": "=", "fuzz": "=", "man": "?",
    "generators": "?", "iterations": "=", "base-time": "=", "profile": "=",
}
_SHORT = {"h": "help", "q": "quiet", "H": "host", "M": "machine"}
#: Options that only mean something to verbs that are not here; systemd's words for giving them to another.
_ONLY_FOR = {
    "threshold": "security right now", "offline": "security right now", "security-policy": "security",
    "json": "security and inspect-elf right now",
}
_USES_ROOT = frozenset(("cat-config", "verify", "condition"))
_USES_GLOBAL = frozenset(("dot", "unit-paths", "verify"))
#: These ask the manager, and there is one only.
_ASKS_MANAGER = frozenset(("dump", *(verb for verb, row in VERBS.items() if row[0] in ("manager_settings", "analyze_boot"))))
_TRUE = frozenset(("1", "yes", "y", "true", "t", "on"))
_FALSE = frozenset(("0", "no", "n", "false", "f", "off"))
_HELP = """\
systemd-analyze [OPTIONS...] COMMAND ...

Check unit files, explain what they are written with, show the manager's state.

Commands:
  time                       How long the boot took (what is shown without a command)
  blame                      How long each unit took to start
  critical-chain [UNIT...]   Which units were waited for
  plot                       The boot as SVG: jobs, starts, ends, restarts
  dot [PATTERN...]           Dependencies, for graphviz
  verify FILE...             Whether unit files can be used
  calendar SPEC...           When a repeating calendar event elapses
  timestamp TIMESTAMP...     What a point in time is
  timespan SPAN...           What a time span is
  condition CONDITION...     Whether conditions and asserts are met here
  cat-config NAME|PATH...    A configuration file and its drop-ins
  unit-paths                 The directories units are looked for in
  exit-status [STATUS...]    What exit statuses are called
  capability [CAP...]        Capabilities and their numbers
  syscall-filter [NAME...]   The groups of system calls
  compare-versions VERSION1 [OP] VERSION2
                             Which version is newer
  dump [PATTERN...]          All the manager knows of its units
  log-level [LEVEL]          What the manager logs
  get-log-level              (the same)
  set-log-level LEVEL        (the same)
  log-target [TARGET]        Where it logs to
  get-log-target             (the same)
  set-log-target TARGET      (the same)
  service-watchdogs [BOOL]   Whether services' watchdogs are heeded

Options:
     --iterations=N          Show so many elapses of a calendar event
     --base-time=TIMESTAMP   Count from this time
     --root=PATH             Look at files below this directory
     --recursive-errors=no|one|yes
                             Whose warnings make `verify` exit 1
     --man[=BOOL]            Do [not] check that man pages exist
     --fuzz=SPAN             Show what was up so much earlier in a chain as well
     --order --require       Only the one or the other kind of dependency
     --from-pattern=GLOB --to-pattern=GLOB
                             Only dependencies of or on these units
     --user --global         The managers of users, or the directories of theirs
  -q --quiet                 Do not give hints
     --no-pager              Accepted: there is never a pager
  -h --help                  Show this help
     --version               Show the version
"""


def main(arguments: list[str]) -> int:
    """The exit status. `arguments` without the program's name."""
    try:
        return _run(arguments)
    except UsageError as problem:
        complain_behind(str(problem))
        return 1


def _run(arguments: list[str]) -> int:
    given, words = parse(arguments, "systemd-analyze", _LONG, _SHORT)
    options = AnalyzeOptions()
    for name, value in given:
        if is_answered((name,), _HELP):
            return 0
        _apply(options, name, value)
    verb, words = (words[0], words[1:]) if words else ("time", [])
    _check(verb, options)
    if verb not in VERBS:
        raise UsageError(f"systemd-analyze {verb}: {_REFUSED[verb]}." if verb in _REFUSED
                         else f"Unknown command verb {verb}.")
    module_name, function_name, fewest, most = VERBS[verb]
    if len(words) < fewest:
        raise UsageError("Too few arguments.")
    if most is not None and len(words) > most:
        raise UsageError("Too many arguments.")
    module = __import__("initd.cli." + module_name, fromlist=(function_name,))
    status: int = _guarded(verb, getattr(module, function_name), words, options)
    return status


def _guarded(verb: str, function: object, words: list[str], options: AnalyzeOptions) -> int:
    if verb not in _ASKS_MANAGER:
        return function(words, options)  # type: ignore[operator, no-any-return]
    from initd.cli.bus import BusError, NotRunning
    from initd.cli.systemctl import report_not_running

    try:
        return function(words, options)  # type: ignore[operator, no-any-return]
    except NotRunning as problem:
        return report_not_running(verb, problem)
    except BusError as problem:
        complain_behind(f"Failed to {verb}: {problem.text}")
        return 1


def _check(verb: str, options: AnalyzeOptions) -> None:
    """UsageError for options that are not this verb's."""
    for name, verbs in _ONLY_FOR.items():
        if name in options.given:
            raise UsageError(f"Option --{name}= is only supported for {verbs}.")
    if options.scope == "global" and verb not in _USES_GLOBAL:
        raise UsageError("Option --global only makes sense with verbs dot, unit-paths, verify.")
    if options.root and verb not in _USES_ROOT:
        raise UsageError("Options --root= and --image= are only supported for cat-config, verify, condition and security "
                         "when used with --offline= right now.")
    if "image" in options.given:
        raise UsageError("systemd-analyze --image=: disk images are not opened here; mount it and use --root=.")
    if verb in _ASKS_MANAGER:
        for name in ("host", "machine"):
            if name in options.given:
                raise UsageError(f"systemd-analyze --{name}=: there is only this machine's manager to ask.")


def _apply(options: AnalyzeOptions, name: str, value: str) -> None:
    options.given.add(name)
    if name == "quiet":
        options.is_quiet = True
    elif name in ("system", "user", "global"):
        options.scope = name
    elif name in ("order", "require"):
        options.edges = name
    elif name == "from-pattern":
        options.from_patterns.append(value)
    elif name == "to-pattern":
        options.to_patterns.append(value)
    elif name == "fuzz":
        from initd.core import timespan

        try:
            options.fuzz_usec = timespan.parse(value)
        except ValueError:
            raise UsageError(f"Failed to parse timespan: {value}") from None
    elif name == "root":
        options.root = os.path.abspath(value).rstrip("/") if value else ""
    elif name == "iterations":
        try:
            options.iterations = to_int(value, 0, 2**32 - 1)
        except ValueError:
            raise UsageError(f"Failed to parse iterations: {value}") from None
    elif name == "base-time":
        from initd.cli.analyze_time import parse_base_time

        options.base_time = parse_base_time(value)
    elif name == "recursive-errors":
        if value not in ("yes", "no", "one"):
            raise UsageError(f"Unknown mode passed to --recursive-errors='{value}'.")
        options.recursive_errors = value
    elif name in ("man", "generators"):
        is_on = _parse_bool(name, value) if value else True
        if name == "man":
            options.checks_man = is_on
        elif is_on:
            raise UsageError("systemd-analyze --generators: generators are run by the manager alone.")


def _parse_bool(name: str, value: str) -> bool:
    if value.lower() in _TRUE:
        return True
    if value.lower() in _FALSE:
        return False
    raise UsageError(f"Failed to parse boolean argument to --{name}: {value}.")
