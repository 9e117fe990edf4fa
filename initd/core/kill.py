"""Whom to signal, and how, when a unit is stopped (systemd.kill(5)). Says it as a KillProcesses effect."""

from __future__ import annotations

from initd.core.effects import KillProcesses
from initd.core.enumeration import Enum
from initd.core.settings import KillSettings
from initd.core.states import KillMode
from initd.core.values import PidRef


class KillOperation(Enum):
    """Why a unit's processes are signalled; decides the signal and, with KillMode=mixed, the circle."""

    TERMINATE = "terminate"
    RESTART = "restart"
    WATCHDOG = "watchdog"
    KILL = "kill"


def plan_kill(
    settings: KillSettings, operation: KillOperation, unit: str, main_pid: int, control_pid: int
) -> KillProcesses | None:
    """The order to give, or None where KillMode=none leaves everybody alone."""
    if settings.kill_mode is KillMode.NONE:
        return None
    everyone = settings.kill_mode is KillMode.CONTROL_GROUP or (
        settings.kill_mode is KillMode.MIXED and operation is KillOperation.KILL
    )
    return KillProcesses(
        unit=unit,
        signal=_signal(settings, operation),
        main=PidRef(main_pid) if main_pid else None,
        control=PidRef(control_pid) if control_pid else None,
        everyone=everyone,
        send_sighup=settings.send_sighup and operation in (KillOperation.TERMINATE, KillOperation.RESTART),
        announce=operation in (KillOperation.KILL, KillOperation.WATCHDOG),
    )


def _signal(settings: KillSettings, operation: KillOperation) -> int:
    if operation is KillOperation.WATCHDOG:
        return settings.watchdog_signal
    if operation is KillOperation.KILL:
        return settings.final_kill_signal
    if operation is KillOperation.RESTART and settings.restart_kill_signal is not None:
        return settings.restart_kill_signal
    return settings.kill_signal
