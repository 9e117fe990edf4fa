"""`pyinit`: reads the command line and runs the manager. Started by `initd/exec/boot.c`, with all signals blocked."""

from __future__ import annotations

import os
import sys

LIBRARY = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, LIBRARY)

from initd.options import UsageError, parse  # noqa: E402  (the path comes first)


def main(arguments: list[str]) -> int:
    if arguments[:1] == ["check"]:
        return check(arguments[1:])
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
    from initd.manager import Manager

    return Manager(options, LIBRARY).run()


def check(arguments: list[str]) -> int:
    """`pyinit check`: a short-lived command, which a signal ends as any other."""
    import _signal

    from initd.cli import check as command
    from initd.core.managerconf import configure
    from initd.shell import allowed, limits, machine
    from initd.shell.managerconf import read_configuration
    from initd.shell.unitdirs import UnitDirs

    _signal.pthread_sigmask(_signal.SIG_SETMASK, ())
    container = limits.probe()
    files, _ = read_configuration()
    facts = configure(files, machine.read_facts(container)).facts
    return command.check(arguments, UnitDirs(), facts, allowed.probe(container, LIBRARY + "/initd/exec/pyinit-exec"))


if __name__ == "__main__":
    code = main(sys.argv[1:])
    # Nothing is left to clean up, and a finalizer must not hold up the end of the container.
    sys.stdout.flush()
    os._exit(code)
