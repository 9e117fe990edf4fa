"""How a command of a unit becomes a process.

The request says what the engine wants; here everything in it that depends on the machine is looked up (users,
environment files, directories, streams) and written into one exec context, which the new process, `pyinit-exec`,
reads from a memory file. The manager never forks: posix_spawn(3) costs the same however big the manager is. A batch is
started by `spawners`.

What is wrong with the unit itself (a user that does not exist, a program that is missing) still makes a process that
fails at that step with systemd's exit status: so its end looks as it does under systemd. `SpawnError` is for what
systemd reports as Result=resources: there is no process at all.
"""

from __future__ import annotations

import os

from initd.core import substitution
from initd.core.events import ExecFailed, ExecSucceeded
from initd.core.places import SYSTEM, Places
from initd.core.record import Record
from initd.core.settings import ExecSettings
from initd.core.states import ExecPhase
from initd.core.values import ExecCommand, SpawnRequest
from initd.shell import environment, ipc, sandbox, users
from initd.shell.credentials import directories_of_container, plan_credentials
from initd.shell.directories import plan_directories
from initd.shell.fds import OwnedFd, open_memory_file, open_pipe
from initd.shell.scheduling import with_scheduling
from initd.shell.spaces import Spaces
from initd.shell.spawners import FIRST_FD, MOST_FDS, Asked, Spawners
from initd.shell.streams import DEFAULT_TERMINAL, StreamError, StreamFacts, StreamPlan, input_word, plan_streams, plan_terminal
from initd.wire import execcontext
from initd.wire.execcontext import ExecContext, ExecReport, Failure, PassedFd
from initd.wire.journal import StreamHeader, encode_header

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from initd.shell.cgroup import Cgroups

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#: The variables that the manager has of itself.
OWN_ENVIRONMENT = {"LANG": "C.UTF-8", "PATH": DEFAULT_PATH}

#: DefaultLimitNOFILE= and DefaultLimitMEMLOCK= of systemd 252; the hard limit of the container may be lower.
DEFAULT_LIMITS = {"nofile": (1024, 524288), "memlock": (8388608, 8388608)}

_EXIT_CHDIR = 200
_ENOTDIR = 20

_CAP_SYS_MODULE, _CAP_SYS_RAWIO, _CAP_SYS_TIME, _CAP_MKNOD, _CAP_SYSLOG, _CAP_WAKE_ALARM = 16, 17, 25, 27, 34, 35
_ALL_CAPABILITIES = (1 << 64) - 1


class SpawnFacts(Record):
    """What every spawn of this manager shares."""

    helper: str
    #: Those of the manager; with them come `notify_path` and `journal_path`.
    places: Places = SYSTEM
    notify_path: str = SYSTEM.notify
    journal_path: str = SYSTEM.journal
    #: Of whom the manager is, in user mode: the home directory.
    home: str = "/root"
    #: 2^60 + nesting, or None where the hard limit leaves no room for tags.
    tag_base: int | None = 1 << 60
    #: The variables that the container was started with: what PassEnvironment= picks from.
    container_environment: dict[str, str] = {}
    default_limits: dict[str, tuple[int, int]] = DEFAULT_LIMITS
    default_output: str = "journal"
    default_error: str = "inherit"
    #: CPUAffinity=, NUMAPolicy= and SystemCallArchitectures= of system.conf, as a unit would have them.
    default_settings: ExecSettings = ExecSettings()
    uid: int = 0
    gid: int = 0


class SocketFds(Record):
    """Descriptors of a service's socket units, for $LISTEN_FDS or StandardInput=socket. They stay their owner's."""

    fds: tuple[int, ...] = ()
    names: tuple[str, ...] = ()
    connection_fd: int | None = None
    non_blocking: bool = False
    #: (0, 1 or 2, descriptor), of what a client has given to the unit.
    streams: tuple[tuple[int, int], ...] = ()


NO_SOCKETS = SocketFds()


class SpawnError(Exception):
    """There is no process. `exit_status` is 0: systemd's child would not have existed either."""

    def __init__(self, reason: str, exit_status: int = 0) -> None:
        super().__init__(reason)
        self.exit_status = exit_status
        self.reason = reason


