"""Asks a real systemd 252, in a container, what `systemctl edit` does with the cases, and writes answers.json.

    python3 tests/conformance/edit/record.py CONTAINER

CONTAINER is a running podman container whose init is systemd. Each command runs on a terminal of its own, as `edit`
wants one; the last part of a temporary file's name, which is random, is written as "*".
"""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from base64 import b64decode
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[2]))

from tests.conformance.edit.cases import (  # noqa: E402
    CASES,
    ETC,
    LIB,
    RUN,
    environment_of,
    without_random_part,
)

EDITOR = "/run/edit-cases/editor"


def run(container: str, script: str) -> str:
    return subprocess.run(["podman", "exec", "-i", container, "sh"], input=script, capture_output=True, text=True,
                          check=True).stdout


def set_up(container: str, files: dict[str, str]) -> None:
    lines = [f"rm -rf {ETC}/edit-* {RUN}/edit-* {LIB}/edit-*; mkdir -p {LIB} /run/edit-cases"]
    for path, text in files.items():
        lines.append(f"mkdir -p {path.rpartition('/')[0]}")
        lines.append(f"ln -s {text[3:]} {path}" if text.startswith("-> ") else
                     f"printf %s {shlex.quote(text)} > {path}")
    lines.append(f"printf %s {shlex.quote((HERE / 'editor.sh').read_text())} > {EDITOR}; chmod +x {EDITOR}")
    run(container, "\n".join([*lines, "systemctl daemon-reload"]))


def tree(container: str) -> dict[str, str]:
    """Every file and directory of ours that may be written: text, link target, or "directory"."""
    listed = run(container, f"cd /; for p in $(find {ETC[1:]} {RUN[1:]} -path '*/edit-*' -o -path '*/.#*' | sort); do "
                 "if [ -L $p ]; then echo L $p $(readlink $p); elif [ -d $p ]; then echo D $p; "
                 "else echo F $(stat -c %a $p) $p $(base64 -w0 $p); fi; done")
    found: dict[str, str] = {}
    for kind, *words in (line.split(" ") for line in listed.splitlines()):
        if kind == "L":
            found[words[0]] = f"-> {words[1]}"
        else:
            name = words[0] if kind == "D" else words[1]
            found[without_random_part(name)] = "directory" if kind == "D" else (
                f"{words[0]} {b64decode(''.join(words[2:])).decode()}")
    return found


def ask(container: str, command: str, do: str, changes: dict[str, str]) -> dict[str, object]:
    variables = environment_of(changes, EDITOR, do)
    words = " ".join(f"{name}={shlex.quote(value)}" for name, value in variables.items())
    inner = f"cd /run/edit-cases; systemctl {command}; echo status=$?"
    out = run(container, f"env TERM=dumb LANG=C.UTF-8 SYSTEMD_COLORS=0 SYSTEMD_PAGER= {words} "
              f"script -qec {shlex.quote(inner)} /dev/null")
    text, _, status = out.replace("\r", "").rpartition("status=")
    return {"command": command, "exit": int(status), "output": without_random_part(text.replace(EDITOR, "EDITOR")),
            "tree": tree(container)}


def main(container: str) -> None:
    version = run(container, "systemctl --version").splitlines()[0]
    answers = {}
    for name, (files, commands) in CASES.items():
        set_up(container, files)
        answers[name] = [ask(container, *command) for command in commands]
    set_up(container, {})
    text = json.dumps({"version": version, "cases": answers}, indent=1, ensure_ascii=False)
    (HERE / "answers.json").write_text(text + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
