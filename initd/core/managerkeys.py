"""What each key of system.conf means (systemd-system.conf(5)).

Values are read by the parsers of the directives whose defaults they are: DefaultLimitNOFILE= is a LimitNOFILE=.
Nothing raises: what cannot be read is a diagnostic, and the default stays. A key that systemd knows and that has no
meaning for us is named in one, too.
"""

from __future__ import annotations

from initd.core import parsers, syntax, tuning
from initd.core.directive import BadValue, Context, Directive, Merge
from initd.core.directives import TABLE
from initd.core.managerconf import ManagerConfig
from initd.core.settings_exec import ExecSettings
from initd.core.sources import LoadFacts, UnitText
from initd.core.specifiers import Specifiers
from initd.core.unfinished import Unfinished
from initd.core.values import INFINITY, LOG_NOTICE, LOG_WARNING, Diagnostic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

SECTION = "Manager"


def _or_empty(parse: Callable[..., Any], empty: Any) -> Callable[[Context, str], Any]:
    """The few keys that may be empty, tried against systemd 252: what they are then."""
    return lambda context, text: parse(context, text) if text else empty


#: Key → (field of LoadFacts, parser).
_OUTPUTS = "inherit null tty journal kmsg journal+console kmsg+console".split()
_timeout = parsers.seconds(zero=INFINITY)
_FACTS: dict[str, tuple[str, Callable[[Context, str], Any]]] = {
    "DefaultTimerAccuracySec": ("default_timer_accuracy_usec", parsers.seconds()),
    "DefaultTimeoutStartSec": ("default_timeout_start_usec", _timeout),
    "DefaultTimeoutStopSec": ("default_timeout_stop_usec", _timeout),
    "DefaultTimeoutAbortSec": ("default_timeout_abort_usec", _or_empty(_timeout, None)),
    "DefaultRestartSec": ("default_restart_usec", parsers.seconds()),
    "DefaultStartLimitIntervalSec": ("default_start_limit_interval_usec", parsers.seconds()),
    "DefaultStartLimitInterval": ("default_start_limit_interval_usec", parsers.seconds()),
    "DefaultStartLimitBurst": ("default_start_limit_burst", parsers.unsigned),
    "DefaultStandardOutput": ("default_standard_output", parsers.word_of(_OUTPUTS, "output type")),
    "DefaultStandardError": ("default_standard_error", parsers.word_of(_OUTPUTS, "output type")),
    "DefaultCPUAccounting": ("default_cpu_accounting", _or_empty(parsers.boolean, False)),
    "DefaultIOAccounting": ("default_io_accounting", parsers.boolean),
    "DefaultIPAccounting": ("default_ip_accounting", parsers.boolean),
    "DefaultMemoryAccounting": ("default_memory_accounting", parsers.boolean),
    "DefaultTasksAccounting": ("default_tasks_accounting", parsers.boolean),
    "DefaultTasksMax": ("default_tasks_max", _or_empty(TABLE["Service", "TasksMax"].parse, INFINITY)),
    "DefaultOOMPolicy": ("default_oom_policy", TABLE["Service", "OOMPolicy"].parse),
}
#: Key → why nothing comes of it here.
WITHOUT_EFFECT = dict.fromkeys(
    ("CtrlAltDelBurstAction", "CrashChangeVT", "CrashShell", "CrashReboot", "RuntimeWatchdogSec",
     "RuntimeWatchdogPreSec", "RuntimeWatchdogPreGovernor", "RebootWatchdogSec", "ShutdownWatchdogSec",
     "KExecWatchdogSec", "WatchdogDevice", "DefaultDeviceTimeoutSec", "JoinControllers", "DumpCore"),
    "a container has no such machine under it",
) | dict.fromkeys(
    ("LogColor", "LogLocation", "LogTime", "StatusUnitFormat",
     "CapabilityBoundingSet", "NoNewPrivileges",
     "DefaultBlockIOAccounting", "DefaultOOMScoreAdjust", "DefaultSmackProcessLabel", "DefaultMemoryPressureWatch",
     "DefaultMemoryPressureThresholdSec"),
    "it is not applied yet",
)
#: Those of the manager and of all units that say nothing else; read as the units' own.
_SETTINGS = ("CPUAffinity", "NUMAPolicy", "NUMAMask", "SystemCallArchitectures", "TimerSlackNSec")
_LISTS = ("DefaultEnvironment", "ManagerEnvironment")
#: Key → field of `core.tuning.Tuning`.
_TUNING = {"LogLevel": "log_level", "LogTarget": "log_target", "ShowStatus": "show_status"}
#: Every key that we know, or that systemd 252 knows.
KEYS = frozenset((
    *_FACTS, *WITHOUT_EFFECT, *_LISTS, *_SETTINGS, *_TUNING,
    *(f"Default{key}" for section, key in TABLE if section == "Service" and key.startswith("Limit")),
))


