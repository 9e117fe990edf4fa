"""Asks the systemd-delta of this machine about the tree, and writes answers.json: the version, then [status, output, errors].

    python3 -m tests.conformance.delta.record          # from the top of the tree, as root

In a mount namespace where the tree is what is in /etc, /run, /usr/local and the directories of configuration below /usr/lib.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.conformance.delta.cases import CALLS, build, words

REAL = "/usr/bin/systemd-delta"
ANSWERS = Path(__file__).resolve().parent / "answers.json"
_IN_NAMESPACE = """mount --make-rprivate / && cd "$1" && shift &&
for d in usr/lib/*.d usr/lib/*/*; do if [ -d /$d ]; then mount --bind $d /$d || exit 99; fi; done &&
for d in usr/local run etc; do mount --bind $d /$d || exit 99; done && exec "$@" """


def ask(call: str, root: Path) -> list[int | str]:
    inside = ["unshare", "-m", "sh", "-c", _IN_NAMESPACE, "sh", str(root), REAL, *words(call)]
    done = subprocess.run(inside, capture_output=True, text=True,
                          env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "TZ": "UTC"})
    return [done.returncode, done.stdout, done.stderr.replace(REAL, "systemd-delta")]


def ask_all() -> list[list[int | str]]:
    with tempfile.TemporaryDirectory() as directory:
        build(Path(directory), "")
        return [ask(call, Path(directory)) for call in CALLS]


def version() -> str:
    return subprocess.run([REAL, "--version"], capture_output=True, text=True).stdout.partition("\n")[0]


def main() -> int:
    lines = ",\n".join(json.dumps(answer, ensure_ascii=False) for answer in ask_all())
    ANSWERS.write_text(f'{{"version": "{version()}", "answers": [\n{lines}\n]}}\n')
    return 0


if __name__ == "__main__":
    sys.exit(main())
