"""Which files make up a unit: systemd.unit(5), UNIT FILE LOAD PATH.

Answers with paths and texts; what they mean is `core.load`'s business. All paths are paths below `root`, and links with
absolute targets are followed below it too. Every directory is listed once and remembered until `forget()`.

The rules were tried against a real systemd 252: the first entry of a name in the search path decides, a directory of
that name does not count, a link into the search path is an alias, a link to anywhere else is the unit itself, a
dangling one hides what comes later. Of drop-ins with the same file name, that of the earlier directory of the search
path wins, before the more specific one; the type's own (service.d) come last.
"""

from __future__ import annotations

import errno
import os
import stat

from initd.core import unitname
from initd.core.dependency import Dependency
from initd.core.places import SYSTEM_UNIT_PATH
from initd.core.settings import UnitDefinition
from initd.core.sources import UnitFiles, UnitText
from initd.core.states import LoadState

#: In the search path they are, wherever the manager has them.
_GENERATED = ("/systemd/generator.early", "/systemd/generator", "/systemd/generator.late")
_TRANSIENT = "/systemd/transient"
_SUBDIRS = (".d", ".wants", ".requires", ".upholds")
_LINK_DIRS = ((".wants", Dependency.WANTS), (".requires", Dependency.REQUIRES), (".upholds", Dependency.UPHOLDS))
#: How many links lead to a unit at most, as in systemd.
_MAX_ALIASES = 8
_MAX_LINKS = 40


class _Entry:
    """What the first directory that has the name says about it: a file, an alias of another name, or a mask."""

    __slots__ = ("path", "alias_of", "is_masked")

    def __init__(self, path: str, alias_of: str = "", is_masked: bool = False) -> None:
        self.path = path
        self.alias_of = alias_of
        self.is_masked = is_masked


