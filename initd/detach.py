"""`pyinit --daemon`: the manager of a group of units leaves the terminal, by python-daemon.

Whoever calls waits until the manager answers. Between the two there is one more process image: being the one to whom
orphans come is lost by fork(2), so what was detached executes the launcher, which asks for it, under the same pid.
"""

from __future__ import annotations

import os
import time

from initd.shell.bootfiles import listens

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

    from initd.core.places import Places
    from initd.options import Options

#: How long a manager may take until it answers.
_PATIENCE_SEC = 30
_PAUSE_SEC = 0.02
_MISSING = "--daemon needs Python's module \"daemon\": install the package python3-daemon."


def detach(options: Options, places: Places, helper: str) -> int:
    """The exit status, once the manager answers; 1 where it will not. `helper` is the launcher."""
    import _signal

    _signal.pthread_sigmask(_signal.SIG_SETMASK, ())  # the launcher blocked them all for the manager
    daemon = _import()
    if daemon is None:
        return _complain(_MISSING)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        _become_manager(daemon, options, places, helper, writer)
    os.close(writer)
    with open(reader, encoding="utf-8", errors="replace") as told:
        said = told.read()  # until the launcher is executed
    os.waitpid(child, 0)
    if not said.isdecimal():
        return _complain(said or "The manager did not begin.")
    return _wait_for(int(said), places)


def _become_manager(daemon: Any, options: Options, places: Places, helper: str, writer: int) -> NoReturn:
    """Detach, tell the pid or what is wrong, and execute the launcher."""
    try:
        os.umask(0o022)
        # Who runs units limits nothing of theirs: so core files may be written.
        daemon.DaemonContext(
            detach_process=True, files_preserve=[writer], prevent_core=False, umask=0o022, signal_map={},
        ).open()  # fmt: skip
        os.set_inheritable(writer, False)
        words = ["pyinit", *_words(options, places)]
        os.write(writer, str(os.getpid()).encode())
        os.execv(helper, words)
    except Exception as problem:
        os.write(writer, f" {problem}".encode())
    finally:
        os._exit(1)


def _words(options: Options, places: Places) -> list[str]:
    """The command line of the manager: what counts is that of a word which comes twice the last, and from here on the
    working directory is another."""
    words = list(options.words)
    end = words.index("--") if "--" in words else len(words)
    own = [word for word in words[:end] if word != "--daemon"]
    return [*own, f"--runtime-directory={places.run}", f"--unit-directory={places.config_units}", *words[end:]]


def _wait_for(pid: int, places: Places) -> int:
    deadline = time.monotonic() + _PATIENCE_SEC
    while not listens(places.private):
        if not os.path.exists(f"/proc/{pid}") or time.monotonic() > deadline:
            return _complain(f"The manager does not answer in {places.run}.")
        time.sleep(_PAUSE_SEC)
    return 0


def _import() -> Any:
    """python-daemon, from where Debian puts it: PID 1's interpreter leaves that out (`-S`)."""
    import site
    import sys

    sys.path += [path for path in site.getsitepackages() if path not in sys.path]
    try:
        import daemon  # type: ignore[import-not-found]
    except ImportError:
        return None
    return daemon


def _complain(text: str) -> int:
    os.write(2, f"pyinit: {text.strip()}\n".encode())
    return 1
