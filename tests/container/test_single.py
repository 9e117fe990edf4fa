"""pyinit.pyz and pyinit-exec, copied into an image that has glibc and python3-minimal, and no package of ours."""

from __future__ import annotations

import sys

import pytest
from images import TREE, Image, build_deb

sys.path.insert(0, str(TREE / "debian/single"))

from build import build

PYTHON_ALONE = Image(("python3-minimal", "cron"), with_pyinit=False)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    directory = tmp_path_factory.mktemp("single")
    build(build_deb(), directory)
    return directory


def copy(files):
    def put(container):
        container.put_file("/usr/lib/pyinit.pyz", files / "pyinit.pyz").put_file("/sbin/pyinit", files / "pyinit-exec")
    return put


def test_two_files_boot_an_image(boot, files):
    container = boot(PYTHON_ALONE, before=copy(files))
    assert container.wait_until_booted() == "running", container.story()
    assert container.systemctl("is-active", "cron.service", "multi-user.target") == "active\nactive\n"
    assert "Started cron.service" in container.exec("journalctl", "-o", "cat", "-b").stdout
    container.systemctl("daemon-reexec")
    assert container.systemctl("is-active", "cron.service") == "active\n"
    container.stop()
    container.start().wait_until_booted()  # nothing is to be unpacked this time
    assert container.systemctl("is-active", "cron.service") == "active\n"


def test_a_root_that_cannot_be_written_is_told(boot, files):
    container = boot(PYTHON_ALONE, "/sbin/pyinit", before=copy(files), options=("--read-only",))
    assert container.wait() == 1
    assert "Read-only file system" in container.logs() and '"--unpack"' in container.logs()
