"""What units were understood to say is taken from the boot before: where that is right, and where it is not."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

from initd import unitcache
from initd.core.load import load_unit
from initd.core.sources import LoadFacts, UnitFiles, UnitText
from initd.unitcache import UnitCache

ROOT = Path(__file__).resolve().parent.parent
FACTS = LoadFacts(machine_id="1" * 32, boot_id="2" * 32, hostname="one")
CODE = SimpleNamespace(stamp=(1000, 5), is_whole=True)


def unit(name: str, text: str, **more) -> UnitFiles:
    return UnitFiles(name, (name,), UnitText(f"/etc/systemd/system/{name}", text, 7), **more)


SERVICE = "[Unit]\nDescription={}\nAfter=b.target\n[Service]\nType=notify\nExecStart=/bin/a -x\nRestart=always\nLimitNOFILE=5\n"
UNITS = [
    unit("a.service", SERVICE.format("A"), dropins=(UnitText("/etc/x/a.conf", "[Service]\nEnvironment=A=1\n"),)),
    unit("b.service", SERVICE.format("on %H")),
    unit("c.target", "[Unit]\nDescription=C\nWants=a.service\nNonsense=1\n"),
    unit("d.timer", "[Timer]\nOnCalendar=daily\n"),
    unit("e.service", SERVICE.format("%b")),
    UnitFiles("gone.service", ("gone.service",)),
]


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "cache/pyinit/units")


@pytest.fixture
def parsed(monkeypatch):
    """Names of units that were understood anew."""
    names: list[str] = []

    def note(files, facts):
        names.append(files.name)
        return load_unit(files, facts)

    monkeypatch.setattr(unitcache, "load_unit", note)
    return names


def boot(path, units=UNITS, facts=FACTS, code=CODE):
    """What they say; what is new is written down."""
    cache = UnitCache(path, code)
    cache.open(facts)
    found = [cache.load(each, facts) for each in units]
    cache.close()
    if cache.has_news:
        for _ in cache.pieces():
            pass
    return found


def test_a_second_boot_parses_nothing_and_knows_the_same(path, parsed):
    first = boot(path)
    assert len(parsed) == len(UNITS)
    parsed.clear()
    assert boot(path) == first == [load_unit(each, FACTS) for each in UNITS]
    assert parsed == ["e.service"], "only what asks for the boot's id"
    assert first[2].diagnostics, "the test is about those as well"


def test_nothing_new_is_nothing_to_write(path):
    boot(path)
    before = os.stat(path)
    boot(path)
    after = os.stat(path)
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


@pytest.mark.parametrize("change", [
    lambda files: files.replace(fragment=files.fragment.replace(text=files.fragment.text + "Nice=3\n")),
    lambda files: files.replace(fragment=files.fragment.replace(path="/usr/lib/systemd/system/a.service")),
    lambda files: files.replace(dropins=()),
    lambda files: files.replace(dropins=(*files.dropins, UnitText("/etc/x/b.conf", "[Service]\nNice=4\n"))),
    lambda files: files.replace(names=("a.service", "other.service")),
    lambda files: files.replace(is_masked=True),
    lambda files: files.replace(load_error="Permission denied", load_errno=13, fragment=None),
], ids=["text", "path", "fewer drop-ins", "more drop-ins", "alias", "mask", "unreadable"])
def test_files_that_are_others_are_read(path, parsed, change):
    boot(path)
    parsed.clear()
    changed = change(UNITS[0])
    assert boot(path, [changed])[0] == load_unit(changed, FACTS)
    assert parsed == ["a.service"]


def test_a_fact_that_is_another_counts_for_those_who_asked_for_it(path, parsed):
    boot(path)
    parsed.clear()
    facts = FACTS.replace(hostname="two", machine_id="3" * 32)
    assert boot(path, UNITS[:3], facts)[1].unit.description == "on two"
    assert parsed == ["b.service"]


def test_defaults_of_the_manager_are_facts(path, parsed):
    boot(path)
    parsed.clear()
    facts = FACTS.replace(default_restart_usec=17)
    assert boot(path, UNITS[:1], facts)[0].specific.restart_usec == 17 and parsed == ["a.service"]


def test_another_code_has_its_own(path, parsed):
    boot(path)
    parsed.clear()
    boot(path, UNITS[:1], code=SimpleNamespace(stamp=(1000, 6), is_whole=True))
    assert parsed == ["a.service"]


@pytest.mark.parametrize("code", [None, SimpleNamespace(stamp=(1, 1), is_whole=False)], ids=["unknown", "partly"])
def test_code_that_nobody_knows_keeps_nothing(path, code):
    assert boot(path, code=code) == [load_unit(each, FACTS) for each in UNITS]
    assert not os.path.exists(path)


def test_who_loads_some_leaves_the_others_there(path, parsed):
    boot(path)
    boot(path, [*UNITS[:2], UNITS[2].replace(dropins=(UnitText("/etc/x/c.conf", "[Unit]\nDescription=D\n"),))])
    parsed.clear()
    boot(path, [UNITS[0], UNITS[3]])
    assert parsed == []


def test_what_nobody_loads_any_more_goes_in_time(path, parsed):
    boot(path, [unit(f"u{number}.service", SERVICE.format(number)) for number in range(50)])
    boot(path)
    parsed.clear()
    boot(path, [unit("u1.service", SERVICE.format(1))])
    assert parsed == ["u1.service"]


def test_what_a_client_has_made_is_not_kept(path):
    boot(path, [unit("made.service", SERVICE.format("made"), is_transient=True)])
    assert not os.path.exists(path)


@pytest.mark.parametrize("files", [
    UNITS[0], UNITS[0].replace(dropins=()), UNITS[0].replace(is_generated=True),
    UNITS[0].replace(load_error="no", load_errno=5),
], ids=["both", "fragment", "generated", "unreadable"])
def test_a_file_that_was_only_written_again_has_its_new_time(path, parsed, files):
    boot(path, [files])
    parsed.clear()
    for later in (files.replace(fragment=files.fragment.replace(mtime_usec=20)),
                  files.replace(dropins=tuple(each.replace(mtime_usec=30) for each in files.dropins))):
        assert boot(path, [later]) == [load_unit(later, FACTS)]
    assert parsed == []


def test_a_time_zone_counts_for_the_timers_that_name_one(path, parsed):
    timers = [unit("d.timer", "[Timer]\nOnCalendar=daily\n"), unit("z.timer", "[Timer]\nOnCalendar=*-*-* 4:00 Asia/Tokyo\n")]
    boot(path, timers)
    parsed.clear()
    boot(path, timers)
    assert parsed == []
    facts = FACTS.replace(is_time_zone=lambda name: name != "Asia/Tokyo")
    assert boot(path, timers, facts)[1] == load_unit(timers[1], facts)
    assert parsed == ["z.timer"]


def test_many_units_are_several_pieces(path, parsed):
    many = [unit(f"u{number}.service", SERVICE.format(number)) for number in range(250)]
    first = boot(path, many)
    parsed.clear()
    assert boot(path, many) == first and parsed == []


@pytest.mark.parametrize("spoil", [
    lambda data: b"", lambda data: data[:30], lambda data: data[:len(data) // 2], lambda data: b"x" + data,
    lambda data: data[:-20] + bytes([data[-20] ^ 1]) + data[-19:], lambda data: data[:60] + bytes(40) + data[100:],
], ids=["empty", "head", "half", "shifted", "one bit", "hole"])
def test_a_spoiled_file_is_none(path, parsed, spoil):
    boot(path)
    with open(path, "rb") as file:
        data = file.read()
    with open(path, "wb") as file:
        file.write(spoil(data))
    parsed.clear()
    assert boot(path) == [load_unit(each, FACTS) for each in UNITS]
    assert len(parsed) == len(UNITS)
    parsed.clear()
    boot(path)
    assert parsed == ["e.service"], "and the next boot has a good one"


def test_a_piece_that_is_no_pickle_is_none(path, parsed):
    boot(path)
    with open(path, "wb") as file:
        file.write(UnitCache(path, CODE)._head)
        for data in (b"cnowhere\nnothing\n.", b"no pickle"):
            file.write(len(data).to_bytes(4, "little") + unitcache.crc32(data).to_bytes(4, "little") + data)
    assert boot(path) == [load_unit(each, FACTS) for each in UNITS]


def test_what_others_may_write_is_not_read(path, parsed):
    boot(path)
    os.chmod(path, 0o620)
    parsed.clear()
    boot(path)
    assert len(parsed) == len(UNITS)
    assert os.stat(path).st_mode & 0o777 == 0o600, "it was written anew"


def test_a_link_is_not_followed(path, parsed):
    boot(path)
    os.rename(path, path + ".real")
    os.symlink(path + ".real", path)
    parsed.clear()
    boot(path)
    assert len(parsed) == len(UNITS)


def test_a_place_that_takes_nothing_leaves_nothing(tmp_path):
    (tmp_path / "cache").write_text("a file where a directory should be")
    cache = UnitCache(str(tmp_path / "cache/pyinit/units"), CODE)
    cache.open(FACTS)
    cache.load(UNITS[0], FACTS)
    cache.close()
    with pytest.raises(OSError):
        list(cache.pieces())
    assert [each.name for each in tmp_path.iterdir()] == ["cache"]


def test_a_write_that_fails_leaves_the_old_file(path, monkeypatch):
    boot(path)
    with open(path, "rb") as file:
        before = file.read()

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "rename", fail)
    with pytest.raises(OSError):
        boot(path, [UNITS[0].replace(dropins=())])
    with open(path, "rb") as file:
        assert file.read() == before
    assert os.listdir(os.path.dirname(path)) == ["units"]


def test_outside_of_open_and_close_it_only_loads(path):
    cache = UnitCache(path, CODE)
    assert cache.load(UNITS[0], FACTS) == load_unit(UNITS[0], FACTS)
    cache.close()
    assert not cache.has_news


#: A boot's reading: all units of a tree, with what is mounted; says what of the code that understands files was needed.
READING = """
import sys
from types import SimpleNamespace
sys.path.insert(0, sys.argv[1])
import initd.manager
from initd.core.mountpoint import MountPoint
from initd.core.sources import LoadFacts
from initd.shell import limits
from initd.shell.unitdirs import UnitDirs
from initd.unitcache import UnitCache
from initd.unitreader import UnitReader

