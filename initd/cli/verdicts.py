"""`systemctl is-active`, `is-failed`, `is-system-running`: a word, and an exit status for scripts."""

from __future__ import annotations

from initd.cli.bus import MANAGER, MANAGER_PATH, UNIT, Bus, BusError, NotRunning
from initd.cli.names import expand
from initd.cli.options import Options
from initd.core.objectpath import unit_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from initd.wire.dbus import Message

#: LSB: 3 is "program is not running".
_NOT_RUNNING = 3


def is_active(arguments: list[str], options: Options) -> int:
    """0 if any of the units is active."""
    return _check(arguments, options, ("active", "reloading"), _NOT_RUNNING)


def is_failed(arguments: list[str], options: Options) -> int:
    """0 if any of the units has failed."""
    return _check(arguments, options, ("failed",), 1)


def _check(arguments: list[str], options: Options, good: tuple[str, ...], otherwise: int) -> int:
    bus = Bus(options.places)
    found = False
    for name in expand(arguments, bus, options=options):
        try:
            state = bus.get(unit_path(name), UNIT, "ActiveState")
        except BusError as problem:
            from initd.cli.output import complain

            complain(f"Failed to retrieve unit state: {problem.text}")
            return 1
        if not options.quiet:
            print(state)
        found = found or state in good
    return 0 if found else otherwise


def is_system_running(arguments: list[str], options: Options) -> int:
    """0 only for "running"; with --wait, not before the boot is over."""
    try:
        bus = Bus(options.places)
        state = bus.get(MANAGER_PATH, MANAGER, "SystemState")
        if options.wait and state in ("initializing", "starting"):
            bus.wait_for_signal(_is_startup_finished)
            state = bus.get(MANAGER_PATH, MANAGER, "SystemState")
    except NotRunning as problem:
        if not problem.is_init:
            raise
        state = "offline"
    except BusError:
        state = "unknown"
    if not options.quiet:
        print(state)
    return 0 if state == "running" else 1


def _is_startup_finished(message: Message) -> bool:
    return message.interface == MANAGER and message.member == "StartupFinished"
