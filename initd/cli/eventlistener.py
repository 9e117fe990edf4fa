"""`pyinit eventlistener … -- COMMAND`: runs one of supervisor's event listeners, and tells it what happens to units as
supervisord would: over its stdin, while its stdout is the answer. What `pyinit import` makes of [eventlistener:x] starts it.

It ends as the first of its listeners does, so that the unit's Restart= and its like count for that. Signals are passed on.
"""

from __future__ import annotations

import _signal
import os
import select
import time

from initd.cli.bus import UNIT, BusError, NotRunning
from initd.cli.eventsource import Source
from initd.cli.getopt import parse as parse_words
from initd.cli.getopt import understood
from initd.cli.managers import chosen
from initd.cli.notify import main as notify
from initd.cli.options import UsageError
from initd.cli.output import complain
from initd.core.objectpath import unit_path
from initd.core.record import Record
from initd.core.supervisor_events import KINDS, NOT_SENT, SENT, TICKS, BadListener, Pool, Translator, is_wanted, ticks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from initd.core.supervisor_events import Event

USAGE = """\
pyinit eventlistener --events=EVENT[,EVENT…] [OPTIONS…] -- COMMAND [ARGUMENT…]

Run an event listener of supervisor's: it is told what happens to units as supervisord tells it, and answers on its stdout.

  --events=EVENTS    which it is told: PROCESS_STATE, TICK_60, …
  --pool=NAME        what it is called in what it is told (default listener)
  --buffer-size=N    how many events may wait for it (default 10); the oldest go first
  --processes=N      run so many, each event is for one of them (default 1)
  --run-as=USER      as this user; only root and this user's own manager tell what happens
  --server=NAME      what the manager calls itself (default supervisor)
  --serverurl=URL    $SUPERVISOR_SERVER_URL (default unix:///var/run/supervisor.sock), where nobody answers
  -h --help          print this

Exits as the listener does that ends first; 1 where one does not keep to the protocol or the manager does not answer, 2 for
options that make no sense.
"""
_LONG = {"events": "=", "pool": "=", "buffer-size": "=", "processes": "=", "run-as": "=", "server": "=", "serverurl": "=",
         "help": ""}
_PASSED_ON = (_signal.SIGTERM, _signal.SIGINT, _signal.SIGHUP, _signal.SIGQUIT, _signal.SIGUSR1, _signal.SIGUSR2)
_LOST_COMMAND = 127


class Wanted(Record):
    """What the command line says."""

    events: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    pool: str = "listener"
    size: int = 10
    count: int = 1
    user: str = ""
    server: str = "supervisor"
    serverurl: str = "unix:///var/run/supervisor.sock"


def parse(arguments: list[str]) -> Wanted | None:
    """None: help is wanted. UsageError for what makes no sense."""
    given, words = parse_words(arguments, "pyinit eventlistener", _LONG, {"h": "help"}, ends_at_word=True)
    values = dict(given)
    if "help" in values:
        return None
    if not words:
        raise UsageError("pyinit eventlistener: Which command?")
    events = tuple(word.strip().upper() for word in values.get("events", "").split(",") if word.strip())
    for word in events:
        if word not in (*KINDS, *SENT, *NOT_SENT):
            raise UsageError(f"pyinit eventlistener: --events={word}: there is no such event.")
    if not events:
        raise UsageError("pyinit eventlistener: --events= says which events.")
    numbers = []
    for name, default in (("buffer-size", "10"), ("processes", "1")):
        text = values.get(name, default)
        if not (text.isascii() and text.isdigit() and int(text)):
            raise UsageError(f"pyinit eventlistener: --{name}={text}: not a number above 0.")
        numbers.append(int(text))
    return Wanted(events, tuple(words), values.get("pool", "listener"), *numbers, values.get("run-as", ""),
                  values.get("server", "supervisor"), values.get("serverurl", Wanted().serverurl))


def main(arguments: list[str]) -> int:
    """The exit status."""
    wanted = understood(parse, arguments, USAGE)
    if isinstance(wanted, int):
        return wanted
    try:
        ids = _ids_of(wanted.user)
        adapter = _Adapter(wanted, Source(chosen("system")), ids)
        if os.environ.get("NOTIFY_SOCKET"):
            notify(["--ready", "--no-block"])  # from now on nothing is missed
        return adapter.run()
    except (NotRunning, BusError) as problem:
        return _say(wanted, f"the manager does not answer: {problem.text}")
    except (BadListener, LookupError, OSError) as problem:
        return _say(wanted, str(problem))


def _say(wanted: Wanted, text: str) -> int:
    complain(f"pyinit eventlistener: {wanted.pool}: {text}")
    return 1


def _ids_of(user: str) -> tuple[int, int, str] | None:
    """LookupError for one whom nobody knows."""
    if not user:
        return None
    import pwd

    try:
        found = pwd.getpwuid(int(user)) if user.isdigit() else pwd.getpwnam(user)
    except KeyError:
        raise LookupError(f"there is no user {user}.") from None
    return found.pw_uid, found.pw_gid, found.pw_name


