"""Writes initd/core/syscalltable.py: the number of every system call that a filter may name, by architecture.

    python3 tests/core/syscall_numbers.py > initd/core/syscalltable.py

The numbers are the kernel's; asked for them is Debian 12's libseccomp (package libseccomp2), as systemd does. It has none
for those of x86 that also go through socketcall(2) and ipc(2): those are in the kernel's header (linux-libc-dev).
"""

from __future__ import annotations

import ctypes
import re
import sys
import textwrap
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from initd.core import syscalls
from initd.core.syscallnumbers import X32_BIT

#: Names and tokens of seccomp.h.
TOKENS = {"x86-64": 0xC000003E, "x86": 0x40000003, "arm64": 0xC00000B7, "arm": 0x40000028, "x32": 0x4000003E}
COLUMNS = ("x86-64", "x86", "arm64", "arm")
HEADER = Path("/usr/include/x86_64-linux-gnu/asm/unistd_32.h")

HEAD = '''"""The numbers of system calls, from libseccomp {version}: written by tests/core/syscall_numbers.py."""

#: "name:number,…" with a number for each of x86-64, x86, arm64 and arm; none where the architecture has no such call.
TABLE = """
{table}
"""
#: The x32 numbers, without their bit, that are not those of x86-64.
X32 = """
{x32}
"""
'''


def library() -> ctypes.CDLL:
    found = ctypes.CDLL("libseccomp.so.2")
    found.seccomp_syscall_resolve_name_arch.argtypes = (ctypes.c_uint32, ctypes.c_char_p)
    return found


def resolve(name: str, architecture: str) -> int | None:
    """None where there is no such call: libseccomp has negative numbers for those."""
    number: int = _library.seccomp_syscall_resolve_name_arch(TOKENS[architecture], name.encode())
    if number < 0 and architecture == "x86":
        found = re.search(rf"^#define __NR_{name} (\d+)$", HEADER.read_text(), re.MULTILINE)
        return int(found[1]) if found else None
    return number if number >= 0 else None


def version() -> str:
    class Version(ctypes.Structure):
        _fields_ = [("major", ctypes.c_uint), ("minor", ctypes.c_uint), ("micro", ctypes.c_uint)]

    _library.seccomp_version.restype = ctypes.POINTER(Version)
    found = _library.seccomp_version().contents
    return f"{found.major}.{found.minor}.{found.micro}"


_library = library()


def text() -> str:
    table, x32 = [], []
    for name in sorted(syscalls.filterable().union(*map(syscalls.expand, syscalls.GROUPS))):
        found = [resolve(name, column) for column in COLUMNS]
        table.append(f"{name}:" + ",".join("" if number is None else str(number) for number in found))
        own = resolve(name, "x32")
        own = None if own is None else own & ~X32_BIT
        if own != found[0]:
            x32.append(f"{name}:" + ("" if own is None else str(own)))

    def wrapped(entries: list[str]) -> str:
        return textwrap.fill(" ".join(entries), 120, break_long_words=False, break_on_hyphens=False)

    return HEAD.format(version=version(), table=wrapped(table), x32=wrapped(x32))


if __name__ == "__main__":
    sys.stdout.write(text())
