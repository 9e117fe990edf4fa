"""`systemd-notify`: what arrives at the manager's socket, from whom, and what is said where nothing can be sent.

Recorded from systemd 252's, by the same receiver; where that one is installed it is asked again.
"""

from __future__ import annotations

import os
import socket
import struct
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
OURS = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r}); from initd.cli.notify import main; "
        "sys.exit(main(sys.argv[1:]))"]
REAL = ["/usr/bin/systemd-notify"]
PARENT, ITSELF = "the caller", "itself"
BARRIER = ("BARRIER=1", ITSELF, 0, 1)


def is_252() -> bool:
    if not os.path.exists(REAL[0]):
        return False
    said = subprocess.run([*REAL, "--version"], capture_output=True, text=True).stdout
    return said.startswith("systemd 252 ") and "pyinit" not in said


PROGRAMS = [pytest.param(OURS, id="ours"),
            pytest.param(REAL, id="systemd's", marks=pytest.mark.skipif(not is_252(), reason="not installed"))]
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root speaks for others")


class Heard:
    def __init__(self, directory: Path) -> None:
        self.path = str(directory / "notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self.socket.settimeout(0.05)

    def run(self, program: list[str], *words: str) -> tuple[int, str, list[tuple[str, str, int, int]]]:
        """The exit status, what was complained of, and each message: text, sender, its user, descriptors along with it."""
        done = subprocess.Popen([*program, *words], stderr=subprocess.PIPE, text=True,
                                env={"NOTIFY_SOCKET": self.path, "PATH": os.environ["PATH"]})
        found = []
        while True:
            is_over = done.poll() is not None
            try:
                data, control, _, _ = self.socket.recvmsg(4096, 200)
            except TimeoutError:
                if is_over:
                    break
                continue
            sender, uid, fds = "", -1, 0
            for _, kind, content in control:
                if kind == socket.SCM_CREDENTIALS:
                    pid, uid, _ = struct.unpack("iII", content)
                    sender = {os.getpid(): PARENT, done.pid: ITSELF}.get(pid, str(pid))
                else:
                    numbers = struct.unpack(f"{len(content) // 4}i", content)
                    fds = len(numbers)
                    for number in numbers:
                        os.close(number)
            text = data.decode().replace(str(os.getpid()), "PARENT").replace(str(done.pid), "ITSELF")
            found.append((text, sender, uid, fds))
        return done.wait(), done.stderr.read() if done.stderr else "", found


@pytest.fixture
def heard(tmp_path):
    made = Heard(tmp_path)
    yield made
    made.socket.close()


@AS_ROOT
@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize(
    ("words", "messages"),
    [
        (["--ready"], [("READY=1", PARENT, 0, 0), BARRIER]),
        (["--ready", "--no-block"], [("READY=1", PARENT, 0, 0)]),
        (["--status=two words", "--ready", "A=1", "B=2", "--no-block"],
         [("READY=1\nSTATUS=two words\nA=1\nB=2", PARENT, 0, 0)]),
        (["--pid", "--no-block"], [("MAINPID=PARENT", PARENT, 0, 0)]),
        (["--pid=parent", "--no-block"], [("MAINPID=PARENT", PARENT, 0, 0)]),
        (["--pid=self", "--no-block"], [("MAINPID=ITSELF", ITSELF, 0, 0)]),
        (["--pid=4000000", "--no-block"], [("MAINPID=4000000", ITSELF, 0, 0)]),
        (["--status=", "--no-block"], [("STATUS=", PARENT, 0, 0)]),
        (["--uid=nobody", "--ready", "--no-block"], [("READY=1", PARENT, 65534, 0)]),
        (["word", "--no-block"], [("word", PARENT, 0, 0)]),
    ],
    ids=lambda value: " ".join(value) if value and isinstance(value[0], str) else "",
)  # fmt: skip
def test_what_is_sent_and_in_whose_name(heard, program, words, messages):
    assert heard.run(program, *words) == (0, "", messages)


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize(
    ("words", "variables", "said"),
    [
        (["--ready"], {}, "No status data could be sent: $NOTIFY_SOCKET was not set\n"),
        (["--ready"], {"NOTIFY_SOCKET": ""}, "Failed to notify init system: Invalid argument\n"),
        (["--ready"], {"NOTIFY_SOCKET": "/nosuch"}, "Failed to notify init system: No such file or directory\n"),
        (["--pid=x"], {}, "Failed to parse PID x.\n"),
        (["--pid=0"], {}, "Failed to parse PID 0.\n"),
        (["--uid=nosuch", "--ready"], {}, "Can't resolve user nosuch: Invalid argument\n"),
    ],
)  # fmt: skip
def test_what_cannot_be_sent_is_told(program, words, variables, said):
    done = subprocess.run([*program, *words], capture_output=True, text=True, env={"PATH": os.environ["PATH"], **variables})
    assert (done.returncode, done.stderr) == (1, said)


@pytest.mark.parametrize("program", PROGRAMS)
def test_booted_is_about_the_marker(program):
    done = subprocess.run([*program, "--booted"], capture_output=True, text=True)
    assert (done.returncode == 0, done.stdout, done.stderr) == (os.path.isdir("/run/systemd/system"), "", "")


def test_who_is_not_heard_in_time_is_told(heard, monkeypatch, capsys):
    from initd.cli import notify

    monkeypatch.setattr(notify, "_BARRIER_MSEC", 10)
    monkeypatch.setenv("NOTIFY_SOCKET", heard.path)
    assert notify.main(["--ready"]) == 1
    assert "Failed to invoke barrier: Connection timed out" in capsys.readouterr().err


def test_help_and_nothing_to_do(capsys):
    from initd.cli import notify

    assert notify.main(["--help"]) == 0 and "--ready" in capsys.readouterr().out
    assert notify.main([]) == 1
