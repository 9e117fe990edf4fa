"""What units find that say nothing, or something else, where system.conf says how all of them are scheduled and filtered."""

from __future__ import annotations

import json
from pathlib import Path

from harness import Container

HERE = Path(__file__).resolve().parent
CONTAINERS = {"default": ("--systemd=always",), "privileged": ("--systemd=always", "--privileged")}
CONFIGURATION = """\
[Manager]
SystemCallArchitectures=native
CPUAffinity=0
NUMAPolicy=local
TimerSlackNSec=77us
"""
#: Name → lines of its own, and what stands in front of its command.
UNITS = {
    "plain": ("", ""),
    "user": ("User=daemon", ""),
    "own-affinity": ("CPUAffinity=0-1", ""),
    "own-numa": ("CPUAffinity=numa\nNUMAMask=0", ""),
    "own-slack": ("TimerSlackNSec=1ms", ""),
    "own-policy": ("NUMAPolicy=default", ""),
    "privileged": ("User=daemon", "+"),
    "filter": ("SystemCallFilter=~mount", ""),
}
_SCRIPT = """\
grep -E "^(NoNewPrivs|Seccomp|Cpus_allowed_list):" /proc/self/status
echo "slack: $(cat /proc/self/timerslack_ns)"
echo "memory: $(cut -d' ' -f2 /proc/self/numa_maps | sort -u)"
"""


def prepare(container: Container) -> Container:
    container.put("/etc/systemd/system.conf", CONFIGURATION)
    container.put("/usr/local/bin/look", "#!/bin/sh\n" + _SCRIPT, 0o755)
    for name, (lines, front) in UNITS.items():
        container.put(f"/etc/systemd/system/look-{name}.service",
                      f"[Service]\nType=oneshot\nExecStart={front}/usr/local/bin/look\n"
                      f"StandardOutput=file:/run/look-{name}\n{lines}\n")
    return container


def look(container: Container) -> dict[str, list[str]]:
    container.wait_until_booted()
    found = {}
    for name in UNITS:
        container.systemctl("start", f"look-{name}.service")
        found[name] = container.exec("cat", f"/run/look-{name}").stdout.replace("\t", " ").splitlines()
    return found


def read_answers() -> dict[str, dict[str, list[str]]]:
    containers: dict[str, dict[str, list[str]]] = json.loads((HERE / "answers.json").read_text())["containers"]
    return containers
