"""An exception that nobody expected costs what it touched, not the container: what is said of it, and who is told to go on.

Whoever waits for the answer to an effect gets one, as if what was wanted had failed.
"""

from __future__ import annotations

from initd.core import effects as ef
from initd.core import events as ev
from initd.core.settings import UnitDefinition
from initd.core.states import LoadState
from initd.core.unit import Unit
from initd.core.unitname import unit_type
from initd.core.values import LOG_CRIT, LOG_ERR, Diagnostic, SpawnRequest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

#: An effect that could not be carried out, and why → the event that answers it. That a kill found nobody, or that nothing is
#: mounted, is not said: such a unit goes on by its timeout.
_ANSWERS: dict[type[ef.Effect], Callable[[Any, str], ev.Event]] = {
    ef.Spawn: lambda effect, text: ev.SpawnFailed(effect.request.unit, effect.request.phase, 0, text),
    ef.KillProcesses: lambda effect, text: ev.ProcessesKilled(effect.unit, 1),
    ef.KillEverything: lambda effect, text: ev.ProcessesKilled("", 1),
    ef.ListProcesses: lambda effect, text: ev.ProcessesListed(effect.unit, ()),
    ef.ReadPidFile: lambda effect, text: ev.PidFileRead(effect.unit, effect.path, None),
    ef.OpenSockets: lambda effect, text: ev.SocketsOpened(effect.unit, text),
    ef.WatchPaths: lambda effect, text: ev.PathsChecked(effect.unit, text),
    ef.PrepareMount: lambda effect, text: ev.MountPrepared(effect.unit, (), text),
    ef.OpenAutomount: lambda effect, text: ev.AutomountOpened(effect.unit, text),
    ef.ReadTimerStamp: lambda effect, text: ev.TimerStampRead(effect.unit, None),
    ef.AttachProcesses: lambda effect, text: ev.ProcessesAttached(effect.unit, 0, (text,)),
    ef.FindBusOwner: lambda effect, text: ev.BusOwnerFound(effect.unit, effect.owner),
    ef.CheckConditions: lambda effect, text: ev.ConditionsChecked(
        effect.unit, (False,) * len(effect.conditions), (False,) * len(effect.asserts)),
}


def report(what: str, error: Exception) -> list[ef.Log]:
    """Lines for the journal: what was being done, and where it went wrong, the innermost call last."""
    lines = [f"Bug: {what} could not be handled, going on without it: {type(error).__name__}: {error}"]
    step = error.__traceback__
    while step is not None:
        code = step.tb_frame.f_code
        lines.append(f"  {code.co_filename}, line {step.tb_lineno}, in {code.co_name}")
        step = step.tb_next
    return [ef.Log(LOG_CRIT, "", line) for text in lines for line in text.splitlines()]


def keep_deadline(unit: Unit, usec: int) -> None:
    """What a unit does that waits no longer for a state to end was not done: once more at that time."""
    machine, state = unit.machine, unit.active_state
    if machine.deadline_usec is None and hasattr(machine, "state_deadline_usec") and not (state.is_up or state.is_down):
        machine.state_deadline_usec = usec


def spawn_failed(request: SpawnRequest) -> ev.Event:
    """For a process of which nobody can say whether it has begun."""
    return ev.SpawnFailed(request.unit, request.phase, 0, "Internal error")


def unreadable(name: str, error: Exception) -> UnitDefinition:
    """What is known of a unit whose files could not be read for a bug: nobody can start it."""
    text = f"{name}: Cannot be read, internal error: {error}"
    return UnitDefinition(name, unit_type(name), LoadState.ERROR, (name,), diagnostics=(Diagnostic(LOG_ERR, "", 0, text),))


def answer(effect: ef.Effect, error: Exception) -> ev.Event | None:
    """What the engine hears where carrying out the effect has met a bug; None where it waits for nothing."""
    make = _ANSWERS.get(type(effect))
    return make(effect, f"Internal error: {error}") if make is not None else None
