"""The commands as they are installed: `pip`'s entry points and the launchers of Debian's package call these.

Arguments and output are bytes to us, whatever the locale: what is no UTF-8 passes through.
"""

from __future__ import annotations

import sys
from posix import _exit  # `os` costs two milliseconds, and most commands do without

from initd import HELPER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn


def pyinit() -> NoReturn:
    """pip's `pyinit`: what Debian's /sbin/pyinit is, for the interpreter it was installed for."""
    import os

    try:
        os.execve(HELPER, ["pyinit", *sys.argv[1:]], {**os.environ, "PYINIT_PYTHON": sys.executable})
    except OSError as error:
        os.write(2, f"pyinit: cannot execute {HELPER}: {error.strerror}\n".encode())
        _exit(127)


def systemctl() -> NoReturn:
    from initd.cli.systemctl import main

    _run(lambda: main(sys.argv[1:], sys.argv[0].rpartition("/")[2]))


def journalctl() -> NoReturn:
    from initd.cli.journalctl import main

    _run(lambda: main(sys.argv[1:]))


def systemd_analyze() -> NoReturn:
    from initd.cli.analyze import main

    _run(lambda: main(sys.argv[1:]))


def systemd_escape() -> NoReturn:
    from initd.cli.escape import main

    _run(lambda: main(sys.argv[1:]))


def systemd_notify() -> NoReturn:
    from initd.cli.notify import main

    _run(lambda: main(sys.argv[1:]))


def systemd_detect_virt() -> NoReturn:
    from initd.cli.detect_virt import main

    _run(lambda: main(sys.argv[1:]))


def systemd_run() -> NoReturn:
    from initd.cli.run import main

    _run(lambda: main(sys.argv[1:]))


def systemd_path() -> NoReturn:
    from initd.cli.path import main

    _run(lambda: main(sys.argv[1:]))


def systemd_delta() -> NoReturn:
    from initd.cli.delta import main

    _run(lambda: main(sys.argv[1:]))


def systemd_cat() -> NoReturn:
    from initd.cli.journal_cat import main

    _run(lambda: main(sys.argv[1:]))


def systemd_cgls() -> NoReturn:
    from initd.cli.cgls import main

    _run(lambda: main(sys.argv[1:]))


def pyinitctl() -> NoReturn:
    from initd.cli.ctl import main

    _run(lambda: main(sys.argv[1:]))


def systemd_socket_proxyd() -> NoReturn:
    from initd.cli.socket_proxy import main

    _run(lambda: main(sys.argv[1:]))


def _run(command: Callable[[], int]) -> NoReturn:
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8", errors="surrogateescape")  # type: ignore[union-attr]
    try:
        status = command()
        sys.stdout.flush()
    except BrokenPipeError:
        status = 0  # whoever read us has read enough
    # Nothing is left to clean up, and taking the interpreter down costs as much as the command.
    _exit(status)
