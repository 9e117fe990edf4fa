"""Which files configure the manager: /etc/systemd/system.conf and the drop-ins (systemd-system.conf(5)).

Of drop-ins with the same name that of the first directory counts, and a link to /dev/null, or an empty file, takes one
away. All of them come after the main file, sorted by name.
"""

from __future__ import annotations

import os

from initd.core.sources import UnitText

MAIN = "/etc/systemd/system.conf"
DROP_IN_DIRECTORIES = tuple(
    f"{base}/systemd/system.conf.d" for base in ("/etc", "/run", "/usr/local/lib", "/usr/lib", "/lib")
)


def read_configuration(root: str = "") -> tuple[tuple[UnitText, ...], tuple[str, ...]]:
    """The files in the order they apply, and a line for each that is there and cannot be read."""
    chosen: dict[str, str] = {}
    for directory in DROP_IN_DIRECTORIES:
        for name in _list(root + directory):
            if name.endswith(".conf") and not name.startswith("."):
                chosen.setdefault(name, f"{directory}/{name}")
    files, problems = [], []
    for path in (MAIN, *(chosen[name] for name in sorted(chosen, key=os.fsencode))):
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
