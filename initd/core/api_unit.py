"""What clients may do to one unit or one job: the methods of those objects, which the manager's methods share.

Every `…_unit` function takes the unit; that of a D-Bus object is given, that of a manager's method is named.
"""

from __future__ import annotations

from initd.core.answers import (
    CALLER,
    DBUS,
    FREEZE,
    SET_PROPERTIES,
    START_TRANSIENT,
    SYSTEMD,
    Error,
    Method,
    Order,
    Return,
    Subject,
    Submit,
    return_nothing,
)
from initd.core.events import (
    AbandonRequest,
    AttachRequest,
    CancelRequest,
    CleanRequest,
    JobRequest,
    KillRequest,
    ReferenceRequest,
    ResetFailedRequest,
)
from initd.core.objectpath import job_path, unit_path
from initd.core.properties import CHANGES, CONST, Row, can_freeze, control_group, load_error
from initd.core.settings_exec import SANDBOX_FIELDS, ExecSettings
from initd.core.states import JobMode, JobType, KillWho, UnitType
from initd.core.unit import slice_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from initd.core.answers import Answer
    from initd.core.job import Job
    from initd.core.unit import Unit
    from initd.core.view import View

_HIGHEST_SIGNAL = 64
JOB_LIST = "a(usssoo)"
_NO_SANDBOX = ExecSettings()

#: Method (without "Unit") → the job it asks for, and whether a reload serves where the unit has one.
JOB_METHODS: dict[str, tuple[JobType, bool]] = {
    "Start": (JobType.START, False),
    "Stop": (JobType.STOP, False),
    "Reload": (JobType.RELOAD, False),
    "Restart": (JobType.RESTART, False),
    "TryRestart": (JobType.TRY_RESTART, False),
    "ReloadOrRestart": (JobType.RESTART, True),
    "ReloadOrTryRestart": (JobType.TRY_RESTART, True),
}
_JOB_TYPES = {kind.value: (kind, False) for kind in JobType} | {
    "reload-or-restart": (JobType.RESTART, True),
    "reload-or-try-restart": (JobType.TRY_RESTART, True),
}
_JOB_MODES = {mode.value: mode for mode in JobMode}
_WHO = {who.value: who for who in KillWho}


# --- jobs for a unit ------------------------------------------------------------------------------------------------


def job_made(values: tuple[Any, ...], view: View) -> Return | Error:
    """The engine replied with the job's id and its unit: the client gets the job's path."""
    job_id = values[0]
    if not job_id:
        return Error(SYSTEMD + "TransactionJobsConflicting", "The job was superseded as soon as it was queued.")
    return Return("o", (job_path(job_id),))


def _job_described(values: tuple[Any, ...], view: View) -> Return | Error:
    """The answer to EnqueueJob: the job in full, and the jobs that came with it."""
    job_id, unit, job_type, others = values
    if not job_id:
        return job_made((0,), view)
    return Return("uososa(uosos)", (*_job_in_full(job_id, unit, job_type), [_job_in_full(*each) for each in others]))


def _job_in_full(job_id: int, unit: str, job_type: str) -> tuple[int, str, str, str, str]:
    return (job_id, job_path(job_id), unit, unit_path(unit), job_type)


def queue_job(
    unit: Unit,
    wish: tuple[JobType, bool],
    mode_word: str,
    finish: Callable[[tuple[Any, ...], View], Return | Error] = job_made,
) -> Answer:
    mode = _JOB_MODES.get(mode_word)
    if mode is None:
        return Error(DBUS + "InvalidArgs", f"Job mode {mode_word} invalid")
    job_type, may_reload = wish
    return Submit(JobRequest(0, unit.name, job_type, mode, may_reload), finish)


def enqueue_job(unit: Unit, type_word: str, mode_word: str) -> Answer:
    wish = _JOB_TYPES.get(type_word)
    if wish is None:
        return Error(DBUS + "InvalidArgs", f"Job type {type_word} invalid")
    return queue_job(unit, wish, mode_word, _job_described)


# --- its processes --------------------------------------------------------------------------------------------------


def kill_unit(unit: Unit, who_word: str, signal: int) -> Answer:
    who = _WHO.get(who_word or "all")
    if who is None:
        return Error(DBUS + "InvalidArgs", f"Invalid who argument {who_word}")
    if not 0 < signal <= _HIGHEST_SIGNAL:
        return Error(DBUS + "InvalidArgs", "Signal number out of range.")
    if unit.definition.kill is None and unit.type is not UnitType.SLICE:
        return Error(DBUS + "NotSupported", "Operation not supported")
    return Submit(KillRequest(0, unit.name, who, signal), return_nothing)


def freeze_unit(unit: Unit, is_wanted: bool, view: View) -> Answer:
    if not can_freeze(unit, view):
        return Error(DBUS + "NotSupported", f"Unit '{unit.name}' does not support freezing.")
    if not unit.is_prepared:
        return Error(SYSTEMD + "UnitInactive", "Unit is inactive.")
    return Order(FREEZE, (unit.name, unit.cgroup, is_wanted))


