"""Parsing never raises: every grammar over texts that are nearly right, and every input that once made a fuzzer stop.

The same functions, `targets.TARGETS`, are run for hours by `make fuzz`; here they get seconds.
"""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz import targets, texts

UNITS = [name for name in targets.TARGETS if "." in name and name != "system.conf"]
OTHERS = [name for name in targets.TARGETS if name not in UNITS]


@pytest.mark.parametrize("name", UNITS)
@given(st.data())
@settings(max_examples=25, deadline=None)
def test_units(name, data):
    targets.TARGETS[name](data.draw(texts.unit_text(name)))


@pytest.mark.parametrize("name", OTHERS)
@given(st.data())
@settings(max_examples=40, deadline=None)
def test_other_grammars(name, data):
    made = texts.OF_GRAMMAR.get(name)
    targets.TARGETS[name](data.draw(texts.text if made is None else texts.bent(made)))


@given(st.binary(max_size=200))
@settings(max_examples=40, deadline=None)
def test_bytes(data):
    targets.protocols(data)


@pytest.mark.parametrize("seed", targets.seeds())
def test_corpus(seed):
    targets.run(seed)


@pytest.mark.parametrize(("name", "text"), [
    ("q.service", "[Service]\nExecStart=/bin/true\nNice=99\n"),
    ("q.service", "no section\n"),
    ("q.service", "[Service]\nExecStart=/bin/true\nUnknown=1\n[Other]\nA=1\n"),
])
def test_what_is_wrong_is_told_with_its_line(name, text):
    definition = targets.unit(name, text)
    assert definition.diagnostics and all(item.line for item in definition.diagnostics if item.priority > 3)
