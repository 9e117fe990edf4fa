"""Records of /run/utmp and /var/log/wtmp, as an init writes them (utmp(5))."""

from __future__ import annotations

import struct

RUN_LVL, BOOT_TIME = 1, 2
#: Type, pid, line, id, user, host, exit status (two numbers), session, seconds, microseconds, address. Where glibc has kept the
#: record of 32-bit programs, the last three numbers are short.
_COMPATIBLE = struct.Struct("=hxxi32s4s32s256shhiii16s20x")
_WIDE = struct.Struct("=hxxi32s4s32s256shhqqq16s20x4x")
#: By uname(2): those that never had 32-bit programs with such records.
_WIDE_MACHINES = frozenset(("aarch64", "riscv64", "loongarch64"))


def encode(kind: int, pid: int, user: str, host: str, usec: int, machine: str) -> bytes:
    """`pid` is 0 for a boot; for a run level it is two characters, see `run_level`."""
    layout = _WIDE if machine in _WIDE_MACHINES else _COMPATIBLE
    seconds, rest = divmod(usec, 1_000_000)
    release = host.encode("utf-8", "replace")[:256]
    return layout.pack(kind, pid, b"~", b"~~", user.encode(), release, 0, 0, 0, seconds, rest, b"")


def run_level(level: str, previous: str = "") -> int:
    return ord(level) + (ord(previous) << 8 if previous else 0)
