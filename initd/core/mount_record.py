"""The runtime record of a mount unit: plain fields, and the few questions that are answered from them alone.

`core.mount` says what happens when.
"""

from __future__ import annotations

from initd.core.enumeration import Enum
from initd.core.mountpoint import MountPoint
from initd.core.service_record import ProcessRecord
from initd.core.settings import MountSettings, UnitDefinition
from initd.core.states import ActiveState, ExecPhase, MountState
from initd.core.unit import StateMachine, Unit
from initd.core.values import INFINITY, ExecCommand, ProcessEnd


class MountResult(Enum):
    """`Result=` of a mount unit (org.freedesktop.systemd1(5))."""

    SUCCESS = "success"
    RESOURCES = "resources"
    TIMEOUT = "timeout"
    EXIT_CODE = "exit-code"
    SIGNAL = "signal"
    CORE_DUMP = "core-dump"
    START_LIMIT_HIT = "start-limit-hit"
    PROTOCOL = "protocol"


_S = MountState
ACTIVE_STATE: dict[Enum, ActiveState] = {
    _S.DEAD: ActiveState.INACTIVE, _S.MOUNTING: ActiveState.ACTIVATING, _S.MOUNTING_DONE: ActiveState.ACTIVATING,
    _S.REMOUNTING: ActiveState.RELOADING, _S.REMOUNTING_SIGTERM: ActiveState.RELOADING,
    _S.REMOUNTING_SIGKILL: ActiveState.RELOADING, _S.UNMOUNTING: ActiveState.DEACTIVATING,
    _S.UNMOUNTING_SIGTERM: ActiveState.DEACTIVATING, _S.UNMOUNTING_SIGKILL: ActiveState.DEACTIVATING,
    _S.FAILED: ActiveState.FAILED, _S.CLEANING: ActiveState.MAINTENANCE,
}


class MountMachine(StateMachine):
    """The record. `mounted`: what the kernel says is mounted there. `ended`: how the last process ended, until the table
    that says what this means has been read. `runs`: each phase's last command, and what became of it."""

    __slots__ = (
        "result", "reload_result", "clean_result", "mounted", "is_given", "is_preparing", "phase", "control_pid", "ended",
        "runs", "n_unmounts", "state_deadline_usec",
    )
    ACTIVE_STATES = ACTIVE_STATE

    def __init__(self) -> None:
        self.state: MountState = _S.DEAD
        self.result = self.reload_result = self.clean_result = MountResult.SUCCESS
        self.mounted: MountPoint | None = None
        #: It was mounted before anything could be started here: the container's own.
        self.is_given = False
        self.is_preparing = False
        self.phase: ExecPhase | None = None
        self.control_pid = 0
        self.ended: ProcessEnd | None = None
        self.runs: dict[ExecPhase, tuple[ExecCommand, ProcessRecord | None]] = {}
        self.n_unmounts = 0
        self.state_deadline_usec = INFINITY

    @property
    def deadline_usec(self) -> int | None:
        return self.state_deadline_usec if self.state_deadline_usec < INFINITY else None

    @property
    def has_processes(self) -> bool:
        return self.control_pid > 0


def make(definition: UnitDefinition) -> MountMachine:
    machine = MountMachine()
    if definition.is_perpetual:
        machine.state, machine.is_given = _S.MOUNTED, True
    return machine


def machine_of(unit: Unit) -> MountMachine:
    assert isinstance(unit.machine, MountMachine)
    return unit.machine


def settings_of(unit: Unit) -> MountSettings:
    settings = unit.definition.specific
    return settings if isinstance(settings, MountSettings) else MountSettings()


def has_file(unit: Unit) -> bool:
    """Somebody has written down how it is mounted."""
    return bool(unit.definition.fragment_path)
