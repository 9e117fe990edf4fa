"""`systemd-cat`: what arrives at the journal's socket, and what becomes of the command.

Recorded from systemd 252's, by the same receiver; where that one is installed it is asked again, in a mount namespace whose
/run holds nothing but the receiver's socket.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from initd.cli import journal_cat
from tests.cli.commands import run
from tests.cli.test_real_systemctl import IN_NAMESPACE, reason_to_skip

ROOT = Path(__file__).resolve().parents[2]
OURS = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from initd.cli import journal_cat
journal_cat.SOCKET_PATH = sys.argv[1] + "/systemd/journal/stdout"
sys.exit(journal_cat.main(sys.argv[2:]))
"""
PROGRAMS = [
    pytest.param([sys.executable, "-ISc", OURS], id="ours"),
    pytest.param(["unshare", "-m", "sh", "-c", IN_NAMESPACE, "sh"], id="systemd's",
                 marks=pytest.mark.skipif(bool(reason_to_skip()), reason=reason_to_skip() or "-")),
]  # fmt: skip
INPUT = "line one\nline two"


class Journal:
    """Takes streams until it is told that no more come."""

    def __init__(self, directory: Path) -> None:
        self.run = directory / "run"
        (self.run / "systemd/journal").mkdir(parents=True)
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(str(self.run / "systemd/journal/stdout"))
        self.socket.listen()

    def hear(self, program: list[str], *words: str) -> tuple[int, str, str, list[bytes]]:
        real = [] if OURS in program else ["/usr/bin/systemd-cat"]
        done = subprocess.run([*program, str(self.run), *real, *words], input=INPUT, capture_output=True, text=True, timeout=30)
        # What it wrote waits in the sockets.
        self.socket.setblocking(False)
        streams = []
        while True:
            try:
                stream, _ = self.socket.accept()
            except BlockingIOError:
                return done.returncode, done.stdout, done.stderr, streams
            stream.setblocking(True)
            with stream.makefile("rb") as file:
                streams.append(file.read())


@pytest.fixture
def journal(tmp_path):
    made = Journal(tmp_path)
    yield made
    made.socket.close()


def header(identifier: str = "", priority: int = 6, prefix: int = 1) -> bytes:
    return f"{identifier}\n\n{priority}\n{prefix}\n0\n0\n0\n".encode()


BOTH = "echo o; echo e >&2"


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize(("words", "status", "streams"), [
    ([], 0, [header() + INPUT.encode()]),
    (["-t", "tag", "-p", "2"], 0, [header("tag", 2) + INPUT.encode()]),
    (["echo", "hi"], 0, [header() + b"hi\n"]),
    (["-p", "err", "sh", "-c", f"{BOTH}; exit 3"], 3, [header("", 3) + b"o\ne\n"]),
    (["-p3", "--stderr-priority=debug", "sh", "-c", BOTH], 0, [header("", 3) + b"o\n", header("", 7) + b"e\n"]),
    (["-p", "warning", "--stderr-priority=4", "sh", "-c", BOTH], 0, [header("", 4) + b"o\ne\n"]),
    (["--level-prefix=no", "-t", "x", "echo", "<3>y"], 0, [header("x", 6, 0) + b"<3>y\n"]),
    (["--ident=a", "--identifier=b", "--", "echo", "-p", "err"], 0, [header("b") + b"-p err\n"]),
    (["sh", "-c", "cat; exec kill -9 $$"], -9, [header() + INPUT.encode()]),
    # A pipe that is closed ends the command, as it would without us.
    (["sh", "-c", "yes | head -n1; kill -PIPE $$"], -13, [header() + b"y\n"]),
])  # fmt: skip
def test_what_arrives(program, words, status, streams, journal):
    assert journal.hear(program, *words) == (status, "", "", streams)


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize(("words", "error", "count"), [
    (["nosuchcommand"], "Failed to execute process: No such file or directory\n", 1),
    (["/tmp"], "Failed to execute process: Permission denied\n", 1),
    (["--", "-x"], "Failed to execute process: No such file or directory\n", 1),
    (["-p", "bogus", "x"], "Failed to parse priority value.\n", 0),
    (["-p", "8"], "Failed to parse priority value.\n", 0),
    (["-p", ""], "Failed to parse priority value.\n", 0),
    (["--stderr-priority=user.err"], "Failed to parse stderr priority value.\n", 0),
    (["--level-prefix=maybe"], "Failed to parse boolean argument to --level-prefix=: maybe.\n", 0),
])  # fmt: skip
def test_what_cannot_be_run_is_told_to_the_caller(program, words, error, count, journal):
    assert journal.hear(program, *words) == (1, "", error, [header()] * count)


@pytest.mark.parametrize("program", PROGRAMS)
def test_without_a_journal_nothing_is_run(program, journal):
    os.unlink(journal.run / "systemd/journal/stdout")
    said = journal.hear(program, "echo", "x")
    assert said == (1, "", "Failed to create stream fd: No such file or directory\n", [])


def test_help_and_version():
    assert run(journal_cat.main, "-h").out.startswith("systemd-cat [OPTIONS...] ")
    assert run(journal_cat.main, "--version").out.startswith("systemd 252 ")
    assert run(journal_cat.main, "--bogus") == (1, "", "systemd-cat: unrecognized option '--bogus'\n")
