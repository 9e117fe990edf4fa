"""`pyinit top`: the picture and its keys by themselves, and on a terminal."""

from __future__ import annotations

import os
import pty
import select
import signal
import struct
import time
from fcntl import ioctl

import pytest

from initd.cli.terminal import Modes, keys_of
from initd.cli.top import USAGE, main, usage_of
from initd.cli.top_screen import Row, Screen, fit, table, uptime
from tests.cli.commands import run

_TIOCSWINSZ = 0x5414


def rows(count: int) -> list[Row]:
    return [Row(f"u{number:02d}.service", "active", "running", pid=number + 1) for number in range(count)]


def screen(count: int) -> Screen:
    made = Screen()
    made.rows = rows(count)
    return made


# --- keys and pictures ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("data", "names"), [
    (b"\x1b[A\x1bOBq", ["up", "down", "q"]),
    (b"/w\x7f\r", ["/", "w", "backspace", "enter"]),
    (b"\x1b", ["escape"]),
    (b"\x1b[5~\x1b[1;5Cx", ["page-up", "x"]),
    ("ä\x1b[B".encode(), ["ä", "down"]),
    (b"\xff\x1b[", ["\ufffd"]),
])
def test_bytes_become_keys(data, names):
    assert list(keys_of(data)) == names


def test_the_selection_moves_and_the_page_follows_it():
    made = screen(10)
    assert [row.name for row in made.page(6)] == ["u00.service", "u01.service", "u02.service"]
    assert made.selected == "u00.service"
    for _ in range(4):
        made.press("down")
    assert [row.name for row in made.page(6)] == ["u02.service", "u03.service", "u04.service"]
    made.press("end")
    assert made.page(6)[-1].name == made.selected == "u09.service"
    made.press("page-up")
    assert made.selected == "u06.service"
    made.press("home")
    assert made.page(6)[0].name == made.selected == "u00.service"
    assert made.press("r") == ("restart", "u00.service")


def test_what_is_gone_hands_the_selection_on():
    made = screen(5)
    made.page(10)
    made.press("down")
    made.rows = [row for row in made.rows if row.name != "u01.service"]
    made.page(10)
    assert made.selected == "u02.service"
    made.rows = []
    assert made.page(10) == [] and made.press("t") == ("", "")


def test_a_filter_is_typed_and_letters_are_no_verbs_then():
    made = screen(12)
    made.page(24)
    for key in ("/", "1", "s"):
        assert made.press(key) == ("", "")
    assert made.shown == []
    made.press("backspace")
    made.press("enter")
    assert [row.name for row in made.shown] == ["u01.service", "u10.service", "u11.service"]
    assert made.press("q") == ("quit", "")
    made.press("escape")
    assert len(made.shown) == 12


@pytest.mark.parametrize(("width", "height"), [(80, 24), (20, 4), (1, 1), (200, 3)])
def test_no_picture_is_larger_than_its_terminal(width, height):
    made = screen(30)
    made.summary = "s" * 300
    lines = made.draw(width, height)
    assert len(lines) == height
    for line in lines:
        for code in ("\x1b[7m", "\x1b[1m", "\x1b[0m", "\x1b[0;1;32m"):
            line = line.replace(code, "")
        assert len(line) <= width


def test_cells():
    row = Row("web.service", "active", "running", 12, 3.25, 5 << 20, 2, 3_725_000_000, "a\tline\x1b[2J")
    assert table([row], 0) == [
        "UNIT         STATE             PID  CPU%  MEMORY  RESTARTS   UPTIME  LAST LINE",
        "web.service  active (running)   12   3.2    5.0M         2  1:02:05  a line [2J"]
    assert Row("x.service", "failed", "failed").cells() == ("x.service", "failed", "-", "-", "-", "-", "-", "")
    assert (uptime(5_900_000), uptime(90_061_000_000), fit("abcdef", 4)) == ("0:05", "1d 1:01", "abc>")


def test_what_a_process_uses():
    cpu, memory = usage_of(os.getpid())
    assert 0 < cpu <= time.process_time_ns() + 20_000_000 and memory > 1 << 20
    assert usage_of(2**30) is None


