"""What becomes of a directive on this machine: applied, degraded or ignored, and why.

The directive table says what we can do at best. What the container has to allow for it stands here, as one rule a
field: a function of the value that is in force and of `Allowed`. A directive whose value is the default asks for
nothing, and so nothing of it is lost. Asked by `pyinit check` and by the page of all directives; decides nothing about
how a unit runs.
"""

from __future__ import annotations

from initd.core import capabilities
from initd.core.directive import Directive
from initd.core.directives import TABLE
from initd.core.fates_sandbox import SANDBOX_RULES
from initd.core.judgement import Judgement, Rule
from initd.core.personality import PERSONALITIES
from initd.core.sections import Group
from initd.core.settings import ServiceSettings, Settings, UnitDefinition
from initd.core.settings_exec import CgroupSettings, ExecSettings
from initd.core.sources import DIRECTORY_BASES, Allowed
from initd.core.states import Fate
from initd.core.values import INFINITY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_SETGID, _SETUID, _SETPCAP, _SYS_CHROOT, _SYS_ADMIN, _SYS_NICE, _SYS_RESOURCE, _SYS_TTY_CONFIG = 6, 7, 8, 18, 21, 23, 24, 26
_REALTIME_POLICIES, _IO_REALTIME = (1, 2), 1

#: Sections of unit types that the manager does not run, or not in most containers: none of their directives has an effect.
NOT_RUN = {
    "Automount": "automount points need /dev/autofs, which containers do not have by default",
    "Swap": "swap is the host's",
}
#: Groups where a value that is the default is the same as no directive at all.
_QUIET_BY_DEFAULT = frozenset((Group.EXEC, Group.CGROUP))


APPLIED = Judgement(Fate.APPLIED)
_NO_TREE = "no cgroup tree is writable"


def judge(section: str, directive: Directive, definition: UnitDefinition | None, allowed: Allowed) -> Judgement:
    """The fate of a directive that a unit sets; without a definition, that of the directive in general."""
    if section in NOT_RUN and not (section == "Automount" and allowed.has_automounts):
        return Judgement(Fate.IGNORED, NOT_RUN[section])
    if not directive.field:
        return Judgement(directive.fate, directive.reason)
    settings = settings_of(definition, directive.group) if definition is not None else None
    if settings is None:
        return Judgement(directive.fate, directive.reason)
    value = getattr(settings, directive.field)
    if directive.fate is not Fate.APPLIED:
        if directive.group in _QUIET_BY_DEFAULT and value == getattr(type(settings), directive.field):
            return APPLIED
        return Judgement(directive.fate, directive.reason)
    rule = rule_of(directive)
    return rule and rule.judge(settings if rule.is_of_unit else value, allowed) or APPLIED


def rule_of(directive: Directive) -> Rule | None:
    """The rule of a directive that can be applied; None where nothing has to be allowed for it."""
    if directive.group is Group.EXEC and directive.field == "limits":
        return _limit_rule(directive.key.removeprefix("Limit").lower())
    if directive.group is Group.EXEC and directive.field in SANDBOX_RULES:
        return SANDBOX_RULES[directive.field]
    return _RULES.get((directive.group, directive.field))


def settings_of(definition: UnitDefinition, group: Group) -> Settings | None:
    found = getattr(definition, group.value)
    assert found is None or isinstance(found, Settings)
    return found


def directives_of(section: str) -> list[Directive]:
    """Every directive of a section, in the order of the man pages as far as the table has it."""
    found = [directive for (name, _), directive in TABLE.items() if name == section]
    return found if section in ("Unit", "Install") else found[::-1]


# --- rules --------------------------------------------------------------------------------------------------------


def _has(allowed: Allowed, capability: int) -> bool:
    return bool(allowed.capabilities >> capability & 1)


def _limit_rule(resource: str) -> Rule:
    def judge(limits: dict[str, tuple[int, int]], allowed: Allowed) -> Judgement | None:
        ceiling = allowed.hard_limits.get(resource)
        wanted = limits.get(resource)
        if wanted is None or ceiling is None or wanted[1] <= ceiling or _has(allowed, _SYS_RESOURCE):
            return None
        text = "infinity" if wanted[1] == INFINITY else str(wanted[1])
        return Judgement(Fate.DEGRADED, f"{text} is above the container's hard limit, {ceiling}, which is set instead")

    return Rule("a hard limit above the container's needs CAP_SYS_RESOURCE", judge)


