"""What an answer to a client is made from: the engine's units and jobs, and the facts of the machine that it shows.

`Facts` is carried out by the shell; every method answers at once, from /proc, the cgroup tree or the unit directories.
Nothing here decides anything.
"""

from __future__ import annotations

from initd.core.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Protocol

    from initd.core.job import Job
    from initd.core.sources import LoadFacts
    from initd.core.states import ManagerState
    from initd.core.unit import Unit
    from initd.core.unitfates import DirectiveFate
    from initd.core.values import Now, ProcessInfo
    from initd.core.whence import Whence
    from initd.core.world import BootTimes, World

    class EngineView(Protocol):
        """What of `core.engine.Engine` may be read. `units` has every alias, too."""

        world: World

        @property
        def units(self) -> Mapping[str, Unit]: ...
        @property
        def jobs(self) -> Mapping[int, Job]: ...
        @property
        def environment(self) -> tuple[str, ...]: ...
        @property
        def boot(self) -> BootTimes: ...
        @property
        def system_state(self) -> ManagerState: ...
        def failed_units(self) -> list[str]: ...

    class Facts(Protocol):
        """The machine, as far as the API shows it."""

        #: "252 (pyinit 0.1)": monitoring reads the number in front.
        version: str
        #: What `systemctl --version` says behind the version.
        features: str
        #: What makes this system unlike others, "" for nothing (org.freedesktop.systemd1(5), Tainted).
        tainted: str
        #: What systemd-detect-virt prints, "" for none.
        virtualization: str
        #: systemd's word ("x86-64").
        architecture: str
        machine_id: str
        #: The uid the manager runs as: it may do everything, as root may.
        uid: int
        #: Where units are looked for, in order.
        unit_path: tuple[str, ...]
        #: The manager's own cgroup, without a slash at the end: "" where it is the root, or where units have none.
        control_group: str
        load: LoadFacts
        #: Units have cgroups whose processes can be stopped together.
        can_freeze: bool

        def processes(self) -> Mapping[str, Sequence[ProcessInfo]]:
            """Unit name → its living processes, all from one look. The manager's own are those of "init.scope"."""

        def process_kind(self, pid: int) -> str:
            """"process", "manager process", "kernel thread", or "" where there is none."""

        def usage(self, unit: Unit) -> Usage:
            """What the unit uses now."""

        def freezer_state(self, unit: Unit) -> str:
            """FreezerState=: "running", "freezing", "frozen" or "thawing"."""

        def control_group_id(self, unit: Unit) -> int:
            """The kernel's number for the unit's cgroup, 0 where it has none."""

        def needs_reload(self, unit: Unit) -> bool:
            """Its files changed since they were read (NeedDaemonReload=)."""

        def unit_file_state(self, unit: Unit) -> str:
            """UnitFileState=, the word of `systemctl is-enabled`; "" where there is no unit file."""

        def unit_file_preset(self, unit: Unit) -> str:
            """UnitFilePreset=: "enabled", "disabled", or "" where there is no unit file."""

        def directive_fates(self, unit: Unit) -> Sequence[DirectiveFate]:
            """What becomes of each directive of the unit here; its files are read again for that."""

        def now(self) -> Now: ...

        def whence(self) -> Whence:
            """Where files say what, looked for when it is asked."""

        def dynamic_users(self) -> Mapping[str, int]:
            """The users of DynamicUser= that are there now, and their numbers."""

        def ids(self, unit: Unit) -> tuple[int | None, int | None]:
            """UID= and GID=: what User= and Group= of a running service came to; None where they are not set."""


class Usage(Record):
    """Resources of a unit's processes together; None where this machine does not tell."""

    tasks: int | None = None
    memory: int | None = None
    memory_available: int | None = None
    cpu_nsec: int | None = None
    #: Bytes and operations, read and written.
    io_read_bytes: int | None = None
    io_read_operations: int | None = None
    io_write_bytes: int | None = None
    io_write_operations: int | None = None


class View(Record):
    """What `api` answers from. `load` gives the unit of a name, reading its files where it is not known yet."""

    engine: EngineView
    facts: Facts
    load: Callable[[str], Unit]
