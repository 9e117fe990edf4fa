"""`systemctl edit`, compared with what the real systemctl 252 showed, said and wrote (tests/conformance/edit)."""

from __future__ import annotations

import json
import os
import shlex
import shutil
from pathlib import Path

import pytest

from initd.cli import bus, edit
from initd.cli.systemctl import main
from tests.conformance.edit.cases import CASES, ETC, RUN, environment_of, without_random_part

HERE = Path(__file__).resolve().parent.parent / "conformance" / "edit"
ANSWERS = json.loads((HERE / "answers.json").read_text())["cases"]

#: Where we mean not to do as systemd 252 does: (case, command) → why.
DIFFERENT = {
    ("several", "edit edit-a edit-nothing"): "systemd leaves a temporary file of edit-a behind",
    ("several", "edit 'edit-*'"): "and has it still",
}


def build(root: Path, files: dict[str, str]) -> None:
    for path, text in files.items():
        real = root / path[1:]
        real.parent.mkdir(parents=True, exist_ok=True)
        if text.startswith("-> "):
            real.symlink_to(text[3:])
        else:
            real.write_text(text)


def tree(root: Path) -> dict[str, str]:
    """As the recorder's."""
    found = {}
    for top in (ETC, RUN):
        for path in sorted((root / top[1:]).rglob("*")):
            name = str(path.relative_to(root))
            if "/edit-" not in name and "/.#" not in name:
                continue
            if path.is_symlink():
                found[without_random_part(name)] = f"-> {os.readlink(path)}"
            elif path.is_dir():
                found[without_random_part(name)] = "directory"
            else:
                found[without_random_part(name)] = f"{path.stat().st_mode & 0o777:o} {path.read_text()}"
    return found


def forget_units(manager) -> None:
    """What a reload does to units that are not running."""
    manager.dirs.forget()
    manager.orders.clear()
    for unit in [unit for name, unit in manager.engine.graph.units.items() if name.startswith("edit-")]:
        manager.engine.graph.drop(unit)


def lines(text: str) -> list[str]:
    """On a terminal systemd ends its messages with an empty line; which is not compared."""
    return [line for line in text.splitlines() if line]


@pytest.fixture
def editing(manager, tmp_path, monkeypatch):
    """Everything is a terminal, and the manager's root is where the files are."""
    monkeypatch.setattr(bus, "SOCKET_PATH", manager.socket_path)
    monkeypatch.setattr(edit, "ROOT", str(manager.root))
    monkeypatch.setattr(edit, "WELL_KNOWN", ("no-such-editor",))
    monkeypatch.setattr(os, "isatty", lambda fd: True)
    editor = tmp_path / "editor"
    shutil.copy(HERE / "editor.sh", editor)
    editor.chmod(0o755)
    return str(editor)


@pytest.mark.parametrize("name", sorted(CASES))
def test_edit_says_and_does_the_same(name, editing, manager, monkeypatch, capfd):
    files, commands = CASES[name]
    build(manager.root, files)
    manager.dirs.forget()
    for (command, do, changes), expected in zip(commands, ANSWERS[name], strict=True):
        assert command == expected["command"]
        for variable in ("SYSTEMD_EDITOR", "EDITOR", "VISUAL", "STATUS", "SYSTEMD_OFFLINE"):
            monkeypatch.delenv(variable, raising=False)
        for variable, value in environment_of(changes, editing, do).items():
            monkeypatch.setenv(variable, value)
        if "SYSTEMD_OFFLINE" not in changes:
            monkeypatch.setenv("SYSTEMD_OFFLINE", "0")
        capfd.readouterr()
        status = main(shlex.split(command))
        out, err = capfd.readouterr()
        if any(order.kind == "Reload" for order in manager.orders):
            forget_units(manager)
        if (name, command) in DIFFERENT:
            continue
        said = without_random_part((out + err).replace(str(manager.root), "").replace(editing, "EDITOR"))
        assert lines(said) == lines(expected["output"]), command
        assert status == expected["exit"], command
        assert tree(manager.root) == expected["tree"], command


def test_no_terminal_no_edit(editing, systemctl, monkeypatch):
    monkeypatch.setattr(os, "isatty", lambda fd: fd != 1)
    told = systemctl("edit", "web")
    assert (told.status, told.err) == (1, "Cannot edit units if not on a tty.\n")


def test_the_manager_reads_its_units_again(editing, systemctl, manager, monkeypatch):
    monkeypatch.setenv("SYSTEMD_EDITOR", editing)
    monkeypatch.setenv("DO", "echo '[Service]' > $file")
    assert systemctl("edit", "--no-reload", "web").status == 0
    assert "Reload" not in [order.kind for order in manager.orders]
    assert systemctl("edit", "web").status == 0
    assert [order.kind for order in manager.orders] == ["Reload"]


@pytest.mark.parametrize(("text", "left"), [
    ("", ""),
    ("\n \n", "\n \n"),
    (f"A\n{edit.BEGIN}\n\nB=1\n\n{edit.END}\nC", "B=1"),
    (f"B=1\n{edit.END}\nC", "B=1"),
    (f"{edit.BEGIN}\n{edit.END}", ""),
    (f"{edit.END}\n{edit.BEGIN}\nA=1", ""),
    ("\n\n[Service]\nA=1  \n\n", "[Service]\nA=1"),
])
def test_trim(text, left):
    assert edit.trim(text) == left


def test_without_a_manager_nothing_is_edited(editing, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(bus, "SOCKET_PATH", str(tmp_path / "nobody"))
    assert main(["edit", "web"]) == 1
    assert "Host is down" in capsys.readouterr().err
