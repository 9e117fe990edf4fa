"""The directives of the small unit types: [Timer], [Path], [Mount], [Automount] and [Swap]."""

from __future__ import annotations

from initd.core import calendar, parsers, timespan
from initd.core.directive import BadValue, Context, Directive, Merge, Property, shows
from initd.core.sections import Group
from initd.core.states import Fate
from initd.core.values import INFINITY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_RESET = Merge.REPLACE_OR_RESET
_seconds = parsers.seconds()


def _own(key: str, field: str, parse: Callable[..., Any], signature: str = "", merge: Merge = Merge.REPLACE,
         property_name: str = "", fate: Fate = Fate.APPLIED, reason: str = "") -> Directive:
    properties = (shows(property_name or key, signature, field),) if signature else ()
    return Directive(key, Group.SPECIFIC, field, parse, merge, properties, fate, reason)


def _triggered_unit(context: Context, text: str, old: str) -> str:
    """The first one that is valid counts."""
    if old:
        raise BadValue(f"Multiple units to trigger specified, ignoring: {text}")
    try:
        name = parsers.unit_name(context, text)
    except BadValue:
        raise
    except ValueError as error:
        raise BadValue(f"Failed to load unit {error}, ignoring: Unit name {error} is not valid.") from None
    own_type = context.name.rpartition(".")[2]
    if name.endswith("." + own_type):
        raise BadValue(f"Trigger cannot be of same type, ignoring: {name}")
    return name


# --- timer --------------------------------------------------------------------------------------------------------


def _monotonic(context: Context, text: str) -> None:
    if not text:
        return _forget(context)
    expanded = context.expand(text)
    try:
        usec = timespan.parse(expanded)
    except ValueError:
        raise BadValue(f"Failed to parse timer value, ignoring: {expanded}") from None
    context.draft.append(Group.SPECIFIC, "monotonic", ((context.key.removesuffix("Sec"), usec),))


def _forget(context: Context) -> None:
    """An empty timer line of any kind forgets all of them, calendar ones included."""
    context.draft.set(Group.SPECIFIC, "monotonic", ())
    context.draft.set(Group.SPECIFIC, "calendar", ())


def _calendar(context: Context, text: str) -> None:
    if not text:
        return _forget(context)
    expanded = context.expand(text)
    try:
        spec = calendar.parse(expanded, context.facts.is_time_zone, context.facts.local_zone_names)
    except calendar.CalendarError:
        raise BadValue(f"Failed to parse calendar specification, ignoring: {expanded}") from None
    context.draft.append(Group.SPECIFIC, "calendar", (calendar.format(spec, context.facts.local_zone_names),))


TIMER: tuple[Directive, ...] = (
    Directive("OnCalendar", Group.SPECIFIC, "calendar", _calendar, Merge.SPREAD, (
        Property("TimersCalendar", "a(sst)", lambda settings, facts: [
            ("OnCalendar", text, 0) for text in reversed(settings.calendar)
        ]),
    )),
    Directive("OnActiveSec", Group.SPECIFIC, "monotonic", _monotonic, Merge.SPREAD, (
        Property("TimersMonotonic", "a(stt)", lambda settings, facts: [
            (kind + "USec", usec, 0) for kind, usec in reversed(settings.monotonic)
        ]),
    )),
    *(
        Directive(key, Group.SPECIFIC, "monotonic", _monotonic, Merge.SPREAD)
        for key in ("OnBootSec", "OnStartupSec", "OnUnitActiveSec", "OnUnitInactiveSec")
    ),
    _own("OnClockChange", "on_clock_change", parsers.boolean, "b"),
    _own("OnTimezoneChange", "on_timezone_change", parsers.boolean, "b"),
    _own("Persistent", "persistent", parsers.boolean, "b"),
    _own("WakeSystem", "wake_system", parsers.boolean, "b", fate=Fate.IGNORED,
         reason="a container cannot wake the machine"),
    _own("RemainAfterElapse", "remain_after_elapse", parsers.boolean, "b"),
    _own("FixedRandomDelay", "fixed_random_delay", parsers.boolean, "b"),
    _own("AccuracySec", "accuracy_usec", _seconds, "t", property_name="AccuracyUSec"),
    _own("RandomizedDelaySec", "randomized_delay_usec", _seconds, "t", property_name="RandomizedDelayUSec"),
    _own("Unit", "unit", _triggered_unit, "s", Merge.FOLD_ALL),
)

