"""The runtime record of a service: plain fields, and the few questions that are answered from them alone.

`core.service` says which event leads where, `core.service_enter` how each state is entered.
"""

from __future__ import annotations

from initd.core.record import Record
from initd.core.settings import ExecSettings, KillSettings, ServiceSettings
from initd.core.states import ActiveState, ExecPhase, NotifyAccess, ServiceResult, ServiceState, ServiceType
from initd.core.unit import Machine, Unit
from initd.core.values import INFINITY, ExecCommand, Now, ProcessEnd, StoredFd

_S = ServiceState

#: Sub-state → ActiveState (systemctl(1), `--state=help`).
ACTIVE_STATE: dict[ServiceState, ActiveState] = {
    _S.DEAD: ActiveState.INACTIVE,
    _S.CONDITION: ActiveState.ACTIVATING,
    _S.START_PRE: ActiveState.ACTIVATING,
    _S.START: ActiveState.ACTIVATING,
    _S.START_POST: ActiveState.ACTIVATING,
    _S.RUNNING: ActiveState.ACTIVE,
    _S.EXITED: ActiveState.ACTIVE,
    _S.RELOAD: ActiveState.RELOADING,
    _S.STOP: ActiveState.DEACTIVATING,
    _S.STOP_WATCHDOG: ActiveState.DEACTIVATING,
    _S.STOP_SIGTERM: ActiveState.DEACTIVATING,
    _S.STOP_SIGKILL: ActiveState.DEACTIVATING,
    _S.STOP_POST: ActiveState.DEACTIVATING,
    _S.FINAL_WATCHDOG: ActiveState.DEACTIVATING,
    _S.FINAL_SIGTERM: ActiveState.DEACTIVATING,
    _S.FINAL_SIGKILL: ActiveState.DEACTIVATING,
    _S.FAILED: ActiveState.FAILED,
    _S.AUTO_RESTART: ActiveState.ACTIVATING,
    _S.CLEANING: ActiveState.MAINTENANCE,
}
#: With Type=idle, waiting for the boot's other jobs already counts as running (systemd.service(5), Type=idle).
ACTIVE_STATE_IDLE: dict[ServiceState, ActiveState] = ACTIVE_STATE | {
    _S.CONDITION: ActiveState.ACTIVE,
    _S.START_PRE: ActiveState.ACTIVE,
    _S.START: ActiveState.ACTIVE,
    _S.START_POST: ActiveState.ACTIVE,
}


class ProcessRecord(Record):
    """One process of a service, as `systemctl show -p ExecMain…,ExecStart=` tells of it. `end` is None while it lives."""

    pid: int
    start_time: Now
    exit_time: Now | None = None
    end: ProcessEnd | None = None


