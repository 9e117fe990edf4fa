"""Automount units (systemd.automount(5)): somebody looks into a directory, and the mount unit of the same name is started.

An automount unit is `waiting` while nothing is mounted there, and `running` from the first who comes until the mount unit is
down again. Who comes is stopped by the kernel (autofs), and has a number there, a token: it is let go on, or told that there is
nothing, once it is known what became of the mount. With TimeoutIdleSec= the kernel is asked from time to time whether anybody
uses what is mounted; if not, it asks for it to be unmounted, with a token as well. The descriptors are the shell's.
"""

from __future__ import annotations

from initd.core.effects import AnswerAutomount, CloseAutomount, ExpireAutomount, OpenAutomount, ReadMounts
from initd.core.enumeration import Enum
from initd.core.events import AutomountLost, AutomountOpened, AutomountRequested
from initd.core.job import Cause
from initd.core.settings import AutomountSettings, UnitDefinition
from initd.core.states import ActiveState, JobMode, JobResult, JobType
from initd.core.transaction import Refusal
from initd.core.turn import Outcome, Turn
from initd.core.unit import StateMachine, Unit
from initd.core.unitname import change_type
from initd.core.values import INFINITY, LOG_DEBUG, LOG_ERR, LOG_INFO, LOG_WARNING
from initd.core.world import World


class AutomountState(Enum):
    DEAD = "dead"
    WAITING = "waiting"
    RUNNING = "running"
    FAILED = "failed"


class AutomountResult(Enum):
    """`Result=` of an automount unit (org.freedesktop.systemd1(5))."""

    SUCCESS = "success"
    RESOURCES = "resources"
    UNMOUNTED = "unmounted"
    START_LIMIT_HIT = "start-limit-hit"
    MOUNT_START_LIMIT_HIT = "mount-start-limit-hit"


_ACTIVE_STATES: dict[Enum, ActiveState] = {
    AutomountState.DEAD: ActiveState.INACTIVE, AutomountState.FAILED: ActiveState.FAILED,
}
#: What who waits is told when there is nothing to see, or when what is there cannot be unmounted.
_ENOENT, _ENODEV, _EHOSTDOWN = 2, 19, 112
#: The kernel is asked so many times in the time after which it is to be unmounted, but not more often than once in a second.
_QUESTIONS, _LEAST_USEC = 3, 1_000_000


class AutomountMachine(StateMachine):
    """The record. `coming`, `expiring`: the tokens of those who wait for the mount, and of who asked for the unmounting."""

    __slots__ = ("result", "coming", "expiring", "wake_usec")
    ACTIVE_STATES = _ACTIVE_STATES

    def __init__(self) -> None:
        self.state: AutomountState = AutomountState.DEAD
        self.result = AutomountResult.SUCCESS
        self.coming: tuple[int, ...] = ()
        self.expiring: tuple[int, ...] = ()
        #: When to ask the kernel whether it is used.
        self.wake_usec = INFINITY

    @property
    def deadline_usec(self) -> int | None:
        return self.wake_usec if self.wake_usec < INFINITY else None


def make(definition: UnitDefinition) -> AutomountMachine:
    return AutomountMachine()


def machine_of(unit: Unit) -> AutomountMachine:
    assert isinstance(unit.machine, AutomountMachine)
    return unit.machine


def settings_of(unit: Unit) -> AutomountSettings:
    assert isinstance(unit.definition.specific, AutomountSettings)
    return unit.definition.specific


# --- start and stop -------------------------------------------------------------------------------------------------


def start(unit: Unit, world: World, turn: Turn) -> Outcome:
    machine, settings = machine_of(unit), settings_of(unit)
    if not settings.is_supported:
        return Outcome.UNSUPPORTED
    mount = _mount_of(unit, world)
    if mount is None or not mount.is_loaded:
        turn.log(unit, LOG_ERR, f"Refusing to start, unit {_mount_name(unit)} to trigger not loaded.")
        return Outcome.FAILED
    limit = (unit.settings.start_limit_interval_usec, unit.settings.start_limit_burst)
    if not unit.start_limit.is_within(*limit, turn.now.monotonic_usec):
        turn.log(unit, LOG_WARNING, "Start request repeated too quickly.")
        turn.limits_hit.append(unit.name)
        _enter_dead(unit, AutomountResult.START_LIMIT_HIT, turn)
        return Outcome.FAILED
    machine.result = AutomountResult.SUCCESS
    turn.tell_touched(unit)  # that it is down, where it is restarted
    turn.ask(OpenAutomount(unit.name, settings))
    return Outcome.BEGUN


def on_opened(unit: Unit, event: AutomountOpened, world: World, turn: Turn) -> None:
    if event.is_taken:
        turn.log(unit, LOG_ERR, f"Path {settings_of(unit).where} is already a mount point, refusing start.")
        if unit.job is not None:
            world.queue.finish(unit.job, JobResult.FAILED, turn)
    elif event.failure:
        turn.log(unit, LOG_ERR, f"Failed to initialize automounter: {event.failure}")
        _enter_dead(unit, AutomountResult.RESOURCES, turn)
    else:
        turn.enter(unit, AutomountState.WAITING)


def stop(unit: Unit, world: World, turn: Turn) -> Outcome:
    if unit.active_state.is_down:
        return Outcome.ALREADY
    _enter_dead(unit, AutomountResult.SUCCESS, turn)
    return Outcome.BEGUN


def reset_failed(unit: Unit, turn: Turn) -> None:
    machine_of(unit).result = AutomountResult.SUCCESS
    if machine_of(unit).state is AutomountState.FAILED:
        turn.enter(unit, AutomountState.DEAD)


