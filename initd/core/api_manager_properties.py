"""The properties of the manager's object, and of the one that its logging is controlled by.

`systemctl show` without a unit prints them all. Those that can be set are `core.tuning`'s.
"""

from __future__ import annotations

from initd.core.answers import DBUS, Error, Submit, return_nothing
from initd.core.events import TuningRequest
from initd.core.properties import CHANGES, CONST, SILENT, Row
from initd.core.tuning import LEVELS, Unfit, check

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from initd.core.answers import Answer
    from initd.core.values import Now
    from initd.core.view import View

_NEVER = 2**64 - 1



def _row(name: str, signature: str, get: Callable[[View], Any], emits: str = CONST) -> Row:
    return Row(name, signature, lambda nothing, view: get(view), emits)


def _constant(name: str, signature: str, value: Any, emits: str = CONST) -> Row:
    """What a container has not, or what nothing here can change."""
    return Row(name, signature, lambda nothing, view: value, emits)


def _none(*names: str) -> tuple[Row, ...]:
    """Moments that a container has not: its kernel, its firmware and its security modules were there before it."""
    return tuple(_constant(name + end, "t", 0) for name in names for end in ("Timestamp", "TimestampMonotonic"))


def _tuned(name: str, signature: str, field: str, show: Callable[[Any], Any]) -> Row:
    """A property that can be set."""

    def put(value: Any) -> Answer:
        try:
            return Submit(TuningRequest(0, field, check(field, value)), return_nothing)
        except Unfit as problem:
            return Error(DBUS + "InvalidArgs", str(problem))

    return Row(name, signature, lambda nothing, view: show(getattr(view.engine.world.tuning, field)), SILENT, put)


def _no_watchdog(name: str, signature: str, value: Any) -> Row:
    """The machine's watchdog, which is not the container's to set."""
    refusal = Error(DBUS + "NotSupported", "A container has no hardware watchdog.")
    return Row(name, signature, lambda nothing, view: value, SILENT, lambda _: refusal)


def _fact(name: str, signature: str, field: str) -> Row:
    return _row(name, signature, lambda view: getattr(view.facts.load, field))


def _times(name: str, get: Callable[[View], Now | None]) -> tuple[Row, Row]:
    def at(view: View, field: str) -> int:
        time = get(view)
        return getattr(time, field) if time is not None else 0

    return (
        _row(name + "Timestamp", "t", lambda view: at(view, "realtime_usec")),
        _row(name + "TimestampMonotonic", "t", lambda view: at(view, "monotonic_usec")),
    )


_LIMITS = (
    "CPU", "FSIZE", "DATA", "STACK", "CORE", "RSS", "NOFILE", "AS", "NPROC", "MEMLOCK", "LOCKS", "SIGPENDING",
    "MSGQUEUE", "NICE", "RTPRIO", "RTTIME",
)  # fmt: skip


def _limit_rows(name: str) -> tuple[Row, Row]:
    def get(position: int) -> Callable[[View], int]:
        return lambda view: view.facts.load.limits[name.lower()][position]

    return (_row(f"DefaultLimit{name}", "t", get(1)), _row(f"DefaultLimit{name}Soft", "t", get(0)))


def _progress(view: View) -> float:
    """Of the boot: how much of what was to be done is done."""
    world = view.engine.world
    if world.boot_times.finish is not None or not world.queue.installed:
        return 1.0 if world.boot_times.finish is not None else 0.0
    return 1.0 - len(world.queue.jobs) / world.queue.installed


def _abort_timeout(view: View) -> int:
    own = view.facts.load.default_timeout_abort_usec
    return view.facts.load.default_timeout_stop_usec if own is None else own


_LOGGING = (
    _tuned("LogLevel", "s", "log_level", lambda level: LEVELS[level]),
    _tuned("LogTarget", "s", "log_target", str),
)

