"""The units pyinit ships: they hang together, and stand in for what distributions' units name of systemd's own."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from initd.core import syntax, unitname
from initd.core.load import load_unit
from initd.core.sources import NO_FACTS, LoadFacts
from initd.core.states import LoadState
from initd.shell.unitdirs import UnitDirs

UNITS = Path(__file__).resolve().parent.parent / "units"
#: Those of users, and of groups beside another init.
USER_UNITS = UNITS / "user"
#: Recorded from Debian's packages; not part of the repository.
CONFORMANCE = UNITS.parent.parent / "shared" / "conformance"
#: Dependencies that fail a unit, or fail to stop something, where the other unit does not exist.
NEEDS = ("Requires", "Requisite", "BindsTo")
LISTS = NEEDS + ("Wants", "After", "Before", "Conflicts", "PartOf", "Upholds", "OnFailure", "OnSuccess")
#: Made by the manager itself, as systemd makes them.
BUILT_IN = {"-.slice", "system.slice", "init.scope", "-.mount"}
#: Not there in a container; named for where it is.
ABSENT = {"display-manager.service", "plymouth-start.service", "tmp.mount"}


def fragments() -> list[Path]:
    return [path for path in sorted(UNITS.iterdir())
            if unitname.is_valid(path.name) and not path.is_symlink()]


def assignments(path: Path) -> list[tuple[str, str, str]]:
    parsed = syntax.parse(path.read_text(), str(path))
    assert parsed.diagnostics == ()
    return [(each.section, each.key, each.value) for each in parsed.assignments]


def names(path: Path, keys: tuple[str, ...]) -> set[str]:
    return {name for _, key, value in assignments(path) if key in keys for name in value.split()}


@pytest.mark.parametrize("path", fragments(), ids=lambda path: path.name)
def test_fragment_is_well_formed_and_described(path):
    found = assignments(path)
    assert [value for section, key, value in found if (section, key) == ("Unit", "Description")][0]
    own = {"Unit", "Install", path.suffix[1:].capitalize()}
    assert {section for section, _, _ in found} <= own


@pytest.mark.parametrize("path", fragments(), ids=lambda path: path.name)
def test_what_a_unit_names_is_shipped(path):
    assert {name for name in names(path, LISTS) if not (UNITS / name).exists()} - BUILT_IN <= ABSENT
    assert {name for name in names(path, NEEDS) if not (UNITS / name).is_file()} - BUILT_IN == set()


@pytest.mark.parametrize("path", fragments(), ids=lambda path: path.name)
def test_unit_loads_without_a_complaint(path):
    name = path.name.replace("@.", "@dev-x.")
    definition = load_unit(UnitDirs("/", (str(UNITS),)).read(name), NO_FACTS)
    assert (definition.load_state, definition.diagnostics) == (LoadState.LOADED, ())


def test_links_lead_to_units_beside_them():
    for link in UNITS.rglob("*"):
        if link.is_symlink() and str(link.readlink()) != "/dev/null":
            assert link.resolve().parent == UNITS and link.resolve().is_file(), link
            assert not link.readlink().is_absolute(), link


def test_wants_directories_belong_to_units():
    for directory in [*UNITS.iterdir(), *USER_UNITS.iterdir()]:
        if directory.is_dir() and directory != USER_UNITS:
            assert (UNITS / directory.stem).is_file() and directory.suffix in (".wants", ".requires"), directory


def test_boot_reaches_every_stage_from_default_target():
    todo, seen = ["default.target"], set()
    while todo:
        path = (UNITS / todo.pop()).resolve()
        if path.name in seen or not path.is_file():
            continue
        seen.add(path.name)
        todo += names(path, ("Requires", "Wants"))
        todo += [link.name for link in (UNITS / f"{path.name}.wants").glob("*")]
    assert {"graphical.target", "multi-user.target", "basic.target", "sysinit.target", "local-fs.target",
            "sockets.target", "timers.target", "paths.target", "slices.target", "swap.target", "getty.target",
            "systemd-tmpfiles-setup.service", "systemd-journald.service"} <= seen


@pytest.mark.parametrize("verb", ["exit", "poweroff", "reboot", "halt"])
def test_ending_comes_after_everything_is_down(verb):
    service = UNITS / f"systemd-{verb}.service"
    assert names(UNITS / f"{verb}.target", ("Requires",)) == {service.name}
    down = {"shutdown.target", "umount.target", "final.target"}
    assert down == names(service, ("Requires",)) == names(service, ("After",))
    assert names(service, ("SuccessAction",)) in ({f"{verb}-force"}, {"poweroff-force"})


@pytest.mark.skipif(not CONFORMANCE.is_dir(), reason="the recorded package units are not beside the checkout")
def test_what_packages_require_of_systemd_is_shipped():
    base = {line.split()[0] for line in (CONFORMANCE / "golden-base/_list-unit-files.txt").read_text().splitlines()}
    missing = {}
    for path in sorted((CONFORMANCE / "units").glob("*/*system/**/*")):
        if not path.is_file() or path.is_symlink():
            continue
        text = path.read_text(errors="replace").replace("\\\n", " ")
        for key, value in re.findall(r"^(\w+)=(.*)$", text, re.MULTILINE):
            needed = NEEDS + ("WantedBy", "RequiredBy") if key != "Wants" else ()
            for name in value.split():
                if key in needed and name in base and not (UNITS / name).exists():
                    missing.setdefault(name, []).append(f"{path.name} {key}")
    # Nothing sleeps in a container, so nobody misses what would be started before it.
    assert set(missing) <= {"sleep.target", "suspend.target", "hibernate.target"}, missing


@pytest.mark.skipif(not CONFORMANCE.is_dir(), reason="the recorded package units are not beside the checkout")
@pytest.mark.parametrize("path", [path for path in fragments() if path.suffix == ".target"], ids=lambda path: path.name)
def test_target_orders_and_requires_as_systemd_s_own(path):
    """Explicit dependencies on units that pyinit ships too; what a .wants/ link or another unit adds is left out."""
    recorded = CONFORMANCE / "golden-base" / f"{path.name}.show"
    if not recorded.is_file():
        pytest.skip("a template: recorded as an instance")
    real = dict(line.split("=", 1) for line in recorded.read_text().splitlines() if "=" in line)
    for key in ("Requires", "Conflicts"):
        implicit = {"shutdown.target", "-.mount"}
        assert names(path, (key,)) - implicit == set(real.get(key, "").split()) - implicit
    for key in ("Wants", "After", "Before"):
        assert names(path, (key,)) <= set(real.get(key, "").split()), key
    for key in ("AllowIsolate", "RefuseManualStart", "StopWhenUnneeded", "DefaultDependencies", "OnFailureJobMode",
                "JobTimeoutAction"):
        defaults = {"DefaultDependencies": "yes", "OnFailureJobMode": "replace", "JobTimeoutAction": "none"}
        assert (names(path, (key,)) or {defaults.get(key, "no")}) == {real[key]}, key


# --- users' units -----------------------------------------------------------------------------------------------------


def user_fragments() -> list[Path]:
    return [path for path in sorted(USER_UNITS.iterdir()) if unitname.is_valid(path.name)]


@pytest.mark.parametrize("path", user_fragments(), ids=lambda path: path.name)
def test_a_users_unit_loads_and_names_what_is_shipped(path):
    definition = load_unit(UnitDirs("/", (str(USER_UNITS),)).read(path.name), LoadFacts(in_user_mode=True))
    assert definition.load_state is LoadState.LOADED and definition.diagnostics == ()
    needed = {each.unit for each in definition.dependencies if each.kind.value in (*NEEDS, "Wants")}
    assert {name for name in needed if not (USER_UNITS / name).is_file()} <= BUILT_IN


def test_users_units_are_those_of_systemd():
    recorded = json.loads((Path(__file__).parent / "conformance/user/answers.json").read_text())["units"]
    assert [path.name for path in user_fragments()] == recorded
