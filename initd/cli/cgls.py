"""`systemd-cgls`: the processes of this system by control group, as a tree (systemd-cgls(1)).

Where the container lets the manager write to a cgroup tree, that one is read. Where it does not, the units have no groups,
and the manager is asked which processes are whose: the same tree, without ids and attributes.
"""

from __future__ import annotations

import os
import sys
from errno import EBADR, EINVAL, ENOENT

from initd.cli.bus import MANAGER, MANAGER_PATH, SYSTEMD, Bus, BusError, NotRunning
from initd.cli.cgroup_tree import Group, Wanted, draw, find_controller, find_root, gather, read
from initd.cli.getopt import boolean, parse
from initd.cli.managers import chosen
from initd.cli.names import is_glob, mangle
from initd.cli.options import UsageError
from initd.cli.output import complain, complain_behind, is_answered
from initd.core.objectpath import unit_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from initd.core.places import Places

    Processes = list[tuple[str, int, str]]

_LONG = {
    "help": "", "version": "", "no-pager": "", "all": "", "full": "", "kernel": "", "unit": "?", "user-unit": "?",
    "xattr": "=", "cgroup-id": "=", "machine": "=",
}  # fmt: skip
_SHORT = {"h": "help", "a": "all", "l": "full", "k": "kernel", "u": "unit", "M": "machine"}
_HELP = """\
systemd-cgls [OPTIONS...] [CGROUP...]
systemd-cgls [OPTIONS...] --unit [UNIT...]

Show control groups and what runs in them, as a tree.

Options:
  -u --unit            The groups of these units
     --user-unit       The groups of these units of your own manager
  -a --all             Empty groups as well
  -l --full            Do not cut lines
  -k                   Kernel threads as well
     --xattr=BOOL      Extended attributes of groups (default: yes)
     --cgroup-id=BOOL  Ids of groups (default: yes)
     --no-pager        (nothing is ever piped into one)
  -h --help            Show this help
     --version         Show the version
"""
_MOUNTS = "/sys/fs/cgroup"


class _Failure(Exception):
    """What could not be shown; an errno."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def main(arguments: list[str]) -> int:
    """The exit status. `arguments` without the program's name."""
    wanted = Wanted()
    units: list[str] | None = None
    scope = "system"
    try:
        given, words = parse(arguments, "systemd-cgls", _LONG, _SHORT)
        for name, value in given:
            if is_answered((name,), _HELP):
                return 0
            scope = "user" if name == "user-unit" else scope
            if name in ("unit", "user-unit"):
                units = (units or []) + ([value] if value else [])
            _apply(wanted, name, value)
        if units is not None:
            units = [_unit(word) for word in (units + words)]
    except UsageError as problem:
        complain(str(problem))
        return 1
    wanted.width = 0 if wanted.width == 0 else _columns()
    try:
        return _show(_Shown(wanted, chosen(scope)), units, words)
    except NotRunning as problem:
        complain(f"Failed to connect to bus: {problem.text}")
        return 1


def _apply(wanted: Wanted, name: str, value: str) -> None:
    if name in ("xattr", "cgroup-id"):
        said = boolean(value)
        if said is None:
            raise UsageError(f"Failed to parse --{name}= value: {value}")
        if name == "xattr":
            wanted.attributes = said
        else:
            wanted.identifiers = said
    elif name == "all":
        wanted.empty = True
    elif name == "full":
        wanted.width = 0
    elif name == "kernel":
        wanted.kernel_threads = True
    elif name == "machine":
        # nor is there any other machine
        raise UsageError("Failed to load machine data: No such file or directory\n"
                         "Failed to list cgroup tree: No such file or directory")


def _unit(word: str) -> str:
    try:
        if not is_glob(word):
            return mangle(word)
        from initd.core import unitname

        name = unitname.mangle(word)
        complain("Glob pattern passed, but globs are not supported for this.\n"
                 f'Invalid unit name "{word}" escaped as "{name.removesuffix(".service")}".')
        return name
    except ValueError:
        raise UsageError("Failed to mangle unit name: Invalid argument") from None


def _columns() -> int:
    typed = os.environ.get("COLUMNS", "")
    if typed.isascii() and typed.isdigit() and int(typed):
        return int(typed)
    try:
        return os.get_terminal_size(1).columns or 80
    except OSError:
        return 80


def _show(tree: _Shown, units: list[str] | None, words: list[str]) -> int:
    """Of groups, the first that fails is told in the end; of units, the last one tells whether it went well."""
    failed = 0
    for show, word in [(tree.show_unit, unit) for unit in units or ()] or [(tree.show_word, word) for word in words or [""]]:
        try:
            show(word) if units or words else tree.show_all()
            failed = 0 if units else failed
        except _Failure as problem:
            failed = problem.number if units else failed or problem.number
    if failed:
        complain_behind(f"Failed to list cgroup tree: {os.strerror(failed)}")
    return 1 if failed else 0


