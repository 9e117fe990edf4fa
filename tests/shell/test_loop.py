"""One wake-up: what is heard, and in which order."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest

from initd.shell.loop import (
    RANK_EMPTY,
    RANK_EXITS,
    RANK_MESSAGES,
    RANK_REQUESTS,
    READ,
    WRITE,
    Loop,
)


@pytest.fixture
def loop():
    loop = Loop()
    yield loop
    loop.close()


@pytest.fixture
def pipes():
    opened = []

    def make() -> tuple[int, int]:
        opened.extend(os.pipe())
        return opened[-2], opened[-1]

    yield make
    for fd in opened:
        try:
            os.close(fd)
        except OSError:
            pass


def test_ranks_decide_the_order_within_one_wake_up(loop, pipes):
    heard = []
    for rank in (RANK_REQUESTS, RANK_EMPTY, RANK_MESSAGES):
        reader, writer = pipes()
        loop.add(reader, READ, lambda _mask, rank=rank: heard.append(rank), rank)
        os.write(writer, b"x")
    loop.add_signal(signal.SIGUSR1, lambda: heard.append(RANK_EXITS), RANK_EXITS)
    os.kill(os.getpid(), signal.SIGUSR1)
    assert loop.run_once(0)
    assert heard == [RANK_MESSAGES, RANK_EXITS, RANK_EMPTY, RANK_REQUESTS]


def test_removed_by_an_earlier_callback_is_not_called(loop, pipes):
    heard = []
    (first, first_writer), (second, second_writer) = pipes(), pipes()
    loop.add(first, READ, lambda _mask: loop.remove(second), RANK_MESSAGES)
    loop.add(second, READ, lambda _mask: heard.append("second"))
    os.write(first_writer, b"x")
    os.write(second_writer, b"x")
    loop.run_once(0)
    assert heard == []


def test_new_registration_with_an_old_number_is_not_called_for_the_old_one(loop, pipes):
    heard = []
    (first, first_writer), (second, second_writer) = pipes(), pipes()

    def replace(_mask: int) -> None:
        loop.remove(second)
        loop.add(second, WRITE, lambda _mask: heard.append("new"))

    loop.add(first, READ, replace, RANK_MESSAGES)
    loop.add(second, READ, lambda _mask: heard.append("old"))
    os.write(first_writer, b"x")
    os.write(second_writer, b"x")
    loop.run_once(0)
    assert heard == []


def test_removing_a_closed_or_unknown_descriptor_is_no_mistake(loop, pipes):
    reader, _writer = pipes()
    loop.add(reader, READ, lambda _mask: None)
    os.close(reader)
    loop.remove(reader)
    loop.remove(reader)


def test_modify_changes_what_is_waited_for(loop, pipes):
    heard = []
    reader, writer = pipes()
    loop.add(writer, 0, lambda _mask: heard.append("writable"))
    assert not loop.run_once(0)
    loop.modify(writer, WRITE)
    assert loop.run_once(0) and heard == ["writable"]


def test_timeout_is_kept_and_never_too_early(loop):
    start = time.monotonic()
    assert not loop.run_once(30_400)
    assert time.monotonic() - start >= 0.0304


def test_signal_ends_the_wait_and_is_told_once_however_often_it_came(loop):
    heard = []
    loop.add_signal(signal.SIGUSR1, lambda: heard.append("usr1"))
    sender = threading.Timer(0.05, lambda: [os.kill(os.getpid(), signal.SIGUSR1) for _ in range(3)])
    sender.start()
    while not heard:
        loop.run_once(20_000_000)
    sender.join()
    while loop.run_once(0):
        pass
    assert 1 <= len(heard) <= 3


def test_pending_signals_arrive_when_they_are_unblocked(loop):
    heard = []
    old_mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
    try:
        loop.add_signal(signal.SIGUSR1, lambda: heard.append("usr1"))
        signal.pthread_kill(threading.get_ident(), signal.SIGUSR1)  # whoever runs the tests may have threads of its own
        loop.run_once(0)
        assert heard == []
        loop.unblock_signals()
        loop.run_once(0)
        assert heard == ["usr1"]
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, old_mask)


def test_signal_that_arrives_between_two_wake_ups_is_not_slept_over(loop):
    heard = []
    loop.add_signal(signal.SIGUSR1, lambda: heard.append("usr1"))
    os.kill(os.getpid(), signal.SIGUSR1)
    start = time.monotonic()
    loop.run_once(20_000_000)
    assert heard == ["usr1"] and time.monotonic() - start < 10


def test_a_flood_of_signals_does_not_lose_one(loop):
    heard = []
    loop.add_signal(signal.SIGUSR1, lambda: heard.append("usr1"))
    loop.add_signal(signal.SIGUSR2, lambda: heard.append("usr2"))
    for _ in range(100_000):
        signal.raise_signal(signal.SIGUSR1)
    signal.raise_signal(signal.SIGUSR2)  # the wake-up pipe is full by now
    loop.run_once(0)
    assert heard == ["usr1", "usr2"]


def test_close_puts_the_handlers_back():
    loop = Loop()
    before = signal.getsignal(signal.SIGUSR1)
    loop.add_signal(signal.SIGUSR1, lambda: None)
    assert signal.getsignal(signal.SIGUSR1) != before
    loop.close()
    assert signal.getsignal(signal.SIGUSR1) == before


def test_whoever_owns_the_loop_may_keep_a_bug_from_the_others(loop, pipes):
    """Descriptors are ready again, signals are not: those are called by another way."""
    said: list[str] = []

    def keep(what: str):
        def call(action, *words):
            try:
                action(*words)
            except RuntimeError as error:
                said.append(f"{what}: {error}")
        return call

    def fail(text: str) -> None:
        raise RuntimeError(text)

    loop.call, loop.call_surely = keep("descriptor"), keep("signal")
    for text in ("first", "second"):
        reader, writer = pipes()
        os.write(writer, b"x")
        loop.add(reader, READ, lambda _, text=text: fail(text))
    loop.add_signal(signal.SIGUSR1, lambda: fail("USR1"))
    os.kill(os.getpid(), signal.SIGUSR1)
    loop.run_once(0)
    assert said == ["signal: USR1", "descriptor: first", "descriptor: second"]
