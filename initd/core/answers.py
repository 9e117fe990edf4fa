"""The words of the API: a call, the four kinds of answer to it, and what a method is.

A call is answered at once (`Return`, `Error`), or handed to the engine (`Submit`), or carried out by the shell because
it needs the file system (`Order`). Source of names and texts: org.freedesktop.systemd1(5), and what systemd 252 says.
"""

from __future__ import annotations

from initd.core import unitname
from initd.core.events import Request
from initd.core.record import Record
from initd.core.states import LoadState

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Union

    from initd.core.unit import Unit
    from initd.core.view import View

    Answer = Union["Return", "Error", "Submit", "Order"]  # noqa: UP007 (the names are not defined yet)
    Handler = Callable[["Subject"], Answer]

SYSTEMD = "org.freedesktop.systemd1."
DBUS = "org.freedesktop.DBus.Error."


class Call(Record):
    """One method call, by whom. `body` fits `signature`: the wire has checked that."""

    path: str
    interface: str
    member: str
    signature: str = ""
    body: tuple[Any, ...] = ()
    uid: int = 0
    #: Its name on the system bus, "" for a peer of the private socket.
    client: str = ""
    #: Its process, 0 where nobody has asked yet.
    pid: int = 0


#: An order to find out which process has called, and to answer then: for methods to whom that matters.
CALLER = "Caller"
#: An order: a text to be handed over as a file.
IN_FILE = "InFile"
#: An order about whoever has called: signals are wanted, or not any more.
SUBSCRIBE = "Subscribe"
#: An order about a cgroup: unit, cgroup, and whether it is to be frozen.
FREEZE = "FreezeCgroup"
#: All definitions that are loaded, packed for another process of ours.
GET_LOADED = "GetLoaded"
#: Orders about files of units that clients make: (files, mode, whether the caller refers to the first), and (unit, whether
#: for this boot only, drop-ins).
START_TRANSIENT, SET_PROPERTIES = "StartTransientUnit", "SetUnitProperties"


class Return(Record):
    signature: str = ""
    values: tuple[Any, ...] = ()


class Error(Record):
    name: str
    text: str


def internal_error(error: Exception) -> Error:
    """Whoever called must not wait for ever for an answer that a bug has eaten."""
    return Error("org.freedesktop.DBus.Error.Failed", f"Internal error: {error}")


class Submit(Record):
    """Give `event` to the engine, with a request number; `finish` makes the answer of its Reply's values.

    A Refused effect is an `Error` as it stands.
    """

    event: Request
    finish: Callable[[tuple[Any, ...], View], Return | Error]


class Order(Record):
    """Something for the shell: the method's name and its arguments, as the client gave them."""

    kind: str
    args: tuple[Any, ...] = ()


class Subject(Record):
    """What a method works on: its arguments, and the unit or job whose object was called (None for the manager). `client` is
    the caller's name on the system bus."""

    args: tuple[Any, ...]
    view: View
    target: Any = None
    client: str = ""
    #: The caller's process, 0 where nobody has asked yet: an Order of the kind `CALLER` asks.
    pid: int = 0


class Method(Record):
    """One method. Without a handler it is one that makes no sense in a container, and says so."""

    name: str
    takes: str
    gives: str
    handler: Handler | None
    #: Whoever is neither root nor the manager's own user may not call it.
    changes: bool = False
    #: What is refused before anybody asks for rights.
    refuse: Callable[[Subject], Error | None] | None = None
    #: It can be called, but is not in the list of what there is (Introspect()).
    is_hidden: bool = False


def return_nothing(values: tuple[Any, ...], view: View) -> Return:
    return Return()


def no_such_unit(name: str) -> Error:
    return Error(SYSTEMD + "NoSuchUnit", f"Unit {name} not loaded.")


def find_loaded(name: str, view: View) -> Unit | Error:
    """A unit that is known already."""
    unit = view.engine.units.get(name)
    return unit if unit is not None else no_such_unit(name)


def find_or_load(name: str, view: View) -> Unit | Error:
    """A unit by its name; its files are read where it is not known, or had none. One without files comes back as not-found."""
    if not unitname.is_valid(name):
        return Error(DBUS + "InvalidArgs", f"Unit name {name} is not valid.")
    if unitname.is_template(name):
        return Error(DBUS + "InvalidArgs", f"Unit name {name} is missing the instance name.")
    unit = view.engine.units.get(name)
    return unit if unit is not None and unit.load_state is not LoadState.NOT_FOUND else view.load(name)
