"""Writes the files of units that clients make by D-Bus, and takes them away again (systemd.unit(5), UNIT FILE LOAD PATH)."""

from __future__ import annotations

import os

from initd.core.places import SYSTEM, Places
from initd.shell.directories import remove_directories
from initd.shell.trees import unlink


class UnitWriter:
    """Below `root`, in a manager's places."""

    def __init__(self, places: Places = SYSTEM, root: str = "") -> None:
        self._root = root
        self._transient = places.transient
        self._config_control, self._runtime_control = places.config_control, places.runtime_control

    def write_unit(self, name: str, text: str) -> None:
        """A transient unit's own file. OSError where it cannot be."""
        _write(self._root + self._transient, name, text)

    def write_dropin(self, name: str, stem: str, text: str, is_runtime: bool) -> None:
        """What `systemctl set-property` changes, for this boot or for good. OSError where it cannot be."""
        control = self._runtime_control if is_runtime else self._config_control
        _write(f"{self._root}{control}/{name}.d", f"50-{stem}.conf", text)
        if not is_runtime:
            # What is to last must not be hidden by what was not.
            unlink(f"{self._root}{self._runtime_control}/{name}.d/50-{stem}.conf")

    def remove_unit(self, name: str) -> bool:
        """Takes a transient unit's files away; whether there were any."""
        was_there = unlink(f"{self._root}{self._transient}/{name}")
        if was_there:
            remove_directories((f"{self._transient}/{name}.d", f"{self._runtime_control}/{name}.d"), self._root)
        return was_there


def _write(directory: str, name: str, text: str) -> None:
    os.makedirs(directory, 0o755, exist_ok=True)
    temporary = f"{directory}/.#{name}"
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
    try:
        os.write(fd, text.encode("utf-8", "surrogateescape"))
    finally:
        os.close(fd)
    os.rename(temporary, f"{directory}/{name}")
