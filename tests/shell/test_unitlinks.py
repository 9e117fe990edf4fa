"""The view of a root on disk, and plans carried out there."""

from __future__ import annotations

import os

import pytest

from initd.core.install import plan_enable
from initd.core.places import GLOBAL
from initd.core.unitfiles import LinkChange, Occupant, Origin, Plan, Trouble
from initd.shell.unitlinks import UnitLinks, file_state, list_unit_files, preset_state

LIB, ETC = "lib/systemd/system", "etc/systemd/system"


@pytest.fixture
def root(tmp_path):
    (tmp_path / LIB).mkdir(parents=True)
    (tmp_path / ETC).mkdir(parents=True)
    (tmp_path / LIB / "a.service").write_text("[Install]\nWantedBy=x.target\n")
    return tmp_path


def test_entries_say_where_they_are_from(root):
    for directory, origin in (("run/systemd/generator", Origin.GENERATOR), ("run/systemd/transient", Origin.TRANSIENT),
                              ("run/systemd/system", Origin.RUNTIME), (ETC, Origin.CONFIG), (LIB, Origin.VENDOR)):
        (root / directory).mkdir(parents=True, exist_ok=True)
        (root / directory / f"{origin.value}.service").write_text("x")
    links = UnitLinks(str(root))
    assert all(links.find(f"{origin.value}.service").origin is origin for origin in Origin)


def test_links_are_seen_below_the_root(root):
    (root / ETC / "b.service").symlink_to("/lib/systemd/system/a.service")
    (root / ETC / "c.service").symlink_to("/dev/null")
    (root / ETC / "d.service").symlink_to("../../../opt/d.service")
    (root / LIB / "empty.service").touch()
    links = UnitLinks(str(root))
    assert links.find("b.service").alias_of == "a.service"
    assert links.find("c.service").is_masked and links.find("empty.service").is_masked
    assert links.find("d.service").linked_to == "/opt/d.service" and links.find("d.service").is_missing
    assert links.occupant("/etc/systemd/system/d.service") == Occupant("/opt/d.service")
    assert links.find("gone.service") is None


def test_merged_usr_is_one_directory(tmp_path):
    (tmp_path / "usr" / LIB).mkdir(parents=True)
    (tmp_path / "lib").symlink_to("usr/lib")
    (tmp_path / "usr" / LIB / "a.service").write_text("[Install]\nWantedBy=x.target\n")
    links = UnitLinks(str(tmp_path))
    assert [name for name, _, _ in list_unit_files(links)] == ["a.service"]
    (tmp_path / ETC / "x.target.wants").mkdir(parents=True)
    (tmp_path / ETC / "x.target.wants/a.service").symlink_to("/usr/lib/systemd/system/a.service")
    assert plan_enable(links, ["a.service"], links.config_directory).changes == ()


def test_plan_is_carried_out_and_undone(root):
    links = UnitLinks(str(root))
    done = links.perform(plan_enable(links, ["a.service"], links.config_directory))
    assert done.failure is None
    assert os.readlink(root / ETC / "x.target.wants/a.service") == "/lib/systemd/system/a.service"
    assert file_state("a.service", str(root)) == "enabled"
    done = links.perform(Plan((LinkChange("unlink", "/etc/systemd/system/x.target.wants/a.service"),)))
    assert done.failure is None and not (root / ETC / "x.target.wants").exists() and (root / ETC).is_dir()


def test_what_cannot_be_made_is_told_in_its_place(root):
    (root / ETC / "x.target.wants").write_text("a file where a directory should be")
    links = UnitLinks(str(root))
    done = links.perform(plan_enable(links, ["a.service"], links.config_directory))
    assert done.failure.trouble is Trouble.SYSTEM and done.changes == ()


def test_users_units_are_elsewhere(root):
    (root / "usr/lib/systemd/user").mkdir(parents=True)
    (root / "usr/lib/systemd/user/u.service").write_text("[Install]\nWantedBy=default.target\n")
    links = UnitLinks(str(root), GLOBAL)
    assert links.find("a.service") is None
    links.perform(plan_enable(links, ["u.service"], links.config_directory))
    assert (root / "etc/systemd/user/default.target.wants/u.service").is_symlink()


def test_preset_files_override_each_other_by_name(root):
    for directory, text in (("usr/lib", "disable a.service"), ("etc", "enable a.service")):
        (root / directory / "systemd/system-preset").mkdir(parents=True)
        (root / directory / "systemd/system-preset/10-x.preset").write_text(text)
    assert preset_state("a.service", str(root)) == "enabled"
    (root / "etc/systemd/system-preset/10-x.preset").unlink()
    assert preset_state("a.service", str(root)) == "disabled"


def test_unreadable_link_is_bad(root):
    (root / LIB / "b.service").symlink_to("gone.service")
    assert {name: state for name, _, state in list_unit_files(UnitLinks(str(root)))} == {
        "a.service": "disabled", "b.service": "bad"}
    assert file_state("b.service", str(root)) == ""
