"""What a manager would read here if it began now: its units, with what generators make, and the facts they are read with.

For `pyinit plan` and `pyinit diff`, beside a manager or without one. Generators are run as a boot and a daemon-reload run
them, into a directory of this process, which is gone when `close` is called; what they make is known by the paths that it
would have. Nothing of it is in force.
"""

from __future__ import annotations

import os
import time

from initd import HELPER
from initd.configuration import Configuration
from initd.core.graph import Graph
from initd.core.managerconf import ManagerConfig
from initd.core.mountpoint import MountPoint
from initd.core.places import SYSTEM
from initd.core.settings import UnitDefinition
from initd.core.values import LOG_WARNING, Condition, ExecCommand, ProcessEnd
from initd.generators import Generators
from initd.shell import conditions, limits, timerstamps, watch
from initd.shell.clock import now
from initd.shell.environment import container_environment
from initd.shell.generators import discard
from initd.shell.mounts import MountTable
from initd.shell.spawn import DEFAULT_PATH
from initd.shell.unitdirs import UnitDirs
from initd.unitreader import UnitReader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from initd.options import Options
    from initd.shell.limits import ContainerLimits

_PAUSE_SEC = 0.005


class Reading:
    """`root`: another tree than this machine's. Generators are programs of the tree's own, and are run in this one only.
    `say` hears of what goes wrong; `container`: as the manager has found it."""

    def __init__(self, options: Options, say: Callable[[int, str], None], root: str = "",
                 container: ContainerLimits | None = None) -> None:
        from initd.shell import machine

        self._say = say
        self.root = root.rstrip("/")
        self.container = container or limits.probe()
        self._configuration = Configuration(options, self.container, SYSTEM)
        self.target = self._configuration.target
        if self.root:
            config = ManagerConfig(machine.read_facts(self.container, self.root))
        else:
            config = self._configuration.read()
        for found in config.diagnostics:
            say(found.priority, str(found))
        self._run = ""
        path = SYSTEM.unit_path
        if not self.root:
            self._run_generators(config.facts.default_environment)
            path = tuple([self._staged(each) for each in path])
        self.dirs = UnitDirs(self.root or "/", path)
        self.units = UnitReader(self.dirs, config.facts, self.container, HELPER, options.is_strict)
        self.mounts: tuple[MountPoint, ...] = () if self.root else _read_mounts()
        self.units.mounted = {point.unit: point for point in self.mounts}

    def close(self) -> None:
        if self._run:
            discard(self._run)

    # --- units -----------------------------------------------------------------------------------------------------

    def read(self, name: str) -> UnitDefinition:
        """As the manager would, paths included."""
        found = self.units.read(name)
        if not self._run:
            return found
        own = self._run + "/"
        if not (found.fragment_path.startswith(own) or any(path.startswith(own) for path in found.dropin_paths)):
            return found
        return found.replace(
            fragment_path=self.in_force(found.fragment_path),
            dropin_paths=tuple([self.in_force(path) for path in found.dropin_paths]),
            diagnostics=tuple([each.replace(path=self.in_force(each.path)) for each in found.diagnostics]),
        )

    def in_force(self, path: str) -> str:
        """Where that would be if it were in force."""
        return "/run" + path[len(self._run):] if self._run and path.startswith(self._run + "/") else path

    def load(self, graph: Graph, add: Callable[[tuple[UnitDefinition, ...]], None], *names: str) -> None:
        """These, and all they mention, and so on."""
        for name in names:
            graph.want(name)
        while missing := graph.missing():
            add(tuple([self.read(name) for name in missing]))

    # --- facts of the machine (`core.rehearsal`) -------------------------------------------------------------------

    def check(self, condition: Condition) -> bool:
        return conditions.check(condition, self.root or "/")

    def stamp(self, path: str) -> int | None:
        return timerstamps.read(self.root + path)

    def why_unwatched(self) -> str:
        return "" if self.root else watch.why_not()

    def can_run(self, command: ExecCommand) -> bool:
        if command.path.startswith("/"):
            return os.access(self.dirs.real(command.path), os.X_OK)
        return any(os.access(self.dirs.real(f"{each}/{command.path}"), os.X_OK) for each in DEFAULT_PATH.split(":"))

    # --- generators ------------------------------------------------------------------------------------------------

    def _staged(self, directory: str) -> str:
        """What a generator has made at the last boot is no matter."""
        own = self._run or "/nonexistent"
        return own + directory[len("/run"):] if directory.startswith("/run/systemd/generator") else directory

    def _run_generators(self, default_environment: tuple[str, ...]) -> None:
        from initd.core import generation
        from initd.core.conditions import ARCHITECTURES
        from initd.shell import bootfiles

        self._run = _make_directory()
        if not self._run:
            self._say(LOG_WARNING, "No directory can be made here: generators are not run, and what they make is not seen.")
            return

        def context() -> dict[str, str]:
            found, machine = conditions.read_virtualization(), os.uname().machine
            architecture = ARCHITECTURES.get(machine, machine)
            return generation.context(SYSTEM.mode, found.container, found.vm, architecture, bootfiles.is_first_boot())

        generators = Generators(
            self._configuration.command, container_environment(), context,
            lambda: self._configuration.own_environment(default_environment), lambda variables: None,
            lambda: now().monotonic_usec, self._say, SYSTEM.replace(run=self._run),
        )
        generators.begin(lambda: None, is_boot=True)
        while generators.is_running:
            pid, status = _wait()
            if pid:
                generators.on_exit(pid, _end_of(status))
            else:
                time.sleep(_PAUSE_SEC)
            generators.on_deadline()


def _wait() -> tuple[int, int]:
    try:
        return os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return (0, 0)


def _end_of(status: int) -> ProcessEnd:
    code = os.waitstatus_to_exitcode(status)
    return ProcessEnd("exited", code) if code >= 0 else ProcessEnd("killed", -code)


def _make_directory() -> str:
    """For this process alone; "" where there is no place for one."""
    for base in (os.environ.get("TMPDIR", ""), "/tmp", "/run", "/dev/shm"):
        path = os.path.abspath(f"{base}/pyinit-reading.{os.getpid()}")
        try:
            if base:
                os.mkdir(path, 0o700)
                return path
        except OSError:
            continue
    return ""


def _read_mounts() -> tuple[MountPoint, ...]:
    try:
        table = MountTable()
    except OSError:
        return ()
    try:
        return table.read()
    finally:
        table.close()
