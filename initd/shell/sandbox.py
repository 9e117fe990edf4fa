"""What a unit takes away from its processes, as far as this machine has a word in it, for the exec context.

What is large is imported when the first unit asks for it: most boots have no use for the tables of system calls.
"""

from __future__ import annotations

import os
import struct

from initd.core.settings import FILTER_FIELDS, ExecSettings
from initd.wire.execcontext import ExecContext

_FILTERS = frozenset(FILTER_FIELDS)


def with_filter(context: ExecContext, settings: ExecSettings) -> ExecContext:
    """With the unit's system call filter. A unit that says NoNewPrivileges=no keeps them, and goes without a filter where
    it cannot have both: systemd would take them away, and its setuid programs would fail."""
    if _FILTERS.isdisjoint(vars(settings)):
        return context
    from initd.core import seccomp

    program = seccomp.program(settings, native_machine())
    keeps_privileges = vars(settings).get("no_new_privileges") is False
    return context.replace(seccomp_program=program, seccomp_implies_no_new_privileges=not keeps_privileges)


def native_machine() -> str:
    """As the kernel calls it; where a 64-bit kernel runs a 32-bit Debian, that one's."""
    machine = os.uname().machine
    if struct.calcsize("P") == 4:
        return {"x86_64": "i686", "aarch64": "armv7l"}.get(machine, machine)
    return machine
