"""`pyinit`: reads the command line and runs the manager. Started by `initd/exec/boot.c`, with all signals blocked."""

from __future__ import annotations

import os
import sys

from initd import HELPER, LIBRARY
from initd.options import Options, UsageError, parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NoReturn

    from initd.manager import Manager

#: `pyinit NAME …` → the module of ours whose `main` it is. All that is no manager, but for `run`, which starts one.
COMMANDS = {
    "cache": "imagecache", "check": "cli.check", "diff": "cli.diff", "eventlistener": "cli.eventlistener",
    "events": "cli.events", "health": "cli.health", "import": "cli.importing", "plan": "cli.plan", "scale": "cli.scale",
    "top": "cli.top", "why": "cli.why",
}


def main(arguments: list[str]) -> int:
    if arguments and arguments[0] in COMMANDS:
        return run_command(*arguments)
    if arguments[:1] == ["--test"]:
        return run_command("plan", *arguments[1:])
    if arguments[:1] == ["run"]:
        from initd.buildstep import run

        return run(arguments[1:], HELPER)
    if arguments[:1] == ["--trial"]:
        import initd.manager  # noqa: F401  (whether that works is the whole question)

        return 0
    try:
        options = parse(arguments)
    except UsageError as error:
        os.write(2, f"pyinit: {error}\n".encode())
        return 2
    if isinstance(options, str):
        os.write(1, options.encode())
        return 0
    if options.mode == "system":
        return make_manager(options, LIBRARY).run()
    return run_beside(options)


def run_beside(options: Options) -> int:
    """A manager that is no init: a user's, or a group's, here or in the background."""
    from initd.shell.bootfiles import listens
    from initd.shell.places import NoPlace, group_places, user_places

    try:
        is_user = options.mode == "user"
        places = user_places() if is_user else group_places(options.runtime_directory, options.unit_directory)
        if not places.run:
            raise NoPlace
    except NoPlace:
        return complain("$XDG_RUNTIME_DIR is not set" + (", and there is no --runtime-directory=." if not is_user else "."))
    if options.state_fd < 0 and listens(places.private):
        return complain(f"A manager runs in {places.run} already.")
    if options.is_daemon:
        from initd.detach import detach

        return detach(options, places, HELPER)
    return make_manager(options, LIBRARY, places).run()


def make_manager(*words: Any) -> Manager:
    """Tried once more where it fails: a container would end with it, or all that another manager has handed over."""
    try:
        return manager_class()(*words)
    except Exception as error:
        complain(f"The manager cannot begin, trying again: {type(error).__name__}: {error}")
        return manager_class()(*words)


def manager_class() -> type[Manager]:
    """Imported here. All of it stays: looking for garbage in it takes a twelfth of the time, and is not repeated later."""
    import gc

    gc.disable()
    from initd.manager import Manager

    gc.freeze()
    gc.enable()
    return Manager


def complain(text: str) -> int:
    os.write(2, f"pyinit: {text}\n".encode())
    return 1


def run_command(name: str, *arguments: str) -> int:
    """`pyinit NAME …`: a short-lived command, which a signal ends as any other."""
    import _signal

    _signal.pthread_sigmask(_signal.SIG_SETMASK, ())
    main: Callable[[list[str]], int] = __import__(f"initd.{COMMANDS[name]}", fromlist=("main",)).main
    return main(list(arguments))


def begin(arguments: list[str]) -> NoReturn:
    code = main(arguments)
    # Nothing is left to clean up, and a finalizer must not hold up the end of the container.
    sys.stdout.flush()
    os._exit(code)
