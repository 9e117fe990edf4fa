"""`pyinit`: reads the command line and runs the manager. Started by `initd/exec/boot.c`, with all signals blocked."""

from __future__ import annotations

import os
import sys

LIBRARY = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, LIBRARY)

from initd.options import UsageError, parse  # noqa: E402  (the path comes first)


def main(arguments: list[str]) -> int:
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


if __name__ == "__main__":
    code = main(sys.argv[1:])
    # Nothing is left to clean up, and a finalizer must not hold up the end of the container.
    sys.stdout.flush()
    os._exit(code)