class _Shown:
    """Prints groups, by whatever they are named."""

    def __init__(self, wanted: Wanted, places: Places | None) -> None:
        self._places = places
        self._wanted = wanted
        self._root = find_root()
        self._connection: Bus | None = None

    @property
    def _bus(self) -> Bus:
        self._connection = self._connection or Bus(self._places)
        return self._connection

    # --- everything -----------------------------------------------------------------------------------------------------

    def show_all(self) -> None:
        here = os.getcwd()
        if here == _MOUNTS or here.startswith(_MOUNTS + "/"):
            self._print_directory(f"Working directory {here}:", here)
            return
        path = self._root[1] if self._root else ""
        self._print(f"Control group {path or '/'}:", "", "-.slice\n")

    # --- units ----------------------------------------------------------------------------------------------------------

    def show_unit(self, name: str) -> None:
        try:
            cgroup = self._cgroup_of(name)
            processes: Processes = [] if cgroup else self._bus.ask("GetUnitProcesses", "s", name)[0]
        except BusError as problem:
            if problem.name.endswith("NoSuchUnit"):
                cgroup, processes = "", []
            else:
                complain_behind(f"Failed to query unit control group path: {problem.text}")
                raise _Failure(EINVAL if "InvalidArgs" in problem.name else EBADR) from None
        if not cgroup and not processes:
            complain_behind(f"Unit {name} not found.")
            raise _Failure(ENOENT)
        # Not what we see of it: a tree mounted over another has other paths.
        base: str = self._bus.get(MANAGER_PATH, MANAGER, "ControlGroup")
        if not cgroup and name.endswith(".slice"):
            from initd.core.unit import slice_path

            cgroup = f"{base}/{slice_path(name)}".rstrip("/")
        else:
            cgroup = cgroup or min(path for path, *_ in processes)
        self._print(f"Unit {name} ({cgroup or '/'}):", cgroup.removeprefix(base), processes=processes)

    def _cgroup_of(self, name: str) -> str:
        kind = name.rpartition(".")[2]
        cgroup: str = self._bus.get(unit_path(name), f"{SYSTEMD}.{kind.capitalize()}", "ControlGroup")
        return cgroup

    # --- groups ---------------------------------------------------------------------------------------------------------

    def show_word(self, word: str) -> None:
        """A directory below /sys/fs/cgroup, a path below the manager's group, or one in the hierarchy of a controller."""
        if word == _MOUNTS or word.startswith(_MOUNTS + "/"):
            self._print_directory(f"Directory {word}:", word)
            return
        controller, colon, path = word.partition(":") if not word.startswith("/") else ("", "", word)
        if not _is_path(path) or bool(colon) != bool(controller):
            complain_behind(f"Failed to split argument {word}: Invalid argument")
            raise _Failure(EINVAL)
        path = path.rstrip("/")
        cgroup = (self._root[1] if self._root else "") + path
        if not controller:
            self._print(f"Control group {cgroup or '/'}:", path)
            return
        print(f"Controller {controller}; Control group {cgroup or '/'}:")
        found = find_controller(controller)
        if not found:
            raise _Failure(ENOENT)
        self._print_directory("", found + cgroup)

    # --- what is printed ------------------------------------------------------------------------------------------------

    def _print(self, title: str, path: str, top: str = "", processes: Processes | None = None) -> None:
        """The group at `path`, below the manager's; `processes` are known to be all of it, where they are given."""
        if self._root:
            self._print_directory(title, self._root[0] + path, top)
            return
        print(title)
        group = gather(path, processes or self._bus.ask("GetUnitProcesses", "s", "-.slice")[0])
        if group is None and not self._is_unit(path.rpartition("/")[2]):
            raise _Failure(ENOENT)
        sys.stdout.write(top)
        self._draw(group or Group())

    def _is_unit(self, name: str) -> bool:
        """Whether it would have a group, where there were groups."""
        try:
            self._bus.ask("GetUnit", "s", name)
        except BusError:
            return False
        return True

    def _print_directory(self, title: str, directory: str, top: str = "") -> None:
        if title:
            print(title)
        try:
            group = read(directory, self._wanted)
        except OSError as problem:
            raise _Failure(problem.errno or EINVAL) from None
        sys.stdout.write(top)
        self._draw(group)

    def _draw(self, group: Group) -> None:
        sys.stdout.write("".join(line + "\n" for line in draw(group, self._wanted)))


def _is_path(path: str) -> bool:
    return path.startswith("/") and "//" not in path and ".." not in path.split("/")
