"""What /proc shows of the main processes of services in a booted container, whose init may be systemd or pyinit."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

from harness import Container

HERE = Path(__file__).resolve().parent
#: Of each kind some: they drop privileges, fork, notify, shut themselves in, have directories and files of variables.
PACKAGES = ("cron", "openssh-server", "nginx", "redis-server", "memcached", "mosquitto", "dbus")
SERVICES = ("cron", "ssh", "nginx", "redis-server", "memcached", "mosquitto", "dbus")
OPTIONS = ("--systemd=always", "--hostname=recorder")

_STATUS = ("Umask", "Uid", "Gid", "Groups", "SigBlk", "SigIgn", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb",
           "NoNewPrivs", "Seccomp")
_NAMESPACES = ("mnt", "net", "pid", "ipc", "uts", "user", "cgroup")
#: What differs from one run to the next.
_VOLATILE = ("INVOCATION_ID", "JOURNAL_STREAM", "SYSTEMD_EXEC_PID", "LISTEN_PID", "WATCHDOG_PID", "MAINPID")


def look(container: Container) -> dict[str, dict[str, str]]:
    """Service → what is seen of its main process, once it is active."""
    container.wait_until_booted()
    # Read from outside: a container's root may not read the variables of other users' processes.
    outside = _pids_outside(container.pid)
    found = {}
    for name in SERVICES:
        container.wait_for_state(f"{name}.service", "active")
        found[name] = _look_at(outside[container.main_pid(f"{name}.service")], container.pid)
    return found


def _pids_outside(init: int) -> dict[int, int]:
    """Pid inside → pid here, of the processes that are in the container's pid namespace."""
    space = os.readlink(f"/proc/{init}/ns/pid")
    found = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.readlink(f"/proc/{name}/ns/pid") == space:
                numbers = re.findall(r"(?m)^NSpid:\s(.*)$", Path(f"/proc/{name}/status").read_text())[0].split()
                found[int(numbers[-1])] = int(name)
        except (FileNotFoundError, PermissionError):
            pass  # ended meanwhile, or none of ours
    return found


def _look_at(pid: int, init: int) -> dict[str, str]:
    proc = Path(f"/proc/{pid}")
    status = dict(re.findall(r"(?m)^(\w+):[ \t]*(.*)$", (proc / "status").read_text()))
    seen = {name: " ".join(status[name].split()) for name in _STATUS}
    for line in (proc / "limits").read_text().splitlines()[1:]:
        words = re.split(r"  +", line.strip())
        seen[f"limit:{words[0].removeprefix('Max ')}"] = " ".join(words[1:3])
    variables = [variable.partition("=") for variable in (proc / "environ").read_bytes().decode().split("\0")[:-1]]
    # Who writes their state over their command line writes over the variables as well.
    if all(name.isidentifier() for name, _, _ in variables):
        seen |= {f"env:{name}": "…" if name in _VOLATILE else value for name, _, value in variables}
    for name in _NAMESPACES:
        is_same = os.readlink(proc / "ns" / name) == os.readlink(f"/proc/{init}/ns/{name}")
        seen[f"namespace:{name}"] = "the manager's" if is_same else "its own"
    stat = (proc / "stat").read_text().rpartition(")")[2].split()
    seen |= {"group leader": str(stat[2] == str(pid)), "session leader": str(stat[3] == str(pid)), "nice": stat[16]}
    seen |= {name: (proc / name).read_text().strip() for name in ("oom_score_adj", "coredump_filter", "timerslack_ns")}
    seen |= {"cwd": os.readlink(proc / "cwd"), "root": os.readlink(proc / "root")}
    return seen | {"cgroup": _cgroup((proc / "cgroup").read_text())}


def _cgroup(text: str) -> str:
    """Below the container's own."""
    paths = re.findall(r"(?m)^(?:0:|\d+:name=systemd):(.*)$", text)
    return next((path[at:] for path in paths if (at := path.find("/system.slice")) >= 0), "none")


def read_answers() -> dict[str, dict[str, str]]:
    services: dict[str, dict[str, str]] = json.loads((HERE / "answers.json").read_text())["services"]
    return services
