"""Environment files read as a real systemd reads them, and the order of all sources."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from initd.core.settings import ExecSettings
from initd.shell.envfile import parse_file
from initd.shell.environment import EnvironmentFileError, assemble, read_files, split_assignments

RECORDED = [
    ast.literal_eval(line)
    for line in (Path(__file__).parent / "recorded" / "environment-files.txt").read_text().splitlines()
]


@pytest.mark.parametrize("content, variables", RECORDED, ids=range(len(RECORDED)))
def test_file_is_read_as_systemd_252_reads_it(tmp_path, content, variables):
    file = tmp_path / "file"
    file.write_bytes(content)
    if variables is None:
        with pytest.raises(EnvironmentFileError):
            read_files(((str(file), False),))
        assert read_files(((str(file), True),)) == ([], [])
        return
    found, _problems = read_files(((str(file), False),))
    assert sorted(f"{name}={value}".encode() for name, value in dict(found).items()) == variables


@given(st.text(st.sampled_from("AB= \t'\"\\\n\r#;$x")))
def test_any_text_is_read_to_its_end(text):
    assignments, problems = parse_file(text)
    assert all("=" not in name for name, _value in assignments)
    assert len(assignments) + len(problems) <= text.count("=")


@given(st.dictionaries(st.sampled_from("ABCD"), st.text(st.characters(exclude_categories=["Cs", "Cn"]), max_size=9)))
def test_quoted_values_come_back_as_they_were(variables):
    quoted = {name: "".join("\\" + c if c in '"\\`$' else c for c in value) for name, value in variables.items()}
    text = "".join(f'{name}="{value}"\n' for name, value in quoted.items())
    assert dict(parse_file(text)[0]) == variables


def test_invalid_names_are_told_with_their_file(tmp_path):
    file = tmp_path / "file"
    file.write_text("A-B=1\nC=2\n")
    assert read_files(((str(file), False),)) == (
        [("C", "2")], [f"Ignoring invalid environment assignment 'A-B=1': {file}"],
    )


def test_globs_are_read_in_order_and_must_match(tmp_path):
    for name, text in (("b.env", "X=b\nB=1\n"), ("a.env", "X=a\nA=1\n")):
        (tmp_path / name).write_text(text)
    found, _problems = read_files(((f"{tmp_path}/*.env", False),))
    assert dict(found) == {"A": "1", "B": "1", "X": "b"}
    with pytest.raises(EnvironmentFileError):
        read_files(((f"{tmp_path}/*.none", False),))
    assert read_files(((f"{tmp_path}/*.none", True),))[0] == []


def test_each_source_wins_over_those_before_it():
    settings = ExecSettings()
    settings.exec_search_path = ("/a", "/b")
    settings.pass_environment = ("P", "MISSING")
    settings.environment = ("U=unit", "F=unit")
    settings.unset_environment = ("GONE", "F=file", "U=other")
    found = assemble(
        {"M": "manager", "E": "manager", "PATH": "/x"}, ["E=engine", "O=engine", "GONE=1"], {"O": "own", "P": "own"},
        {"P": "container", "OTHER": "container"}, settings, [("F", "file")],
    )
    assert found == {"M": "manager", "E": "engine", "O": "own", "PATH": "/a:/b", "P": "container", "U": "unit"}


def test_words_that_are_no_assignments_are_left_out():
    assert split_assignments(["A=1", "B", "=2", "A=3=4", ""]) == {"A": "3=4"}
