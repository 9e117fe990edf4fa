"""`systemctl`: reads the command line and calls the verb's function, which alone is imported.

Also `halt`, `poweroff`, `reboot`, `shutdown`, `runlevel`, `telinit` and `init`, by the name it is called as.
A verb is a function `verb(arguments, options) -> exit status`.
"""

from __future__ import annotations

import sys

from initd.cli.options import Options, UsageError, parse

#: Verb → (module of initd.cli, function, fewest and most arguments). None: as many as you like.
_JOBS = ("jobs", "queue", 1, None)
_SERVICE_SETTING = ("manager_settings", "service_log", 1, 2)
_FILES = ("files", "change", 1, None)
_POWER = ("power", "end", 0, 1)
VERBS: dict[str, tuple[str, str, int, int | None]] = {
    "is-active": ("verdicts", "is_active", 1, None),
    "check": ("verdicts", "is_active", 1, None),
    "is-failed": ("verdicts", "is_failed", 1, None),
    "is-system-running": ("verdicts", "is_system_running", 0, 0),
    "start": _JOBS,
    "stop": _JOBS,
    "condstop": _JOBS,
    "reload": _JOBS,
    "restart": _JOBS,
    "try-restart": _JOBS,
    "condrestart": _JOBS,
    "reload-or-restart": _JOBS,
    "force-reload": _JOBS,
    "condreload": _JOBS,
    "try-reload-or-restart": _JOBS,
    "reload-or-try-restart": _JOBS,
    "isolate": ("jobs", "queue", 1, 1),
    "list-jobs": ("jobs", "list_jobs", 0, None),
    "cancel": ("jobs", "cancel", 0, None),
    "show": ("show", "show", 0, None),
    "status": ("status", "status", 0, None),
    "why": ("why", "why", 1, None),
    "list-units": ("listing", "list_units", 0, None),
    "list-timers": ("listing_triggers", "list_timers", 0, None),
    "list-sockets": ("listing_triggers", "list_sockets", 0, None),
    "list-automounts": ("listing_triggers", "list_automounts", 0, None),
    "list-machines": ("listing_triggers", "list_machines", 0, None),
    "list-dependencies": ("dependencies", "list_dependencies", 0, None),
    "list-unit-files": ("files", "ask", 0, None),
    "cat": ("cat", "cat", 1, None),
    "edit": ("edit", "edit", 1, None),
    "kill": ("requests", "kill", 1, None),
    "freeze": ("requests", "freeze", 1, None),
    "thaw": ("requests", "thaw", 1, None),
    "clean": ("clean", "clean", 1, None),
    "set-property": ("setproperty", "set_property", 2, None),
    "reset-failed": ("requests", "reset_failed", 0, None),
    "daemon-reload": ("requests", "daemon_reload", 0, 0),
    "daemon-reexec": ("requests", "daemon_reexec", 0, 0),
    "show-environment": ("requests", "show_environment", 0, 0),
    "set-environment": ("requests", "set_environment", 1, None),
    "unset-environment": ("requests", "unset_environment", 1, None),
    "import-environment": ("requests", "import_environment", 0, None),
    "enable": _FILES,
    "disable": _FILES,
    "reenable": _FILES,
    "preset": _FILES,
    "mask": _FILES,
    "unmask": _FILES,
    "link": _FILES,
    "revert": _FILES,
    "preset-all": ("files", "change", 0, 0),
    "add-wants": ("files", "change", 2, None),
    "add-requires": ("files", "change", 2, None),
    "is-enabled": ("files", "ask", 1, None),
    "get-default": ("files", "ask", 0, 0),
    "set-default": ("files", "change", 1, 1),
    "halt": _POWER,
    "poweroff": _POWER,
    "reboot": _POWER,
    "exit": _POWER,
    "soft-reboot": _POWER,
    "default": ("power", "change_state", 0, 0),
    "rescue": ("power", "change_state", 0, 0),
    "emergency": ("power", "change_state", 0, 0),
    "help": ("cat", "help_pages", 1, None),
    "log-level": ("manager_settings", "log_level", 0, 1),
    "log-target": ("manager_settings", "log_target", 0, 1),
    "service-watchdogs": ("manager_settings", "service_watchdogs", 0, 1),
    "service-log-level": _SERVICE_SETTING,
    "service-log-target": _SERVICE_SETTING,
    "bind": ("manager_settings", "bind", 2, 3),
    "mount-image": ("manager_settings", "mount_image", 2, None),
}
#: Verbs of systemd's that mean nothing in a container: fewest and most arguments, and why.
_ASLEEP = (0, 0, "a container cannot put the machine to sleep")
_REFUSED = {
    "kexec": (0, 0, "a container cannot start another kernel"),
    "switch-root": (1, 2, "a container has no initrd to leave"),
    "suspend": _ASLEEP,
    "hibernate": _ASLEEP,
    "hybrid-sleep": _ASLEEP,
    "suspend-then-hibernate": _ASLEEP,
}
#: What only the system's manager does.
_OF_INIT = frozenset((
    "poweroff", "reboot", "halt", "kexec", "suspend", "hibernate", "hybrid-sleep", "suspend-then-hibernate", "rescue",
    "emergency",
))
#: These read or write files where no manager runs, or none is meant (--root=).
_ON_FILES = frozenset(("files", "is-system-running", "daemon-reload"))


