"""`pyinit top` in a container that has no more than python3-minimal."""

from __future__ import annotations

import os
import pty
import re
import select
import time

import pytest
from harness import PLAIN, Container

pytestmark = pytest.mark.container


@pytest.fixture(scope="module")
def box():
    container = Container(PLAIN, "/sbin/pyinit")
    container.put("/etc/systemd/system/busy.service",
                  "[Service]\nExecStart=/bin/sh -c 'sleep 0.5; echo at work; while :; do :; done'\n"
                  "Restart=always\nRestartSec=0\n")
    try:
        container.start().wait_until_booted()
        container.systemctl("start", "busy")
        yield container
    finally:
        container.remove()


def test_once_tells_what_proc_tells(box):
    def line() -> list[str]:
        text = box.exec("/sbin/pyinit", "top", "--once", "busy").stdout.splitlines()[1]
        return re.split(r"  +", text)

    box.wait_until("its line is stored", lambda: line()[-1] == "at work")
    box.exec("kill", "-KILL", str(box.main_pid("busy")))
    box.wait_until("it is restarted", lambda: line()[5] == "1")
    box.wait_until("it is busy again", lambda: float(line()[3]) > 1)
    name, state, pid, cpu, memory, *_ = line()
    assert (name, state, int(pid)) == ("busy.service", "active (running)", box.main_pid("busy"))
    assert float(cpu) <= 110 and re.fullmatch(r"\d+\.\dK|\d\.\dM", memory)


def test_keys_and_the_log_on_a_terminal(box):
    pid, fd = pty.fork()
    if not pid:
        os.execvp(box.podman[0], [*box.podman, "exec", "-it", "--env=TERM=xterm", box.id, "/sbin/pyinit", "top", "-d", "200ms"])
    seen = ""

    def wait_for(text: str) -> None:
        nonlocal seen
        end = time.monotonic() + 30
        while text not in seen:
            assert time.monotonic() < end, seen[-3000:]
            if select.select([fd], [], [], 0.2)[0]:
                seen += os.read(fd, 65536).decode("utf-8", "replace")
        seen = seen.partition(text)[2]

    wait_for("busy.service")
    os.write(fd, b"/busy\r")
    wait_for("[/busy]")
    os.write(fd, b"l")
    wait_for("Ctrl-C goes back")
    wait_for("at work")
    os.write(fd, b"\x03")
    wait_for("[/busy]")
    os.write(fd, b"t")
    wait_for("stop busy.service")
    box.wait_for_state("busy.service", "inactive")
    os.write(fd, b"q")
    wait_for("\x1b[?1049l")
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    os.close(fd)
