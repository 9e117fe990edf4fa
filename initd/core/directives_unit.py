"""The directives of [Unit] and [Install] (systemd.unit(5))."""

from __future__ import annotations

from initd.core import parsers, timespan
from initd.core.dependency import Dependency
from initd.core.directive import BadValue, Context, Directive, Merge, Property, shows
from initd.core.sections import Group
from initd.core.sources import LoadFacts
from initd.core.states import CollectMode, EmergencyAction, Fate, JobMode
from initd.core.unfinished import Keyed
from initd.core.values import INFINITY, Condition

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

#: Directives that are a list of units. The second word of a pair is an old name that systemd still takes.
_DEPENDENCIES = {
    "Requires": Dependency.REQUIRES,
    "Requisite": Dependency.REQUISITE,
    "Wants": Dependency.WANTS,
    "BindsTo": Dependency.BINDS_TO,
    "BindTo": Dependency.BINDS_TO,
    "Upholds": Dependency.UPHOLDS,
    "Conflicts": Dependency.CONFLICTS,
    "Before": Dependency.BEFORE,
    "After": Dependency.AFTER,
    "OnSuccess": Dependency.ON_SUCCESS,
    "OnFailure": Dependency.ON_FAILURE,
    "PropagatesReloadTo": Dependency.PROPAGATES_RELOAD_TO,
    "PropagateReloadTo": Dependency.PROPAGATES_RELOAD_TO,
    "ReloadPropagatedFrom": Dependency.RELOAD_PROPAGATED_FROM,
    "PropagateReloadFrom": Dependency.RELOAD_PROPAGATED_FROM,
    "PropagatesStopTo": Dependency.PROPAGATES_STOP_TO,
    "StopPropagatedFrom": Dependency.STOP_PROPAGATED_FROM,
    "PartOf": Dependency.PART_OF,
    "JoinsNamespaceOf": Dependency.JOINS_NAMESPACE_OF,
    "RequiresOverridable": Dependency.REQUIRES,
    "RequisiteOverridable": Dependency.REQUISITE,
}
#: Conditions whose parameter is an absolute path.
_PATH_CONDITIONS = (
    "PathExists PathExistsGlob PathIsDirectory PathIsSymbolicLink PathIsMountPoint PathIsReadWrite PathIsEncrypted "
    "DirectoryNotEmpty FileNotEmpty FileIsExecutable NeedsUpdate"
).split()
_CONDITIONS = (
    "FirstBoot Architecture Firmware Virtualization Host KernelCommandLine KernelVersion Credential Security "
    "Capability ACPower Memory CPUFeature CPUs Environment User Group ControlGroupController OSRelease MemoryPressure "
    "CPUPressure IOPressure"
).split()


def _dependency(kind: Dependency) -> Callable[[Context, str], None]:
    def parse(context: Context, text: str) -> None:
        for word in parsers.split(context, text, unescape=False):
            try:
                name = parsers.unit_name(context, word)
                if kind is Dependency.BEFORE and name.endswith(".device"):
                    context.warn(f"Dependency Before={name} ignored (.device units cannot be delayed)")
                    continue
                context.draft.add_dependency(kind, name)
            except BadValue as error:
                context.warn(str(error))
            except ValueError as error:
                context.warn(f"Failed to add dependency on {error}, ignoring: Invalid argument")

    return parse


def _documentation(context: Context, text: str) -> tuple[str, ...]:
    out = []
    for word in context.expand_each(parsers.split(context, text)):
        if word.startswith(("http://", "https://", "file:", "info:", "man:")) and not word.endswith(":"):
            out.append(word)
        else:
            context.warn(f"Invalid URL, ignoring: {word}")
    return tuple(out)


def _requires_mounts_for(context: Context, text: str, old: Keyed | tuple[str, ...]) -> Keyed:
    found = old if isinstance(old, Keyed) else Keyed()
    for path in parsers.path_words(context, text):
        found.setdefault(path, path)
    return found


def _job_timeout(context: Context, text: str) -> int:
    try:
        return timespan.parse(text) or INFINITY
    except ValueError:
        raise BadValue(f"Failed to parse {context.key}= parameter, ignoring: {text}") from None


