"""Every D-Bus property of a unit: where it comes from, and its value now.

Two sources, and no property in both: what unit files say is printed from `core.directives`, what becomes of the unit
at run time from the tables here. A row says whether its changes are announced (PropertiesChanged); what directives
say is constant until the next daemon-reload. Source of names and types: org.freedesktop.systemd1(5).
"""

from __future__ import annotations

from initd.core.clean_plan import cleanable
from initd.core.dependency import Dependency
from initd.core.directives import properties_of
from initd.core.objectpath import job_path
from initd.core.record import Record
from initd.core.sections import WITH_CGROUP, WITH_EXEC, WITH_KILL, Group, new_settings
from initd.core.service_record import ProcessRecord, ServiceMachine
from initd.core.settings import TimerSettings
from initd.core.socket_record import SocketMachine
from initd.core.states import ActiveState, ExecPhase, LoadState, UnitType
from initd.core.timer import TimerMachine, TimerState
from initd.core.values import INFINITY, Now

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from initd.core.answers import Answer
    from initd.core.unit import Unit
    from initd.core.view import View

    #: The unit, job or manager (None) whose property it is.
    Get = Callable[[Any, View], Any]

PREFIX = "org.freedesktop.systemd1."
UNIT_INTERFACE = PREFIX + "Unit"

#: What a change of a property means for those who listen (the annotation EmitsChangedSignal): its new value is told, only
#: that it is another, or nothing; or it does not change before the next daemon-reload.
CHANGES, INVALIDATES, SILENT, CONST = "true", "invalidates", "false", "const"

#: "Not set" of 32 and of 64 bits.
_NO_ID = 2**32 - 1
_NO_VALUE = 2**64 - 1


class Row(Record):
    """One property: `get(unit, view)` is its plain value, of type `signature`."""

    name: str
    signature: str
    get: Get
    emits: str = CONST
    #: Sets it: takes the new value, which fits the signature. None: it cannot be set.
    set: Callable[[Any], Answer] | None = None
    #: It can be asked for, but is not in the list of what there is (Introspect()).
    is_hidden: bool = False


def interface_of(kind: UnitType) -> str:
    """The interface that a unit has for its type, beside the one of all units."""
    return PREFIX + kind.value.capitalize()


# --- all units ------------------------------------------------------------------------------------------------------


def _realtime(time: Now | None) -> int:
    return time.realtime_usec if time is not None else 0


def _monotonic(time: Now | None) -> int:
    return time.monotonic_usec if time is not None else 0


def _times(name: str, get: Callable[[Unit], Now | None]) -> tuple[Row, Row]:
    """The two properties that show one moment."""
    return (
        Row(f"{name}Timestamp", "t", lambda unit, view: _realtime(get(unit)), CHANGES),
        Row(f"{name}TimestampMonotonic", "t", lambda unit, view: _monotonic(get(unit)), CHANGES),
    )


def _dependency_row(kind: Dependency) -> Row:
    return Row(kind.value, "as", lambda unit, view: sorted(unit.dependencies.get(kind, ())))


def _job(unit: Unit, view: View) -> tuple[int, str]:
    return (unit.job.id, job_path(unit.job.id)) if unit.job is not None else (0, "/")


_LOAD_ERRORS = {
    LoadState.NOT_FOUND: "NoSuchUnit",
    LoadState.BAD_SETTING: "BadUnitSetting",
    LoadState.MASKED: "UnitMasked",
}


def load_error(unit: Unit) -> tuple[str, str]:
    """The D-Bus error that asking for this unit gives, and its text; two empty words where it is loaded."""
    if unit.load_state is LoadState.ERROR:
        return (unit.definition.load_error_name, unit.definition.load_error)
    name = _LOAD_ERRORS.get(unit.load_state)
    if name is None:
        return ("", "")
    texts = {
        LoadState.NOT_FOUND: f"Unit {unit.name} not found.",
        LoadState.BAD_SETTING: unit.load_error,
        LoadState.MASKED: f"Unit {unit.name} is masked.",
    }
    return (PREFIX + name, texts[unit.load_state])


#: Slice= is a setting, and shown as one.
_SHOWN_KINDS = tuple(kind for kind in Dependency if kind is not Dependency.IN_SLICE)


