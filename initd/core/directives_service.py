"""The directives of [Service] (systemd.service(5)), [Scope], and of systemd.kill(5)."""

from __future__ import annotations

from initd.core import exitstatus, parsers, signals, timespan, unitname
from initd.core.commandline import commands
from initd.core.dependency import Dependency
from initd.core.directive import BadValue, Context, Directive, Merge, Property, shows
from initd.core.sections import Group
from initd.core.sources import LoadFacts
from initd.core.states import (
    Fate,
    KillMode,
    NotifyAccess,
    ServiceExitType,
    ServiceRestart,
    ServiceType,
    TimeoutFailureMode,
)
from initd.core.values import INFINITY, ExecCommand

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    StatusSet = tuple[tuple[int, ...], tuple[int, ...]]

#: The kinds of [Service] command lines, by key.
EXEC_FIELDS = {
    "ExecCondition": "exec_condition", "ExecStartPre": "exec_start_pre", "ExecStart": "exec_start",
    "ExecStartPost": "exec_start_post", "ExecReload": "exec_reload", "ExecStop": "exec_stop",
    "ExecStopPost": "exec_stop_post",
}


def exec_flags(command: ExecCommand) -> list[str]:
    """A command's prefixes as words, as ExecStartEx and its like list them."""
    flags = (
        ("ignore-failure", command.ignore_failure),
        ("privileged", command.full_privileges),
        ("no-setuid", command.no_setuid),
        ("no-env-expand", command.no_expand),
        ("ambient", command.ambient_magic),
    )
    return [word for word, is_set in flags if is_set]


def show_exec(field: str) -> Callable[[Any, LoadFacts], Any]:
    """path, argv, ignore_failure, and seven zeros where the times, pid and status of the last run belong."""

    def show(settings: Any, facts: LoadFacts) -> Any:
        return [
            (item.path, list(item.argv), item.ignore_failure, 0, 0, 0, 0, 0, 0, 0) for item in getattr(settings, field)
        ]

    return show


def _show_exec_ex(field: str) -> Callable[[Any, LoadFacts], Any]:
    def show(settings: Any, facts: LoadFacts) -> Any:
        return [
            (item.path, list(item.argv), exec_flags(item), 0, 0, 0, 0, 0, 0, 0) for item in getattr(settings, field)
        ]

    return show


def exec_directive(key: str, field: str, has_ex: bool = False) -> Directive:
    properties = [Property(key, "a(sasbttttuii)", show_exec(field))]
    if has_ex:
        properties.append(Property(key + "Ex", "a(sasasttttuii)", _show_exec_ex(field)))
    return Directive(key, Group.SPECIFIC, field, commands, Merge.APPEND, tuple(properties))


# --- times ----------------------------------------------------------------------------------------------------------


def _span(context: Context, text: str) -> int:
    try:
        return timespan.parse(text)
    except ValueError:
        raise BadValue(f"Failed to parse {context.key}= parameter, ignoring: {text}") from None


def _timeout_start(context: Context, text: str) -> None:
    context.draft.set(Group.SPECIFIC, "timeout_start_usec", _span(context, text) or INFINITY)


def _timeout(context: Context, text: str) -> None:
    """TimeoutSec= is both the start and the stop timeout."""
    usec = _span(context, text) or INFINITY
    context.draft.set(Group.SPECIFIC, "timeout_start_usec", usec)
    context.draft.set(Group.SPECIFIC, "timeout_stop_usec", usec)


def _timeout_stop(context: Context, text: str) -> int:
    return parsers.seconds("time value")(context, text) or INFINITY


def _timeout_abort(context: Context, text: str) -> int | None:
    if not text:
        return None
    return _span(context, text)  # 0 is no time at all here, and not, as elsewhere, no limit


def _show_timeout_abort(settings: Any, facts: LoadFacts) -> int:
    return int(settings.timeout_stop_usec if settings.timeout_abort_usec is None else settings.timeout_abort_usec)


# --- words ----------------------------------------------------------------------------------------------------------


def _pid_file(context: Context, text: str) -> str:
    path = context.expand(text)
    if not path.startswith("/"):
        path = f"{context.facts.runtime_directory}/{path}"
    path = parsers.check_path(context, path)
    return parsers.current_run(context, path)


def _bus_name(context: Context, text: str) -> str:
    name = context.expand(text)
    parts = name.split(".")
    is_name = len(parts) > 1 and len(name) <= 255 and all(_is_bus_element(part) for part in parts)
    if not is_name:
        raise BadValue(f"Invalid bus name, ignoring: {name}")
    return name


