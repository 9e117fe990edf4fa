"""What enabling the units of Debian's server packages did under a real systemd 252, and does here."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from initd.cli.unitfiles import VERBS, UnitFileOptions
from initd.shell.unitlinks import UnitLinks, file_state, list_unit_files

REPOSITORY = Path(__file__).resolve().parents[2]
RECORDED = REPOSITORY.parent / "shared" / "conformance"
PACKAGES = sorted(path.parent.name for path in RECORDED.glob("units/*/system"))

pytestmark = pytest.mark.skipif(not PACKAGES, reason="the recorded package units are not beside the checkout")


@pytest.fixture
def root(tmp_path, request):
    """A root with the package's units beside pyinit's own; `etc` as it is before anything was enabled."""
    package = request.param
    system = tmp_path / "lib/systemd/system"
    (tmp_path / "etc/systemd/system").mkdir(parents=True)
    shutil.copytree(REPOSITORY / "units", system, symlinks=True)
    preset = tmp_path / "lib/systemd/system-preset"
    preset.mkdir()
    (system / "90-pyinit.preset").rename(preset / "90-pyinit.preset")
    shutil.copytree(RECORDED / "units" / package / "system", system, symlinks=True, dirs_exist_ok=True)
    # Packages of Debian's base were there, and enabled, when the recording began.
    enabled = [name for name, state in states(package).items() if state == "enabled" and (system / name).exists()]
    if enabled:
        VERBS["enable"](enabled, UnitFileOptions(root=str(tmp_path), is_quiet=True))
    return package, tmp_path


def states(package: str) -> dict[str, str]:
    path = RECORDED / "golden" / package / "_list-unit-files.txt"
    return dict(line.split()[:2] for line in path.read_text().splitlines()) if path.is_file() else {}


def blocks(package: str) -> list[tuple[str, str, list[str]]]:
    """(verb, unit, what was said and found) of each command in _enable.txt."""
    found: list[tuple[str, str, list[str]]] = []
    path = RECORDED / "golden" / package / "_enable.txt"
    for line in path.read_text().splitlines() if path.is_file() else ():
        if line.startswith("## systemctl "):
            verb, unit = line.split()[2:4]
            found.append((verb, unit, []))
        else:
            found[-1][2].append(line)
    return found


@pytest.mark.parametrize("root", PACKAGES, indirect=True)
def test_enable_and_disable_make_the_recorded_links(root, capfdbinary, monkeypatch):
    monkeypatch.setenv("SYSTEMCTL_SKIP_SYSV", "1")
    package, directory = root
    options = UnitFileOptions(root=str(directory))
    for verb, unit, said in blocks(package):
        if any("not a native service" in line for line in said):
            continue  # there is only an init script
        code = VERBS[verb]([unit], options)
        text = capfdbinary.readouterr().err.decode().replace(str(directory), "")
        about_links = [line for line in text.splitlines() if line.startswith(("Created symlink", "Removed"))]
        assert sorted(about_links) == sorted(line for line in said if line.startswith(("Created symlink", "Removed")))
        assert ("no installation config" in text) == any("no installation config" in line for line in said)
        assert f"rc={code}" in said
        for line in said:
            if line.startswith("is-enabled: "):
                assert file_state(unit, str(directory)) == line.split()[1], unit


@pytest.mark.parametrize("root", PACKAGES, indirect=True)
def test_states_before_anything_is_enabled(root):
    package, directory = root
    # Links were copied as files; and an instance of postfix@.service was wanted by a link of postfix's generator.
    recorded = {name: state for name, state in states(package).items()
                if state not in ("alias", "masked") and name != "postfix@.service"}
    found = {name: state for name, _, state in list_unit_files(UnitLinks(str(directory)))}
    shipped = {item.name for item in (RECORDED / "units" / package / "system").iterdir()}
    compared = recorded.keys() & shipped
    assert {name: found[name] for name in compared} == {name: recorded[name] for name in compared}