_UNIT: tuple[Row, ...] = (
    Row("Id", "s", lambda unit, view: unit.name),
    Row("Names", "as", lambda unit, view: sorted(unit.names)),
    Row("Following", "s", lambda unit, view: "", SILENT),
    *(_dependency_row(kind) for kind in _SHOWN_KINDS),
    Row("LoadState", "s", lambda unit, view: unit.load_state.value),
    Row("ActiveState", "s", lambda unit, view: unit.active_state.value, CHANGES),
    Row("FreezerState", "s", lambda unit, view: view.facts.freezer_state(unit), CHANGES),
    Row("SubState", "s", lambda unit, view: unit.sub_state, CHANGES),
    Row("FragmentPath", "s", lambda unit, view: unit.definition.fragment_path),
    Row("DropInPaths", "as", lambda unit, view: list(unit.definition.dropin_paths)),
    Row("UnitFileState", "s", lambda unit, view: view.facts.unit_file_state(unit), SILENT),
    Row("UnitFilePreset", "s", lambda unit, view: view.facts.unit_file_preset(unit), SILENT),
    *_times("StateChange", lambda unit: unit.state_change_time),
    *_times("InactiveExit", lambda unit: unit.inactive_exit_time),
    *_times("ActiveEnter", lambda unit: unit.active_enter_time),
    *_times("ActiveExit", lambda unit: unit.active_exit_time),
    *_times("InactiveEnter", lambda unit: unit.inactive_enter_time),
    Row("CanStart", "b", lambda unit, view: unit.can_start and not unit.settings.refuse_manual_start),
    Row("CanStop", "b", lambda unit, view: unit.can_stop and not unit.settings.refuse_manual_stop),
    Row("CanReload", "b", lambda unit, view: unit.can_reload),
    Row("CanIsolate", "b", lambda unit, view: unit.can_isolate and not unit.settings.refuse_manual_start),
    Row("CanFreeze", "b", lambda unit, view: can_freeze(unit, view)),
    Row("Job", "(uo)", _job, CHANGES),
    Row("NeedDaemonReload", "b", lambda unit, view: view.facts.needs_reload(unit), SILENT),
    Row("ConditionResult", "b", lambda unit, view: unit.condition_result, CHANGES),
    Row("AssertResult", "b", lambda unit, view: unit.assert_result, CHANGES),
    *_times("Condition", lambda unit: unit.condition_time),
    *_times("Assert", lambda unit: unit.assert_time),
    Row("LoadError", "(ss)", lambda unit, view: load_error(unit)),
    Row("Transient", "b", lambda unit, view: unit.definition.is_transient),
    Row("Perpetual", "b", lambda unit, view: unit.definition.is_perpetual),
    Row("InvocationID", "ay", lambda unit, view: bytes.fromhex(unit.invocation_id), CHANGES),
    Row("CanClean", "as", lambda unit, view: cleanable(unit)),
    # Nobody marks units for a later restart, or is told who activated whom: both are empty under systemd too until a client
    # of that kind comes. SELinux is the host's.
    Row("Markers", "as", lambda unit, view: [], SILENT),
    Row("Refs", "as", lambda unit, view: unit.references, SILENT),
    Row("ActivationDetails", "a(ss)", lambda unit, view: [], CHANGES),
    Row("AccessSELinuxContext", "s", lambda unit, view: ""),
)


def _fates(unit: Unit, view: View) -> list[tuple[str, int, str, str, str, str]]:
    """(file, line, section, directive, fate, reason) each."""
    return [(each.path, each.line, each.section, each.key, each.fate.value, each.reason)
            for each in view.facts.directive_fates(unit)]


OWN_PROPERTIES: tuple[Row, ...] = (Row("DirectiveFates", "a(sussss)", _fates),)


# --- units with processes -------------------------------------------------------------------------------------------


