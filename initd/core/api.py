"""The object tree that D-Bus clients see: which object a path is, which method is meant, who may call it.

`answer(call, view)` is all the manager needs. Objects: the manager, one for each unit (also by invocation id), one for
each job; in between, nodes that can only be introspected. What the methods do stands in `api_manager` and `api_unit`.
"""

from __future__ import annotations

from initd.core import api_manager, introspection
from initd.core.answers import DBUS, GET_LOADED, Error, Method, Order, Return, Subject, find_or_load
from initd.core.api_manager_properties import LOG_CONTROL_PROPERTIES, OWN_MANAGER_PROPERTIES, PROPERTIES
from initd.core.api_unit import (
    JOB_OBJECT_METHODS,
    JOB_PROPERTIES,
    OWN_METHODS,
    PROCESS_METHODS,
    SCOPE_METHODS,
    SERVICE_METHODS,
    UNIT_METHODS,
)
from initd.core.objectpath import OWN_INTERFACE, OWN_MANAGER, ROOT, job_id, unit_name
from initd.core.properties import (
    OWN_PROPERTIES,
    PREFIX,
    UNIT_INTERFACE,
    Row,
    interface_of,
    tables_of,
)
from initd.core.record import Record
from initd.core.sections import WITH_CGROUP
from initd.core.states import UnitType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from initd.core.answers import Answer, Call
    from initd.core.unit import Unit
    from initd.core.view import View

_PEER = "org.freedesktop.DBus.Peer"
_INTROSPECTABLE = "org.freedesktop.DBus.Introspectable"
_PROPERTIES = "org.freedesktop.DBus.Properties"


class Interface(Record):
    """`is_apart`: its properties are no part of the answer to whoever asks for all of all interfaces."""

    name: str
    methods: tuple[Method, ...] = ()
    properties: tuple[Row, ...] = ()
    is_apart: bool = False


class Object(Record):
    """What a path leads to. `target` is the unit or job, None for the manager and for nodes."""

    interfaces: tuple[Interface, ...] = ()
    target: Any = None
    children: tuple[str, ...] = ()


# --- which object ---------------------------------------------------------------------------------------------------


def _find(path: str, view: View) -> Object | Error:
    if path == ROOT:
        return _MANAGER.replace(children=("unit", "job"))
    if path == LOG_CONTROL:
        return _LOG_CONTROL
    name = unit_name(path)
    if name is not None:
        return _find_unit(name, view)
    job = view.engine.jobs.get(job_id(path) or 0)
    if job is not None:
        return Object((_JOB,), job)
    return _find_node(path, view)


def _find_unit(name: str, view: View) -> Object | Error:
    found = find_or_load(name, view) if "." in name else api_manager.by_invocation(name, view)
    if found is None or isinstance(found, Error):
        return Error(DBUS + "InvalidArgs", f"Unit name {name} is neither a valid invocation ID nor unit name.")
    return unit_object(found)


def unit_object(unit: Unit) -> Object:
    methods = {UNIT_INTERFACE: UNIT_METHODS}
    if unit.type in WITH_CGROUP:
        own = {UnitType.SERVICE: SERVICE_METHODS, UnitType.SCOPE: SCOPE_METHODS}
        methods[interface_of(unit.type)] = PROCESS_METHODS + own.get(unit.type, ())
    interfaces = (Interface(name, methods.get(name, ()), rows) for name, rows in tables_of(unit.type).items())
    return Object((*interfaces, _OWN), unit)


def _find_node(path: str, view: View) -> Object | Error:
    """A path on the way to an object, and the objects below it."""
    if path == ROOT + "/unit":
        names = (introspection.last_element(unit.name) for unit in view.engine.units.values())
        return Object(children=tuple(sorted(set(names))))
    if path == ROOT + "/job":
        return Object(children=tuple(str(number) for number in sorted(view.engine.jobs)))
    below = path.rstrip("/") + "/"
    children = {each[len(below) :].split("/")[0] for each in (ROOT, LOG_CONTROL) if each.startswith(below)}
    if children:
        return Object(children=tuple(sorted(children)))
    return Error(DBUS + "UnknownObject", f"Unknown object '{path}'.")


# --- which method ---------------------------------------------------------------------------------------------------


def answer(call: Call, view: View) -> Answer:
    """What to do about a call."""
    found = _find(call.path, view)
    if isinstance(found, Error):
        return found
    standard = _STANDARD.get((call.interface, call.member))
    if standard is not None:
        return _call(call, call.interface, standard, found, view)
    for interface in found.interfaces:
        if call.interface in ("", interface.name):
            method = next((each for each in interface.methods if each.name == call.member), None)
            if method is not None:
                return _call(call, interface.name, method, found.target, view)
    text = f"Unknown method {call.member} or interface {call.interface}."
    return Error(DBUS + "UnknownMethod", text)


