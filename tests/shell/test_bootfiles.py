"""The state of /run and the machine id after a boot, under a root of our own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from initd.shell.bootfiles import (
    Before,
    end_first_boot,
    ensure_machine_id,
    mark_booted,
    missing_tools,
    prepare_run,
    remove_booted_marker,
)

ID = "0123456789abcdef0123456789abcdef"
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="mounts in a namespace of its own")


@pytest.fixture
def root(tmp_path):
    (tmp_path / "etc").mkdir()
    (tmp_path / "run").mkdir()
    return tmp_path


def test_leavings_of_the_last_boot_go(root):
    (root / "run/lock/subsys").mkdir(parents=True)
    (root / "run/systemd/system").mkdir(parents=True)
    (root / "run/nginx.pid").write_text("17\n")
    (root / "run/nologin").touch()
    (root / "outside").mkdir()
    (root / "outside/kept").touch()
    (root / "run/link").symlink_to(root / "outside")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(root / "run/x.sock"))
    assert prepare_run(str(root)) == []
    assert sorted(path.name for path in (root / "run").iterdir()) == ["lock", "log", "systemd"]
    assert list((root / "run/lock").iterdir()) == [] and (root / "outside/kept").exists()


def test_layout(root):
    prepare_run(str(root))
    assert (root / "run/lock").stat().st_mode & 0o7777 == 0o1777
    assert (root / "run/systemd/journal").is_dir()
    # The first is the mark of an init that answers, the second makes pam_systemd wait for a logind.
    assert not (root / "run/systemd/system").exists() and not (root / "run/systemd/seats").exists()


def test_runtime_s_marks_stay_and_the_container_is_named(root):
    (root / "run/.containerenv").touch()
    (root / "run/secrets").mkdir()
    (root / "run/secrets/key").touch()
    assert prepare_run(str(root)) == []
    assert (root / "run/.containerenv").exists() and (root / "run/secrets/key").exists()
    assert (root / "run/systemd/container").read_text() == "podman\n"


def test_missing_run_is_made(tmp_path):
    assert prepare_run(str(tmp_path)) == []
    assert (tmp_path / "run/lock").is_dir()


def in_mount_namespace(mounts: str, code: str) -> str:
    """What the code prints, run where the mounts were made; nobody else sees them."""
    source = Path(__file__).resolve().parents[2]
    code = f"import sys; sys.path.insert(0, {str(source)!r}); from initd.shell.bootfiles import *; {code}"
    words = ["unshare", "--mount", "sh", "-c", f'{{ {mounts}; }} || exit 77; exec "$@"', "sh"]
    done = subprocess.run([*words, sys.executable, "-c", code], capture_output=True, text=True)
    if done.returncode == 77:
        pytest.skip("mounting is not allowed here")
    assert done.returncode == 0, done.stderr
    return done.stdout


@needs_root
def test_mounts_are_not_touched(root):
    for path in ("run/a/b", "run/c", "data"):
        (root / path).mkdir(parents=True)
    (root / "data/kept").touch()
    (root / "run/a/gone").touch()
    (root / "run/file").touch()
    mounts = f"mount --bind {root}/data {root}/run/a/b && mount --bind {root}/data/kept {root}/run/file"
    said = in_mount_namespace(mounts, f"print(prepare_run({str(root)!r}))")
    assert said == "[]\n"
    assert (root / "data/kept").exists() and (root / "run/a/b").is_dir() and (root / "run/file").exists()
    assert not (root / "run/a/gone").exists() and not (root / "run/c").exists()


@needs_root
def test_read_only_file_system_is_reported(root):
    said = in_mount_namespace(f"mount --bind {root} {root} && mount -o remount,bind,ro {root}",
                              f"print([str(each) for each in prepare_run({str(root)!r})]); "
                              f"print(ensure_machine_id({str(root)!r}, {{}}))")
    run, machine_id = said.splitlines()
    assert "Read-only file system" in run and "the machine id is in no file" in machine_id


def test_machine_id_that_is_there_is_kept(root):
    (root / "etc/machine-id").write_text(ID + "\n")
    assert ensure_machine_id(str(root), {}) == (ID, [], False)


@pytest.mark.parametrize("content, is_first_boot", [(None, True), ("uninitialized\n", True), ("", False)])
def test_machine_id_is_made(root, content, is_first_boot):
    prepare_run(str(root))
    if content is not None:
        (root / "etc/machine-id").write_text(content)
    machine_id, problems, was_first = ensure_machine_id(str(root), {})
    assert problems == [] and was_first is is_first_boot
    assert len(machine_id) == 32 and (root / "etc/machine-id").read_text() == machine_id + "\n"
    assert (root / "run/systemd/first-boot").exists() is is_first_boot
    assert ensure_machine_id(str(root), {}) == (machine_id, [], False)
    end_first_boot(str(root))
    assert not (root / "run/systemd/first-boot").exists()


def test_container_s_uuid_and_the_bus_give_the_id(root):
    prepare_run(str(root))
    uuid = "01234567-89ab-CDEF-0123-456789abcdef"
    assert ensure_machine_id(str(root), {"container_uuid": uuid})[0] == ID
    (root / "etc/machine-id").unlink()
    (root / "var/lib/dbus").mkdir(parents=True)
    (root / "var/lib/dbus/machine-id").write_text("f" * 32)
    assert ensure_machine_id(str(root), {"container_uuid": uuid})[0] == "f" * 32


def test_two_machines_differ(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name / "etc").mkdir(parents=True)
        prepare_run(str(tmp_path / name))
    assert ensure_machine_id(str(tmp_path / "a"), {})[0] != ensure_machine_id(str(tmp_path / "b"), {})[0]


def test_marker_comes_and_goes_with_runtime_units(root):
    prepare_run(str(root))
    assert mark_booted(str(root)) == [] and (root / "run/systemd/system").is_dir()
    (root / "run/systemd/system/x.service").symlink_to("/dev/null")
    remove_booted_marker(str(root))
    assert not (root / "run/systemd/system").exists()
    remove_booted_marker(str(root))


def test_machine_id_of_the_command_line_comes_before_the_file_s(root):
    (root / "etc/machine-id").write_text("0" * 31 + "1\n")
    wanted = "00112233445566778899aabbccddeeff"
    assert ensure_machine_id(str(root), {}, wanted) == (wanted, [], False)
    assert (root / "etc/machine-id").read_text() == wanted + "\n"


def test_tools_that_are_missing_are_told_of(root):
    assert [each.path for each in missing_tools(str(root))] == ["systemd-sysusers", "systemd-tmpfiles"]
    for name in ("systemd-sysusers", "systemd-tmpfiles"):
        path = root / "usr/bin" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("#!/bin/sh\n")
        path.chmod(0o755)
    assert missing_tools(str(root)) == []


@pytest.mark.parametrize("machine_id", [None, "", "uninitialized\n", "0123456789abcdef0123456789abcdef\n"])
def test_what_a_boot_has_left_goes_and_what_was_there_stays(root, machine_id):
    path = root / "etc/machine-id"
    if machine_id is None:
        path.unlink(missing_ok=True)
    else:
        path.write_text(machine_id)
        path.chmod(0o640)
    (root / "run/mine/deep").mkdir(parents=True)
    (root / "run/mine/deep/file").write_text("before")
    before = Before(("/run",), str(root))
    everything = sorted(root.rglob("*"))
    ensure_machine_id(str(root), {})
    (root / "run/systemd/system").mkdir(parents=True)
    (root / "run/systemd/private").write_text("")
    (root / "run/mine/deep/pid").write_text("1")
    (root / "run/link").symlink_to(root / "etc")
    assert before.bring_back() == []
    assert sorted(root.rglob("*")) == everything
    assert (path.read_text() if path.exists() else None) == machine_id
    assert machine_id is None or path.stat().st_mode & 0o777 == 0o640
