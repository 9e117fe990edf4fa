from __future__ import annotations

import pytest

from initd.cli.getopt import parse
from initd.cli.options import UsageError

LONG = {"help": "", "root": "=", "man": "?", "machine": "=", "mask": ""}
SHORT = {"h": "help", "M": "machine", "r": "root"}


def read(*words):
    return parse(list(words), "tool", LONG, SHORT)


def test_options_stand_anywhere_and_two_dashes_end_them():
    assert read("a", "-h", "b", "--root", "/x", "--", "-h") == ([("help", ""), ("root", "/x")], ["a", "b", "-h"])


def test_letters_cluster_and_take_the_rest_as_value():
    assert read("-hMbox", "-hr", "/x")[0] == [("help", ""), ("machine", "box"), ("help", ""), ("root", "/x")]


def test_a_value_that_is_optional_stands_behind_the_sign():
    assert read("--man", "no", "--man=no") == ([("man", ""), ("man", "no")], ["no"])


def test_a_single_dash_is_a_word():
    assert read("-") == ([], ["-"])


def test_a_beginning_will_do_where_there_is_one_only():
    assert read("--ro=/x", "--mac=b", "--man") == ([("root", "/x"), ("machine", "b"), ("man", "")], [])


@pytest.mark.parametrize(("words", "text"), [
    (["--nope"], "tool: unrecognized option '--nope'"), (["-x"], "tool: invalid option -- 'x'"),
    (["--help=1"], "tool: option '--help' doesn't allow an argument"),
    (["--root"], "tool: option '--root' requires an argument"),
    (["-M"], "tool: option requires an argument -- 'M'"),
    (["--ma"], "tool: option '--ma' is ambiguous; possibilities: '--man' '--machine' '--mask'"),
])  # fmt: skip
def test_errors_are_those_of_the_c_library(words, text):
    with pytest.raises(UsageError) as caught:
        read(*words)
    assert str(caught.value) == text
