"""The page of figures says what the committed results say, and what it claims to be kept mended is tested."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import page  # noqa: E402

TREE = HERE.parents[1]


def test_the_page_is_what_its_script_writes():
    assert (TREE / "debian/doc/robustness.md").read_text() == page.page(), "make docs"


@pytest.mark.parametrize("row", page.read(HERE / "found.tsv"), ids=lambda row: row["commit"][:40])
def test_what_keeps_a_failure_away_is_there(row):
    path, _, name = row["test"].partition("::")
    assert re.search(rf"^ *def {name}\(", (TREE / path).read_text(), re.MULTILINE), row
    assert all(row.values())


def test_what_must_be_nil_is_counted_and_is():
    promises = page.promises()
    assert len(promises) == 4
    for what, of, count, _ in promises:
        assert (of > 0, count) == (True, 0), what


def test_a_table_is_one_whatever_its_cells_hold():
    head, rule, line = page.table(("a", "b"), ("x|y", 1)).splitlines()
    assert (head, rule, line) == ("| a | b |", "|---|---|", "| x\\|y | 1 |")
