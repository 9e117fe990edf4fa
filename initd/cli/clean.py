"""`systemctl clean`: remove what units keep in their directories, and wait until it is gone (systemctl(1))."""

from __future__ import annotations

from initd.cli.bus import SYSTEMD, UNIT, Bus, BusError
from initd.cli.jobs import state_told_by, tells_a_state
from initd.cli.names import expand
from initd.cli.options import Options
from initd.cli.output import complain
from initd.core.objectpath import unit_path

_WORDS = ("runtime", "state", "cache", "logs", "configuration")
_UNLOADED = ("NoSuchUnit", "UnitMasked", "BadUnitSetting", "LoadFailed")


def clean(arguments: list[str], options: Options) -> int:
    if "help" in options.what:
        print("\n".join(_WORDS))
        return 0
    bus = Bus(options.places)
    status = 0
    waiting: set[str] = set()
    for name in expand(arguments, bus):
        try:
            load_error, text = bus.get(unit_path(name), UNIT, "LoadError")
            if load_error.removeprefix(SYSTEMD + ".") in _UNLOADED:
                complain(f"Failed to add reference to unit {name}: {text}")
                return 1
            bus.ask("CleanUnit", "sas", name, options.what or ["cache", "runtime"])
            waiting.add(unit_path(name))
        except BusError as problem:
            complain(f"Failed to clean unit {name}: {problem.text}")
            status = 1
    if not options.no_block:
        _wait(bus, waiting)
    return status


def _wait(bus: Bus, waiting: set[str]) -> None:
    """Until none of the units is in maintenance any more. How it went is not told, as systemd's does not tell it."""
    while waiting := {path for path in waiting if bus.get(path, UNIT, "ActiveState") == "maintenance"}:
        # What comes first may be from before the cleaning: whether it is over is asked again.
        while state_told_by(bus.wait_for_signal(tells_a_state))[0] not in waiting:
            pass
