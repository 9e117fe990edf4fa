"""What a service says about itself through sd_notify(3): readiness, reloads, status, its main process, the watchdog.

Says nothing of sockets: a message is a list of fields and its sender's pid. Source: sd_notify(3), systemd.service(5),
NotifyAccess=.
"""

from __future__ import annotations

from initd.core.effects import StoreDescriptors, UnitChanged, WatchPid
from initd.core.events import NotifyReceived, StoredFdHungUp
from initd.core.service_enter import (
    drop_stored,
    enter_reload_by_notify,
    enter_running,
    enter_signal,
    enter_start_post,
    enter_stop_by_notify,
    start_watchdog,
)
from initd.core.service_record import (
    ProcessRecord,
    effective_notify_access,
    machine_of,
    service_settings,
)
from initd.core.states import NotifyAccess, ServiceResult, ServiceState, ServiceType
from initd.core.turn import Turn
from initd.core.unit import Unit
from initd.core.values import INFINITY, LOG_WARNING, StoredFd

_S = ServiceState


def may_speak(unit: Unit, pid: int) -> bool:
    """NotifyAccess= lets this process of the unit speak for the service."""
    machine, access = machine_of(unit), effective_notify_access(unit)
    if access is NotifyAccess.MAIN:
        return pid == machine.main_pid and pid != 0
    if access is NotifyAccess.EXEC:
        return pid != 0 and pid in (machine.main_pid, machine.control_pid)
    return access is NotifyAccess.ALL


#: Of these the last in a message counts, as for systemd 252 (conformance/services: notify-reload-at-once).
_PROGRESS = ("READY=1", "RELOADING=1", "STOPPING=1")


def take_message(unit: Unit, event: NotifyReceived, turn: Turn) -> str:
    """Note what does not move the state; return the word that may ("READY=1", …), or ""."""
    if not may_speak(unit, event.pid):
        access = effective_notify_access(unit).value
        turn.log(
            unit, LOG_WARNING,
            f"Got notification message from PID {event.pid}, but reception is restricted by NotifyAccess={access}",
        )
        return ""
    word = ""
    changed = False
    for name, value in event.fields:
        if f"{name}={value}" in _PROGRESS:
            word = f"{name}={value}"
        else:
            changed |= _note(unit, name, value, event, turn)
    if word:
        machine = machine_of(unit)
        machine.is_ready = word == "READY=1"
        machine.is_reloading_itself = word == "RELOADING=1"
        machine.is_stopping_itself = word == "STOPPING=1"
    changed |= _take_descriptors(unit, event, turn)
    if changed:
        turn.ask(UnitChanged(unit.name))
    return word


def _note(unit: Unit, name: str, value: str, event: NotifyReceived, turn: Turn) -> bool:
    """One field that leaves the state alone. True when `systemctl show` prints something new."""
    machine = machine_of(unit)
    if name == "STATUS":
        changed = machine.status_text != value
        machine.status_text = value
        return changed
    if name == "ERRNO" and value.isdigit():
        machine.status_errno = int(value)
        return True
    if name == "BUSERROR":
        machine.bus_error = value
        return True
    if name == "MAINPID" and value.isdigit():
        return _take_main_pid(unit, int(value), event, turn)
    if name == "NOTIFYACCESS" and value in {access.value for access in NotifyAccess}:
        machine.notify_access = NotifyAccess(value)
        return True
    if name == "WATCHDOG" and value == "1":
        start_watchdog(unit, turn)
    elif name == "WATCHDOG" and value == "trigger":
        machine.watchdog_deadline_usec = turn.now.monotonic_usec
    elif name == "WATCHDOG_USEC" and value.isdigit():
        machine.watchdog_usec = int(value)
        start_watchdog(unit, turn)
        return True
    elif name == "EXTEND_TIMEOUT_USEC" and value.isdigit():
        _extend_timeout(unit, int(value), turn)
    return False


def _take_main_pid(unit: Unit, pid: int, event: NotifyReceived, turn: Turn) -> bool:
    """A process outside of the unit becomes its main process only on root's word."""
    machine = machine_of(unit)
    if pid == machine.main_pid or machine.state not in (
        _S.START, _S.START_POST, _S.RUNNING, _S.RELOAD, _S.STOP, _S.STOP_SIGTERM,
    ):
        return False
    if event.main is None or event.main.pid != pid:
        turn.log(unit, LOG_WARNING, f"New main PID {pid} does not exist or is a zombie.")
        return False
    if not event.main_is_ours and event.uid != 0:
        turn.log(unit, LOG_WARNING, f"New main PID {pid} does not belong to service, refusing.")
        return False
    machine.main = machine.last_main = ProcessRecord(pid, turn.now)
    machine.main_known = True
    machine.main_is_foreign = not event.main_is_ours
    turn.ask(WatchPid(unit.name, event.main))
    return True


