from __future__ import annotations

import signal

import pytest

from initd.core import signals


@pytest.mark.parametrize("member", list(signal.Signals))
def test_agrees_with_this_machine(member):
    assert signals.number(member.name) == member.value
    assert signals.number(member.name.removeprefix("SIG")) == member.value
    assert signals.number(str(member.value)) == member.value


@pytest.mark.parametrize(("number", "name"), [(15, "SIGTERM"), (34, "SIGRTMIN"), (37, "SIGRTMIN+3"), (64, "SIGRTMAX"),
                                              (33, "33")])
def test_name(number, name):
    assert signals.name(number) == name


def test_real_time_signals_count_from_both_ends():
    assert signals.number("RTMIN+3") == 37
    assert signals.number("SIGRTMAX-1") == 63


@pytest.mark.parametrize("text", ["", "0", "65", "SIGFOO", "RTMIN+99", "RTMIN-1", "SIG", "-9", "²"])
def test_no_such_signal(text):
    with pytest.raises(ValueError):
        signals.number(text)
