"""Packages that ship an init script and no unit, and what is done with them: typed into a shell, and compared whole.

Everything is asked of `systemctl`, and of Debian's own scripts (service, update-rc.d, invoke-rc.d) that end up there. What must
differ from run to run (times, pids) is not asked for.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT), str(ROOT / "tests/container")]

from harness import Container, Image  # noqa: E402

if TYPE_CHECKING:
    from harness import Machine

#: Init scripts only; two that run a daemon, one that says "not configured", and a generator as its script's companion.
PACKAGES = ("tftpd-hpa", "xinetd", "stunnel4")
COMMON = ("dbus", "procps", "postgresql-common", "debconf")
SYSTEMD = Image(("systemd-sysv", *COMMON, *PACKAGES), with_pyinit=False, with_policy=False)
PYINIT = Image((*COMMON, *PACKAGES), with_policy=False)

SHOWN = ("Id,Names,LoadState,ActiveState,SubState,Result,Type,Restart,GuessMainPID,RemainAfterExit,MainPID,ControlPID,"
         "ExecMainStatus,TimeoutStartUSec,TimeoutStopUSec,IgnoreSIGPIPE,KillMode,SuccessExitStatus,FragmentPath,SourcePath,Description,"
         "UnitFileState,UnitFilePreset,WantedBy,Requires,Wants,CanStart,CanStop,CanReload,PIDFile,NeedDaemonReload,"
         "StatusErrno,NRestarts,Documentation").split(",")

#: Scripts of no package: those that fail, start late, tell of exit statuses, and need each other.
SCRIPTS = {
    "ends": "exit 0", "fails": "exit 1", "absent": "exit 5", "unset": "exit 6", "odd": "exit 7",
    "forks": "case $1 in start) sleep 1000 & echo $! > /run/forks.pid;; stop) kill $(cat /run/forks.pid);; "
             "reload) touch /run/forks.reloaded;; esac",
    "piddy": "case $1 in start) sleep 1000 & echo $! > /run/piddy.pid;; stop) kill $(cat /run/piddy.pid);; esac",
    "stopless": "case $1 in start) sleep 1000 & ;; stop) exit 1;; esac",
    "killed": "kill -9 $$",
    "quits": "case $1 in start) sleep 3 & echo $! > /run/quits.pid;; esac",
}
_COMMENTS = {"piddy": "# pidfile: /run/piddy.pid\n", "quits": "# pidfile: /run/quits.pid\n"}


def script(name: str, body: str) -> str:
    header = (f"### BEGIN INIT INFO\n# Provides: {name} {name}-too\n# Required-Start: $network $remote_fs\n"
              f"# Default-Start: 2 3\n# Default-Stop: 0 1 6\n# Short-Description: It {name}\n### END INIT INFO\n")
    return f"#!/bin/sh\n{_COMMENTS.get(name, header)}# Usage: x\necho \"Usage: $0 {{start|stop|reload}}\" >/dev/null\n{body}\n"


def prepare(container: Container) -> Container:
    for name, body in SCRIPTS.items():
        container.put(f"/etc/init.d/{name}", script(name, body), 0o755)
    return container


_PID = re.compile("MainPID=[1-9][0-9]*")
_STATE = "LoadState,ActiveState,SubState,Result,UnitFileState,MainPID"


def steps() -> list[str]:
    out = []
    for name in PACKAGES:
        out += [f"show {name}", f"is-enabled {name}", f"is-active {name}"]
        for verb in ("stop", "start", "restart", "reload", "try-restart", "reload-or-restart"):
            out += [f"{verb} {name}", f"state {name}"]
        out += [f"disable {name}", f"is-enabled {name}", f"state {name}", f"enable {name}", f"is-enabled {name}",
                f"mask {name}", f"is-enabled {name}", f"unmask {name}"]
    for name in SCRIPTS:
        out += [f"start {name}", f"state {name}", f"is-active {name}", f"is-failed {name}", f"is-enabled {name}",
                *([f"! while systemctl -q is-active {name}; do sleep 0.1; done"] if name == "quits" else ()),
                f"reload {name}", f"stop {name}", f"state {name}"]
    wanted = "! systemctl show multi-user.target -p Wants --value | tr ' ' '\\n' | grep ends"
    out += ["start ends-too", "show ends-too -p Id,Names", "! service forks start", "state forks",
            "! service forks status | head -2", "! update-rc.d ends defaults; systemctl daemon-reload", "state ends", wanted,
            "! invoke-rc.d ends restart", "state ends", "! update-rc.d ends remove; systemctl daemon-reload", wanted,
            "list-unit-files ends.service ends-too.service",
            "! systemctl stop ends; rm /etc/init.d/ends; systemctl daemon-reload",
            "state ends", "is-enabled ends"]
    return out


_RUN = r"""
export LC_ALL=C.UTF-8 SYSTEMD_COLORS=0 SYSTEMD_PAGER= COLUMNS=200
while read -r line; do
    echo "$ $line"
    case $line in
        "show "*" -p "*) set -- $line; systemctl show "$2" -p "$4" ;;
        "show "*) systemctl show "${line#show }" -p SHOWN | sort ;;
        "state "*) systemctl show "${line#state }" -p STATE | tr '\n' ' '; echo ;;
        "! "*) sh -c "${line#! }" ;;
        *) systemctl $line ;;
    esac </dev/null 2>&1
    echo "= $?"
done
"""


def play(machine: Machine) -> list[str]:
    run = _RUN.replace("SHOWN", ",".join(SHOWN)).replace("STATE", _STATE)
    done = machine.exec("sh", "-c", run, text="\n".join(steps()) + "\n", timeout=180)
    return [_sorted(line) for line in done.stdout.splitlines()]


def _sorted(line: str) -> str:
    """A set has no order, and a pid no meaning."""
    line = _PID.sub("MainPID=PID", line)
    name, _, value = line.partition("=")
    return f"{name}={' '.join(sorted(value.split()))}" if name in ("Names", "WantedBy", "Requires", "Wants") else line


def container(image: Image, *command: str) -> Container:
    options = ("--systemd=always",) if image.with_pyinit else ("--systemd=always", "--privileged")
    return prepare(Container(image, *command, options=options))


ANSWERS = Path(os.path.dirname(os.path.abspath(__file__))) / "answers.txt"
