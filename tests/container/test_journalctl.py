"""`journalctl` in a container: what services and the manager wrote, with python3-minimal alone."""

from __future__ import annotations

import re

import pytest

# Without a store there is nothing to read.
pytest.importorskip("initd.journal.store")

TALKER = """\
[Unit]
StartLimitIntervalSec=0
[Service]
ExecStart=sh -c 'until systemctl is-active --quiet talker.service; do sleep 0.05; done; \
  for i in 1 2 3; do echo line $i; done; echo "<3>bad"; exec sleep 1000'
"""


@pytest.fixture(scope="module")
def talker(booted):
    booted.wait_until_booted()
    booted.write("/etc/systemd/system/talker.service", TALKER)
    booted.systemctl("daemon-reload")
    booted.systemctl("start", "talker.service")
    booted.wait_until("its lines are stored", lambda: "bad" in ask(booted, "-u", "talker"))
    return booted


def ask(machine, *words: str) -> str:
    return machine.exec("journalctl", "--no-pager", *words, check=False).stdout


def test_what_a_unit_wrote_and_what_was_said_about_it(talker):
    pid = talker.main_pid("talker.service")
    shown = ask(talker, "-u", "talker", "-o", "with-unit").splitlines()
    assert [line.rsplit(" ", 2)[-2:] for line in shown if f"talker.service[{pid}]" in line][:3] == [
        ["line", "1"], ["line", "2"], ["line", "3"]]
    assert any("Started talker.service" in line for line in shown)
    assert ask(talker, "-u", "talker", "-p", "err", "-o", "cat") == "bad\n"
    assert ask(talker, "-b", "-u", "talk*", "-o", "cat", "-n", "1") == "bad\n"


def test_status_shows_the_last_lines(talker):
    text = talker.systemctl("status", "-n", "2", "talker.service")
    pid = talker.main_pid("talker.service")
    assert re.search(rf"\n\n\w+ \d+ [\d:]+ \S+ sh\[{pid}\]: line 3\n\w+ \d+ [\d:]+ \S+ sh\[{pid}\]: bad\n$", text)


def test_a_cursor_a_sync_and_a_rotation(talker):
    cursor = ask(talker, "-n", "0", "--show-cursor").split()[-1]
    for _ in range(3):
        talker.systemctl("restart", "talker.service")
        assert talker.exec("journalctl", "--sync").returncode == 0
        assert talker.exec("journalctl", "--rotate").returncode == 0
    lines = ask(talker, f"--after-cursor={cursor}", "-u", "talker", "-o", "cat").splitlines()
    assert [line for line in lines if line.startswith("line")] == ["line 1", "line 2", "line 3"] * 3
    assert ask(talker, "--header").count("File path: ") >= 3
    assert "PASS" in talker.exec("journalctl", "--verify").stderr


def test_following_over_rotations_while_somebody_writes(talker):
    """Each line once, in order, whatever is rotated away under the follower and the writer."""
    talker.write("/etc/systemd/system/many.service", MANY)
    talker.systemctl("daemon-reload")
    talker.exec("sh", "-c", "journalctl -f -n 0 -o cat -t many > /tmp/followed 2>&1 & echo $! > /tmp/follower")
    talker.exec("logger", "-t", "many", "begin")
    talker.wait_until("it follows", lambda: follows(talker))
    talker.systemctl("start", "many.service")
    rotate = "for i in 1 2 3 4 5; do journalctl --rotate; done; journalctl --vacuum-files=90"
    talker.exec("sh", "-c", f"touch /run/go; {rotate}")
    while talker.systemctl("is-active", "many.service", check=False) == "active\n":
        talker.exec("sh", "-c", rotate)
    talker.exec("journalctl", "--sync")
    expected = [str(number) for number in range(1, 5001)]
    followed = talker.wait_until("the last line is shown", lambda: shown(talker) if "5000" in shown(talker) else None)
    talker.exec("sh", "-c", "kill $(cat /tmp/follower)")
    assert [line for line in followed if line != "begin"] == expected
    assert ask(talker, "-u", "many", "-t", "many", "-o", "cat").splitlines() == expected


MANY = """\
[Service]
SyslogIdentifier=many
ExecStart=sh -c 'until [ -e /run/go ]; do sleep 0.05; done; i=0; \\
     while [ $i -lt 5000 ]; do i=$((i + 1)); echo $i; [ $((i % 50)) = 0 ] && sleep 0.01; done; :'
"""


def shown(machine) -> list[str]:
    return machine.exec("cat", "/tmp/followed").stdout.splitlines()


def follows(machine) -> bool:
    """It begins behind what was there when it looked first: say something until it is heard."""
    machine.exec("logger", "-t", "many", "begin")
    return "begin" in shown(machine)


def test_one_boot_and_its_units(talker):
    assert len(ask(talker, "--list-boots", "-q").splitlines()) == 1
    assert {"talker.service", "init.scope"} <= set(ask(talker, "-F", "_SYSTEMD_UNIT").splitlines())
