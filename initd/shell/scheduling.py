"""What of a unit's settings says how the kernel schedules its processes, and what they take the machine for.

systemd.exec(5), SCHEDULING and PROCESS PROPERTIES: settings → the fields of the exec context, with what of it depends on
this machine: which personalities its kernel has, and which processors are near which memory.
"""

from __future__ import annotations

import errno
import os

from initd.core.personality import PERSONALITIES
from initd.core.settings import NUMA_POLICIES, ExecSettings
from initd.core.values import LOG_NOTICE, Diagnostic
from initd.shell.fds import read_small
from initd.wire.execcontext import ExecContext, Failure

#: ioprio_set(2): the class that a priority alone means, and its priority where nothing is set.
_IO_BEST_EFFORT, _IO_PRIORITY = 2, 4
_EXIT_CPUAFFINITY = 215


def with_scheduling(context: ExecContext, settings: ExecSettings, machine: str, default: ExecSettings) -> ExecContext:
    """`default` stands in for a unit without CPUAffinity= or NUMAPolicy=; `machine` is as the kernel calls it."""
    policy = None
    if settings.cpu_scheduling_policy is not None:
        reset = int(settings.cpu_scheduling_reset_on_fork)
        policy = (settings.cpu_scheduling_policy, settings.cpu_scheduling_priority, reset)
    io_priority = None
    if settings.io_scheduling_class is not None or settings.io_scheduling_priority != _IO_PRIORITY:
        io_class = _IO_BEST_EFFORT if settings.io_scheduling_class is None else settings.io_scheduling_class
        io_priority = (io_class, settings.io_scheduling_priority)
    affinity, failure = _affinity(settings if settings.cpu_affinity else default, settings.numa_mask or default.numa_mask)
    return context.replace(
        oom_score_adjust=settings.oom_score_adjust,
        coredump_filter=settings.coredump_filter,
        nice=settings.nice,
        cpu_scheduling=policy,
        cpu_affinity=affinity,
        failure=context.failure or failure,
        memory_policy=_memory_policy(settings if settings.numa_policy or settings.numa_mask else default),
        io_priority=io_priority,
        timer_slack_nsec=default.timer_slack_nsec if settings.timer_slack_nsec is None else settings.timer_slack_nsec,
        personality=PERSONALITIES.get(machine, {}).get(settings.personality),
    )


def adopt(settings: ExecSettings, may_filter: bool) -> tuple[ExecSettings, tuple[Diagnostic, ...]]:
    """Makes this process, the manager, what system.conf says of it: what of that its units get, and what cannot be had."""
    problems = []
    cpus, failure = _affinity(settings, settings.numa_mask)
    if settings.cpu_affinity:
        try:
            os.sched_setaffinity(0, cpus)
        except OSError as error:
            failure = Failure(_EXIT_CPUAFFINITY, error.errno or 0, "CPUAFFINITY")
    adopted = ExecSettings()
    adopted.__dict__.update(vars(settings))
    if settings.cpu_affinity and failure is not None:
        adopted.cpu_affinity = ()
        problems.append(f"CPUAffinity= has no effect: {os.strerror(failure.errno)}.")
    if settings.system_call_architectures and not may_filter:
        adopted.system_call_architectures = ()
        problems.append("SystemCallArchitectures= has no effect: it needs CAP_SYS_ADMIN, or costs all new privileges.")
    return adopted, tuple([Diagnostic(LOG_NOTICE, "", 0, problem) for problem in problems])


def _affinity(settings: ExecSettings, nodes: tuple[int, ...]) -> tuple[tuple[int, ...], Failure | None]:
    """The processors; with "numa" those of the nodes, and a failure where there are none (tried against systemd 252)."""
    if settings.cpu_affinity != ("numa",):
        return tuple([cpu for cpu in settings.cpu_affinity if isinstance(cpu, int)]), None
    found: set[int] = set()
    for node in nodes:
        try:
            text = read_small(f"/sys/devices/system/node/node{node}/cpulist").decode("ascii", "replace")
            found.update(_numbers(text))
        except (OSError, ValueError):
            found.clear()
            break
    return tuple(sorted(found)), None if found else Failure(_EXIT_CPUAFFINITY, errno.ENODATA, "CPUAFFINITY")


def _numbers(text: str) -> set[int]:
    """Of a list as sysfs has it: "0-3,8"."""
    found: set[int] = set()
    for part in text.strip().split(","):
        first, _, last = part.partition("-")
        found.update(range(int(first), int(last or first) + 1))
    return found


def _memory_policy(settings: ExecSettings) -> tuple[int, tuple[int, ...]] | None:
    """NUMAPolicy=, where it makes sense: two of them have no nodes, two have to have some (set_mempolicy(2)). Nodes without
    a policy are preferred, with systemd 252."""
    policy = settings.numa_policy or ("preferred" if settings.numa_mask else "")
    mode = NUMA_POLICIES.get(policy)
    if mode is None or policy in ("bind", "interleave") and not settings.numa_mask:
        return None
    return mode, settings.numa_mask if policy not in ("default", "local") else ()