class ExecOutcome(Record):
    """What became of the set-up. `kind` is "succeeded", "failed", "skipped" (missing, and "-" allows it) or "gone"."""

    kind: str
    report: ExecReport | None = None

    def event(self, unit: str, pid: int) -> ExecSucceeded | ExecFailed | None:
        """The event for the engine; None where the exit of the process will say everything."""
        if self.kind == "succeeded":
            return ExecSucceeded(unit, pid)
        if self.kind == "failed" and self.report is not None:
            report = self.report
            return ExecFailed(unit, pid, report.exit_status, report.step, report.errno, os.strerror(report.errno))
        return None


class ExecStatus:
    """Owns the reading end of a status pipe. Ready to read: something is known, see `read()`."""

    __slots__ = ("_fd", "_rest", "_last", "degraded")

    def __init__(self, fd: OwnedFd) -> None:
        self._fd = fd
        self._rest = b""
        self._last: ExecReport | None = None
        #: Steps that could not be taken here and were passed over.
        self.degraded: list[ExecReport] = []

    def fileno(self) -> int:
        return self._fd.fileno()

    def read(self) -> ExecOutcome | None:
        """The outcome once the pipe is closed at the other end, None before. Never waits."""
        while True:
            try:
                data = os.read(self._fd.fileno(), 4096)
            except BlockingIOError:
                return None
            if not data:
                return self._outcome()
            reports, self._rest = execcontext.parse_reports(self._rest + data)
            for report in reports:
                if report.exit_status == 0 and report.step not in (execcontext.STEP_EXEC, execcontext.STEP_MISSING):
                    self.degraded.append(report)
                else:
                    self._last = report

    def save(self, fds: list[int]) -> tuple[Any, ...]:
        """For another manager in our place, which must inherit the pipe."""
        fds.append(self.fileno())
        return self.fileno(), self._rest, self._last, self.degraded

    @classmethod
    def restored(cls, saved: tuple[Any, ...]) -> ExecStatus:
        fd, rest, last, degraded = saved
        status = cls(OwnedFd(fd))
        status._rest, status._last, status.degraded = rest, last, degraded
        return status

    def _outcome(self) -> ExecOutcome:
        last = self._last
        if last is None:
            return ExecOutcome("gone")
        if last.exit_status:
            return ExecOutcome("failed", last)
        return ExecOutcome("skipped" if last.step == execcontext.STEP_MISSING else "succeeded", last)

    def close(self) -> None:
        self._fd.close()


class Spawned(Record):
    """A new process; `status` is the caller's to watch and to close. `problems` are lines worth logging."""

    pid: int
    status: ExecStatus
    problems: tuple[str, ...] = ()
    #: Without its mounts the unit runs otherwise than it was meant to: that is worth a warning.
    needs_mounts: bool = False


class Begun:
    """A process that is under way."""

    __slots__ = ("_pid", "_status", "_problems", "_needs_mounts")

    def __init__(self, pid: int | Asked, status: ExecStatus, problems: tuple[str, ...], needs_mounts: bool) -> None:
        self._pid = pid
        self._status = status
        self._problems = problems
        self._needs_mounts = needs_mounts

    @property
    def is_done(self) -> bool:
        return isinstance(self._pid, int)

    def spawned(self) -> Spawned:
        """Waits until it is there. SpawnError where it will not be."""
        try:
            pid = self._pid if isinstance(self._pid, int) else self._pid.pid()
        except OSError as error:
            self._status.close()
            raise SpawnError(error.strerror or str(error)) from None
        return Spawned(pid, self._status, self._problems, self._needs_mounts)


