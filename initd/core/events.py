"""Everything that can happen to the manager. Events are past; what to do about them is decided in `engine`.

Facts about the system arrive here as values. `unit` is always a unit's primary name (its Id). Events that answer
an effect say which one.
"""

from __future__ import annotations

from initd.core.mountpoint import MountPoint
from initd.core.record import Record
from initd.core.states import ExecPhase, JobMode, JobType, KillWho
from initd.core.values import Diagnostic, OfferedFd, PidRef, ProcessEnd, ProcessInfo

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Event(Record):
    """Base of all events."""


# --- processes -----------------------------------------------------------------------------------------------


class SpawnDone(Event):
    """Answers `Spawn`: the process exists, its set-up may still be under way."""

    unit: str
    phase: ExecPhase
    pid: int


class SpawnFailed(Event):
    """Answers `Spawn`: there is no process. `exit_status` is what systemd's child would have exited with, 0 where
    systemd would not have had one either (Result=resources)."""

    unit: str
    phase: ExecPhase
    exit_status: int
    reason: str


class ExecSucceeded(Event):
    """The process has passed its set-up and executed the unit's program (Type=exec waits for this)."""

    unit: str
    pid: int


class ExecFailed(Event):
    """The set-up failed; the process is about to exit with `exit_status`. `step` is systemd's word ("CHDIR")."""

    unit: str
    pid: int
    exit_status: int
    step: str
    errno: int
    reason: str


class ProcessExited(Event):
    """A child was reaped and belongs to this unit: its main or control process, or one it left behind."""

    unit: str
    pid: int
    end: ProcessEnd


class OomKilled(Event):
    """The kernel has killed so many of the unit's processes for want of memory, since it was told last. Comes before what
    else is heard of their ends."""

    unit: str
    count: int


class UnitEmpty(Event):
    """The unit has no process left (the cgroup is empty, or nothing carries its tag any more)."""

    unit: str


class ProcessesKilled(Event):
    """Answers `KillProcesses`: how many processes were signalled and are worth waiting for."""

    unit: str
    count: int


class ProcessesListed(Event):
    """Answers `ListProcesses`."""

    unit: str
    processes: tuple[ProcessInfo, ...]


class ClockChanged(Event):
    """The wall clock was set, or the machine has slept: it shows another time than the other clock leads to expect."""


class TimeZoneChanged(Event):
    """/etc/localtime is another file."""


class SocketsOpened(Event):
    """Answers `OpenSockets`. `failure` is why there are none, "" where they are open; `problems` what they lack.
    `is_without_owner`: they could be opened, and not be given to SocketUser= and SocketGroup=."""

    unit: str
    failure: str = ""
    problems: tuple[str, ...] = ()
    is_without_owner: bool = False


class SocketReady(Event):
    """Somebody is there: a connection to accept, a datagram to read."""

    unit: str


class SocketBroken(Event):
    """A watched socket is not readable, or not only: `mask` is what epoll(7) says of it. `is_shut`: its end was reached, as
    when a process that has a copy shuts it down."""

    unit: str
    mask: int
    is_shut: bool


class ConnectionAccepted(Event):
    """Accept=yes. `connection` is the number of the descriptor's place with the shell, `service` the unit to serve it,
    `source` the host at the other end, "" for this machine."""

    unit: str
    connection: int
    service: str
    source: str = ""


class PathsChecked(Event):
    """Answers `WatchPaths`. `failure` is why they cannot be watched, `met`: the path where what is waited for is there."""

    unit: str
    failure: str = ""
    met: str = ""


class PathTouched(Event):
    """Something has happened to a watched path or to one above it. `changed`: the path, if PathChanged= waits for that."""

    unit: str
    changed: str


class AutomountOpened(Event):
    """Answers `OpenAutomount`: why there is none, or "". `is_taken`: something is mounted there."""

    unit: str
    failure: str = ""
    is_taken: bool = False


class AutomountRequested(Event):
    """Somebody wants to look into an automount point, or, with `is_expiry`, nobody does any more. Answered by AnswerAutomount,
    with the token. `pid` and `process` (its name) tell who."""

    unit: str
    token: int
    is_expiry: bool = False
    pid: int = 0
    process: str = ""


class AutomountLost(Event):
    """The kernel has given up on the automount point: somebody has unmounted it."""

    unit: str


class MountPrepared(Event):
    """Answers `PrepareMount`. `problems`: (priority, text) of what was found on the way; `failure` why nothing can be
    mounted there, or ""."""

    unit: str
    problems: tuple[tuple[int, str], ...] = ()
    failure: str = ""


class MountsRead(Event):
    """What is mounted now, one for each place: it has changed, or `ReadMounts` has asked."""

    mounts: tuple[MountPoint, ...]


class TimerStampRead(Event):
    """Answers `ReadTimerStamp`; None where there was no such file."""

    unit: str
    realtime_usec: int | None


