"""What clients may ask of the manager, checked and carried out, or refused with systemd's error names and sentences.

Source: org.freedesktop.systemd1(5). Each request ends in one Reply or Refused effect.
"""

from __future__ import annotations

from initd.core import machines, scope
from initd.core.effects import AttachProcesses, KillProcesses, Reply
from initd.core.events import (
    AbandonRequest,
    AttachRequest,
    CancelRequest,
    ClientGone,
    EnvironmentRequest,
    ExitCodeRequest,
    ExitRequest,
    JobRequest,
    KillRequest,
    ReferenceRequest,
    Request,
    ResetFailedRequest,
    TuningRequest,
)
from initd.core.job import Cause
from initd.core.service_record import ServiceMachine
from initd.core.shutdown import Stage
from initd.core.states import ActiveState, JobResult, JobType, KillWho, LoadState, UnitType
from initd.core.transaction import Refusal, is_applicable
from initd.core.turn import Turn
from initd.core.unit import Unit
from initd.core.values import PidRef
from initd.core.world import World, refuse

_ERROR = "org.freedesktop.systemd1."


def no_such_unit(name: str) -> Refusal:
    return Refusal(_ERROR + "NoSuchUnit", f"Unit {name} not found.")


def refuse_all(event: Request, turn: Turn) -> None:
    """Every unit is stopped and the last processes are being killed: nothing can be asked any more."""
    refuse(event.request, Refusal(_ERROR + "ShuttingDown", "The manager is shutting down."), turn)


def on_job_request(world: World, event: JobRequest, turn: Turn) -> None:
    unit = world.graph.get(event.unit)
    if unit is None:
        refuse(event.request, no_such_unit(event.unit), turn)
        return
    job_type = _with_reload(unit, event)
    refusal = _check_manual(unit, job_type)
    if refusal is not None:
        refuse(event.request, refusal, turn)
        return
    before = world.queue.next_id
    outcome = world.enqueue(unit, job_type, event.mode, turn, Cause("client", event.by))
    if isinstance(outcome, Refusal):
        refuse(event.request, outcome, turn)
    elif event.request:
        anchor = (outcome.id, unit.name, outcome.type.value) if outcome is not None else (0, unit.name, "")
        others = [(job.id, job.unit, job.type.value) for _, job in sorted(world.queue.jobs.items())
                  if job.id >= before and job is not outcome]
        turn.ask(Reply(event.request, (*anchor, others)))


def _with_reload(unit: Unit, event: JobRequest) -> JobType:
    """systemctl reload-or-restart, try-reload-or-restart: a reload where the unit has one."""
    if event.reload_if_possible and is_applicable(unit, JobType.RELOAD):
        return {JobType.RESTART: JobType.RELOAD_OR_START, JobType.TRY_RESTART: JobType.TRY_RELOAD}.get(
            event.type, event.type
        )
    return event.type


def _check_manual(unit: Unit, job_type: JobType) -> Refusal | None:
    is_unloaded = unit.load_state in (LoadState.NOT_FOUND, LoadState.ERROR, LoadState.BAD_SETTING)
    if job_type is JobType.STOP and is_unloaded and unit.active_state is ActiveState.INACTIVE:
        return Refusal(_ERROR + "NoSuchUnit", f"Unit {unit.name} not loaded.")
    starts = job_type in (JobType.START, JobType.RESTART, JobType.TRY_RESTART, JobType.RELOAD_OR_START)
    stops = job_type in (JobType.STOP, JobType.RESTART, JobType.TRY_RESTART)
    if (starts and unit.settings.refuse_manual_start) or (stops and unit.settings.refuse_manual_stop):
        text = (
            f"Operation refused, unit {unit.name} may be requested by dependency only "
            "(it is configured to refuse manual start/stop)."
        )
        return Refusal(_ERROR + "OnlyByDependency", text)
    return None


def on_cancel_request(world: World, event: CancelRequest, turn: Turn) -> None:
    if event.job_id and event.job_id not in world.queue.jobs:
        refuse(event.request, Refusal(_ERROR + "NoSuchJob", f"Job {event.job_id} does not exist."), turn)
        return
    for job_id in [event.job_id] if event.job_id else sorted(world.queue.jobs):
        job = world.queue.jobs.get(job_id)
        if job is not None:
            world.queue.finish(job, JobResult.CANCELED, turn)
    world.may_hold_garbage = True  # its job was all that kept a unit that is down
    turn.ask(Reply(event.request))


def on_kill_request(world: World, event: KillRequest, turn: Turn) -> None:
    unit = world.graph.get(event.unit)
    if unit is None:
        refuse(event.request, no_such_unit(event.unit), turn)
        return
    machine = unit.machine if isinstance(unit.machine, ServiceMachine) else None
    main = machine.main_pid if machine is not None else 0
    control = getattr(unit.machine, "control_pid", 0)
    who = event.who
    wants_main = who in (KillWho.MAIN, KillWho.MAIN_FAIL)
    wants_control = who in (KillWho.CONTROL, KillWho.CONTROL_FAIL)
    if (wants_main and not main) or (wants_control and not control):
        word = "main" if wants_main else "control"
        has_any = machine is not None or wants_control and unit.type is not UnitType.SCOPE
        text = f"No {word} process to kill" if has_any else f"{unit.type.value} units have no {word} processes"
        refuse(event.request, Refusal(_ERROR + "NoSuchProcess", text), turn)
        return
    everyone = not wants_main and not wants_control
    if who is KillWho.ALL_FAIL and unit.active_state.is_down and not main and not control and machine is not None:
        refuse(event.request, Refusal(_ERROR + "NoSuchProcess", "No matching processes to kill"), turn)
        return
    turn.ask(
        KillProcesses(
            unit.name,
            event.signal,
            PidRef(main) if main and not wants_control else None,
            PidRef(control) if control and not wants_main else None,
            everyone,
        )
    )
    turn.ask(Reply(event.request))


