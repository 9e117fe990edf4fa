"""Asks the real systemctl of this machine what it does with the cases, in roots of their own, and writes answers.json.

    python3 tests/conformance/install/record.py

Only ever runs `systemctl --root=DIRECTORY`: nothing of the machine itself is read or changed.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from cases import CASES  # noqa: E402


def build(root: Path, files: dict[str, str]) -> None:
    (root / "etc").mkdir()
    for name in sorted(files, key=lambda name: (not files[name].startswith("-> usr"), name)):
        path, content = root / name, files[name]
        path.parent.mkdir(parents=True, exist_ok=True)
        if content.startswith("-> "):
            path.symlink_to(content[3:])
        else:
            path.write_text(content)


def tree(root: Path) -> dict[str, str]:
    """Everything below etc and run: files by size, links by target."""
    found = {}
    for top in ("etc", "run"):
        for directory, names, files in os.walk(root / top):
            for name in names + files:
                path = Path(directory) / name
                if path.is_symlink():
                    found[str(path.relative_to(root))] = "-> " + os.readlink(path)
                elif path.is_file():
                    found[str(path.relative_to(root))] = "file"
                else:
                    found[str(path.relative_to(root))] = "directory"
    return dict(sorted(found.items()))


def ask(root: Path, command: str) -> dict[str, object]:
    before = tree(root)
    words = ["systemctl", f"--root={root}", *shlex.split(command)]
    environment = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "SYSTEMD_COLORS": "0", "SYSTEMD_PAGER": ""}
    done = subprocess.run(words, capture_output=True, text=True, env=environment, stdin=subprocess.DEVNULL)
    after = tree(root)
    changes = {path: after.get(path, "gone") for path in sorted({*before, *after}) if before.get(path) != after.get(path)}
    return {"command": command, "exit": done.returncode, "stdout": done.stdout.replace(str(root), "ROOT"),
            "stderr": done.stderr.replace(str(root), "ROOT").replace(os.getcwd(), "CWD"), "changes": changes}


def main() -> None:
    version = subprocess.run(["systemctl", "--version"], capture_output=True, text=True, check=True).stdout.split("\n")[0]
    answers: dict[str, object] = {}
    for name, (files, commands) in CASES.items():
        with tempfile.TemporaryDirectory() as directory:
            root = Path(directory).resolve() / "root"
            root.mkdir()
            build(root, files)
            answers[name] = [ask(root, command) for command in commands]
    text = json.dumps({"version": version, "cases": answers}, indent=1, ensure_ascii=False)
    (HERE / "answers.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