PROPERTIES: tuple[Row, ...] = (
    _row("Version", "s", lambda view: view.facts.version),
    _row("Features", "s", lambda view: view.facts.features),
    _row("Virtualization", "s", lambda view: view.facts.virtualization),
    _row("Architecture", "s", lambda view: view.facts.architecture),
    _row("Tainted", "s", lambda view: view.facts.tainted),
    *_none("Firmware", "Loader", "Kernel", "InitRD"),
    *_times("Userspace", lambda view: view.engine.boot.begin),
    *_times("Finish", lambda view: view.engine.boot.finish),
    *_none("SecurityStart", "SecurityFinish"),
    *_times("GeneratorsStart", lambda view: view.engine.boot.generators_start),
    *_times("GeneratorsFinish", lambda view: view.engine.boot.generators_finish),
    *_times("UnitsLoadStart", lambda view: view.engine.boot.units_load_start),
    *_times("UnitsLoadFinish", lambda view: view.engine.boot.units_load_finish),
    *_times("UnitsLoad", lambda view: view.engine.boot.units_load or view.engine.boot.units_load_start),
    *_none("InitRDSecurityStart", "InitRDSecurityFinish", "InitRDGeneratorsStart", "InitRDGeneratorsFinish"),
    *_none("InitRDUnitsLoadStart", "InitRDUnitsLoadFinish"),
    *_LOGGING,
    _row("NNames", "u", lambda view: len(view.engine.units), SILENT),
    _row("NFailedUnits", "u", lambda view: len(view.engine.failed_units()), CHANGES),
    _row("NJobs", "u", lambda view: len(view.engine.jobs), SILENT),
    _row("NInstalledJobs", "u", lambda view: view.engine.world.queue.installed % 2**32, SILENT),
    _row("NFailedJobs", "u", lambda view: view.engine.world.queue.failed % 2**32, SILENT),
    _row("Progress", "d", _progress, SILENT),
    _row("Environment", "as", lambda view: list(view.engine.environment), SILENT),
    _constant("ConfirmSpawn", "b", False),
    _row("ShowStatus", "b", lambda view: view.engine.world.tuning.show_status, SILENT),
    _row("UnitPath", "as", lambda view: list(view.facts.unit_path)),
    _fact("DefaultStandardOutput", "s", "default_standard_output"),
    _fact("DefaultStandardError", "s", "default_standard_error"),
    _constant("WatchdogDevice", "s", ""),
    _constant("WatchdogLastPingTimestamp", "t", _NEVER, SILENT),
    _constant("WatchdogLastPingTimestampMonotonic", "t", _NEVER, SILENT),
    _no_watchdog("RuntimeWatchdogUSec", "t", 0),
    _no_watchdog("RuntimeWatchdogPreUSec", "t", 0),
    _no_watchdog("RuntimeWatchdogPreGovernor", "s", ""),
    _no_watchdog("RebootWatchdogUSec", "t", 0),
    _no_watchdog("KExecWatchdogUSec", "t", 0),
    _tuned("ServiceWatchdogs", "b", "service_watchdogs", bool),
    _row("ControlGroup", "s", lambda view: view.facts.control_group, SILENT),
    _row("SystemState", "s", lambda view: view.engine.system_state.value, SILENT),
    _row("ExitCode", "y", lambda view: view.engine.world.shutdown.exit_code, SILENT),
    _fact("DefaultTimerAccuracyUSec", "t", "default_timer_accuracy_usec"),
    _fact("DefaultTimeoutStartUSec", "t", "default_timeout_start_usec"),
    _fact("DefaultTimeoutStopUSec", "t", "default_timeout_stop_usec"),
    _row("DefaultTimeoutAbortUSec", "t", _abort_timeout, SILENT),
    _constant("DefaultDeviceTimeoutUSec", "t", 90_000_000),
    _fact("DefaultRestartUSec", "t", "default_restart_usec"),
    _fact("DefaultStartLimitIntervalUSec", "t", "default_start_limit_interval_usec"),
    _fact("DefaultStartLimitBurst", "u", "default_start_limit_burst"),
    _fact("DefaultCPUAccounting", "b", "default_cpu_accounting"),
    _constant("DefaultBlockIOAccounting", "b", False),
    _fact("DefaultMemoryAccounting", "b", "default_memory_accounting"),
    _fact("DefaultTasksAccounting", "b", "default_tasks_accounting"),
    *(row for name in _LIMITS for row in _limit_rows(name)),
    _fact("DefaultTasksMax", "t", "tasks_max").replace(emits=SILENT),
    _fact("TimerSlackNSec", "t", "timer_slack_nsec"),
    _fact("DefaultOOMPolicy", "s", "default_oom_policy"),
    _fact("DefaultOOMScoreAdjust", "i", "oom_score_adjust"),
    _constant("CtrlAltDelBurstAction", "s", "reboot-force"),
)

#: What only we tell of the manager (`pyinit health`).
OWN_MANAGER_PROPERTIES: tuple[Row, ...] = (
    _row("Draining", "b", lambda view: view.engine.world.shutdown.is_draining, SILENT),
)

#: org.freedesktop.LogControl1(5): what `systemctl log-level` and `log-target` ask.
LOG_CONTROL_PROPERTIES: tuple[Row, ...] = (*_LOGGING, _constant("SyslogIdentifier", "s", "pyinit", SILENT))
