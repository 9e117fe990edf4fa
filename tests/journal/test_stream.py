"""Cutting a byte stream into messages. The expectations marked (seen) were read from systemd 252's journal."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from initd.journal.stream import LINE_MAX, LineCutter, messages


def fed(cutter: LineCutter, data: bytes) -> list[bytes]:
    return b"".join(block for block, _ in cutter.feed(data)).split(b"\n")[:-1]


def finished(cutter: LineCutter) -> list[bytes]:
    return cutter.finish().split(b"\n")[:-1]


def texts(data: bytes, level_prefix: bool = True) -> list[bytes]:
    cutter = LineCutter()
    blocks = [block for block, _ in cutter.feed(data)] + [cutter.finish()]
    return [text for block in blocks if block for _, found in messages(block, 6, level_prefix)
            for text in found.split(b"\n")[:-1]]


def test_empty_lines_are_no_messages_but_blank_ones_are():  # (seen)
    assert texts(b"a\n\n\n   \nb\n") == [b"a", b"   ", b"b"]


def test_blanks_at_the_end_are_cut_off():  # (seen)
    assert texts(b"x\t\ny \t\nw\r\n  lead\n") == [b"x", b"y", b"w", b"  lead"]


def test_nul_ends_a_line():  # (seen)
    assert texts(b"nul\0after\n") == [b"nul", b"after"]


def test_level_prefix_is_one_digit_and_sets_the_level():  # (seen)
    found = list(messages(b"<3>three\n<30>thirty\n<9>nine\n< 3>x\n<3 x\n<3>\n<3> q\n", 6, True))
    assert found == [(3, b"three\n"), (6, b"<30>thirty\n<9>nine\n< 3>x\n<3 x\n"), (3, b" q\n")]


def test_what_ended_a_line_is_told():  # (seen)
    cutter = LineCutter(4)
    assert cutter.feed(b"a\0b\nlonger\n") == [(b"a\n", b"nul"), (b"b\n", b""), (b"long\n", b"line-max"), (b"er\n", b"")]


def test_plain_lines_stay_together():
    assert list(messages(b"one\ntwo\n", 6, True)) == [(6, b"one\ntwo\n")]
    assert LineCutter().feed(b"one\ntwo\nthree") == [(b"one\ntwo\n", b"")]


def test_level_prefix_is_text_where_it_is_switched_off():
    assert texts(b"<3>three\n", level_prefix=False) == [b"<3>three"]


def test_long_lines_are_cut_at_line_max():  # (seen: 49152, 49152, the rest)
    assert [len(text) for text in texts(b"x" * 100_000 + b"\n")] == [LINE_MAX, LINE_MAX, 100_000 - 2 * LINE_MAX]


def test_memory_is_bounded_without_any_newline():
    cutter = LineCutter(100)
    for _ in range(50):
        cutter.feed(b"x" * 70)
        assert len(cutter.rest) <= 100


@given(st.lists(st.binary(max_size=30)), st.integers(1, 20))
def test_however_the_bytes_arrive_the_lines_are_the_same(pieces, line_max):
    whole, parts = LineCutter(line_max), LineCutter(line_max)
    at_once = fed(whole, b"".join(pieces)) + finished(whole)
    in_pieces = [line for piece in pieces for line in fed(parts, piece)] + finished(parts)
    assert at_once == in_pieces
    assert all(len(line) <= line_max for line in at_once)
    assert b"".join(at_once) == b"".join(pieces).replace(b"\n", b"").replace(b"\0", b"")
