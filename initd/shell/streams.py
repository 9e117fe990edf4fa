"""Where do standard input, output and error of a unit's process go? (systemd.exec(5), StandardInput= and its sisters)

Says it as `Stream` values that `pyinit-exec` carries out. Opens nothing but the memory file of StandardInput=data.
"""

from __future__ import annotations

import os

from initd.core.record import Record
from initd.core.settings import ExecSettings
from initd.core.settings_exec import inherits_nothing
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

#: The words for output that goes to the journal; kmsg is the journal's business as well.
_JOURNAL = frozenset(("journal", "journal+console", "kmsg", "kmsg+console", "syslog", "syslog+console"))
_TERMINAL_INPUT = {"tty": 1, "tty-force": 2, "tty-fail": 3}
DEFAULT_TERMINAL = "/dev/console"
_FILES = {
    "file": os.O_CREAT,
    "append": os.O_CREAT | os.O_APPEND,
    "truncate": os.O_CREAT | os.O_TRUNC,
}


class StreamFacts(Record):
    """What the unit's settings do not say. `named_fds` are the descriptors of its sockets, by FileDescriptorName=.

    `journal_path` is empty where no journal takes streams: nothing below /run can be written. What would go there goes
    where the manager's own output goes, for no line is to be lost (systemd has /dev/null there).
    """

    journal_path: str
    default_output: str = "journal"
    default_error: str = "inherit"
    is_control: bool = False
    socket_fd: int | None = None
    named_fds: dict[str, int] = {}
    data_fd: int | None = None
    #: By 0, 1 and 2: what comes before anything that the unit says.
    given: dict[int, int] = {}


class StreamError(Exception):
    """A stream is to come from a socket that the unit does not have: there is no process."""


class StreamPlan(Record):
    streams: tuple[Stream, ...]
    #: The words that came out of it, for $JOURNAL_STREAM, $TERM and the journal's header.
    uses_journal: bool
    #: The terminal that $TERM is of, "" for none.
    terminal: str
    to_console: bool
    to_kmsg: bool


def plan_streams(settings: ExecSettings, facts: StreamFacts) -> StreamPlan:
    words = _words(settings, facts)
    stdin = _given(0, facts) or _input(words[0], settings, facts)
    stdout = _given(1, facts) or _output(1, words[1], words, settings, facts)
    stderr = _given(2, facts) or _output(2, words[2], words, settings, facts)
    journals = [word for target, word in enumerate(words[1:], 1) if word in _JOURNAL and target not in facts.given]
    return StreamPlan(
        streams=(stdin, stdout, stderr),
        uses_journal=bool(journals and facts.journal_path),
        terminal=_terminal(settings, words),
        to_console=any("+console" in word for word in journals),
        to_kmsg=any(word.startswith("kmsg") for word in journals),
    )


def _given(target: int, facts: StreamFacts) -> Stream | None:
    return Stream(STREAM_FD, facts.given[target]) if target in facts.given else None


def _terminal(settings: ExecSettings, words: tuple[str, str, str]) -> str:
    is_used = words[0] in _TERMINAL_INPUT or any(word == "tty" or word.endswith("+console") for word in words[1:])
    return settings.tty_path or (DEFAULT_TERMINAL if is_used else "")


def plan_terminal(settings: ExecSettings, is_control: bool) -> Terminal | None:
    """What is done to the terminal first. Its size is that of what is read from: systemd 252 leaves others alone."""
    reads = input_word(settings, is_control) in _TERMINAL_INPUT
    rows, columns = (settings.tty_rows or 0, settings.tty_columns or 0) if reads else (0, 0)
    if not (settings.tty_reset or settings.tty_vhangup or settings.tty_vt_disallocate or rows or columns):
        return None
    return Terminal(settings.tty_path or DEFAULT_TERMINAL, settings.tty_reset, settings.tty_vhangup, rows, columns,
                    settings.tty_vt_disallocate)


