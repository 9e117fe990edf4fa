"""What /etc/fstab of this machine comes to: reads it, and the facts that `core.fstab` asks for."""

from __future__ import annotations

import os

from initd.core import fstab
from initd.core.values import LOG_ERR, Diagnostic
from initd.shell import automounts

PATH = "/etc/fstab"
_UNITS = "/lib/systemd/system"


def generate(path: str = PATH) -> fstab.Plan:
    """Nothing where there is no such file."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            text = file.read()
    except FileNotFoundError:
        return fstab.Plan((), ())
    except OSError as error:
        return fstab.Plan((), (Diagnostic(LOG_ERR, "", 0, f"Failed to open {path}: {error.strerror}"),))
    places = [entry.place for entry in fstab.parse(text)]
    real = {place: found for place in places if (found := os.path.realpath(place)) != place}
    return fstab.plan(text, fstab.Facts(path, _is_writable("/sys"), _programs(), real, automounts.are_supported()))


def _is_writable(path: str) -> bool:
    try:
        return not os.statvfs(path).f_flag & os.ST_RDONLY
    except OSError:
        return False


def _programs() -> frozenset[str]:
    """Of what units are made to run, what is there: a program, or the unit that runs it."""
    units = {fstab.CHECK: "systemd-fsck@.service", fstab.REMOUNT: "systemd-remount-fs.service"}
    return frozenset(
        name for name in fstab.PROGRAMS
        if os.path.exists(f"{_UNITS}/{units[name]}" if name in units else f"/lib/systemd/{name}"))
