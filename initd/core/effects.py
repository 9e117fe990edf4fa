"""Everything the engine can ask for. Effects are orders; the shell carries them out and decides nothing.

An effect that can fail, or whose outcome matters, is answered by exactly one event, named in its docstring.
"""

from __future__ import annotations

from initd.core.cgroup_attributes import CgroupPlan
from initd.core.record import Record
from initd.core.states import JobResult
from initd.core.values import Condition, PidRef, SpawnRequest


class Effect(Record):
    """Base of all effects."""


class Spawn(Effect):
    """Answered by SpawnDone or SpawnFailed; after SpawnDone by ExecSucceeded or ExecFailed, then ProcessExited."""

    request: SpawnRequest


class KillProcesses(Effect):
    """Signal a unit's processes. Answered by ProcessesKilled.

    `main` and `control` are signalled first, if given. With `everyone`, every other process of the unit too.
    `send_sighup` adds SIGHUP right after (SendSIGHUP=). SIGCONT follows anything but SIGKILL and SIGHUP, so that
    stopped processes see it (systemd.kill(5)).
    """

    unit: str
    signal: int
    main: PidRef | None
    control: PidRef | None
    everyone: bool
    send_sighup: bool = False
    #: Processes are logged one by one as they are killed ("Killing process … with signal SIGKILL.").
    announce: bool = False


class ListProcesses(Effect):
    """Answered by ProcessesListed."""

    unit: str


class ReadPidFile(Effect):
    """Answered by PidFileRead."""

    unit: str
    path: str


class WatchClock(Effect):
    """From now on, tell when the wall clock is set (ClockChanged) or the time zone becomes another (TimeZoneChanged)."""


class OpenSockets(Effect):
    """Answered by SocketsOpened. `settings` is the unit's `SocketSettings`."""

    unit: str
    settings: object


class WatchSockets(Effect):
    """Tell when somebody comes (SocketReady, ConnectionAccepted), or tell no more. `flushes`: drop who waits now."""

    unit: str
    is_wanted: bool
    flushes: bool = False


class CloseSockets(Effect):
    """`removes_nodes`: and take away what they are in the file system."""

    unit: str
    removes_nodes: bool


class CloseConnection(Effect):
    """The manager's end of an accepted connection; the service has its own."""

    unit: str
    connection: int


class WatchPaths(Effect):
    """Watch a unit's paths from now on, and say whether something is there already; answered by PathsChecked.
    `settings` is the unit's `PathSettings`. `is_fresh`: a path that is to change has not done so by having come or gone
    since the last look."""

    unit: str
    settings: object
    makes_directories: bool = False
    is_fresh: bool = False


class UnwatchPaths(Effect):
    unit: str


class PrepareMount(Effect):
    """Make what something is to be mounted on, and with `source` what is to be seen there. Answered by MountPrepared."""

    unit: str
    where: str
    source: str
    mode: int


class OpenAutomount(Effect):
    """Answered by AutomountOpened; from then on who comes is told of (AutomountRequested). `settings` is the unit's
    `AutomountSettings`."""

    unit: str
    settings: object


class AnswerAutomount(Effect):
    """What became of requests with these tokens: an error's number, or 0."""

    unit: str
    tokens: tuple[int, ...]
    error: int


class ExpireAutomount(Effect):
    """If nobody has used it for as long as its settings say, the kernel makes a request of that."""

    unit: str


class CloseAutomount(Effect):
    """The automount point goes, and what is mounted on it."""

    unit: str


class ReadMounts(Effect):
    """mount(8) or umount(8) has ended: what is mounted now? Answered by MountsRead."""

    unit: str


class ReadTimerStamp(Effect):
    """When the timer last elapsed, in this container or in the one before; answered by TimerStampRead. Where there is no
    such file, it is made."""

    unit: str
    path: str


class TouchTimerStamp(Effect):
    """The timer has elapsed at this time; None for now."""

    unit: str
    path: str
    realtime_usec: int | None


class WatchPid(Effect):
    """Attribute this process to the unit from now on, though it does not carry the unit's tag (PIDFile=, MAINPID=)."""

    unit: str
    process: PidRef


class AttachProcesses(Effect):
    """These processes, and those that they make from now on, are the unit's. Answered by ProcessesAttached. `unit_number` is
    the number its tag carries."""

    unit: str
    unit_number: int
    cgroup: str
    pids: tuple[int, ...]


class RequestStop(Effect):
    """Tell whoever has this name on the bus that its scope is to end."""

    unit: str
    controller: str


class ConnectBus(Effect):
    """There is a system bus: be on it, watch these names (BusNameChanged), and serve its peers."""

    names: tuple[str, ...]


class DisconnectBus(Effect):
    """The bus is going, or gone."""


