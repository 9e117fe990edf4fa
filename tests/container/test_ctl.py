"""`pyinitctl` as its users have it: a shell at a terminal, with readline and without, and the journal's words."""

from __future__ import annotations

import os
import pty
import select
import time

import pytest
from harness import LIVE, PLAIN, TREE, Container, Image

pytestmark = pytest.mark.container

#: With python3's readline.
FULL = Image(("procps", "python3"))
UNITS = {
    "echo.socket": "[Socket]\nListenFIFO=/run/echo.stdin\n",
    "echo.service": "[Service]\nStandardInput=fd:echo.socket\nStandardOutput=journal\nSockets=echo.socket\n"
                    "ExecStart=/bin/sh -c 'echo ready; while read -r line; do echo \"got $line\"; done; sleep 1000'\n",
    "one.service": "[Service]\nExecStart=/bin/sleep 1000\n[Install]\nWantedBy=multi-user.target\n",
    "two.service": "[Service]\nExecStart=/bin/sleep 1000\n[Install]\nWantedBy=multi-user.target\n",
}


def boot(image: Image) -> Container:
    container = Container(image, "/sbin/pyinit")
    if LIVE:
        container.put_file("/usr/bin/pyinitctl", TREE / "debian/bin/pyinitctl")
    for name, text in UNITS.items():
        container.put(f"/etc/systemd/system/{name}", text)
    container.start().wait_until_booted()
    return container


@pytest.fixture(scope="module")
def box():
    container = boot(FULL)
    try:
        yield container
    finally:
        container.remove()


class Terminal:
    """`pyinitctl` in a container, at a terminal of ours."""

    def __init__(self, box: Container) -> None:
        self.pid, self.fd = pty.fork()
        if not self.pid:
            os.execvp(box.podman[0], [*box.podman, "exec", "-it", "--env=TERM=xterm", box.id, "pyinitctl"])
        self.seen = ""

    def wait_for(self, text: str) -> str:
        """What was shown before it, and behind what was waited for until now."""
        end = time.monotonic() + 30
        while text not in self.seen:
            assert time.monotonic() < end, self.seen[-3000:]
            if select.select([self.fd], [], [], 0.2)[0]:
                self.seen += os.read(self.fd, 65536).decode("utf-8", "replace")
        before, _, self.seen = self.seen.partition(text)
        return before

    def type(self, text: str) -> None:
        os.write(self.fd, text.encode())

    def end(self) -> int:
        status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        os.close(self.fd)
        return status


def ctl(box: Container, *words: str) -> tuple[int, str]:
    done = box.exec("pyinitctl", *words, check=False)
    return done.returncode, done.stdout + done.stderr


def test_unit_files_that_change_are_told_and_put_in_force(box):
    box.systemctl("start", "one")
    before = box.main_pid("one")
    assert "two.service" in ctl(box, "avail")[1]
    box.exec("ln", "-s", "../two.service", "/etc/systemd/system/multi-user.target.wants/two.service")
    box.exec("sh", "-c", "sed -i s/1000/1001/ /etc/systemd/system/one.service")
    box.write("/etc/systemd/system/three.service", "[Service]\nExecStart=/bin/sleep 1000\n")
    box.systemctl("start", "three")  # a new file needs no daemon-reload, as under systemd
    box.exec("rm", "/etc/systemd/system/three.service")
    told = "one.service: changed\nthree.service: disappeared\ntwo.service: available\n"
    assert ctl(box, "reread") == (0, told)
    assert ctl(box, "update") == (0, "three.service: disappeared, now inactive (dead)\n"
                                     "one.service: changed, now active (running)\n"
                                     "two.service: available, now active (running)\n")
    assert box.main_pid("one") != before
    assert ctl(box, "reread") == (0, "No unit files have changed.\n")
    assert ctl(box, "remove", "two")[0] == 1
    assert ctl(box, "stop", "two") == (0, "two.service: inactive (dead)\n")


def test_the_journals_words(box):
    box.systemctl("start", "echo")
    box.exec("sh", "-c", "echo a > /run/echo.stdin")
    box.wait_until("it answers", lambda: "got a" in ctl(box, "tail", "-1", "echo")[1])
    assert "The journal does not tell stderr from stdout" in ctl(box, "tail", "-2", "echo", "stderr")[1]
    assert "pyinit[1]: Started echo.service." in ctl(box, "maintail")[1]
    assert ctl(box, "pid") == (0, "1\n") and ctl(box, "version")[1].startswith("252")
    assert ctl(box, "clear", "all")[0] == 0
    assert "got a" not in ctl(box, "tail", "echo")[1]


def test_a_session_at_a_terminal(box):
    box.systemctl("restart", "echo")
    shell = Terminal(box)
    shell.wait_for("pyinit> ")
    shell.type("is-act\tech\to\t.serv\t\r")  # what is ambiguous stays as it is
    shell.wait_for("active\r\n")
    shell.wait_for("pyinit> ")
    shell.type("fg echo\r")
    shell.wait_for("what you type goes to it")
    shell.wait_for("ready")
    shell.type("hello\r")
    shell.wait_for("got hello")
    shell.type("\x03")
    shell.wait_for("Detached.")
    shell.wait_for("pyinit> ")
    shell.type("tail -f echo\r")
    shell.wait_for("got hello")
    shell.type("\x03")
    shell.wait_for("pyinit> ")
    shell.type("\x1b[A\x1b[A\r")  # the history: fg again, of a service that ends meanwhile
    shell.wait_for("what you type goes to it")
    box.systemctl("stop", "echo")
    shell.wait_for("It is inactive.")
    shell.wait_for("pyinit> ")
    shell.type("shutdown\r")
    shell.wait_for("[y/N] ")
    shell.type("n\r")
    shell.wait_for("pyinit> ")
    shell.type("exit\r")
    assert shell.end() == 0
    assert "fg echo\n" in box.exec("cat", "/root/.local/state/pyinitctl/history").stdout


def test_a_session_without_readline():
    box = boot(PLAIN)
    try:
        shell = Terminal(box)
        shell.wait_for("No line editing and no completion")
        shell.wait_for("pyinit> ")
        shell.type("start one\r")
        shell.wait_for("active\x1b[0m (running)")
        shell.wait_for("pyinit> ")
        shell.type("\x03\r")  # the line as well: the signal may come between the prompt and the reading
        shell.wait_for("pyinit> ")
        shell.type("\x04")
        assert shell.end() == 0
        done = box.exec("pyinitctl", text="signal TERM one\nfg one\n", check=False)
        assert (done.returncode, done.stderr) in ((3, "one.service does not run.\n"), (0, ""))
    finally:
        box.remove()
