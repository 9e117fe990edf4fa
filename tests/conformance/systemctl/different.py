"""The command lines of the session whose answers differ, and why: in `REAL` systemd's own programs say something else under
pyinit than under systemd, in `OURS` our commands say something else than systemd's, both under pyinit.

A line that is named stands for itself, a row ("## clean") for all of its lines that differ.
"""

from __future__ import annotations

REAL = {
    "systemctl status -n0 ctl-stay": "systemd forgets with a daemon-reload how commands ended, pyinit does not",
    "busctl introspect --no-legend org.freedesktop.systemd1 /org/freedesktop/systemd1 org.freedesktop.systemd1.Manager | "
    "awk '{ print $1, $2, $3 }' | grep -E ' (method|signal) '":
        "a method of later versions is there too, which their systemctl calls: DisableUnitFilesWithFlagsAndInstallInfo()",
}
OURS = {
    "systemctl -M nosuch list-units": "other machines are refused with a reason",
    "## busctl": "is systemd's own, there is none of ours",
}


def reason(known: dict[str, str], row: str, line: str) -> str:
    """Why this line may differ, "" where it must not."""
    return known.get(line) or known.get(f"## {row}", "")
