"""`pip install .`: the tree and `pyinit-exec`, compiled on the way, land in the environment."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


#: `make pythons` tries others.
PYTHON = os.environ.get("PYINIT_TEST_PYTHON", sys.executable)
CLEAN = {"PATH": os.environ["PATH"], "HOME": "/nonexistent"}


def _succeed(*argv: object, **options: object) -> str:
    done = subprocess.run([str(word) for word in argv], capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """A fresh environment: the source distribution made of a copy of the tree, of it a wheel, and that is installed."""
    directory = tmp_path_factory.mktemp("pip")
    source = directory / "source"
    leave_out = shutil.ignore_patterns(".git", "build", "__pycache__", ".*_cache", "*.egg-info")
    shutil.copytree(ROOT, source, symlinks=True, ignore=leave_out)
    _succeed(PYTHON, "-m", "venv", directory / "venv")
    pip = (directory / "venv/bin/python", "-m", "pip", "--disable-pip-version-check", "-q")
    _succeed(*pip, "install", "setuptools >= 70.1", "wheel")
    build = "import sys, setuptools.build_meta as b; b.build_sdist(sys.argv[1])"
    _succeed(pip[0], "-c", build, directory, cwd=source)
    (sdist,) = directory.glob("*.tar.gz")
    _succeed(*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", directory, sdist)
    (wheel,) = directory.glob("*.whl")
    assert wheel.name.endswith(".whl") and "-py3-none-" in wheel.name
    _succeed(*pip, "install", "--no-build-isolation", f"{wheel}[watch]")
    return directory / "venv"


def test_the_source_distribution_holds_sources_alone(environment):
    (sdist,) = environment.parent.glob("*.tar.gz")
    with tarfile.open(sdist) as tar:
        names = {name.partition("/")[2] for name in tar.getnames()}
    assert {"initd/exec/boot.c", "initd/exec/context.h", "initd/exec/Makefile", "units/multi-user.target", "LICENSE"} <= names
    assert "initd/exec/pyinit-exec" not in names


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


def test_the_web_page_has_its_files_and_names_what_is_missing(environment):
    web = _installed(environment) / "web"
    ours = {path.relative_to(ROOT / "initd/web") for path in (ROOT / "initd/web").rglob("*.*") if path.suffix != ".pyc"}
    assert all((web / path).is_file() for path in ours) and len(ours) > 20
    done = subprocess.run([environment / "bin/pyinit-web", "serve"], capture_output=True, text=True, check=False, env=CLEAN)
    assert done.returncode == 1 and "install python3-tornado, or pyinit[web] by pip" in done.stderr


def test_the_commands_run_without_the_source_tree(environment):
    done = subprocess.run([str(environment / "bin/systemctl"), "--version"], capture_output=True, text=True,
                          check=False, cwd="/", env={"PATH": os.environ["PATH"]})
    assert done.stdout.startswith("systemd 252 ("), done.stderr


def test_units_land_on_the_search_path_of_the_prefix(environment):
    units = environment / "lib/systemd/system"
    assert (units / "multi-user.target").is_file()
    assert (environment / "lib/systemd/system-preset/90-pyinit.preset").is_file()


def test_pyinit_runs_a_group_of_units_with_the_environments_interpreter(environment, tmp_path):
    """Among them one that waits for a path, by pyinotify of the extra `watch`."""
    units, run = tmp_path / "units", tmp_path / "run"
    units.mkdir()
    (units / "says.service").write_text("[Service]\nExecStart=/bin/sleep 1000\n")
    (units / "waits.path").write_text(f"[Path]\nPathExists={tmp_path}/there\nUnit=seen.service\n")
    (units / "seen.service").write_text("[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\n")
    assert _succeed(environment / "bin/pyinit", "--version", env=CLEAN, cwd="/").startswith("pyinit 0.")
    pyinit = subprocess.Popen([environment / "bin/pyinit", f"--runtime-directory={run}", f"--unit-directory={units}"],
                              env=CLEAN, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    def systemctl(*words: str) -> str:
        return subprocess.run([environment / "bin/systemctl", f"--runtime-directory={run}", *words], capture_output=True,
                              text=True, env=CLEAN, cwd="/", check=False).stdout.strip()

    def wait_for(unit: str) -> None:
        deadline = time.monotonic() + 30
        while systemctl("is-active", unit) != "active":
            assert pyinit.poll() is None and time.monotonic() < deadline, (unit, pyinit.poll())
            time.sleep(0.05)

    try:
        wait_for("default.target")
        systemctl("start", "says.service", "waits.path")
        wait_for("says.service")
        assert systemctl("is-active", "seen.service") == "inactive"
        (tmp_path / "there").touch()
        wait_for("seen.service")
        interpreter = os.readlink(f"/proc/{pyinit.pid}/exe")
        assert interpreter == os.path.realpath(environment / "bin/python")
        systemctl("exit")
        assert pyinit.wait(30) == 0, pyinit.stderr.read()
    finally:
        pyinit.kill()
        pyinit.wait()
