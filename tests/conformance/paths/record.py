"""Asks the systemd-path of this machine all cases, and writes answers.json: the version, then [status, output, errors].

    python3 -m tests.conformance.paths.record          # from the top of the tree, as root

It reads nothing but its environment, the user database and a directory of its own, which is "@DIR@" in the answers. What
depends on the processor has "@ARCH@".
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.conformance.paths.cases import CASES, Case, build, placed

REAL = ["/usr/bin/systemd-path"]
ANSWERS = Path(__file__).resolve().parent / "answers.json"


def ask(program: list[str], case: Case, directory: str) -> list[int | str]:
    """In the directory "/", so that what is relative is the same everywhere."""
    given = placed(case, directory)
    done = subprocess.run([*program, *given.words], capture_output=True, text=True, env=given.variables, cwd="/",
                          user=given.uid, group=given.uid, extra_groups=[])
    return [done.returncode, *(_named(text, directory) for text in (done.stdout, done.stderr))]


def _named(text: str, directory: str) -> str:
    text = text.replace(REAL[0] + ":", "systemd-path:")
    return text.replace(directory, "@DIR@").replace(f"{os.uname().machine}-linux-gnu", "@ARCH@")


def version() -> str:
    return subprocess.run([*REAL, "--version"], capture_output=True, text=True).stdout.partition("\n")[0]


def main() -> int:
    with tempfile.TemporaryDirectory() as directory:
        build(Path(directory))
        answers = [ask(REAL, case, directory) for case in CASES]
    lines = ",\n".join(json.dumps(answer) for answer in answers)
    ANSWERS.write_text(f'{{"version": "{version()}", "answers": [\n{lines}\n]}}\n')
    return 0


if __name__ == "__main__":
    sys.exit(main())
