"""`systemctl poweroff`, `reboot`, `halt`, `exit` end the container; `soft-reboot` stops everything and starts it again in the
same container (systemctl(1) of systemd 254); `rescue`, `emergency`, `default` change its state.

In order by starting the target of that name; at once with --force, twice for not even a goodbye to the processes.
"""

from __future__ import annotations

from initd.cli.bus import Bus, BusError
from initd.cli.jobs import queue_units
from initd.cli.options import Options, UsageError
from initd.cli.output import complain

#: Verb → the manager's method that does not wait for units to stop.
_FORCED = {
    "poweroff": ("PowerOff",), "reboot": ("Reboot",), "halt": ("Halt",), "exit": ("Exit",),
    "soft-reboot": ("SoftReboot", "s", ""),
}


def end(arguments: list[str], options: Options) -> int:
    """`exit` takes the container's exit code; `reboot` an argument that no container has a use for."""
    verb: str = options.verb  # type: ignore[attr-defined]
    if arguments and verb not in ("exit", "reboot"):
        raise UsageError("Too many arguments.")
    if options.dry_run:
        return 0
    bus = Bus(options.places)
    if verb == "exit" and arguments:
        bus.ask("SetExitCode", "y", _exit_code(arguments[0]))
    if not options.force:
        return _start_target(bus, f"{verb}.target", "replace-irreversibly", options)
    try:
        bus.ask(*_FORCED[verb])
    except BusError as problem:
        # The manager may be gone before it could answer, which is what was asked for.
        if not problem.name.endswith((".Disconnected", ".NoReply")):
            complain(f"Failed to {verb}: {problem.text}")
            return 1
    return 0


def _exit_code(word: str) -> int:
    if not (word.isascii() and word.isdigit() and int(word) < 256):
        raise UsageError("Invalid exit code.")
    return int(word)


def change_state(arguments: list[str], options: Options) -> int:
    """Isolate the target of that name."""
    verb: str = options.verb  # type: ignore[attr-defined]
    options.no_block = options.no_block or verb != "default"
    return _start_target(Bus(options.places), f"{verb}.target", "isolate", options)


def _start_target(bus: Bus, target: str, mode: str, options: Options) -> int:
    """Who asked is among those that are stopped: the answer is all there is to wait for."""
    options.job_mode = mode
    options.no_block = True
    return queue_units(bus, "start", [target], options)