class PidFileRead(Event):
    """Answers `ReadPidFile`. `process` is None where the file gave no live process, `problem` says why.

    `is_ours`: the process belongs to the unit (cgroup, tag, or our descendant). `is_trusted`: the file and its
    directory chain belong to root, so that a process outside of the unit may be believed (systemd.service(5), PIDFile=).
    """

    unit: str
    path: str
    process: PidRef | None
    is_ours: bool = False
    is_trusted: bool = False
    problem: str = ""


class NotifyReceived(Event):
    """A datagram on /run/systemd/notify from a process of this unit; `fields` in order, as sd_notify(3) names them.

    `main` is the living process that MAINPID= names, or None; `main_is_ours`: it belongs to the unit.
    """

    unit: str
    pid: int
    uid: int
    fields: tuple[tuple[str, str], ...]
    main: PidRef | None = None
    main_is_ours: bool = False
    fds: tuple[OfferedFd, ...] = ()


class ScopeMade(Event):
    """A client has made a scope for these processes. `controller`: the name on the bus of whoever stops it, or ""."""

    unit: str
    pids: tuple[int, ...]
    controller: str = ""


class ProcessesAttached(Event):
    """Answers `AttachProcesses`: how many of them were there to be attached; what cannot be known of them."""

    unit: str
    count: int
    problems: tuple[str, ...] = ()


class BusNameChanged(Event):
    """A name of the system bus that is watched has this owner now (":1.7"), or none (""). Also told when the name is first
    watched, and again whenever the bus was out of reach."""

    name: str
    owner: str


class BusOwnerFound(Event):
    """Answers `FindBusOwner`; `process` is None where the owner has gone, or the bus. `is_ours`: it belongs to the unit."""

    unit: str
    owner: str
    process: PidRef | None = None
    is_ours: bool = False


class StoredFdHungUp(Event):
    """Nobody is at the other end of a stored descriptor any more (sd_notify(3), FDPOLL=)."""

    unit: str
    fd: int


class ConditionsChecked(Event):
    """Answers `CheckConditions`: one bool a condition, in the order asked, negation already applied."""

    unit: str
    conditions: tuple[bool, ...]
    asserts: tuple[bool, ...]


# --- requests (each is answered by one Reply or Refused effect) -------------------------------------------------


class Request(Event):
    """Base of what clients ask. `request` identifies the question; 0 where nobody waits for an answer."""

    request: int


class JobRequest(Request):
    """Start, stop, restart, … a unit. Replies with the job's id."""

    unit: str
    type: JobType
    mode: JobMode
    #: systemctl reload-or-restart and friends: reload where the unit can, else what `type` says.
    reload_if_possible: bool = False
    #: Who asks, in words.
    by: str = ""


class CancelRequest(Request):
    """Cancel one job, or all of them (`job_id` 0)."""

    job_id: int = 0


class KillRequest(Request):
    unit: str
    who: KillWho
    signal: int


class CleanRequest(Request):
    """Remove what a unit keeps in its directories; `what` are systemctl(1)'s words for `clean --what=`."""

    unit: str
    what: tuple[str, ...]


class AbandonRequest(Request):
    """Whoever has made the scope has no more to do with it (org.freedesktop.systemd1(5), AbandonScope())."""

    unit: str


class AttachRequest(Request):
    """These processes are to be the unit's from now on, in a cgroup below its own (AttachProcessesToUnit())."""

    unit: str
    pids: tuple[int, ...]
    subcgroup: str = ""


class ResetFailedRequest(Request):
    """Forget the failure, start-limit counter and restart counter of one unit, or of all (`unit` "")."""

    unit: str = ""


class ReferenceRequest(Request):
    """The unit is to stay loaded until this client says otherwise, or is gone (org.freedesktop.systemd1(5), RefUnit()).
    Replies with whether that is a change."""

    unit: str
    client: str
    is_wanted: bool


class ClientGone(Event):
    """A client that had references has left the bus."""

    client: str


class ExitRequest(Request):
    """`systemctl exit N`, `poweroff`, `reboot`, `halt`. `is_forced` (--force) skips stopping units in order."""

    verb: str
    exit_code: int | None = None
    is_forced: bool = False
    by: str = ""


class ExitCodeRequest(Request):
    """`systemctl exit N` says the container's exit code before it asks for the end."""

    exit_code: int


class TuningRequest(Request):
    """Set a field of `core.tuning.Tuning`; the value has been checked."""

    field: str
    value: Any


class EnvironmentRequest(Request):
    """`systemctl set-environment`, `unset-environment`."""

    assignments: tuple[str, ...] = ()
    names_to_unset: tuple[str, ...] = ()


# --- the manager -------------------------------------------------------------------------------------------------


class Boot(Event):
    """Start this target, as the first transaction."""

    target: str


class SignalReceived(Event):
    """The manager got this signal, by its name without SIG ("TERM", "RTMIN+3")."""

    signal: str


class UnitsLoaded(Event):
    """Unit files were read (at first mention, or all of them at daemon-reload)."""

    definitions: tuple[object, ...]
    diagnostics: tuple[Diagnostic, ...] = ()


class Tick(Event):
    """Some deadline has passed; the engine looks which."""
