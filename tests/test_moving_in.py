"""debian/doc/moving-in.md: behind each row stands a test, and no option, event or section of supervisor's is left out."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

import pytest

from initd.core.importing.supervisor import CARRIED, OTHERS, SUPERVISORD
from initd.core.importing.supervisor_program import FCGI_OPTIONS, LISTENER_OPTIONS
from initd.core.supervisor_events import KINDS, NOT_SENT, SENT

sys.path.insert(0, str(Path(__file__).parent / "container"))

from groups_page import FILES, PAGE, SESSION

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "debian/doc/moving-in.md").read_text()
PARTS = {part.split("\n", 1)[0]: part for part in TEXT.split("\n## ")[1:]}
#: The actions that supervisorctl's help lists, but for those of a terminal.
ACTIONS = ("avail", "status", "pid", "start", "stop", "restart", "signal", "tail", "maintail", "clear", "reread", "update",
           "add", "remove", "reload", "shutdown", "version", "open")


def rows(part: str) -> list[list[str]]:
    found = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in part.splitlines() if line.startswith("| ")]
    return found[1:]


ROWS = [(f"{title}: {row[0][:50]}", row) for title, part in PARTS.items() for row in rows(part)]


@pytest.mark.parametrize("row", [row for _, row in ROWS], ids=[name for name, _ in ROWS])
def test_a_row_has_a_test_that_exists(row):
    assert len(row) == 3 and all(row)
    tests = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", row[2])
    assert tests and row[2] == ", ".join(f"`{path}::{name}`" for path, name in tests)
    for path, name in tests:
        tree = ast.parse((ROOT / path).read_text())
        assert name in {each.name for each in tree.body if isinstance(each, ast.FunctionDef)}, f"{path} has no {name}"


def test_the_page_of_events_and_groups_is_of_the_commands_that_print_it():
    text = PAGE.read_text()
    assert re.findall(r"(?m)^    \$ (.*)", text) == [line for lines in SESSION.values() for line in lines]
    assert all(line in text for file in FILES.values() for line in file.splitlines())


def test_there_is_a_table_for_each():
    assert list(PARTS) == ["supervisor", "tini", "s6-overlay"] and all(len(rows(part)) > 10 for part in PARTS.values())


def test_all_of_supervisors_options_events_sections_and_actions_are_there():
    words = set(re.findall(r"`([^`]+)`", "".join(row[0] for row in rows(PARTS["supervisor"]))))
    options = {*LISTENER_OPTIONS, *FCGI_OPTIONS, *SUPERVISORD, *CARRIED}
    assert options - words == set()
    assert {*KINDS, *SENT, *NOT_SENT} - words == set()
    sections = " ".join(words)
    assert [kind for kind in (*OTHERS, "supervisord", "include", "group", "fcgi-program", "eventlistener")
            if f"[{kind}" not in sections] == []
    told = "".join(row[0] for row in rows(PARTS["supervisor"]))
    assert [action for action in ACTIONS if not re.search(rf"`(supervisorctl )?{action}( -f)?`", told)] == []
