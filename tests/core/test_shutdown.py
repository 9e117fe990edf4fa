"""Which signals end which manager (systemd(1), SIGNALS), and how long the journal may write what it has."""

from __future__ import annotations

import pytest

from initd.core.shutdown import LAST_WORDS_USEC, LONG_LAST_WORDS_USEC, VERB_OF_SIGNAL, Shutdown, Stage, asked_by_signal


@pytest.mark.parametrize(("name", "asked"), [
    ("TERM", ("poweroff", Stage.STOPPING)),
    ("RTMIN+3", ("halt", Stage.STOPPING)),
    ("RTMIN+15", ("reboot", Stage.TERMINATING)),
    ("RTMIN+24", None),
    ("HUP", None),
])
def test_an_init_takes_everything_down(name, asked):
    assert asked_by_signal(name, is_init=True) == asked


def test_another_manager_only_ends_itself():
    found = {name: asked_by_signal(name, is_init=False) for name in (*VERB_OF_SIGNAL, "RTMIN+24", "HUP")}
    assert {name: asked for name, asked in found.items() if asked is not None} == {
        "TERM": ("exit", Stage.STOPPING), "INT": ("exit", Stage.STOPPING), "RTMIN+24": ("exit", Stage.TERMINATING)}


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
