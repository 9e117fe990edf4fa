"""What a service's processes are told of why they run (systemd.exec(5), ENVIRONMENT VARIABLES IN SPAWNED PROCESSES).

By whose end: $MONITOR_…, of the one unit whose OnFailure= or OnSuccess= has called this one; for as long as that one is
loaded, as systemd 252 does it (tests/conformance/variables). By which connection: $REMOTE_….
"""

from __future__ import annotations

from initd.core import signals, unitname
from initd.core.service_record import ServiceMachine
from initd.core.unit import Unit


def outcome_variables(machine: ServiceMachine, front: str = "") -> list[str]:
    """How a service's run has gone so far."""
    variables = [f"{front}SERVICE_RESULT={machine.result.value}"]
    end = machine.last_main.end if machine.last_main is not None else None
    if end is not None:
        status = str(end.status) if end.code == "exited" else signals.name(end.status).removeprefix("SIG")
        variables += [f"{front}EXIT_CODE={end.code}", f"{front}EXIT_STATUS={status}"]
    return variables


def monitor_variables(caller: Unit) -> tuple[str, ...]:
    """What a handler gets of the unit that has called it; nothing of what is no service."""
    if not isinstance(caller.machine, ServiceMachine):
        return ()
    variables = [*outcome_variables(caller.machine, "MONITOR_"), f"MONITOR_UNIT={caller.name}"]
    if caller.invocation_id:
        variables.append(f"MONITOR_INVOCATION_ID={caller.invocation_id}")
    return tuple(variables)


def remote_variables(unit: Unit) -> list[str]:
    """Who is at the other end of an Accept=yes connection: the instance is named after it, "N-LOCAL:PORT-REMOTE:PORT"."""
    if not unit.connection_of:
        return []
    host, colon, port = unitname.instance(unit.name).rpartition("-")[2].rpartition(":")
    return [f"REMOTE_ADDR={host}", f"REMOTE_PORT={port}"] if colon else []