def _take_descriptors(unit: Unit, event: NotifyReceived, turn: Turn) -> bool:
    """FDSTORE=1 and FDSTOREREMOVE=1, with FDNAME= and FDPOLL=: True when the store is another."""
    fields = dict(event.fields)
    name = fields.get("FDNAME", "")
    machine = machine_of(unit)
    if fields.get("FDSTOREREMOVE") == "1":
        dropped = [stored.fd for stored in machine.stored_fds if stored.name == name]
        drop_stored(unit, dropped, turn)
        return bool(dropped)
    if fields.get("FDSTORE") != "1":
        return False
    return _store(unit, event, name if is_fd_name(name) else "stored", fields.get("FDPOLL") != "0", turn)


def is_fd_name(name: str) -> bool:
    """sd_notify(3), FDNAME=."""
    return 0 < len(name) <= 255 and name.isascii() and name.isprintable() and ":" not in name


def _store(unit: Unit, event: NotifyReceived, name: str, is_polled: bool, turn: Turn) -> bool:
    machine, most = machine_of(unit), service_settings(unit).file_descriptor_store_max
    known = {stored.identity for stored in machine.stored_fds if stored.identity}
    kept: list[StoredFd] = []
    for offered in event.fds:
        if len(machine.stored_fds) + len(kept) >= most:
            turn.log(unit, LOG_WARNING, "Service attempted to store more fds than FileDescriptorStoreMax= permits, dropping.")
            break
        if offered.identity not in known:
            kept.append(StoredFd(offered.fd, name, offered.identity))
    if kept:
        machine.stored_fds += tuple(kept)
        turn.ask(StoreDescriptors(unit.name, tuple([stored.fd for stored in kept]), is_polled))
    return bool(kept)


def on_hung_up(unit: Unit, event: StoredFdHungUp, turn: Turn) -> None:
    drop_stored(unit, [stored.fd for stored in machine_of(unit).stored_fds if stored.fd == event.fd], turn)


def _extend_timeout(unit: Unit, usec: int, turn: Turn) -> None:
    """Only ever later, and only where a timeout runs."""
    machine = machine_of(unit)
    deadline = turn.now.monotonic_usec + usec
    if machine.state is _S.RUNNING:
        if machine.runtime_deadline_usec < INFINITY:
            machine.runtime_deadline_usec = max(machine.runtime_deadline_usec, deadline)
    elif machine.state_deadline_usec < INFINITY and machine.state is not _S.AUTO_RESTART:
        machine.state_deadline_usec = max(machine.state_deadline_usec, deadline)


def on_ready_in_start(unit: Unit, _: object, turn: Turn) -> None:
    if service_settings(unit).type in (ServiceType.NOTIFY, ServiceType.NOTIFY_RELOAD):
        enter_start_post(unit, turn)


def on_ready_in_reload(unit: Unit, _: object, turn: Turn) -> None:
    """Ends a reload that the service announced; one that ExecReload= does ends with that process.

    With Type=notify-reload it counts only behind the RELOADING=1 that answers the signal.
    """
    machine = machine_of(unit)
    if not machine.has_control and machine.reload_signal_usec is None:
        enter_running(unit, ServiceResult.SUCCESS, turn)


def on_reloading(unit: Unit, _: object, turn: Turn) -> None:
    enter_reload_by_notify(unit, turn)


def on_reloading_in_reload(unit: Unit, event: object, turn: Turn) -> None:
    """Type=notify-reload: the answer to the signal, if it was said after it (sd_notify(3), MONOTONIC_USEC=)."""
    assert isinstance(event, NotifyReceived)
    machine = machine_of(unit)
    said = dict(event.fields).get("MONOTONIC_USEC", "")
    if machine.reload_signal_usec is not None and said.isdigit() and int(said) >= machine.reload_signal_usec:
        machine.reload_signal_usec = None


def on_stopping(unit: Unit, _: object, turn: Turn) -> None:
    if machine_of(unit).has_main:
        enter_stop_by_notify(unit, turn)
    else:
        enter_signal(unit, _S.STOP_SIGTERM, ServiceResult.SUCCESS, turn)


