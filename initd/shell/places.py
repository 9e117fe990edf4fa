"""Which manager is meant: the places (`core.places`) of a user's manager, or of one that has a runtime directory of its own.

Managers, and commands that ask one, find them here from the same words and variables, so that they meet.
"""

from __future__ import annotations

import os

from initd import LIBRARY
from initd.core.places import UNITS_LINK, Places, of_group, of_user

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

#: Says to commands which manager is meant, as `--runtime-directory=` does; units of a group's manager have it.
VARIABLE = "PYINIT_RUNTIME_DIRECTORY"
#: Below the library, the units that every unit of a user or a group counts on; where pip has put them if not there.
_VENDOR, _VENDOR_OF_PIP = "/units/user", "/initd/units/user"


class NoPlace(Exception):
    """There is no runtime directory; the text is errno's word for it in systemd's commands."""

    def __init__(self) -> None:
        super().__init__("No medium found")


def user_places(environment: Mapping[str, str] = os.environ) -> Places:
    """Those of whoever runs us. Without $XDG_RUNTIME_DIR there are files, and no manager (`run` is "")."""
    home = environment.get("HOME", "")
    if not home.startswith("/"):
        from initd.shell.machine import read_user

        home = read_user(os.geteuid())["home"]
    return of_user(environment, home.rstrip("/"))


def group_places(runtime_directory: str = "", unit_directory: str = "", environment: Mapping[str, str] = os.environ) -> Places:
    """Those of the manager with this runtime directory; without one, /run/pyinit, or "pyinit" in the user's own (NoPlace
    where there is none). Where its units are a running manager has left word of in a link."""
    own = Places() if os.geteuid() == 0 else user_places(environment)
    if not runtime_directory and not own.run:
        raise NoPlace
    run = os.path.abspath(runtime_directory or own.run + "/pyinit")
    units = os.path.abspath(unit_directory) if unit_directory else _read_link(f"{run}/{UNITS_LINK}")
    vendor = LIBRARY + (_VENDOR if os.path.isdir(LIBRARY + _VENDOR) else _VENDOR_OF_PIP)
    return of_group(run, units or _default_units(own), vendor, own)


def _default_units(own: Places) -> str:
    """/etc/pyinit/units, or that in the user's configuration."""
    return own.directories["configuration_directory"] + "/pyinit/units"


def _read_link(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""
