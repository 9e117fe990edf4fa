"""What happens to units is told as it happens, over a re-execution of the manager; as many run as one wants, and are restarted
one after the other."""

from __future__ import annotations

import json
import subprocess

import pytest
from harness import PLAIN, Container

WORKER = """\
[Service]
Type=exec
Slice=app.slice
ExecStart=/bin/sh -c 'test ! -e /run/bad-%i && exec sleep 1000'
[Install]
WantedBy=multi-user.target
"""


@pytest.fixture(scope="module")
def box():
    container = Container(PLAIN, "/sbin/pyinit", "--pass-environment=SHOP_*", options=("--env=SHOP_A=1 2", "--env=OTHER=3"))
    container.put("/etc/systemd/system/web.service", "[Service]\nExecStart=/bin/sleep 1000\n")
    container.put("/etc/systemd/system/bad.service", "[Service]\nExecStart=/bin/sh -c 'exit 3'\n")
    container.put("/etc/systemd/system/worker@.service", WORKER)
    try:
        container.start().wait_until_booted()
        yield container
    finally:
        container.remove()


class Events:
    """`pyinit events` in the container, connected."""

    def __init__(self, box: Container, *words: str) -> None:
        argv = [*box._enter(), "/sbin/pyinit", "events", *words]
        self.process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.first = self.process.stdout.readline()

    def rest(self) -> list[str]:
        return self.process.communicate(timeout=60)[0].split("\n")[:-1]


def lines_of(words: list[str]) -> list[str]:
    """Without the time in front, and the numbers of jobs and processes."""
    return [" ".join("N" if word.rstrip(",").isdigit() else word for word in line.split()[2:]) for line in words if line]


def test_a_start_and_a_failure(box):
    events = Events(box, "bad", "--count=4")
    box.systemctl("start", "bad")
    assert lines_of([events.first])[0].startswith("manager: connected, units")
    assert lines_of(events.rest()) == [
        "bad.service: job N start added", "bad.service: inactive (dead) → active (running), main process N",
        "bad.service: job N start done",
        "bad.service: active (running) → failed (failed), result exit-code, main process exited, status N"]
    assert events.process.returncode == 0


def test_it_goes_on_over_a_re_execution_and_ends_by_a_signal(box):
    events = Events(box, "--json")
    assert json.loads(events.first)["event"] == "connected"
    box.systemctl("daemon-reexec")
    box.systemctl("start", "web")
    box.systemctl("stop", "web")
    box.wait_until("it ends", lambda: box.exec("pkill", "-INT", "-xf", ".*python.* events --json", check=False).returncode == 0)
    heard = [json.loads(line) for line in events.rest()]
    assert events.process.returncode == 130
    assert [each["event"] for each in heard[:2]] == ["reloading", "reloaded"]
    assert [(each["old_sub"], each["sub"], each.get("exit_code")) for each in heard if each["event"] == "state"] == [
        ("dead", "running", None), ("running", "stop-sigterm", None), ("stop-sigterm", "dead", "killed")]
    jobs = [(each["type"], each["result"]) for each in heard if each["event"] == "job-removed"]
    assert jobs == [("start", "done"), ("stop", "done")]


def test_it_ends_without_a_word_when_nobody_reads_any_more(box):
    done = box.exec("sh", "-c", "{ /sbin/pyinit events; echo $? >&2; } | head -n 1")
    assert "connected" in done.stdout and done.stderr == "0\n"


def test_services_get_the_variables_that_are_passed(box):
    told = box.exec("systemd-run", "--wait", "--pipe", "--quiet", "/usr/bin/env").stdout.splitlines()
    assert "SHOP_A=1 2" in told and not [line for line in told if line.startswith("OTHER")]


def workers(box: Container) -> tuple[list[str], list[str]]:
    """Those that run, and those that are enabled."""
    rows = box.systemctl("list-units", "--plain", "--no-legend", "--state=running", "worker@*").splitlines()
    enabled = box.exec("find", "/etc/systemd/system/multi-user.target.wants", "-name", "worker@*", "-printf", "%f\\n").stdout
    return sorted(row.split()[0] for row in rows), sorted(enabled.split())


def test_as_many_run_and_are_enabled_as_one_wants(box):
    def scale(*words: str) -> str:
        return box.exec("/sbin/pyinit", "scale", *words).stdout.splitlines()[-1]

    names = [f"worker@{number}.service" for number in range(1, 6)]
    assert scale("worker@", "4") == "worker@.service: 4 of 4 run, 0 before."
    assert workers(box) == (names[:4], names[:4])
    assert scale("worker@", "2") == "worker@.service: 2 of 2 run, 4 before."
    assert workers(box) == (names[:2], names[:2])
    assert scale("--runtime", "worker@", "3") == "worker@.service: 3 of 3 run, 2 before."
    assert workers(box) == (names[:3], names[:2])


def test_they_are_restarted_one_after_the_other_and_no_further_than_one_that_fails(box):
    box.exec("/sbin/pyinit", "scale", "worker@", "3")
    pids = [box.main_pid(f"worker@{number}") for number in (1, 2, 3)]
    assert box.systemctl("restart", "--rolling", "app.slice") == "".join(
        f"worker@{number}.service: active (running)\n" for number in (1, 2, 3))
    again = [box.main_pid(f"worker@{number}") for number in (1, 2, 3)]
    assert sorted(again) == again and not set(again) & set(pids)
    box.exec("touch", "/run/bad-2")
    done = box.exec("systemctl", "restart", "--rolling", "worker@*", check=False)
    assert done.returncode == 1 and done.stderr.splitlines()[-2:] == [
        "worker@2.service is failed (failed) after restart.", "Left alone: worker@3.service"]
    assert box.main_pid("worker@1") != again[0] and box.main_pid("worker@3") == again[2]
    box.exec("rm", "/run/bad-2")
    box.systemctl("restart", "worker@*")
    assert workers(box)[0] == [f"worker@{number}.service" for number in (1, 2, 3)]