def _call(call: Call, interface: str, method: Method, target: Any, view: View) -> Answer:
    refusal = _check(call, interface, method, target, view)
    if refusal is not None:
        return refusal
    if method.handler is None:
        return Error(DBUS + "NotSupported", f"{method.name}() is not available under pyinit.")
    return method.handler(Subject(call.body, view, target, call.client, call.pid))


def _check(call: Call, interface: str, method: Method, target: Any, view: View) -> Error | None:
    if call.signature != method.takes:
        text = (
            f"Invalid arguments '{call.signature}' to call {interface}.{method.name}(), "
            f"expecting '{method.takes}'."
        )
        return Error(DBUS + "InvalidArgs", text)
    refusal = method.refuse(Subject(call.body, view, target)) if method.refuse is not None else None
    if refusal is not None:
        return refusal
    if method.changes and call.uid not in (0, view.facts.uid):
        return Error(DBUS + "AccessDenied", "Permission denied")
    return None


# --- what every object has ------------------------------------------------------------------------------------------


def _rows(subject: Subject, interface: str) -> list[tuple[Row, ...]]:
    """The property tables of this interface, of all interfaces where it is ""."""
    return [each.properties for each in subject.target.interfaces
            if interface == each.name or not interface and not each.is_apart]


def _row(subject: Subject, interface: str, name: str) -> Row | None:
    tables = _rows(subject, interface) if interface else []
    return next((row for rows in tables for row in rows if row.name == name), None)


def _no_property(interface: str, name: str) -> Error:
    return Error(DBUS + "UnknownProperty", f"Unknown interface {interface} or property {name}.")


def _get(subject: Subject) -> Answer:
    interface, name = subject.args
    row = _row(subject, interface, name)
    if row is None:
        return _no_property(interface, name)
    return Return("v", ((row.signature, row.get(subject.target.target, subject.view)),))


def _get_all(subject: Subject) -> Answer:
    interface = subject.args[0]
    tables = _rows(subject, interface)
    if not tables and interface not in ("", _PEER, _INTROSPECTABLE, _PROPERTIES):
        return Error(DBUS + "UnknownInterface", f"Unknown interface '{interface}'.")
    target, view = subject.target.target, subject.view
    values = {row.name: (row.signature, row.get(target, view)) for rows in tables for row in rows}
    return Return("a{sv}", (values,))


def _set(subject: Subject) -> Answer:
    interface, name, (signature, value) = subject.args
    row = _row(subject, interface, name)
    if row is None:
        return _no_property(interface, name)
    if row.set is None:
        return Error(DBUS + "PropertyReadOnly", f"Property '{name}' is not writable.")
    if signature != row.signature:
        text = f"Incorrect parameters for property '{name}', expected '{row.signature}', got '{signature}'."
        return Error(DBUS + "InvalidArgs", text)
    return row.set(value)


def _introspect(subject: Subject) -> Answer:
    found: Object = subject.target
    shown = [(each.name, each.methods, each.properties) for each in found.interfaces]
    shown = [(name, methods, ()) for name, methods in _STANDARD_INTERFACES.items()] + shown
    return Return("s", (introspection.document(shown, found.children),))


_STANDARD_INTERFACES: dict[str, tuple[Method, ...]] = {
    _PEER: (
        Method("Ping", "", "", lambda subject: Return()),
        Method("GetMachineId", "", "s", lambda subject: Return("s", (subject.view.facts.machine_id,))),
    ),
    _INTROSPECTABLE: (Method("Introspect", "", "s", _introspect),),
    _PROPERTIES: (
        Method("Get", "ss", "v", _get),
        Method("GetAll", "s", "a{sv}", _get_all),
        Method("Set", "ssv", "", _set, True),
    ),
}
_STANDARD = {
    (interface, each.name): each
    for name, methods in _STANDARD_INTERFACES.items()
    for each in methods
    for interface in (name, "")  # a call need not name the interface
}

#: Where every daemon of systemd's kind has its log's controls (org.freedesktop.LogControl1(5)).
LOG_CONTROL = "/org/freedesktop/LogControl1"
_LOG_CONTROL = Object((Interface("org.freedesktop.LogControl1", (), LOG_CONTROL_PROPERTIES),))
_OWN_METHODS: tuple[Method, ...] = (Method("GetLoaded", "", "ay", lambda call: Order(GET_LOADED), True),)
_MANAGER = Object((
    Interface(PREFIX + "Manager", api_manager.METHODS, PROPERTIES),
    Interface(OWN_MANAGER, _OWN_METHODS, OWN_MANAGER_PROPERTIES, is_apart=True),
))
#: What only we tell, and what takes a look at the unit's files: clients of systemd's never ask for it.
_OWN = Interface(OWN_INTERFACE, OWN_METHODS, OWN_PROPERTIES, is_apart=True)
_JOB = Interface(PREFIX + "Job", JOB_OBJECT_METHODS, JOB_PROPERTIES)
