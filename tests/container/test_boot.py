"""nginx and ssh from Debian's own packages, booted by /sbin/pyinit in a plain container."""

from __future__ import annotations

import re
import signal
import subprocess
import time
from pathlib import Path

import pytest


def test_boot_reaches_running(booted):
    assert booted.wait_until_booted() == "running"
    assert booted.systemctl("--failed", "--no-legend", "--plain") == ""


def test_the_container_has_default_capabilities_and_no_writable_cgroup(booted):
    """What the other tests of this module rest on."""
    status = booted.exec("cat", "/proc/1/status").stdout
    effective = int(re.search(r"CapEff:\s*([0-9a-f]+)", status)[1], 16)
    assert not effective & (1 << 21 | 1 << 19)  # CAP_SYS_ADMIN, CAP_SYS_PTRACE
    mounts = [line.split() for line in booted.exec("cat", "/proc/mounts").stdout.splitlines()]
    cgroups = [options for _, _, kind, options, *_ in mounts if kind in ("cgroup", "cgroup2")]
    assert cgroups and all("ro" in options.split(",") for options in cgroups)


@pytest.mark.parametrize("unit", ["nginx.service", "ssh.service", "cron.service"])
def test_services_are_active(booted, unit):
    booted.wait_for_state(unit, "active")
    assert booted.show(unit, "SubState") == "running"


def test_nginx_answers(booted):
    assert "Welcome to nginx!" in booted.wait_until("nginx answers", booted.fetch)


def test_ssh_logs_in(booted, tmp_path):
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    booted.write("/root/.ssh/authorized_keys", key.with_suffix(".pub").read_text())
    booted.wait_for_state("ssh.service", "active")
    login = booted.on_its_network(
        "ssh", "-i", str(key), "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
        "-o", "BatchMode=yes", "root@127.0.0.1", "systemctl is-active ssh.service && id -un")
    assert login.stdout.split() == ["active", "root"], login.stderr


def test_status_shows_the_process_tree(booted):
    text = booted.systemctl("status", "nginx.service")
    main = booted.main_pid("nginx.service")
    assert "Active: active (running)" in text
    assert f"Main PID: {main} (nginx)" in text
    assert re.search(rf"[├└]─\s*{main} .*nginx: master process", text)
    assert len(re.findall(r"nginx: worker process", text)) >= 1
    ssh = booted.systemctl("status", "ssh.service")
    assert re.search(rf"[├└]─\s*{booted.main_pid('ssh.service')} .*sshd: /usr/sbin/sshd -D", ssh)


def test_output_of_services_is_on_the_containers_stdout_with_the_units_name(booted):
    booted.write("/run/systemd/system/words.service",
                 "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'echo first line; echo second >&2'\n")
    booted.systemctl("daemon-reload")
    booted.systemctl("start", "words.service")
    booted.wait_until("both lines", lambda: re.search(r"(?m)^words\.service\[\d+\]: second$", booted.logs()))
    assert re.search(r"(?m)^words\.service\[\d+\]: first line$", booted.logs())


def test_the_messages_of_the_boot_name_units(booted):
    logs = booted.logs()
    assert re.search(r"(?m)Started nginx\.service\b", logs)


def test_killing_sshs_main_process_brings_it_back(booted):
    booted.wait_for_state("ssh.service", "active")
    before = booted.main_pid("ssh.service")
    booted.exec("kill", "-9", str(before))

    def is_back() -> bool:
        now = booted.main_pid("ssh.service")
        return now not in (0, before) and booted.systemctl("is-active", "ssh.service", check=False) == "active\n"

    booted.wait_until("ssh is back", is_back)
    assert booted.show("ssh.service", "NRestarts") == "1"


def test_restart_of_nginx(booted):
    before = booted.main_pid("nginx.service")
    booted.systemctl("restart", "nginx.service")
    assert booted.main_pid("nginx.service") not in (0, before)
    assert "Welcome to nginx!" in booted.fetch()


def test_reload_of_nginx_keeps_its_main_process(booted):
    before = booted.main_pid("nginx.service")
    booted.systemctl("reload", "nginx.service")
    assert booted.main_pid("nginx.service") == before
    assert "Welcome to nginx!" in booted.wait_until("nginx answers", booted.fetch)


def test_stop_and_start_of_nginx(booted):
    booted.systemctl("stop", "nginx.service")
    assert booted.exec("systemctl", "is-active", "nginx.service", check=False).returncode == 3
    assert not [each for each in booted.processes() if each["Name"] == "nginx"]
    booted.systemctl("start", "nginx.service")
    assert "Welcome to nginx!" in booted.fetch()


def test_an_init_script_run_by_hand_goes_through_systemctl(booted):
    before = booted.main_pid("nginx.service")
    booted.exec("/etc/init.d/nginx", "restart")
    assert booted.main_pid("nginx.service") not in (0, before)
    assert booted.exec("service", "nginx", "status").stdout.count("active (running)") == 1


def test_no_zombie_is_left_whoever_made_it(booted):
    booted.exec("sh", "-c", "for i in 1 2 3 4 5 6 7 8; do (sh -c 'sleep 0.05 & exit 0' &) ; done")
    booted.wait_until("no zombies", lambda: not booted.zombies() and "yes")


def test_pid_1_and_the_journal_sleep_when_nothing_happens(booted):
    """No timer, no poll: a second of silence without one wake-up."""
    journal = Path(f"/proc/{booted.pid}/task/{booted.pid}/children").read_text().split()[0]

    def wake_ups() -> list[str]:
        status = "".join(Path(f"/proc/{pid}/status").read_text() for pid in (booted.pid, journal))
        return re.findall(r"(?m)^voluntary_ctxt_switches:\s*(\d+)", status)

    def is_quiet() -> bool:
        before = wake_ups()
        time.sleep(1)
        return wake_ups() == before

    booted.wait_until("a second without a wake-up", is_quiet, 20)


def test_syslog_messages_are_on_the_containers_stdout(booted):
    booted.exec("logger", "-t", "words", "a message for syslog")
    booted.wait_until("the message", lambda: re.search(r"(?m)^words\[\d+\]: a message for syslog$", booted.logs()))


def test_signal_sent_to_a_service_by_systemctl_kill(booted):
    before = booted.main_pid("cron.service")
    booted.systemctl("kill", "--signal", str(int(signal.SIGKILL)), "cron.service")
    booted.wait_until("cron is back", lambda: booted.main_pid("cron.service") not in (0, before))
