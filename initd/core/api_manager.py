"""What clients may ask of the manager itself: the methods of its object.

What needs the file system is an `Order`, carried out by the shell under the method's own name.
"""

from __future__ import annotations

from initd.core.answers import (
    CALLER,
    DBUS,
    IN_FILE,
    SUBSCRIBE,
    SYSTEMD,
    Error,
    Method,
    Order,
    Return,
    Subject,
    Submit,
    find_loaded,
    find_or_load,
    return_nothing,
)
from initd.core.api_unit import (
    JOB_LIST,
    JOB_METHODS,
    abandon_scope,
    attach_processes,
    cancel_job,
    clean_unit,
    enqueue_job,
    freeze_unit,
    job_list,
    jobs_after,
    jobs_before,
    kill_unit,
    list_processes,
    mount_into,
    no_such_job,
    queue_job,
    refer_to_unit,
    refuse_to_attach,
    refuse_unknown_job,
    reset_failed_unit,
    set_properties,
    start_transient,
    stop_referring_to_unit,
)
from initd.core.dump import dump
from initd.core.events import (
    CancelRequest,
    EnvironmentRequest,
    ExitCodeRequest,
    ExitRequest,
    ResetFailedRequest,
    TuningRequest,
)
from initd.core.globs import matches
from initd.core.objectpath import job_path, unit_path
from initd.core.properties import control_group
from initd.core.tuning import Unfit, check

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from initd.core.answers import Answer
    from initd.core.job import Job
    from initd.core.unit import Unit
    from initd.core.view import View

_UNITS = "a(ssssssouso)"
_CHANGES = "a(sss)"


# --- finding units --------------------------------------------------------------------------------------------------


def _with_unit(find: Callable[[str, View], Unit | Error], do: Callable[[Unit, Subject], Answer]) -> Any:
    """A method whose first argument names a unit."""

    def handle(call: Subject) -> Answer:
        unit = find(call.args[0], call.view)
        return unit if isinstance(unit, Error) else do(unit, call)

    return handle


def _path_of(unit: Unit, call: Subject) -> Return:
    return Return("o", (unit_path(unit.name),))


def _get_by_pid(call: Subject) -> Answer:
    pid = call.args[0] or call.pid
    if not pid:
        return Order(CALLER)
    for name, processes in call.view.facts.processes().items():
        if any(process.pid == pid for process in processes):
            return Return("o", (unit_path(name),))
    return Error(SYSTEMD + "NoUnitForPID", f"PID {pid} does not belong to any loaded unit.")


def by_invocation(invocation_id: str, view: View) -> Unit | None:
    if not invocation_id:
        return None  # every unit that never ran has that one
    return next((unit for unit in view.engine.units.values() if unit.invocation_id == invocation_id), None)


def _get_by_invocation(call: Subject) -> Answer:
    invocation_id = call.args[0].hex()
    if not invocation_id:
        found = _get_by_pid(call.replace(args=(0,)))
        is_unknown = isinstance(found, Error)
        return Error(SYSTEMD + "NoSuchUnit", f"Client {call.pid} not member of any unit.") if is_unknown else found
    unit = by_invocation(invocation_id, call.view)
    if unit is None:
        text = f"No unit with the specified invocation ID {invocation_id} known."
        return Error(SYSTEMD + "NoUnitForInvocationID", text)
    return _path_of(unit, call)


def _get_by_cgroup(call: Subject) -> Answer:
    """The unit whose cgroup this is, or lies above it."""
    wanted = call.args[0].rstrip("/") + "/"
    best: tuple[int, Unit] | None = None
    for unit in call.view.engine.units.values():
        cgroup = control_group(unit, call.view)
        if cgroup and wanted.startswith(cgroup.rstrip("/") + "/") and (best is None or len(cgroup) > best[0]):
            best = (len(cgroup), unit)
    if best is None:
        text = f"Control group '{call.args[0]}' is not valid or not managed by this instance"
        return Error(SYSTEMD + "NoSuchUnit", text)
    return _path_of(best[1], call)


def _list_processes(unit: Unit, call: Subject) -> Return:
    return list_processes(unit, call.view)


# --- lists ----------------------------------------------------------------------------------------------------------


def _all_units(view: View) -> Iterable[Unit]:
    """Every unit once, by name."""
    return (unit for name, unit in sorted(view.engine.units.items()) if name == unit.name)


def _unit_row(unit: Unit) -> tuple[Any, ...]:
    job = unit.job
    return (
        unit.name,
        unit.settings.description or unit.name,
        unit.load_state.value,
        unit.active_state.value,
        unit.sub_state,
        "",
        unit_path(unit.name),
        job.id if job is not None else 0,
        job.type.value if job is not None else "",
        job_path(job.id) if job is not None else "/",
    )


