from __future__ import annotations

import os

from initd.shell.sandbox import resolver

from .conftest import needs_root


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