def _enter_dead(unit: Unit, result: AutomountResult, turn: Turn) -> None:
    machine = machine_of(unit)
    machine.wake_usec = INFINITY
    _let_go(unit, _EHOSTDOWN, turn)
    _end_expiry(unit, _ENODEV, turn)
    turn.ask(CloseAutomount(unit.name))
    turn.ask(ReadMounts(unit.name))  # what was mounted there is gone as well
    turn.tell_touched(unit)
    if machine.result is AutomountResult.SUCCESS:
        machine.result = result
    if machine.state is AutomountState.DEAD:
        # It has not been seen to begin: what is wrong is told before it is seen to have failed, as by systemd.
        turn.tell(unit)
    is_failed = machine.result is not AutomountResult.SUCCESS
    turn.log(unit, *(LOG_WARNING, f"Failed with result '{machine.result.value}'.") if is_failed
             else (LOG_DEBUG if machine.state is AutomountState.DEAD else LOG_INFO, "Deactivated successfully."))
    turn.enter(unit, AutomountState.FAILED if is_failed else AutomountState.DEAD)


def _mount_name(unit: Unit) -> str:
    return change_type(unit.name, "mount")


def _mount_of(unit: Unit, world: World) -> Unit | None:
    return world.graph.get(_mount_name(unit))


# --- somebody comes -------------------------------------------------------------------------------------------------


def on_requested(unit: Unit, event: AutomountRequested, world: World, turn: Turn) -> None:
    machine, mount = machine_of(unit), _mount_of(unit, world)
    if event.is_expiry:
        machine.expiring += (event.token,)
        cause = Cause("automount", unit.name, "nobody has used it for a while")
        refusal = world.enqueue(mount, JobType.STOP, JobMode.REPLACE, turn, cause) if mount is not None else None
        if mount is None or isinstance(refusal, Refusal):
            turn.log(unit, LOG_WARNING, "Failed to queue unmount job.")
            _end_expiry(unit, _ENODEV, turn)
        return
    turn.log(unit, LOG_INFO, f"Got automount request for {settings_of(unit).where}, triggered by {event.pid} ({event.process})")
    machine.coming += (event.token,)
    if unit.is_stop_pending():
        turn.log(unit, LOG_DEBUG, "Suppressing automount request since unit stop is scheduled.")
        _let_go(unit, _EHOSTDOWN, turn)
    elif mount is not None and mount.active_state.is_up:
        _let_go(unit, 0, turn)
    else:
        failure = world.start(_mount_name(unit), turn, Cause("automount", unit.name, f"{event.process} [{event.pid}] has come"))
        if failure:
            turn.log(unit, LOG_WARNING, f"Failed to queue mount startup job: {failure}")
            _enter_dead(unit, AutomountResult.RESOURCES, turn)
        elif machine.state is AutomountState.WAITING:
            turn.enter(unit, AutomountState.RUNNING)
            turn.touched.add(unit.name)


def on_lost(unit: Unit, event: AutomountLost, world: World, turn: Turn) -> None:
    if unit.active_state.is_down:
        return
    turn.log(unit, LOG_ERR, "Got hangup/error on autofs pipe from kernel. Likely our automount point has been unmounted by "
                            "someone or something else?")
    _enter_dead(unit, AutomountResult.UNMOUNTED, turn)


def on_other_changed(unit: Unit, mount: Unit, world: World, turn: Turn) -> None:
    machine = machine_of(unit)
    if unit.active_state.is_down:
        return
    if mount.active_state.is_up:
        _let_go(unit, 0, turn)
        _end_expiry(unit, _ENODEV, turn)
        if machine.state is AutomountState.WAITING:
            turn.enter(unit, AutomountState.RUNNING)
        _arm(unit, turn)
    elif mount.active_state.is_down and mount.job is None:
        _end_expiry(unit, 0, turn)
        _let_go(unit, _ENOENT, turn)
        machine.wake_usec = INFINITY
        if mount.is_start_limit_hit and mount.active_state is ActiveState.FAILED:
            _enter_dead(unit, AutomountResult.MOUNT_START_LIMIT_HIT, turn)
        elif machine.state is AutomountState.RUNNING:
            turn.enter(unit, AutomountState.WAITING)


def _let_go(unit: Unit, error: int, turn: Turn) -> None:
    """Those who wait may go on, or hear of an error."""
    machine = machine_of(unit)
    if machine.coming:
        turn.ask(AnswerAutomount(unit.name, machine.coming, error))
        machine.coming = ()


def _end_expiry(unit: Unit, error: int, turn: Turn) -> None:
    machine = machine_of(unit)
    if machine.expiring:
        turn.ask(AnswerAutomount(unit.name, machine.expiring, error))
        machine.expiring = ()


# --- nobody comes any more ------------------------------------------------------------------------------------------


def _arm(unit: Unit, turn: Turn) -> None:
    idle_usec = settings_of(unit).timeout_idle_usec
    is_limited = 0 < idle_usec < INFINITY
    step = max(idle_usec // _QUESTIONS, _LEAST_USEC)
    machine_of(unit).wake_usec = turn.now.monotonic_usec + step if is_limited else INFINITY


def on_deadline(unit: Unit, world: World, turn: Turn) -> None:
    machine = machine_of(unit)
    if machine.wake_usec > turn.now.monotonic_usec:
        return
    machine.wake_usec = INFINITY
    if machine.state is AutomountState.RUNNING:
        if not machine.expiring:
            turn.ask(ExpireAutomount(unit.name))
        _arm(unit, turn)
