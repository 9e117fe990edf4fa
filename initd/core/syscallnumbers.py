"""The numbers of system calls, by architecture. Large, and needed for filters only: imported where one is made."""

from __future__ import annotations

from initd.core import syscalltable

#: Set in the number of every x32 call.
X32_BIT = 0x40000000
_COLUMNS = {"x86-64": 0, "x86": 1, "arm64": 2, "arm": 3}


def numbers(architecture: str) -> dict[str, int]:
    """By name, for one of x86-64, x86, x32, arm64 and arm. Of x32 they are as the kernel gets them, with its bit."""
    found = _found.get(architecture)
    if found is None:
        found = _found[architecture] = _x32() if architecture == "x32" else _column(_COLUMNS[architecture])
    return found


_found: dict[str, dict[str, int]] = {}


def _column(column: int) -> dict[str, int]:
    found = {}
    for entry in syscalltable.TABLE.split():
        name, _, rest = entry.partition(":")
        number = rest.split(",")[column]
        if number:
            found[name] = int(number)
    return found


def _x32() -> dict[str, int]:
    found = dict(numbers("x86-64"))
    for entry in syscalltable.X32.split():
        name, _, number = entry.partition(":")
        if number:
            found[name] = int(number)
        else:
            found.pop(name)
    return {name: number | X32_BIT for name, number in found.items()}
