"""Where the three streams go, for every word of systemd.exec(5)."""

from __future__ import annotations

import os

import pytest

from initd.core.settings import ExecSettings
from initd.shell.streams import StreamError, StreamFacts, plan_streams, plan_terminal
from initd.wire.execcontext import (
    STREAM_FD,
    STREAM_FILE,
    STREAM_JOURNAL,
    STREAM_NULL,
    STREAM_SAME_AS,
    STREAM_TTY,
    Stream,
    Terminal,
)

NULL, JOURNAL = Stream(STREAM_NULL), Stream(STREAM_JOURNAL, path="/j")
AS_INPUT, AS_OUTPUT = Stream(STREAM_SAME_AS, 0), Stream(STREAM_SAME_AS, 1)


def plan(facts: StreamFacts = StreamFacts("/j"), **settings: object):  # noqa: B008 (an immutable record)
    unit = ExecSettings()
    for name, value in settings.items():
        assert hasattr(ExecSettings, name)
        setattr(unit, name, value)
    return plan_streams(unit, facts)


def test_default_is_null_and_the_journal_once():
    found = plan()
    assert found.streams == (NULL, JOURNAL, AS_OUTPUT)
    assert found.uses_journal and not found.terminal


@pytest.mark.parametrize("word", ["journal", "journal+console", "kmsg", "kmsg+console"])
def test_output_and_error_share_one_journal_stream(word):
    found = plan(standard_output=word, standard_error=word)
    assert found.streams == (NULL, JOURNAL, AS_OUTPUT)
    assert (found.to_console, found.to_kmsg) == ("console" in word, "kmsg" in word)


def test_null_and_inherit():
    assert plan(standard_output="null").streams == (NULL, NULL, AS_OUTPUT)
    assert plan(standard_output="null", standard_error="journal").streams == (NULL, NULL, JOURNAL)
    # There is nothing to inherit from /dev/null, and from what can only be read.
    assert plan(standard_output="inherit").streams == (NULL, JOURNAL, AS_OUTPUT)
    assert plan(standard_output="inherit", standard_input="file", standard_input_path="/f").streams[1] == JOURNAL


def test_files():
    found = plan(standard_output="append", standard_output_path="/o", standard_error="truncate",
                 standard_error_path="/e", umask=0o077)
    assert found.streams[1] == Stream(STREAM_FILE, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600, "/o")
    assert found.streams[2] == Stream(STREAM_FILE, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600, "/e")
    assert not found.uses_journal


def test_same_file_is_opened_once():
    found = plan(standard_input="file", standard_input_path="/f", standard_output="file", standard_output_path="/f",
                 standard_error="file", standard_error_path="/f")
    assert found.streams == (Stream(STREAM_FILE, os.O_RDWR | os.O_CREAT, 0o644, "/f"), AS_INPUT, AS_OUTPUT)
    other = plan(standard_output="file", standard_output_path="/f", standard_error="file", standard_error_path="/g")
    assert other.streams[2].path == "/g"


@pytest.mark.parametrize("word, how", [("tty", 1), ("tty-force", 2), ("tty-fail", 3)])
def test_terminal_is_for_the_main_process(word, how):
    found = plan(standard_input=word, tty_path="/dev/tty9")
    assert found.streams == (Stream(STREAM_TTY, how, os.O_RDWR, "/dev/tty9"), AS_INPUT, AS_OUTPUT)
    assert found.terminal == "/dev/tty9"
    control = plan(StreamFacts("/j", is_control=True), standard_input=word)
    assert control.streams == (NULL, NULL, AS_OUTPUT)


def test_terminal_for_output_alone():
    found = plan(standard_output="tty")
    assert found.streams[1] == Stream(STREAM_TTY, 0, os.O_WRONLY, "/dev/console") and found.terminal == "/dev/console"


def test_only_a_terminal_that_is_read_from_gets_a_size():
    def terminal(**settings: object):
        unit = ExecSettings()
        for name, value in settings.items():
            setattr(unit, name, value)
        return plan_terminal(unit, False)

    assert terminal(standard_input="tty", tty_rows=5) == Terminal("/dev/console", rows=5)
    assert terminal(standard_output="tty", tty_rows=5) is None
    assert terminal(tty_path="/dev/tty9", tty_reset=True, tty_rows=5) == Terminal("/dev/tty9", reset=True)
    assert terminal(standard_input="tty") is None


def test_connection():
    socket = Stream(STREAM_FD, 9)
    facts = StreamFacts("/j", socket_fd=9)
    assert plan(facts, standard_input="socket").streams == (socket, AS_INPUT, AS_OUTPUT)
    assert plan(facts, standard_input="socket", standard_error="journal").streams == (socket, AS_INPUT, JOURNAL)
    with pytest.raises(StreamError):
        plan(standard_input="socket")
    assert plan(StreamFacts("/j", is_control=True), standard_input="socket").streams[0] == NULL


def test_named_descriptors():
    facts = StreamFacts("/j", named_fds={"in": 7, "stdout": 8, "stderr": 9})
    found = plan(facts, standard_input="fd", standard_input_path="in", standard_output="fd", standard_error="fd")
    assert found.streams == (Stream(STREAM_FD, 7), Stream(STREAM_FD, 8), Stream(STREAM_FD, 9))
    with pytest.raises(StreamError):
        plan(facts, standard_output="fd", standard_output_path="nobody")
    assert plan(facts.replace(is_control=True), standard_input="fd", standard_input_path="nobody").streams[0] == NULL


def test_data():
    found = plan(StreamFacts("/j", data_fd=5), standard_input_data=b"x")
    assert found.streams == (Stream(STREAM_FD, 5), JOURNAL, AS_OUTPUT)
