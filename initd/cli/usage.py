"""`systemctl --help`, and the lists behind `-t help`, `--state=help` and `-s list`.

The manual page's part on commands and options is printed from the same tables, and so are descriptions in completion.
"""

from __future__ import annotations

from initd.cli.options import Options
from initd.cli.output import print_table

#: (title, rows of verb, arguments, what it does). Words that mean the same as another verb are under ALIASES.
COMMANDS: tuple[tuple[str, tuple[tuple[str, str, str], ...]], ...] = (
    ("Look at units", (
        ("status", "[UNIT|PID...]", "How units are: state, processes, last lines, what is not applied"),
        ("why", "UNIT...", "What led to units being as they are, with times, files and lines"),
        ("list-units", "[PATTERN...]", "Units that are loaded (what is shown without a command)"),
        ("list-sockets", "[PATTERN...]", "Sockets, by what they listen on"),
        ("list-timers", "[PATTERN...]", "Timers, by when they elapse next"),
        ("list-automounts", "[PATTERN...]", "Automounts, by where they are"),
        ("list-dependencies", "[UNIT...]", "What units pull in, as a tree"),
        ("list-jobs", "[PATTERN...]", "Jobs that wait or run"),
        ("is-active", "UNIT...", "Exit status 0 if any of them is active"),
        ("is-failed", "UNIT...", "Exit status 0 if any of them has failed"),
        ("is-system-running", "", "Exit status 0 if everything is up and nothing has failed"),
        ("show", "[UNIT|JOB...]", "Properties of units, jobs or the manager, for programs"),
        ("cat", "UNIT...", "The files that make up units"),
        ("help", "UNIT|PID...", "Manual pages that units name"),
    )),
    ("Start and stop", (
        ("start", "UNIT...", "Start units"),
        ("stop", "UNIT...", "Stop units"),
        ("reload", "UNIT...", "Have units read their configuration again"),
        ("restart", "UNIT...", "Stop units, where they run, and start them"),
        ("try-restart", "UNIT...", "Restart units that run"),
        ("reload-or-restart", "UNIT...", "Reload units that can, restart the others"),
        ("try-reload-or-restart", "UNIT...", "The same for units that run"),
        ("isolate", "UNIT", "Start a unit, and stop what it does not need"),
        ("kill", "UNIT...", "Send a signal to processes of units"),
        ("freeze", "PATTERN...", "Halt all processes of units where they are"),
        ("thaw", "PATTERN...", "Let frozen units go on"),
        ("reset-failed", "[PATTERN...]", "Forget that units have failed"),
        ("clean", "UNIT...", "Delete state, cache, logs and the like of units"),
        ("cancel", "[JOB...]", "Give up jobs"),
        ("set-property", "UNIT ASSIGNMENT...", "Change settings of a unit now and for later"),
        ("bind", "UNIT PATH [PATH]", "Refused: the namespace of a running unit is not entered"),
        ("mount-image", "UNIT PATH [PATH [OPTIONS]]", "Refused for the same reason"),
        ("service-log-level", "SERVICE [LEVEL]", "Read or set a service's log level over D-Bus"),
        ("service-log-target", "SERVICE [TARGET]", "Read or set where a service logs over D-Bus"),
    )),
    ("Unit files", (
        ("list-unit-files", "[PATTERN...]", "Unit files there are, and whether they are enabled"),
        ("enable", "UNIT|PATH...", "Make the links that [Install] asks for"),
        ("disable", "UNIT...", "Remove them"),
        ("reenable", "UNIT...", "Remove and make them"),
        ("preset", "UNIT...", "Enable or disable units as preset files say"),
        ("preset-all", "", "The same for all units"),
        ("is-enabled", "UNIT...", "Exit status 0 if any of them is enabled"),
        ("mask", "UNIT...", "Keep units from being started at all"),
        ("unmask", "UNIT...", "Take that back"),
        ("link", "PATH...", "Make files outside of the search path known as units"),
        ("revert", "UNIT...", "Undo what was changed beside the vendor's files"),
        ("add-wants", "TARGET UNIT...", "Have a target want units"),
        ("add-requires", "TARGET UNIT...", "Have a target require units"),
        ("edit", "UNIT...", "Open an editor on a drop-in or on the whole file"),
        ("get-default", "", "The target that is booted into"),
        ("set-default", "TARGET", "Set it"),
    )),
    ("The manager", (
        ("daemon-reload", "", "Read all unit files again"),
        ("daemon-reexec", "", "Replace the manager's program, and keep everything running"),
        ("show-environment", "", "Variables that all units get"),
        ("set-environment", "VARIABLE=VALUE...", "Set some"),
        ("unset-environment", "VARIABLE...", "Remove some"),
        ("import-environment", "VARIABLE...", "Set some as they are here"),
        ("log-level", "[LEVEL]", "Read or set up to which level the manager logs"),
        ("log-target", "[TARGET]", "Read or set where the manager logs"),
        ("service-watchdogs", "[BOOL]", "Read or set whether watchdogs of services count"),
        ("list-machines", "[PATTERN...]", "The container itself: there are no machines below it"),
    )),
    ("The container", (
        ("default", "", "Isolate the default target"),
        ("rescue", "", "Isolate the rescue target"),
        ("emergency", "", "Isolate the emergency target"),
        ("halt", "", "Stop everything, and end the container"),
        ("poweroff", "", "The same"),
        ("reboot", "", "The same; whoever runs the container may start it again"),
        ("exit", "[STATUS]", "The same, with this exit status"),
        ("soft-reboot", "", "Stop everything, and start it again in the same container"),
    )),
)
#: Verb → the one it stands for.
ALIASES = {
    "check": "is-active", "condstop": "stop", "condrestart": "try-restart", "force-reload": "reload-or-restart",
    "condreload": "try-reload-or-restart", "reload-or-try-restart": "try-reload-or-restart",
}
#: Long option → (the name of its value, what it does).
OPTIONS: dict[str, tuple[str, str]] = {
    "help": ("", "Show this"),
    "version": ("", "Show the version"),
    "system": ("", "Talk to the system's manager, as without these options"),
    "user": ("", "Talk to the manager of the account"),
    "runtime-directory": ("DIR", "Talk to the manager with this runtime directory (pyinit --daemon)"),
    "global": ("", "Change unit files for the managers of all accounts"),
    "host": ("[USER@]HOST", "Refused: nobody logs in to other machines"),
    "machine": ("CONTAINER", "Refused, but for this one"),
    "type": ("TYPE", "Only units of these types"),
    "state": ("STATE", "Only units in these states"),
    "failed": ("", "Only units that have failed"),
    "property": ("NAME", "Only properties of these names"),
    "value": ("", "With show: values without their names"),
    "all": ("", "Empty properties, and units that are inactive, as well"),
    "recursive": ("", "Units of containers below as well (there are none)"),
    "reverse": ("", "With list-dependencies: who pulls a unit in"),
    "before": ("", "With list-dependencies: by order, what comes behind"),
    "after": ("", "With list-dependencies: by order, what comes first"),
    "full": ("", "Do not cut words"),
    "plain": ("", "A list instead of a tree, without dots"),
    "lines": ("COUNT", "How many lines of the log status shows"),
    "output": ("MODE", "How it shows them, or json for lists"),
    "timestamp": ("FORMAT", "How times are shown: pretty, unix, us, utc, us+utc"),
    "legend": ("BOOL", "Whether headings and hints are shown"),
    "no-legend": ("", "The same as --legend=no"),
    "no-pager": ("", "Never use a pager"),
    "quiet": ("", "Say less"),
    "show-types": ("", "With list-sockets: of which type sockets are"),
    "job-mode": ("MODE", "What becomes of jobs that are in the way"),
    "fail": ("", "The same as --job-mode=fail"),
    "irreversible": ("", "The same as --job-mode=replace-irreversibly"),
    "ignore-dependencies": ("", "The same as --job-mode=ignore-dependencies"),
    "show-transaction": ("", "With jobs: tell all that are queued"),
    "marked": ("", "Restart or reload units that are marked for it"),
    "rolling": ("", "Start, restart, ... one after the other, each when the one before is ready"),
    "parallel": ("COUNT", "The same, so many at a time"),
    "wait": ("", "Wait until started units have ended, or the boot"),
    "no-block": ("", "Do not wait for jobs to end"),
    "kill-whom": ("WHOM", "With kill: main, control or all processes"),
    "kill-who": ("WHOM", "The same"),
    "signal": ("SIGNAL", "With kill: which signal (TERM)"),
    "what": ("RESOURCE", "With clean: which directories"),
    "now": ("", "With enable, disable, mask: start or stop as well"),
    "runtime": ("", "Until the container ends"),
    "force": ("", "Replace links that are in the way; end without stopping"),
    "no-reload": ("", "Do not have the manager read its files again"),
    "preset-mode": ("MODE", "With preset: full, enable-only, disable-only"),
    "root": ("PATH", "Work on unit files below this directory"),
    "image": ("PATH", "Refused: images are not mounted"),
    "mkdir": ("", "With bind, mount-image"),
    "read-only": ("", "With bind, mount-image"),
    "dry-run": ("", "Only tell what would be done"),
    "when": ("TIME", "With halt, poweroff, reboot: not now but then"),
    "message": ("TEXT", "Why the container ends"),
    "no-wall": ("", "Do not write to terminals that it ends"),
    "no-ask-password": ("", "Taken for granted"),
    "check-inhibitors": ("WHEN", "Taken for granted: there are no inhibitors"),
    "ignore-inhibitors": ("", "Taken for granted"),
}  # fmt: skip
_WIDTH = 40


