"""A unit's name → what its files say, and what becomes of that in this container.

Joins `shell.unitdirs`, which finds and reads, and `unitcache`, which understands or remembers; where X-Strict= or --strict want
it, a unit of which not all would be applied is refused here.
"""

from __future__ import annotations

from initd.core import mountpoint
from initd.core.mounted import mounted_unit
from initd.core.mountpoint import MountPoint
from initd.core.places import SYSTEM, Places
from initd.core.settings import DependencyEntry, UnitDefinition
from initd.core.sources import Allowed, LoadFacts, UnitFiles
from initd.core.unit import Unit
from initd.shell import allowed
from initd.shell.limits import ContainerLimits
from initd.shell.unitdirs import UnitDirs
from initd.unitcache import UnitCache

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from initd.core.graph import Graph


class UnitReader:
    """`facts` changes with system.conf. `helper` tries what the container allows, when somebody wants to know. `cache`
    knows what files said before."""

    def __init__(
        self, dirs: UnitDirs, facts: LoadFacts, container: ContainerLimits, helper: str, is_strict: bool,
        places: Places = SYSTEM, cache: UnitCache | None = None,
    ) -> None:
        self._directories = places.directories
        self.dirs = dirs
        self.facts = facts
        self._container = container
        self._helper = helper
        self._is_strict = is_strict
        self._cache = UnitCache("") if cache is None else cache
        self._allowed: Allowed | None = None
        #: What is mounted, by the unit's name: a unit without a file says what it is.
        self.mounted: dict[str, MountPoint] = {}

    def read(self, name: str) -> UnitDefinition:
        files = self.dirs.read(name)
        mounted = self.mounted.get(files.name) if files.fragment is None else None
        if mounted is not None and mounted.where != "/":
            # The table is newer than any reading of it.
            definition = mounted_unit(mounted, files, self.facts)
        else:
            definition = self._read_files(files)
        if definition.unit.requires_mounts_for:
            more = self._mounts_needed(definition)
            definition = definition.replace(dependencies=(*definition.dependencies, *more)) if more else definition
        return definition

    def _mounts_needed(self, definition: UnitDefinition) -> list[DependencyEntry]:
        """Of all the mount units that RequiresMountsFor= could mean, those that are there."""
        names = dict.fromkeys(
            name for path in definition.unit.requires_mounts_for for name in mountpoint.units_at(path)[1:])
        more: list[DependencyEntry] = []
        for name in names:
            has_file = bool(self.dirs.path_of(name)) and not self.dirs.read(name).is_masked
            if has_file or name in self.mounted:
                more += mountpoint.needs(definition, name, has_file)
        return [entry for entry in more if entry not in definition.dependencies]

    def _read_files(self, files: UnitFiles) -> UnitDefinition:
        definition = self._cache.load(files, self.facts)
        if definition.source_path:
            definition = definition.replace(source_mtime_usec=self.dirs.mtime_usec(definition.source_path))
        return self._refuse_if_strict(files, definition)

    def fates_of(self, unit: Unit) -> Sequence[object]:
        """What becomes of each directive of a unit; asked for by people, and imported then."""
        from initd.core import unitfates

        return unitfates.judge_unit(self.dirs.read(unit.name), unit.definition, self._probed())

    def pack(self, graph: Graph, words: Sequence[str]) -> bytes:
        """All that is loaded, and what it was read with: for `pyinit diff`."""
        import marshal

        from initd.core.saved import dump

        return marshal.dumps({
            "units": {unit.name: dump(unit.definition) for unit in graph.by_name.values()},
            "up": [unit.name for unit in graph.units.values() if not unit.active_state.is_down],
            "files": self.dirs.unit_names(),
            "container": dump(self._container),
            "words": list(words),
        })

    def whence(self) -> object:
        """Where files say what (`core.whence.Whence`); as they are now."""
        from initd.core.whence import Whence

        dirs = UnitDirs(self.dirs.root or "/", self.dirs.search_path)
        return Whence(dirs.read, dirs.link_to)

    def _probed(self) -> Allowed:
        if self._allowed is None:
            self._allowed = allowed.probe(self._container, self._helper, self._directories)
        return self._allowed

    def _refuse_if_strict(self, files: UnitFiles, definition: UnitDefinition) -> UnitDefinition:
        texts = (files.fragment, *files.dropins)
        if not self._is_strict and not any(text is not None and "X-Strict" in text.text for text in texts):
            return definition
        from initd.core import unitfates

        if not unitfates.is_strict(files, self._is_strict):
            return definition
        return unitfates.refuse(definition, unitfates.judge_unit(files, definition, self._probed()))
