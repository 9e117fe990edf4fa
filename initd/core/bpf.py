"""The programs that seccomp(2) takes: which verdict each system call gets, as instructions of classic BPF.

A verdict is a list of rules, each some tests and the action if all of them hold; the first rule that does decides. Of an
argument only the low 32 bits are looked at, as the kernel does with all that are tested: they are flags and numbers
of 32 bits there too. (A comparison of all 64, as libseccomp makes it, is got round with a bit in the high half.)
"""

from __future__ import annotations

import struct

from initd.core.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    Instruction = tuple[int, int, int, int]

#: What the kernel does with a call (linux/seccomp.h); errno() makes the ones that are missing here.
KILL_PROCESS, KILL_THREAD, LOG, ALLOW = 0x8000_0000, 0, 0x7FFC_0000, 0x7FFF_0000
_ERRNO = 0x5_0000

_LOAD, _JUMP, _JUMP_EQUAL, _JUMP_LEAST, _JUMP_BITS, _RETURN = 0x20, 0x05, 0x15, 0x35, 0x45, 0x06
_MOST_JUMP = 255
#: Where struct seccomp_data has things.
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16


class HasBits(Record):
    """Any of these bits is set."""

    argument: int
    bits: int


class IsOneOf(Record):
    argument: int
    values: tuple[int, ...]


class IsNoneOf(Record):
    argument: int
    values: tuple[int, ...]


class Rule(Record):
    action: int
    tests: tuple[HasBits | IsOneOf | IsNoneOf, ...] = ()


def errno(number: int) -> int:
    """The action that makes the call fail with this error."""
    return _ERRNO | number


def precedence(action: int) -> int:
    """Of several filters' actions for a call the kernel takes the one with the lowest value of this."""
    kind = action & 0xFFFF_0000
    return kind - (1 << 32) if kind & 0x8000_0000 else kind


class Architecture(Record):
    """One AUDIT_ARCH_* and its verdicts: (first number, rules) up to the next one's first number, from 0 on. The last rule
    of each has no tests."""

    token: int
    verdicts: tuple[tuple[int, tuple[Rule, ...]], ...]


def assemble(architectures: Sequence[Architecture], otherwise: int) -> bytes:
    """The program, structs sock_filter; calls of all other architectures get the action `otherwise`."""
    code: list[Instruction] = [(_RETURN, 0, 0, otherwise)]
    for architecture in reversed(architectures):
        block = [(_LOAD, 0, 0, _NUMBER), *_search([(first, _decide(rules)) for first, rules in architecture.verdicts])]
        code = [*_skip_unless(_JUMP_EQUAL, architecture.token, len(block)), *block, *code]
    return b"".join([struct.pack("=HBBI", *instruction) for instruction in [(_LOAD, 0, 0, _ARCHITECTURE), *code]])


def _skip_unless(jump: int, value: int, distance: int) -> list[Instruction]:
    """Goes on if the test holds, else that many instructions further."""
    if distance <= _MOST_JUMP:
        return [(jump, 0, distance, value)]
    return [(jump, 1, 0, value), (_JUMP, 0, 0, distance)]


def _search(cases: list[tuple[int, list[Instruction]]]) -> list[Instruction]:
    """Code that ends in the case whose range the number is in, by bisection."""
    if len(cases) == 1:
        return cases[0][1]
    middle = len(cases) // 2
    upper = _search(cases[middle:])
    return [*_skip_unless(_JUMP_LEAST, cases[middle][0], len(upper)), *upper, *_search(cases[:middle])]


def _decide(rules: Iterable[Rule]) -> list[Instruction]:
    code: list[Instruction] = []
    for rule in rules:
        block: list[Instruction] = [(_RETURN, 0, 0, rule.action)]
        for test in reversed(rule.tests):
            block = _test(test, len(block)) + block
        code += block
    return code


def _test(test: HasBits | IsOneOf | IsNoneOf, distance: int) -> list[Instruction]:
    """Code that goes on if the test holds, else `distance` instructions further; never more than a byte can say."""
    load = (_LOAD, 0, 0, _ARGUMENTS + 8 * test.argument)
    if isinstance(test, HasBits):
        return [load, (_JUMP_BITS, 0, distance, test.bits)]
    last = len(test.values) - 1
    if isinstance(test, IsNoneOf):
        return [load, *[(_JUMP_EQUAL, last - i + distance, 0, value) for i, value in enumerate(test.values)]]
    return [load, *[(_JUMP_EQUAL, last - i, 0 if i < last else distance, value) for i, value in enumerate(test.values)]]
