"""`systemd-cgls`: a tree from the file system, and the same from the manager where there is none."""

from __future__ import annotations

import os

import pytest

from initd.cli import bus, cgls, cgroup_tree
from tests.cli.commands import run

US = os.getpid()


@pytest.fixture(autouse=True)
def plain(monkeypatch):
    monkeypatch.setenv("LANG", "C.UTF-8")
    monkeypatch.delenv("LC_ALL", raising=False)
    monkeypatch.setenv("COLUMNS", "60")
    # A process looks the same wherever the tests run.
    monkeypatch.setattr(cgroup_tree, "_command", lambda pid, with_kernel_threads: f"command of {pid}")


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """What the manager would have made, in plain files."""
    for path, pids in (("", ""), ("init.scope", "1\n"), ("system.slice/web.service", "200\n30\n"), ("user.slice", ""),
                       ("system.slice/old.service/inner", "")):
        (tmp_path / path).mkdir(parents=True, exist_ok=True)
        (tmp_path / path / "cgroup.procs").write_text(pids)
    monkeypatch.setattr(cgls, "find_root", lambda: (str(tmp_path), "/box"))
    # In the order of names: a directory has none of its own.
    real = os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: sorted(real(path), key=lambda entry: entry.name))
    return tmp_path


@pytest.fixture
def manager_only(manager, monkeypatch):
    monkeypatch.setattr(bus, "SOCKET_PATH", manager.socket_path)
    monkeypatch.setattr(cgls, "find_root", lambda: None)
    return manager


def test_the_whole_tree(tree):
    assert run(cgls.main, "--cgroup-id=no") == (0, """\
Control group /box:
-.slice
├─init.scope
│ └─1 command of 1
└─system.slice
  └─web.service
    ├─ 30 command of 30
    └─200 command of 200
""", "")


def test_empty_groups_are_shown_when_asked_for(tree):
    assert run(cgls.main, "--cgroup-id=no", "-a", "/system.slice/", "/user.slice") == (0, """\
Control group /box/system.slice:
├─old.service
│ └─inner
└─web.service
  ├─ 30 command of 30
  └─200 command of 200
Control group /box/user.slice:
""", "")


def test_ids_and_attributes_stand_by_the_name(tree):
    os.setxattr(tree / "system.slice/web.service", "user.note", b"a\nb")
    number = (tree / "system.slice/web.service").stat().st_ino
    assert run(cgls.main, "/system.slice").out.splitlines()[1:3] == [f"└─web.service (#{number})", "  → user.note: a\\x0ab"]
    assert run(cgls.main, "--xattr=no", "/system.slice").out.splitlines()[2] == "  ├─ 30 command of 30"


def test_long_lines_are_cut(tree, monkeypatch):
    monkeypatch.setenv("COLUMNS", "15")
    assert run(cgls.main, "/system.slice/web.service").out.splitlines()[1:] == ["├─ 30 command …", "└─200 command …"]
    assert run(cgls.main, "-l", "/init.scope").out.splitlines()[1:] == ["└─1 command of 1"]
    monkeypatch.setenv("LC_ALL", "C")
    assert run(cgls.main, "/system.slice/web.service").out.splitlines()[1:] == ["|- 30 comman...", "`-200 comman..."]


def test_a_group_that_is_not_there(tree):
    none = "Failed to list cgroup tree: No such file or directory\n"
    assert run(cgls.main, "/nosuch") == (1, "Control group /box/nosuch:\n", none)
    assert run(cgls.main, "/nosuch", "/init.scope").status == 1


@pytest.mark.parametrize("word", ["system.slice", "/a//b", "/a/../b", "", ":/x", "a:b"])
def test_what_is_no_group(tree, word):
    assert run(cgls.main, word) == (1, "", f"Failed to split argument {word}: Invalid argument\n"
                                           "Failed to list cgroup tree: Invalid argument\n")


