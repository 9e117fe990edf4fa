"""Runs classic BPF as seccomp(2) does: what a test compares two programs with."""

from __future__ import annotations

import struct

#: Action of a filter that lets the call pass.
ALLOW = 0x7FFF_0000


def decode(program: bytes) -> list[tuple[int, int, int, int]]:
    return list(struct.iter_unpack("=HBBI", program))


def run(code: list[tuple[int, int, int, int]], architecture: int, number: int, arguments: tuple[int, ...] = ()) -> int:
    """The action for one call. Any instruction that no filter of ours or libseccomp's has is an error."""
    words = [number, architecture, 0, 0]
    for argument in (*arguments, 0, 0, 0, 0, 0, 0)[:6]:
        words += (argument & 0xFFFF_FFFF, argument >> 32)
    at = accumulator = 0
    while True:
        operation, if_true, if_false, value = code[at]
        at += 1
        if operation == 0x15:
            at += if_true if accumulator == value else if_false
        elif operation == 0x35:
            at += if_true if accumulator >= value else if_false
        elif operation == 0x06:
            return value
        elif operation == 0x20:
            accumulator = words[value >> 2]
        elif operation == 0x45:
            at += if_true if accumulator & value else if_false
        elif operation == 0x05:
            at += value
        elif operation == 0x54:
            accumulator &= value
        elif operation == 0x25:
            at += if_true if accumulator > value else if_false
        else:
            raise ValueError(f"no filter has an instruction {operation:#x}")


def strictest(programs: list[list[tuple[int, int, int, int]]], architecture: int, number: int,
              arguments: tuple[int, ...] = ()) -> int:
    """What the kernel does with the answers of several filters, oldest first (seccomp(2), of two errors the newer)."""
    found = ALLOW
    for code in reversed(programs):
        action = run(code, architecture, number, arguments)
        if _rank(action) < _rank(found):
            found = action
    return found


def _rank(action: int) -> int:
    kind = action & 0xFFFF_0000
    return kind - (1 << 32) if kind >> 31 else kind

