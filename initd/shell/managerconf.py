"""Which files configure the manager: /etc/systemd/system.conf, or a user's user.conf, and the drop-ins
(systemd-system.conf(5)).

Of drop-ins with the same name that of the first directory counts, and a link to /dev/null, or an empty file, takes one
away. All of them come after the main file, sorted by name.
"""

from __future__ import annotations

import os

from initd.core.places import SYSTEM, Places
from initd.core.sources import UnitText


def read_configuration(root: str = "", places: Places = SYSTEM) -> tuple[tuple[UnitText, ...], tuple[str, ...]]:
    """The files in the order they apply, and a line for each that is there and cannot be read."""
    chosen: dict[str, str] = {}
    for directory in places.configuration_drop_ins:
        for name in _list(root + directory):
            if name.endswith(".conf") and not name.startswith("."):
                chosen.setdefault(name, f"{directory}/{name}")
    files, problems = [], []
    main = next((path for path in places.configuration if os.path.lexists(root + path)), "")
    for path in (*[main] * bool(main), *(chosen[name] for name in sorted(chosen, key=os.fsencode))):
        try:
            with open(root + path, encoding="utf-8", errors="surrogateescape", newline="") as file:
                files.append(UnitText(path, file.read()))
        except FileNotFoundError:
            pass  # None of them has to be there.
        except OSError as error:
            problems.append(f"{path}: {error.strerror}")
    return tuple(files), tuple(problems)


def _list(directory: str) -> list[str]:
    try:
        return os.listdir(directory)
    except OSError:
        return []
