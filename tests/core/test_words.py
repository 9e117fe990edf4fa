from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from initd.core import substitution, words


@pytest.mark.parametrize(("text", "expected"), [
    ("", []), ("  ", []), ("a b\tc", ["a", "b", "c"]), ("'a b' c", ["a b", "c"]), ('"a b"', ["a b"]), ("''", [""]),
    # Recorded from systemd 252: quotes open in the middle of a word, and unknown escapes stay.
    ('a"b c"d', ["ab cd"]), ("'x'y", ["xy"]), (r'"\x41\u00e9\101\n\t\s"', ["AéA\n\t "]), (r"\q", [r"\q"]), (r'"a\"b"',
                                                                                                            ['a"b']),
    (r"\xc3\xa9", ["é"]), (r"\x4", [r"\x4"]), (r"\x00", [r"\x00"]), ("a\\", ["a\\"]),
])
def test_split(text, expected):
    assert words.split(text) == expected


def test_split_reports_unknown_escapes():
    seen = []
    words.split(r"a\q\w", on_unknown_escape=seen.append)
    assert seen == [r"\q", r"\w"]


def test_split_without_escapes_keeps_backslashes():
    assert words.split(r"a\x2db.service c", unescape=False) == [r"a\x2db.service", "c"]


@pytest.mark.parametrize("text", ["'a", '"a b', "a'b"])
def test_a_quote_that_never_closes(text):
    with pytest.raises(ValueError, match="Unbalanced quoting"):
        words.split(text)


#: Environment= of a service, and what `systemctl show` of systemd 252 made of it.
QUOTED = {
    "A=]": "A=]", "B={}": "B={}", "C=#": "C=#", "D=~": "D=~", "E=*": '"E=*"', "F=?": '"F=?"', "G=[": '"G=["', "H='": '"H=\'"',
    "I=!": '"I=!"', "J=a\nb": '"J=a\\nb"', "K=a\tb": '"K=a\\tb"', "L=é": "L=é", 'M="': '"M=\\""', "N=\\": '"N=\\\\"',
    "O=`": '"O=\\`"', "P=$": '"P=\\$"', "Q=a b": '"Q=a b"', "R=&": '"R=&"', "S=%": "S=%", "T=^": "T=^",
}


@pytest.mark.parametrize(("word", "shown"), QUOTED.items())
def test_quote_as_systemctl_does(word, shown):
    assert words.quote(word) == shown


@given(st.text(st.characters(exclude_categories=["Cs", "Cc", "Z"], exclude_characters="`$!")))
def test_what_is_quoted_can_be_split_again(word):
    assert words.split(words.quote(word)) == [word]


@given(st.text())
def test_splitting_raises_nothing_but_value_error(text):
    try:
        words.split(text)
    except ValueError:
        pass


#: A real systemd 252 ran `printf [%s]\n` with this line and these variables.
LINE = (
    "one $A ${A} $B ${B} x$A x${A}y $E ${E} $NO ${NO} x${NO}y $$ $$A $${A} ${A:-b} ${1} $1 ${A $ $U ${U} $Q ${Q} a$ "
    "\"$B\" '$B' \"${B} $A\" $BS ${A}${B} $D ${} ${A-b} $A$A $Ax ;x"
)
VARIABLES = {
    "A": "1", "B": "two words", "Q": "'x y' z", "E": "", "U": "a'b c", "BS": "a\\\\ b", "D": "$A",
}
PRINTED = [
    "one", "1", "1", "two", "words", "two words", "x$A", "x1y", "", "", "xy", "$", "$A", "${A}", "${A:-b}", "", "${A", "ab c",
    "a'b c", "x y", "z", "'x y' z", "a$", "two", "words", "two", "words", "two words $A", "a\\", "b", "1two words", "$A", "",
    "", ";x",
]


def test_substitute_as_systemd_does():
    assert substitution.substitute(words.split(LINE), VARIABLES) == PRINTED


@given(st.lists(st.text()), st.dictionaries(st.text(), st.text()))
def test_substitute_never_raises(argv, environment):
    assert all(isinstance(word, str) for word in substitution.substitute(argv, environment))
