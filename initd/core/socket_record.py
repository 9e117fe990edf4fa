"""What is known of a socket unit while it runs: its state, and the record of its machine (systemd.socket(5))."""

from __future__ import annotations

from initd.core.enumeration import Enum
from initd.core.ratelimit import RateLimit
from initd.core.service_record import ProcessRecord
from initd.core.settings import SocketSettings
from initd.core.states import ActiveState, ExecPhase
from initd.core.unit import StateMachine, Unit
from initd.core.values import INFINITY


class SocketState(Enum):
    DEAD = "dead"
    START_PRE = "start-pre"
    #: The shell was asked to open the sockets and to give them to their owner, and has not answered.
    START_CHOWN = "start-chown"
    START_POST = "start-post"
    LISTENING = "listening"
    RUNNING = "running"
    STOP_PRE = "stop-pre"
    STOP_PRE_SIGTERM = "stop-pre-sigterm"
    STOP_PRE_SIGKILL = "stop-pre-sigkill"
    STOP_POST = "stop-post"
    FINAL_SIGTERM = "final-sigterm"
    FINAL_SIGKILL = "final-sigkill"
    FAILED = "failed"
    CLEANING = "cleaning"


class SocketResult(Enum):
    """`Result=` of a socket (org.freedesktop.systemd1(5))."""

    SUCCESS = "success"
    RESOURCES = "resources"
    TIMEOUT = "timeout"
    EXIT_CODE = "exit-code"
    SIGNAL = "signal"
    CORE_DUMP = "core-dump"
    TRIGGER_LIMIT_HIT = "trigger-limit-hit"
    SERVICE_START_LIMIT_HIT = "service-start-limit-hit"


_S = SocketState
_ACTIVE_STATES: dict[Enum, ActiveState] = {
    _S.DEAD: ActiveState.INACTIVE, _S.FAILED: ActiveState.FAILED, _S.CLEANING: ActiveState.MAINTENANCE,
    **dict.fromkeys((_S.START_PRE, _S.START_CHOWN, _S.START_POST), ActiveState.ACTIVATING),
    **dict.fromkeys((_S.STOP_PRE, _S.STOP_PRE_SIGTERM, _S.STOP_PRE_SIGKILL, _S.STOP_POST, _S.FINAL_SIGTERM,
                     _S.FINAL_SIGKILL), ActiveState.DEACTIVATING),
}


class SocketMachine(StateMachine):
    """The record. `connections`: the number of each one that has a service now → the service's name."""

    __slots__ = (
        "result", "trigger_limit", "poll_limit", "paused_until_usec", "connections", "sources", "n_accepted", "n_refused",
        "clean_result", "control_pid", "command_index", "command_records", "state_deadline_usec", "told",
    )
    ACTIVE_STATES = _ACTIVE_STATES

    def __init__(self) -> None:
        self.state: SocketState = SocketState.DEAD
        self.result = SocketResult.SUCCESS
        self.trigger_limit = RateLimit()
        self.poll_limit = RateLimit()
        #: Nobody is heard before that, as too many have come (PollLimitBurst=).
        self.paused_until_usec = 0
        self.connections: dict[int, str] = {}
        #: The host that each of them comes from, of those that come from one.
        self.sources: dict[int, str] = {}
        self.n_accepted = 0
        self.n_refused = 0
        #: How the last `systemctl clean` went.
        self.clean_result = SocketResult.SUCCESS
        #: The process of the command that runs now, and the command's place among those of its kind.
        self.control_pid = 0
        self.command_index = 0
        #: The last run of each command.
        self.command_records: dict[ExecPhase, list[ProcessRecord | None]] = {}
        #: When the state has lasted too long.
        self.state_deadline_usec = INFINITY
        #: The last state that others have heard of: the ones passed through in between are nobody's business.
        self.told: SocketState = SocketState.DEAD

    @property
    def deadline_usec(self) -> int | None:
        return self.state_deadline_usec if self.state_deadline_usec < INFINITY else None

    def keep_first(self, result: SocketResult) -> None:
        """`Result=` tells the first thing that went wrong."""
        if self.result is SocketResult.SUCCESS:
            self.result = result


def machine_of(unit: Unit) -> SocketMachine:
    assert isinstance(unit.machine, SocketMachine)
    return unit.machine


def settings_of(unit: Unit) -> SocketSettings:
    assert isinstance(unit.definition.specific, SocketSettings)
    return unit.definition.specific