def control_group(unit: Unit, view: View) -> str:
    """Its cgroup, absolute; "" while it has none.

    Where the tree cannot be written the path is the one it would have: `systemctl status` of systemd itself asks for
    the processes of a unit only where this is not empty, and sorts them by it. A socket that listens has one, for the
    processes it may start, and so has a slice that is active (the root's is the whole tree); a service whose processes are
    gone has none any more.
    """
    if unit.type in (UnitType.SOCKET, UnitType.SLICE) or unit.name == "init.scope":
        has_cgroup = unit.active_state.is_up
    else:
        has_cgroup = unit.is_prepared and (unit.type is not UnitType.SERVICE or unit.machine.has_processes)
    if not has_cgroup or not unit.cgroup:
        return ""
    return f"{view.facts.control_group}/{unit.cgroup}"


def _or_not_set(value: int | None) -> int:
    return _NO_VALUE if value is None else value


def can_freeze(unit: Unit, view: View) -> bool:
    return view.facts.can_freeze and unit.type in WITH_CGROUP


#: Counted by BPF programs, which nobody loads here.
_UNCOUNTED = tuple(
    Row(f"{kind}{what}", "t", lambda unit, view: _NO_VALUE, SILENT)
    for kind in ("IPIngress", "IPEgress") for what in ("Bytes", "Packets")
)
_CGROUP: tuple[Row, ...] = (
    Row("ControlGroup", "s", control_group, SILENT),
    Row("ControlGroupId", "t", lambda unit, view: view.facts.control_group_id(unit), SILENT),
    Row("EffectiveCPUs", "ay", lambda unit, view: b"", SILENT),
    Row("EffectiveMemoryNodes", "ay", lambda unit, view: b"", SILENT),
    *_UNCOUNTED,
    Row("IOReadBytes", "t", lambda unit, view: _or_not_set(view.facts.usage(unit).io_read_bytes), SILENT),
    Row("IOReadOperations", "t", lambda unit, view: _or_not_set(view.facts.usage(unit).io_read_operations), SILENT),
    Row("IOWriteBytes", "t", lambda unit, view: _or_not_set(view.facts.usage(unit).io_write_bytes), SILENT),
    Row("IOWriteOperations", "t", lambda unit, view: _or_not_set(view.facts.usage(unit).io_write_operations), SILENT),
    Row("MemoryCurrent", "t", lambda unit, view: _or_not_set(view.facts.usage(unit).memory), SILENT),
    Row("MemoryAvailable", "t", lambda unit, view: _or_not_set(view.facts.usage(unit).memory_available), SILENT),
    Row("CPUUsageNSec", "t", lambda unit, view: _or_not_set(view.facts.usage(unit).cpu_nsec), SILENT),
    Row("TasksCurrent", "t", lambda unit, view: _or_not_set(view.facts.usage(unit).tasks), SILENT),
)


# --- units with a result --------------------------------------------------------------------------------------------


def _result(unit: Unit, view: View) -> str:
    result = getattr(unit.machine, "result", None)
    return str(result.value) if result is not None else "success"


_RESULT = (Row("Result", "s", _result, CHANGES),)


def _id(position: int) -> Get:
    def get(unit: Unit, view: View) -> int:
        found = view.facts.ids(unit)[position]
        return _NO_ID if found is None else found

    return get


_PROCESSES: tuple[Row, ...] = (
    Row("ControlPID", "u", lambda unit, view: getattr(unit.machine, "control_pid", 0), CHANGES),
    Row("UID", "u", _id(0), CHANGES),
    Row("GID", "u", _id(1), CHANGES),
)


def _of_socket(get: Callable[[SocketMachine], int]) -> Get:
    def get_from_unit(unit: Unit, view: View) -> int:
        assert isinstance(unit.machine, SocketMachine)
        return get(unit.machine)

    return get_from_unit


_SOCKET: tuple[Row, ...] = (
    Row("NConnections", "u", _of_socket(lambda machine: len(machine.connections)), SILENT),
    Row("NAccepted", "u", _of_socket(lambda machine: machine.n_accepted), SILENT),
    Row("NRefused", "u", _of_socket(lambda machine: machine.n_refused), SILENT),
)


def _controller(unit: Unit, view: View) -> str:
    return getattr(unit.machine, "controller", "")


_SCOPE: tuple[Row, ...] = (Row("Controller", "s", _controller, CHANGES),)