def configure(files: Iterable[UnitText], facts: LoadFacts) -> ManagerConfig:
    """The files in the order they apply, the later over the earlier."""
    reader = _Reader(facts)
    for file in files:
        reader.read(file)
    environment = tuple(reader.lists["DefaultEnvironment"])
    return ManagerConfig(
        facts.replace(limits=facts.limits | reader.limits, default_environment=environment, **reader.changes),
        reader.limits,
        tuple(reader.lists["ManagerEnvironment"]),
        tuple(reader.diagnostics),
        reader.settings,
        reader.tuning,
    )


class _Reader:
    """What has been read so far."""

    def __init__(self, facts: LoadFacts) -> None:
        self.changes: dict[str, Any] = {}
        self.limits: dict[str, tuple[int, int]] = {}
        self.lists: dict[str, tuple[str, ...]] = dict.fromkeys(_LISTS, ())
        self.settings = ExecSettings()
        self.tuning: dict[str, Any] = {}
        #: By key, what lines still add to.
        self.unfinished: dict[str, Any] = {}
        self.diagnostics: list[Diagnostic] = []
        self.context = Context("system.conf", Specifiers("system.conf", "", facts), facts, None, self.diagnostics)

    def read(self, file: UnitText) -> None:
        parsed = syntax.parse(file.text, file.path)
        self.diagnostics.extend(parsed.diagnostics)
        self.context.path = file.path
        for section in parsed.sections:
            if section.name != SECTION and not section.name.startswith("X-"):
                self.context.line = section.line
                self.report(LOG_WARNING, f"Unknown section '{section.name}'. Ignoring.")
        for item in parsed.assignments:
            if item.section != SECTION or item.key.startswith("X-"):
                continue
            self.context.line, self.context.key = item.line, item.key
            try:
                self.apply(item.key, item.value)
            except BadValue as error:
                self.report(LOG_WARNING, str(error))

    def apply(self, key: str, text: str) -> None:
        context = self.context
        limit = TABLE.get(("Service", key.removeprefix("Default"))) if key.startswith("DefaultLimit") else None
        if key in _FACTS:
            field, parse = _FACTS[key]
            self.changes[field] = parse(context, text)
        elif limit is not None:
            self.limits = limit.parse(context, text, self.limits)
        elif key in _LISTS:
            environment = TABLE["Service", "Environment"]
            assert environment.merge is Merge.FOLD
            self.lists[key] = environment.parse(context, text, self.lists[key]).finish() if text else ()
        elif key in _TUNING:
            self.tune(_TUNING[key], key, text)
        elif key in _SETTINGS:
            self.set(TABLE["Service", key], text)
        elif key in WITHOUT_EFFECT:
            self.report(LOG_NOTICE, f"{key}= has no effect: {WITHOUT_EFFECT[key]}.")
        else:
            raise BadValue(f"Unknown key '{key}' in section [{SECTION}], ignoring.")

    def tune(self, field: str, key: str, text: str) -> None:
        try:
            self.tuning[field] = tuning.check(field, text)
        except tuning.Unfit:
            raise BadValue(f"Failed to parse {key}={text}, ignoring.") from None

    def set(self, directive: Directive, text: str) -> None:
        """A line of what a unit may set as well: to more lines a list adds up, and an empty one takes all of it back."""
        value = getattr(ExecSettings, directive.field)
        if not text:
            self.unfinished.pop(directive.key, None)
        elif directive.merge is Merge.FOLD:
            value = self.unfinished[directive.key] = directive.parse(self.context, text, self.unfinished.get(directive.key, ()))
        else:
            value = directive.parse(self.context, text)
        setattr(self.settings, directive.field, value.finish() if isinstance(value, Unfinished) else value)

    def report(self, priority: int, text: str) -> None:
        self.diagnostics.append(Diagnostic(priority, self.context.path, self.context.line, text))
