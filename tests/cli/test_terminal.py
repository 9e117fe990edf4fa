"""A terminal's modes are those that python3's termios gives it."""

from __future__ import annotations

import os
import termios
import tty

import pytest

from initd.cli.terminal import Modes


@pytest.mark.parametrize(("is_raw", "theirs"), [(True, tty.setraw), (False, tty.setcbreak)])
def test_modes_are_those_of_termios(is_raw, theirs):
    ours, expected = os.openpty(), os.openpty()
    before = termios.tcgetattr(ours[1])
    modes = Modes(ours[1])
    modes.set_keys(is_raw)
    theirs(expected[1])
    assert termios.tcgetattr(ours[1]) == termios.tcgetattr(expected[1]) != before
    modes.restore()
    assert termios.tcgetattr(ours[1]) == before
    for fd in (*ours, *expected):
        os.close(fd)


def test_what_is_no_terminal():
    with open(os.devnull, "rb") as file, pytest.raises(OSError):
        Modes(file.fileno())