def _list_units(view: View, states: list[str], patterns: list[str]) -> Return:
    rows = []
    for unit in _all_units(view):
        if states and not {unit.load_state.value, unit.active_state.value, unit.sub_state}.intersection(states):
            continue
        if patterns and not any(matches(unit.name, pattern) for pattern in patterns):
            continue
        rows.append(_unit_row(unit))
    return Return(_UNITS, (rows,))


def _list_by_names(call: Subject) -> Answer:
    """Names that are no unit's name are left out; units without files are listed as not-found."""
    found = (find_or_load(name, call.view) for name in call.args[0])
    return Return(_UNITS, ([_unit_row(unit) for unit in found if not isinstance(unit, Error)],))


def _with_job(do: Callable[[Job, View], Answer]) -> Callable[[Subject], Answer]:
    """A method whose argument is the id of a job."""

    def handle(call: Subject) -> Answer:
        job = call.view.engine.jobs.get(call.args[0])
        return do(job, call.view) if job is not None else no_such_job(call.args[0])

    return handle


# --- requests -------------------------------------------------------------------------------------------------------


def _job_method(word: str) -> Method:
    handler = _with_unit(find_or_load, lambda unit, call: queue_job(unit, JOB_METHODS[word], call.args[1]))
    return Method(word + "Unit", "ss", "o", handler, True)


def _start_with_flags(unit: Unit, call: Subject) -> Answer:
    if call.args[2]:
        return Error(DBUS + "InvalidArgs", "Invalid 'flags' parameter")  # "must be 0", org.freedesktop.systemd1(5)
    return queue_job(unit, JOB_METHODS["Start"], call.args[1])


def _start_replacing(call: Subject) -> Answer:
    """The job of the other unit has to be there; it stays what it is (tried with systemd 252)."""
    unit = find_or_load(call.args[1], call.view)
    return unit if isinstance(unit, Error) else queue_job(unit, JOB_METHODS["Start"], call.args[2])


def _refuse_without_job(call: Subject) -> Error | None:
    old = find_loaded(call.args[0], call.view)
    if isinstance(old, Error):
        return old
    return Error(SYSTEMD + "NoSuchJob", f"No job queued for unit {old.name}") if old.job is None else None


def _set_show_status(call: Subject) -> Answer:
    try:
        return Submit(TuningRequest(0, "show_status", check("show_status", call.args[0])), return_nothing)
    except Unfit as problem:
        return Error(DBUS + "InvalidArgs", str(problem))


# --- what a container cannot ----------------------------------------------------------------------------------------


def _impossible(reason: str) -> Callable[[Subject], Answer]:
    return lambda call: Error(DBUS + "NotSupported", reason)


def _mount_into(unit: Unit, call: Subject) -> Answer:
    """BindMountUnit(), MountImageUnit(): refused as systemd refuses it where there is nothing to mount into."""
    for word, path in (("Source", call.args[1]), ("Destination", call.args[2])):
        if not path.startswith("/") or {"..", "."} & set(path.split("/")):
            return Error(DBUS + "InvalidArgs", f"{word} path must be absolute and normalized.")
    return mount_into(unit)


def _refuse_to_attach(call: Subject) -> Error | None:
    unit = find_loaded(call.args[0], call.view)
    return unit if isinstance(unit, Error) else refuse_to_attach(unit, call.args[1])


# --- dynamic users --------------------------------------------------------------------------------------------------


def _dynamic_uid(call: Subject) -> Answer:
    name = call.args[0]
    uid = call.view.facts.dynamic_users().get(name)
    if uid is None:
        return Error(SYSTEMD + "NoSuchDynamicUser", f"Dynamic user {name} does not exist.")
    return Return("u", (uid,))


def _dynamic_name(call: Subject) -> Answer:
    uid = call.args[0]
    names = [name for name, number in call.view.facts.dynamic_users().items() if number == uid]
    if not names:
        return Error(SYSTEMD + "NoSuchDynamicUser", f"Dynamic user ID {uid} does not exist.")
    return Return("s", (names[0],))


def _dynamic_users(call: Subject) -> Answer:
    return Return("a(us)", ([(uid, name) for name, uid in sorted(call.view.facts.dynamic_users().items())],))


# --- all of them ----------------------------------------------------------------------------------------------------


def _exit(verb: str) -> Callable[[Subject], Answer]:
    """At once, not in order: stopping in order is what starting poweroff.target does."""
    return lambda call: Submit(ExitRequest(0, verb, None, True), return_nothing)


