"""Every tree and every answer here was tried on a real systemd 252."""

from __future__ import annotations

import os

import pytest

from initd.core.dependency import Dependency
from initd.core.load import LoadFacts, load_unit
from initd.shell.unitdirs import UnitDirs

ETC, RUN, LIB = "/etc/systemd/system", "/run/systemd/system", "/usr/lib/systemd/system"


class Tree:
    """A root directory to put unit files into."""

    def __init__(self, root) -> None:
        self.root = root

    def file(self, path: str, text: str = "[Unit]\n") -> str:
        target = self.root / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        return path

    def link(self, path: str, to: str) -> None:
        target = self.root / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(to)

    def read(self, name: str):
        return UnitDirs(str(self.root)).read(name)


@pytest.fixture
def tree(tmp_path) -> Tree:
    (tmp_path / "usr/lib").mkdir(parents=True)
    (tmp_path / "lib").symlink_to("usr/lib")
    return Tree(tmp_path)


def path_of(files) -> str:
    return files.fragment.path if files.fragment else ""


def test_the_first_directory_of_the_search_path_wins(tree):
    tree.file(f"{LIB}/a.service", "lib")
    tree.file(f"{RUN}/a.service", "run")
    assert tree.read("a.service").fragment.text == "run"
    tree.file(f"{ETC}/a.service", "etc")
    assert path_of(tree.read("a.service")) == f"{ETC}/a.service"


def test_a_merged_lib_is_shown_as_lib(tree):
    tree.file(f"{LIB}/a.service")
    assert path_of(tree.read("a.service")) == "/lib/systemd/system/a.service"


def test_a_missing_unit(tree):
    files = tree.read("a.service")
    assert (files.name, files.names, files.fragment, files.is_masked) == ("a.service", ("a.service",), None, False)


def test_masks(tree):
    tree.file(f"{LIB}/a.service")
    tree.link(f"{ETC}/a.service", "/dev/null")
    tree.file(f"{LIB}/b.service")
    tree.file(f"{ETC}/b.service", "")
    tree.link(f"{ETC}/c.service", "a.service")
    for name in ("a.service", "b.service"):
        files = tree.read(name)
        assert files.is_masked and path_of(files) == f"{ETC}/{name}"
    assert tree.read("c.service").is_masked and tree.read("c.service").name == "a.service"


def test_aliases_and_chains_of_them(tree):
    tree.file(f"{LIB}/d-e-f.service", "x")
    tree.link(f"{ETC}/al1.service", "d-e-f.service")
    tree.link(f"{ETC}/al2.service", "al1.service")
    tree.link(f"{RUN}/al3.service", f"{LIB}/d-e-f.service")
    for name in ("d-e-f.service", "al1.service", "al2.service", "al3.service"):
        files = tree.read(name)
        assert files.name == "d-e-f.service"
        assert files.names == ("d-e-f.service", "al1.service", "al2.service", "al3.service")
        assert path_of(files) == "/lib/systemd/system/d-e-f.service"


def test_loops_and_dangling_links_are_not_found(tree):
    tree.link(f"{ETC}/l1.service", "l2.service")
    tree.link(f"{ETC}/l2.service", "l1.service")
    tree.link(f"{ETC}/self.service", "self.service")
    tree.link(f"{ETC}/dangling.service", "missing.service")
    tree.file(f"{LIB}/hidden.service")
    tree.link(f"{ETC}/hidden.service", "/nonexistent/hidden.service")
    for name in ("l1.service", "l2.service", "self.service", "dangling.service", "hidden.service"):
        files = tree.read(name)
        assert (files.name, files.fragment, files.load_error) == (name, None, "")


def test_a_link_out_of_the_search_path_is_the_unit_itself(tree):
    tree.file("/opt/other.service", "opt")
    tree.link(f"{ETC}/linked.service", "/opt/other.service")
    files = tree.read("linked.service")
    assert files.names == ("linked.service",)
    assert (path_of(files), files.fragment.text) == (f"{ETC}/linked.service", "opt")