class Spawner:
    """Makes processes. `manager_environment` is what `systemctl set-environment` and the like change."""

    def __init__(self, facts: SpawnFacts, cgroups: Cgroups | None = None) -> None:
        self.facts = facts
        self.cgroups = cgroups
        self.dynamic_users = users.DynamicUsers()
        self.manager_environment = dict(OWN_ENVIRONMENT)
        self.spaces = Spaces()
        self.spawners = Spawners()
        self._idle_reader: OwnedFd | None = None
        self._idle_writer: OwnedFd | None = None

    def spawn(self, request: SpawnRequest, sockets: SocketFds = NO_SOCKETS) -> Spawned:
        """Starts the process. SpawnError where there is none."""
        return self.begin(request, sockets).spawned()

    def begin(self, request: SpawnRequest, sockets: SocketFds = NO_SOCKETS) -> Begun:
        """Has it started, by one of the `spawners` while they are open. SpawnError where there will be none."""
        settings = request.exec
        assert isinstance(settings, ExecSettings)
        opened: list[OwnedFd] = []
        try:
            return self._begin(request, settings, sockets, opened)
        except StreamError as error:
            raise SpawnError(str(error)) from None
        except environment.EnvironmentFileError as error:
            raise SpawnError(f"Failed to load environment files: {os.strerror(error.errno)}") from None
        except OSError as error:
            raise SpawnError(error.strerror or str(error)) from None
        finally:
            for fd in opened:
                fd.close()

    def _begin(
        self, request: SpawnRequest, settings: ExecSettings, sockets: SocketFds, opened: list[OwnedFd]
    ) -> Begun:
        data_fd = None
        if input_word(settings, request.is_control) == "data":
            opened.append(open_memory_file("data-fd", settings.standard_input_data))
            data_fd = opened[-1].fileno()
        streams = plan_streams(settings, self._stream_facts(request, sockets, data_fd))
        context, problems = self._context(request, settings, sockets, streams)
        if request.is_idle:
            context = context.replace(idle_fd=self._idle_fd())
        reader, writer = open_pipe()
        opened.append(writer)
        try:
            pid = self._start_or_ask(context.replace(status_fd=writer.fileno()), opened)
        except OSError:
            reader.close()
            raise
        return Begun(pid, ExecStatus(reader), tuple(problems), sandbox.needs_mounts(settings))

    def _start_or_ask(self, context: ExecContext, opened: list[OwnedFd]) -> int | Asked:
        fds = execcontext.passed_fds(context)
        if self.spawners.are_open and len(fds) < MOST_FDS:
            theirs = execcontext.renumbered(context, {fd: place for place, fd in enumerate(fds, FIRST_FD + 1)})
            opened.append(open_memory_file("exec-context", execcontext.pack(theirs)))
            try:
                return self.spawners.ask([opened[-1].fileno(), *fds])
            except OSError:
                pass  # somebody has killed one of them: nothing was begun
        opened.append(open_memory_file("exec-context", execcontext.pack(context)))
        return self._start(opened[-1].fileno(), context)

    def _start(self, context_fd: int, context: ExecContext) -> int:
        # dup2(2) of a descriptor to itself: posix_spawn takes close-on-exec off in the child, and only there.
        actions = [(os.POSIX_SPAWN_DUP2, fd, fd) for fd in (context_fd, *execcontext.passed_fds(context))]
        return os.posix_spawn(self.facts.helper, ["pyinit-exec", str(context_fd)], {}, file_actions=actions)

    def _resolve(self, settings: ExecSettings, unit: str) -> users.Credentials:
        """UserError where there is nobody of that name, or nobody can be made up: that is not a user's to do."""
        if settings.dynamic_user and self.facts.places.mode == "user" and self.facts.uid != 0:
            raise users.UserError(users.EXIT_USER, "USER", settings.user)
        return users.resolve(settings, unit, self.dynamic_users)

    def owner(self, unit: str, settings: ExecSettings) -> tuple[int, int]:
        """Uid and gid that the unit's processes get, -1 where that is the manager's own, or nobody's."""
        try:
            found = users.resolve(settings, unit, self.dynamic_users)
        except users.UserError:
            return -1, -1  # the spawn fails, and says so
        return -1 if found.uid is None else found.uid, -1 if found.gid is None else found.gid

    def remove_ipc(self, unit: str, settings: ExecSettings) -> None:
        """What the unit's user and group left behind of IPC objects. Asks for the user before the unit is released."""
        uid, gid = [max(number, 0) for number in self.owner(unit, settings)]
        ipc.remove_files(uid, gid)
        for owner, objects in ipc.owned_objects(uid, gid).items():
            context = ExecContext("", (), uid=owner or None, remove_ipc=tuple(objects))
            with open_memory_file("remove-ipc", execcontext.pack(context)) as file:
                self._start(file.fileno(), context)

    def tag(self, unit_number: int, pids: list[int], uid: int, gid: int) -> None:
        """Puts the unit's tag on processes that run already, as their owner, who alone may. Waits for it, a millisecond: what
        they fork until then is nobody's."""
        if self.facts.tag_base is None:
            return
        tagged = tuple((self.facts.tag_base + unit_number, pid) for pid in pids)
        is_us = (uid, gid) == (self.facts.uid, self.facts.gid)
        owner = (None, None) if is_us else (uid, gid)
        context = ExecContext("", (), uid=owner[0], gid=owner[1], tagged_processes=tagged)
        with open_memory_file("tag", execcontext.pack(context)) as file:
            self._run(file.fileno(), context)

    def _run(self, context_fd: int, context: ExecContext) -> None:
        pid = self._start(context_fd, context)
        try:
            os.waitpid(pid, 0)
        except ChildProcessError:
            pass  # somebody else was told of its end

    def reset_terminal(self, settings: ExecSettings) -> None:
        """What TTYReset=, TTYVHangup= and TTYVTDisallocate= do behind the end of a unit. Waits for it, a millisecond: later
        it would meet the next one who uses the terminal."""
        terminal = plan_terminal(settings, is_control=True)
        if terminal is None:
            return
        context = ExecContext("", (), terminal=terminal.replace(is_all=True))
        with open_memory_file("terminal", execcontext.pack(context)) as file:
            self._run(file.fileno(), context)

    # --- Type=idle -------------------------------------------------------------------------------------------------

    def _idle_fd(self) -> int:
        if self._idle_reader is None:
            self._idle_reader, self._idle_writer = open_pipe(non_blocking=False)
        return self._idle_reader.fileno()

    def release_idle(self) -> None:
        """Let the processes of Type=idle units go on: the jobs of the boot are dispatched."""
        if self._idle_reader is not None and self._idle_writer is not None:
            self._idle_writer.close()
            self._idle_reader.close()
            self._idle_reader = self._idle_writer = None

    # --- another manager in our place -------------------------------------------------------------------------------

    def save(self, fds: list[int]) -> dict[str, Any]:
        """What outlives a single spawn; what must be inherited is added to `fds`."""
        idle = [fd.fileno() for fd in (self._idle_reader, self._idle_writer) if fd is not None]
        fds += idle
        return {"idle": idle, "users": self.dynamic_users.save(fds), "spaces": self.spaces.save(fds)}

    def restore(self, saved: dict[str, Any]) -> None:
        if saved["idle"]:
            self._idle_reader, self._idle_writer = [OwnedFd(fd) for fd in saved["idle"]]
        self.dynamic_users.restore(saved["users"])
        self.spaces.restore(saved["spaces"])

    # --- the context -----------------------------------------------------------------------------------------------

    def _stream_facts(self, request: SpawnRequest, sockets: SocketFds, data_fd: int | None) -> StreamFacts:
        return StreamFacts(
            journal_path=self.facts.journal_path if os.path.exists(self.facts.journal_path) else "",
            default_output=self.facts.default_output,
            default_error=self.facts.default_error,
            is_control=request.is_control,
            socket_fd=sockets.connection_fd,
            named_fds=dict(zip(reversed(sockets.names), reversed(sockets.fds))),
            data_fd=data_fd,
            given=dict(sockets.streams),
        )

    def _context(
        self, request: SpawnRequest, settings: ExecSettings, sockets: SocketFds, streams: StreamPlan
    ) -> tuple[ExecContext, list[str]]:
        failure = None
        credentials = users.Credentials()
        try:
            credentials = self._resolve(settings, request.unit)
        except users.UserError as error:
            failure = Failure(error.exit_status, error.errno, error.step)
        directories = plan_directories(
            settings, credentials.uid, credentials.gid, bases=self.facts.places.directories)
        files, problems = environment.read_files(settings.environment_files)
        own = self._own_variables(request, settings, sockets, streams, credentials)
        own.update(directories.environment)
        secrets = plan_credentials(
            settings, request.unit, directories_of_container(self.facts.container_environment),
            self.facts.places.credentials)
        if secrets.directory:
            own["CREDENTIALS_DIRECTORY"] = secrets.directory
        engine = list(request.environment)
        if request.may_notify:
            engine.append(f"NOTIFY_SOCKET={self.facts.notify_path}")
        variables = environment.assemble(
            self.manager_environment, engine, own, self.facts.container_environment, settings, files
        )
        command = request.command
        home, home_failure = _working_directory(settings, credentials, self.facts.home)
        context = ExecContext(
            program=command.path,
            arguments=_arguments(command, variables),
            environment=tuple([f"{name}={value}" for name, value in variables.items()]),
            search_path=settings.exec_search_path or tuple(DEFAULT_PATH.split(":")),
            missing_program_is_fine=command.ignore_failure,
            failure=failure or home_failure,
            unit_number=self._tag(request, settings),
            ignore_sigpipe=settings.ignore_sigpipe,
            # whom autofs lets through to what is being mounted
            has_same_group=request.phase in (ExecPhase.MOUNT, ExecPhase.UNMOUNT, ExecPhase.REMOUNT),
            cgroup_procs=self._cgroup_procs(request),
            streams=streams.streams,
            journal_header=encode_header(_header(request, settings, streams)) if streams.uses_journal else b"",
            directories=directories.directories,
            symlinks=directories.symlinks,
            moves=directories.moves,
            credential_directory=secrets.directory,
            credential_owner=-1 if credentials.uid is None else credentials.uid,
            credentials=secrets.credentials,
            terminal=plan_terminal(settings, request.is_control),
            umask=settings.umask,
            keyring={"inherit": 0, "shared": 2}.get(settings.keyring_mode, 1),
            limits=() if command.full_privileges else self._limits(settings),
            root_directory=settings.root_directory if request.apply_root_directory else "",
            working_directory=home,
            working_directory_missing_ok=settings.working_directory_missing_ok,
            passed_fds=tuple([PassedFd(fd, sockets.non_blocking) for fd in sockets.fds]),
        )
        context = with_scheduling(context, settings, sandbox.native_machine(), self.facts.default_settings)
        if not command.no_setuid and not command.full_privileges:
            context = self._with_user(context, credentials)
        elif self.facts.uid == 0:
            context = context.replace(groups=credentials.groups)  # systemd leaves only the change of user out
        if not command.full_privileges:
            context = sandbox.with_filter(_with_privileges(context, settings), settings)
        context = sandbox.with_architectures(context, self.facts.default_settings)
        return sandbox.with_namespaces(context, request, settings, self.spaces, self.facts.places.run), problems

    def _own_variables(
        self,
        request: SpawnRequest,
        settings: ExecSettings,
        sockets: SocketFds,
        streams: StreamPlan,
        credentials: users.Credentials,
    ) -> dict[str, str]:
        variables = {}
        if sockets.fds:
            variables["LISTEN_PID"] = execcontext.OWN_PID
            variables["LISTEN_FDS"] = str(len(sockets.fds))
            variables["LISTEN_FDNAMES"] = ":".join(sockets.names)
        if request.watchdog_usec:
            variables["WATCHDOG_PID"] = execcontext.OWN_PID
            variables["WATCHDOG_USEC"] = str(request.watchdog_usec)
        if self.facts.places.mode == "user":
            variables["MANAGERPID"] = str(os.getpid())
        home = self.facts.home if settings.working_directory == "~" and not credentials.name else credentials.home
        if home:
            variables["HOME"] = home
        if credentials.name:
            variables["LOGNAME"] = variables["USER"] = credentials.name
        if credentials.shell:
            variables["SHELL"] = credentials.shell
        if streams.terminal:
            # Of the console whoever started the container knows the kind; of any other terminal nobody does.
            is_console = streams.terminal == DEFAULT_TERMINAL
            variables["TERM"] = is_console and self.facts.container_environment.get("TERM") or "vt220"
        if streams.uses_journal:
            variables["JOURNAL_STREAM"] = execcontext.JOURNAL_STREAM
        if settings.log_namespace:
            variables["LOG_NAMESPACE"] = settings.log_namespace
        variables["SYSTEMD_EXEC_PID"] = execcontext.OWN_PID
        return variables

    def _tag(self, request: SpawnRequest, settings: ExecSettings) -> int | None:
        if self.facts.tag_base is None or "rttime" in settings.limits:
            return None
        return self.facts.tag_base + request.unit_number

    def _cgroup_procs(self, request: SpawnRequest) -> str:
        if self.cgroups is None or not request.cgroup:
            return ""
        # Where a group that is handed over shares controllers with those below, there may be no process in itself.
        cgroup = request.cgroup + "/.control" if request.delegate and request.is_control else request.cgroup
        self.cgroups.create(cgroup)
        return self.cgroups.procs_path(cgroup)

    def _limits(self, settings: ExecSettings) -> tuple[tuple[int, int, int], ...]:
        limits = {**self.facts.default_limits, **settings.limits}
        return tuple([
            (execcontext.RESOURCES[name], soft, hard)
            for name, (soft, hard) in limits.items()
            if name in execcontext.RESOURCES
        ])

    def _with_user(self, context: ExecContext, credentials: users.Credentials) -> ExecContext:
        """Changing to who we are already needs no privilege, and must not ask for one."""
        if self.facts.uid != 0 and credentials.uid == self.facts.uid and credentials.gid in (None, self.facts.gid):
            return context
        return context.replace(uid=credentials.uid, gid=credentials.gid, groups=credentials.groups)


