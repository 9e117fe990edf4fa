"""Units that clients make by D-Bus, and settings that they change: which files say so? (org.freedesktop.systemd1(5))

StartTransientUnit() and SetUnitProperties() become texts of unit files here, which the shell writes where systemd writes
them, and which are then read like any other. Errors are those of systemd 252.
"""

from __future__ import annotations

from initd.core import unitname
from initd.core.answers import DBUS, SYSTEMD, Error
from initd.core.properties import tables_of
from initd.core.record import Record
from initd.core.sections import Group
from initd.core.sources import LoadFacts
from initd.core.states import LoadState, UnitType
from initd.core.unit import Unit
from initd.core.unitproperties import CannotSet, Setting, find, write
from initd.core.values import INFINITY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from initd.core.answers import Subject
    from initd.core.view import View

    #: (name, (signature, value)), as a D-Bus variant is decoded.
    Assignment = tuple[str, tuple[str, Any]]

_HEAD = "# This is a transient unit file, created programmatically via the systemd API. Do not edit.\n"
_HEAD_OF_DROPIN = (
    '# This is a drop-in unit file extension, created via "systemctl set-property"\n'
    "# or an equivalent operation. Do not edit.\n"
)
#: Types whose units are made so.
_TYPES = frozenset((
    UnitType.SERVICE, UnitType.TIMER, UnitType.PATH, UnitType.SOCKET, UnitType.SLICE, UnitType.SCOPE, UnitType.MOUNT,
))
#: Of what can be set at all, this can be while the unit is there, beside Description.
_FIXED = frozenset(("slice", "delegate", "delegate_controllers", "disable_controllers"))
#: About the connection and the processes, and not about the unit.
_NO_SETTINGS = frozenset(("AddRef",))
_OF_SCOPE = {"PIDs": "au", "Controller": "s"}
#: Descriptors that come with the call: which one of the process it becomes.
_STREAMS = {f"Standard{each}FileDescriptor": number for number, each in enumerate(("Input", "Output", "Error"))}


class UnitFile(Record):
    """`pids` and `controller` are a scope's. `streams`: (0, 1 or 2, which descriptor of the call it is)."""

    name: str
    text: str
    pids: tuple[int, ...] = ()
    controller: str = ""
    streams: tuple[tuple[int, int], ...] = ()


class DropIn(Record):
    """`text` of the file `50-STEM.conf` of a unit."""

    stem: str
    text: str


def plan_transient(
    name: str, assignments: list[Assignment], others: list[tuple[str, list[Assignment]]], call: Subject
) -> tuple[UnitFile, ...] | Error:
    """The files of a new unit, and of those that come with it."""
    try:
        return tuple(_unit_file(each, given, call) for each, given in ((name, assignments), *others))
    except CannotSet as problem:
        return Error(problem.name, problem.text)


def _unit_file(name: str, assignments: list[Assignment], call: Subject) -> UnitFile:
    view = call.view
    if not unitname.is_valid(name) or unitname.is_template(name):
        raise CannotSet(DBUS + "InvalidArgs", f"Unit name {name} is not valid.")
    kind = unitname.unit_type(name)
    if kind not in _TYPES:
        raise CannotSet(DBUS + "NotSupported", f"Unit type {kind.value} does not support transient units.")
    known = view.engine.units.get(name) or view.load(name)
    if known.load_state is not LoadState.NOT_FOUND or known.job is not None or not known.active_state.is_down:
        raise CannotSet(SYSTEMD + "UnitExists", f"Unit {name} was already loaded or has a fragment file.")
    own: list[Assignment] = []
    if kind is UnitType.SCOPE:
        own = [each for each in assignments if each[0] in _OF_SCOPE]
        assignments = [each for each in assignments if each[0] not in _OF_SCOPE]
    streams: list[Assignment] = []
    if kind is UnitType.SERVICE:
        streams = [each for each in assignments if each[0] in _STREAMS and each[1][0] == "h"]
        assignments = [each for each in assignments if each not in streams]
    text = unit_text(kind, assignments, view.facts.load)
    if kind is not UnitType.SCOPE:
        return UnitFile(name, text, streams=tuple((_STREAMS[key], value) for key, (_, value) in streams))
    return UnitFile(name, text, *_scope(name, own, call))