def test_a_link_to_the_same_name_is_found_where_it_points(tree):
    tree.file(f"{LIB}/same.service", "x")
    tree.link(f"{ETC}/same.service", f"{LIB}/same.service")
    assert path_of(tree.read("same.service")) == "/lib/systemd/system/same.service"


def test_a_directory_is_no_unit(tree):
    tree.file(f"{LIB}/a.service", "x")
    (tree.root / "etc/systemd/system/a.service").mkdir(parents=True)
    assert path_of(tree.read("a.service")) == "/lib/systemd/system/a.service"


def test_an_alias_must_be_of_the_same_type(tree):
    tree.file(f"{LIB}/a.service", "x")
    tree.link(f"{ETC}/b.socket", f"{LIB}/a.service")
    assert tree.read("b.socket").fragment is None


def test_templates(tree):
    tree.file(f"{LIB}/t-a@.service", "x")
    tree.link(f"{ETC}/talias@.service", "t-a@.service")
    tree.link(f"{ETC}/inst@z.service", "t-a@.service")
    tree.link(f"{ETC}/plain.service", "t-a@.service")
    tree.link(f"{ETC}/y.service", "t-a@y.service")
    assert tree.read("t-a@x.service").names == ("t-a@x.service", "talias@x.service")
    assert tree.read("talias@x.service").name == "t-a@x.service"
    assert tree.read("inst@z.service").names == ("t-a@z.service", "inst@z.service", "talias@z.service")
    assert path_of(tree.read("inst@z.service")) == "/lib/systemd/system/t-a@.service"
    assert tree.read("plain.service").fragment is None
    assert tree.read("y.service").fragment is None


def test_an_instance_of_its_own_comes_before_the_template(tree):
    tree.file(f"{LIB}/t@.service", "template")
    tree.file(f"{LIB}/t@x.service", "instance")
    assert tree.read("t@x.service").fragment.text == "instance"
    assert tree.read("t@y.service").fragment.text == "template"


def test_dropins_of_every_level(tree):
    tree.file(f"{LIB}/d-e-f.service", "x")
    tree.link(f"{ETC}/al2.service", "d-e-f.service")
    for path in (
        f"{LIB}/d-e-f.service.d/10.conf", f"{LIB}/d-e-.service.d/10.conf", f"{ETC}/service.d/10.conf",
        f"{ETC}/d-.service.d/10.conf",
        f"{RUN}/d-e-.service.d/20.conf", f"{LIB}/d-e-f.service.d/20.conf", f"{ETC}/service.d/30.conf",
        f"{ETC}/d-.service.d/05.conf", f"{RUN}/d-e-f.service.d/40.conf", f"{ETC}/d-e-f.service.d/40.conf",
        f"{ETC}/d-e-f.service.d/60.notconf", f"{ETC}/al2.service.d/80.conf", f"{ETC}/al2.service.d/10.conf",
    ):
        tree.file(path, path)
    tree.link(f"{ETC}/d-e-f.service.d/50.conf", "/dev/null")
    tree.file(f"{LIB}/d-e-f.service.d/50.conf", "x")
    files = tree.read("d-e-f.service")
    assert [dropin.path for dropin in files.dropins] == [
        f"{ETC}/d-.service.d/05.conf", f"{ETC}/d-.service.d/10.conf", f"{RUN}/d-e-.service.d/20.conf",
        f"{ETC}/service.d/30.conf", f"{ETC}/d-e-f.service.d/40.conf", f"{ETC}/d-e-f.service.d/50.conf",
        f"{ETC}/al2.service.d/80.conf",
    ]
    assert files.dropins[5].text == "" and files.dropins[0].text == f"{ETC}/d-.service.d/05.conf"


