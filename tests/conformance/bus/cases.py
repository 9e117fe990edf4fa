"""What is asked over the system bus, and how the answers are written down: the same for systemd and for pyinit."""

from __future__ import annotations

import time
from typing import Any

from initd.core.api_manager import METHODS
from initd.core.api_unit import JOB_METHODS, PROCESS_METHODS, UNIT_METHODS
from initd.wire import dbus
from tests.conformance.bus.client import MANAGER, NOBODY, PROPERTIES, ROOT, SYSTEMD, UNIT, BusClient, Refused
from tests.conformance.services.cases_bus import POLICY, POLICY_PATH

UNIT_NAME = "dbus.service"
UNIT_PATH = ROOT + "/unit/dbus_2eservice"
#: Arguments that are checked before it is asked who asks: interface and method → what to call it with.
_SENSIBLE: dict[str, tuple[Any, ...]] = {
    **{f"{MANAGER}.{word}Unit": (UNIT_NAME, "replace") for word in JOB_METHODS},
    **{f"{UNIT}.{word}": ("replace",) for word in JOB_METHODS},
    f"{MANAGER}.KillUnit": (UNIT_NAME, "all", 18),
    f"{UNIT}.Kill": ("all", 18),
    f"{MANAGER}.StartTransientUnit": ("made.service", "fail", [("Description", ("s", "made"))], []),
    f"{MANAGER}.PresetAllUnitFiles": ("full", False, False),
    f"{MANAGER}.BindMountUnit": (UNIT_NAME, "/a", "/b", False, False),
    f"{MANAGER}.MountImageUnit": (UNIT_NAME, "/a", "/b", False, False, []),
}
_NOTHING: dict[str, Any] = {"s": "", "o": "/", "b": False, "u": 0, "i": 0, "t": 0, "y": 0, "v": ("s", "")}


def _arguments(method: str, signature: str) -> tuple[Any, ...]:
    """Something of each type; what comes first is the unit's name, or a list with it."""
    if method in _SENSIBLE:
        return _SENSIBLE[method]
    found: list[Any] = []
    for kind in dbus.split(signature):
        value = _NOTHING.get(kind, () if kind == "()" else [])
        if not found and kind in ("s", "as"):
            value = UNIT_NAME if kind == "s" else [UNIT_NAME]
        elif kind == "ay":
            value = b""
        found.append(value)
    return tuple(found)


def _outcome(client: BusClient, path: str, interface: str, member: str, signature: str, body: tuple[Any, ...]) -> str:
    try:
        client.call(path, interface, member, signature, *body)
    except Refused as refused:
        if refused.text.startswith("Rejected send message"):
            return "the bus itself refuses"
        return f"{refused.name}: {refused.text}"
    return "answered"


#: Nobody may have them, root neither should try them out.
_PEERS = (("org.freedesktop.DBus.Peer", "Ping", ""), ("org.freedesktop.DBus.Introspectable", "Introspect", ""))


def access(pid: int) -> dict[str, str]:
    """Interface and method → what becomes of a call by a user without any rights, with arguments that mean nothing."""
    found = {}
    calls = [(ROOT, MANAGER, each.name, each.takes) for each in METHODS]
    calls += [(UNIT_PATH, UNIT, each.name, each.takes) for each in UNIT_METHODS]
    calls += [(UNIT_PATH, SYSTEMD + ".Service", each.name, each.takes) for each in PROCESS_METHODS]
    with BusClient(pid, NOBODY) as client:
        for path, interface, member, signature in calls:
            body = _arguments(f"{interface}.{member}", signature)
            found[f"{interface}.{member}"] = _outcome(client, path, interface, member, signature, body)
        for interface, member, signature in _PEERS:
            found[f"{interface}.{member}"] = _outcome(client, ROOT, interface, member, signature, ())
        properties = (("Get", "ss", (MANAGER, "Version")), ("GetAll", "s", (MANAGER,)),
                      ("Set", "ssv", (MANAGER, "LogLevel", ("s", "info"))))
        for member, signature, body in properties:
            found[f"{PROPERTIES}.{member}"] = _outcome(client, ROOT, PROPERTIES, member, signature, body)
    return found


# --- units for the rest ----------------------------------------------------------------------------------------------

ACTOR = "/t/actor /run/t/%N"
_SERVICE = "[Unit]\nDefaultDependencies=no\n{}\n[Service]\n{}\n"
UNITS = {
    "good.service": _SERVICE.format("", "Type=dbus\nBusName=org.example.good\n"
                                    f"ExecStart={ACTOR} name:org.example.good forever"),
    "slow.service": _SERVICE.format("", "Type=oneshot\nRemainAfterExit=yes\nExecStart=/bin/sleep 0.7"),
    "brief.service": _SERVICE.format("", "ExecStart=/bin/sh -c 'sleep 0.3; exit 3'"),
    "manual.service": _SERVICE.format("RefuseManualStart=yes", "Type=dbus\nBusName=org.example.manual\nExecStart=/bin/true"),
    "bad.service": _SERVICE.format("", "Type=dbus\nBusName=org.example.bad"),
    "late.service": _SERVICE.format("After=dbus.service", "Type=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\n"
                                    "ExecStop=/bin/sleep 1"),
}
#: Bus names that units are started for.
ACTIVATED = ("good", "manual", "bad", "masked", "nowhere")


def prepare(container: Any) -> None:
    """Units, names that can be activated, and who may have them; before the container starts."""
    container.put(POLICY_PATH, POLICY)
    for name, text in UNITS.items():
        container.put(f"/etc/systemd/system/{name}", text)
    for name in ACTIVATED:
        text = f"[D-BUS Service]\nName=org.example.{name}\nExec=/bin/false\nUser=root\nSystemdService={name}.service\n"
        container.put(f"/usr/share/dbus-1/system-services/org.example.{name}.service", text)