@pytest.mark.parametrize(("words", "error"), [
    (["--xattr=maybe"], "Failed to parse --xattr= value: maybe\n"),
    (["--cgroup-id="], "Failed to parse --cgroup-id= value: \n"),
    (["--user-unit", "x"], "Failed to connect to bus: No medium found\n"),
    (["-u", ""], "Failed to mangle unit name: Invalid argument\n"),
    (["-Z"], "systemd-cgls: invalid option -- 'Z'\n"), (["-M"], "systemd-cgls: option requires an argument -- 'M'\n"),
    (["-M", "x"], "Failed to load machine data: No such file or directory\n"
                  "Failed to list cgroup tree: No such file or directory\n"),
])  # fmt: skip
def test_refused(words, error):
    assert run(cgls.main, *words) == (1, "", error)


def test_where_there_is_no_tree_the_manager_knows_the_processes(manager_only, systemctl):
    systemctl("start", "web")
    everything = run(cgls.main)
    assert everything.out.startswith("Control group /:\n-.slice\n")
    assert "└─system.slice\n  └─web.service\n    └─" in everything.out
    for words in (["-u", "web"], ["-uweb"], ["--unit=web"], ["-u", "nosuch", "web"]):
        one = run(cgls.main, *words)
        assert one.out.startswith("Unit web.service (/system.slice/web.service):\n└─") and one.status == 0
    assert run(cgls.main, "/system.slice").out.startswith("Control group /system.slice:\n└─web.service\n  └─")
    assert run(cgls.main, "-u", "system.slice").out.startswith("Unit system.slice (/system.slice):\n└─web.service\n  └─")


def test_units_without_a_group(manager_only):
    none = "Failed to list cgroup tree: No such file or directory\n"
    assert run(cgls.main, "-u", "nosuch") == (1, "", "Unit nosuch.service not found.\n" + none)
    assert run(cgls.main, "-u", "many.target") == (
        1, "", "Failed to query unit control group path: Unknown interface org.freedesktop.systemd1.Target or property "
        "ControlGroup.\nFailed to list cgroup tree: Invalid request descriptor\n")
    assert run(cgls.main, "/nosuch.slice") == (1, "Control group /nosuch.slice:\n", none)


def test_without_a_manager(monkeypatch, tmp_path):
    monkeypatch.setattr(bus, "SOCKET_PATH", str(tmp_path / "nosuch"))
    assert run(cgls.main, "-u", "web") == (1, "", "Failed to connect to bus: No such file or directory\n")


def test_help_and_version():
    assert run(cgls.main, "--help").out.startswith("systemd-cgls [OPTIONS...] [CGROUP...]\n")
    assert run(cgls.main, "--version").out.startswith("systemd 252 ")


def test_globs_are_taken_for_names(manager_only):
    assert run(cgls.main, "-u", "we*") == (1, "", """\
Glob pattern passed, but globs are not supported for this.
Invalid unit name "we*" escaped as "we\\x2a".
Unit we\\x2a.service not found.
Failed to list cgroup tree: No such file or directory
""")


def test_the_tree_of_the_file_system_knows_where_the_manager_is(tmp_path, monkeypatch):
    """A version 1 hierarchy, mounted from a group below the root, as runtimes do."""
    (tmp_path / "systemd").mkdir()
    mount = f"30 25 0:26 /box {tmp_path}/systemd rw - cgroup cgroup rw,name=systemd\n"
    files = {"/proc/1/cgroup": b"3:cpu,cpuacct:/box\n1:name=systemd:/box/init.scope\n0::/box\n",
             "/proc/self/mountinfo": mount.encode() + f"31 25 0:27 / {tmp_path} rw - cgroup cgroup rw,cpu,cpuacct\n".encode()}
    monkeypatch.setattr(cgroup_tree, "_read", files.__getitem__)
    assert cgroup_tree.find_root() == (f"{tmp_path}/systemd", "/box")
    assert cgroup_tree.find_controller("cpu") == str(tmp_path)
    assert cgroup_tree.find_controller("pids") == cgroup_tree.find_controller("") == ""
    files["/proc/1/cgroup"] = b"1:name=systemd:/box\n0::/box\n"
    assert cgroup_tree.find_root() is None
