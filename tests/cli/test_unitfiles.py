"""The verbs on unit files, compared with what the real systemctl 252 said and did (tests/conformance/install)."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path

import pytest

from initd.cli.systemctl import main

HERE = Path(__file__).resolve().parent.parent / "conformance" / "install"
sys.path.insert(0, str(HERE))

from cases import CASES  # noqa: E402
from record import build, tree  # noqa: E402

ANSWERS = json.loads((HERE / "answers.json").read_text())["cases"]

#: Where we mean not to do as systemd 252 does: (case, command) → why.
DIFFERENT = {
    ("reenable", "reenable t@x.service"): "systemd drops the instance and then refuses",
    ("alias-chains", "enable c3.service"): "systemd follows no more than two links here",
    ("preset-all-masked", "preset-all"): "systemd also says that it failed, and exits 0",
    ("preset-all-masked", "preset-all --preset-mode=enable-only"): "the same",
    ("preset-all-masked", "preset-all --preset-mode=disable-only"): "the same",
    ("specifiers", "enable r@.service"): "systemd prints the failure and exits 0, as an alias was made before",
}


def lines(text: str) -> list[str]:
    """In systemd the order of removals is that of a directory, and of a preset of everything that of a hash table."""
    return sorted(text.splitlines())


@pytest.mark.parametrize("name", sorted(CASES))
def test_systemctl_says_and_does_the_same(name, tmp_path, capfdbinary):
    files, commands = CASES[name]
    root = tmp_path / "root"
    root.mkdir()
    build(root, files)
    for command, expected in zip(commands, ANSWERS[name], strict=True):
        assert command == expected["command"]
        before = tree(root)
        code = main([f"--root={root}", *shlex.split(command)])
        out, err = (text.decode().replace(str(root), "ROOT") for text in capfdbinary.readouterr())
        if (name, command) in DIFFERENT:
            continue
        after = tree(root)
        paths = sorted({*before, *after})
        changes = {path: after.get(path, "gone") for path in paths if before.get(path) != after.get(path)}
        cwd = str(Path.cwd())
        assert out == expected["stdout"], command
        assert lines(err.replace(cwd, "CWD")) == lines(expected["stderr"]), command
        assert (code, changes) == (expected["exit"], expected["changes"]), command
