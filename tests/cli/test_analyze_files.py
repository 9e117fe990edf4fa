"""More of it, beside systemd's answers, in tests/conformance/test_analyze.py."""

from __future__ import annotations

import os

import pytest

from initd.cli import analyze
from initd.core.places import SYSTEM_UNIT_PATH
from tests.cli.commands import run


def test_unit_paths_are_those_the_manager_reads():
    assert run(analyze.main, "unit-paths").out.split() == list(SYSTEM_UNIT_PATH)


@pytest.fixture
def root(tmp_path):
    for name, text in {
        "etc/a.conf": "main", "etc/a.conf.d/20.conf": "etc 20\n", "usr/lib/a.conf.d/20.conf": "lib 20\n",
        "run/a.conf.d/10.conf": "run 10\n", "usr/lib/only.conf": "lib\n",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def cat(root, *words):
    said = run(analyze.main, f"--root={root}", "cat-config", *words)
    return said._replace(out=said.out.replace(str(root), ""), err=said.err.replace(str(root), ""))


def test_cat_config_shows_the_file_that_wins_and_drop_ins_by_name(root):
    assert cat(root, "a.conf").out == (
        "# /etc/a.conf\nmain\n\n# /run/a.conf.d/10.conf\nrun 10\n\n# /etc/a.conf.d/20.conf\netc 20\n"
    )


def test_a_path_stands_for_the_name_below_its_directory(root):
    assert cat(root, "/etc/only.conf").out == "# /usr/lib/only.conf\nlib\n"
    assert cat(root, "/opt/only.conf").err == "Path /opt/only.conf does not start with any known prefix.\n"


def test_a_mask_is_shown_as_an_empty_file(root):
    (root / "run/a.conf.d/10.conf").unlink()
    (root / "run/a.conf.d/10.conf").symlink_to("/dev/null")
    assert "\n\n# /run/a.conf.d/10.conf\n\n# /etc" in cat(root, "a.conf").out


def test_what_cannot_be_read_ends_it(root):
    (root / "etc/dir.conf").mkdir()
    said = cat(root, "dir.conf", "a.conf")
    assert said.status == 1 and "main" not in said.out
    assert said.err == 'Failed to read "/etc/dir.conf": Is a directory\nFailed to cat /etc/dir.conf: Is a directory\n'


def condition(*lines):
    said = run(analyze.main, "condition", *lines)
    assert said.out == ""
    return said.status, said.err.splitlines()


def test_conditions_are_looked_at_from_the_last_to_the_first_that_fails():
    assert condition("ConditionPathExists=/", "ConditionPathExists=/no/such", "ConditionPathExists=!/") == (
        1, ["test.service: ConditionPathExists=!/ failed.", "Conditions failed."]
    )
    assert condition("ConditionPathExists=/", "ConditionPathExists=|/no/such", "ConditionPathExists=|/") == (0, [
        "test.service: ConditionPathExists=|/ succeeded.", "test.service: ConditionPathExists=|/no/such failed.",
        "test.service: ConditionPathExists=/ succeeded.", "Conditions succeeded.",
    ])


def test_asserts_are_told_first_and_both_count():
    status, lines = condition("AssertPathExists=/no/such", "ConditionPathExists=/")
    assert status == 1 and lines[1] == "Asserts failed." and lines[-1] == "Conditions succeeded."


def test_a_parameter_that_says_nothing_is_a_failure_of_its_own():
    assert condition("ConditionCPUs=few") == (
        1, ["test.service: Couldn't determine result for ConditionCPUs=few, assuming failed: Invalid argument",
            "Conditions failed."]
    )


def test_a_parameter_that_cannot_be_used_is_left_out():
    assert condition("ConditionPathExists=relative") == (
        0, ["(cmdline): ConditionPathExists= path is not absolute, ignoring: relative"]
    )


def test_an_empty_one_forgets_those_before_it():
    assert condition("ConditionPathExists=/no/such", "ConditionPathExists=") == (0, [])


@pytest.mark.parametrize("line", ["Description=x", "ConditionBogus=1", "ConditionPathExists", " ConditionHost=x", ""])
def test_what_is_no_condition_is_refused(line):
    assert condition(line) == (1, [f'Cannot parse "{line}".'])


def test_no_condition_at_all_is_a_usage_error():
    assert condition() == (1, ["Too few arguments for condition"])


def test_conditions_ask_about_this_machine():
    status, _ = condition(f"ConditionKernelVersion={os.uname().release}")
    assert status == 0
