"""The units of about 110 Debian packages, loaded by us, against what a real systemd 252 answered to `systemctl show`.

The recordings are not part of this repository (the units are the packages' own); where they are not beside the checkout,
these tests are skipped.
"""

from __future__ import annotations

import collections
import shutil
from pathlib import Path

import pytest

from initd.core import unitname
from initd.core.directive import Group
from initd.core.directives import properties_of
from initd.core.load import LoadFacts, load_unit
from initd.core.settings import UnitDefinition
from initd.core.values import INFINITY
from initd.shell.unitdirs import UnitDirs
from tests.conformance import showtext

RECORDINGS = Path(__file__).resolve().parents[3] / "shared" / "conformance"

pytestmark = pytest.mark.skipif(
    not RECORDINGS.is_dir(), reason=f"the recordings of a real systemd are not beside the checkout ({RECORDINGS})"
)

#: What the recording machine was.
FACTS = LoadFacts(
    limits=LoadFacts().limits | {"nproc": (4096, 4096), "sigpending": (96365, 96365), "core": (0, INFINITY)},
    hostname="corpus",
    memory_total=0,
    tasks_total=192727,
)
#: Facts of the recording machine, or printed without their value.
LEFT_OUT = {
    "TasksMax", "MemoryHigh", "MemoryMax", "Conditions", "Asserts", "RequiresMountsFor", "TTYRows", "TTYColumns",
    "SetCredential", "SetCredentialEncrypted", "LoadCredential", "LoadCredentialEncrypted",
    "WatchdogUSec",  # "infinity" while the service does not run
}
#: Printed in the order of a hash table.
SETS = {"IPAddressAllow", "IPAddressDeny"}


def build_root(package: str, root: Path) -> None:
    """The package's unit files where the package puts them; a stored link is a file with the target as its only text."""
    for stored, place in (("system", "lib/systemd/system"), ("etc-system", "etc/systemd/system")):
        source = RECORDINGS / "units" / package / stored
        if source.is_dir():
            shutil.copytree(source, root / place, symlinks=True, dirs_exist_ok=True)
    generated = RECORDINGS / "golden" / package / "_generated"
    if generated.is_dir():
        for place in (generated / "LIST").read_text().split():
            target = root / place.lstrip("/")
            if (generated / target.name).is_file():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(generated / target.name, target)
    for path in list(root.rglob("*")):
        if path.is_file() and not path.is_symlink() and 0 < path.stat().st_size < 200:
            text = path.read_text()
            if "\n" not in text and "=" not in text and "[" not in text:
                path.parent.chmod(0o755)
                path.unlink()
                path.symlink_to(text)


def read_show(path: Path) -> dict[str, list[str]]:
    """A recorded answer: property → the values printed for it. A line that has no "name=" goes on with the value before."""
    out: dict[str, list[str]] = {}
    last = ""
    for line in path.read_text().splitlines():
        name, equals, value = line.partition("=")
        if equals and name.isidentifier() and name[0].isupper():
            out.setdefault(name, []).append(value)
            last = name
        elif last:
            out[last][-1] += "\n" + line
    return out


def differences(definition: UnitDefinition, recorded: dict[str, list[str]]) -> dict[str, tuple[list[str], list[str]]]:
    """Property → (ours, theirs), where they differ."""
    out = {}
    groups = {
        Group.UNIT: definition.unit, Group.SPECIFIC: definition.specific, Group.EXEC: definition.exec,
        Group.KILL: definition.kill, Group.CGROUP: definition.cgroup,
    }
    for group, shown in properties_of(definition.type):
        if shown.name in LEFT_OUT:
            continue
        ours = showtext.lines(shown.name, shown.signature, shown.show(groups[group], FACTS)) or [""]
        theirs = recorded.get(shown.name, [""])
        if shown.name in SETS:
            ours, theirs = sorted(" ".join(ours).split()), sorted(" ".join(theirs).split())
        if ours != theirs:
            out[shown.name] = (ours, theirs)
    for name, value in (("Id", definition.name), ("LoadState", definition.load_state.value)):
        if recorded[name] != [value]:
            out[name] = ([value], recorded[name])
    return out


def packages() -> list[str]:
    return sorted(path.name for path in (RECORDINGS / "units").iterdir()) if RECORDINGS.is_dir() else []


def load_recorded(package: str, root: Path):
    """(definition, recorded answer) for every unit of the package that was recorded."""
    build_root(package, root)
    dirs = UnitDirs(str(root))
    for path in sorted((RECORDINGS / "golden" / package).glob("[!_]*.show")):
        yield load_unit(dirs.read(path.name.removesuffix(".show")), FACTS), read_show(path)


@pytest.mark.parametrize("package", packages())
def test_show_is_what_systemd_showed(package: str, tmp_path: Path) -> None:
    found = {}
    for definition, recorded in load_recorded(package, tmp_path):
        for name, (ours, theirs) in differences(definition, recorded).items():
            found[f"{definition.name} {name}"] = f"ours {ours} theirs {theirs}"
    assert not found
