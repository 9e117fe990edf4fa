"""`systemctl set-property UNIT KEY=VALUE…`: change settings of a unit at once, for good or with --runtime for this boot."""

from __future__ import annotations

from initd.cli.bus import UNIT, Bus, BusError
from initd.cli.names import mangle
from initd.cli.options import Options
from initd.cli.output import complain
from initd.core import unitname
from initd.core.objectpath import unit_path
from initd.core.sources import LoadFacts
from initd.core.unitproperties import CannotSet, read


def set_property(arguments: list[str], options: Options) -> int:
    name = mangle(arguments[0])
    facts, properties = LoadFacts(), []
    try:
        for text in arguments[1:]:
            found = read(unitname.unit_type(name), text, facts)
            # Two lines of one list are one list.
            properties += [(each, (signature, value)) for each, signature, value in found]
    except CannotSet as problem:
        complain(problem.text)
        return 1
    bus = Bus(options.places)
    try:
        load_error, text = bus.get(unit_path(name), UNIT, "LoadError")
        if load_error:
            raise BusError(load_error, text)
        bus.ask("SetUnitProperties", "sba(sv)", name, options.runtime, _joined(properties))
    except BusError as problem:
        complain(f"Failed to set unit properties on {name}: {problem.text}")
        return 1
    return 0


def _joined(properties: list[tuple[str, tuple[str, object]]]) -> list[tuple[str, tuple[str, object]]]:
    out: dict[str, tuple[str, object]] = {}
    for name, (signature, value) in properties:
        before = out.get(name)
        if before is not None and isinstance(value, list) and isinstance(before[1], list) and value:
            value = before[1] + value
        out[name] = (signature, value)
    return list(out.items())
