from __future__ import annotations

import errno
import random

import pytest

from initd.core import bpf
from initd.core.bpf import ALLOW, KILL_PROCESS, KILL_THREAD, LOG, HasBits, IsNoneOf, IsOneOf, Rule
from tests.core.bpf_machine import decode, run

ONE, OTHER = 0xC000003E, 0x40000003


def program(*verdicts: tuple[int, tuple[Rule, ...]]) -> list[tuple[int, int, int, int]]:
    return decode(bpf.assemble([bpf.Architecture(ONE, verdicts)], KILL_THREAD))


@pytest.mark.parametrize("size", [1, 2, 3, 100, 700])
def test_every_number_finds_its_range_however_far_it_is(size):
    chance = random.Random(size)
    firsts = [0, *sorted(chance.sample(range(1, 5000), size - 1))]
    code = program(*[(first, (Rule(bpf.errno(i % 4096)),)) for i, first in enumerate(firsts)])
    for i, first in enumerate(firsts):
        last = firsts[i + 1] - 1 if i + 1 < size else 2**32 - 1
        assert run(code, ONE, first) == run(code, ONE, last) == bpf.errno(i % 4096)


def test_architectures_are_told_apart_over_long_programs():
    long = tuple((i, (Rule(bpf.errno(i)),)) for i in range(300))
    code = decode(bpf.assemble([bpf.Architecture(ONE, long), bpf.Architecture(OTHER, ((0, (Rule(LOG),)),))], ALLOW))
    assert [run(code, token, 7) for token in (ONE, OTHER, 5)] == [bpf.errno(7), LOG, ALLOW]


@pytest.mark.parametrize(("test", "holds", "does_not"), [
    (HasBits(0, 6), (2, 4, 7), (0, 1, 8)),
    (IsOneOf(0, (3, 5, 9)), (3, 5, 9), (0, 4, 10)),
    (IsOneOf(0, (3,)), (3,), (0, 4)),
    (IsNoneOf(0, (3, 5, 9)), (0, 4, 10), (3, 5, 9)),
    (IsNoneOf(0, (3,)), (0, 4), (3,)),
])
def test_arguments_are_tested_by_their_low_half(test, holds, does_not):
    code = program((0, (Rule(KILL_PROCESS, (test, HasBits(1, 1))), Rule(LOG, (test,)), Rule(ALLOW))))
    for high in (0, 1 << 32):
        assert {run(code, ONE, 0, (value | high, 1)) for value in holds} == {KILL_PROCESS}
        assert {run(code, ONE, 0, (value | high, 2)) for value in holds} == {LOG}
        assert {run(code, ONE, 0, (value | high, 1)) for value in does_not} == {ALLOW}


def test_the_strictest_action_goes_first():
    error = bpf.errno(errno.EPERM)
    assert sorted([ALLOW, LOG, error, KILL_THREAD, KILL_PROCESS], key=bpf.precedence) == [
        KILL_PROCESS, KILL_THREAD, error, LOG, ALLOW]
    assert bpf.precedence(error) == bpf.precedence(bpf.errno(errno.ENOSYS))