def activation(container: Any) -> dict[str, Any]:
    """What whoever calls a name hears, by name."""
    container.systemctl("mask", "--runtime", "masked.service", check=False)
    found: dict[str, Any] = {}
    with BusClient(container.pid) as client:
        for name in ACTIVATED:
            try:
                found[name] = client.bus("StartServiceByName", "su", f"org.example.{name}", 0)[0]
            except Refused as refused:
                found[name] = str(refused)
        found["good is"] = container.systemctl("is-active", "good.service", check=False).strip()
        container.systemctl("stop", "good.service")
        container.systemctl("start", "late.service")
        container.systemctl("stop", "--no-block", "late.service", "dbus.service")
        try:
            found["while the bus stops"] = client.bus("StartServiceByName", "su", "org.example.good", 0)[0]
        except Refused as refused:
            found["while the bus stops"] = str(refused)
    container.wait_for_state("dbus.service", "inactive")
    container.systemctl("start", "dbus.service")
    return found


_RULE = f"type='signal',sender='{SYSTEMD}'"


def _heard(watcher: BusClient, unit: str) -> list[str]:
    """Which signals about the unit and its jobs have come, until a moment after the last."""
    found = set()
    for message in watcher.drain(1.2):
        if message.member in ("JobNew", "JobRemoved") and unit in message.body:
            found.add(message.member)
        elif message.path == ROOT + "/unit/" + unit.replace(".", "_2e"):
            found.add(f"{message.member} {message.body[0].rpartition('.')[2]}")
    return sorted(found)


def _try(call: Any, *words: Any) -> str:
    try:
        call(*words)
    except Refused as refused:
        return str(refused)
    return "answered"


def signals(container: Any) -> dict[str, Any]:
    """Who has to want signals, and be there, for them to be sent."""
    found: dict[str, Any] = {}
    unit = "slow.service"
    stop = ("StopUnit", "ss", unit, "replace")
    start = ("StartUnit", "ss", unit, "replace")
    container.systemctl("stop", "systemd-logind.service", check=False)  # which wants signals all the time
    with BusClient(container.pid, NOBODY) as watcher, BusClient(container.pid) as client:
        watcher.match(_RULE)
        client.ask(*start)
        found["a job of somebody who stays"] = _heard(watcher, unit)
        with BusClient(container.pid) as other:
            other.ask(*stop)
            found["a stop of somebody who stays"] = _heard(watcher, unit)
            other.ask(*start)
        found["a job of somebody who goes"] = _heard(watcher, unit)
        container.systemctl("stop", unit)
        found["a job from the private socket"] = _heard(watcher, unit)
        found["subscribe"] = [_try(watcher.ask, member) for member in ("Subscribe", "Subscribe")]
        container.systemctl("start", unit)
        found["somebody has subscribed"] = _heard(watcher, unit)
        found["unsubscribe"] = [_try(watcher.ask, member) for member in ("Unsubscribe", "Unsubscribe")]
        container.systemctl("stop", unit)
        found["nobody has any more"] = _heard(watcher, unit)
        with BusClient(container.pid) as other:
            other.ask("Subscribe")
            client.ask("StartUnit", "ss", "basic.target", "replace")
        watcher.drain(0.5)
        container.systemctl("start", unit)
        found["whoever had has gone"] = _heard(watcher, unit)
        container.systemctl("stop", unit)
    return found


def references(container: Any) -> list[Any]:
    """A unit stays loaded for as long as somebody wants it to."""
    unit, path = "slow.service", ROOT + "/unit/slow_2eservice"
    loaded = ("GetUnit", "s", unit)
    container.systemctl("stop", unit)
    with BusClient(container.pid) as client, BusClient(container.pid) as other:
        def is_loaded() -> str:
            time.sleep(0.3)  # units are unloaded by and by
            return _try(client.ask, *loaded)

        found: list[Any] = [_try(client.ask, member, "s", unit) for member in ("UnrefUnit", "RefUnit")]
        found += [_try(client.call, path, UNIT, "Ref"), [name == client.name for name in client.get(path, UNIT, "Refs")]]
        found += [is_loaded(), _try(other.ask, "UnrefUnit", "s", unit)]
        found += [_try(client.ask, "UnrefUnit", "s", unit), is_loaded()]
        found += [_try(client.call, path, UNIT, "Unref"), is_loaded()]
        found += [_try(client.ask, "RefUnit", "s", name) for name in ("no-such.service", "no name", "masked.service")]
        other.ask("RefUnit", "s", unit)
        found.append(is_loaded())
        other.close()
        return [*found, is_loaded()]


def comes_back(container: Any) -> dict[str, Any]:
    """What a restart of the bus leaves of a service that does not take its name again."""
    container.systemctl("start", "good.service")
    container.systemctl("restart", "dbus.service")
    container.wait_for_state("good.service", "inactive", "failed")

    def owner() -> bool:
        with BusClient(container.pid) as client:
            return client.bus("NameHasOwner", "s", SYSTEMD)[0]

    container.wait_until("the manager is on the bus again", owner)
    with BusClient(container.pid) as client:
        unit = client.ask("GetUnit", "s", "dbus.service")[0]
        return {"good": container.show("good.service", "Result"), "dbus": client.get(unit, UNIT, "ActiveState")}


def every(container: Any) -> dict[str, Any]:
    return {
        "access": access(container.pid), "activation": activation(container), "signals": signals(container),
        "references": references(container), "comes back": comes_back(container),
    }
