"""Writes the files of units that clients make by D-Bus, and takes them away again (systemd.unit(5), UNIT FILE LOAD PATH)."""

from __future__ import annotations

import os

from initd.shell.directories import remove_directories

TRANSIENT = "/run/systemd/transient"
CONTROL = {True: "/run/systemd/system.control", False: "/etc/systemd/system.control"}


def write_unit(name: str, text: str, root: str = "") -> None:
    """A transient unit's own file. OSError where it cannot be."""
    _write(root + TRANSIENT, name, text)


def write_dropin(name: str, stem: str, text: str, is_runtime: bool, root: str = "") -> None:
    """What `systemctl set-property` changes, for this boot or for good. OSError where it cannot be."""
    directory = f"{CONTROL[is_runtime]}/{name}.d"
    _write(root + directory, f"50-{stem}.conf", text)
    if not is_runtime:
        # What is to last must not be hidden by what was not.
        _unlink(f"{root}{CONTROL[True]}/{name}.d/50-{stem}.conf")


def remove_unit(name: str, root: str = "") -> bool:
    """Takes a transient unit's files away; whether there were any."""
    was_there = _unlink(f"{root}{TRANSIENT}/{name}")
    if was_there:
        remove_directories((f"{TRANSIENT}/{name}.d", f"{CONTROL[True]}/{name}.d"), root)
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


def _unlink(path: str) -> bool:
    try:
        os.unlink(path)
    except OSError:
        return False
    return True
