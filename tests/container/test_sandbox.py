"""What units take away from their processes, seen by those: the outcome is the fate that `pyinit check` tells.

One boot for each kind of container; every unit looks for itself, and ends with SEEN, PART or UNSEEN.
"""

from __future__ import annotations

import pytest
from harness import Container
from images import Image

#: Exit statuses of a unit: the directive's effect is there, a part of it, nothing of it.
SEEN, PART, UNSEEN = 40, 41, 42

CONTAINERS = {
    "privileged": ("--privileged",),
    "default": (),
    "user-read-only": ("--user=1000", "--cap-drop=all", "--read-only", "--tmpfs=/run:U", "--tmpfs=/tmp"),
}

#: What a check may use: `is COMMAND` ends with SEEN or UNSEEN, `own NAMESPACE` is true where it is not the manager's.
PRELUDE = """
is() { if "$@"; then exit 40; else exit 42; fi; }
both() { if own "$1"; then exit 40; else exit 41; fi; }
own() { [ "$(readlink /proc/self/ns/$1)" != "$(cat /run/checks/ns-$1)" ]; }
flagged() { awk -v point="$1" -v flag="$2" '$5 == point && (","$6",") ~ (","flag",") { found = 1 } END { exit !found }' \
    /proc/self/mountinfo; }
mounted() { awk -v point="$1" '$5 == point { found = 1 } END { exit !found }' /proc/self/mountinfo; }
filters() { [ "$(filtered self)" -gt "$(filtered 1)" ]; }
filtered() { sed -n 's/^Seccomp_filters:[[:space:]]*//p' /proc/$1/status; }
try() { /usr/bin/python3 -ISc "
import os, sys
try: $1
except OSError as error: sys.exit(error.errno)
"; }
"""

#: The directive, other lines of the unit, and the check.
CHECKS = [
    ("SystemCallFilter=~mkdir:ENOTTY", "", "try 'os.mkdir(\"/proc/x\")'; is [ $? = 25 ]"),
    ("SystemCallErrorNumber=EUCLEAN", "SystemCallFilter=~mkdir", "try 'os.mkdir(\"/proc/x\")'; is [ $? = 117 ]"),
    ("SystemCallFilter=@system-service", "", "/usr/bin/python3 -ISc 'import os; os.chroot(\"/\")'; is [ $? = 159 ]"),
    ("SystemCallArchitectures=native", "", "is filters"),
    ("SystemCallLog=mount", "", "is filters"),
    ("RestrictAddressFamilies=AF_UNIX", "", "try 'import _socket; _socket.socket(2, 1)'; is [ $? = 97 ]"),
    ("RestrictNamespaces=yes", "", "is filters"),
    ("RestrictRealtime=yes", "",
     "try 'os.sched_setscheduler(0, os.SCHED_OTHER | os.SCHED_RESET_ON_FORK, os.sched_param(0))'; is [ $? = 1 ]"),
    ("RestrictSUIDSGID=yes", "", ": > /run/checks/suid; chmod 4755 /run/checks/suid 2>/dev/null; is [ $? != 0 ]"),
    ("LockPersonality=yes", "", "setarch --addr-no-randomize true 2>/dev/null; is [ $? != 0 ]"),
    ("MemoryDenyWriteExecute=yes", "", "is filters"),
    ("LockPersonality=yes", "NoNewPrivileges=no", "is filters"),
    ("PrivateTmp=yes", "", "is grep -q ' /systemd-private[^ ]* /tmp \\|/systemd-private.*/tmp /tmp ' /proc/self/mountinfo"),
    ("PrivateMounts=yes", "", "is own mnt"),
    ("MountFlags=slave", "", "is own mnt"),
    ("PrivateDevices=yes", "", "filters || exit 42; both mnt"),
    ("ProtectSystem=yes", "", "is flagged /usr ro"),
    ("ProtectSystem=full", "", "is flagged /etc ro"),
    ("ProtectSystem=strict", "ReadWritePaths=/var", "flagged /var ro; [ $? != 0 ] && is own mnt; exit 42"),
    ("ProtectHome=yes", "", "is flagged /home noexec"),
    ("ProtectHome=read-only", "", "is flagged /home ro"),
    ("ProtectHome=tmpfs", "", "is mounted /home"),
    ("ReadOnlyPaths=/var", "", "is flagged /var ro"),
    ("ReadWritePaths=/var/lib", "ReadOnlyPaths=/var", "flagged /var/lib ro; [ $? != 0 ] && is mounted /var/lib; exit 42"),
    ("InaccessiblePaths=/var/lib", "", "is flagged /var/lib noexec"),
    ("NoExecPaths=/var", "", "is flagged /var noexec"),
    ("ExecPaths=/var/lib", "NoExecPaths=/var", "flagged /var/lib noexec; [ $? != 0 ] && is mounted /var/lib; exit 42"),
    ("BindPaths=/usr:/mnt", "", "is test -d /mnt/bin"),
    ("BindReadOnlyPaths=/usr:/mnt", "", "is flagged /mnt ro"),
    ("TemporaryFileSystem=/mnt", "", "is mounted /mnt"),
    ("ProtectKernelTunables=yes", "", "filters || exit 42; both mnt"),
    ("ProtectKernelModules=yes", "", "filters || exit 42; both mnt"),
    ("ProtectKernelLogs=yes", "", "filters || exit 42; both mnt"),
    ("ProtectControlGroups=yes", "", "is own mnt"),
    ("ProtectClock=yes", "", "filters || exit 42; exit 41"),
    ("ProtectHostname=yes", "", "filters || exit 42; both uts"),
    ("ProtectProc=invisible", "", "is grep -q hidepid=invisible /proc/self/mountinfo"),
    ("ProcSubset=pid", "", "is grep -q subset=pid /proc/self/mountinfo"),
    ("PrivateNetwork=yes", "", "own net && is test -n \"$(grep lo: /proc/net/dev)\"; exit 42"),
    ("PrivateIPC=yes", "", "is own ipc"),
    ("PrivateUsers=yes", "", "is own user"),
]
NAMES = {number: f"check{number}-{line.partition('=')[0].lower()}" for number, (line, _, _) in enumerate(CHECKS)}


