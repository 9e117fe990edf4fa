"""The journal's protocols: what is encoded comes back, and no bytes can do harm."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from initd.wire.journal import (
    StreamHeader,
    decode_entries,
    decode_header,
    encode_entry,
    encode_header,
    is_field_name,
)

NAMES = st.from_regex(r"[A-Z][A-Z0-9_]{0,63}", fullmatch=True)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))


def test_header_as_systemd_cat_sends_it():
    assert encode_header(StreamHeader("tag", "x.service", 5, True)) == b"tag\nx.service\n5\n1\n0\n0\n0\n"


def test_header_is_taken_off_the_front_and_the_rest_is_left():
    assert decode_header(b"tag\n\n6\n1\n0\n0\n0\nfirst\nsec") == (StreamHeader("tag", "", 6, True), b"first\nsec")


def test_incomplete_header_waits():
    assert decode_header(b"tag\n\n6\n1\n0\n0\n0") is None


@pytest.mark.parametrize("data", [
    b"tag\n\n1024\n1\n0\n0\n0\n", b"tag\n\n\n1\n0\n0\n0\n", b"tag\n\n6\nmaybe\n0\n0\n0\n", b"t" * 5000,
])
def test_senseless_header_is_refused(data):
    with pytest.raises(ValueError):
        decode_header(data)


@given(TEXTS, TEXTS, st.integers(0, 1023), st.booleans())
def test_header_round_trip(identifier, unit, priority, level_prefix):
    header = StreamHeader(identifier.replace("\n", " "), unit.replace("\n", " "), priority, level_prefix)
    data = encode_header(header)
    if len(data) <= 4096:
        assert decode_header(data + b"rest") == (header, b"rest")


def test_entry_with_a_newline_carries_its_length():
    assert encode_entry([("MESSAGE", "a\nb"), ("PRIORITY", "6")]) == \
        b"MESSAGE\n\x03\0\0\0\0\0\0\0a\nb\nPRIORITY=6\n"


@given(st.lists(st.lists(st.tuples(NAMES, TEXTS), min_size=1), min_size=1))
def test_entries_round_trip(entries):
    data = b"\n".join(encode_entry(fields) for fields in entries)
    assert list(decode_entries(data)) == [[(name, text.encode()) for name, text in fields] for fields in entries]


def test_fields_that_clients_may_not_send_are_left_out():
    data = b"_PID=1\nMESSAGE=x\nlower=1\n1A=2\nA B=3\n=4\n" + b"A" * 65 + b"=5\n"
    assert list(decode_entries(data)) == [[("MESSAGE", b"x")]]


def test_torn_entry_keeps_what_came_before():
    assert list(decode_entries(b"A=1\nMESSAGE\n\xff\0\0\0\0\0\0\0abc")) == [[("A", b"1")]]


@given(st.binary())
def test_no_bytes_raise_anything_unexpected(data):
    for fields in decode_entries(data):
        assert all(is_field_name(name.encode()) for name, _ in fields)
    try:
        decode_header(data)
    except ValueError:
        pass