def _of_timer(get: Callable[[TimerMachine], int]) -> Get:
    def get_from_unit(unit: Unit, view: View) -> int:
        assert isinstance(unit.machine, TimerMachine)
        return get(unit.machine)

    return get_from_unit


def _elapses(unit: Unit, is_calendar: bool) -> list[tuple[str, Any, int]]:
    """Each time of the unit, the last one first, with its next elapse; 0 where there is none."""
    machine, settings = unit.machine, unit.definition.specific
    assert isinstance(machine, TimerMachine)
    if not isinstance(settings, TimerSettings):
        return []
    values: list[tuple[str, Any]] = [("OnCalendar", text) for text in settings.calendar] if is_calendar else [
        (kind + "USec", usec) for kind, usec in settings.monotonic]
    offset = len(settings.monotonic) if is_calendar else 0
    elapses = machine.elapses[offset:] if machine.active_state is not ActiveState.INACTIVE else ()
    rows = [(kind, value, (elapses[number] or 0) if number < len(elapses) else 0)
            for number, (kind, value) in enumerate(values)]
    return rows[::-1]


def _next_monotonic(machine: TimerMachine) -> int:
    """None is 0 while there is a date to wait for (seen on systemd 252)."""
    is_waiting = machine.state in (TimerState.WAITING, TimerState.RUNNING)
    return 0 if is_waiting and machine.next_monotonic_usec == INFINITY else machine.next_monotonic_usec


_TIMER: tuple[Row, ...] = (
    Row("NextElapseUSecRealtime", "t", _of_timer(lambda machine: machine.next_realtime_usec), CHANGES),
    Row("NextElapseUSecMonotonic", "t", _of_timer(_next_monotonic), CHANGES),
    Row("LastTriggerUSec", "t", _of_timer(lambda machine: _realtime(machine.last_trigger)), CHANGES),
    Row("LastTriggerUSecMonotonic", "t", _of_timer(lambda machine: _monotonic(machine.last_trigger)), CHANGES),
    Row("TimersMonotonic", "a(stt)", lambda unit, view: _elapses(unit, False), INVALIDATES),
    Row("TimersCalendar", "a(sst)", lambda unit, view: _elapses(unit, True), INVALIDATES),
)


# --- services -------------------------------------------------------------------------------------------------------


def _of_service(name: str, signature: str, get: Callable[[ServiceMachine], Any]) -> Row:
    def get_from_unit(unit: Unit, view: View) -> Any:
        assert isinstance(unit.machine, ServiceMachine)
        return get(unit.machine)

    return Row(name, signature, get_from_unit, CHANGES)


def _main_times(name: str, get: Callable[[ProcessRecord], Now | None]) -> tuple[Row, Row]:
    def time(unit: Unit) -> Now | None:
        assert isinstance(unit.machine, ServiceMachine)
        record = unit.machine.last_main
        return get(record) if record is not None else None

    return _times(name, time)


def _watchdog_usec(machine: ServiceMachine) -> int:
    """Nothing is set before the first start, whatever the unit says (tried with systemd 252)."""
    return INFINITY if machine.last_main is None else machine.watchdog_usec


def _watchdog_time(unit: Unit) -> Now | None:
    assert isinstance(unit.machine, ServiceMachine)
    return unit.machine.watchdog_time


_SERVICE: tuple[Row, ...] = (
    _of_service("MainPID", "u", lambda machine: machine.main_pid),
    _of_service("StatusText", "s", lambda machine: machine.status_text),
    _of_service("StatusErrno", "i", lambda machine: machine.status_errno),
    _of_service("ReloadResult", "s", lambda machine: machine.reload_result.value),
    _of_service("CleanResult", "s", lambda machine: machine.clean_result.value),
    Row("NFileDescriptorStore", "u", lambda unit, view: len(getattr(unit.machine, "stored_fds", ())), SILENT),
    _of_service("WatchdogUSec", "t", _watchdog_usec).replace(emits=SILENT),
    *(row.replace(emits=SILENT) for row in _times("Watchdog", _watchdog_time)),
    _of_service("NRestarts", "u", lambda machine: machine.n_restarts),
    *_main_times("ExecMainStart", lambda record: record.start_time),
    *_main_times("ExecMainExit", lambda record: record.exit_time),
    _of_service("ExecMainPID", "u", lambda machine: machine.last_main.pid if machine.last_main else 0),
    _of_service("ExecMainCode", "i", lambda machine: _end(machine.last_main)[0]),
    _of_service("ExecMainStatus", "i", lambda machine: _end(machine.last_main)[1]),
)


