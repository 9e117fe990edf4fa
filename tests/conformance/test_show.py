"""The units of about 110 Debian packages, loaded by us, against what a real systemd 252 answered to `systemctl show`.

The recordings are not part of this repository (the units are the packages' own); where they are not beside the
checkout, these tests are skipped.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from initd.core import words
from initd.core.directive import Group
from initd.core.directives import properties_of
from initd.core.load import LoadFacts, load_unit
from initd.core.settings import UnitDefinition
from initd.core.states import LoadState
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
    "TasksMax", "MemoryHigh", "MemoryMax",  # shares of the machine
    "Conditions", "Asserts", "TTYRows", "TTYColumns", "SetCredential", "SetCredentialEncrypted", "LoadCredential",
    "LoadCredentialEncrypted",  # "[unprintable]"
    "WatchdogUSec",  # "infinity" while the service does not run
    "TimersCalendar",  # holds the next elapse, and its expressions are normalized by who keeps the calendar
}
#: What systemd shows of a unit that it did not load is what its memory was filled with, not what a file says.
MEANINGLESS_UNLESS_LOADED = {"Type", "OOMPolicy", "StandardOutput", "LimitNOFILE", "LimitNOFILESoft"}
#: Printed in the order of a hash table.
SETS = {"IPAddressAllow", "IPAddressDeny", "RequiresMountsFor"}
#: Dependencies that a unit's own files and type give; systemd shows the inverses of other units' beside them.
FORWARD = ("Requires", "Requisite", "Wants", "BindsTo", "PartOf", "Upholds", "Conflicts", "OnSuccess", "OnFailure",
           "Triggers",
           "PropagatesReloadTo", "ReloadPropagatedFrom", "PropagatesStopTo", "StopPropagatedFrom", "JoinsNamespaceOf")


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


def read_show(path: Path) -> dict[str, list[str]]:
    """A recorded answer: property → the values printed for it. A line without "name=" goes on with the value before."""
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
        if shown.name in MEANINGLESS_UNLESS_LOADED and definition.load_state is not LoadState.LOADED:
            continue
        ours = showtext.lines(shown.name, shown.signature, shown.show(groups[group], FACTS)) or [""]
        theirs = recorded.get(shown.name, [""])
        if shown.name in SETS:
            ours, theirs = sorted(" ".join(ours).split()), sorted(" ".join(theirs).split())
        if ours != theirs:
            out[shown.name] = (ours, theirs)
    for name in FORWARD:
        ours_set = {entry.unit for entry in definition.dependencies if entry.kind.value == name}
        theirs_set = set(words.split(recorded.get(name, [""])[0]))
        if ours_set != theirs_set:
            out[name] = (sorted(ours_set), sorted(theirs_set))
    for name in ("After", "Before"):
        # The other unit's Before= is our After=: theirs may have more, which the next test looks at.
        ours_set = {entry.unit for entry in definition.dependencies if entry.kind.value == name}
        missing = ours_set - set(words.split(recorded[name][0]))
        if missing:
            out[name] = (sorted(missing), [])
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


#: Where we differ, and why that is right.
EXPLAINED = {
    # Links that its generator makes in multi-user.target.wants; no generator has run here.
    ("postfix.service", "Wants"), ("postfix.service", "PropagatesReloadTo"),
}


def test_show_is_what_systemd_showed(tmp_path: Path) -> None:
    found: dict[str, str] = {}
    units = 0
    for package in packages():
        for definition, recorded in load_recorded(package, tmp_path / package):
            units += 1
            for name, (ours, theirs) in differences(definition, recorded).items():
                if (definition.name, name) not in EXPLAINED:
                    found[f"{package}: {definition.name} {name}"] = f"ours {ours} theirs {theirs}"
    print(f"{units} units compared, {len(found)} properties differ")
    assert units > 200
    assert found == {}


def test_every_order_that_systemd_adds_is_the_inverse_of_another_units(tmp_path: Path) -> None:
    """After= and Before= of a unit, but for what other units say about it and for the recording machine's mounts."""
    recordings = (RECORDINGS / "golden-base").glob("[!_]*.show")
    base = {path.name.removesuffix(".show"): read_show(path) for path in recordings}
    unexplained = {}
    for package in packages():
        loaded = list(load_recorded(package, tmp_path / package))
        shown = base | {recorded["Id"][0]: recorded for _, recorded in loaded}
        for definition, recorded in loaded:
            for name, inverse in (("After", "Before"), ("Before", "After")):
                ours = {entry.unit for entry in definition.dependencies if entry.kind.value == name}
                for other in set(words.split(recorded[name][0])) - ours:
                    if other not in shown or other.endswith((".mount", ".target")):
                        continue  # Not recorded; the machine's own; or ordered by the rule for targets.
                    says = words.split(shown[other][inverse][0])
                    if definition.name not in says:
                        unexplained[f"{package}: {definition.name} {name}={other}"] = says
    assert unexplained == {}