def list_processes(unit: Unit, view: View) -> Return:
    """Every process of the unit, of a slice every process of the units in it: cgroup, pid, command line."""
    listed = []
    for name, processes in sorted(view.facts.processes().items()):
        owner = view.engine.units.get(name)
        if owner is None and name != "init.scope":
            continue
        cgroup = control_group(owner, view) if owner is not None and owner.is_prepared else ""
        cgroup = cgroup or f"{view.facts.control_group}/{name}"
        if _belongs(unit, name, cgroup, view):
            listed += [(cgroup, process.pid, process.command) for process in processes if not process.is_zombie]
    return Return("a(sus)", (listed,))


def _belongs(unit: Unit, name: str, cgroup: str, view: View) -> bool:
    if name == unit.name:
        return True
    if unit.type is not UnitType.SLICE:
        return False
    return cgroup.startswith(f"{view.facts.control_group}/{slice_path(unit.name)}".rstrip("/") + "/")


def mount_into(unit: Unit) -> Answer:
    """A mount in the name space of a unit that runs."""
    if unit.type is not UnitType.SERVICE:
        return Error(DBUS + "InvalidArgs", "Unit is not of type .service")
    execution = unit.definition.exec
    if execution is None or all(getattr(execution, field) == getattr(_NO_SANDBOX, field) for field in SANDBOX_FIELDS):
        text = "Unit not running in private mount namespace, cannot activate bind mount"
        return Error(DBUS + "InvalidArgs", text)
    return Error(DBUS + "NotSupported", "Nothing is mounted into a unit that runs already; BindPaths= is for its start.")


def reset_failed_unit(unit: Unit) -> Answer:
    return Submit(ResetFailedRequest(0, unit.name), return_nothing)


def refer_to_unit(unit: Unit, call: Subject) -> Answer:
    """Peers of the private socket have no name to be referred by."""
    if not unit.is_loaded:
        return Error(*load_error(unit))
    if not call.client:
        return Error(DBUS + "InvalidArgs", "Invalid argument")
    return Submit(ReferenceRequest(0, unit.name, call.client, True), return_nothing)


def stop_referring_to_unit(unit: Unit, call: Subject) -> Answer:
    return Submit(ReferenceRequest(0, unit.name, call.client, False), return_nothing)


def abandon_scope(unit: Unit) -> Answer:
    if unit.type is not UnitType.SCOPE:
        return Error(DBUS + "InvalidArgs", f"Unit '{unit.name}' is not a scope unit, refusing.")
    return Submit(AbandonRequest(0, unit.name), return_nothing)


def refuse_to_attach(unit: Unit, path: str) -> Error | None:
    """What systemd says before it asks who has called (conformance/bus)."""
    if path and not path.startswith("/"):
        return Error(DBUS + "InvalidArgs", f"Control group path is not absolute: {path}")
    if ".." in path.split("/"):
        return Error(DBUS + "InvalidArgs", f"Control group path is not normalized: {path}")
    if unit.definition.cgroup is None or unit.type is UnitType.SLICE or not unit.definition.cgroup.delegate:
        return Error(DBUS + "InvalidArgs", "Process migration not available on non-delegated units.")
    return None


def attach_processes(unit: Unit, args: tuple[Any, ...], call: Subject) -> Answer:
    """`args`: a cgroup below the unit's own, and the processes."""
    from initd.core.transient import check_processes
    from initd.core.unitproperties import CannotSet

    path, pids = args
    if 0 in pids and not call.pid:
        return Order(CALLER)
    try:
        known = check_processes(pids, call) if pids else []
    except CannotSet as problem:
        return Error(problem.name, problem.text)
    return Submit(AttachRequest(0, unit.name, tuple(known), path), return_nothing)


def clean_unit(unit: Unit, what: list[str]) -> Answer:
    return Submit(CleanRequest(0, unit.name, tuple(what)), return_nothing)


# --- made and changed by clients -------------------------------------------------------------------------------------


def start_transient(call: Subject) -> Answer:
    """The files to be written, and the mode of the job that follows."""
    from initd.core.transient import plan_transient

    name, mode, assignments, others = call.args
    if mode not in _JOB_MODES:
        return Error(DBUS + "InvalidArgs", f"Job mode {mode} is invalid.")
    if not call.pid and any(key == "PIDs" and 0 in value for key, (kind, value) in assignments if kind == "au"):
        return Order(CALLER)
    files = plan_transient(name, assignments, others, call)
    if isinstance(files, Error):
        return files
    wants_reference = any(key == "AddRef" and value for key, (_, value) in assignments)
    return Order(START_TRANSIENT, (files, mode, wants_reference))


def set_properties(unit: Unit, args: tuple[Any, ...], view: View) -> Answer:
    """`args`: whether for this boot only, and the properties."""
    from initd.core.transient import plan_changes

    is_runtime, assignments = args
    dropins = plan_changes(unit, assignments, view)
    return dropins if isinstance(dropins, Error) else Order(SET_PROPERTIES, (unit, is_runtime, dropins))


