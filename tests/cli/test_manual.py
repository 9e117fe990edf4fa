"""Help texts and manual pages: nothing that a command or a file understands is left out, and nothing is made up."""

from __future__ import annotations

import importlib.util
import re
from fnmatch import fnmatch
from pathlib import Path

import pytest

from initd.cli import journal_options, journal_usage, options, systemctl, usage
from initd.core import managerkeys
from initd.journal import config as journalconf

SPEC = importlib.util.spec_from_file_location("manual", Path(__file__).resolve().parents[2] / "debian/manual.py")
manual = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(manual)


def test_help_has_every_verb():
    told = {verb for _, rows in usage.COMMANDS for verb, _, _ in rows}
    assert told | usage.ALIASES.keys() == systemctl.VERBS.keys()
    assert not told & usage.ALIASES.keys() and set(usage.ALIASES.values()) <= told


def test_help_has_every_option():
    assert usage.OPTIONS.keys() == options.LONG.keys()
    for name, (value, _) in usage.OPTIONS.items():
        assert bool(value) == options.LONG[name][1], name


def test_verbs_that_mean_the_same_do_the_same():
    for alias, verb in usage.ALIASES.items():
        assert systemctl.VERBS[alias] == systemctl.VERBS[verb]


def test_journalctls_help_has_every_option():
    told = set(re.findall(r"--([a-z][a-z-]*)", journal_usage.HELP))
    assert told == journal_options.LONG.keys() - {"full"}  # which is what there is without --no-full


COMMANDS = sorted((path for directory in manual.COMMANDS for path in directory.iterdir()), key=lambda path: path.name)
of_each_command = pytest.mark.parametrize("command", COMMANDS, ids=lambda path: path.name)


@of_each_command
def test_every_command_has_a_page(command):
    text = (manual.SOURCES / f"{command.name}.h2m").read_text()
    assert re.match(r"\[NAME\]\n" + command.name + r" \\- \w", text)


@of_each_command
def test_the_page_is_in_the_commands_package(command):
    """debhelper leaves out without a word what no pattern takes."""
    package = "pyinit-web" if command.name.startswith("pyinit-web") else "pyinit"
    patterns = (manual.ROOT / f"debian/{package}.manpages").read_text().split()
    assert any(fnmatch(f"debian/manpages/{command.name}.{section}", pattern) for pattern in patterns for section in "18")


def test_every_key_of_the_journals_file_is_told_once():
    told = [key for keys, _ in manual.journal_keys() for key in keys.split(", ")]
    assert sorted(told) == sorted(set(told))
    old_names = {"RateLimitInterval"}
    assert set(told) | old_names == {*journalconf.KEYS, *journalconf.SHARED, *journalconf.WITHOUT_EFFECT}


def test_every_key_of_the_managers_file_is_told():
    assert [key for key, _ in manual.manager_keys()] == sorted(managerkeys.KEYS)


@pytest.mark.parametrize("page", [source.stem for source in sorted(manual.SOURCES.glob("*.md"))])
def test_pages_are_filled_in(page):
    text = manual.markdown(page)
    assert text.startswith("# NAME\n\n" + page.rpartition(".")[0]) and "@" not in text


def test_the_page_of_directives_has_them_all():
    text = manual.directives()
    source = (manual.ROOT / "debian/doc/directives.md").read_text()
    assert text.count("\n:   ") == len(re.findall(r"^\| `", source, re.MULTILINE))