class _Adapter:
    def __init__(self, wanted: Wanted, source: Source, ids: tuple[int, int, str] | None) -> None:
        self._wanted = wanted
        self._source = source
        self._ids = ids
        self._pool = Pool(wanted.pool, wanted.server, wanted.size, wanted.count)
        self._translator = Translator(((name, active) for name, (active, _) in source.states.items()
                                       if name.endswith(".service")), self._group_of)
        self._pids: list[int] = []
        self._inputs: list[int] = []
        self._outputs: list[int] = []
        self._unwritten = [b""] * wanted.count
        self._ticked = time.time()
        self._woken, wakes = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        _signal.set_wakeup_fd(wakes, warn_on_full_buffer=False)
        _signal.signal(_signal.SIGCHLD, lambda number, frame: None)
        for each in _PASSED_ON:
            _signal.signal(each, self._pass_on)
        for number in range(wanted.count):
            self._start(number)

    def _group_of(self, unit: str) -> str:
        """The target that it is a part of, as import makes of a group; or the template that it is an instance of."""
        try:
            targets = [name for name in self._source.bus.get(unit_path(unit), UNIT, "PartOf") if name.endswith(".target")]
        except BusError:
            targets = []  # it is unloaded already
        if len(targets) == 1:
            return str(targets[0]).removesuffix(".target")
        return unit.partition("@")[0] if "@" in unit else ""

    # --- its processes ------------------------------------------------------------------------------------------------

    def _start(self, number: int) -> None:
        (stdin, ours_in), (ours_out, stdout) = os.pipe2(os.O_CLOEXEC), os.pipe2(os.O_CLOEXEC)
        wanted = self._wanted
        name = wanted.pool if wanted.count == 1 else f"{wanted.pool}_{number:02d}"
        environment = os.environ | {"SUPERVISOR_ENABLED": "1", "SUPERVISOR_PROCESS_NAME": name,
                                    "SUPERVISOR_GROUP_NAME": wanted.pool, "SUPERVISOR_SERVER_URL": wanted.serverurl}
        environment.pop("NOTIFY_SOCKET", None)
        pid = os.fork()
        if not pid:
            self._become_listener(stdin, stdout, environment)
        os.close(stdin)
        os.close(stdout)
        os.set_blocking(ours_in, False)
        self._pids.append(pid)
        self._inputs.append(ours_in)
        self._outputs.append(ours_out)

    def _become_listener(self, stdin: int, stdout: int, environment: dict[str, str]) -> None:
        """In the child: never returns."""
        command = self._wanted.command
        try:
            for each in (*_PASSED_ON, _signal.SIGCHLD, _signal.SIGPIPE):
                _signal.signal(each, _signal.SIG_DFL)
            os.dup2(stdin, 0)
            os.dup2(stdout, 1)
            if self._ids is not None:
                uid, gid, name = self._ids
                os.initgroups(name, gid)
                os.setgid(gid)
                os.setuid(uid)
            os.execvpe(command[0], command, environment)
        except OSError as error:
            os.write(2, f"pyinit eventlistener: {command[0]}: {error.strerror}\n".encode("utf-8", "surrogateescape"))
        finally:
            os._exit(_LOST_COMMAND)

    def _pass_on(self, number: int, frame: object) -> None:
        for pid in self._pids:
            os.kill(pid, number)  # it is there until it is reaped, and then we end

    def _ended(self) -> int | None:
        """The status as waitpid has it, of the one that has ended first."""
        while os.read(self._woken, 512) == b"\0" * 512:
            pass
        pid, status = os.waitpid(-1, os.WNOHANG)
        if not pid:
            return None
        self._pids.remove(pid)
        return status

    def _end_as(self, status: int) -> int:
        """The rest of a pool ends with it."""
        self._pass_on(_signal.SIGTERM, None)
        if os.WIFSIGNALED(status):
            number = os.WTERMSIG(status)
            if number != _signal.SIGKILL:
                _signal.signal(number, _signal.SIG_DFL)
            os.kill(os.getpid(), number)
        return os.waitstatus_to_exitcode(status)

    # --- what happens -------------------------------------------------------------------------------------------------

    def run(self) -> int:
        try:
            while True:
                ready = self._wait()
                if self._woken in ready:
                    status = self._ended()
                    if status is not None:
                        return self._end_as(status)
                for number, output in enumerate(self._outputs):
                    if output in ready:
                        self._hear(number, output)
                if self._source.fileno() in ready:
                    self._accept(self._translator.events(self._source.read()))
                now = time.time()
                self._accept(ticks(self._ticked, now))
                self._ticked = now
                self._write()
        except (BadListener, NotRunning, BusError):
            self._pass_on(_signal.SIGTERM, None)
            raise

    def _wait(self) -> set[int]:
        poll = select.poll()
        for fd in (self._woken, self._source.fileno(), *(fd for fd in self._outputs if fd >= 0)):
            poll.register(fd, select.POLLIN)
        for number, unwritten in enumerate(self._unwritten):
            if unwritten:
                poll.register(self._inputs[number], select.POLLOUT)
        periods = [period for period in TICKS if is_wanted(f"TICK_{period}", self._wanted.events)]
        timeout = None
        if self._source.bus.has_signals:  # such as came while a group was asked for
            return {self._source.fileno()} | {fd for fd, _ in poll.poll(0)}
        if periods:
            now = time.time()
            timeout = min(period - now % period for period in periods) * 1000 + 1
        return {fd for fd, _ in poll.poll(timeout)}

    def _hear(self, number: int, output: int) -> None:
        data = os.read(output, 1 << 16)
        if not data:
            os.close(output)
            self._outputs[number] = -1  # it ends, or has nothing more to say
        for remark in self._pool.heard(number, data):
            _say(self._wanted, remark)

    def _accept(self, events: list[Event]) -> None:
        for event in events:
            if is_wanted(event.name, self._wanted.events):
                gone = self._pool.accept(event)
                if gone is not None:
                    _say(self._wanted, f"too many events wait: event {gone} is discarded.")

    def _write(self) -> None:
        for number, data in self._pool.outgoing():
            self._unwritten[number] += data
        for number, unwritten in enumerate(self._unwritten):
            if unwritten:
                try:
                    self._unwritten[number] = unwritten[os.write(self._inputs[number], unwritten):]
                except BlockingIOError:
                    pass  # it reads later
                except BrokenPipeError:
                    self._unwritten[number] = b""  # it ends
