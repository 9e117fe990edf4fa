"""`pyinit diff [UNIT…]`: what `systemctl daemon-reload` would change, before it does. Nothing is reloaded.

The manager says what it has read; what files and generators say now is read here, with the manager's own code.
"""

from __future__ import annotations

from initd.cli.bus import Bus, BusError, NotRunning
from initd.cli.getopt import split
from initd.cli.names import mangle
from initd.cli.output import GREEN, RED, complain, painted
from initd.cli.table import to_json
from initd.core.changes import Change, UnitChange, compare
from initd.core.objectpath import OWN_MANAGER
from initd.core.values import LOG_ERR

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from initd.core.settings import UnitDefinition

USAGE = """\
pyinit diff [OPTIONS…] [UNIT…]

Say what "systemctl daemon-reload" would change (of these units): directives, from what to what and where that is
written, dependencies, drop-ins, units that are new or gone. Nothing is reloaded; generators are run, and what they
make is thrown away. Root alone may ask.

  --json      print one list of objects
  -h --help   print this

Exits 0 where nothing would change, 1 where something would, 2 where that cannot be found out.
"""
_PATH = "/org/freedesktop/systemd1"
_KINDS = {"new": "is new", "gone": "is gone", "kept": "is gone, and stays loaded while it runs"}


def main(arguments: list[str]) -> int:
    words, options, unknown = split(arguments, ("--json",))
    if "-h" in options or "--help" in options:
        print(USAGE, end="")
        return 0
    if unknown:
        complain(f"pyinit diff: Unknown option {unknown[0]}.")
        return 2
    try:
        names = [mangle(word) for word in words]
        found = ask(Bus())
    except ValueError as problem:
        complain(f"pyinit diff: {problem}")
        return 2
    except (NotRunning, BusError) as problem:
        complain(f"pyinit diff: {problem.text}")
        return 2
    found = [each for each in found if not names or each.unit in names]
    if "--json" in options:
        print(to_json([as_data(each) for each in found], is_pretty=True))
    else:
        print(as_text(found) or "Nothing would change.\n", end="")
    return 1 if found else 0


def ask(bus: Bus) -> list[UnitChange]:
    import marshal

    loaded: dict[str, Any] = marshal.loads(bus.call(_PATH, OWN_MANAGER, "GetLoaded")[0])
    return changes(loaded)


def changes(loaded: dict[str, Any]) -> list[UnitChange]:
    """`loaded` is as the manager has packed it (`unitreader.pack`)."""
    from initd.core.rehearsal import new_engine
    from initd.core.saved import Reader
    from initd.core.snapshot import classes
    from initd.core.whence import Whence
    from initd.options import parse
    from initd.reading import Reading
    from initd.shell.clock import now
    from initd.shell.limits import ContainerLimits

    reader = Reader({*classes(), ContainerLimits})
    old: dict[str, UnitDefinition] = {name: reader.load(plain) for name, plain in loaded["units"].items()}
    options = parse(loaded["words"])
    assert not isinstance(options, str)
    problems: list[str] = []
    container = reader.load(loaded["container"])
    reading = Reading(options, lambda priority, text: problems.append(text) if priority <= LOG_ERR else None,
                      container=container)
    try:
        time = now()
        engine = new_engine(time, reading.units.facts)
        reading.load(engine.graph, lambda found: engine.load(found, time), *reading.units.mounted, *loaded["units"])
        new = {unit.name: unit.definition for unit in engine.graph.units.values()}
        found = compare(old, new, loaded["up"], loaded["files"], reading.dirs.unit_names(),
                        Whence(reading.dirs.read, reading.dirs.link_to))
        found = [each.replace(changes=tuple([change.replace(source=reading.in_force(change.source))
                                             for change in each.changes])) for each in found]
    finally:
        reading.close()
    for text in problems:
        complain(text)
    return found


# --- printing ------------------------------------------------------------------------------------------------------


def as_text(found: list[UnitChange]) -> str:
    lines = []
    for each in found:
        if each.kind != "changed":
            lines.append(f"{each.unit} {_KINDS[each.kind]}" + (f": {each.path}" if each.path else ""))
            continue
        lines.append(f"{each.unit}: {each.path}" if each.path else each.unit)
        for change in each.changes:
            lines += _of(change)
    return "\n".join(lines) + "\n" if lines else ""


def _of(change: Change) -> list[str]:
    source = f"  [{change.source}]" if change.source else ""
    if change.old is not None and change.new is not None:
        return [f"  {change.what}={change.old or '(nothing)'} → {change.new or '(nothing)'}{source}"]
    if change.new is not None:
        return [painted(f"  + {change.what}={change.new}", GREEN) + source]
    return [painted(f"  - {change.what}={change.old}", RED) + source]


def as_data(each: UnitChange) -> dict[str, Any]:
    return {
        "unit": each.unit, "kind": each.kind, "file": each.path,
        "changes": [{"what": change.what, "old": change.old, "new": change.new, "source": change.source}
                    for change in each.changes],
    }