def _soft_reboot(call: Subject) -> Answer:
    """Of systemd 254: into the same root, as a container has no other."""
    if call.args[0]:
        return Error(DBUS + "NotSupported", "A container has one root, and cannot go on in another.")
    return Submit(ExitRequest(0, "soft-reboot", None, True), return_nothing)


def _of_init(what: str, handle: Callable[[Subject], Answer]) -> Callable[[Subject], Answer]:
    """What only the system's manager does; others say so in the words of systemd 252."""
    refusal = Error(DBUS + "NotSupported", f"{what}.")
    return lambda call: handle(call) if call.view.engine.world.places.is_init else refusal


def _environment(set_at: int | None, unset_at: int | None) -> Callable[[Subject], Answer]:
    """`set_at` and `unset_at`: which argument holds the assignments, and which the names."""

    def handle(call: Subject) -> Answer:
        assignments = tuple(call.args[set_at]) if set_at is not None else ()
        names = tuple(call.args[unset_at]) if unset_at is not None else ()
        return Submit(EnvironmentRequest(0, assignments, names), return_nothing)

    return handle


def _mount(what: str) -> Any:
    """BindMountUnit(), MountImageUnit()."""

    def handle(unit: Unit, call: Subject) -> Answer:
        only = f"{what} at runtime is only supported for system managers"
        return _of_init(only, lambda call: _mount_into(unit, call))(call)

    return _with_unit(find_loaded, handle)


def _order(name: str, takes: str, gives: str, changes: bool = True) -> Method:
    return Method(name, takes, gives, lambda call: Order(name, call.args), changes)