# --- with a manager ---------------------------------------------------------------------------------------------------


def test_once_is_a_table(manager, systemctl):
    systemctl("start", "web")
    systemctl("start", "fail")
    status, out, err = run(main, "--once")
    lines = [line.split() for line in out.splitlines()]
    assert (status, err) == (0, "")
    assert lines[0][:3] == ["UNIT", "STATE", "PID"]
    assert lines[1][:2] == ["fail.service", "failed"] and lines[2][:3] == ["web.service", "active", "(running)"]
    assert int(lines[2][3]) > 0 and lines[2][5] == "3.0M"
    assert [line.split()[0] for line in run(main, "-1", "f*").out.splitlines()] == ["UNIT", "fail.service"]
    assert "slow.service" not in out


def test_words_that_make_no_sense():
    assert run(main, "--delay=x")[0] == 1
    assert run(main, "--wide").err == "pyinit top: unrecognized option '--wide'\n"
    assert run(main, "--help") == (0, USAGE, "")


class Terminal:
    """`pyinit top` in a child, at a terminal of ours."""

    def __init__(self, *words: str) -> None:
        go_on, told = os.pipe()
        self.pid, self.fd = pty.fork()
        if not self.pid:
            os.read(go_on, 1)
            os.environ["TERM"] = "xterm"
            try:
                os._exit(main(list(words)))
            finally:
                os._exit(99)
        self.seen = ""
        self._is_over = False
        self._before = Modes(self.fd)._before
        os.write(told, b"!")
        os.close(told)
        os.close(go_on)

    def wait_for(self, text: str) -> str:
        """What was shown until then, without what was shown before."""
        end = time.monotonic() + 20
        while text not in self.seen:
            assert time.monotonic() < end, self.seen[-3000:]
            self._read()
        before, _, self.seen = self.seen.partition(text)
        return before

    def _read(self) -> bool:
        if not select.select([self.fd], [], [], 0.2)[0]:
            return not self._is_over
        try:
            data = os.read(self.fd, 65536)
        except OSError:
            return False
        self.seen += data.decode("utf-8", "replace")
        return bool(data)

    def press(self, keys: str) -> None:
        os.write(self.fd, keys.encode())

    def resize(self, width: int, height: int) -> None:
        ioctl(self.fd, _TIOCSWINSZ, struct.pack("4H", height, width, 0, 0))

    def end(self) -> tuple[int, bool]:
        """The exit status, and whether the terminal is as it was."""
        end = time.monotonic() + 20
        while time.monotonic() < end:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self._is_over = bool(pid)
            if pid:
                while self._read():
                    pass  # to the end
                is_as_before = Modes(self.fd)._before == self._before and "\x1b[?25h\x1b[?1049l" in self.seen
                return os.waitstatus_to_exitcode(status), is_as_before
            self._read()
        raise AssertionError(self.seen[-3000:])


@pytest.fixture
def terminal(manager, systemctl):
    systemctl("start", "web")
    systemctl("start", "fail")
    made = Terminal("--delay=100ms")
    made.resize(100, 30)
    made.wait_for("web.service")
    yield made
    os.close(made.fd)


def test_keys_on_a_terminal(terminal, systemctl):
    terminal.press("\x1b[Bt")
    terminal.wait_for("stop web.service")
    terminal.press("/fa\r")
    terminal.wait_for("[/fa]")
    terminal.press("s")
    terminal.wait_for("start fail.service")
    assert systemctl("is-active", "web").out == "inactive\n"
    terminal.press("q")
    assert terminal.end() == (0, True)


def test_it_fits_a_terminal_that_changes_and_leaves_it_as_it_was_when_ended_by_a_signal(terminal):
    terminal.resize(30, 5)
    terminal.wait_for("up/down select  s start  t st>")
    os.kill(terminal.pid, signal.SIGTERM)
    assert terminal.end() == (128 + signal.SIGTERM, True)


def test_ctrl_c_ends_it(terminal):
    terminal.press("\x03")
    assert terminal.end() == (130, True)