facts, cache = LoadFacts(boot_id="3" * 32), UnitCache(sys.argv[3], SimpleNamespace(stamp=(1000, 5), is_whole=True))
units = UnitReader(UnitDirs(sys.argv[2]), facts, limits.probe(), "", False, cache=cache)
mounts = [MountPoint("/srv", "/dev/sda1", "ext4", "rw"), MountPoint("/a b", "x", "tmpfs", "rw")]
units.mounted = {each.unit: each for each in mounts}
cache.open(facts)
for name in [*units.dirs.unit_names(), *units.mounted, "system.slice", "none.service"]:
    units.read(name)
cache.close()
dear = {"re", "enum", "configparser", "initd.core.load", "initd.core.directives", "initd.core.parsers"}
needed = sorted(dear & set(sys.modules))
if cache.has_news:
    for _ in cache.pieces():
        pass
print(len(units.dirs.unit_names()), *needed)
"""


def test_a_boot_that_parses_nothing_has_not_even_imported_what_would(tmp_path, path):
    """The units that come with us, and Debian's usual timers."""
    vendor = tmp_path / "root/usr/lib/systemd/system"
    shutil.copytree(ROOT / "units", vendor)
    (vendor / "daily.timer").write_text("[Timer]\nOnCalendar=daily\nPersistent=true\n")
    (vendor / "zone.timer").write_text("[Timer]\nOnCalendar=*-*-* 4:00 Europe/Berlin\n")

    def read() -> list[str]:
        argv = ["/usr/bin/python3", "-IS", "-c", READING, str(ROOT), str(tmp_path / "root"), path]
        return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.split()

    count, *needed = read()
    assert int(count) > 50 and "initd.core.load" in needed and "configparser" in needed, needed
    assert read() == [count]
