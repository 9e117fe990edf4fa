"""What a service does when time is up: start and stop timeouts, the restart delay, the start limit.

Source: systemd.service(5), TimeoutStartSec=, TimeoutStopSec=, …FailureMode=, RestartSec=; systemd.unit(5), StartLimitBurst=.
"""

from __future__ import annotations

from initd.core.effects import KillProcesses
from initd.core.service_enter import enter_dead, enter_running, enter_signal, enter_stop_post
from initd.core.service_record import kill_settings, machine_of, service_settings
from initd.core.states import ServiceResult, ServiceState, TimeoutFailureMode
from initd.core.turn import AutomaticRestart, Outcome, Turn
from initd.core.unit import Unit
from initd.core.values import LOG_WARNING, PidRef

_S = ServiceState
_SIGKILL = 9


def refuse_start(unit: Unit, turn: Turn) -> Outcome:
    turn.log(unit, LOG_WARNING, "Start request repeated too quickly.")
    turn.limits_hit.append(unit.name)
    # `Result=` keeps what went wrong before, if anything did: the limit is only why it is not tried again.
    enter_dead(unit, ServiceResult.START_LIMIT_HIT, turn, may_restart=False)
    return Outcome.FAILED


def on_start_timeout(unit: Unit, _: object, turn: Turn) -> None:
    state = machine_of(unit).state.value
    mode = service_settings(unit).timeout_start_failure_mode
    _give_up(unit, f"{state} operation timed out.", mode, turn)


def on_stop_timeout(unit: Unit, _: object, turn: Turn) -> None:
    _give_up(unit, "Stopping timed out.", service_settings(unit).timeout_stop_failure_mode, turn)


def _give_up(unit: Unit, text: str, mode: TimeoutFailureMode, turn: Turn) -> None:
    if mode is TimeoutFailureMode.ABORT:
        turn.log(unit, LOG_WARNING, f"{text} Aborting.")
        enter_signal(unit, _S.STOP_WATCHDOG, ServiceResult.TIMEOUT, turn)
    elif mode is TimeoutFailureMode.KILL and kill_settings(unit).send_sigkill:
        turn.log(unit, LOG_WARNING, f"{text} Killing.")
        enter_signal(unit, _S.STOP_SIGKILL, ServiceResult.TIMEOUT, turn)
    elif mode is TimeoutFailureMode.KILL:
        turn.log(unit, LOG_WARNING, f"{text} Skipping SIGKILL.")
        enter_stop_post(unit, ServiceResult.TIMEOUT, turn)
    else:
        turn.log(unit, LOG_WARNING, f"{text} Terminating.")
        enter_signal(unit, _S.STOP_SIGTERM, ServiceResult.TIMEOUT, turn)


def on_reload_timeout(unit: Unit, _: object, turn: Turn) -> None:
    machine = machine_of(unit)
    turn.log(unit, LOG_WARNING, "Reload operation timed out. Killing reload process.")
    if machine.control is not None:
        turn.ask(KillProcesses(unit.name, _SIGKILL, None, PidRef(machine.control.pid), False, announce=True))
        machine.control = None
    machine.reload_result = ServiceResult.TIMEOUT
    machine.reload_signal_usec = None
    enter_running(unit, ServiceResult.SUCCESS, turn, reload_failed=True)


def on_signal_timeout(unit: Unit, _: object, turn: Turn) -> None:
    state = machine_of(unit).state
    if state is _S.STOP_SIGKILL:
        turn.log(unit, LOG_WARNING, "Processes still around after SIGKILL. Ignoring.")
        _forget_processes(unit)
        enter_stop_post(unit, ServiceResult.TIMEOUT, turn)
    elif (
        state is _S.STOP_SIGTERM
        and service_settings(unit).timeout_stop_failure_mode is TimeoutFailureMode.ABORT
    ):
        turn.log(unit, LOG_WARNING, f"State '{state.value}' timed out. Aborting.")
        enter_signal(unit, _S.STOP_WATCHDOG, ServiceResult.TIMEOUT, turn)
    elif kill_settings(unit).send_sigkill:
        turn.log(unit, LOG_WARNING, f"State '{state.value}' timed out. Killing.")
        enter_signal(unit, _S.STOP_SIGKILL, ServiceResult.TIMEOUT, turn)
    else:
        turn.log(unit, LOG_WARNING, f"State '{state.value}' timed out. Skipping SIGKILL.")
        _forget_processes(unit)
        enter_stop_post(unit, ServiceResult.TIMEOUT, turn)


def on_stop_post_timeout(unit: Unit, _: object, turn: Turn) -> None:
    mode = service_settings(unit).timeout_stop_failure_mode
    if mode is TimeoutFailureMode.ABORT:
        turn.log(unit, LOG_WARNING, "State 'stop-post' timed out. Aborting.")
        enter_signal(unit, _S.FINAL_WATCHDOG, ServiceResult.TIMEOUT, turn)
    elif mode is TimeoutFailureMode.KILL and kill_settings(unit).send_sigkill:
        turn.log(unit, LOG_WARNING, "State 'stop-post' timed out. Killing.")
        enter_signal(unit, _S.FINAL_SIGKILL, ServiceResult.TIMEOUT, turn)
    else:
        turn.log(unit, LOG_WARNING, "State 'stop-post' timed out. Terminating.")
        enter_signal(unit, _S.FINAL_SIGTERM, ServiceResult.TIMEOUT, turn)


def on_final_timeout(unit: Unit, _: object, turn: Turn) -> None:
    state = machine_of(unit).state
    if state is not _S.FINAL_SIGKILL and kill_settings(unit).send_sigkill:
        turn.log(unit, LOG_WARNING, f"State '{state.value}' timed out. Killing.")
        enter_signal(unit, _S.FINAL_SIGKILL, ServiceResult.TIMEOUT, turn)
        return
    if state is _S.FINAL_SIGKILL:
        turn.log(unit, LOG_WARNING, "Processes still around after final SIGKILL. Entering failed mode.")
    else:
        turn.log(unit, LOG_WARNING, f"State '{state.value}' timed out. Skipping SIGKILL. Entering failed mode.")
    _forget_processes(unit)
    enter_dead(unit, ServiceResult.TIMEOUT, turn, may_restart=state is _S.FINAL_SIGKILL)


def on_clean_timeout(unit: Unit, _: object, turn: Turn) -> None:
    turn.log(unit, LOG_WARNING, "Cleaning timed out. killing.")
    machine_of(unit).clean_result = ServiceResult.TIMEOUT
    enter_signal(unit, _S.FINAL_SIGKILL, ServiceResult.SUCCESS, turn)


def on_restart_delay_over(unit: Unit, _: object, turn: Turn) -> None:
    """The engine turns this into a restart job, so that bound units and conflicting jobs have their say."""
    turn.restarts.append(AutomaticRestart(unit.name, machine_of(unit).result))


def _forget_processes(unit: Unit) -> None:
    """They cannot be killed; the state goes on without them. Their ends are nobody's concern any more."""
    machine = machine_of(unit)
    machine.main = machine.control = None
    machine.is_spawning_main = machine.is_spawning_control = False
