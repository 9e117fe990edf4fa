"""What does this container allow? Found out once, at start, and kept as a record.

Looks at what we have, not at names of runtimes. The verdict what that means for a directive is core's.
"""

from __future__ import annotations

import os

from initd.core.record import Record
from initd.core.values import INFINITY
from initd.shell.fds import read_small
from initd.wire.proc import TAG_BASE, TAG_NESTING, parse_limits, parse_status, parse_tag

_CAP_SYS_ADMIN = 21
#: Tags from TAG_BASE to twice that are made of so many levels.
_LEVELS = TAG_BASE // TAG_NESTING


class ContainerLimits(Record):
    """`capabilities` and `bounding_set` are bit masks. `hard_limits`: by resource as settings name it; None: none.
    `own_limits` are the manager's, (soft, hard), with INFINITY for none."""

    is_pid_1: bool
    uid: int
    gid: int
    capabilities: int
    bounding_set: int
    no_new_privileges: bool
    #: seccomp(2), as /proc/PID/status shows it; None where the kernel does not know it.
    seccomp_mode: int | None
    hard_limits: dict[str, int | None]
    own_limits: dict[str, tuple[int, int]]
    #: What tags start from, None where the hard RLIMIT_RTTIME leaves no room for them.
    tag_base: int | None

    @property
    def can_make_namespaces(self) -> bool:
        return bool(self.capabilities >> _CAP_SYS_ADMIN & 1)


#: /proc/PID/limits' names of what settings call by the RLIMIT name.
_NAMES = {
    "max cpu time": "cpu",
    "max file size": "fsize",
    "max data size": "data",
    "max stack size": "stack",
    "max core file size": "core",
    "max resident set": "rss",
    "max processes": "nproc",
    "max open files": "nofile",
    "max locked memory": "memlock",
    "max address space": "as",
    "max file locks": "locks",
    "max pending signals": "sigpending",
    "max msgqueue size": "msgqueue",
    "max nice priority": "nice",
    "max realtime priority": "rtprio",
    "max realtime timeout": "rttime",
}


def probe() -> ContainerLimits:
    limits_text = read_small("/proc/self/limits")
    status = parse_status(read_small("/proc/self/status"))
    limits = {_NAMES[name]: limit for name, limit in parse_limits(limits_text).items() if name in _NAMES}
    hard = {name: limit[1] for name, limit in limits.items()}
    own_tag = parse_tag(limits_text)
    if own_tag is not None:
        limits["rttime"] = (hard["rttime"], hard["rttime"])  # a tag is no limit
    return ContainerLimits(
        is_pid_1=os.getpid() == 1,
        uid=os.geteuid(),
        gid=os.getegid(),
        capabilities=int(status.get("CapEff", "0"), 16),
        bounding_set=int(status.get("CapBnd", "0"), 16),
        no_new_privileges=status.get("NoNewPrivs") == "1",
        seccomp_mode=int(status["Seccomp"]) if "Seccomp" in status else None,
        hard_limits=hard,
        own_limits={name: (_or_infinity(limit[0]), _or_infinity(limit[1])) for name, limit in limits.items()},
        tag_base=choose_tag_base(own_tag, hard.get("rttime"), os.getpid()),
    )


def _or_infinity(limit: int | None) -> int:
    return INFINITY if limit is None else limit


def choose_tag_base(own_tag: int | None, hard_limit: int | None, pid: int = 1) -> int | None:
    """PID 1 that runs in a unit of another manager carries that one's tag: its own units get tags of the next level.

    Other managers see the processes of PID 1's units, and of each other's: each gets a level of its own, by its pid.
    """
    base = TAG_BASE
    if pid != 1:
        base += (1 + pid % (_LEVELS - 1)) * TAG_NESTING
    elif own_tag is not None:
        base += ((own_tag - TAG_BASE) // TAG_NESTING + 1) % _LEVELS * TAG_NESTING
    return base if hard_limit is None or hard_limit >= base + TAG_NESTING else None
