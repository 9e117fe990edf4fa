"""The unit files below a root, as `core.install` and its kin ask for them, and their plans carried out.

Works with no init running and below any root: nothing is assumed but files. All paths are below the root.
"""

from __future__ import annotations

import os

from initd.core import unitname
from initd.core.globs import matches
from initd.core.lookup import unit_file_state
from initd.core.places import SYSTEM, Places
from initd.core.presets import Rule, parse_presets, preset_of
from initd.core.states import UnitFileState
from initd.core.unitfiles import Impossible, Link, LinkChange, Note, Occupant, Origin, Plan, Trouble, UnitFile
from initd.core.values import Diagnostic
from initd.shell.unitdirs import UnitDirs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from initd.core.sources import LoadFacts

#: Preset files are beside the units: <directory>-preset.
_PRESET_PARENTS = ("/etc/systemd", "/run/systemd", "/usr/local/lib/systemd", "/usr/lib/systemd", "/lib/systemd")


class UnitLinks:
    """`core.unitfiles.UnitFilesView` of a manager's units; `with_generated`: those that generators have made, too."""

    def __init__(self, root: str = "/", places: Places = SYSTEM, with_generated: bool = True) -> None:
        self.root = root.rstrip("/")
        self.places = places
        self.search_path = places.unit_path if with_generated else places.native_unit_path
        self.config_directory = places.config_units
        self.runtime_directory = places.runtime_units
        self._dirs = UnitDirs(root, self.search_path)
        #: Search directory → where it really is; each place once.
        self._real_places: dict[str, str] = {}
        for directory in self.search_path:
            real = self._dirs.real(directory)
            if real not in self._real_places.values() and os.path.isdir(real):
                self._real_places[directory] = real
        self._found: dict[str, UnitFile | None] = {}

    @property
    def writable_directories(self) -> tuple[str, ...]:
        """The administrator's part of the search path, what lasts first."""
        return tuple(directory for directory in self.search_path
                     if directory.startswith((self.config_directory, self.runtime_directory)))

    @property
    def enabling_directories(self) -> tuple[tuple[str, Origin], ...]:
        origins = ((directory, self._origin(directory)) for directory in self._real_places)
        return tuple((directory, origin) for directory, origin in origins if origin is not Origin.VENDOR)

    def is_searched(self, directory: str) -> bool:
        return directory in self.search_path or self._dirs.real(directory) in self._real_places.values()

    # --- what plans ask for ----------------------------------------------------------------------------------------

    def find(self, name: str) -> UnitFile | None:
        if name not in self._found:
            self._found[name] = next(
                (file for directory in self._real_places if (file := self.find_in(directory, name)) is not None), None
            )
        return self._found[name]

    def find_in(self, directory: str, name: str) -> UnitFile | None:
        path = f"{directory}/{name}"
        real = f"{self._dirs.real(directory)}/{name}"
        origin = self._origin(directory)
        try:
            target = os.path.normpath(os.path.join(directory, os.readlink(real)))
        except OSError:
            if not os.path.isfile(real):
                return None
            return UnitFile(name, path, origin, is_masked=os.stat(real).st_size == 0)
        if target == "/dev/null":
            return UnitFile(name, path, origin, is_masked=True)
        parent, _, base = target.rpartition("/")
        if not self.is_searched(parent):
            is_missing = not os.path.isfile(self._dirs.real(target))
            alias_of = base if base != name and unitname.is_valid(base) else ""
            return UnitFile(name, path, origin, alias_of=alias_of, linked_to=target, is_missing=is_missing)
        return UnitFile(name, path, origin, alias_of=base)

    def _origin(self, directory: str) -> Origin:
        if "/generator" in directory:
            return Origin.GENERATOR
        if directory.endswith("/transient"):
            return Origin.TRANSIENT
        places = self.places
        if directory.startswith("/etc/") or directory in (places.config_units, places.config_control):
            return Origin.CONFIG
        is_runtime = directory.startswith("/run/") or directory in (places.runtime_units, places.runtime_control)
        return Origin.RUNTIME if is_runtime else Origin.VENDOR

    def names(self) -> Iterator[str]:
        seen = set()
        for real in self._real_places.values():
            for name in sorted(os.listdir(real)):
                if name not in seen and unitname.is_valid(name) and self.find(name) is not None:
                    seen.add(name)
                    yield name

    def texts(self, file: UnitFile, names: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
        paths = [file.path, *self._dirs.dropin_paths(names)]
        return tuple((self.root + path, text) for path in paths if (text := self._read(path)) is not None)

    def _read(self, path: str) -> str | None:
        try:
            with open(self._dirs.real(path), encoding="utf-8", errors="surrogateescape") as stream:
                return stream.read()
        except OSError:
            return None  # gone, or not for us: it says nothing

    def occupant(self, path: str) -> Occupant | None:
        real = self._real_entry(path)
        try:
            return Occupant(os.path.normpath(os.path.join(os.path.dirname(path), os.readlink(real))))
        except OSError:
            return Occupant(is_directory=os.path.isdir(real)) if os.path.lexists(real) else None

    def _real_entry(self, path: str) -> str:
        """Where the entry itself is: links on the way to it are followed, it is not."""
        parent, _, name = path.rpartition("/")
        return f"{self._dirs.real(parent)}/{name}"

    def links_in(self, directory: str) -> Iterator[Link]:
        """Every link in the directory and in the directories in it. What is no link costs nothing: a listing tells."""
        for path, entry in self._entries(directory):
            if entry.is_symlink():
                yield from self._link(path, entry)
            elif entry.is_dir():
                for inner_path, inner in self._entries(path):
                    if inner.is_symlink():
                        yield from self._link(inner_path, inner)

    def _entries(self, directory: str) -> list[tuple[str, os.DirEntry[str]]]:
        try:
            with os.scandir(self._dirs.real(directory)) as found:
                return [(f"{directory}/{entry.name}", entry) for entry in sorted(found, key=lambda entry: entry.name)]
        except OSError:
            return []  # nothing there is nothing in it

    def _link(self, path: str, entry: os.DirEntry[str]) -> Iterator[Link]:
        try:
            target = os.readlink(entry.path)
        except OSError:
            return  # gone meanwhile
        yield Link(path, os.path.normpath(os.path.join(os.path.dirname(path), target)))

    def files_in(self, directory: str) -> list[str]:
        try:
            return sorted(os.listdir(self._dirs.real(directory)))
        except OSError:
            return []  # nothing there is nothing in it

    def is_same_file(self, one: str, other: str) -> bool:
        return self._dirs.real(one) == self._dirs.real(other)

    def facts(self) -> LoadFacts:
        from initd.core.conditions import ARCHITECTURES
        from initd.core.sources import LoadFacts

        system = os.uname()
        return LoadFacts(
            hostname=system.nodename,
            machine_id=(self._read("/etc/machine-id") or "").strip(),
            kernel_release=system.release,
            architecture=ARCHITECTURES.get(system.machine, system.machine),
        )

    # --- presets -----------------------------------------------------------------------------------------------------

    def preset_rules(self) -> tuple[tuple[Rule, ...], tuple[Diagnostic, ...]]:
        """The rules of all preset files; of two files of one name the one in the earlier directory counts."""
        chosen: dict[str, str] = {}
        for parent in _PRESET_PARENTS:
            directory = f"{parent}/{self.places.preset_kind}-preset"
            for name in self.files_in(directory):
                if name.endswith(".preset"):
                    chosen.setdefault(name, f"{directory}/{name}")
        texts = ((self.root + chosen[name], self._read(chosen[name]) or "") for name in sorted(chosen))
        return parse_presets(texts)

    # --- the plan, done ----------------------------------------------------------------------------------------------

    def perform(self, plan: Plan) -> Plan:
        """Carry out the changes. The same plan, with what did not work as notes in the place of the changes."""
        done: list[LinkChange | Note] = []
        for step in plan.steps:
            if isinstance(step, LinkChange):
                try:
                    self._change(step)
                except OSError as error:
                    text = error.strerror or str(error)
                    step = Note(Trouble.SYSTEM, step.path.rpartition("/")[2], step.path, text)
            done.append(step)
        self._found.clear()
        self._dirs.forget()
        return plan.replace(steps=tuple(done))

    def _change(self, change: LinkChange) -> None:
        real = self._real_entry(change.path)
        if change.kind == "symlink":
            os.makedirs(os.path.dirname(real), exist_ok=True)
            os.symlink(change.target, real)
            return
        try:
            if os.path.isdir(real) and not os.path.islink(real):
                return os.rmdir(real)
            os.unlink(real)
        except FileNotFoundError:
            return  # went with the last file in it, or by another hand
        parent = change.path.rpartition("/")[0]
        if parent not in self.search_path:
            try:
                os.rmdir(os.path.dirname(real))
            except OSError:
                pass  # not empty yet


def file_state(name: str, root: str = "/", places: Places = SYSTEM) -> str:
    """The word of `systemctl is-enabled` for a unit; empty where there is no such file."""
    try:
        return unit_file_state(UnitLinks(root, places), name).value
    except Impossible:
        return ""


def preset_state(name: str, root: str = "/", places: Places = SYSTEM) -> str:
    """"enabled" or "disabled", as preset rules have it."""
    rules, _ = UnitLinks(root, places).preset_rules()
    return "enabled" if preset_of(rules, name).is_enable else "disabled"


def list_unit_files(
    links: UnitLinks, patterns: Sequence[str] = (), tell: Callable[[Note], None] = lambda note: None
) -> Iterator[tuple[str, str, str]]:
    """(name, path, state) of every unit file that matches, by type and name; the state is "bad" where there is none."""
    for name in sorted(links.names(), key=lambda name: (name.rpartition(".")[2], name)):
        file = links.find(name)
        if file is not None and (not patterns or any(matches(name, pattern) for pattern in patterns)):
            yield name, file.path, _state(links, name, tell).value


def _state(links: UnitLinks, name: str, tell: Callable[[Note], None]) -> UnitFileState:
    try:
        return unit_file_state(links, name, tell)
    except Impossible:
        return UnitFileState.BAD
