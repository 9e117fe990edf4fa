"""`systemctl log-level`, `log-target`, `service-watchdogs`, `service-log-level`, `service-log-target`: settings of a daemon
that runs, shown or changed."""

from __future__ import annotations

from initd.cli.bus import MANAGER, MANAGER_PATH, PROPERTIES, SYSTEMD, Bus, BusError, NotRunning, SystemBus
from initd.cli.getopt import boolean
from initd.cli.names import mangle
from initd.cli.options import Options, UsageError
from initd.cli.output import complain
from initd.core.objectpath import unit_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from initd.core.places import Places

    class Asking(Protocol):
        """Options of systemctl, or of systemd-analyze."""

        @property
        def places(self) -> Places | None: ...

_LOG_CONTROL_PATH, _LOG_CONTROL = "/org/freedesktop/LogControl1", "org.freedesktop.LogControl1"
_LEVELS = frozenset(("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug", *"01234567"))


def log_level(arguments: list[str], options: Asking) -> int:
    return _log("LogLevel", "log level", arguments, options)


def log_target(arguments: list[str], options: Asking) -> int:
    return _log("LogTarget", "log target", arguments, options)


def _log(name: str, words: str, arguments: list[str], options: Asking) -> int:
    bus = Bus(options.places)
    if not arguments:
        print(bus.get(_LOG_CONTROL_PATH, _LOG_CONTROL, name))
        return 0
    value = arguments[0]
    if not _is_possible(name, value):
        return 1
    try:
        bus.call(_LOG_CONTROL_PATH, PROPERTIES, "Set", "ssv", _LOG_CONTROL, name, ("s", value))
    except BusError as problem:
        complain(f"Failed to set {words} of {SYSTEMD} to {value}: {problem.text}")
        return 1
    return 0


def _is_possible(name: str, value: str) -> bool:
    """Whether to ask for it at all. Which targets there are, the daemon knows."""
    if name != "LogLevel" or value in _LEVELS:
        return True
    complain(f'"{value}" is not a valid log level.')
    return False


_HINT = (
    "Hint: the service must declare BusName= and implement the appropriate D-Bus interface.\n"
    "      See the org.freedesktop.LogControl1(5) man page for details."
)


def service_log(arguments: list[str], options: Options) -> int:
    """UNIT [VALUE]: of a service that has a name on the system bus, asked there (org.freedesktop.LogControl1(5))."""
    is_level = getattr(options, "verb", "") == "service-log-level"
    name, words = ("LogLevel", "log level") if is_level else ("LogTarget", "log target")
    unit = mangle(arguments[0])
    try:
        service = Bus(options.places).get(unit_path(unit), SYSTEMD + ".Service", "BusName")
    except BusError as problem:
        complain(f"Failed to obtain BusName= property of {unit}: {problem.text}")
        return 1
    if not service:
        complain(f"Unit {unit} doesn't declare BusName=.\n{_HINT}")
        return 1
    if len(arguments) > 1 and not _is_possible(name, arguments[1]):
        return 1
    try:
        return _ask_service(service, name, arguments[1:])
    except NotRunning as problem:
        complain(f"Failed to connect to bus: {problem.text}")
    except BusError as problem:
        doing = f"set {words} of {service} to {arguments[1]}" if len(arguments) > 1 else f"get {words} of {service}"
        complain(f"Failed to {doing}: {problem.text}")
        if problem.name.rpartition(".")[2] in ("UnknownMethod", "UnknownObject", "UnknownInterface", "UnknownProperty"):
            complain(_HINT)
    return 1


def _ask_service(service: str, name: str, values: list[str]) -> int:
    bus = SystemBus()
    if values:
        bus.call_service(service, _LOG_CONTROL_PATH, PROPERTIES, "Set", "ssv", _LOG_CONTROL, name, ("s", values[0]))
        return 0
    ((_, value),) = bus.call_service(service, _LOG_CONTROL_PATH, PROPERTIES, "Get", "ss", _LOG_CONTROL, name)
    print(value)
    return 0


def service_watchdogs(arguments: list[str], options: Asking) -> int:
    bus = Bus(options.places)
    if not arguments:
        print("yes" if bus.get(MANAGER_PATH, MANAGER, "ServiceWatchdogs") else "no")
        return 0
    is_on = boolean(arguments[0])
    if is_on is None:
        raise UsageError("Failed to parse service-watchdogs argument: Invalid argument")
    bus.call(MANAGER_PATH, PROPERTIES, "Set", "ssv", MANAGER, "ServiceWatchdogs", ("b", is_on))
    return 0


# --- mounts in a unit that runs -------------------------------------------------------------------------------------


def bind(arguments: list[str], options: Options) -> int:
    """UNIT PATH [PATH]: where the second is not given, it is the first."""
    unit, source, destination = _paths(arguments)
    return _ask("bind mount", ("BindMountUnit", "sssbb", unit, source, destination, options.read_only, options.mkdir), options)


def mount_image(arguments: list[str], options: Options) -> int:
    """UNIT IMAGE [PATH [PARTITION:OPTIONS]]."""
    unit, source, destination = _paths(arguments)
    mount_options = []
    for text in arguments[3:]:
        partition, colon, words = text.partition(":")
        mount_options.append((partition, words) if colon else ("root", partition))
    question = (unit, source, destination, options.read_only, options.mkdir, mount_options)
    return _ask("mount image", ("MountImageUnit", "sssbba(ss)", *question), options)


def _paths(arguments: list[str]) -> tuple[str, str, str]:
    return mangle(arguments[0]), arguments[1], arguments[2] if len(arguments) > 2 else arguments[1]


def _ask(what: str, question: tuple[str, str, *tuple[object, ...]], options: Asking) -> int:
    try:
        Bus(options.places).ask(*question)
    except BusError as problem:
        complain(f"Failed to {what}: {problem.text}")
        return 1
    return 0
