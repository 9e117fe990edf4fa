from __future__ import annotations

from pathlib import Path

from initd.cli import directives_page
from initd.core.directives import TABLE

PAGE = Path(__file__).resolve().parents[2] / "debian" / "doc" / "directives.md"


def test_the_page_is_what_the_command_prints(capsys):
    """`make docs` writes it."""
    assert directives_page.main() == 0
    assert capsys.readouterr().out == PAGE.read_text()


def test_every_directive_is_on_it_once_in_its_table():
    rows = [line.split("|")[1].strip() for line in directives_page.page().splitlines() if line.startswith("| `")]
    assert {f"`{key}=`" for _, key in TABLE} == set(rows)


def test_the_counts_are_those_of_the_rows():
    lines = directives_page.page().splitlines()
    for fate in ("applied", "degraded", "ignored"):
        (count,) = [int(line.rpartition(" ")[2]) for line in lines if line.startswith(f"- {fate}: ")]
        assert sum(line.split("|")[4].strip().startswith(fate) for line in lines if line.startswith("| `")) == count
