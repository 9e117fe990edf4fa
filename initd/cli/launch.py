"""The commands as `pip` installs them: an entry point takes no arguments. Debian's package has launchers of its own."""

from __future__ import annotations

import sys


def systemctl() -> int:
    from initd.cli.systemctl import main

    return main(sys.argv[1:], sys.argv[0].rpartition("/")[2])
