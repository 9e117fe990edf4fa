"""Shall a service that has ended be started again, and when? (systemd.service(5), Restart=, RestartSec=)."""

from __future__ import annotations

from initd.core.settings import ServiceSettings
from initd.core.states import ServiceRestart, ServiceResult
from initd.core.values import INFINITY, ProcessEnd, Verdict

_R = ServiceResult

#: Restart= → the results it restarts after: the table in systemd.service(5).
RESTARTS_AFTER: dict[ServiceRestart, frozenset[ServiceResult]] = {
    ServiceRestart.NO: frozenset(),
    ServiceRestart.ON_SUCCESS: frozenset((_R.SUCCESS,)),
    ServiceRestart.ON_FAILURE: frozenset(_R) - {_R.SUCCESS, _R.EXEC_CONDITION},
    ServiceRestart.ON_ABNORMAL: frozenset(_R) - {_R.SUCCESS, _R.EXIT_CODE, _R.EXEC_CONDITION},
    ServiceRestart.ON_WATCHDOG: frozenset((_R.WATCHDOG,)),
    ServiceRestart.ON_ABORT: frozenset((_R.SIGNAL, _R.CORE_DUMP)),
    ServiceRestart.ALWAYS: frozenset(_R) - {_R.EXEC_CONDITION},
}


def shall_restart(
    settings: ServiceSettings, result: ServiceResult, main_end: ProcessEnd | None, is_forbidden: bool
) -> Verdict:
    """The verdict and its reason. `is_forbidden`: the service was asked to stop."""
    if is_forbidden:
        return Verdict(False, "it was asked to stop")
    if main_end is not None and _lists(settings.restart_prevent_exit_status, main_end):
        return Verdict(False, "RestartPreventExitStatus= lists how the main process ended")
    if main_end is not None and _lists(settings.restart_force_exit_status, main_end):
        return Verdict(True, "RestartForceExitStatus= lists how the main process ended")
    if result in RESTARTS_AFTER[settings.restart]:
        return Verdict(True, f"Restart={settings.restart.value} covers result {result.value}")
    return Verdict(False, f"Restart={settings.restart.value} does not cover result {result.value}")


def restart_delay_usec(settings: ServiceSettings, n_restarts: int) -> int:
    """RestartSec=, growing in RestartSteps= steps to RestartMaxDelaySec= (systemd.service(5) of systemd 254)."""
    first, last, steps = settings.restart_usec, settings.restart_max_delay_usec, settings.restart_steps
    if n_restarts <= 1 or not steps or last >= INFINITY or not first or first >= last:
        return first
    if n_restarts > steps:
        return last
    # Exponential between the two, so that the step after the last one would be the maximum.
    return min(last, int(first * (last / first) ** ((n_restarts - 1) / steps)))


def _lists(statuses: tuple[tuple[int, ...], tuple[int, ...]], end: ProcessEnd) -> bool:
    codes, signals = statuses
    return end.status in (codes if end.code == "exited" else signals)