def _end(record: ProcessRecord | None) -> tuple[int, int]:
    """waitid(2)'s si_code and si_status, zeros while the process lives."""
    return (record.end.cld_code, record.end.status) if record is not None and record.end is not None else (0, 0)


_PHASE_OF = {phase.value: phase for phase in ExecPhase} | {phase.value + "Ex": phase for phase in ExecPhase}


def _with_last_run(name: str, show: Callable[[Any, Any], Any]) -> Callable[[Any, Any, Unit], Any]:
    """ExecStart= and its like: what the files say, and when, as which process and how each command last ran."""
    phase = _PHASE_OF[name]

    def get(settings: Any, facts: Any, unit: Unit) -> Any:
        commands = show(settings, facts)
        machine = unit.machine
        records = machine.command_records.get(phase, []) if isinstance(machine, (ServiceMachine, SocketMachine)) else []
        return [
            (*command[:3], *_last_run(records[position] if position < len(records) else None))
            for position, command in enumerate(commands)
        ]

    return get


def _last_run(record: ProcessRecord | None) -> tuple[int, int, int, int, int, int, int]:
    if record is None:
        return (0, 0, 0, 0, 0, 0, 0)
    start, end = record.start_time, record.exit_time
    return (_realtime(start), _monotonic(start), _realtime(end), _monotonic(end), record.pid, *_end(record))


# --- mounts ---------------------------------------------------------------------------------------------------------


def _mounted(field: str) -> Get:
    """What is mounted there, or what would be."""

    def get(unit: Unit, view: View) -> str:
        mounted = getattr(unit.machine, "mounted", None)
        is_up = mounted is not None and unit.active_state is not ActiveState.INACTIVE
        return str(getattr(mounted if is_up else unit.definition.specific, field, ""))

    return get


def _run(phase: ExecPhase) -> Get:
    """The command that was run last, and what became of it."""

    def get(unit: Unit, view: View) -> list[tuple[Any, ...]]:
        command, record = getattr(unit.machine, "runs", {}).get(phase, (None, None))
        return [(command.path, list(command.argv), False, *_last_run(record))] if command is not None else []

    return get


_MOUNT: tuple[Row, ...] = (
    *(Row(name, "s", _mounted(name.lower()), CHANGES) for name in ("What", "Options", "Type")),
    *(Row(phase.value, "a(sasbttttuii)", _run(phase), INVALIDATES, is_hidden=True)
      for phase in (ExecPhase.MOUNT, ExecPhase.UNMOUNT, ExecPhase.REMOUNT)),
)


# --- all of them together -------------------------------------------------------------------------------------------


#: Settings whose changes are told in another way than most of their kind (recorded from systemd 252).
_TOLD: dict[str, str] = {
    "Conditions": INVALIDATES, "Asserts": INVALIDATES, "TimeoutAbortUSec": SILENT, "FileDescriptorName": SILENT,
}
#: What the kernel knows of mounts and swaps.
_TOLD_BY_TYPE = {
    UnitType.SWAP: dict.fromkeys(("What", "Priority", "Options"), CHANGES),
}


def _emits(kind: UnitType, group: Group, name: str) -> str:
    """A setting stays what it is until units are read again; but what may be set at run time, and commands that run."""
    found = _TOLD_BY_TYPE.get(kind, {}).get(name) or _TOLD.get(name)
    if found is not None:
        return found
    if group is Group.CGROUP:
        return SILENT
    return INVALIDATES if group is Group.SPECIFIC and name.startswith("Exec") else CONST


def _from_directives(kind: UnitType) -> tuple[list[Row], list[Row]]:
    """Rows that show settings: those of all units, and those of the type."""
    general: list[Row] = []
    own: list[Row] = []
    for group, shown in properties_of(kind):
        get = _getter(kind, group, shown.name, shown.show)
        emits = _emits(kind, group, shown.name)
        (general if group is Group.UNIT else own).append(Row(shown.name, shown.signature, get, emits))
    return general, own