# --- path ---------------------------------------------------------------------------------------------------------


def _watched(context: Context, text: str) -> tuple[tuple[str, str], ...]:
    return ((context.key, parsers.path(context, text)),)


_WATCHES = ("PathExists", "PathExistsGlob", "PathChanged", "PathModified", "DirectoryNotEmpty")

PATH: tuple[Directive, ...] = (
    *(Directive(key, Group.SPECIFIC, "paths", _watched, Merge.APPEND) for key in _WATCHES),
    _own("Unit", "unit", _triggered_unit, "s", Merge.FOLD_ALL),
    _own("MakeDirectory", "make_directory", parsers.boolean, "b"),
    _own("DirectoryMode", "directory_mode", parsers.mode, "u"),
    _own("TriggerLimitIntervalSec", "trigger_limit_interval_usec", _seconds, "t",
         property_name="TriggerLimitIntervalUSec"),
    _own("TriggerLimitBurst", "trigger_limit_burst", parsers.unsigned, "u"),
)
PATH_PROPERTIES = (
    Property("Paths", "a(ss)", lambda settings, facts: list(reversed(settings.paths))),
)

# --- mount, automount, swap -----------------------------------------------------------------------------------------

_timeout = parsers.seconds(zero=INFINITY)


def _what(context: Context, text: str) -> str:
    return parsers.simplify(context.expand(text)) if text.startswith("/") else context.expand(text)


MOUNT: tuple[Directive, ...] = (
    _own("What", "what", _what, "s", _RESET),
    _own("Where", "where", parsers.path, "s", _RESET),
    _own("Options", "options", parsers.expanded, "s", _RESET),
    _own("Type", "type", parsers.expanded, "s", _RESET),
    _own("TimeoutSec", "timeout_usec", _timeout, "t", property_name="TimeoutUSec"),
    _own("DirectoryMode", "directory_mode", parsers.mode, "u"),
    _own("SloppyOptions", "sloppy_options", parsers.boolean, "b"),
    _own("LazyUnmount", "lazy_unmount", parsers.boolean, "b"),
    _own("ForceUnmount", "force_unmount", parsers.boolean, "b"),
    _own("ReadWriteOnly", "read_write_only", parsers.boolean, "b"),
)

AUTOMOUNT: tuple[Directive, ...] = (
    _own("Where", "where", parsers.path, "s", _RESET),
    _own("ExtraOptions", "extra_options", parsers.expanded, "s", _RESET),
    _own("DirectoryMode", "directory_mode", parsers.mode, "u"),
    _own("TimeoutIdleSec", "timeout_idle_usec", _seconds, "t", property_name="TimeoutIdleUSec"),
)

_NO_SWAP = "swap is the host's"
SWAP: tuple[Directive, ...] = (
    _own("What", "what", parsers.path, "s", _RESET, fate=Fate.IGNORED, reason=_NO_SWAP),
    Directive("Priority", Group.SPECIFIC, "priority", parsers.integer(-1, 32767, "swap priority"), _RESET,
              (shows("Priority", "i", "priority", -1),), Fate.IGNORED, _NO_SWAP),
    _own("Options", "options", parsers.expanded, "s", _RESET, fate=Fate.IGNORED, reason=_NO_SWAP),
    _own("TimeoutSec", "timeout_usec", _timeout, "t", property_name="TimeoutUSec", fate=Fate.IGNORED, reason=_NO_SWAP),
)
