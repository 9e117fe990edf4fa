"""`pyinit health [UNIT…]`: is what runs here ready, or alive? One line, and an exit status, for HEALTHCHECK and probes.

Ready is what `systemctl is-system-running` calls "running", or that all named units are active and no stop was asked for, not
even one that drains first. Alive is that the manager
answers, and that no service is down because its watchdog (WatchdogSec=) ran out: one that is being restarted for that is in
good hands. A manager that takes longer than TIMEOUT for a reply does not answer: not every runtime ends a probe that hangs.
"""

from __future__ import annotations

from initd.cli.bus import MANAGER, MANAGER_PATH, Bus, BusError, NotRunning
from initd.cli.getopt import split
from initd.cli.managers import chosen
from initd.cli.names import mangle
from initd.core import unitname
from initd.core.objectpath import OWN_MANAGER, unit_path

USAGE = """\
pyinit health [OPTIONS…] [UNIT…]

Say in one line whether what runs here is ready: the boot is over and no unit has failed, or all of these units are active.

  --live      whether it is alive: the manager answers, and none (of these) is down because its watchdog ran out
  --user      ask the manager of whoever calls
  -h --help   print this

Exits 0 if so, otherwise 1.
"""
#: Seconds.
TIMEOUT = 5.0
#: How many names a line holds.
_MOST = 5


def main(arguments: list[str]) -> int:
    """The exit status. Never 2, which HEALTHCHECK reserves."""
    words, options, unknown = split(arguments, ("--live", "--user"))
    if "-h" in options or "--help" in options:
        print(USAGE, end="")
        return 0
    if unknown:
        return _say(False, f"Unknown option {unknown[0]}.")
    try:
        names = [mangle(word) for word in words]
    except ValueError as error:
        return _say(False, str(error))
    if bad := [name for name in names if not unitname.is_valid(name)]:
        return _say(False, f"{bad[0]!r} is not the name of a unit.")
    try:
        bus = Bus(chosen("user" if "--user" in options else "system"), TIMEOUT)
        if "--live" in options:
            return _live(bus, names)
        return _units_ready(bus, names) if names else _all_ready(bus)
    except (NotRunning, BusError) as problem:
        return _say(False, f"the manager does not answer: {problem.text}")


def _say(is_good: bool, text: str) -> int:
    print(text)
    return 0 if is_good else 1


def _live(bus: Bus, names: list[str]) -> int:
    states = {row[0]: row[3] for row in bus.ask("ListUnits")[0]}
    failed = [name for name in (names or sorted(states)) if states.get(name) == "failed"]
    hung = [name for name in failed if _result(bus, name) == "watchdog"]
    return _say(not hung, f"watchdog ran out: {_join(hung)}" if hung else "alive")


def _units_ready(bus: Bus, names: list[str]) -> int:
    found = [(name, bus.get_all(unit_path(name))) for name in names]
    bad = [_describe(name, values) for name, values in found if values["ActiveState"][1] not in ("active", "reloading")]
    if not bad and bus.get(MANAGER_PATH, MANAGER, "SystemState") == "stopping":
        return _say(False, "not ready: " + _ending(bus))
    return _say(not bad, "not ready: " + _join(bad) if bad else "ready: " + _join(names))


def _all_ready(bus: Bus) -> int:
    state = bus.get(MANAGER_PATH, MANAGER, "SystemState")
    if state == "running":
        return _say(True, state)
    if state == "stopping" and _ending(bus) == "draining":
        return _say(False, "draining")
    why = [row[0] for row in bus.ask("ListUnits")[0] if row[3] == "failed"]
    if why:
        return _say(False, f"{state}: " + _join([f"{name} failed ({_result(bus, name)})" for name in sorted(why)]))
    waiting = sorted(row[1] for row in bus.ask("ListJobs")[0])
    return _say(False, f"{state}: waits for {_join(waiting)}" if waiting else state)


def _ending(bus: Bus) -> str:
    """What a manager does that is "stopping"."""
    return "draining" if bus.get(MANAGER_PATH, OWN_MANAGER, "Draining") else "stopping"


def _describe(name: str, values: dict[str, tuple[str, object]]) -> str:
    if values["LoadState"][1] != "loaded":
        return f"{name} is {values['LoadState'][1]}"
    state = values["ActiveState"][1]
    return f"{name} is {state}" + (f" ({values['Result'][1]})" if state == "failed" and "Result" in values else "")


def _result(bus: Bus, name: str) -> object:
    return bus.get_all(unit_path(name)).get("Result", ("s", "failed"))[1]


def _join(words: list[str]) -> str:
    return ", ".join(words[:_MOST]) + (f" and {len(words) - _MOST} more" if len(words) > _MOST else "")