#: What systemd shows of a unit that it did not load, where that is not the default: nothing is chosen before the end of
#: the loading, and the limits are the manager's own. Tried with systemd 252.
_NOT_LOADED: dict[str, Callable[[Any], Any]] = {
    "StandardOutput": lambda facts: "inherit",
    "LimitNOFILE": lambda facts: facts.own_limits["nofile"][1],
    "LimitNOFILESoft": lambda facts: facts.own_limits["nofile"][0],
}
_NOT_LOADED_BY_TYPE: dict[UnitType, dict[str, Callable[[Any], Any]]] = {
    UnitType.SERVICE: {"Type": lambda facts: "", "OOMPolicy": lambda facts: ""},
    UnitType.SOCKET: {"TriggerLimitBurst": lambda facts: _NO_ID, "TriggerLimitIntervalUSec": lambda facts: INFINITY},
}


def _getter(kind: UnitType, group: Group, name: str, show: Callable[[Any, Any], Any]) -> Get:
    attribute = group.value
    #: A unit without files, or with bad ones, shows the defaults.
    default = new_settings(kind)[group]
    show_unloaded = _NOT_LOADED_BY_TYPE.get(kind, {}).get(name) or _NOT_LOADED.get(name)
    if show_unloaded is not None:

        def get(unit: Unit, view: View) -> Any:
            facts = view.facts.load
            return show(getattr(unit.definition, attribute), facts) if unit.definition.is_complete else show_unloaded(facts)

        return get
    if kind in (UnitType.SERVICE, UnitType.SOCKET) and name in _PHASE_OF:
        with_run = _with_last_run(name, show)
        return lambda unit, view: with_run(getattr(unit.definition, attribute) or default, view.facts.load, unit)
    if name in _OUTCOMES:
        return _with_outcomes(_OUTCOMES[name], show)
    return lambda unit, view: show(getattr(unit.definition, attribute) or default, view.facts.load)


_OUTCOMES = {"Conditions": "condition_outcomes", "Asserts": "assert_outcomes"}


def _with_outcomes(field: str, show: Callable[[Any, Any], Any]) -> Get:
    """Conditions, with what came of each: the newest first, as they are shown."""

    def get(unit: Unit, view: View) -> Any:
        items, outcomes = show(unit.definition.unit, view.facts.load), getattr(unit, field)[::-1]
        return [(*item[:-1], outcome) for item, outcome in zip(items, outcomes)] if outcomes else items

    return get


_OWN = {UnitType.SERVICE: _SERVICE, UnitType.SOCKET: _SOCKET, UnitType.TIMER: _TIMER, UnitType.SCOPE: _SCOPE,
        UnitType.MOUNT: _MOUNT}
_WITH_RESULT = WITH_KILL | {UnitType.TIMER, UnitType.PATH, UnitType.AUTOMOUNT}
_tables: dict[UnitType, dict[str, tuple[Row, ...]]] = {}


def tables_of(kind: UnitType) -> dict[str, tuple[Row, ...]]:
    """Interface → its properties, for units of this type; the type's own interface first, as systemd answers."""
    found = _tables.get(kind)
    if found is None:
        general, own = _from_directives(kind)
        runtime = _OWN.get(kind, ()) + (_RESULT if kind in _WITH_RESULT else ())
        runtime += (_PROCESSES if kind in WITH_EXEC else ()) + (_CGROUP if kind in WITH_CGROUP else ())
        found = {
            interface_of(kind): _merged(runtime, own),
            UNIT_INTERFACE: _merged(_UNIT, general),
        }
        _tables[kind] = found
    return found


def _merged(runtime: tuple[Row, ...], settings: list[Row]) -> tuple[Row, ...]:
    known = {row.name for row in runtime}
    return (*runtime, *(row for row in settings if row.name not in known))


def values(rows: tuple[Row, ...], unit: Unit, view: View) -> dict[str, tuple[str, Any]]:
    """The rows as `a{sv}`."""
    return {row.name: (row.signature, row.get(unit, view)) for row in rows}
