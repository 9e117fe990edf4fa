"""Which properties of `systemctl show` say something of the machine or of the moment, and nothing of the unit.

Everything else is compared. A property is left out by name, for the reason beside it.
"""

from __future__ import annotations

import re

#: Reason → what the names of such properties look like.
LEFT_OUT: dict[str, str] = {
    "when something happened": r".*Timestamp(Monotonic)?|.*(NextElapse|LastTrigger)USec.*",
    "which process, and how it ended": r".*PID|InvocationID|ExecMain(Code|Status)",
    "whether a condition held there": r"(Condition|Assert)Result",
    "whether a file changed there since it was read": r"NeedDaemonReload",
    "what the kernel counted": r"(Memory(Current|Available)|CPUUsageNSec|Tasks(Current|Max)|(IO(Read|Write)|IP(In|E)gress)\w+)",
    "where its cgroup was, and whether that kernel can freeze it": r"ControlGroup(Id)?|Effective(CPUs|MemoryNodes)|CanFreeze",
    "the limits that the recording container had itself": r"Limit(NPROC|SIGPENDING|MEMLOCK)(Soft)?",
}
_PATTERN = re.compile("|".join(f"({pattern})" for pattern in LEFT_OUT.values()))

#: Printed by systemd in the order of a hash table: compared as sets.
SETS = frozenset(
    "After Before Requires Requisite Wants WantedBy RequiredBy RequisiteOf Conflicts ConflictedBy BindsTo BoundBy PartOf "
    "ConsistsOf Upholds UpheldBy OnSuccess OnSuccessOf OnFailure OnFailureOf Names TriggeredBy Triggers RequiresMountsFor "
    "PropagatesReloadTo ReloadPropagatedFrom PropagatesStopTo StopPropagatedFrom JoinsNamespaceOf SliceOf References "
    "ReferencedBy IPAddressAllow IPAddressDeny RestrictNetworkInterfaces".split()
)


def is_left_out(name: str) -> bool:
    return _PATTERN.fullmatch(name) is not None


def normal(name: str, values: list[str]) -> list[str]:
    """The values as they are compared."""
    return sorted(" ".join(values).split()) if name in SETS else values


def parse_show(text: str) -> dict[str, list[str]]:
    """One unit's `systemctl show --all`: property → the values printed for it.

    A line without "Name=" goes on with the value before.
    """
    out: dict[str, list[str]] = {}
    last = ""
    for line in text.splitlines():
        name, equals, value = line.partition("=")
        if equals and name.isidentifier() and name[0].isupper():
            out.setdefault(name, []).append(value)
            last = name
        elif last:
            out[last][-1] += "\n" + line
    return out


def compared(shown: dict[str, list[str]]) -> dict[str, list[str]]:
    """What of an answer is compared, as it is compared. What is empty is as if it were not there."""
    found = {name: normal(name, values) for name, values in shown.items() if not is_left_out(name)}
    return {name: values for name, values in found.items() if values not in ([], [""])}
