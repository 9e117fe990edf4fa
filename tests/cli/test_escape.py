"""More of it, beside systemd's answers, in tests/conformance/test_analyze.py."""

from __future__ import annotations

import pytest

from initd.cli import escape
from tests.cli.commands import run

NOT_ABSOLUTE = "Input '{}' is not an absolute file system path, escaping is likely not going to be reversible.\n"


@pytest.mark.parametrize(("words", "out"), [
    (["Hallöchen, Meister"], "Hall\\xc3\\xb6chen\\x2c\\x20Meister"), (["-u", "Hall\\xc3\\xb6chen"], "Hallöchen"),
    (["-p", "--suffix=mount", "/tmp//waldi/foobar/"], "tmp-waldi-foobar.mount"), (["-p", "/"], "-"),
    (["--template=a@.service", "My Box", "b", "c/d"], "a@My\\x20Box.service a@b.service a@c-d.service"),
    (["-u", "--instance", "a@My\\x20Box.service"], "My Box"), (["-u", "--template=a@.service", "a@x-y.service"], "x/y"),
    (["-u", "-p", "a-b"], "/a/b"), (["-u", "-p", "-"], "/"), (["-u", "--instance", "-p", "a@b-c.service"], "/b/c"),
    (["-m", "a b", "/dev/sda", "/x/y", "c.mount"], "a\\x20b.service dev-sda.device x-y.mount c.mount"),
    (["-m", "/dev/../x", ".service"], "-dev-..-x.service .service.service"),
    (["-m", "-u", "a-b"], "a/b"), (["-u", "-m", "a-b"], "a-b.service"), ([""], ""), (["--suffix=service", ""], ".service"),
    (["-u", "a\\x00b"], "a"), (["--", "-x"], "\\x2dx"), ([".x"], "\\x2ex"), (["\udcff"], "\\xff"),
])  # fmt: skip
def test_escaped(words, out):
    assert run(escape.main, *words) == (0, out + "\n", "")


@pytest.mark.parametrize(("words", "err"), [
    ([], "Not enough arguments."), (["--suffix=bogus", "x"], 'Invalid unit suffix type "bogus".'),
    (["--suffix=", "x"], 'Invalid unit suffix type "".'),
    (["--template=a.service", "x"], "Template name a.service is not valid."),
    (["--template=a@b.service", "x"], "Template name a@b.service is not valid."),
    (["--suffix=mount", "--template=a@.mount", "x"], "--suffix= and --template= may not be combined."),
    (["--suffix=mount", "-m", "x"], "--suffix= and --template= are not compatible with --mangle."),
    (["--suffix=mount", "-u", "x"], "--suffix is not compatible with --unescape."),
    (["-p", "-m", "x"], "--path may not be combined with --mangle."),
    (["--instance", "x"], "--instance must be used in conjunction with --unescape."),
    (["-u", "--instance", "--template=a@.service", "x"], "--instance may not be combined with --template."),
    (["-u", "\\xzz"], "Failed to unescape string: Invalid argument"),
    (["-u", "-p", ""], "Failed to unescape string: Invalid argument"),
    (["-u", "--instance", "a.service"], "Unit a.service is missing the instance name."),
    (["-u", "--instance", "bad"], "Failed to extract instance: Invalid argument"),
    (["-u", "--template=b@.service", "a@x.service"],
     "Unit a@x.service template a@.service does not match specified template b@.service."),
    (["--template=a@.service", ""], "Failed to replace instance: Invalid argument"),
    (["-m", ""], "Failed to mangle name: Invalid argument"),
    (["-p", "/a/../b"], "Input '/a/../b' is not a normalized file system path, failed to escape."),
    (["-p", "."], "Input '.' is not an absolute file system path, failed to escape."),
    (["-p", ".."], "Input '..' is not an absolute file system path, failed to escape."),
    (["-p", "/" + 256 * "a"], f"Input '/{256 * 'a'}' is not a valid file system path, failed to escape."),
    (["--path=x"], "systemd-escape: option '--path' doesn't allow an argument"),
    (["--suffix"], "systemd-escape: option '--suffix' requires an argument"),
])  # fmt: skip
def test_refused(words, err):
    assert run(escape.main, *words) == (1, "", err + "\n")


def test_what_failed_ends_the_line_where_it_is():
    assert run(escape.main, "-p", "/a", "/../x", "/c") == (
        1, "a", "Input '/../x' is not a normalized file system path, failed to escape.\n"
    )


def test_a_path_that_does_not_come_back_gets_a_warning():
    assert run(escape.main, "-p", "a/b") == (0, "a-b\n", NOT_ABSOLUTE.format("a/b"))
    assert run(escape.main, "-p", "") == (
        0, "-\n", "Input '' is not a valid file system path, escaping is likely not going be reversible.\n"
    )


def test_help_and_version():
    assert run(escape.main, "-h", "x").out.startswith("systemd-escape [OPTIONS...] [NAME...]\n")
    assert run(escape.main, "--version").out.startswith("systemd 252 ")
