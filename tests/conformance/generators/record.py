"""Plays the sessions to a real systemd in a container, and writes answers.json.

    python3 -m tests.conformance.generators.record [--ours]      # from the top of the tree, as root

`--ours` plays it to pyinit, and prints what differs.
"""

from __future__ import annotations

import difflib
import json
import sys

from tests.conformance.generators.session import ANSWERS, PYINIT, STEPS, SYSTEMD, WORDS, WORDS_STEPS, Image, play, prepare


def ask(image: Image, program: str) -> dict[str, object]:
    answers: dict[str, object] = {}
    for name, words, steps in (("generators", (), STEPS), ("words", WORDS, WORDS_STEPS)):
        machine = prepare(image, program, *words)
        try:
            machine.start().wait_until_booted()
            answers[name] = play(machine, steps)
            answers["version"] = machine.exec("systemctl", "--version").stdout.splitlines()[0]
        finally:
            machine.remove()
    return answers


def main(arguments: list[str]) -> int:
    if "--ours" not in arguments:
        ANSWERS.write_text(json.dumps(ask(SYSTEMD, "/sbin/init"), indent=0) + "\n")
        return 0
    theirs, ours = json.loads(ANSWERS.read_text()), ask(PYINIT, "/sbin/pyinit")
    for name in ("generators", "words"):
        for number, (one, other) in enumerate(zip(theirs[name], ours[name])):
            print("\n".join(difflib.unified_diff(one, other, f"systemd {name} {number}", "pyinit", lineterm="", n=1)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
