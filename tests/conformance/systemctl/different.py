"""The command lines of the session whose answers differ, and why: in `REAL` systemd's own programs say something else under
pyinit than under systemd, in `OURS` our commands say something else than systemd's, both under pyinit.

A line that is named stands for itself, a row ("## clean") for all of its lines that differ.
"""

from __future__ import annotations

BUS = "systemd's command asks for this over the system bus alone, and none runs in the container of the test"
NO_CLEAN = "directories are not cleaned by a command yet"
NO_PROPERTY = "properties of units are not set by a command yet"

REAL = {
    "## start --wait": BUS,
    "## freeze": BUS,
    "## thaw": BUS,
    "## clean": BUS,
    "## service-log-level": BUS,
    "## service-log-target": BUS,
    "systemctl halt --dry-run": BUS,
    "systemctl poweroff --dry-run": BUS,
    "systemctl set-property ctl-nosuch CPUWeight=200": NO_PROPERTY,
    "systemctl set-property --runtime ctl-web CPUWeight=200": NO_PROPERTY,
    "systemctl show -P CPUWeight ctl-web": NO_PROPERTY,
    "## mask": "systemd forgets with a daemon-reload how commands ended, pyinit does not",
}
OURS = {
    "## start --wait": "ours asks the manager's own socket, and says what systemd's says where it has a bus",
    "## freeze": "as above",
    "## thaw": "as above",
    "## clean": NO_CLEAN,
    "## set-property": NO_PROPERTY,
    "## service-log-level": "as above",
    "## service-log-target": "as above",
    "systemctl halt --dry-run": "as above",
    "systemctl poweroff --dry-run": "as above",
    "systemctl -M nosuch list-units": "other machines are refused with a reason",
}


def reason(known: dict[str, str], row: str, line: str) -> str:
    """Why this line may differ, "" where it must not."""
    return known.get(line) or known.get(f"## {row}", "")