def _arguments(command: ExecCommand, variables: dict[str, str]) -> tuple[str, ...]:
    if command.no_expand:
        return command.argv
    return (*command.argv[:1], *substitution.substitute(command.argv[1:], variables))


def _header(request: SpawnRequest, settings: ExecSettings, streams: StreamPlan) -> StreamHeader:
    return StreamHeader(
        identifier=settings.syslog_identifier or request.command.path.rsplit("/", 1)[-1],
        unit=request.unit,
        priority=settings.syslog_facility << 3 | settings.syslog_level,
        level_prefix=settings.syslog_level_prefix,
        forward_to_kmsg=streams.to_kmsg,
        forward_to_console=streams.to_console,
    )


def _working_directory(settings: ExecSettings, credentials: users.Credentials, own: str) -> tuple[str, Failure | None]:
    if settings.working_directory != "~":
        return settings.working_directory or "/", None
    home = credentials.home if credentials.name else own
    if home or settings.working_directory_missing_ok:
        return home or "/", None
    return "/", Failure(_EXIT_CHDIR, _ENOTDIR, "CHDIR")


def _with_privileges(context: ExecContext, settings: ExecSettings) -> ExecContext:
    return context.replace(
        bounding_set=_bounding_set(settings),
        ambient_set=settings.ambient_capabilities,
        secure_bits=settings.secure_bits,
        no_new_privileges=settings.no_new_privileges or settings.dynamic_user,
    )


def _bounding_set(settings: ExecSettings) -> int | None:
    """CapabilityBoundingSet= less what some options take away by themselves (systemd.exec(5), SANDBOXING)."""
    dropped = 0
    for is_set, capabilities in (
        (settings.private_devices, (_CAP_MKNOD, _CAP_SYS_RAWIO)),
        (settings.protect_kernel_modules, (_CAP_SYS_MODULE,)),
        (settings.protect_kernel_logs, (_CAP_SYSLOG,)),
        (settings.protect_clock, (_CAP_SYS_TIME, _CAP_WAKE_ALARM)),
    ):
        if is_set:
            dropped |= sum(1 << capability for capability in capabilities)
    if settings.capability_bounding_set is None and not dropped:
        return None
    wanted = _ALL_CAPABILITIES if settings.capability_bounding_set is None else settings.capability_bounding_set
    return wanted & ~dropped
