"""`pip install .`: the tree and `pyinit-exec`, compiled on the way, land in the environment."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """A fresh environment with the project installed from a copy of the tree."""
    directory = tmp_path_factory.mktemp("pip")
    source = directory / "source"
    leave_out = shutil.ignore_patterns(".git", "build", "__pycache__", ".*_cache", "pyinit-exec", "*.egg-info")
    shutil.copytree(ROOT, source, symlinks=True, ignore=leave_out)
    subprocess.run([sys.executable, "-m", "venv", str(directory / "venv")], check=True)
    done = subprocess.run([str(directory / "venv/bin/python"), "-m", "pip", "install", "--disable-pip-version-check",
                           str(source)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return directory / "venv"


def _installed(environment: Path) -> Path:
    return next(environment.glob("lib/python3*/site-packages/initd"))


def test_pyinit_exec_is_there_and_runs(environment):
    program = _installed(environment) / "exec" / "pyinit-exec"
    assert os.access(program, os.X_OK)
    done = subprocess.run([str(program)], capture_output=True, text=True, check=False)
    assert done.returncode > 0  # without a context it has nothing to execute, and says so by its status


def test_every_module_is_there(environment):
    ours = {str(path.relative_to(ROOT / "initd")) for path in (ROOT / "initd").rglob("*.py")}
    theirs = {str(path.relative_to(_installed(environment))) for path in _installed(environment).rglob("*.py")}
    assert ours <= theirs


def test_the_commands_run_without_the_source_tree(environment):
    done = subprocess.run([str(environment / "bin/systemctl"), "--version"], capture_output=True, text=True,
                          check=False, cwd="/", env={"PATH": os.environ["PATH"]})
    assert done.stdout.startswith("systemd 252 ("), done.stderr


def test_units_land_on_the_search_path_of_the_prefix(environment):
    units = environment / "lib/systemd/system"
    assert (units / "multi-user.target").is_file()
    assert (environment / "lib/systemd/system-preset/90-pyinit.preset").is_file()
