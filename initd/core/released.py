"""What does a unit give back when it ends? (systemd.exec(5), RuntimeDirectoryPreserve=, StandardInput=tty,
TTYReset=, CREDENTIALS)"""

from __future__ import annotations

from initd.core.places import SYSTEM, Places
from initd.core.settings_exec import ExecSettings, has_credentials


def released_paths(unit: str, settings: ExecSettings, will_restart: bool, places: Places = SYSTEM) -> tuple[str, ...]:
    """Directories and links to them. Credentials never outlive the run they were made for."""
    paths: list[str] = []
    keeps, base = settings.runtime_directory_preserve, places.directories["runtime_directory"]
    if keeps == "no" or (keeps == "restart" and not will_restart):
        for path, links in settings.runtime_directory:
            is_private = settings.dynamic_user and keeps != "no"
            paths += [f"{base}/{name}" for name in (path, *links)]
            paths += [f"{base}/private/{path}"] * is_private
    if has_credentials(settings):
        paths.append(f"{places.credentials}/{unit}")
    return tuple(paths)


def released_terminal(settings: ExecSettings) -> str:
    """The terminal that was given to the unit's user, "" where none was."""
    reads_terminal = settings.standard_input in ("tty", "tty-force", "tty-fail")
    return (settings.tty_path or "/dev/console") if reads_terminal and settings.user else ""


def resets_terminal(settings: ExecSettings) -> bool:
    """Whether the terminal is made as good as new, for whoever has it next."""
    return settings.tty_reset or settings.tty_vhangup or settings.tty_vt_disallocate
