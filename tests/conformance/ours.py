"""Our answer to `systemctl show --all UNIT`, for units below a directory: the real loader, graph, API and formatting."""

from __future__ import annotations

import shutil
from pathlib import Path

from initd.cli import property_format
from initd.core.answers import Return
from initd.core.objectpath import unit_path
from initd.core.sources import LoadFacts
from initd.shell import unitlinks
from tests.api_manager import FakeFacts, FakeManager

UNITS = Path(__file__).resolve().parents[2] / "units"


def write_units(root: Path) -> None:
    """The project's own units and presets, where its package puts them."""
    place = root / "usr/lib/systemd/system"
    shutil.copytree(UNITS, place, symlinks=True)
    (root / "lib").symlink_to("usr/lib")
    (root / "usr/lib/systemd/system-preset").mkdir()
    for preset in place.glob("*.preset"):
        preset.rename(root / "usr/lib/systemd/system-preset" / preset.name)


class Answers(FakeManager):
    """One root and the facts of one machine; asking loads what is asked about, and all it mentions."""

    def __init__(self, root: Path, facts: LoadFacts) -> None:
        super().__init__(root, facts)
        self.view = self.view.replace(facts=_Facts(self))

    def write_base(self) -> None:
        """The root's own targets: nothing is there but what the caller put there."""

    def show(self, name: str) -> dict[str, list[str]]:
        """Property → the lines printed for it. The unit is loaded for that, and what was loaded before is forgotten."""
        self.engine.collect_garbage(self.now())
        found = self.call(unit_path(name), "org.freedesktop.DBus.Properties", "GetAll", "s", "")
        assert isinstance(found, Return), found
        out = {}
        for prop, (signature, value) in found.values[0].items():
            lines = property_format.lines_of(prop, signature, value)
            if lines:
                out[prop] = lines
        return out


class _Facts(FakeFacts):
    def unit_file_state(self, unit):
        path = unit.definition.fragment_path
        return unitlinks.file_state(unit.name, str(self._manager.root)) if path else ""

    def unit_file_preset(self, unit):
        path = unit.definition.fragment_path
        return unitlinks.preset_state(unit.name, str(self._manager.root)) if path else ""

    def needs_reload(self, unit):
        return self._manager.dirs.needs_reload(unit.definition)