class ServiceMachine(Machine):
    """See the module's docstring."""

    __slots__ = (
        "state",
        "told",
        "is_idle_type",
        "result",
        "reload_result",
        "main",
        "control",
        "main_is_foreign",
        "last_main",
        "main_known",
        "phase",
        "command_index",
        "main_command_index",
        "command_records",
        "is_spawning_main",
        "is_spawning_control",
        "is_empty",
        "state_deadline_usec",
        "watchdog_deadline_usec",
        "watchdog_usec",
        "watchdog_time",
        "pid_file_retry_usec",
        "is_demanding_pid_file",
        "runtime_deadline_usec",
        "n_restarts",
        "forget_restarts",
        "forbid_restart",
        "is_ready",
        "is_reloading_itself",
        "is_stopping_itself",
        "notify_access",
        "status_text",
        "status_errno",
        "bus_error",
        "stored_fds",
        "bus_owner",
        "reload_signal_usec",
        "clean_result",
    )

    def __init__(self, settings: ServiceSettings) -> None:
        self.state = ServiceState.DEAD
        #: The state that jobs, other units and clients have heard of last.
        self.told = ServiceState.DEAD
        self.is_idle_type = settings.type is ServiceType.IDLE
        #: The first failure since the last start; later ones do not replace it.
        self.result = ServiceResult.SUCCESS
        self.reload_result = ServiceResult.SUCCESS
        #: Living processes; None where there is none or it is not known.
        self.main: ProcessRecord | None = None
        self.control: ProcessRecord | None = None
        #: The main process is not our child (PIDFile=, MAINPID=): its end is not seen, only its absence.
        self.main_is_foreign = False
        #: The main process of this run, dead or alive (ExecMain*).
        self.last_main: ProcessRecord | None = None
        #: The main process of this run was known at some time, so that its absence means it has exited.
        self.main_known = False
        #: Which Exec…= line the control process comes from.
        self.phase: ExecPhase | None = None
        self.command_index = 0
        self.main_command_index = 0
        #: What became of each command line in its last run.
        self.command_records: dict[ExecPhase, list[ProcessRecord | None]] = {}
        #: A Spawn was asked for, its answer is still out.
        self.is_spawning_main = False
        self.is_spawning_control = False
        #: No process of the unit is left, as far as we were told since the last spawn.
        self.is_empty = True
        self.state_deadline_usec = INFINITY
        self.watchdog_deadline_usec = INFINITY
        self.watchdog_usec = 0
        #: The last keep-alive ping, or the start.
        self.watchdog_time: Now | None = None
        self.pid_file_retry_usec = INFINITY
        self.is_demanding_pid_file = False
        self.runtime_deadline_usec = INFINITY
        self.n_restarts = 0
        #: n_restarts starts over with the next start that is not an automatic restart.
        self.forget_restarts = False
        self.forbid_restart = False
        self.is_ready = False
        self.is_reloading_itself = False
        self.is_stopping_itself = False
        #: NOTIFYACCESS= overrides the setting until the next start.
        self.notify_access: NotifyAccess | None = None
        self.status_text = ""
        self.status_errno = 0
        self.bus_error = ""
        self.stored_fds: tuple[StoredFd, ...] = ()
        #: Who has BusName= (":1.7"), as far as is known: "" for nobody.
        self.bus_owner = ""
        #: When ReloadSignal= was sent, until the service has said RELOADING=1 to it.
        self.reload_signal_usec: int | None = None
        #: How the last `systemctl clean` went.
        self.clean_result = ServiceResult.SUCCESS

    @property
    def active_state(self) -> ActiveState:
        return self.active_state_in(self.state)

    def active_state_in(self, state: ServiceState) -> ActiveState:
        return (ACTIVE_STATE_IDLE if self.is_idle_type else ACTIVE_STATE)[state]

    @property
    def sub_state(self) -> str:
        return self.state.value

    @property
    def can_start(self) -> bool:
        return True

    @property
    def has_processes(self) -> bool:
        return not self.is_empty

    @property
    def main_pid(self) -> int:
        return self.main.pid if self.main is not None else 0

    @property
    def control_pid(self) -> int:
        return self.control.pid if self.control is not None else 0

    @property
    def has_main(self) -> bool:
        """The main process lives, or is about to."""
        return self.main is not None or self.is_spawning_main

    @property
    def has_control(self) -> bool:
        return self.control is not None or self.is_spawning_control

    @property
    def deadline_usec(self) -> int | None:
        nearest = min(
            self.state_deadline_usec,
            self.watchdog_deadline_usec,
            self.pid_file_retry_usec,
            self.runtime_deadline_usec,
        )
        return None if nearest >= INFINITY else nearest


def service_settings(unit: Unit) -> ServiceSettings:
    settings = unit.definition.specific
    return settings if isinstance(settings, ServiceSettings) else ServiceSettings()


def kill_settings(unit: Unit) -> KillSettings:
    return unit.definition.kill or KillSettings()


def exec_settings(unit: Unit) -> ExecSettings:
    return unit.definition.exec or ExecSettings()


def machine_of(unit: Unit) -> ServiceMachine:
    assert isinstance(unit.machine, ServiceMachine)
    return unit.machine


def commands(settings: ServiceSettings, phase: ExecPhase) -> tuple[ExecCommand, ...]:
    """The command lines of one phase, in order."""
    return {
        ExecPhase.CONDITION: settings.exec_condition,
        ExecPhase.START_PRE: settings.exec_start_pre,
        ExecPhase.START: settings.exec_start,
        ExecPhase.START_POST: settings.exec_start_post,
        ExecPhase.RELOAD: settings.exec_reload,
        ExecPhase.STOP: settings.exec_stop,
        ExecPhase.STOP_POST: settings.exec_stop_post,
        ExecPhase.CLEAN: (),
    }[phase]


def effective_notify_access(unit: Unit) -> NotifyAccess:
    """NotifyAccess=, or what the service itself asked for, or what its type needs (systemd.service(5), NotifyAccess=)."""
    machine, settings = machine_of(unit), service_settings(unit)
    if machine.notify_access is not None:
        return machine.notify_access
    if settings.notify_access is not NotifyAccess.NONE:
        return settings.notify_access
    needs = settings.type in (ServiceType.NOTIFY, ServiceType.NOTIFY_RELOAD) or settings.watchdog_usec
    return NotifyAccess.MAIN if needs else NotifyAccess.NONE
