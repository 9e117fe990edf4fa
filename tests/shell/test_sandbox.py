from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from initd.shell.sandbox import resolver

from .conftest import needs_root

ROOT = Path(__file__).resolve().parents[2]


def test_links_are_followed_below_the_root(tmp_path):
    (tmp_path / "usr/bin").mkdir(parents=True)
    (tmp_path / "bin").symlink_to("usr/bin")
    (tmp_path / "absolute").symlink_to("/bin/x")
    (tmp_path / "up").symlink_to("../../../usr")
    (tmp_path / "loop").symlink_to("loop")
    resolve = resolver(str(tmp_path))
    assert [resolve(path) for path in ("/bin", "/absolute", "/up/bin", "/missing/x", "/loop", "/", "/./usr//bin/")] == [
        "/usr/bin", "/usr/bin/x", "/usr/bin", "/missing/x", "/loop", "/", "/usr/bin"]


@needs_root
def test_the_root_directory_may_be_for_the_start_only(runner, tmp_path):
    """RootDirectoryStartOnly=: other commands see the same mounts in the machine's own root."""
    (tmp_path / "root").mkdir()
    own = os.readlink("/proc/self/ns/mnt")
    script = "test -x /bin/sh && echo here; readlink /proc/self/ns/mnt; grep -c ' /usr ro' /proc/self/mountinfo || :"
    output = runner.shell(script, root_directory=str(tmp_path / "root"), protect_system="yes",
                          request={"apply_root_directory": False})
    place, namespace, read_only = output.split()
    assert place == "here" and (namespace == own or read_only == "1")


def test_the_manager_starts_without_tables_of_system_calls():
    """Nor with anything else that only a unit with a sandbox needs."""
    code = "import sys; sys.path.insert(0, sys.argv[1]); import initd.manager; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-ISc", code, str(ROOT)], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "initd.shell.sandbox" in loaded
    assert loaded.isdisjoint({f"initd.core.{name}" for name in ("bpf", "sandbox", "seccomp", "syscallnumbers", "syscalltable")})
