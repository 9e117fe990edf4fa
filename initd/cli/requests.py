"""`systemctl kill`, `reset-failed`, `daemon-reload`, `set-environment` and their like: one question, no table."""

from __future__ import annotations

import os

from initd.cli.bus import MANAGER, MANAGER_PATH, SYSTEMD, Bus, BusError
from initd.cli.names import expand
from initd.cli.options import Options, UsageError
from initd.cli.output import complain


def daemon_reload(arguments: list[str], options: Options) -> int:
    return _reload(Bus(options.places))


def _reload(bus: Bus) -> int:
    try:
        bus.ask("Reload")
    except BusError as problem:
        complain(f"Reload daemon failed: {problem.text}")
        return 1
    return 0


def daemon_reexec(arguments: list[str], options: Options) -> int:
    try:
        Bus(options.places).ask("Reexecute")
    except BusError as problem:
        # A manager that executes its code again does not answer, its socket is gone.
        if not problem.name.endswith((".Disconnected", ".NoReply")):
            complain(f"Reexecute daemon failed: {problem.text}")
            return 1
    return 0


def kill(arguments: list[str], options: Options) -> int:
    from initd.core import signals

    try:
        number = signals.number(options.signal) if options.signal else 15
    except ValueError:
        raise UsageError(f'Failed to parse signal string "{options.signal}".') from None
    bus = Bus(options.places)
    status = 0
    for name in expand(arguments, bus):
        try:
            bus.ask("KillUnit", "ssi", name, options.kill_whom or "all", number)
        except BusError as problem:
            complain(f"Failed to kill unit {name}: {problem.text}")
            status = 1
    return status


def freeze(arguments: list[str], options: Options) -> int:
    return _for_each("FreezeUnit", "freeze", arguments, options)


def thaw(arguments: list[str], options: Options) -> int:
    return _for_each("ThawUnit", "thaw", arguments, options)


def _for_each(method: str, verb: str, arguments: list[str], options: Options) -> int:
    bus = Bus(options.places)
    status = 0
    for name in expand(arguments, bus):
        try:
            bus.ask(method, "s", name)
        except BusError as problem:
            if problem.name == SYSTEMD + ".NoSuchUnit":
                complain(f"Failed to add reference to unit {name}: Unit {name} not found.")
            else:
                complain(f"Failed to {verb} unit {name}: {problem.text}")
            status = 1
    return status


def reset_failed(arguments: list[str], options: Options) -> int:
    bus = Bus(options.places)
    if not arguments:
        bus.ask("ResetFailed")
        return 0
    status = 0
    for name in expand(arguments, bus):
        try:
            bus.ask("ResetFailedUnit", "s", name)
        except BusError as problem:
            complain(f"Failed to reset failed state of unit {name}: {problem.text}")
            status = 1
    return status


# --- the environment block --------------------------------------------------------------------------------------------


def show_environment(arguments: list[str], options: Options) -> int:
    for assignment in Bus(options.places).get(MANAGER_PATH, MANAGER, "Environment"):
        name, _, value = assignment.partition("=")
        print(f"{name}={_quoted(value)}")
    return 0


_SHELL_PLAIN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_./:,@%+=^~")
_ESCAPES = {
    "\n": "\\n", "\t": "\\t", "\r": "\\r", "\a": "\\a", "\b": "\\b", "\f": "\\f", "\v": "\\v", "\\": "\\\\", "'": "\\'",
}  # fmt: skip


def _quoted(value: str) -> str:
    """The value as a shell may read it back: $'...' where it has to be quoted."""
    if _SHELL_PLAIN.issuperset(value):
        return value
    return "$'" + "".join(_ESCAPES.get(character, character) for character in value) + "'"


def set_environment(arguments: list[str], options: Options) -> int:
    return _change(("SetEnvironment", "as", arguments), "set", options)


def unset_environment(arguments: list[str], options: Options) -> int:
    return _change(("UnsetEnvironment", "as", arguments), "set", options)


def import_environment(arguments: list[str], options: Options) -> int:
    if not arguments:
        complain("Calling import-environment without a list of variable names is deprecated.")
        return _change(("SetEnvironment", "as", [f"{name}={value}" for name, value in os.environ.items()]), "import", options)
    missing = [name for name in arguments if name not in os.environ]
    for name in missing:
        complain(f"Environment variable ${name} not set, ignoring.")
    known = [f"{name}={os.environ[name]}" for name in arguments if name in os.environ]
    return _change(("SetEnvironment", "as", known), "import", options) if known else 0


def _change(question: tuple[str, str, list[str]], word: str, options: Options) -> int:
    try:
        Bus(options.places).ask(*question)
    except BusError as problem:
        complain(f"Failed to {word} environment: {problem.text}")
        return 1
    return 0