def main(arguments: list[str], program: str = "systemctl") -> int:
    """The exit status. `arguments` without the program's name."""
    try:
        if program in ("halt", "poweroff", "reboot", "shutdown", "runlevel", "telinit", "init"):
            from initd.cli.legacy import translate

            translated = translate(program, arguments)
            if translated is None:
                return 0
            arguments = translated
        options, words = parse(arguments)
        return _run(words, options)
    except UsageError as problem:
        print(problem, file=sys.stderr)
        return 1


def _run(words: list[str], options: Options) -> int:
    if options.version:
        from initd.cli.output import print_version

        print_version()
        return 0
    if options.help:
        from initd.cli import usage

        return usage.print_usage()
    _check_scope(options)
    verb, arguments = (words[0], words[1:]) if words else ("list-units", [])
    if "help" in (*options.types, *options.states, *options.what) or options.signal in ("help", "list"):
        from initd.cli import usage

        return usage.print_words(options)
    if options.places is not None and verb in _OF_INIT:
        raise UsageError("Bad action for --user mode.")
    if options.places is not None and verb == "switch-root":
        raise UsageError("Failed to switch root: Root switching is only supported by system manager.")
    if verb in _REFUSED:
        *limits, reason = _REFUSED[verb]
        _check_count(arguments, *limits)
        raise UsageError(f"systemctl {verb}: {reason}.")
    if verb not in VERBS:
        raise UsageError(f"Unknown command verb {verb}.")
    module_name, function_name, fewest, most = VERBS[verb]
    _check_count(arguments, 0 if options.marked and module_name == "jobs" else fewest, most)
    module = __import__("initd.cli." + module_name, fromlist=(function_name,))
    return _guarded(getattr(module, function_name), module_name, verb, arguments, options)


def _check_count(arguments: list[str], fewest: int, most: int | None) -> None:
    if len(arguments) < fewest:
        raise UsageError("Too few arguments.")
    if most is not None and len(arguments) > most:
        raise UsageError("Too many arguments.")


def _guarded(function: object, module_name: str, verb: str, arguments: list[str], options: Options) -> int:
    """Call the verb. Where no manager answers, say so as systemd's does."""
    from initd.cli.bus import BusError, NotRunning

    options.verb = verb  # type: ignore[attr-defined]
    works_on_files = module_name in _ON_FILES or verb in _ON_FILES
    if (options.root or options.image) and module_name != "files" and verb != "is-system-running":
        print(f"Verb '{verb}' cannot be used with --root= or --image=.", file=sys.stderr)
        return 1
    if not works_on_files and options.scope == "system" and is_offline_wanted():
        if not options.quiet:
            print(f"Running in chroot, ignoring command '{verb}'", file=sys.stderr)
        return 0
    try:
        return function(arguments, options)  # type: ignore[operator, no-any-return]
    except NotRunning as problem:
        return report_not_running(verb, problem)
    except BusError as problem:
        print(f"Failed to {verb}: {problem.text}", file=sys.stderr)
        return 1
    except ValueError as problem:
        print(f"Failed to mangle unit name: {problem}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        import os

        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # whoever read us has read enough
        return 0


def report_not_running(verb: str, problem: Exception) -> int:
    from errno import EACCES, EPERM

    if not getattr(problem, "is_init", True):
        print(f"Failed to connect to bus: {problem}", file=sys.stderr)
        return 1
    if getattr(problem, "errno", 0) in (EACCES, EPERM):
        print("Failed to connect to bus: Permission denied", file=sys.stderr)
        return 1
    if verb == "daemon-reload":
        # An image is being built: what there is to read will be read at boot. Package scripts call this unguarded.
        return 0
    print("System has not been booted with systemd as init system (PID 1). Can't operate.", file=sys.stderr)
    print("Failed to connect to bus: Host is down", file=sys.stderr)
    return 1


def is_offline_wanted() -> bool:
    """$SYSTEMD_OFFLINE says so, or we are in a chroot: the manager's root is another than ours."""
    import os

    said = os.environ.get("SYSTEMD_OFFLINE")
    if said is not None:
        return said.lower() in ("1", "yes", "y", "true", "t", "on")
    try:
        ours, theirs = os.stat("/"), os.stat("/proc/1/root")
    except OSError:
        return False  # not ours to look at, so it is no chroot of root's
    return (ours.st_dev, ours.st_ino) != (theirs.st_dev, theirs.st_ino)


def _check_scope(options: Options) -> None:
    if options.host:
        raise UsageError("systemctl -H is not supported: pyinit does not log in to other machines.")
    if options.machine and options.machine not in (".host", "root@.host", "root@"):
        raise UsageError("systemctl -M is not supported: there are no machines below this one.")
