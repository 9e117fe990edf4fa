"""`systemd-cat`: a command whose output goes to the journal, or the end of a pipeline that does (systemd-cat(1)).

The command takes our place: who waits for us gets its exit status, and nothing of us stays in memory.
"""

from __future__ import annotations

import _socket
import os
import sys
from _signal import SIG_DFL, SIGPIPE, SIGXFSZ, signal

from initd.cli.getopt import boolean, parse
from initd.cli.managers import chosen
from initd.cli.options import UsageError
from initd.cli.output import complain, is_answered
from initd.wire.journal import StreamHeader, encode_header

_LONG = {
    "help": "", "version": "", "identifier": "=", "priority": "=", "stderr-priority": "=", "level-prefix": "=",
}
_SHORT = {"h": "help", "t": "identifier", "p": "priority"}
_HELP = """\
systemd-cat [OPTIONS...] [COMMAND [ARGUMENT...]]

Run a command with its output connected to the journal, or send there what is
read from standard input.

Options:
  -t --identifier=TEXT         Under this name
  -p --priority=LEVEL          As this important (0..7 or emerg, alert, crit,
                               err, warning, notice, info, debug)
     --stderr-priority=LEVEL   Standard error output as this important
     --level-prefix=BOOL       Whether "<3>" in front of a line says how
                               important it is (default: yes)
  -h --help                    Show this help
     --version                 Show the version
"""
_LEVELS = ("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug")
#: The journal takes streams here.
SOCKET_PATH = "/run/systemd/journal/stdout"
#: Without a command, this reads what we are given.
_COPY = ["/bin/cat"]


def main(arguments: list[str]) -> int:
    """The exit status, where no command could be run. `arguments` without the program's name."""
    header, level = StreamHeader(""), -1
    try:
        given, command = parse(arguments, "systemd-cat", _LONG, _SHORT, ends_at_word=True)
        for name, value in given:
            if is_answered((name,), _HELP):
                return 0
            if name == "stderr-priority":
                level = _level(value, "stderr priority")
            else:
                header = _said(header, name, value)
    except UsageError as problem:
        complain(str(problem))
        return 1
    return _run(command or _COPY, header, header.priority if level < 0 else level)


def _said(header: StreamHeader, name: str, value: str) -> StreamHeader:
    if name == "identifier":
        return header.replace(identifier=value)
    if name == "priority":
        return header.replace(priority=_level(value, "priority"))
    is_on = boolean(value)
    if is_on is None:
        raise UsageError(f"Failed to parse boolean argument to --level-prefix=: {value}.")
    return header.replace(level_prefix=is_on)


def _level(value: str, what: str) -> int:
    if value in _LEVELS:
        return _LEVELS.index(value)
    if value in tuple("01234567"):
        return int(value)
    raise UsageError(f"Failed to parse {what} value.")


def _run(command: list[str], header: StreamHeader, stderr_priority: int) -> int:
    """One stream for both outputs keeps their lines in order; two where they are not equally important."""
    try:
        output = _open_stream(header)
        is_one = stderr_priority == header.priority
        errors = output if is_one else _open_stream(header.replace(priority=stderr_priority))
    except OSError as problem:
        complain(f"Failed to create stream fd: {problem.strerror}")
        return 1
    sys.stdout.flush()
    kept = os.dup(2)
    os.dup2(output, 1)
    os.dup2(errors, 2)
    for number in (SIGPIPE, SIGXFSZ):
        signal(number, SIG_DFL)  # ignored by Python alone
    try:
        os.execvp(command[0], command)
    except OSError as problem:
        os.dup2(kept, 2)  # whoever called us is told, and not the journal
        complain(f"Failed to execute process: {problem.strerror}")
        return 1


def _journal() -> str:
    places = chosen("system")
    return SOCKET_PATH if places is None else places.journal


def _open_stream(header: StreamHeader) -> int:
    """A connection that the journal reads lines from. The caller owns it."""
    stream = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC)
    stream.connect(_journal())
    stream.shutdown(_socket.SHUT_RD)
    stream.sendall(encode_header(header))
    return stream.detach()