# --- the objects' own methods ---------------------------------------------------------------------------------------


def _job_method(word: str) -> Method:
    return Method(word, "s", "o", lambda call: queue_job(call.target, JOB_METHODS[word], call.args[0]), True)


def tell_why(unit: Unit, view: View) -> Return:
    """Of each line: depth, realtime µs, text, where it is written."""
    from initd.core.why import why

    lines = why(unit, view.engine.world, view.facts.whence(), view.facts.now())
    return Return("a(utss)", ([(line.depth, line.usec, line.text, line.source) for line in lines],))


#: What only we have.
OWN_METHODS: tuple[Method, ...] = (Method("Why", "", "a(utss)", lambda call: tell_why(call.target, call.view)),)

UNIT_METHODS: tuple[Method, ...] = (
    *(_job_method(word) for word in JOB_METHODS),
    Method("EnqueueJob", "ss", "uososa(uosos)", lambda call: enqueue_job(call.target, *call.args), True),
    Method("Kill", "si", "", lambda call: kill_unit(call.target, *call.args), True),
    Method("ResetFailed", "", "", lambda call: reset_failed_unit(call.target), True),
    Method("SetProperties", "ba(sv)", "", lambda call: set_properties(call.target, call.args, call.view), True),
    Method("Ref", "", "", lambda call: refer_to_unit(call.target, call), True),
    Method("Unref", "", "", lambda call: stop_referring_to_unit(call.target, call)),
    Method("Clean", "as", "", lambda call: clean_unit(call.target, call.args[0]), True),
    Method("Freeze", "", "", lambda call: freeze_unit(call.target, True, call.view), True),
    Method("Thaw", "", "", lambda call: freeze_unit(call.target, False, call.view), True),
)
#: On the interface of the unit's type, for types that have processes.
PROCESS_METHODS: tuple[Method, ...] = (
    Method("GetProcesses", "", "a(sus)", lambda call: list_processes(call.target, call.view)),
    Method("AttachProcesses", "sau", "", lambda call: attach_processes(call.target, call.args, call), True,
           lambda call: refuse_to_attach(call.target, call.args[0])),
)
#: Of scopes alone.
SCOPE_METHODS: tuple[Method, ...] = (
    Method("Abandon", "", "", lambda call: abandon_scope(call.target), True),
)
#: Of services alone.
SERVICE_METHODS: tuple[Method, ...] = (
    Method("BindMount", "ssbb", "", lambda call: mount_into(call.target), True),
    Method("MountImage", "ssbba(ss)", "", lambda call: mount_into(call.target), True),
)

def job_list(jobs: Iterable[Job]) -> Return:
    rows = [(job.id, job.unit, job.type.value, job.state.value, job_path(job.id), unit_path(job.unit)) for job in jobs]
    return Return(JOB_LIST, (rows,))


def jobs_before(job: Job, view: View) -> list[Job]:
    """What it waits for."""
    found = view.engine.world.queue.waits_for(job, view.engine.units[job.unit])
    return list({each.id: each for each in found}.values())


def jobs_after(job: Job, view: View) -> list[Job]:
    """What waits for it."""
    others = (other for _, other in sorted(view.engine.jobs.items()) if other is not job)
    return [other for other in others if job in view.engine.world.queue.waits_for(other, view.engine.units[other.unit])]


JOB_OBJECT_METHODS: tuple[Method, ...] = (
    Method("Cancel", "", "", lambda call: cancel_job(call.target.id, call), True),
    Method("GetAfter", "", JOB_LIST, lambda call: job_list(jobs_after(call.target, call.view))),
    Method("GetBefore", "", JOB_LIST, lambda call: job_list(jobs_before(call.target, call.view))),
)


def cancel_job(job_id: int, call: Subject) -> Answer:
    if job_id not in call.view.engine.jobs:
        return no_such_job(job_id)
    return Submit(CancelRequest(0, job_id), return_nothing)


def refuse_unknown_job(call: Subject) -> Error | None:
    """That there is no such job anybody may know."""
    return None if call.args[0] in call.view.engine.jobs else no_such_job(call.args[0])


def no_such_job(job_id: int) -> Error:
    return Error(SYSTEMD + "NoSuchJob", f"Job {job_id} does not exist.")


def _job_row(name: str, signature: str, get: Callable[[Job], Any], emits: str = CONST) -> Row:
    return Row(name, signature, lambda job, view: get(job), emits)


JOB_PROPERTIES: tuple[Row, ...] = (
    _job_row("Id", "u", lambda job: job.id),
    _job_row("Unit", "(so)", lambda job: (job.unit, unit_path(job.unit))),
    _job_row("JobType", "s", lambda job: job.type.value),
    _job_row("State", "s", lambda job: job.state.value, CHANGES),
    # Who activated whom is told to nobody yet, as under systemd where nothing was triggered.
    _job_row("ActivationDetails", "a(ss)", lambda job: []),
)