def _needs(capability: int, fate: Fate, when: str, is_wanted: Callable[[Any], bool]) -> Rule:
    """What needs one capability, for some values."""
    name = capabilities.NAMES[capability].upper()

    def judge(value: Any, allowed: Allowed) -> Judgement | None:
        if not is_wanted(value) or _has(allowed, capability):
            return None
        return Judgement(fate, f"needs {name}" + ("" if fate is Fate.IGNORED else ": the unit cannot start without"))

    return Rule(f"{when}{name}", judge)


def _judge_user(value: Any, allowed: Allowed) -> Judgement | None:
    if value in ("", "root", "0", (), str(allowed.uid)) or allowed.uid == 0 and _has(allowed, _SETUID) and _has(
        allowed, _SETGID
    ):
        return None
    return Judgement(Fate.DEGRADED, "needs CAP_SETUID and CAP_SETGID: the unit cannot start without")


def _judge_nice(value: int | None, allowed: Allowed) -> Judgement | None:
    lowest = 20 - (allowed.hard_limits.get("nice") or 0)
    if value is None or value >= 0 or _has(allowed, _SYS_NICE) or lowest <= value:
        return None
    if lowest >= 0:
        return Judgement(Fate.IGNORED, "needs CAP_SYS_NICE")
    return Judgement(Fate.DEGRADED, f"needs CAP_SYS_NICE: {lowest}, as near as the container allows, is set instead")


def _judge_ambient(value: int, allowed: Allowed) -> Judgement | None:
    missing = value & ~allowed.capabilities
    if not missing:
        return None
    fate = Fate.IGNORED if missing == value else Fate.DEGRADED
    return Judgement(fate, "the container does not have " + " ".join(capabilities.names(missing)).upper())


def _judge_slice(value: str, allowed: Allowed) -> Judgement | None:
    if allowed.has_cgroups:
        return None
    return Judgement(Fate.DEGRADED, f"{_NO_TREE}: the slice orders and stops its units, and no more")


def _controlled(field: str, controller: str, group: type[Settings] = CgroupSettings, nothing: str = "") -> Rule:
    """What the kernel does for a cgroup, where the tree is writable and has the controller. `nothing`: the value that asks
    for nothing, where it is not the default."""
    default = nothing or getattr(group, field)

    def judge(value: Any, allowed: Allowed) -> Judgement | None:
        if value == default or allowed.has_cgroups and controller in allowed.controllers:
            return None
        missing = f"the cgroup controller \"{controller}\" is not there" if allowed.has_cgroups else _NO_TREE
        return Judgement(Fate.IGNORED, missing)

    return Rule(f"a writable cgroup tree with the controller \"{controller}\"", judge)


def _directory_rule(field: str, base: str) -> Rule:
    """Of the directories, and of their mode."""

    def judge(settings: ExecSettings, allowed: Allowed) -> Judgement | None:
        if not getattr(settings, field) or base not in allowed.unwritable:
            return None
        return Judgement(Fate.DEGRADED, f"{base} cannot be written: what is not there yet keeps the unit from starting")

    return Rule(f"{base} can be written", judge, True)


def _judge_delegate(value: bool, allowed: Allowed) -> Judgement | None:
    return Judgement(Fate.IGNORED, _NO_TREE) if value and not allowed.has_cgroups else None


def _judge_accounting(value: bool | None, allowed: Allowed) -> Judgement | None:
    if not value or allowed.has_cgroups:
        return None
    return Judgement(Fate.DEGRADED, f"{_NO_TREE}: counted over the unit's processes instead")


def _judge_keyring(value: str, allowed: Allowed) -> Judgement | None:
    if allowed.can_use_keyrings or value == "inherit":
        return None
    return Judgement(Fate.IGNORED, "the container does not allow keyctl(2)")


def _judge_personality(value: str, allowed: Allowed) -> Judgement | None:
    if not value or value in PERSONALITIES.get(allowed.machine, ()):
        return None
    return Judgement(Fate.IGNORED, f"this machine, {allowed.machine}, cannot pretend to be that")


def _judge_output(value: str, allowed: Allowed) -> Judgement | None:
    if value not in ("kmsg", "kmsg+console"):
        return None
    return Judgement(Fate.DEGRADED, "to the journal alone: the kernel's log is the host's")


