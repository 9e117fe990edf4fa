"""What the API shows of the machine: `core.view.Facts`, answered from /proc, the cgroup tree and the unit directories."""

from __future__ import annotations

import os

from initd import FEATURES, SYSTEMD_VERSION, __version__
from initd.core import generation
from initd.core.places import SYSTEM, Places
from initd.core.service_record import ServiceMachine
from initd.core.sources import LoadFacts
from initd.core.unit import Unit
from initd.core.values import Now
from initd.core.view import Usage
from initd.shell import bootfiles, clock, users
from initd.shell.census import read_stat
from initd.shell.cgroup import Cgroups
from initd.shell.conditions import read_virtualization
from initd.shell.limits import ContainerLimits
from initd.shell.track import Tracker, process_info
from initd.shell.unitdirs import UnitDirs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from types import ModuleType

    from initd.core.values import ProcessInfo


class MachineFacts:
    """See `core.view.Facts` for what each answer means."""

    def __init__(
        self,
        container: ContainerLimits,
        tracker: Tracker,
        dirs: UnitDirs,
        cgroups: Cgroups | None,
        load: LoadFacts,
        own_pids: Callable[[], Iterable[int]],
        fates: Callable[[Unit], Sequence[object]],
        dynamic: users.DynamicUsers | None = None,
        places: Places = SYSTEM,
        whence: Callable[[], object] = lambda: None,
    ) -> None:
        self._places = places
        self.whence = whence
        self.version = f"{SYSTEMD_VERSION} (pyinit {__version__})"
        self.features = FEATURES
        self.tainted = _taints()
        found = read_virtualization()
        self.virtualization = found.container or found.vm
        self.architecture = load.architecture
        self.machine_id = load.machine_id
        self.uid = container.uid
        self.unit_path = dirs.search_path
        self.control_group = cgroups.own_path if cgroups is not None else ""
        self.load = load
        self._tracker = tracker
        self._cgroups = cgroups
        self.can_freeze = cgroups is not None and cgroups.can_freeze
        #: The manager's own processes: itself and the journal.
        self._own_pids = own_pids
        self._dirs = dirs
        self._fates = fates
        self._dynamic = dynamic or users.DynamicUsers()

    def now(self) -> Now:
        return clock.now()

    def of_generators(self) -> dict[str, str]:
        """What generators are told of where they run."""
        found = read_virtualization()
        return generation.context(self._places.mode, found.container, found.vm, self.architecture, bootfiles.is_first_boot())

    def processes(self) -> Mapping[str, Sequence[ProcessInfo]]:
        found: dict[str, Sequence[ProcessInfo]] = {unit: self._tracker.processes(unit) for unit in self._tracker.scan()}
        found["init.scope"] = [process for pid in self._own_pids() if (process := process_info(pid)) is not None]
        return found

    def process_kind(self, pid: int) -> str:
        stat = read_stat(pid) if pid > 0 else None
        if stat is None:
            return ""
        if pid in self._own_pids():
            return "manager process"
        return "kernel thread" if stat.is_kernel_thread else "process"

    def usage(self, unit: Unit) -> Usage:
        if not unit.is_prepared:
            return Usage(cpu_nsec=self._tracker.last_cpu_nsec(unit.name))
        used = self._tracker.resource_usage(unit.name)
        usage = Usage(used.tasks, used.memory_bytes, None, used.cpu_nsec)
        counters = self._cgroups.io_counters(unit.cgroup) if self._cgroups is not None else None
        if counters is None:
            return usage
        return usage.replace(
            io_read_bytes=counters["rbytes"], io_read_operations=counters["rios"],
            io_write_bytes=counters["wbytes"], io_write_operations=counters["wios"],
        )

    def freezer_state(self, unit: Unit) -> str:
        return self._cgroups.freezer_state(unit.cgroup) if self._cgroups is not None and unit.is_prepared else "running"

    def control_group_id(self, unit: Unit) -> int:
        return self._cgroups.identifier(unit.cgroup) if self._cgroups is not None and unit.is_prepared else 0

    def needs_reload(self, unit: Unit) -> bool:
        definition = unit.definition
        return not definition.is_transient and self._dirs.needs_reload(definition)

    def directive_fates(self, unit: Unit) -> Sequence[object]:
        return self._fates(unit)

    def unit_file_state(self, unit: Unit) -> str:
        return _unitlinks().file_state(unit.name, places=self._places) if unit.definition.fragment_path else ""

    def unit_file_preset(self, unit: Unit) -> str:
        return _unitlinks().preset_state(unit.name, places=self._places) if unit.definition.fragment_path else ""

    def dynamic_users(self) -> Mapping[str, int]:
        return self._dynamic.all()

    def ids(self, unit: Unit) -> tuple[int | None, int | None]:
        machine, execution = unit.machine, unit.definition.exec
        if not isinstance(machine, ServiceMachine) or execution is None or unit.active_state.is_down:
            return None, None
        if not execution.user and not execution.group:
            return None, None
        try:
            found = users.resolve(execution, unit.name)
        except users.UserError:
            return None, None
        return found.uid, found.gid


def _taints() -> str:
    """What of the machine's peculiarities systemd names, and we can see (org.freedesktop.systemd1(5), Tainted)."""
    found = []
    if not os.path.islink("/bin"):
        found.append("unmerged-usr")
    if not os.path.exists("/sys/fs/cgroup/cgroup.procs"):
        found.append("cgroupsv1")
    for name in ("uid", "gid"):
        try:
            with open(f"/proc/sys/kernel/overflow{name}", encoding="ascii") as file:
                number = file.read().strip()
        except OSError:
            continue
        if number != "65534":
            found.append(f"overflow{name}-not-65534")
    return ":".join(found)


def _unitlinks() -> ModuleType:
    """Loaded when a client asks."""
    from initd.shell import unitlinks

    return unitlinks
