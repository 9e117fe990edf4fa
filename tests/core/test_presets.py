from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from initd.core.presets import Preset, Rule, parse_presets, preset_of


def rules(text: str) -> tuple[Rule, ...]:
    return parse_presets([("p", text)])[0]


@pytest.mark.parametrize("text, expected", [
    ("enable a.service", (Rule(True, "a.service"),)),
    ("  disable\ta.* ", (Rule(False, "a.*"),)),
    ("# enable a\n; enable b\n\n", ()),
    ("enable t@.service one  two", (Rule(True, "t@.service", ("one", "two")),)),
])
def test_lines(text, expected):
    assert parse_presets([("p", text)]) == (expected, ())


@pytest.mark.parametrize("line", ["bad line", "enable", "enable a.service x", "DISABLE a.service"])
def test_bad_line_is_told_with_its_place(line):
    found, (diagnostic,) = parse_presets([("p", "enable a.service\n" + line)])
    assert len(found) == 1 and str(diagnostic) == f"p:2: Couldn't parse line '{line}'. Ignoring."


@pytest.mark.parametrize("text, name, expected", [
    ("", "a.service", Preset(True)),
    ("disable *", "a.service", Preset(False)),
    ("enable a.service\ndisable *", "a.service", Preset(True)),
    ("disable *\nenable a.service", "a.service", Preset(False)),
    ("enable t@.service one\ndisable *", "t@.service", Preset(True, ("one",))),
    ("enable t@.service one\ndisable *", "t@one.service", Preset(True)),
    ("enable t@.service one\ndisable *", "t@two.service", Preset(False)),
    ("disable t@.service", "t@one.service", Preset(True)),
    ("disable t@*.service", "t@one.service", Preset(False)),
])
def test_first_match_wins(text, name, expected):
    assert preset_of(rules(text), name) == expected


def test_files_are_read_in_the_order_given():
    found, _ = parse_presets([("1", "disable a.service"), ("2", "enable a.service")])
    assert preset_of(found, "a.service") == Preset(False)


@given(st.text())
def test_parsing_never_raises(text):
    found, diagnostics = parse_presets([("p", text)])
    assert len(found) + len(diagnostics) <= len(text.splitlines())
