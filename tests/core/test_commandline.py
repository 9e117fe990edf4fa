from __future__ import annotations

import pytest

from initd.core.commandline import commands
from initd.core.directive import BadValue, Context, FatalValue
from initd.core.draft import Draft
from initd.core.sources import LoadFacts
from initd.core.specifiers import Specifiers
from initd.core.states import UnitType


def parse(text: str):
    facts = LoadFacts(hostname="box")
    draft = Draft("w1.service", UnitType.SERVICE, ("w1.service",))
    context = Context("w1.service", Specifiers("w1.service", "", facts), facts, draft, [])
    return commands(context, text)


def flags(command) -> str:
    return "".join(char for char, is_set in (
        ("-", command.ignore_failure), (":", command.no_expand), ("+", command.full_privileges),
        ("!", command.no_setuid), ("!!", command.ambient_magic),
    ) if is_set)


#: The line, and (path, argv, prefixes) of its commands, as systemd 252 showed them in ExecStartEx.
LINES = [
    ("/bin/echo 2 \\; x", [("/bin/echo", ("/bin/echo", "2", ";", "x"), "")]),
    ("/bin/a 1 ; /bin/b ';' 2", [("/bin/a", ("/bin/a", "1"), ""), ("/bin/b", ("/bin/b", ";", "2"), "")]),
    ("@/bin/echo argv0 x", [("/bin/echo", ("argv0", "x"), "")]),
    ("-@!/bin/echo argv0 x", [("/bin/echo", ("argv0", "x"), "-!")]),
    ("+:-/bin/echo ; -/bin/b ;", [("/bin/echo", ("/bin/echo",), "-:+"), ("/bin/b", ("/bin/b",), "-")]),
    ("!!/bin/echo ''", [("/bin/echo", ("/bin/echo", ""), "!!")]),
    ("/bin//echo/../x  a", [("/bin/echo/../x", ("/bin//echo/../x", "a"), "")]),
    ("\"/bin/with space\" 'a b'", [("/bin/with space", ("/bin/with space", "a b"), "")]),
    ("/bin/%p-%i a%%b %n", [("/bin/w1-", ("/bin/w1-", "a%b", "w1.service"), "")]),
    ("/bin/sh -c \"echo %%H '%H' \\x\"", [("/bin/sh", ("/bin/sh", "-c", "echo %H 'box' \\x"), "")]),
    ("true a", [("true", ("true", "a"), "")]),
    ("/bin/a;b", [("/bin/a;b", ("/bin/a;b",), "")]),
]


@pytest.mark.parametrize(("text", "expected"), LINES)
def test_lines(text, expected):
    assert [(item.path, item.argv, flags(item)) for item in parse(text)] == expected


@pytest.mark.parametrize("text", ["@", "-@", "bin/true", "/bin/", "/bin/true %Q", "%Q", "@/bin/true", "/bin/a 'b",
                                  "/bin/a ; b/c", "."])
def test_lines_that_make_the_unit_bad(text):
    with pytest.raises(BadValue) as caught:
        parse(text)
    assert isinstance(caught.value, FatalValue) != text.startswith("-")


def test_a_first_word_that_never_closes_is_only_ignored():
    with pytest.raises(BadValue) as caught:
        parse('true"')
    assert not isinstance(caught.value, FatalValue)
