"""Plays the session to a real systemd in a container, and writes answers.txt.

    python3 -m tests.conformance.initscripts.record [--ours]      # from the top of the tree, as root

`--ours` plays it to pyinit, and prints what differs.
"""

from __future__ import annotations

import difflib
import sys

from tests.conformance.initscripts.session import ANSWERS, PYINIT, SYSTEMD, container, play


def main(arguments: list[str]) -> int:
    is_ours = "--ours" in arguments
    machine = container(PYINIT) if is_ours else container(SYSTEMD, "/sbin/init")
    try:
        machine.start().wait_until_booted()
        lines = play(machine)
        if is_ours:
            theirs = ANSWERS.read_text().splitlines()
            print("\n".join(difflib.unified_diff(theirs, lines, "systemd", "pyinit", lineterm="", n=6)))
            return 0
        version = machine.exec("systemctl", "--version").stdout.splitlines()[0]
        ANSWERS.write_text("\n".join([f"# {version}", *lines, ""]))
        return 0
    finally:
        print(machine.logs()[-2000:] if is_ours else "", file=sys.stderr)
        machine.remove()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
