"""The command line of `pyinit`."""

from __future__ import annotations

import pytest

from initd.options import Options, UsageError, parse


@pytest.mark.parametrize(("words", "changes"), [
    ([], {}),
    (["--user"], {"mode": "user"}),
    (["--daemon"], {"mode": "group", "is_daemon": True}),
    (["--runtime-directory=/r", "--unit-directory", "u"], {"mode": "group", "runtime_directory": "/r", "unit_directory": "u"}),
    (["--daemon", "--runtime-directory=a", "--runtime-directory=b"],
     {"mode": "group", "is_daemon": True, "runtime_directory": "b"}),
    (["--drain=2min", "--shutdown-budget", "1s"], {"drain_usec": 120_000_000, "shutdown_budget_usec": 1_000_000}),
    (["--strict", "--", "--daemon"], {"is_strict": True, "command": ("--daemon",)}),
])
def test_words_become_options(words, changes):
    assert parse(words) == Options(words=tuple(words)).replace(**changes)


@pytest.mark.parametrize(("words", "text"), [
    (["--runtime-directory"], "Option --runtime-directory needs a value."),
    (["--drain=soon"], "--drain=soon: .*"),
    (["--user", "sh"], "Unknown argument 'sh' (a command to run goes behind '--')."),
])
def test_what_makes_no_sense_is_said(words, text):
    with pytest.raises(UsageError, match="^" + text.replace("(", r"\(").replace(")", r"\)") + "$"):
        parse(words)


def test_help_tells_of_every_option():
    text = parse(["--help"])
    assert all(word in text for word in ("--user", "--daemon", "--runtime-directory=", "--unit-directory=", "--unit="))