#: Setting → the controller that does it.
_CONTROLLED = {
    "allowed_cpus": "cpuset", "allowed_memory_nodes": "cpuset", "cpu_weight": "cpu", "cpu_shares": "cpu",
    "cpu_quota_per_sec_usec": "cpu", "cpu_quota_period_usec": "cpu", "memory_min": "memory", "memory_low": "memory",
    "memory_high": "memory", "memory_max": "memory", "memory_swap_max": "memory", "memory_limit": "memory",
    "startup_allowed_cpus": "cpuset", "startup_allowed_memory_nodes": "cpuset", "startup_cpu_weight": "cpu",
    "startup_cpu_shares": "cpu", "startup_io_weight": "io", "default_memory_min": "memory", "default_memory_low": "memory",
    "io_accounting": "io", "io_weight": "io", "io_device_weight": "io", "io_read_bandwidth_max": "io",
    "io_write_bandwidth_max": "io", "io_read_iops_max": "io", "io_write_iops_max": "io",
    "io_device_latency_target_usec": "io", "tasks_max": "pids",
}
_ACCOUNTING = Rule("a writable cgroup tree, else it is counted over the unit's processes", _judge_accounting)
_IDENTITY = Rule("another user than the manager's needs CAP_SETUID and CAP_SETGID", _judge_user)
_RULES: dict[tuple[Group, str], Rule] = {
    (Group.EXEC, "user"): _IDENTITY,
    (Group.EXEC, "group"): _IDENTITY,
    (Group.EXEC, "supplementary_groups"): _IDENTITY,
    (Group.EXEC, "root_directory"): _needs(_SYS_CHROOT, Fate.DEGRADED, "needs ", bool),
    (Group.EXEC, "capability_bounding_set"): _needs(_SETPCAP, Fate.DEGRADED, "needs ", lambda mask: mask is not None),
    (Group.EXEC, "secure_bits"): _needs(_SETPCAP, Fate.DEGRADED, "needs ", bool),
    (Group.EXEC, "ambient_capabilities"): Rule("only what the container has itself", _judge_ambient),
    (Group.EXEC, "nice"): Rule("below 0 needs CAP_SYS_NICE", _judge_nice),
    (Group.EXEC, "oom_score_adjust"): _needs(
        _SYS_RESOURCE, Fate.IGNORED, "below the container's own needs ", lambda value: value is not None and value < 0),
    (Group.EXEC, "cpu_scheduling_policy"): _needs(
        _SYS_NICE, Fate.IGNORED, "fifo and rr need ", lambda policy: policy in _REALTIME_POLICIES),
    (Group.EXEC, "cpu_scheduling_priority"): _needs(
        _SYS_NICE, Fate.IGNORED, "above 0 needs ", lambda priority: priority > 0),
    (Group.EXEC, "io_scheduling_class"): _needs(
        _SYS_NICE, Fate.IGNORED, "realtime needs ", lambda io_class: io_class == _IO_REALTIME),
    (Group.EXEC, "tty_vhangup"): _needs(_SYS_TTY_CONFIG, Fate.IGNORED, "needs ", bool),
    (Group.SPECIFIC, "what"): _needs(_SYS_ADMIN, Fate.DEGRADED, "needs ", bool),
    (Group.EXEC, "personality"): Rule("what this machine can pretend to be", _judge_personality),
    (Group.EXEC, "standard_output"): Rule("kmsg is as journal", _judge_output),
    (Group.EXEC, "standard_error"): Rule("kmsg is as journal", _judge_output),
    (Group.EXEC, "keyring_mode"): Rule("keyctl(2), which a container may forbid", _judge_keyring),
    **{(Group.EXEC, field + ending): _directory_rule(field, base)
       for field, base in DIRECTORY_BASES.items() for ending in ("", "_mode")},
    (Group.CGROUP, "delegate"): Rule("a writable cgroup tree", _judge_delegate),
    (Group.CGROUP, "cpu_accounting"): _ACCOUNTING,
    (Group.CGROUP, "memory_accounting"): _ACCOUNTING,
    (Group.CGROUP, "tasks_accounting"): _ACCOUNTING,
    **{(Group.CGROUP, field): _controlled(field, controller) for field, controller in _CONTROLLED.items()},
    (Group.CGROUP, "slice"): Rule("a writable cgroup tree, else it orders and stops its units only", _judge_slice),
    (Group.SPECIFIC, "oom_policy"): _controlled("oom_policy", "memory", ServiceSettings, "continue"),
}