#: What a manager that is no init may do, which ends itself for everything else.
_IN_USER_MODE = (EmergencyAction.NONE, EmergencyAction.EXIT, EmergencyAction.EXIT_FORCE)


def _allowed(context: Context, action: EmergencyAction) -> EmergencyAction:
    if not context.facts.in_user_mode or action in _IN_USER_MODE:
        return action
    context.advise(f'{context.key}= in user mode specified as "{action.value}", using "exit-force" instead.')
    return EmergencyAction.EXIT_FORCE


def _action(context: Context, text: str) -> EmergencyAction:
    try:
        return _allowed(context, EmergencyAction(text))
    except ValueError:
        raise BadValue(f"Failed to parse {context.key}=, ignoring: {text}") from None


def _on_failure_isolate(context: Context, text: str) -> JobMode:
    return JobMode.ISOLATE if parsers.boolean(context, text) else JobMode.REPLACE


def _exit_status(context: Context, text: str) -> int:
    if not text:
        return -1
    return parsers.integer(0, 255, "exit status")(context, text)


def _condition(kind: str, is_path: bool) -> Callable[[Context, str], tuple[Condition, ...]]:
    def parse(context: Context, text: str) -> tuple[Condition, ...]:
        # Behind the marks there may be spaces, but not before a path.
        is_triggering = text.startswith("|")
        rest = text[1:] if is_triggering else text
        rest = rest if is_path else rest.lstrip(" \t")
        is_negated = rest.startswith("!")
        rest = rest[1:] if is_negated else rest
        if is_path:
            parameter = parsers.check_path(context, context.expand(rest, is_quoted=False))
        else:
            parameter = context.expand(rest.lstrip(" \t"))
        return (Condition(kind, parameter, is_triggering, is_negated),)

    return parse


def _show_conditions(field: str, front: str) -> Callable[[Any, LoadFacts], Any]:
    def show(settings: Any, facts: LoadFacts) -> Any:
        # The last item is the result of the last check, which the unit knows. Newest first, as systemd lists them.
        return [
            (front + item.kind, item.is_triggering, item.is_negated, item.parameter, 0)
            for item in reversed(getattr(settings, field))
        ]

    return show


def _unit(key: str, field: str, parse: Callable[..., Any], signature: str = "", merge: Merge = Merge.REPLACE,
          property_name: str = "", fate: Fate = Fate.APPLIED, reason: str = "") -> Directive:
    properties = (shows(property_name or key, signature, field),) if signature else ()
    return Directive(key, Group.UNIT, field, parse, merge, properties, fate, reason)


_job_mode = parsers.member_of(JobMode, "job mode")
_START_LIMIT_INTERVAL = parsers.seconds()
_NO_REBOOT = "a container is ended, there is no kernel to hand an argument to"

