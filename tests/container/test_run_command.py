"""`pyinit run --with UNIT -- COMMAND`: as PID 1 of a build step, below a shell, beside others, and where a manager runs."""

from __future__ import annotations

import pytest
from harness import SERVICES, Container

RUN = ("/sbin/pyinit", "run")
UNITS = {
    "broken.service": "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'echo this is why; exit 3'\n",
    "wants-broken.service": "[Unit]\nWants=broken.service\nAfter=broken.service\n"
                            "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\n",
    "nowhere.service": "[Unit]\nConditionPathExists=/nowhere\n[Service]\nExecStart=/bin/sleep 1000\n",
    "once.service": "[Service]\nType=oneshot\nExecStart=/bin/touch /tmp/once\n",
    "stays.service": "[Service]\nTimeoutStopSec=1\nExecStart=/bin/sh -c 'trap : TERM; while :; do sleep 1000; done'\n"
                     "KillMode=mixed\n",
    "slow.service": "[Service]\nRuntimeDirectory=slow\nExecStart=/bin/sleep 1000\n"
                    "ExecStop=/bin/sh -c 'echo stopped in order'\n",
}


def add_units(container):
    for name, text in UNITS.items():
        container.put(f"/etc/systemd/system/{name}", text)


@pytest.fixture(scope="module")
def box():
    """A container with a process of its own, which is no init."""
    container = Container(SERVICES, "sleep", "infinity", options=("--init", "--init-path=/usr/bin/catatonit"))
    try:
        add_units(container)
        yield container.start()
    finally:
        container.remove()


def step(box, *words: str) -> tuple[int, str, str]:
    done = box.exec(*RUN, *words, check=False)
    return done.returncode, done.stdout, done.stderr


LOOK = "find /run /etc /tmp -xdev ! -name '.*-unix' ! -name mtab -printf '%p %m %s\\n' | sort"


def test_a_build_step_gets_what_it_asks_for_and_leaves_nothing(boot):
    """A shell is PID 1, as for most of RUN; nobody else is there."""
    script = f"""
        rm -f /etc/machine-id; {LOOK} > /before
        echo 0 > /run/kept
        FROM=here pyinit run --with nginx --with slow -- sh -c 'echo $FROM; pwd; systemctl is-active nginx slow cron
            systemctl is-system-running; ls -d /run/slow /run/nginx.pid; (setsid sh -c "exit 1" &); exit 7' < /dev/null
        echo status $?
        rm /run/kept; {LOOK} > /after; diff /before /after && echo as before
        test -d /run/systemd || echo nobody has booted
        ps ax -o stat,comm | grep '^Z\\|nginx\\|python' || echo and nobody is left
    """
    container = boot(SERVICES, "sh", "-c", script, before=add_units, options=("--workdir=/srv",))
    container.wait()
    out, err = container.streams()
    assert out.splitlines() == [
        "here", "/srv", "active", "active", "inactive", "running", "/run/nginx.pid", "/run/slow",
        "status 7", "as before", "nobody has booted", "and nobody is left",
    ]
    assert err.startswith("slow.service[") and err.endswith("]: stopped in order\n") and err.count("\n") == 1


def test_as_pid_1_orphans_are_reaped_and_a_signal_is_the_commands(boot):
    script = "trap 'echo told; exit 5' TERM; (setsid sh -c 'exit 1' &); echo ready; while :; do sleep 0.1; done"
    container = boot(SERVICES, *RUN, "--with", "slow", "--", "sh", "-c", script, before=add_units)
    container.wait_until("the command runs", lambda: "ready\n" in container.logs())
    assert container.processes()[0]["Name"] == "python3"
    container.wait_until("no zombie is left", lambda: not container.zombies())
    container.signal("TERM")
    assert container.wait() == 5
    assert "told\n" in container.logs() and "stopped in order" in container.logs()


def test_a_unit_that_fails_is_told_with_what_it_wrote(box):
    for name in ("broken", "wants-broken"):
        status, out, err = step(box, "--quiet", "--with", name, "--", "echo", "not run")
        assert (status, out) == (125, "")
        assert err.splitlines()[-1] == "pyinit run: broken.service failed (exit-code)."
        assert err.startswith("× broken.service") and "]: this is why\n" in err


def test_a_unit_that_is_not_there_or_is_skipped_is_told(box):
    assert step(box, "--with", "missing", "--", "true") == (
        125, "", "pyinit run: missing.service cannot be started: Unit missing.service not found.\n")
    status, _, err = step(box, "--with", "nowhere", "--", "true")
    assert status == 125
    assert err.endswith("pyinit run: nowhere.service was skipped, as ConditionPathExists=/nowhere was not met.\n")


def test_what_has_to_be_killed_in_the_end_is_told(box):
    status, _, err = step(box, "--quiet", "--with", "stays", "--", "true")
    assert (status, err) == (125, "pyinit run: stays.service did not stop well (timeout).\n")
    assert step(box, "--quiet", "--with", "stays", "--", "sh", "-c", "exit 9")[0] == 9


def test_what_fails_while_the_command_runs_is_told(box):
    command = "systemctl kill -s KILL slow; until systemctl is-failed -q slow; do sleep 0.1; done"
    status, _, err = step(box, "--quiet", "--with", "slow", "--", "sh", "-c", command)
    assert (status, err) == (125, "pyinit run: slow.service has failed meanwhile (signal).\n")


def test_a_command_has_the_status_that_shells_give_it(box):
    assert step(box, "--with", "once", "--", "cat", "/tmp/once") == (0, "", "")
    assert step(box, "--", "sh", "-c", "kill -KILL $$")[0] == 137
    assert step(box, "--", "nosuch") == (127, "", "pyinit run: nosuch: No such file or directory.\n")
    assert step(box, "--", "/etc/passwd") == (126, "", "pyinit run: /etc/passwd: Permission denied.\n")


def test_beside_others_only_what_is_the_managers_goes(box):
    box.exec("sh", "-c", "rm -f /run/theirs; echo abc > /etc/machine-id; cp /etc/machine-id /tmp/id")
    assert step(box, "--", "touch", "/run/theirs")[0] == 0
    box.exec("test", "-e", "/run/theirs")
    assert box.exec("find", "/run/systemd", "-type", "f", "-o", "-type", "s").stdout == ""
    box.exec("cmp", "/etc/machine-id", "/tmp/id")


def test_who_may_not_write_below_run_is_told(box):
    done = box.exec("su", "www-data", "-s", "/bin/sh", "-c", "/sbin/pyinit run -- true", check=False)
    assert (done.returncode, done.stderr) == (
        125, "pyinit run: /run cannot be written by this user, so no unit can be started.\n")


def test_a_manager_that_runs_is_asked_and_left_as_it_was(booted):
    booted.systemctl("stop", "nginx")
    try:
        command = "systemctl is-active nginx ssh; cat /proc/1/comm"
        done = step(booted, "--with", "nginx", "--with", "ssh", "--", "sh", "-c", command)
        assert done == (0, "active\nactive\nsystemd\n", "")
        assert booted.systemctl("is-active", "nginx", "ssh", check=False) == "inactive\nactive\n"
        assert booted.wait_until_booted() == "running"
    finally:
        booted.systemctl("start", "nginx")