def test_dropins_of_an_instance(tree):
    tree.file(f"{LIB}/t-a@.service", "x")
    for path in (
        f"{LIB}/t-a@.service.d/10.conf", f"{ETC}/t-@.service.d/10.conf", f"{ETC}/t-@x.service.d/20.conf",
        f"{LIB}/t-a@x.service.d/10.conf", f"{LIB}/t-a@x.service.d/11.conf", f"{LIB}/t-a@.service.d/11.conf",
    ):
        tree.file(path)
    assert [dropin.path for dropin in tree.read("t-a@x.service").dropins] == [
        f"{ETC}/t-@.service.d/10.conf", f"{LIB}/t-a@x.service.d/11.conf", f"{ETC}/t-@x.service.d/20.conf",
    ]
    assert [dropin.path for dropin in tree.read("t-a@y.service").dropins] == [
        f"{ETC}/t-@.service.d/10.conf", f"{LIB}/t-a@.service.d/11.conf",
    ]


def test_links_of_wants_directories(tree):
    tree.file(f"{LIB}/d-e-f.service", "x")
    tree.link(f"{ETC}/al1.service", "d-e-f.service")
    wants = f"{ETC}/d-e-f.service.wants"
    tree.link(f"{wants}/w1.service", "/lib/systemd/system/w1.service")
    tree.link(f"{wants}/w2.service", "/nonexistent")
    tree.file(f"{wants}/w3.service", "")
    tree.link(f"{wants}/w4.service", "/dev/null")
    tree.link(f"{wants}/t-a@.service", "../t-a@.service")
    tree.link(f"{wants}/t-a@q.service", "../t-a@.service")
    tree.link(f"{wants}/bad name.service", "../x.service")
    tree.link(f"{wants}/w9.service", "/dev/null")
    tree.link(f"{LIB}/d-e-f.service.wants/w9.service", "../w9.service")
    tree.link(f"{LIB}/d-.service.wants/w10.service", "../w10.service")
    tree.link(f"{ETC}/al1.service.requires/w8.service", "../w8.service")
    links = tree.read("d-e-f.service").links
    assert {unit for kind, unit in links if kind is Dependency.WANTS} == {
        "w1.service", "w2.service", "t-a@d-e-f.service", "t-a@q.service", "w10.service",
    }
    assert {unit for kind, unit in links if kind is Dependency.REQUIRES} == {"w8.service"}


def test_links_of_a_template_become_instances(tree):
    tree.file(f"{LIB}/t@.service", "x")
    tree.link(f"{RUN}/t@.service.wants/w6@.service", "../w6@.service")
    tree.link(f"{RUN}/t@.service.wants/w7.service", "../w7.service")
    assert {unit for _, unit in tree.read("t@x.service").links} == {"w6@x.service", "w7.service"}


def test_where_a_unit_comes_from(tree):
    tree.file("/run/systemd/generator.late/g.service", "x")
    tree.file("/run/systemd/transient/t.service", "x")
    assert tree.read("g.service").is_generated and not tree.read("g.service").is_transient
    assert tree.read("t.service").is_transient


def test_links_with_absolute_targets_stay_below_the_root(tree):
    tree.file("/opt/u.service", "inside")
    tree.link(f"{ETC}/u.service", "/../../../opt/u.service")
    assert tree.read("u.service").fragment.text == "inside"


def test_bytes_that_are_no_text(tree):
    path = tree.root / "etc/systemd/system/a.service"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"[Unit]\nDescription=\xff\n")
    assert "\udcff" in tree.read("a.service").fragment.text


def test_a_fifo_is_an_error_and_blocks_nobody(tree):
    tree.file("/opt/x", "")
    os.mkfifo(tree.root / "opt/fifo")
    tree.link(f"{ETC}/a.service", "/opt/fifo")
    assert tree.read("a.service").load_error == "Not a regular file"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_an_unreadable_file(tree):
    tree.file(f"{ETC}/a.service", "x")
    (tree.root / "etc/systemd/system/a.service").chmod(0)
    files = tree.read("a.service")
    assert (files.load_error, files.load_errno) == ("Permission denied", 13)


def test_names_on_disk(tree):
    tree.file(f"{LIB}/b.service")
    tree.file(f"{ETC}/a@.service")
    tree.link(f"{ETC}/c.service", "b.service")
    tree.file(f"{ETC}/README")
    assert UnitDirs(str(tree.root)).unit_names() == ["a@.service", "b.service", "c.service"]