UNIT: tuple[Directive, ...] = (
    *(Directive(key, Group.UNIT, "", _dependency(kind), Merge.SPREAD) for key, kind in _DEPENDENCIES.items()),
    _unit("RequiresMountsFor", "requires_mounts_for", _requires_mounts_for, "as", Merge.FOLD),
    _unit("Documentation", "documentation", _documentation, "as", Merge.APPEND),
    _unit("Description", "description", parsers.expanded, "s", Merge.REPLACE_OR_RESET),
    _unit("SourcePath", "source_path", parsers.path, "s", Merge.REPLACE_OR_RESET),
    _unit("StopWhenUnneeded", "stop_when_unneeded", parsers.boolean, "b"),
    _unit("RefuseManualStart", "refuse_manual_start", parsers.boolean, "b"),
    _unit("RefuseManualStop", "refuse_manual_stop", parsers.boolean, "b"),
    _unit("AllowIsolate", "allow_isolate", parsers.boolean, "b"),
    _unit("DefaultDependencies", "default_dependencies", parsers.boolean, "b"),
    _unit("OnSuccessJobMode", "on_success_job_mode", _job_mode, "s"),
    _unit("OnFailureJobMode", "on_failure_job_mode", _job_mode, "s"),
    _unit("OnFailureIsolate", "on_failure_job_mode", _on_failure_isolate),
    _unit("IgnoreOnIsolate", "ignore_on_isolate", parsers.boolean, "b"),
    _unit("SurviveFinalKillSignal", "survive_final_kill_signal", parsers.boolean, fate=Fate.IGNORED,
          reason="when the container ends, everything in it ends; so it does at a soft-reboot"),
    _unit("JobTimeoutSec", "job_timeout_usec", _job_timeout, "t", property_name="JobTimeoutUSec"),
    _unit("JobRunningTimeoutSec", "job_running_timeout_usec", _job_timeout, "t", property_name="JobRunningTimeoutUSec"),
    _unit("JobTimeoutAction", "job_timeout_action", _action, "s"),
    _unit("JobTimeoutRebootArgument", "job_timeout_reboot_argument", parsers.expanded, "s", Merge.REPLACE_OR_RESET,
          fate=Fate.IGNORED, reason=_NO_REBOOT),
    _unit("StartLimitIntervalSec", "start_limit_interval_usec", _START_LIMIT_INTERVAL, "t",
          property_name="StartLimitIntervalUSec"),
    _unit("StartLimitInterval", "start_limit_interval_usec", _START_LIMIT_INTERVAL),
    _unit("StartLimitBurst", "start_limit_burst", parsers.unsigned, "u"),
    _unit("StartLimitAction", "start_limit_action", _action, "s"),
    _unit("FailureAction", "failure_action", _action, "s"),
    _unit("FailureActionExitStatus", "failure_action_exit_status", _exit_status, "i"),
    _unit("SuccessAction", "success_action", _action, "s"),
    _unit("SuccessActionExitStatus", "success_action_exit_status", _exit_status, "i"),
    _unit("RebootArgument", "reboot_argument", parsers.expanded, "s", Merge.REPLACE_OR_RESET, fate=Fate.IGNORED,
          reason=_NO_REBOOT),
    _unit("CollectMode", "collect_mode", parsers.member_of(CollectMode, "garbage collection mode"), "s"),
    *(
        Directive(front + kind, Group.UNIT, field, _condition(kind, kind in _PATH_CONDITIONS), Merge.APPEND)
        for front, field in (("Condition", "conditions"), ("Assert", "asserts"))
        for kind in _PATH_CONDITIONS + _CONDITIONS
    ),
)

#: Properties of [Unit] that no single directive owns.
EXTRA_PROPERTIES = (
    Property("Conditions", "a(sbbsi)", _show_conditions("conditions", "Condition")),
    Property("Asserts", "a(sbbsi)", _show_conditions("asserts", "Assert")),
)

#: Keys of a [Service] section that belong to [Unit]; systemd still takes them there.
LEGACY_SERVICE = tuple(
    Directive(item.key, Group.UNIT, item.field, item.parse, item.merge, (), item.fate, item.reason)
    for item in UNIT
    if item.key in ("StartLimitInterval", "StartLimitBurst", "StartLimitAction", "FailureAction", "RebootArgument")
)


def _install_words(context: Context, text: str) -> tuple[str, ...]:
    # Specifiers stay: which instance is being enabled decides what they mean.
    return tuple(parsers.split(context, text))


def _default_instance(context: Context, text: str) -> str:
    return text


INSTALL: tuple[Directive, ...] = (
    Directive("Alias", Group.INSTALL, "alias", _install_words, Merge.APPEND),
    Directive("WantedBy", Group.INSTALL, "wanted_by", _install_words, Merge.APPEND),
    Directive("RequiredBy", Group.INSTALL, "required_by", _install_words, Merge.APPEND),
    Directive("UpheldBy", Group.INSTALL, "upheld_by", _install_words, Merge.APPEND, (), Fate.IGNORED,
              "enabling makes no .upholds/ links yet"),
    Directive("Also", Group.INSTALL, "also", _install_words, Merge.APPEND),
    Directive("DefaultInstance", Group.INSTALL, "default_instance", _default_instance, Merge.REPLACE_OR_RESET),
)
