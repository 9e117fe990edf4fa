"""What a service does when the kernel has killed one of its processes for want of memory (systemd.service(5), OOMPolicy=).

With OOMPolicy=continue it does nothing, which is decided before. With `kill` the kernel has been told to take all of the
group; who is left, if anybody, gets SIGKILL, and ExecStopPost= is not run. Recorded of systemd 252 with a memory controller
(tests/conformance/oom).
"""

from __future__ import annotations

from initd.core.service_enter import enter_signal, enter_stop, keep_first
from initd.core.service_record import machine_of, service_settings
from initd.core.states import ServiceResult, ServiceState
from initd.core.turn import Turn
from initd.core.unit import Unit

_S = ServiceState
_RESULT = ServiceResult.OOM_KILL


def on_killed_beside_control(unit: Unit, _: object, turn: Turn) -> None:
    enter_signal(unit, _S.FINAL_SIGKILL if _takes_all(unit) else _S.STOP_SIGTERM, _RESULT, turn)


def on_killed_in_running(unit: Unit, _: object, turn: Turn) -> None:
    if _takes_all(unit):
        enter_signal(unit, _S.FINAL_SIGKILL, _RESULT, turn)
    else:
        enter_stop(unit, _RESULT, turn)


def on_killed_in_signalled(unit: Unit, _: object, turn: Turn) -> None:
    enter_signal(unit, _S.STOP_SIGKILL, _RESULT, turn)


def on_killed_in_final(unit: Unit, _: object, turn: Turn) -> None:
    enter_signal(unit, _S.FINAL_SIGKILL, _RESULT, turn)


def on_killed_in_sigkill(unit: Unit, _: object, turn: Turn) -> None:
    keep_first(machine_of(unit), _RESULT)


def _takes_all(unit: Unit) -> bool:
    return service_settings(unit).oom_policy == "kill"
