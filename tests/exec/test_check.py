"""`pyinit check` as it is installed: through the program that is /sbin/pyinit, with Debian's own interpreter."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.exec.test_boot import build

ROOT = Path(__file__).resolve().parents[2]
PYTHON = "/usr/bin/python3"
#: Units and configuration of this machine are not ours to read.
ALONE = 'mount -t tmpfs none /etc/systemd && mount -t tmpfs none /usr/lib/systemd && exec "$@"'

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not os.path.exists(PYTHON) or not os.path.isdir("/etc/systemd"),
    reason="needs a mount namespace and Debian's python3",
)


@pytest.fixture(scope="module")
def pyinit(tmp_path_factory):
    """A function that runs `pyinit WORDS…` from a tree as the package has it."""
    tree = tmp_path_factory.mktemp("installed")
    shutil.copytree(ROOT / "initd", tree / "lib/initd", ignore=shutil.ignore_patterns("__pycache__", "pyinit-exec"))
    build(tree / "lib/initd/exec", f'-DPYINIT_PYTHON="{PYTHON}"')
    (tree / "sbin").mkdir()
    (tree / "sbin/pyinit").symlink_to("../lib/initd/exec/pyinit-exec")

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(["unshare", "--mount", "sh", "-c", ALONE, "sh", tree / "sbin/pyinit", *words],
                              capture_output=True, text=True, timeout=60, check=False)

    return run


def test_a_file_is_checked(pyinit, tmp_path):
    path = tmp_path / "a.service"
    path.write_text("[Service]\nExecStart=/bin/true\nSetCredentialEncrypted=a:YQ==\n")
    done = pyinit("check", str(path))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[0] == f"{path}:2: ExecStart= applied"
    assert done.stdout.splitlines()[1].startswith(f"{path}:3: SetCredentialEncrypted= ignored: ")
    assert pyinit("check", "--strict", str(path)).returncode == 1


def test_a_unit_that_is_not_there(pyinit):
    done = pyinit("check", "no-such-unit")
    assert (done.returncode, done.stdout, done.stderr) == (2, "", "Unit no-such-unit.service not found.\n")


def test_help(pyinit):
    assert pyinit("check", "--help").stdout.startswith("pyinit check [OPTIONS…] UNIT…|FILE…\n")
