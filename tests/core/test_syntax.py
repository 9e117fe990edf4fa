from __future__ import annotations

import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from initd.core import syntax


def assignments(text):
    return [tuple(item) for item in syntax.parse(text, "/u").assignments]


def complaints(text):
    return [(item.line, item.text) for item in syntax.parse(text, "/u").diagnostics]


def test_sections_keys_and_lines():
    text = "[Unit]\nDescription = x y \n\n[Service]\nExecStart=/bin/a b=c ; d\nExecStart=\n"
    assert assignments(text) == [
        ("Unit", "Description", "x y", 2), ("Service", "ExecStart", "/bin/a b=c ; d", 5), ("Service", "ExecStart", "",
                                                                                           6),
    ]
    assert complaints(text) == []


def test_a_section_may_come_again():
    assert assignments("[A]\nx=1\n[B]\ny=2\n[A]\nx=3\n") == [("A", "x", "1", 2), ("B", "y", "2", 4), ("A", "x", "3", 6)]


def test_comments_are_whole_lines():
    assert assignments("[A]\n# x=1\n  ; y=2\nz=3 # no comment\n") == [("A", "z", "3 # no comment", 4)]


def test_continuation_joins_with_a_space_and_skips_comments():
    # Recorded: systemd 252 made "a     b" of this.
    assert assignments("[A]\nx=a \\\n# comment\n   b \\\n\ny=1\n") == [("A", "x", "a     b", 5), ("A", "y", "1", 6)]


def test_an_escaped_backslash_does_not_continue():
    assert assignments("[A]\nx=a\\\\\ny=1\n") == [("A", "x", "a\\\\", 2), ("A", "y", "1", 3)]


def test_a_continuation_at_the_end_of_the_file():
    assert assignments("[A]\nx=a\\") == [("A", "x", "a", 2)]


@pytest.mark.parametrize("text", ["[A]\r\nx=1\r\n", "[A]\rx=1\r", "[A]\0x=1\0", "\ufeff[A]\nx=1"])
def test_line_endings_and_byte_order_mark(text):
    assert assignments(text) == [("A", "x", "1", 2)]


def test_keys_keep_case_and_take_colons_and_percents():
    assert assignments("[A]\nFoo:Bar=%(x)s\nfoo=1\n") == [("A", "Foo:Bar", "%(x)s", 2), ("A", "foo", "1", 3)]


@pytest.mark.parametrize("name", ["DEFAULT", "default", "A B", "a]b"])
def test_no_section_is_special(name):
    assert assignments(f"[{name}]\nx=1\n") == [(name, "x", "1", 2)]


def test_lines_that_are_skipped_with_a_word():
    text = "a=1\n[A]\nfoo\n=bar\n[]\nx=1\n[B]\ny=2\n"
    assert complaints(text) == [
        (1, "Assignment outside of section. Ignoring."), (3, "Missing '=', ignoring line."),
        (4, "Missing key name before '=', ignoring line."),
    ]
    assert assignments(text)[-1] == ("B", "y", "2", 8)


@pytest.mark.parametrize(("line", "failure", "reason"), [
    ("[Serv", "EBADMSG", "Invalid section header '[Serv'"),
    ("[Service] # foo", "EBADMSG", "Invalid section header '[Service] # foo'"),
    ("D=a\udcffb", "EINVAL", "String is not UTF-8 clean, ignoring assignment: D=a\ufffdb"),
    ("D=" + "a" * 1_100_000, "ENOBUFS", "Line too long"),
    ("D=" + "a" * 600_000 + "\\\n" + "a" * 600_000, "ENOBUFS", "Line too long"),
])
def test_what_ends_the_reading(line, failure, reason):
    parsed = syntax.parse(f"[A]\nx=1\n{line}\ny=2\n", "/u")
    assert parsed.failure == failure
    assert [tuple(item) for item in parsed.assignments] == [("A", "x", "1", 2)]
    assert [item.text for item in parsed.diagnostics] == [reason]


def test_not_utf8_in_a_comment_is_nobodys_business():
    assert syntax.parse("# caf\udce9\n[A]\nx=1\n", "/u").failure == ""


def test_a_line_just_below_the_limit():
    (item,) = syntax.parse("[A]\nx=" + "a" * 1_040_000, "/u").assignments
    assert len(item.value) == 1_040_000


def test_one_file_leaves_nothing_for_the_next():
    syntax.parse("[A]\nx=1\nbad\n", "/u")
    assert assignments("[B]\ny=2\n") == [("B", "y", "2", 2)]
    assert complaints("[B]\n") == []


def test_a_large_file_takes_linear_time():
    text = "[A]\n" + "Key=value with some words\n" * 200_000
    start = time.process_time()
    assert len(syntax.parse(text, "/u").assignments) == 200_000
    assert time.process_time() - start < 20


@given(st.text())
@example("\\\n" * 5)
@example("[\n")
@example("[A]\n=\n")
@example("[A]\n [B\n")
def test_parsing_never_raises(text):
    syntax.parse(text, "/u")


@given(st.binary())
def test_bytes_never_raise(data):
    syntax.parse("[A]\n" + data.decode("utf-8", "surrogateescape"), "/u")


@given(st.lists(st.tuples(st.sampled_from(["Foo", "Bar"]), st.text("abc =;#[]\\\"'"))))
def test_every_good_line_arrives(pairs):
    pairs = [(key, value.strip()) for key, value in pairs if not value.rstrip().endswith("\\")]
    text = "[A]\n" + "".join(f"{key}={value}\n" for key, value in pairs)
    assert [(item.key, item.value) for item in syntax.parse(text, "/u").assignments] == pairs
