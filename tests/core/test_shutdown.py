"""How long the journal may write what it has, once everything else is over."""

from __future__ import annotations

from initd.core.shutdown import LAST_WORDS_USEC, LONG_LAST_WORDS_USEC, Shutdown


def test_last_words_may_take_what_is_left_of_the_budget():
    shutdown = Shutdown(9_000_000)
    shutdown.start_budget(1_000_000)
    shutdown.enter_terminating(2_000_000)
    shutdown.enter_killing(3_000_000)
    shutdown.enter_over()
    assert shutdown.last_words_end_usec(4_000_000) == 10_000_000


def test_last_words_get_a_second_though_the_budget_is_used_up_or_was_cut_short():
    shutdown = Shutdown(9_000_000)
    shutdown.start_budget(1_000_000)
    assert shutdown.last_words_end_usec(9_900_000) == 9_900_000 + LAST_WORDS_USEC
    shutdown.end_budget(2_000_000)
    assert shutdown.last_words_end_usec(2_000_000) == 2_000_000 + LAST_WORDS_USEC


def test_last_words_are_bounded_without_a_budget():
    assert Shutdown(9_000_000).last_words_end_usec(1) == 1 + LONG_LAST_WORDS_USEC
