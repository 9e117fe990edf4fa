"""The units of about 110 Debian packages, asked for with `systemctl show --all`: our answer against a real systemd 252's.

Whole answers are compared, as they are printed: what unit files say, what other units say of them, and what a unit is that
was never started. `hostfacts` says what is left out, and why. The recordings are not part of this repository (the units are
the packages' own); where they are not beside the checkout, these tests are skipped.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from initd.core.sources import LoadFacts
from initd.core.values import INFINITY
from tests.conformance import hostfacts
from tests.conformance.ours import Answers, write_units

RECORDINGS = Path(__file__).resolve().parents[3] / "shared" / "conformance"

pytestmark = pytest.mark.skipif(
    not RECORDINGS.is_dir(), reason=f"the recordings of a real systemd are not beside the checkout ({RECORDINGS})"
)

#: What the recording machine was, as far as it can be told from the answers.
FACTS = LoadFacts(
    limits=LoadFacts().limits | {"core": (0, INFINITY)},
    own_limits=LoadFacts().limits | {"nofile": (4096, 4096)},
    hostname="corpus",
    memory_total=25276514304,
    tasks_total=192727,
)
#: Units that the recording container had enabled and started before anything was recorded: not "loaded, and not started".
_RAN_THERE = ("dbus.service", "dpkg-db-backup.service", "dpkg-db-backup.timer", "e2scrub_all.service", "e2scrub_all.timer",
              "e2scrub_reap.service", "fstrim.service", "fstrim.timer")
_RUNNING = ("ActiveState", "SubState", "After", "Before", "TriggeredBy", "WantedBy", "WatchdogUSec", "UnitFileState",
            "TimersCalendar")
#: (unit, property) → why our answer is another one.
EXPLAINED = {(unit, name): "it was enabled and ran there" for unit in _RAN_THERE for name in _RUNNING} | {
    ("proc-fs-nfsd.mount", "After"): "the recording container had a mount of its own on /proc/fs",
}


def build_root(package: str, root: Path) -> None:
    """The package's unit files where the package puts them; a stored link is a file that holds its target alone."""
    for stored, place in (("system", "lib/systemd/system"), ("etc-system", "etc/systemd/system")):
        source = RECORDINGS / "units" / package / stored
        if source.is_dir():
            shutil.copytree(source, root / place, symlinks=True, dirs_exist_ok=True)
    generated = RECORDINGS / "golden" / package / "_generated"
    if generated.is_dir():
        for line in (generated / "LIST").read_text().splitlines():
            place, arrow, link = line.partition(" -> ")
            target = root / place.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            if arrow:
                target.symlink_to(link)
            elif (generated / target.name).is_file():
                shutil.copy(generated / target.name, target)
    for path in list(root.rglob("*")):
        if path.is_file() and not path.is_symlink() and 0 < path.stat().st_size < 200:
            text = path.read_text()
            if "\n" not in text and "=" not in text and "[" not in text:
                path.parent.chmod(0o755)
                path.unlink()
                path.symlink_to(text)


def packages() -> list[str]:
    return sorted(path.name for path in (RECORDINGS / "units").iterdir()) if RECORDINGS.is_dir() else []


def differences(ours: dict[str, list[str]], theirs: dict[str, list[str]]) -> dict[str, str]:
    """Property → what we say and what they say, where that is not the same."""
    return {name: f"ours {ours.get(name)} theirs {theirs.get(name)}"
            for name in sorted({*ours, *theirs}) if ours.get(name) != theirs.get(name)}


def test_show_is_what_systemd_showed(tmp_path: Path) -> None:
    found: dict[str, str] = {}
    explained = set()
    units = values = 0
    for package in packages():
        root = tmp_path / package
        write_units(root)
        build_root(package, root)
        answers = Answers(root, FACTS)
        for path in sorted((RECORDINGS / "golden" / package).glob("[!_]*.show")):
            unit = path.name.removesuffix(".show")
            theirs = hostfacts.compared(hostfacts.parse_show(path.read_text()))
            units, values = units + 1, values + len(theirs)
            for name, what in differences(hostfacts.compared(answers.show(unit)), theirs).items():
                if (unit, name) in EXPLAINED:
                    explained.add((unit, name))
                else:
                    found[f"{package}: {unit} {name}"] = what
    print(f"{units} units, {values} values compared, {len(found)} differ, {len(explained)} are explained")
    assert units > 200
    assert found == {}
    assert len(explained) < values / 100