class WatchBusName(Effect):
    """Tell who has this name of the bus, now and whenever it changes (BusNameChanged)."""

    name: str


class UnwatchBusName(Effect):
    name: str


class FindBusOwner(Effect):
    """Which process is this owner of the unit's bus name? Answered by BusOwnerFound."""

    unit: str
    name: str
    owner: str


class CheckConditions(Effect):
    """Answered by ConditionsChecked."""

    unit: str
    conditions: tuple[Condition, ...]
    asserts: tuple[Condition, ...]


class PrepareUnit(Effect):
    """The unit starts: give it a cgroup (where the tree is writable). Not answered; without one, the tag serves.

    What cannot be written there is told. A group that is handed over belongs to the user of `exec`, the `ExecSettings`.
    """

    unit: str
    cgroup: str
    plan: CgroupPlan = CgroupPlan()
    exec: object = None
    #: What others may know of the unit: the number in its tag, and which of its runs this is.
    number: int = 0
    invocation_id: str = ""


class Thaw(Effect):
    """Let the unit's processes go on, if a client has frozen them. Not answered."""

    unit: str
    cgroup: str


class RemoveFiles(Effect):
    """These files of the unit are not wanted any more. Not answered; those that are gone already are as they should be."""

    unit: str
    paths: tuple[str, ...]


class LimitUnit(Effect):
    """Write this into the cgroup of a unit that is there. Not answered."""

    unit: str
    cgroup: str
    plan: CgroupPlan


class ReleaseUnit(Effect):
    """The unit is down: remove its cgroup if empty, the directories of RuntimeDirectory= and the file of PIDFile=."""

    unit: str
    cgroup: str
    directories: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    #: A terminal that the unit had as its own: it gets back to root.
    terminal: str = ""
    #: The unit's `ExecSettings`, where the IPC objects of its user and group go as well (RemoveIPC=).
    remove_ipc: object = None
    #: The same, where its terminal is reset, hung up or cleared (TTYReset= and its sisters).
    reset_terminal: object = None


class StoreDescriptors(Effect):
    """Keep these of the descriptors that came with the message, by their numbers. `is_polled`: StoredFdHungUp is wanted."""

    unit: str
    fds: tuple[int, ...]
    is_polled: bool


class CloseDescriptors(Effect):
    """These stored descriptors are not kept any longer."""

    unit: str
    fds: tuple[int, ...]


class Log(Effect):
    """One line for the journal. `fields` are journal fields beside MESSAGE and PRIORITY (UNIT, JOB_RESULT, …)."""

    priority: int
    unit: str
    text: str
    fields: tuple[tuple[str, str], ...] = ()


class Reply(Effect):
    """The request was accepted. `values` are what its D-Bus method returns, as plain values."""

    request: int
    values: tuple[object, ...] = ()


class Refused(Effect):
    """The request was not accepted. `error` is a D-Bus error name, `text` what systemctl prints behind it."""

    request: int
    error: str
    text: str


class ReleaseIdle(Effect):
    """No job is waiting any more: processes of Type=idle services may go on to their program."""


class JobAdded(Effect):
    """The JobNew signal. `type` as systemctl prints it."""

    job_id: int
    unit: str
    type: str = ""


class JobRemoved(Effect):
    """The JobRemoved signal."""

    job_id: int
    unit: str
    result: JobResult


class UnitChanged(Effect):
    """Something `systemctl show` prints about the unit has changed: the PropertiesChanged signal."""

    unit: str


class UnitPassed(Effect):
    """The unit went through a state and is in another one already: PropertiesChanged for what it was, `as_it_was` a `Unit`.

    So that clients can follow every state that was set, whatever else the same event led to.
    """

    unit: str
    as_it_was: object


class UnitAdded(Effect):
    """The UnitNew signal."""

    unit: str


class UnitRemoved(Effect):
    """The UnitRemoved signal: the unit was unloaded."""

    unit: str


class StartupFinished(Effect):
    """The boot's first transaction is done."""

    userspace_usec: int


class StatusLine(Effect):
    """What the parent of the manager should read as status (sd_notify STATUS=, READY=1, STOPPING=1)."""

    fields: tuple[tuple[str, str], ...]


class Reload(Effect):
    """Read every unit file again (SIGHUP). Answered by UnitsLoaded."""

    request: int = 0


class Reexecute(Effect):
    """Save the state and execute the manager's code again (SIGRTMIN+25)."""


class KillEverything(Effect):
    """Signal every process but the manager and the journal, whoever made it; the last step of a shutdown.

    Answered by ProcessesKilled for unit "" with the number of processes left.
    """

    signal: int


class Exit(Effect):
    """Flush the journal and end the manager with this status. Nothing follows. `verb` is exit, poweroff, reboot or halt; with
    soft-reboot another manager begins anew in its place."""

    exit_code: int
    verb: str

