"""sd_notify datagrams."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from initd.wire.notify import MESSAGE_MAX, NotifyError, encode, parse


def test_fields_in_order_and_lines_without_equals_left_out():
    assert parse(b"READY=1\nSTATUS=x=y\nword\n\nREADY=0\n") == (("READY", "1"), ("STATUS", "x=y"), ("READY", "0"))


def test_terminating_nul_is_allowed_and_no_other():
    assert parse(b"READY=1\0") == (("READY", "1"),)
    with pytest.raises(NotifyError, match="embedded NUL"):
        parse(b"READY=1\0\0")


def test_longest_message():
    assert parse(b"A=" + b"x" * (MESSAGE_MAX - 2))
    with pytest.raises(NotifyError, match="maximum size"):
        parse(b"A=" + b"x" * (MESSAGE_MAX - 1))


@given(st.binary(max_size=200))
def test_any_bytes_are_fields_or_refused(data):
    try:
        assert all("\n" not in name + value for name, value in parse(data))
    except NotifyError:
        assert b"\0" in data


NAMES = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ_", min_size=1)
VALUES = st.text(st.characters(exclude_characters="\n\0", exclude_categories=["Cs"]))


@given(st.lists(st.tuples(NAMES, VALUES), max_size=5).map(tuple))
def test_round_trip(fields):
    assert parse(encode(fields)) == fields
