"""debian/doc/threat-model.md: each row names tests, and they exist."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "debian/doc/threat-model.md").read_text()
ROWS = [line.strip("| ").split(" | ") for line in TEXT.splitlines() if line.startswith("| ") and not line.startswith("| asset")]
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", TEXT)))


@cache
def functions_of(path: str) -> set[str]:
    body = ast.parse((ROOT / path).read_text()).body
    return {each.name for each in body if isinstance(each, ast.FunctionDef) and each.name.startswith("test_")}


def test_each_row_says_who_can_what_why_not_and_names_its_tests():
    assert len(ROWS) > 20
    for row in ROWS:
        assert len(row) == 4 and all(row), row
        assert re.fullmatch(r"`tests/[\w/]+\.py::test_\w+`(, `tests/[\w/]+\.py::test_\w+`)*", row[3].strip()), row[0]


@pytest.mark.parametrize(("path", "name"), NAMED)
def test_a_named_test_exists(path, name):
    assert name in functions_of(path), f"{path} has no {name}"


def test_every_test_of_this_kind_is_on_the_page():
    for path in ("tests/container/test_security.py", "tests/core/test_access.py", "tests/exec/test_order.py"):
        missing = functions_of(path) - {name for place, name in NAMED if place == path}
        assert missing <= {"test_root_is_let_through", "test_a_user_alone_takes_groups_and_group_along"}, path


def test_files_that_are_linked_exist():
    for target in re.findall(r"\]\(([^)]+)\)", TEXT):
        assert (ROOT / "debian/doc" / target).exists(), target