def _is_bus_element(part: str) -> bool:
    return bool(part) and not part[0].isdigit() and part.isascii() and part.replace("_", "").replace("-",
                                                                                                     "a").isalnum() \
        if part.strip("_") else bool(part)


def _statuses(context: Context, text: str, old: StatusSet) -> StatusSet:
    statuses, killed_by = set(old[0]), set(old[1])
    for word in parsers.split(context, text):
        try:
            statuses.add(exitstatus.number(word))
        except ValueError:
            try:
                killed_by.add(signals.number(word) if not word.isdecimal() else signals.number("?"))
            except ValueError:
                context.warn(f"Failed to parse value, ignoring: {word}")
    return tuple(sorted(statuses)), tuple(sorted(killed_by))


def _show_statuses(field: str) -> Callable[[Any, LoadFacts], tuple[list[int], list[int]]]:
    def show(settings: Any, facts: LoadFacts) -> tuple[list[int], list[int]]:
        statuses, killed_by = getattr(settings, field)
        return list(statuses), list(killed_by)

    return show


def _sockets(context: Context, text: str) -> tuple[str, ...]:
    """A service knows its sockets: it wants them, and they come first."""
    out = []
    for word in context.expand_each(parsers.split(context, text)):
        if not unitname.is_valid(word) or not word.endswith(".socket"):
            context.warn(f"Unit must be of type socket, ignoring: {word}")
            continue
        context.draft.add_dependency(Dependency.WANTS, word)
        context.draft.add_dependency(Dependency.AFTER, word)
        context.draft.add_dependency(Dependency.TRIGGERED_BY, word)
        out.append(word)
    return tuple(out)


def _open_file(context: Context, text: str) -> tuple[tuple[str, str, tuple[str, ...]], ...]:
    path, _, rest = context.expand(text).partition(":")
    name, _, options = rest.partition(":")
    words = tuple(options.split(",")) if options else ()
    if set(words) - {"read-only", "append", "truncate", "graceful"}:
        raise BadValue(f"Failed to parse OpenFile= setting, ignoring: {text}")
    return ((parsers.check_path(context, path), name or path.rpartition("/")[2], words),)


_OOM_POLICIES = ("continue", "stop", "kill")
_RESET = Merge.REPLACE_OR_RESET
_failure_mode = parsers.member_of(TimeoutFailureMode, "timeout failure mode")


def _service(key: str, field: str, parse: Callable[..., Any], signature: str = "", merge: Merge = Merge.REPLACE,
             property_name: str = "", fate: Fate = Fate.APPLIED, reason: str = "") -> Directive:
    properties = (shows(property_name or key, signature, field),) if signature else ()
    return Directive(key, Group.SPECIFIC, field, parse, merge, properties, fate, reason)


def _status_directive(key: str, field: str) -> Directive:
    return Directive(key, Group.SPECIFIC, field, _statuses, Merge.FOLD,
                     (Property(key, "(aiai)", _show_statuses(field)),))