def _scope(name: str, assignments: list[Assignment], call: Subject) -> tuple[tuple[int, ...], str]:
    """The processes of a scope, and who stops it."""
    pids: list[int] = []
    controller = ""
    for key, (signature, value) in assignments:
        if signature != _OF_SCOPE[key]:
            raise CannotSet(DBUS + "InvalidArgs", "Failed to set unit properties: No such device or address")
        if key == "PIDs":
            pids += check_processes(value, call)
        elif not call.client:
            raise CannotSet(DBUS + "InvalidArgs", "Sorry, Controller= logic only supported via the bus.")
        else:
            controller = value
    if not pids:
        text = (f"Unit {name} failed to load properly, please adjust/correct and reload service manager: "
                "No such file or directory")
        raise CannotSet(DBUS + "FileNotFound", text)
    return tuple(dict.fromkeys(pids)), controller


def check_processes(pids: list[int], call: Subject) -> list[int]:
    """The same, with the caller for 0. CannotSet where one of them is not to be moved."""
    if not pids:
        raise CannotSet(DBUS + "InvalidArgs", "Failed to set unit properties: Invalid argument")
    known = []
    for pid in pids:
        pid = pid or call.pid
        kind = call.view.facts.process_kind(pid)
        if not kind:
            raise CannotSet(DBUS + "UnixProcessIdUnknown", f"Process with ID {pid} does not exist.")
        if kind != "process":
            raise CannotSet(DBUS + "InvalidArgs", f"Process {pid} is a {kind}, refusing.")
        known.append(pid)
    return known


def unit_text(kind: UnitType, assignments: list[Assignment], facts: LoadFacts) -> str:
    """The file of a unit with these properties. CannotSet where one of them cannot be."""
    text, section = _HEAD, ""
    values = {name: value for name, (_, value) in assignments}
    for name, (signature, value) in assignments:
        if name in _NO_SETTINGS:
            continue
        if name == "Slice" and signature == "s" and not value.endswith(".slice"):
            raise CannotSet(DBUS + "InvalidArgs", f"Unit name '{value}' is not a slice")
        setting = _soft_limit(kind, name, values) or write(kind, name, signature, value, facts)
        if setting.section != section:
            text += ("\n" if section else "") + f"[{setting.section}]\n"
            section = setting.section
        text += "".join(line + "\n" for line in setting.lines)
    return text


def _soft_limit(kind: UnitType, name: str, values: dict[str, Any]) -> Setting | None:
    """LimitNOFILESoft= and its like are half of a line, and come behind the other half."""
    key = name.removesuffix("Soft")
    if key == name or not name.startswith("Limit") or key not in values:
        return None
    found = find(kind, key)
    if found is None:
        return None
    soft, hard = ("infinity" if values[each] == INFINITY else str(values[each]) for each in (name, key))
    return Setting(found[0], (f"{key}={soft}:{hard}",), key)


def plan_changes(unit: Unit, assignments: list[Assignment], view: View) -> tuple[DropIn, ...] | Error:
    """The drop-ins of new settings for a unit that is loaded."""
    if not unit.is_loaded:
        return Error(SYSTEMD + "NoSuchUnit", unit.load_error or f"Unit {unit.name} not found.")
    try:
        return tuple(_dropin(unit, name, signature, value, view) for name, (signature, value) in assignments)
    except CannotSet as problem:
        return Error(problem.name, problem.text)


def _dropin(unit: Unit, name: str, signature: str, value: Any, view: View) -> DropIn:
    found = find(unit.type, name.removesuffix("Scale"))
    is_settable = found is not None and (
        found[1].group is Group.CGROUP and found[1].field not in _FIXED or name == "Description")
    if not is_settable:
        raise CannotSet(DBUS + "PropertyReadOnly", f"Cannot set property {name}, or unknown property.")
    setting = write(unit.type, name, signature, _added_to(unit, name, signature, value, view), view.facts.load)
    # As systemd 252 writes it: lists of pairs end in an empty line.
    end = "\n" if setting.is_list and signature != "ay" else ""
    lines = setting.lines if not setting.is_list or setting.lines[0].endswith("=") else (
        setting.lines[0].partition("=")[0] + "=", *setting.lines)
    return DropIn(setting.stem, f"{_HEAD_OF_DROPIN}[{setting.section}]\n" + "".join(f"{line}\n" for line in lines) + end)


def _added_to(unit: Unit, name: str, signature: str, value: Any, view: View) -> Any:
    """A list grows by what it is given, the newest in front; an empty one empties it."""
    if not signature.startswith("a(") or not value:
        return value
    for rows in tables_of(unit.type).values():
        for row in rows:
            if row.name == name and row.signature == signature:
                is_keyed = signature in ("a(ss)", "a(st)")
                given = {each[0] for each in value} if is_keyed else {repr(each) for each in value}
                kept = [each for each in row.get(unit, view) if (each[0] if is_keyed else repr(each)) not in given]
                return [*(value[::-1] if is_keyed else value), *kept]
    return value