def input_word(settings: ExecSettings, is_control: bool) -> str:
    """StandardInput= as it counts: only the main process gets the terminal."""
    word = settings.standard_input or "null"
    if word in ("null", "data"):
        word = "data" if settings.standard_input_data else "null"
    return "null" if is_control and word in _TERMINAL_INPUT else word


def _words(settings: ExecSettings, facts: StreamFacts) -> tuple[str, str, str]:
    stdin = input_word(settings, facts.is_control)
    if stdin == "socket" and facts.socket_fd is None:
        if not facts.is_control:
            raise StreamError("Got no socket.")
        stdin = "null"
    follows_input = settings.standard_input in _TERMINAL_INPUT or settings.standard_input in ("socket", "fd")
    stdout = settings.standard_output or ("inherit" if follows_input else facts.default_output)
    if inherits_nothing(settings):
        stdout = facts.default_output
    stderr = settings.standard_error or facts.default_error
    if facts.socket_fd is None:
        stdout = "inherit" if stdout == "socket" else stdout
        stderr = "inherit" if stderr == "socket" else stderr
    return stdin, stdout, stderr


def _input(word: str, settings: ExecSettings, facts: StreamFacts) -> Stream:
    if word in _TERMINAL_INPUT:
        return Stream(STREAM_TTY, _TERMINAL_INPUT[word], os.O_RDWR, settings.tty_path or DEFAULT_TERMINAL)
    if word == "manager":  # the foreground command's own word: what the container was started with
        return Stream(STREAM_FD, 0)
    if word == "socket":
        assert facts.socket_fd is not None
        return Stream(STREAM_FD, facts.socket_fd)
    if word == "data" and facts.data_fd is not None:
        return Stream(STREAM_FD, facts.data_fd)
    if word == "fd":
        return _named(facts, settings.standard_input_path or "stdin")
    if word == "file":
        path = settings.standard_input_path
        # The same file for input and output is opened once, for both.
        is_shared = (settings.standard_output, settings.standard_output_path) == ("file", path)
        return Stream(STREAM_FILE, os.O_RDWR | os.O_CREAT if is_shared else os.O_RDONLY, _file_mode(settings), path)
    return Stream(STREAM_NULL)


def _named(facts: StreamFacts, name: str) -> Stream:
    fd = facts.named_fds.get(name)
    if fd is None and not facts.is_control:
        raise StreamError(f"No file descriptor named {name}")
    return Stream(STREAM_NULL) if fd is None else Stream(STREAM_FD, fd)


def _output(
    target: int, word: str, words: tuple[str, str, str], settings: ExecSettings, facts: StreamFacts
) -> Stream:
    path = settings.standard_output_path if target == 1 else settings.standard_error_path
    if word == "manager":
        return Stream(STREAM_FD, target)
    is_same_place = word == words[1] and word != "fd" and path == settings.standard_output_path
    if target == 2 and (word == "inherit" or is_same_place):
        return Stream(STREAM_SAME_AS, 1)
    if word == "inherit":
        # Nothing to inherit from /dev/null and data that can only be read.
        return Stream(STREAM_NULL) if words[0] in ("null", "data") else Stream(STREAM_SAME_AS, 0)
    if word in _JOURNAL:
        return Stream(STREAM_JOURNAL, path=facts.journal_path) if facts.journal_path else Stream(STREAM_FD, target)
    if word == "tty":
        if words[0] in _TERMINAL_INPUT:
            return Stream(STREAM_SAME_AS, 0)
        return Stream(STREAM_TTY, 0, os.O_WRONLY, settings.tty_path or DEFAULT_TERMINAL)
    if word == "socket":
        assert facts.socket_fd is not None
        return Stream(STREAM_FD, facts.socket_fd)
    if word == "fd":
        return _named(facts, path or ("stdout" if target == 1 else "stderr"))
    if word in _FILES:
        if words[0] == "file" and word == "file" and path == settings.standard_input_path:
            return Stream(STREAM_SAME_AS, 0)
        return Stream(STREAM_FILE, os.O_WRONLY | _FILES[word], _file_mode(settings), path)
    return Stream(STREAM_NULL)


def _file_mode(settings: ExecSettings) -> int:
    return 0o666 & ~settings.umask
