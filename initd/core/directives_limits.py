"""The directives of systemd.exec(5) that say how much a process may use and do: limits, scheduling, capabilities."""

from __future__ import annotations

from initd.core import capabilities, numbers, parsers, timespan
from initd.core.directive import BadValue, Context, Directive, Merge, Property, shows, shows_fact
from initd.core.numbers import NumberRangeError, fault, to_int
from initd.core.sections import Group
from initd.core.settings_exec import NUMA_POLICIES
from initd.core.sources import LoadFacts
from initd.core.unfinished import Numbers
from initd.core.values import INFINITY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_LIMITS = (
    "CPU FSIZE DATA STACK CORE RSS NOFILE AS NPROC MEMLOCK LOCKS SIGPENDING MSGQUEUE NICE RTPRIO RTTIME"
).split()
_SIZE_LIMITS = frozenset("FSIZE DATA STACK CORE RSS AS MEMLOCK MSGQUEUE".split())


def _limit_value(name: str, text: str) -> int:
    """One number of a limit; ValueError where it is none."""
    word = text.strip()
    if word == "infinity":
        return INFINITY
    if name == "CPU":
        return -(-timespan.parse(word) // 1_000_000)
    if name == "RTTIME":
        return timespan.parse(word, 1)
    if name == "NICE" and word[:1] in ("+", "-"):
        return 20 - to_int(word, -20, 19)
    if name == "NICE":
        return to_int(word, 0, 40)
    return numbers.to_size(word) if name in _SIZE_LIMITS else to_int(word, 0, INFINITY - 1)


def parse_limit(name: str, text: str) -> tuple[int, int]:
    """(soft, hard) from "soft:hard" or one number for both; ValueError where it is no limit."""
    soft_text, colon, hard_text = text.partition(":")
    soft = _limit_value(name, soft_text)
    hard = _limit_value(name, hard_text) if colon else soft
    if soft > hard:
        raise BadValue(f"Soft resource limit chosen higher than hard limit, ignoring: {text}")
    return soft, hard


def _limit(name: str) -> Directive:
    low = name.lower()

    def parse(context: Context, text: str, old: dict[str, tuple[int, int]]) -> dict[str, tuple[int, int]]:
        if not text:
            raise parsers.bad("resource value", text)
        try:
            return old | {low: parse_limit(name, text)}
        except BadValue:
            raise
        except ValueError:
            raise parsers.bad("resource value", text) from None

    def show(position: int) -> Callable[[Any, LoadFacts], int]:
        def value(settings: Any, facts: LoadFacts) -> int:
            limit = settings.limits.get(low) or facts.limits.get(low) or (INFINITY, INFINITY)
            return int(limit[position])

        return value

    properties = (Property("Limit" + name, "t", show(1)), Property(f"Limit{name}Soft", "t", show(0)))
    return Directive("Limit" + name, Group.EXEC, "limits", parse, Merge.FOLD_ALL, properties)


_SECURE_BITS = {
    "noroot": 1, "noroot-locked": 2, "no-setuid-fixup": 4, "no-setuid-fixup-locked": 8, "keep-caps": 16,
    "keep-caps-locked": 32,
}


def _secure_bits(context: Context, text: str) -> int:
    """A line replaces the one before, and words that mean nothing are passed over, as systemd 252 does."""
    bits = 0
    for word in parsers.split(context, text):
        if word in _SECURE_BITS:
            bits |= _SECURE_BITS[word]
        else:
            context.warn(f"Failed to parse secure bit \"{word}\", ignoring.")
    return bits


def _capabilities(context: Context, text: str, old: int | None) -> int:
    """A set to allow, or with "~" a set to forbid; later lines add to earlier ones."""
    is_inverted = text.startswith("~")
    listed = 0
    for word in parsers.split(context, text[1:] if is_inverted else text):
        try:
            listed |= 1 << capabilities.number(word)
        except ValueError:
            context.warn(f"Failed to parse capability name, ignoring: {word}")
    if not listed or old is None:
        return capabilities.ALL & ~listed if is_inverted else listed
    return old & ~listed if is_inverted else old | listed


def _ambient_capabilities(context: Context, text: str, old: int) -> int:
    return _capabilities(context, text, old or None)


_POLICIES = {"other": 0, "fifo": 1, "rr": 2, "batch": 3, "idle": 5}


def _scheduling_policy(context: Context, text: str) -> None:
    if not text:
        context.draft.unset(Group.EXEC, "cpu_scheduling_policy")
        context.draft.unset(Group.EXEC, "cpu_scheduling_priority")
        return
    try:
        policy = _POLICIES[text] if text in _POLICIES else to_int(text, 0, 2**31 - 1)
    except ValueError:
        raise parsers.bad("CPU scheduling policy", text) from None
    context.draft.set(Group.EXEC, "cpu_scheduling_policy", policy)
    # The real-time policies know the priorities 1 to 99, the others 0 alone; of a number that is none, nothing is known.
    low, high = (1, 99) if policy in (1, 2) else (0, 0) if policy in _POLICIES.values() else (-1, -1)
    priority = context.draft.get(Group.EXEC, "cpu_scheduling_priority")
    context.draft.set(Group.EXEC, "cpu_scheduling_priority", min(max(priority, low), high))


def _cpu_affinity(context: Context, text: str, old: Numbers | tuple[int | str, ...]) -> Numbers | tuple[str]:
    return ("numa",) if text == "numa" else parsers.cpu_set(context, text, old)


def _numa_mask(context: Context, text: str) -> tuple[int, ...]:
    return parsers.cpu_set(context, text).finish()


def _show_numa_policy(settings: Any, facts: LoadFacts) -> int:
    """A mask without a policy is one of "preferred", for systemd 252."""
    return NUMA_POLICIES.get(settings.numa_policy, 1 if settings.numa_mask else -1)


_IO_CLASSES = {"none": 0, "realtime": 1, "best-effort": 2, "idle": 3, "0": 0, "1": 1, "2": 2, "3": 3}
_COREDUMP_BITS = {
    "private-anonymous": 1, "shared-anonymous": 2, "private-file-backed": 4, "shared-file-backed": 8, "elf-headers": 16,
    "private-huge": 32, "shared-huge": 64, "private-dax": 128, "shared-dax": 256, "default": 0x33, "all": 2**32 - 1,
}


def _io_class(context: Context, text: str) -> int:
    if text not in _IO_CLASSES:
        raise parsers.bad("IO scheduling class", text)
    return _IO_CLASSES[text]


def _coredump_filter(context: Context, text: str, old: int | None) -> int:
    mask = old or 0
    for word in text.split():
        try:
            if word[0] in "+-":
                raise ValueError(word)
            bits = _COREDUMP_BITS[word] if word in _COREDUMP_BITS else int(word.removeprefix("0x"), 16)
        except ValueError:
            raise BadValue(f"Failed to parse the CoredumpFilter={text}, ignoring: Invalid argument") from None
        if not 0 <= bits < 2**64:
            raise BadValue(f"Failed to parse the CoredumpFilter={text}, ignoring: Numerical result out of range")
        mask |= bits
    return mask


def _nice(context: Context, text: str) -> int:
    try:
        return to_int(text, -20, 19)
    except NumberRangeError:
        raise BadValue(f"Nice priority out of range, ignoring: {text}") from None
    except ValueError as error:
        raise BadValue(f"Failed to parse nice priority '{text}', ignoring: {fault(error)}") from None


def _oom_score_adjust(context: Context, text: str) -> int:
    try:
        return to_int(text, -1000, 1000)
    except NumberRangeError:
        raise BadValue(f"OOM score adjust value out of range, ignoring: {text}") from None
    except ValueError as error:
        raise BadValue(f"Failed to parse the OOM score adjust value '{text}', ignoring: {fault(error)}") from None


# --- the table ------------------------------------------------------------------------------------------------------


def _exec(key: str, field: str, parse: Callable[..., Any], signature: str, merge: Merge = Merge.REPLACE,
          default: Any = None) -> Directive:
    return Directive(key, Group.EXEC, field, parse, merge, (shows(key, signature, field, default),))


_RESET = Merge.REPLACE_OR_RESET

LIMITS: tuple[Directive, ...] = (
    _exec("Nice", "nice", _nice, "i", _RESET, 0),
    Directive("OOMScoreAdjust", Group.EXEC, "oom_score_adjust", _oom_score_adjust, _RESET,
              (shows_fact("OOMScoreAdjust", "i", "oom_score_adjust", "oom_score_adjust"),)),
    Directive("CoredumpFilter", Group.EXEC, "coredump_filter", _coredump_filter, Merge.FOLD,
              (shows_fact("CoredumpFilter", "t", "coredump_filter", "coredump_filter"),)),
    _exec("IOSchedulingClass", "io_scheduling_class", _io_class, "i", _RESET, 2),
    _exec("IOSchedulingPriority", "io_scheduling_priority", parsers.integer(0, 7, "IO priority"), "i", _RESET),
    Directive("CPUSchedulingPolicy", Group.EXEC, "cpu_scheduling_policy", _scheduling_policy, Merge.SPREAD,
              (shows("CPUSchedulingPolicy", "i", "cpu_scheduling_policy", 0),)),
    _exec("CPUSchedulingPriority", "cpu_scheduling_priority", parsers.integer(0, 99, "CPU scheduling priority"), "i",
          _RESET),
    _exec("CPUSchedulingResetOnFork", "cpu_scheduling_reset_on_fork", parsers.boolean, "b"),
    Directive("CPUAffinity", Group.EXEC, "cpu_affinity", _cpu_affinity, Merge.FOLD, (
        Property("CPUAffinity", "ay", lambda settings, facts: parsers.cpu_mask(settings.cpu_affinity)),
        Property("CPUAffinityFromNUMA", "b", lambda settings, facts: settings.cpu_affinity == ("numa",)),
    )),
    Directive("NUMAPolicy", Group.EXEC, "numa_policy", parsers.word_of(NUMA_POLICIES, "NUMA policy"), _RESET, (
        Property("NUMAPolicy", "i", _show_numa_policy),
    )),
    Directive("NUMAMask", Group.EXEC, "numa_mask", _numa_mask, _RESET, (
        Property("NUMAMask", "ay", lambda settings, facts: parsers.cpu_mask(settings.numa_mask)),
    )),
    Directive("SecureBits", Group.EXEC, "secure_bits", _secure_bits, Merge.REPLACE_OR_RESET,
              (shows("SecureBits", "i", "secure_bits"),)),
    Directive("CapabilityBoundingSet", Group.EXEC, "capability_bounding_set", _capabilities, Merge.FOLD_ALL,
              (shows_fact("CapabilityBoundingSet", "t", "capability_bounding_set", "capability_bounding_set"),)),
    Directive("AmbientCapabilities", Group.EXEC, "ambient_capabilities", _ambient_capabilities, Merge.FOLD_ALL,
              (shows("AmbientCapabilities", "t", "ambient_capabilities"),)),
    Directive("TimerSlackNSec", Group.EXEC, "timer_slack_nsec", parsers.nanoseconds, _RESET,
              (shows_fact("TimerSlackNSec", "t", "timer_slack_nsec", "timer_slack_nsec"),)),
    *(_limit(name) for name in _LIMITS),
)
