"""Which messages does a unit want kept?"""

from __future__ import annotations

import pytest

from initd.core.logfilter import LogFilter, compile_pattern
from tests.core.test_directives import load


@pytest.mark.parametrize("patterns, kept", [
    ([], "one two ~three ünd 42"),
    (["~o"], "~three ünd 42"),
    (["o"], "one two"),
    (["o", "~one"], "two"),
    (["~one", "o", "ün"], "two ünd"),
    (["^o", "[0-9]+$"], "one 42"),
    (["\\x7ethree"], "~three"),
    (["~~t"], "one two ünd 42"),
    (["^[[:alpha:]]+$"], "one two"),
    (["^[[:digit:][:punct:]]"], "~three 42"),
    (["~^(one|4)"], "two ~three ünd"),
], ids=repr)
def test_what_is_denied_goes_and_then_what_is_not_allowed(patterns, kept):
    block = "one\ntwo\n~three\nünd\n42\n".encode()
    assert LogFilter(patterns).kept(block).decode().split() == kept.split()


def test_bytes_that_are_no_text_are_kept_as_they_are():
    block = b"\xff one\n\xfe two\n"
    assert LogFilter(["one"]).kept(block) == b"\xff one\n"


@pytest.mark.parametrize("text", ["(", "[a", "*", "a{2,1}", "(?P<x", "\\", "(" * 3000, "a" + "{99999999999}"])
def test_what_is_no_pattern_is_a_value_error(text):
    with pytest.raises(ValueError):
        compile_pattern(text)


def test_a_unit_names_one_pattern_a_line_and_an_empty_one_begins_anew():
    definition = load("Service", "LogFilterPatterns=gone", "LogFilterPatterns=", "LogFilterPatterns=a b %Q",
                      "LogFilterPatterns=~(", "LogFilterPatterns=~", "LogFilterPatterns=~a|b")
    assert definition.exec.log_filter_patterns == ("a b %Q", "~a|b")
    problems = [(item.line, item.text) for item in definition.diagnostics]
    assert problems == [
        (5, 'Bad pattern "(": missing ), unterminated subpattern at position 0, ignoring.'),
        (6, 'Bad pattern "": there is nothing behind the tilde, ignoring.'),
    ]
