from __future__ import annotations

import pytest

from initd.core.mountcommands import command, is_bind, split_options
from initd.core.settings import MountSettings
from initd.core.states import ExecPhase


def settings(**words):
    found = MountSettings()
    found.what, found.where = "tmpfs", "/mnt/a"
    for word, value in words.items():
        setattr(found, word, value)
    return found


def words(phase, **more):
    return " ".join(command(settings(**more), phase).argv)


@pytest.mark.parametrize("more, expected", [
    ({}, "/bin/mount tmpfs /mnt/a"),
    ({"type": "tmpfs", "options": "size=1m"}, "/bin/mount tmpfs /mnt/a -t tmpfs -o size=1m"),
    ({"options": "noauto,nofail,auto"}, "/bin/mount tmpfs /mnt/a"),
    ({"options": 'context="a,nofail",noauto', "sloppy_options": True, "read_write_only": True},
     '/bin/mount tmpfs /mnt/a -s -w -o context="a,nofail"'),
])
def test_mount(more, expected):
    assert words(ExecPhase.MOUNT, **more) == expected


def test_remount_takes_all_options():
    assert words(ExecPhase.REMOUNT) == "/bin/mount tmpfs /mnt/a -o remount"
    more = {"options": "nofail,ro", "type": "tmpfs", "sloppy_options": True}
    assert words(ExecPhase.REMOUNT, **more) == "/bin/mount tmpfs /mnt/a -o remount,nofail,ro -s -t tmpfs"


def test_unmount():
    assert words(ExecPhase.UNMOUNT) == "/bin/umount /mnt/a -c"
    assert words(ExecPhase.UNMOUNT, lazy_unmount=True, force_unmount=True) == "/bin/umount /mnt/a -c -l -f"


def test_nothing_in_it_is_a_variable():
    assert command(settings(what="$HOME"), ExecPhase.MOUNT).no_expand


@pytest.mark.parametrize("text, expected", [
    ("", []), ("a", ["a"]), ("a,,b,", ["a", "b"]), ('x="1,2",y', ['x="1,2"', "y"]), ('"a,b', ['"a,b']),
])
def test_options_are_split_at_commas_that_are_not_quoted(text, expected):
    assert split_options(text) == expected


def test_what_is_bound_is_there_already():
    assert is_bind(settings(options="ro,rbind")) and is_bind(settings(type="bind"))
    assert not is_bind(settings(options="bindfs"))
