"""What a boot owes distribution services in /run, /var and /etc, and what a restart of the container leaves of the last one."""

from __future__ import annotations

import pytest
from harness import PLAIN, Container, run

#: Mode, owner and path, as Debian's systemd 252 makes them in a container.
LAYOUT = """\
1777 root:root /run/lock
755 root:root /run/lock/subsys
755 root:root /run/log
755 root:root /run/sendsigs.omit.d
777 root:root /run/shm
755 root:root /run/systemd
755 root:root /run/systemd/ask-password
755 root:root /run/systemd/journal
700 root:root /run/systemd/private
777 root:root /run/systemd/notify
755 root:root /run/systemd/system
755 root:root /run/systemd/units
755 root:root /run/user
664 root:utmp /run/utmp
700 root:root /var/cache/private
700 root:root /var/lib/private
777 root:root /var/lock
700 root:root /var/log/private
660 root:utmp /var/log/btmp
664 root:utmp /var/log/lastlog
664 root:utmp /var/log/wtmp
777 root:root /var/run
1777 root:root /tmp
1777 root:root /var/tmp
1777 root:root /tmp/.X11-unix
777 root:root /etc/mtab
444 root:root /etc/machine-id
"""
_PATHS = [line.split()[2] for line in LAYOUT.splitlines()]


@pytest.fixture(scope="module")
def booted(tmp_path_factory):
    kept = tmp_path_factory.mktemp("volume")
    (kept / "file").write_text("kept\n")
    # The first boot finds what an image may have in it.
    script = ("test -e /var/first || { systemctl enable first; mkdir -p /run/nginx /run/systemd/seats /tmp/.X11-unix; "
              "touch /run/nologin /run/nginx/socket /run/nginx.pid /run/lock/stale /run/deep/stale; "
              "touch /tmp/.X0-lock /tmp/mine /tmp/.X11-unix/X0; }; exec /sbin/pyinit")
    container = Container(PLAIN, "sh", "-c", script, options=(
        f"--volume={kept}:/run/volume", f"--volume={kept}:/run/deep/er/volume"))
    container.put("/etc/machine-id", "uninitialized\n")
    container.put("/etc/systemd/system/first.service", (
        "[Unit]\nConditionFirstBoot=yes\n[Service]\nType=oneshot\nRemainAfterExit=yes\n"
        "ExecStart=sh -c 'echo %m >> /var/first'\n[Install]\nWantedBy=multi-user.target\n"))
    container.start().wait_until_booted()
    try:
        yield container
    finally:
        print(container.logs()[-6000:])
        container.remove()


def test_layout(booted):
    assert booted.exec("stat", "--format=%a %U:%G %n", *_PATHS).stdout == LAYOUT


def test_what_was_left_is_gone_and_what_is_mounted_is_there(booted):
    gone = ("/run/nginx", "/run/nologin", "/run/nginx.pid", "/run/lock/stale", "/run/deep/stale", "/run/systemd/seats",
            "/tmp/.X0-lock", "/tmp/.X11-unix/X0")
    assert booted.exec("sh", "-c", f"for f in {' '.join(gone)}; do test ! -e $f || echo $f; done").stdout == ""
    for path in ("/run/volume/file", "/run/deep/er/volume/file"):
        assert booted.exec("cat", path).stdout == "kept\n"
    booted.exec("test", "-e", "/tmp/mine")


def test_who_and_runlevel_know_the_boot(booted):
    assert "system boot" in booted.exec("who", "-b").stdout
    assert booted.exec("who", "-r").stdout.split()[:2] == ["run-level", "5"]
    assert booted.exec("runlevel").stdout == "N 5\n"


def test_a_restart_of_the_container_begins_anew(booted):
    first = booted.exec("cat", "/var/first").stdout
    assert first == booted.exec("cat", "/etc/machine-id").stdout and len(first) == 33
    booted.exec("sh", "-c", "mkdir /run/old; touch /run/old/x /run/systemd/system/old.service")
    booted.systemctl("start", "systemd-tmpfiles-clean")
    boots = booted.exec("stat", "--format=%s", "/var/log/wtmp").stdout
    run([*booted.podman, "restart", "--time", "10", booted.id])
    booted._pid = 0
    booted.wait_until_booted()
    assert booted.exec("sh", "-c", "ls -d /run/old /run/systemd/system/* 2>/dev/null; cat /run/volume/file").stdout == "kept\n"
    assert booted.exec("cat", "/var/first", "/etc/machine-id").stdout == first * 2
    assert booted.exec("stat", "--format=%a %U:%G %n", *_PATHS).stdout == LAYOUT
    sizes = [int(booted.exec("stat", "--format=%s", path).stdout) for path in ("/run/utmp", "/var/log/wtmp")]
    assert sizes[1] == sizes[0] + int(boots)