def on_abandon_request(world: World, event: AbandonRequest, turn: Turn) -> None:
    unit = world.graph.get(event.unit)
    if unit is None or not scope.abandon(unit, turn):
        text = f"Scope {event.unit} is not running, cannot abandon."
        refuse(event.request, Refusal(_ERROR + "ScopeNotRunning", text), turn)
        return
    turn.ask(Reply(event.request))


def on_attach_request(world: World, event: AttachRequest, turn: Turn) -> None:
    """Only into a cgroup that was handed over: there its owner says who lives where."""
    unit = world.graph.get(event.unit)
    if unit is None or not unit.is_prepared or not unit.active_state.is_up:
        refuse(event.request, Refusal(_ERROR + "UnitInactive", "Unit is inactive or deactivating."), turn)
        return
    cgroup = "/".join(word for word in (unit.cgroup, *event.subcgroup.split("/")) if word)
    turn.ask(AttachProcesses(unit.name, unit.number, cgroup, event.pids))
    turn.ask(Reply(event.request))


def on_reset_failed_request(world: World, event: ResetFailedRequest, turn: Turn) -> None:
    """`systemctl reset-failed`: also forgets how often the units were started (systemctl(1))."""
    unit = world.graph.get(event.unit) if event.unit else None
    if event.unit and (unit is None or unit.load_state is LoadState.NOT_FOUND and unit.active_state is ActiveState.INACTIVE):
        refuse(event.request, Refusal(_ERROR + "NoSuchUnit", f"Unit {event.unit} not loaded."), turn)
        return
    for each in [unit] if unit is not None else [world.graph.units[name] for name in sorted(world.graph.units)]:
        each.start_limit.reset()
        machines.of(each).reset_failed(each, turn)
    turn.ask(Reply(event.request))


def on_reference_request(world: World, event: ReferenceRequest, turn: Turn) -> None:
    """Replies with whether the client has another number of references now."""
    unit = world.graph.get(event.unit)
    if unit is None:
        refuse(event.request, no_such_unit(event.unit), turn)
        return
    is_change = event.is_wanted or event.client in unit.references
    if event.is_wanted:
        unit.references.append(event.client)
    elif not unit.references:
        refuse(event.request, Refusal(_ERROR + "NotReferenced", "Unit has not been referenced yet."), turn)
        return
    elif is_change:  # giving back what only others have is no mistake (conformance/bus)
        unit.references.remove(event.client)
        world.may_hold_garbage = True
    turn.ask(Reply(event.request, (is_change,)))


def on_client_gone(world: World, event: ClientGone, turn: Turn) -> None:
    for unit in world.graph.units.values():
        if event.client in unit.references:
            unit.references = [client for client in unit.references if client != event.client]
            world.may_hold_garbage = True


def on_exit_request(world: World, event: ExitRequest, turn: Turn) -> None:
    stage = Stage.TERMINATING if event.is_forced else Stage.STOPPING
    world.request_exit(event.verb, stage, event.exit_code, turn, f"{event.by or 'a client'} asked for {event.verb}")
    turn.ask(Reply(event.request))


def on_exit_code_request(world: World, event: ExitCodeRequest, turn: Turn) -> None:
    world.shutdown.exit_code = event.exit_code
    world.was_exit_code_set = True
    turn.ask(Reply(event.request))


def on_tuning_request(world: World, event: TuningRequest, turn: Turn) -> None:
    setattr(world.tuning, event.field, event.value)
    turn.ask(Reply(event.request))


def on_environment_request(world: World, event: EnvironmentRequest, turn: Turn) -> None:
    """`systemctl set-environment`, `unset-environment`: what later services inherit (systemctl(1)). The manager's own variables
    can be covered, and not be taken away."""
    if not all(_is_assignment(text) or _is_assignment(text + "=") for text in event.names_to_unset):
        error = "org.freedesktop.DBus.Error.InvalidArgs"
        refuse(event.request, Refusal(error, "Invalid environment variable names or assignments"), turn)
        return
    if not all(_is_assignment(text) for text in event.assignments):
        error = "org.freedesktop.DBus.Error.InvalidArgs"
        refuse(event.request, Refusal(error, "Invalid environment assignments"), turn)
        return
    known = _by_name(world.client_environment)
    for name in event.names_to_unset:
        wanted = name.split("=", 1)
        if len(wanted) == 1 or known.get(wanted[0]) == wanted[1]:
            known.pop(wanted[0], None)
    known |= _by_name(event.assignments)
    world.client_environment = tuple(f"{name}={known[name]}" for name in sorted(known))
    turn.ask(Reply(event.request))


def _by_name(assignments: tuple[str, ...]) -> dict[str, str]:
    pairs = (text.partition("=") for text in assignments)
    return {name: value for name, _, value in pairs}


def _is_assignment(text: str) -> bool:
    name, sign, _ = text.partition("=")
    return bool(sign) and bool(name) and not name[0].isdigit() and name.replace("_", "a").isalnum() and name.isascii()