METHODS: tuple[Method, ...] = (
    Method("GetUnit", "s", "o", _with_unit(find_loaded, _path_of)),
    Method("GetUnitByPID", "u", "o", _get_by_pid),
    Method("GetUnitByInvocationID", "ay", "o", _get_by_invocation),
    Method("GetUnitByControlGroup", "s", "o", _get_by_cgroup),
    Method("LoadUnit", "s", "o", _with_unit(find_or_load, _path_of)),
    *(_job_method(word) for word in JOB_METHODS),
    Method("StartUnitWithFlags", "sst", "o", _with_unit(find_or_load, _start_with_flags), True),
    Method(
        "EnqueueUnitJob",
        "sss",
        "uososa(uosos)",
        _with_unit(find_or_load, lambda unit, call: enqueue_job(unit, *call.args[1:])),
        True,
    ),
    Method("KillUnit", "ssi", "", _with_unit(find_loaded, lambda unit, call: kill_unit(unit, *call.args[1:])), True),
    Method("ResetFailedUnit", "s", "", _with_unit(find_loaded, lambda unit, call: reset_failed_unit(unit)), True),
    Method("ResetFailed", "", "", lambda call: Submit(ResetFailedRequest(0), return_nothing), True),
    Method("GetUnitProcesses", "s", "a(sus)", _with_unit(find_loaded, _list_processes)),
    Method("GetJob", "u", "o", _with_job(lambda job, view: Return("o", (job_path(job.id),)))),
    Method("GetJobAfter", "u", JOB_LIST, _with_job(lambda job, view: job_list(jobs_after(job, view)))),
    Method("GetJobBefore", "u", JOB_LIST, _with_job(lambda job, view: job_list(jobs_before(job, view)))),
    Method("CancelJob", "u", "", lambda call: cancel_job(call.args[0], call), True, refuse_unknown_job),
    Method("ClearJobs", "", "", lambda call: Submit(CancelRequest(0), return_nothing), True),
    Method("ListUnits", "", _UNITS, lambda call: _list_units(call.view, [], [])),
    Method("ListUnitsFiltered", "as", _UNITS, lambda call: _list_units(call.view, call.args[0], [])),
    Method("ListUnitsByPatterns", "asas", _UNITS, lambda call: _list_units(call.view, *call.args)),
    Method("ListUnitsByNames", "as", _UNITS, _list_by_names),
    Method("ListJobs", "", JOB_LIST,
           lambda call: job_list(job for _, job in sorted(call.view.engine.jobs.items()))),
    Method("Subscribe", "", "", lambda call: Order(SUBSCRIBE, (True,))),
    Method("Unsubscribe", "", "", lambda call: Order(SUBSCRIBE, (False,))),
    _order("Reload", "", ""),
    _order("Reexecute", "", ""),
    Method("Exit", "", "", _exit("exit"), True),
    Method("Reboot", "", "", _of_init("Reboot is only supported for system managers", _exit("reboot")), True),
    Method("PowerOff", "", "", _of_init("Powering off is only supported for system managers", _exit("poweroff")), True),
    Method("Halt", "", "", _of_init("Halt is only supported for system managers", _exit("halt")), True),
    Method("SoftReboot", "s", "", _of_init("Soft reboot is only supported for system managers", _soft_reboot), True,
           is_hidden=True),
    Method("SetExitCode", "y", "", lambda call: Submit(ExitCodeRequest(0, call.args[0]), return_nothing), True),
    Method("SetEnvironment", "as", "", _environment(0, None), True),
    Method("UnsetEnvironment", "as", "", _environment(None, 0), True),
    Method("UnsetAndSetEnvironment", "asas", "", _environment(1, 0), True),
    _order("ListUnitFiles", "", "a(ss)", changes=False),
    _order("ListUnitFilesByPatterns", "asas", "a(ss)", changes=False),
    _order("GetUnitFileState", "s", "s", changes=False),
    _order("GetUnitFileLinks", "sb", "as", changes=False),
    _order("GetDefaultTarget", "", "s", changes=False),
    _order("EnableUnitFiles", "asbb", "b" + _CHANGES),
    _order("DisableUnitFiles", "asb", _CHANGES),
    _order("EnableUnitFilesWithFlags", "ast", "b" + _CHANGES),
    _order("DisableUnitFilesWithFlags", "ast", _CHANGES),
    _order("DisableUnitFilesWithFlagsAndInstallInfo", "ast", "b" + _CHANGES),
    _order("ReenableUnitFiles", "asbb", "b" + _CHANGES),
    _order("LinkUnitFiles", "asbb", _CHANGES),
    _order("PresetUnitFiles", "asbb", "b" + _CHANGES),
    _order("PresetUnitFilesWithMode", "assbb", "b" + _CHANGES),
    _order("PresetAllUnitFiles", "sbb", _CHANGES),
    _order("MaskUnitFiles", "asbb", _CHANGES),
    _order("UnmaskUnitFiles", "asb", _CHANGES),
    _order("RevertUnitFiles", "as", _CHANGES),
    _order("SetDefaultTarget", "sb", _CHANGES),
    _order("AddDependencyUnitFiles", "asssbb", _CHANGES),
    Method("CleanUnit", "sas", "", _with_unit(find_or_load, lambda unit, call: clean_unit(unit, call.args[1])), True),
    Method("SetUnitProperties", "sba(sv)", "",
           _with_unit(find_or_load, lambda unit, call: set_properties(unit, call.args[1:], call.view)), True),
    Method("StartTransientUnit", "ssa(sv)a(sa(sv))", "o", start_transient, True),
    Method("StartUnitReplace", "sss", "o", _start_replacing, True, _refuse_without_job),
    Method("FreezeUnit", "s", "", _with_unit(find_loaded, lambda unit, call: freeze_unit(unit, True, call.view)), True),
    Method("ThawUnit", "s", "", _with_unit(find_loaded, lambda unit, call: freeze_unit(unit, False, call.view)), True),
    Method("BindMountUnit", "sssbb", "", _mount("Adding bind mounts"), True),
    Method("MountImageUnit", "sssbba(ss)", "", _mount("Adding mount images"), True),
    Method("RefUnit", "s", "", _with_unit(find_or_load, refer_to_unit), True),
    Method("UnrefUnit", "s", "", _with_unit(find_loaded, stop_referring_to_unit)),
    Method("AttachProcessesToUnit", "ssau", "",
           _with_unit(find_loaded, lambda unit, call: attach_processes(unit, call.args[1:], call)), True,
           _refuse_to_attach),
    Method("AbandonScope", "s", "", _with_unit(find_loaded, lambda unit, call: abandon_scope(unit)), True),
    Method("SetShowStatus", "s", "", _set_show_status, True),
    Method("Dump", "", "s", lambda call: Return("s", (dump(call.view),))),
    Method("DumpUnitsMatchingPatterns", "as", "s", lambda call: Return("s", (dump(call.view, call.args[0]),))),
    Method("DumpByFileDescriptor", "", "h", lambda call: Order(IN_FILE, (dump(call.view),))),
    Method("DumpUnitsMatchingPatternsByFileDescriptor", "as", "h",
           lambda call: Order(IN_FILE, (dump(call.view, call.args[0]),))),
    Method("KExec", "", "", _of_init(
        "KExec is only supported for system managers", _impossible("A container cannot start another kernel.")), True),
    Method("SwitchRoot", "ss", "", _of_init(
        "Root switching is only supported by system manager", _impossible("A container has no initrd to leave.")), True),
    # Nothing can be marked.
    Method("EnqueueMarkedJobs", "", "ao", lambda call: Return("ao", ([],)), True),
    Method("LookupDynamicUserByName", "s", "u", _dynamic_uid),
    Method("LookupDynamicUserByUID", "u", "s", _dynamic_name),
    Method("GetDynamicUsers", "", "a(us)", _dynamic_users),
)
