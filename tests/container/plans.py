"""What `pyinit plan` says of an image, and what its boot has done: the same units, in an order that the plan allows.

Standard library only: the matrix runs it too.
"""

from __future__ import annotations

import json

from harness import Container, Machine
from images import Image

_FIELDS = ("Id", "ConditionTimestampMonotonic", "ConditionResult", "InactiveExitTimestampMonotonic",
           "ActiveEnterTimestampMonotonic", "InactiveEnterTimestampMonotonic", "NRestarts")


def plan_of(machine: Machine, *words: str) -> dict:
    """Asked in a container before, or after, it has booted."""
    return json.loads(machine.exec("/sbin/pyinit", "plan", "--json", *words, check=False).stdout)


def plan_before(image: Image, options: tuple[str, ...] = ()) -> dict:
    """Of a boot that is still to come."""
    container = Container(image, "/sbin/pyinit", "plan", "--json", options=options)
    try:
        container.start().wait()
        return json.loads(container.streams()[0])
    finally:
        container.remove()


def what_happened(machine: Machine) -> tuple[dict[str, dict[str, str]], int]:
    """Unit → what it says of itself, of all whose start was tried while the boot was on; and when that was over."""
    text = machine.systemctl("show", "*", "--property", ",".join(_FIELDS))
    units = [dict(line.split("=", 1) for line in block.splitlines()) for block in text.strip().split("\n\n")]
    end = int(machine.systemctl("show", "--value", "--property", "FinishTimestampMonotonic"))
    tried = [unit for unit in units if int(unit["ConditionTimestampMonotonic"])]
    # One that failed and was restarted since has the times of its last start.
    return {unit["Id"]: unit for unit in tried
            if int(unit["ConditionTimestampMonotonic"]) <= end or int(unit.get("NRestarts", 0))}, end


def differences(plan: dict, machine: Machine) -> list[str]:
    """In words; none where the boot went as planned. What a service has started by itself, or by asking for it, is no part of
    a plan: it is passed over where its job says so."""
    happened, end = what_happened(machine)
    planned = {part["unit"]: part for part in plan["units"] if part["job"] == "start"}
    tried = {name for name, part in planned.items() if part["outcome"] in ("started", "failed", "skipped")
             and part["reason"] != "result dependency"}
    found = [f"{name} was planned, and not tried" for name in sorted(tried - happened.keys())]
    found += [f"{name} was not planned, and tried" for name in sorted(happened.keys() - tried)
              if not machine.exec("/sbin/pyinit", "why", name, check=False).stdout.count("asked for by")]
    for name in sorted(tried & happened.keys()):
        is_skipped = happened[name]["ConditionResult"] == "no"
        if is_skipped != (planned[name]["outcome"] == "skipped"):
            found.append(f"{name} was to be {planned[name]['outcome']}, and was {'skipped' if is_skipped else 'started'}")
        began = int(happened[name]["ConditionTimestampMonotonic"])
        for other in planned[name]["after"] if began <= end else ():
            if other in happened and not int(happened[other].get("NRestarts", 0)) and (done := _done(happened[other])) > began:
                found.append(f"{name} began at {began}, before {other} was done at {done}")
    return found


def _done(unit: dict[str, str]) -> int:
    """When the unit's start was over, in µs: it is up, or down again, or was skipped."""
    times = [int(unit[name]) for name in ("ActiveEnterTimestampMonotonic", "InactiveEnterTimestampMonotonic")]
    times = [time for time in times if time >= int(unit["ConditionTimestampMonotonic"])]
    return min(times, default=int(unit["ConditionTimestampMonotonic"]))