def test_what_was_read_is_kept_until_it_is_forgotten(tree):
    tree.file(f"{LIB}/a.service", "x")
    dirs = UnitDirs(str(tree.root))
    dirs.unit_names()
    tree.file(f"{LIB}/b.service", "x")
    assert dirs.read("b.service").fragment is None
    dirs.forget()
    assert dirs.read("b.service").fragment is not None


def needs_reload(dirs, files, source_mtime_usec=0) -> bool:
    definition = load_unit(files, LoadFacts())
    return dirs.needs_reload(definition.replace(source_mtime_usec=source_mtime_usec))


def test_needs_reload(tree):
    tree.file(f"{LIB}/a.service", "x")
    dirs = UnitDirs(str(tree.root))
    files = dirs.read("a.service")
    assert not needs_reload(dirs, files)
    tree.file(f"{ETC}/unrelated.service", "x")
    assert not needs_reload(dirs, files)
    tree.file(f"{ETC}/a.service.d/1.conf", "x")
    assert needs_reload(dirs, files)
    dirs.forget()
    assert not needs_reload(dirs, dirs.read("a.service"))
    os.utime(tree.root / "usr/lib/systemd/system/a.service", (2**31, 2**31))
    assert needs_reload(dirs, files)


def test_a_file_that_went_away_needs_a_reload(tree):
    tree.file(f"{LIB}/a.service", "x")
    dirs = UnitDirs(str(tree.root))
    files = dirs.read("a.service")
    (tree.root / "usr/lib/systemd/system/a.service").unlink()
    assert needs_reload(dirs, files)


def test_a_mask_needs_a_reload_once_it_is_none(tree):
    tree.file(f"{LIB}/a.service", "")
    dirs = UnitDirs(str(tree.root))
    files = dirs.read("a.service")
    os.utime(tree.root / "usr/lib/systemd/system/a.service", (2**31, 2**31))
    assert not needs_reload(dirs, files)
    tree.file(f"{LIB}/a.service", "[Service]\nExecStart=/bin/true\n")
    assert needs_reload(dirs, files)


def test_a_source_that_is_newer_or_missing_needs_a_reload(tree):
    tree.file(f"{LIB}/a.service", "[Unit]\nSourcePath=/etc/init.d/a\n[Service]\nExecStart=/bin/true\n")
    dirs = UnitDirs(str(tree.root))
    files = dirs.read("a.service")
    assert needs_reload(dirs, files)
    tree.file("etc/init.d/a", "x")
    assert not needs_reload(dirs, files, dirs.mtime_usec("/etc/init.d/a"))
    assert needs_reload(dirs, files, 1)


def test_what_is_new_in_a_directory_is_noticed(tree):
    tree.file(f"{ETC}/a.service")
    os.utime(tree.root / ETC[1:], (1, 1))
    dirs = UnitDirs(str(tree.root))
    assert dirs.unit_names() == ["a.service"] and not dirs.has_changed()
    tree.file(f"{ETC}/b.service")
    assert dirs.has_changed()
    dirs.forget()
    assert dirs.unit_names() == ["a.service", "b.service"] and not dirs.has_changed()


def test_a_look_that_fails_halfway_leaves_nothing_behind(tmp_path, monkeypatch):
    """The next one finds all there is."""
    directory = tmp_path / "etc/systemd/system"
    directory.mkdir(parents=True)
    for name in ("a.service", "b.service"):
        (directory / name).write_text("[Service]\nExecStart=/bin/true\n")
    dirs = UnitDirs(str(tmp_path))
    look_at, left = UnitDirs._entry, [1]

    def fail(self, *words):
        if left and left.pop() == 1:
            raise RuntimeError("no idea")
        return look_at(self, *words)

    monkeypatch.setattr(UnitDirs, "_entry", fail)
    with pytest.raises(RuntimeError):
        dirs.read("a.service")
    assert dirs.read("a.service").fragment is not None and dirs.read("b.service").fragment is not None