def help_text() -> str:
    """All commands and options, in the layout that help2man(1) reads as well."""
    from initd.cli.options import SHORT

    letters = {name: letter for letter, name in SHORT.items()}
    out = ["systemctl [OPTIONS...] COMMAND ...", "", "Ask the manager for something, or tell it what to do.", ""]
    for title, rows in COMMANDS:
        out += [f"{title}:", *(_row(f"  {verb} {arguments}", text) for verb, arguments, text in rows), ""]
    out.append("Options:")
    for name, (value, text) in OPTIONS.items():
        letter = f"-{letters[name]}" if name in letters else "  "
        out.append(_row(f"  {letter} --{name}{value and '='}{value}", text))
    return "\n".join([*out, "", "See the systemctl(1) man page for details."])


def _row(left: str, text: str) -> str:
    return f"{left.rstrip():<{_WIDTH - 1}} {text}"


def print_usage() -> int:
    print(help_text())
    return 0


def print_words(options: Options) -> int:
    """The values that an option may have."""
    from initd.core import states

    if "help" in options.types:
        _print_list("unit types", [each.value for each in _in_manual_order(states.UnitType)])
    elif "help" in options.what:
        print("\n".join(("runtime", "state", "cache", "logs", "configuration")))
    elif "help" in options.states:
        _print_list("unit load states", [each.value for each in states.LoadState])
        print()
        _print_list("unit active states", [each.value for each in states.ActiveState])
        print()
        _print_list("unit file states", [each.value for each in states.UnitFileState])
        print()
        _print_list("service unit substates", [each.value for each in states.ServiceState])
    else:
        from initd.core import signals

        realtime = {number: f"RTMIN+{number - 34}" for number in range(34, 65)}
        rows = [(str(number), "SIG" + (realtime.get(number) or signals.short_name(number))) for number in range(1, 65)]
        print_table(("SIGNAL", "NAME"), rows)
    return 0


def _in_manual_order(types: object) -> list[object]:
    order = ("service", "mount", "swap", "socket", "target", "device", "automount", "timer", "path", "slice", "scope")
    return sorted(types, key=lambda each: order.index(each.value))  # type: ignore[call-overload, no-any-return]


def _print_list(title: str, words: list[str]) -> None:
    print(f"Available {title}:")
    print("\n".join(words))
