from __future__ import annotations

import os

import pytest

from initd.core.sources import UnitText
from initd.shell.managerconf import read_configuration

MAIN = "etc/systemd/system.conf"


@pytest.fixture
def root(tmp_path):
    def write(path: str, text: str = "") -> None:
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    write.path = tmp_path
    return write


def paths(root) -> list[str]:
    files, problems = read_configuration(str(root.path))
    assert problems == ()
    return [file.path for file in files]


def test_no_file_at_all(tmp_path):
    assert read_configuration(str(tmp_path)) == ((), ())


def test_drop_ins_of_every_directory_come_after_the_main_file_by_name(root):
    root("usr/lib/systemd/system.conf.d/90-z.conf")
    root(MAIN)
    root("etc/systemd/system.conf.d/30-c.conf")
    root("usr/local/lib/systemd/system.conf.d/20-b.conf")
    root("run/systemd/system.conf.d/10-a.conf")
    root("etc/systemd/system.conf.d/readme")
    root("etc/systemd/system.conf.d/.hidden.conf")
    assert paths(root) == [
        "/etc/systemd/system.conf", "/run/systemd/system.conf.d/10-a.conf",
        "/usr/local/lib/systemd/system.conf.d/20-b.conf", "/etc/systemd/system.conf.d/30-c.conf",
        "/usr/lib/systemd/system.conf.d/90-z.conf",
    ]


@pytest.mark.parametrize("stronger", range(4))
def test_of_one_name_the_first_directory_counts(root, stronger):
    directories = ("etc", "run", "usr/local/lib", "usr/lib", "lib")
    for directory in directories[stronger:]:
        root(f"{directory}/systemd/system.conf.d/a.conf")
    assert paths(root) == [f"/{directories[stronger]}/systemd/system.conf.d/a.conf"]


def test_a_link_to_nothing_takes_a_drop_in_away(root):
    root("usr/lib/systemd/system.conf.d/a.conf", "[Manager]\nDefaultRestartSec=1\n")
    root("etc/systemd/system.conf.d/b.conf")
    os.symlink("/dev/null", root.path / "etc/systemd/system.conf.d/a.conf")
    files, _ = read_configuration(str(root.path))
    assert [file.text for file in files] == ["", ""]


def test_text_is_kept_byte_for_byte(root):
    root(MAIN)
    (root.path / MAIN).write_bytes(b"[Manager]\r\nA=\xff\n")
    assert read_configuration(str(root.path))[0] == (UnitText("/etc/systemd/system.conf", "[Manager]\r\nA=\udcff\n"),)


def test_what_cannot_be_read_is_told(root):
    root("etc/systemd/system.conf.d/a.conf/not-a-file")
    root("etc/systemd/system.conf.d/b.conf")
    files, problems = read_configuration(str(root.path))
    assert [file.path for file in files] == ["/etc/systemd/system.conf.d/b.conf"]
    assert problems == ("/etc/systemd/system.conf.d/a.conf: Is a directory",)
