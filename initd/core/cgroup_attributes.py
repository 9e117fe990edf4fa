"""What is to be written into a unit's cgroup, and which controllers it takes? (systemd.resource-control(5))

One list of (file, text) for cgroup v2; v1's hierarchy of names has no controllers, and so nothing to write. Which of the
files exist here is found out by who writes. Limits of devices name the device by path: its number is the machine's.
"""

from __future__ import annotations

from initd.core.record import Record
from initd.core.settings_exec import CgroupSettings
from initd.core.values import INFINITY

_QUOTA_PERIOD_USEC = 100_000
#: The kernel takes no less (cgroup-v2: cpu.max).
_QUOTA_MIN_USEC, _PERIOD_MIN_USEC, _PERIOD_MAX_USEC = 1_000, 1_000, 1_000_000
_WEIGHT_MIN, _WEIGHT_MAX, _WEIGHT, _SHARES = 1, 10_000, 100, 1024


TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class CgroupAttribute(Record):
    """`device` stands in front of the text as its number, where there is one. `is_default`: no file has asked for it, and
    it is not missed where it cannot be."""

    file: str
    text: str
    device: str = ""
    is_default: bool = False

    @property
    def controller(self) -> str:
        return "cpuset" if self.file.startswith("cpuset.") else self.file.partition(".")[0]


class Surroundings(Record):
    """What a unit's limits depend on beside its own settings. `is_startup`: the boot, or the shutdown, is under way.

    `tasks_max` is DefaultTasksMax=; the memory is what the unit's slice protects for those in it.
    """

    is_startup: bool = False
    tasks_max: int | None = None
    memory_min: int = 0
    memory_low: int = 0


#: For whoever has no place in the tree.
NOWHERE = Surroundings()


class CgroupPlan(Record):
    """A unit's cgroup as it should be."""

    attributes: tuple[CgroupAttribute, ...] = ()
    #: Handed over to the unit's user, who makes groups below it as they please (Delegate=).
    is_delegated: bool = False


#: What a file says that nobody has written to (cgroup-v2). The rest of what can be set are lists of devices.
_UNSET = {
    "cpu.weight": "100", "cpu.idle": "0", "cpu.max": "max", "cpuset.cpus": "", "cpuset.mems": "", "memory.min": "0",
    "memory.low": "0", "memory.high": "max", "memory.max": "max", "memory.swap.max": "max", "memory.oom.group": "0",
    "pids.max": "max", "io.weight": "default 100",
}


def changed_attributes(before: CgroupPlan, after: CgroupPlan) -> CgroupPlan:
    """What is to be written where `before` was in force: what is new, and the end of what is not wanted any longer."""
    files = {(each.file, each.device) for each in after.attributes}
    ended = [each.replace(text=_UNSET[each.file]) for each in before.attributes
             if (each.file, each.device) not in files and each.file in _UNSET and not each.device]
    new = [each for each in after.attributes if each not in before.attributes]
    return CgroupPlan((*ended, *new), False)


#: Settings that have a sister for the time of the boot and the shutdown (Startup…=).
_OF_STARTUP = ("cpu_weight", "cpu_shares", "allowed_cpus", "allowed_memory_nodes", "io_weight")
#: Setting of io.max → the word of the kernel's for it.
_IO_LIMITS = {
    "io_read_bandwidth_max": "rbps", "io_write_bandwidth_max": "wbps", "io_read_iops_max": "riops",
    "io_write_iops_max": "wiops",
}


def plan_cgroup(settings: CgroupSettings, kills_group: bool = False, surroundings: Surroundings = NOWHERE) -> CgroupPlan:
    """`kills_group`: the kernel's OOM killer takes all or none (OOMPolicy=kill)."""
    attributes = [*_cpu(settings, surroundings), *_memory(settings, surroundings), *_io(settings, surroundings)]
    if settings.tasks_max is not None:
        # No limit is what there is where it cannot be written.
        is_none = settings.tasks_max == INFINITY
        attributes.append(CgroupAttribute("pids.max", _limit(settings.tasks_max), is_default=is_none))
    elif surroundings.tasks_max is not None:
        attributes.append(CgroupAttribute("pids.max", _limit(surroundings.tasks_max), is_default=True))
    if kills_group:
        attributes.append(CgroupAttribute("memory.oom.group", "1"))
    return CgroupPlan(tuple(attributes), settings.delegate)


def has_startup_settings(settings: CgroupSettings) -> bool:
    """Its limits are others while the machine starts or is shut down."""
    return any(getattr(settings, f"startup_{field}") not in (None, ()) for field in _OF_STARTUP)


def _limit(value: int) -> str:
    return "max" if value == INFINITY else str(value)


def _now(settings: CgroupSettings, field: str, surroundings: Surroundings) -> Any:
    """A setting, or its sister where it is the time for that."""
    at_startup = getattr(settings, f"startup_{field}") if surroundings.is_startup else None
    return at_startup if at_startup not in (None, ()) else getattr(settings, field)


def _cpu(settings: CgroupSettings, surroundings: Surroundings) -> list[CgroupAttribute]:
    out = []
    weight, shares = _now(settings, "cpu_weight", surroundings), _now(settings, "cpu_shares", surroundings)
    if weight is None and shares is not None:
        weight = min(max(shares * _WEIGHT // _SHARES, _WEIGHT_MIN), _WEIGHT_MAX)
    if weight == 0:
        out.append(CgroupAttribute("cpu.idle", "1"))
    elif weight is not None:
        out.append(CgroupAttribute("cpu.weight", str(weight)))
    if settings.cpu_quota_per_sec_usec != INFINITY:
        period = settings.cpu_quota_period_usec
        period = _QUOTA_PERIOD_USEC if period == INFINITY else min(max(period, _PERIOD_MIN_USEC), _PERIOD_MAX_USEC)
        quota = max(settings.cpu_quota_per_sec_usec * period // 1_000_000, _QUOTA_MIN_USEC)
        out.append(CgroupAttribute("cpu.max", f"{quota} {period}"))
    for field, file in (("allowed_cpus", "cpuset.cpus"), ("allowed_memory_nodes", "cpuset.mems")):
        numbers = _now(settings, field, surroundings)
        if numbers:
            out.append(CgroupAttribute(file, ",".join(map(str, numbers))))
    return out


def _memory(settings: CgroupSettings, surroundings: Surroundings) -> list[CgroupAttribute]:
    low = settings.memory_low or surroundings.memory_low
    limit = settings.memory_limit if settings.memory_max == INFINITY else settings.memory_max
    wanted = (
        ("memory.min", settings.memory_min or surroundings.memory_min, 0), ("memory.low", low, 0),
        ("memory.high", settings.memory_high, INFINITY), ("memory.max", limit, INFINITY),
        ("memory.swap.max", settings.memory_swap_max, INFINITY),
    )
    return [CgroupAttribute(file, _limit(value)) for file, value, default in wanted if value != default]


def _io(settings: CgroupSettings, surroundings: Surroundings) -> list[CgroupAttribute]:
    out = []
    weight = _now(settings, "io_weight", surroundings)
    if weight is not None:
        out.append(CgroupAttribute("io.weight", f"default {weight}"))
    out += [CgroupAttribute("io.weight", str(weight), path) for path, weight in settings.io_device_weight]
    for field, word in _IO_LIMITS.items():
        out += [CgroupAttribute("io.max", f"{word}={_limit(value)}", path) for path, value in getattr(settings, field)]
    out += [
        CgroupAttribute("io.latency", f"target={usec}", path) for path, usec in settings.io_device_latency_target_usec
    ]
    return out
