"""`pyinit scale TEMPLATE@ N`: instances 1 to N of a template run, and no more, now and at the next boot.

It is what `systemctl` would be told: start those that are missing, from the first; stop those that are too many, from the last;
enable, or disable, the same.
"""

from __future__ import annotations

import sys

from initd.cli.bus import Bus, BusError, NotRunning
from initd.cli.getopt import parse as parse_words
from initd.cli.getopt import understood
from initd.cli.managers import chosen
from initd.cli.options import UsageError
from initd.cli.output import complain
from initd.core import unitname
from initd.core.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from initd.core.places import Places

USAGE = """\
pyinit scale [OPTIONS…] TEMPLATE@ N

Have N instances of a template run: TEMPLATE@1.service to TEMPLATE@N.service. Those that are missing are started, those above
N are stopped, the last one first; and what runs is enabled, so that as many run after the next boot. N may be 0.

  --runtime     enable and disable nothing: it is as it was after the next boot
  --user        ask the manager of whoever calls
  --runtime-directory=DIR   ask the manager of a group (pyinit --daemon)
  -h --help     print this

Exits 0 if it is so, 1 if not, 2 for options that make no sense.
"""
_LONG = {"runtime": "", "user": "", "runtime-directory": "=", "help": ""}
_MOST = 10_000


class Wanted(Record):
    """What the command line says. `template` is "worker@.service"; `who` are the options that name its manager."""

    template: str = ""
    count: int = 0
    is_runtime: bool = False
    who: tuple[str, ...] = ()
    places: Places | None = None


def parse(arguments: list[str]) -> Wanted | None:
    """None: help is wanted. UsageError for what makes no sense."""
    given, words = parse_words(arguments, "pyinit scale", _LONG, {"h": "help"})
    values = dict(given)
    if "help" in values:
        return None
    if len(words) != 2:
        raise UsageError("pyinit scale: a template and a number are wanted, as in: pyinit scale worker@ 4")
    template, number = words
    if not template.endswith(".service"):
        template += ".service" if template.endswith("@") else "@.service"
    if not unitname.is_valid(template) or template.find("@") != len(template) - len("@.service"):
        raise UsageError(f"pyinit scale: {words[0]} is no template of services, like worker@.")
    if not (number.isascii() and number.isdigit() and int(number) <= _MOST):
        raise UsageError(f"pyinit scale: {number} is no number from 0 to {_MOST}.")
    who = tuple(f"--{name}" + (f"={value}" if value else "") for name, value in given if name != "runtime")
    return Wanted(template, int(number), "runtime" in values, who,
                  chosen("user" if "user" in values else "system", values.get("runtime-directory")))


def main(arguments: list[str]) -> int:
    """The exit status."""
    wanted = understood(parse, arguments, USAGE)
    if isinstance(wanted, int):
        return wanted
    try:
        return _scale(Bus(wanted.places), wanted)
    except NotRunning as problem:
        complain(f"pyinit scale: the manager does not answer: {problem.text}")
    except BusError as problem:
        complain(f"pyinit scale: {wanted.template}: {problem.text}")
    return 1


def _scale(bus: Bus, wanted: Wanted) -> int:
    running = _running(bus, wanted.template)
    mine = {name: number for name in running if (number := _number(name))}
    for name in sorted(running - mine.keys()):
        complain(f"{name} is none of 1, 2, …: it is left alone.", "")
    is_kept = not wanted.is_runtime and _can_be_enabled(bus, wanted)
    names = [wanted.template.replace("@.", f"@{number}.") for number in range(1, wanted.count + 1)]
    missing = [name for name in names if name not in mine]
    extra = [name for name, number in sorted(mine.items(), key=lambda item: -item[1]) if number > wanted.count]
    is_good = True
    if is_kept:
        above = _enabled_above(bus, wanted, max(mine.values(), default=0))
        is_good &= _systemctl(wanted, "disable", above) & _systemctl(
            wanted, "enable", [name for name in names if not _is_enabled(bus, name)])
    is_good &= _systemctl(wanted, "start", missing)
    for name in extra:  # the last one first
        is_good &= _systemctl(wanted, "stop", [name])
    now = _running(bus, wanted.template)
    for verb, changed in (("Started", [name for name in missing if name in now]),
                          ("Stopped", [name for name in extra if name not in now])):
        if changed:
            print(f"{verb} {', '.join(changed)}.")
    left = len([name for name in now if _number(name)])
    print(f"{wanted.template}: {left} of {wanted.count} run" + (f", {len(mine)} before." if left != len(mine) else "."))
    return 0 if is_good and left == wanted.count else 1


def _running(bus: Bus, template: str) -> set[str]:
    """Instances that are up, or on their way."""
    pattern = template.replace("@.", "@*.")
    (rows,) = bus.ask("ListUnitsByPatterns", "asas", ["active", "activating", "reloading"], [pattern])
    return {row[0] for row in rows}


def _number(name: str) -> int:
    """0 for none as we name instances."""
    instance = name.partition("@")[2].removesuffix(".service")
    return int(instance) if instance.isascii() and instance.isdigit() and instance[0] != "0" else 0


def _can_be_enabled(bus: Bus, wanted: Wanted) -> bool:
    (state,) = bus.ask("GetUnitFileState", "s", wanted.template)
    if state not in ("static", "generated", "transient"):
        return True
    complain(f"{wanted.template} has no [Install] section: what runs now is not started at the next boot.", "")
    return False


def _is_enabled(bus: Bus, name: str) -> bool:
    return bus.ask("GetUnitFileState", "s", name)[0] == "enabled"


def _enabled_above(bus: Bus, wanted: Wanted, highest: int) -> list[str]:
    """Those that run, and those that a boot would start: they have no gaps, for it is us who enables them."""
    found = []
    number = wanted.count + 1
    while True:
        name = wanted.template.replace("@.", f"@{number}.")
        if _is_enabled(bus, name):
            found.append(name)
        elif number > highest:
            return found
        number += 1


def _systemctl(wanted: Wanted, verb: str, names: list[str]) -> bool:
    from initd.cli.systemctl import main as systemctl

    sys.stdout.flush()
    return not names or not systemctl([*wanted.who, verb, *names])
