"""Directories of a unit: planned, and taken away without touching what is not theirs."""

from __future__ import annotations

import os
import subprocess

from initd.core.settings import ExecSettings
from initd.shell.directories import plan_directories, remove_directories
from initd.wire.execcontext import Directory, Symlink

from .conftest import needs_root


def settings(**values: object) -> ExecSettings:
    unit = ExecSettings()
    for name, value in values.items():
        setattr(unit, name, value)
    return unit


def test_plan_names_owner_mode_links_and_variables():
    unit = settings(
        runtime_directory=(("a", ("b", "c/d")), ("e/f", ())), runtime_directory_mode=0o750,
        configuration_directory=(("conf", ()),), state_directory=(("s", ()),),
    )
    plan = plan_directories(unit, 5, 6)
    assert plan.directories == (
        Directory(233, "/run/a", 0o750, 5, 6), Directory(233, "/run/e/f", 0o750, 5, 6),
        Directory(238, "/var/lib/s", 0o755, 5, 6), Directory(241, "/etc/conf", 0o755, 5, 6, False),
    )
    assert plan.symlinks == (Symlink(233, "/run/b", "a"), Symlink(233, "/run/c/d", "../a"))
    assert dict(plan.environment) == {
        "RUNTIME_DIRECTORY": "/run/a:/run/e/f", "STATE_DIRECTORY": "/var/lib/s", "CONFIGURATION_DIRECTORY": "/etc/conf",
    }


def test_without_a_user_nobody_is_given_anything():
    plan = plan_directories(settings(runtime_directory=(("a", ()),)), None, None)
    assert (plan.directories[0].uid, plan.directories[0].gid) == (-1, -1)


def test_removal_does_not_follow_links(tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_text("")
    tree = tmp_path / "run" / "tree"
    (tree / "deep").mkdir(parents=True)
    (tree / "deep" / "file").write_text("")
    (tree / "link").symlink_to(outside)
    (tmp_path / "run" / "alias").symlink_to("tree")
    assert remove_directories(("/run/tree", "/run/alias", "/run/never-was"), str(tmp_path)) == []
    assert os.listdir(tmp_path / "run") == [] and (outside / "kept").exists()


@needs_root
def test_removal_stops_at_a_mount(tmp_path):
    script = (
        "mkdir -p $0/run/tree/mnt && mount -t tmpfs none $0/run/tree/mnt;"
        "touch $0/run/tree/mnt/kept $0/run/tree/gone;"
        "python3 -c 'import sys; sys.path.insert(0, sys.argv[2]);"
        "from initd.shell.directories import remove_directories as r; print(r((\"/run/tree\",), sys.argv[1]))' $0 $1;"
        "ls $0/run/tree/mnt $0/run/tree"
    )
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    done = subprocess.run(["unshare", "-m", "sh", "-c", script, tmp_path, root], capture_output=True, text=True)
    assert "kept" in done.stdout and "gone" not in done.stdout.splitlines(), done