SERVICE: tuple[Directive, ...] = (
    _service("Type", "type", parsers.member_of(ServiceType, "service type"), "s"),
    _service("ExitType", "exit_type", parsers.member_of(ServiceExitType, "service exit type"), "s"),
    _service("Restart", "restart", parsers.member_of(ServiceRestart, "service restart specifier"), "s"),
    _service("PIDFile", "pid_file", _pid_file, "s", _RESET),
    *(exec_directive(key, field, has_ex=True) for key, field in EXEC_FIELDS.items()),
    _service("RestartSec", "restart_usec", parsers.seconds(), "t", property_name="RestartUSec"),
    _service("RestartSteps", "restart_steps", parsers.unsigned),
    _service("RestartMaxDelaySec", "restart_max_delay_usec", parsers.seconds()),
    _service("RestartMode", "restart_mode", parsers.word_of(("normal", "direct", "debug"), "service restart mode")),
    Directive("TimeoutSec", Group.SPECIFIC, "timeout_start_usec", _timeout, Merge.SPREAD),
    Directive("TimeoutStartSec", Group.SPECIFIC, "timeout_start_usec", _timeout_start, Merge.SPREAD,
              (shows("TimeoutStartUSec", "t", "timeout_start_usec"),)),
    _service("TimeoutStopSec", "timeout_stop_usec", _timeout_stop, "t", property_name="TimeoutStopUSec"),
    Directive("TimeoutAbortSec", Group.SPECIFIC, "timeout_abort_usec", _timeout_abort, Merge.REPLACE,
              (Property("TimeoutAbortUSec", "t", _show_timeout_abort),)),
    _service("TimeoutStartFailureMode", "timeout_start_failure_mode", _failure_mode, "s"),
    _service("TimeoutStopFailureMode", "timeout_stop_failure_mode", _failure_mode, "s"),
    _service("RuntimeMaxSec", "runtime_max_usec", parsers.seconds(), "t", property_name="RuntimeMaxUSec"),
    _service("RuntimeRandomizedExtraSec", "runtime_randomized_extra_usec", parsers.seconds(), "t",
             property_name="RuntimeRandomizedExtraUSec"),
    # While a service does not run, systemd shows "infinity" instead: whoever shows it knows whether it runs.
    _service("WatchdogSec", "watchdog_usec", parsers.seconds(), "t", property_name="WatchdogUSec"),
    _service("PermissionsStartOnly", "permissions_start_only", parsers.boolean),
    _service("RootDirectoryStartOnly", "root_directory_start_only", parsers.boolean, "b"),
    _service("RemainAfterExit", "remain_after_exit", parsers.boolean, "b"),
    _service("GuessMainPID", "guess_main_pid", parsers.boolean, "b"),
    _status_directive("RestartPreventExitStatus", "restart_prevent_exit_status"),
    _status_directive("RestartForceExitStatus", "restart_force_exit_status"),
    _status_directive("SuccessExitStatus", "success_exit_status"),
    _service("NonBlocking", "non_blocking", parsers.boolean, "b"),
    _service("BusName", "bus_name", _bus_name, "s", _RESET),
    _service("FileDescriptorStoreMax", "file_descriptor_store_max", parsers.unsigned, "u"),
    _service("NotifyAccess", "notify_access", parsers.member_of(NotifyAccess, "notify access specifier"), "s"),
    _service("Sockets", "sockets", _sockets, "", Merge.APPEND),
    _service("USBFunctionDescriptors", "usb_function_descriptors", parsers.path, "s", _RESET, fate=Fate.IGNORED,
             reason="a container has no USB gadgets"),
    _service("USBFunctionStrings", "usb_function_strings", parsers.path, "s", _RESET, fate=Fate.IGNORED,
             reason="a container has no USB gadgets"),
    _service("OOMPolicy", "oom_policy", parsers.word_of(_OOM_POLICIES, "OOM policy"), "s"),
    _service("OpenFile", "open_file", _open_file, "", Merge.APPEND, fate=Fate.IGNORED,
             reason="files are not opened for services yet"),
    _service("ReloadSignal", "reload_signal", parsers.signal),
)

SCOPE: tuple[Directive, ...] = (
    _service("RuntimeMaxSec", "runtime_max_usec", parsers.seconds(), "t", property_name="RuntimeMaxUSec"),
    _service("RuntimeRandomizedExtraSec", "runtime_randomized_extra_usec", parsers.seconds(), "t",
             property_name="RuntimeRandomizedExtraUSec"),
    _service("TimeoutStopSec", "timeout_stop_usec", parsers.seconds(zero=INFINITY), "t",
             property_name="TimeoutStopUSec"),
    _service("OOMPolicy", "oom_policy", parsers.word_of(_OOM_POLICIES, "OOM policy"), "s"),
)


def _kill(key: str, field: str, parse: Callable[..., Any], signature: str, merge: Merge = Merge.REPLACE) -> Directive:
    return Directive(key, Group.KILL, field, parse, merge, (shows(key, signature, field),))


def _show_restart_signal(settings: Any, facts: LoadFacts) -> int:
    return int(settings.kill_signal if settings.restart_kill_signal is None else settings.restart_kill_signal)


_any_kill_mode = parsers.member_of(KillMode, "kill mode specification")


def _kill_mode(context: Context, text: str) -> KillMode:
    mode: KillMode = _any_kill_mode(context, text)
    if mode is KillMode.NONE:
        context.advise("Unit uses KillMode=none. This is unsafe, as it disables systemd's process lifecycle management for "
                       "the service. Please update the service to use a safer KillMode=, such as 'mixed' or "
                       "'control-group'. Support for KillMode=none is deprecated and will eventually be removed.")
    return mode


KILL: tuple[Directive, ...] = (
    _kill("KillMode", "kill_mode", _kill_mode, "s", _RESET),
    _kill("KillSignal", "kill_signal", parsers.signal, "i"),
    Directive("RestartKillSignal", Group.KILL, "restart_kill_signal", parsers.signal, Merge.REPLACE,
              (Property("RestartKillSignal", "i", _show_restart_signal),)),
    _kill("FinalKillSignal", "final_kill_signal", parsers.signal, "i"),
    _kill("SendSIGKILL", "send_sigkill", parsers.boolean, "b"),
    _kill("SendSIGHUP", "send_sighup", parsers.boolean, "b"),
    _kill("WatchdogSignal", "watchdog_signal", parsers.signal, "i"),
)
