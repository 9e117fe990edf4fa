from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from initd.journal import segment
from initd.journal.segment import HEAD_SIZE, Head

HEAD = Head("a" * 32, "b" * 32, 12345, 1_700_000_000_000_000, 5_000_000)
names = st.from_regex(rb"[A-Z_][A-Z0-9_]{0,20}", fullmatch=True)
fields = st.lists(st.tuples(names, st.binary(max_size=60) | st.text(max_size=20).map(str.encode)), min_size=1, max_size=6)


@given(fields, fields)
def test_entries_come_back_whole_and_one_behind_the_other(first, second):
    data = segment.encode_fields(first) + b"\n" + segment.encode_fields(second) + b"\n"
    one = segment.decode_entry(data)
    assert one is not None and one[0] == first
    other = segment.decode_entry(data, one[1])
    assert other == (second, len(data))


@given(fields, st.integers(0, 200))
def test_an_entry_that_is_cut_off_is_none(some, cut):
    data = segment.encode_fields(some) + b"\n"
    assert segment.decode_entry(data[:min(cut, len(data) - 1)]) is None


@pytest.mark.parametrize("value, is_text", [
    (b"", True), (b"plain\ttext", True), ("größe".encode(), True), (b"a\nb", False), (b"\x1b[1m", False), (b"\xff", False),
    (b"\0", False), (b"a=b", True),
])
def test_only_plain_text_stands_behind_an_equals_sign(value, is_text):
    assert segment.is_text(value) is is_text
    assert (b"F=" in segment.encode_field(b"F", value)) is is_text


@pytest.mark.parametrize("units", [(), ("a.service",), tuple(f"u{n}.service" for n in range(200)), None])
def test_a_head_has_one_size_and_says_what_it_was_told(units):
    head = HEAD.replace(units=units, last_realtime_usec=7)
    data = segment.encode_head(head)
    assert len(data) == HEAD_SIZE and segment.decode_head(data + b"more") == head


def test_a_head_with_too_many_units_says_that_any_may_be_there():
    head = HEAD.replace(units=tuple(f"a-long-name-of-a-unit-{n}.service" for n in range(500)))
    assert segment.decode_head(segment.encode_head(head)) == head.replace(units=None)


def test_what_is_no_head_is_none():
    assert segment.decode_head(b"") is None and segment.decode_head(b"MESSAGE=x\n\n") is None
    assert segment.decode_head(b"\0" * HEAD_SIZE) is None


def test_names_sort_as_segments_were_begun():
    one, other = (segment.file_name("c" * 32, position, 1) for position in (9, 4096))
    assert one < other and segment.parse_file_name(other) == ("c" * 32, 4096, 1)
    for name in ("system.journal", "system@x-y-z.export", "user@" + one[7:], one[:-1]):
        assert segment.parse_file_name(name) is None


def test_cursors():
    text = segment.encode_cursor("d" * 32, 255, "e" * 32, 16, 17)
    found = segment.decode_cursor(text)
    assert found is not None and (found["s"], found["i"], found["m"], found["t"]) == ("d" * 32, "ff", "10", "11")
    assert segment.decode_cursor("s=1") is None and segment.decode_cursor("nonsense") is None
    assert segment.decode_cursor("s=q;i=1;b=1;m=1;t=1") is None
