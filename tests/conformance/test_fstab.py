"""Units made of /etc/fstab, against what systemd 252's generator made of the same in two kinds of container."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from initd.core import fstab
from tests.conformance.fstab.cases import CASES

ANSWERS = json.loads(Path(__file__).with_name("fstab").joinpath("answers.json").read_text())
#: The places of the cases that were links where they were recorded.
LINKS = {"/bin": "/usr/bin", "/var/run/foo": "/run/foo"}


def facts(kind: str) -> fstab.Facts:
    return fstab.Facts("/tmp/fstab", kind == "privileged", frozenset(fstab.PROGRAMS), LINKS, True)


def essence(text: str) -> list[str]:
    """Without the first line, which says who has made it."""
    return text.splitlines()[1:]


@pytest.mark.parametrize("kind", ["privileged", "default"])
@pytest.mark.parametrize("name", CASES)
def test_is_what_systemd_makes_of_it(name, kind):
    theirs = ANSWERS[kind][name]
    ours = fstab.plan(CASES[name], facts(kind))
    assert {each.path: essence(each.text) for each in ours.made if not each.target} == {
        path: essence(text) for path, text in theirs["files"].items()}
    assert {each.path: each.target for each in ours.made if each.target} == theirs["links"]
    said = [text.replace("/tmp/out/normal", "/run/systemd/generator") for text in theirs["said"]]
    assert [each.text for each in ours.problems] == said


def test_nothing_is_run_that_is_not_there():
    text = "/dev/sda9 /mnt/a ext4 x-systemd.makefs,x-systemd.growfs 0 2"
    made = fstab.plan(text, fstab.Facts(has_devices=True)).made
    assert [each.path for each in made] == ["mnt-a.mount", "local-fs.target.requires/mnt-a.mount"]
    assert "fsck" not in made[0].text


def test_what_would_be_mounted_when_needed_is_mounted_at_once_where_that_is_all_there_is():
    plan = fstab.plan("tmpfs /mnt/a tmpfs noauto,x-systemd.automount 0 0", fstab.Facts())
    assert [each.path for each in plan.made] == ["mnt-a.mount", "local-fs.target.requires/mnt-a.mount"]
    assert [each.text for each in plan.problems] == ["No automount point is set up here, /mnt/a is mounted at once."]


def test_the_cases_cover_every_option_of_the_manual():
    """systemd.mount(5), FSTAB."""
    words = "requires before after wanted-by required-by requires-mounts-for automount idle-timeout mount-timeout " \
            "device-timeout rw-only makefs growfs".split()
    assert all(any(f"x-systemd.{word}" in text for text in CASES.values()) for word in words)