class UnitDirs:
    """The unit files below `root`, as they were when each directory was first looked at."""

    def __init__(self, root: str = "/", search_path: tuple[str, ...] = SYSTEM_UNIT_PATH) -> None:
        self.root = root.rstrip("/")
        self.search_path = search_path
        self.forget()

    def forget(self) -> None:
        """Look at the directories again (daemon-reload)."""
        self._entries: dict[str, _Entry] | None = None
        #: Name of a drop-in or link directory → (place in the search path, path) of each there is.
        self._subdirs: dict[str, list[tuple[int, str]]] = {}
        self._searched: set[str] = set()
        self._aliases: dict[str, list[str]] = {}
        self._stamps: dict[str, int] = {}
        self._files: dict[str, list[tuple[str, bool]]] = {}
        #: `_dropin_names` of the names that `read` is about: it asks once a kind of directory.
        self._stems: dict[str, list[str]] = {}
        #: Directory → the same with all links followed.
        self._real_directories: dict[str, str] = {}

    # --- questions ------------------------------------------------------------------------------------------------

    def unit_names(self) -> list[str]:
        """Every name on disk, templates and aliases included, sorted."""
        return sorted(self._scan())

    def path_of(self, name: str) -> str:
        """Where the entry of this very name is, links not followed; empty where there is none."""
        entry = self._scan().get(name)
        return entry.path if entry is not None else ""

    def read(self, name: str) -> UnitFiles:
        """Everything on disk about the unit that answers to this name. Its primary name is the answer's `name`."""
        primary, entry = self._resolve(name)
        self._stems.clear()
        if entry is None:
            return UnitFiles(name, (name,), links=self._read_links((name,)))
        names = self._names_of(primary, name)
        dropins = tuple(text for path in self.dropin_paths(names) if (text := self._read_text(path)) is not None)
        links = self._read_links(names)
        if entry.is_masked:
            return UnitFiles(primary, names, UnitText(entry.path, ""), dropins, links, is_masked=True)
        directory = entry.path.rpartition("/")[0]
        found = UnitFiles(
            primary, names, None, dropins, links,
            is_generated=directory.endswith(_GENERATED),
            is_transient=directory.endswith(_TRANSIENT),
        )
        try:
            fragment = self._read_file(entry.path)
        except FileNotFoundError:
            return found
        except OSError as error:
            return found.replace(fragment=UnitText(entry.path, ""), load_error=error.strerror or str(error),
                                 load_errno=error.errno or errno.EIO)
        # An empty file masks the unit, as a link to /dev/null does.
        return found.replace(fragment=fragment, is_masked=not fragment.text)

    def dropin_paths(self, names: tuple[str, ...]) -> list[str]:
        """The drop-ins of a unit with these names, the primary one first, in the order they apply."""
        self._scan()
        chosen: dict[str, str] = {}
        for directory in self._directories(names, ".d", with_type=True):
            for file_name, _ in self._list(directory):
                if file_name.endswith(".conf") and not file_name.startswith("."):
                    chosen.setdefault(file_name, f"{directory}/{file_name}")
        return [chosen[file_name] for file_name in sorted(chosen, key=os.fsencode)]

    def needs_reload(self, definition: UnitDefinition) -> bool:
        """Whether the files of a unit have changed since they were read (NeedDaemonReload=)."""
        fragment_path, dropin_paths = definition.fragment_path, definition.dropin_paths
        if fragment_path and definition.load_state is LoadState.MASKED:
            if not self._is_mask(fragment_path):
                return True
        elif self._is_changed(fragment_path, definition.mtime_usec):
            return True
        if self._is_changed(definition.source_path, definition.source_mtime_usec):
            return True
        if any(self._is_changed(path, definition.mtime_usec) for path in dropin_paths):
            return True
        if not self.has_changed():
            return False
        fresh = UnitDirs(self.root or "/", self.search_path)
        primary, entry = fresh._resolve(definition.name)
        if entry is None:
            return bool(fragment_path)
        return entry.path != fragment_path or tuple(
            fresh.dropin_paths(fresh._names_of(primary, definition.name))) != dropin_paths

    def has_changed(self) -> bool:
        """Whether there is something new in the directories since they were looked at."""
        return any(_mtime_ns(self.root + directory) != stamp for directory, stamp in self._stamps.items())

    def _is_changed(self, path: str, mtime_usec: int) -> bool:
        """The file is newer, or gone. No path, no change."""
        if not path:
            return False
        try:
            return os.stat(self.real(path)).st_mtime_ns // 1000 > mtime_usec
        except OSError:
            return True

    def _is_mask(self, path: str) -> bool:
        try:
            found = os.stat(self.real(path))
        except OSError:
            return False
        return not stat.S_ISREG(found.st_mode) or not found.st_size

    def mtime_usec(self, path: str) -> int:
        """When a file was last changed; 0 where there is none."""
        return _mtime_ns(self.real(path)) // 1000

    # --- names ------------------------------------------------------------------------------------------------------

    def _scan(self) -> dict[str, _Entry]:
        if self._entries is None:
            try:
                return self._look()
            except Exception:
                self.forget()  # half of what is there is worse than nothing
                raise
        return self._entries

    def _look(self) -> dict[str, _Entry]:
        entries: dict[str, _Entry] = {}
        self._entries = entries
        seen: set[str] = set()
        places = [(directory, self._chase(directory)) for directory in self.search_path]
        self._searched.update(*places)
        for rank, (directory, real) in enumerate(places):
            self._stamps[directory] = _mtime_ns(self.root + real)
            try:
                listing = sorted(os.scandir(self.root + real or "/"), key=lambda item: item.name)
            except OSError:
                continue  # Most of the directories are not there; one that cannot be listed has no units for us.
            for item in listing:
                if item.name.endswith(_SUBDIRS):
                    if real not in seen:
                        path = self._chase(f"{real}/{item.name}")
                        self._subdirs.setdefault(item.name, []).append((rank, path))
                elif item.name not in entries and unitname.is_valid(item.name):
                    entry = self._entry(directory, item)
                    if entry is not None:
                        entries[item.name] = entry
            seen.add(real)
        self._find_aliases(entries)
        return entries

    def _entry(self, directory: str, item: os.DirEntry[str]) -> _Entry | None:
        path = f"{directory}/{item.name}"
        if not item.is_symlink():
            return _Entry(path) if item.is_file(follow_symlinks=False) else None
        try:
            target = os.readlink(item.path)
        except OSError:
            return None
        target = os.path.normpath(target if target.startswith("/") else f"{directory}/{target}")
        if target == "/dev/null":
            return _Entry(path, is_masked=True)
        base_directory, _, base = target.rpartition("/")
        if base_directory not in self._searched and self._chase(base_directory) not in self._searched:
            return _Entry(path)
        if base == item.name:
            return None  # A link to the same name elsewhere in the search path: it is found there.
        return _Entry(path, alias_of=base) if _may_be_alias(item.name, base) else None

    def _resolve(self, name: str) -> tuple[str, _Entry | None]:
        """The primary name behind a name, and its entry; None where there is none."""
        entries = self._scan()
        current = name
        for _ in range(_MAX_ALIASES):
            entry = entries.get(current)
            if entry is None and unitname.is_instance(current):
                entry = entries.get(unitname.template_of(current))
            if entry is None:
                return name, None
            if not entry.alias_of:
                return current, entry
            if unitname.is_template(entry.alias_of) and unitname.is_instance(current):
                current = unitname.instantiate(entry.alias_of, unitname.instance(current))
            else:
                current = entry.alias_of
        return name, None

    def _find_aliases(self, entries: dict[str, _Entry]) -> None:
        for name, entry in entries.items():
            if entry.alias_of:
                primary, found = self._resolve(name)
                if found is not None and primary != name:
                    self._aliases.setdefault(primary, []).append(name)

    def _names_of(self, primary: str, asked: str) -> tuple[str, ...]:
        """All names of a unit, the primary one first."""
        names = {primary: None, asked: None} | dict.fromkeys(self._aliases.get(primary, ()))
        if unitname.is_instance(primary):
            instance = unitname.instance(primary)
            for alias in self._aliases.get(unitname.template_of(primary), ()):
                if unitname.is_template(alias):
                    names[unitname.instantiate(alias, instance)] = None
        return (primary, *sorted(set(names) - {primary}))

    # --- drop-ins and links --------------------------------------------------------------------------------------

    def _directories(self, names: tuple[str, ...], suffix: str, with_type: bool) -> list[str]:
        """Every directory that applies to these names, the one that wins first."""
        out: dict[str, None] = {}
        for name in names:
            stems = self._stems.get(name)
            if stems is None:
                stems = self._stems[name] = _dropin_names(name)
            for path in self._in_search_order(stems, suffix):
                out[path] = None
        if with_type:
            for path in self._in_search_order([unitname.unit_type(names[0]).value], suffix):
                out[path] = None
        return list(out)

    def _in_search_order(self, stems: list[str], suffix: str) -> list[str]:
        """Directories of these names: by place in the search path first, by specificity second."""
        there = self._subdirs
        found = [
            (rank, position, path)
            for position, stem in enumerate(stems) if stem + suffix in there
            for rank, path in there[stem + suffix]
        ]
        return [path for _, _, path in sorted(found)]

    def _read_links(self, names: tuple[str, ...]) -> tuple[tuple[Dependency, str], ...]:
        self._scan()
        found: dict[tuple[Dependency, str], None] = {}
        for suffix, kind in _LINK_DIRS:
            chosen: dict[str, bool] = {}
            for directory in self._directories(names, suffix, with_type=False):
                for file_name, is_link in self._list(directory):
                    chosen.setdefault(file_name, is_link and not self._is_null(f"{directory}/{file_name}"))
            for file_name in sorted(chosen):
                if chosen[file_name] and unitname.is_valid(file_name):
                    found[kind, _instantiated(file_name, names[0])] = None
        return tuple(found)

    def link_to(self, names: tuple[str, ...], kind: Dependency, others: frozenset[str]) -> str:
        """The link by which a unit with these names, the primary one first, has such a dependency; "" where there is none."""
        for suffix, each in _LINK_DIRS if self._scan() is not None else ():
            for directory in self._directories(names, suffix, with_type=False) if each is kind else ():
                for file_name, is_link in self._list(directory):
                    if is_link and unitname.is_valid(file_name) and _instantiated(file_name, names[0]) in others:
                        return f"{directory}/{file_name}"
        return ""

    def _list(self, directory: str) -> list[tuple[str, bool]]:
        """The names in a directory, and whether each is a link."""
        listing = self._files.get(directory)
        if listing is None:
            self._stamps[directory] = _mtime_ns(self.root + directory)
            try:
                listing = sorted((item.name, item.is_symlink()) for item in os.scandir(self.root + directory))
            except OSError:
                listing = []  # A directory that went away, or a file of that name: nothing applies.
            self._files[directory] = listing
        return listing

    def _is_null(self, path: str) -> bool:
        try:
            return os.path.normpath(os.readlink(self.root + path)) == "/dev/null"
        except OSError:
            return False

    # --- files ----------------------------------------------------------------------------------------------------

    def _read_text(self, path: str) -> UnitText | None:
        """A drop-in's text, empty where it is a mask; None where it cannot be read."""
        try:
            return self._read_file(path)
        except OSError:
            return None

    def _read_file(self, path: str) -> UnitText:
        directory, _, name = path.rpartition("/")
        real = self._real_directories.get(directory)
        if real is None:
            real = self._real_directories[directory] = self._chase(directory)
        flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK
        try:
            fd = os.open(f"{self.root}{real}/{name}", flags | os.O_NOFOLLOW)
        except OSError as error:
            if error.errno != errno.ELOOP:
                raise
            real = self._chase(path)
            if real == "/dev/null":
                return UnitText(path, "")
            fd = os.open(self.root + real, flags)
        try:
            status = os.fstat(fd)
            if not stat.S_ISREG(status.st_mode):
                raise OSError(errno.EINVAL, "Not a regular file")
            chunks = []
            while chunk := os.read(fd, max(status.st_size + 1, 1 << 12)):
                chunks.append(chunk)
        finally:
            os.close(fd)
        text = b"".join(chunks).decode("utf-8", "surrogateescape")
        return UnitText(path, text, status.st_mtime_ns // 1000)

    def real(self, path: str) -> str:
        """Where a path below the root is in truth, root included; links are followed below the root."""
        return self.root + self._chase(path)

    def _chase(self, path: str) -> str:
        """The path with all links followed, below the root. What is not there stays as it is written."""
        if not self.root:
            return os.path.realpath(path)
        done: list[str] = []
        todo = path.split("/")[::-1]
        links = 0
        while todo:
            part = todo.pop()
            if part in ("", "."):
                continue
            if part == "..":
                done[-1:] = []
                continue
            try:
                target = os.readlink(f"{self.root}/{'/'.join(done)}/{part}")
            except OSError:
                done.append(part)
                continue
            links += 1
            if links > _MAX_LINKS:
                return path
            if target.startswith("/"):
                done = []
            todo.extend(target.split("/")[::-1])
        return "/" + "/".join(done)


def _dropin_names(name: str) -> list[str]:
    """The names whose directories apply to a unit: foo-bar@x, foo-@x, foo-bar@, foo-@ (systemd.unit(5))."""
    suffix = name.rpartition(".")[2]
    stem = unitname.prefix(name)
    prefixes = [stem]
    while "-" in stem[:-1]:
        stem = stem[:stem.rindex("-", 0, len(stem) - 1) + 1]
        prefixes.append(stem)
    if unitname.is_instance(name):
        instance = unitname.instance(name)
        return [f"{prefix}@{instance}.{suffix}" for prefix in prefixes] + [f"{prefix}@.{suffix}" for prefix in prefixes]
    at = "@" if unitname.is_template(name) else ""
    return [f"{prefix}{at}.{suffix}" for prefix in prefixes]


def _may_be_alias(name: str, target: str) -> bool:
    """Whether systemd takes a link of this name to that name: same type, and templates only for instances."""
    if not unitname.is_valid(target) or name.rpartition(".")[2] != target.rpartition(".")[2]:
        return False
    if unitname.is_template(target):
        return unitname.is_template(name) or unitname.is_instance(name)
    if unitname.is_instance(target):
        return unitname.is_instance(name) and unitname.instance(name) == unitname.instance(target)
    return not unitname.is_template(name) and not unitname.is_instance(name)


def _instantiated(name: str, own: str) -> str:
    """A template that a unit wants becomes the instance of the unit's own name."""
    if not unitname.is_template(name):
        return name
    return unitname.instantiate(name, unitname.instance(own) or unitname.prefix(own))


def _mtime_ns(path: str) -> int:
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return 0