def unit(number: int) -> str:
    line, more, _ = CHECKS[number]
    return "\n".join(("[Service]", line, "Type=oneshot", f"ExecStart=/bin/sh /run/checks/{number}", more, ""))


@pytest.fixture(scope="module", params=CONTAINERS)
def outcomes(request):
    """Number → (exit status, fate, reason)."""
    container = Container(Image(), options=CONTAINERS[request.param])
    try:
        container.start().wait_until_booted()
        yield ask(container)
    finally:
        print(container.logs()[-8000:])
        container.remove()


def ask(container: Container) -> dict[int, tuple[int, str, str]]:
    files = {f"/run/systemd/system/{NAMES[number]}.service": unit(number) for number in NAMES}
    files |= {f"/run/checks/{number}": PRELUDE + check + "\n" for number, (_, _, check) in enumerate(CHECKS)}
    script = "mkdir -p /run/checks /run/systemd/system; chmod 1777 /run/checks\n" + "".join(
        f"cat > {path} <<'END-OF-FILE'\n{text}END-OF-FILE\n" for path, text in files.items())
    script += "for name in mnt net ipc uts user; do readlink /proc/1/ns/$name > /run/checks/ns-$name; done\n"
    container.exec("sh", "-e", text=script)
    container.systemctl("daemon-reload")
    units = [f"{name}.service" for name in NAMES.values()]
    container.systemctl("start", *units, check=False, timeout=300)
    statuses = container.systemctl("show", "--property=ExecMainStatus", "--value", *units).split()
    told = container.exec("/sbin/pyinit", "check", *[f"/run/systemd/system/{name}" for name in units]).stdout
    found = {}
    for number, name in NAMES.items():
        start = f"/run/systemd/system/{name}.service:2: {CHECKS[number][0].partition('=')[0]}= "
        line = next(line for line in told.splitlines() if line.startswith(start))
        found[number] = (int(statuses[number]), line.removeprefix(start).partition(":")[0], line)
    return found


@pytest.mark.parametrize("number", NAMES, ids=NAMES.values())
def test_the_outcome_is_the_fate_that_was_told(outcomes, number):
    status, fate, line = outcomes[number]
    assert {SEEN: "applied", PART: "degraded", UNSEEN: "ignored"}.get(status) == fate, (CHECKS[number], status, line)


def test_containers_differ_in_what_they_allow(outcomes):
    """Else the test above would see nothing."""
    assert {fate for _, fate, _ in outcomes.values()} >= {"applied", "degraded"}


def test_a_bind_mount_that_cannot_be_is_no_reason_not_to_run(boot):
    """haproxy.service has one; under real systemd it does not start in such a container."""
    text = "[Service]\nExecStart=/bin/sleep 9999\nBindReadOnlyPaths=/dev/log:/run/x/log\nTemporaryFileSystem=/mnt\n"
    container = boot(Image(), before=lambda made: made.put("/etc/systemd/system/bound.service", text))
    container.wait_until_booted()
    container.systemctl("start", "bound.service")
    assert container.show("bound.service", "ActiveState") == "active"
    assert "bound.service: NAMESPACE (mount) could not be applied here" in container.logs()
