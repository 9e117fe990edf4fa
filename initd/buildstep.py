"""`pyinit run --with UNIT -- COMMAND`: a command, and for as long as it runs what it needs. For `RUN` in image builds.

We are the command's parent, and the manager's: a child that boots nothing but the units asked for and what those need, and is
told to stop everything when the command has ended. So the command has its caller's environment, directory and streams, the
manager writes to our stderr only, and all of this works as PID 1 or not. Where a manager answers already, it is asked, and
what was started for the command is stopped again.

What a boot leaves behind that an image must not have (below /run; a machine id) is removed. Where others run in this container
besides us and those that wait for us, only what is the manager's own is.
"""

from __future__ import annotations

import _signal
import os
import sys
import time

from initd.cli.bus import SOCKET_PATH, Bus, BusError, NotRunning
from initd.cli.needs import Needs, Start
from initd.cli.options import UsageError
from initd.core.record import Record
from initd.shell.bootfiles import Before, listens

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

USAGE = """\
pyinit run [OPTIONS…] [--with UNIT]… -- COMMAND…

Start these units and what they need, run the command, and stop everything. In a Dockerfile:

  RUN pyinit run --with postgresql.service -- runuser -u postgres -- createdb app

  --with UNIT   what the command needs (may be repeated); ready is what is active. Nothing else is started, but what comes
                before every service (sysinit.target)
  -q --quiet    only what the command writes, and what went wrong
  -v --verbose  on stderr not only what services write, but all that the manager does
  -h --help     print this

The exit status is the command's, or 128+n where signal n ended it; 126 or 127 where it cannot be run, or found; 125 where a
unit failed, or something else went wrong besides the command. Where a manager runs already, that one starts the units, and
stops those that were down before.
"""
FAILED, CANNOT_RUN, NOT_FOUND = 125, 126, 127

#: Signals that are passed on to the command.
_PASSED_ON = (_signal.SIGTERM, _signal.SIGINT, _signal.SIGHUP, _signal.SIGQUIT, _signal.SIGUSR1, _signal.SIGUSR2)
#: Those of them that end us where there is no command to pass them to.
_ENDING = (_signal.SIGTERM, _signal.SIGINT, _signal.SIGHUP, _signal.SIGQUIT)
#: si_code of a signal from a terminal: the command has got that itself (sigaction(2)).
_SI_KERNEL = 0x80
#: What comes before every service, and no timers.
_TARGET = "sysinit.target"
#: Generators have 90 s; more than that, and something is wrong with the manager.
_PATIENCE_SEC = 120
_PAUSE_SEC = 0.02
_STATUS_LINES = 20
#: Nobody waits with a kill: units take the time that they are given.
_BUDGET = "1d"
#: Entries of a boot that is none are not to be found in an image.
_DROP_IN = "/run/systemd/journald.conf.d/50-pyinit-run.conf"


class StepOptions(Record):
    units: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    is_quiet: bool = False
    is_verbose: bool = False
    is_help: bool = False


class Trouble(Exception):
    """Why the command is not run, or was run and that is not all there is to say."""


class Interrupted(Exception):
    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def parse(arguments: list[str]) -> StepOptions:
    """UsageError for what makes no sense."""
    from initd.cli import getopt
    from initd.cli.names import mangle
    from initd.core import unitname

    given, command = getopt.parse(
        arguments, "pyinit run", {"with": "=", "quiet": "", "verbose": "", "help": ""},
        {"q": "quiet", "v": "verbose", "h": "help"}, ends_at_word=True,
    )  # fmt: skip
    asked = {name for name, _ in given}
    units = []
    for name in [value for option, value in given if option == "with"]:
        try:
            units.append(mangle(name))
        except ValueError:
            raise UsageError(f"pyinit run: {name!r} is not the name of a unit.") from None
        if not unitname.is_valid(units[-1]) or unitname.is_template(units[-1]):
            raise UsageError(f"pyinit run: {name!r} is not the name of a unit.")
    if not command and "help" not in asked:
        raise UsageError("pyinit run: there is no command; it goes behind '--'.")
    return StepOptions(tuple(dict.fromkeys(units)), tuple(command), "quiet" in asked, "verbose" in asked, "help" in asked)


def run(arguments: list[str], helper: str) -> int:
    """The exit status. `helper` is the launcher."""
    _signal.pthread_sigmask(_signal.SIG_SETMASK, _PASSED_ON)  # the launcher blocked all
    _signal.signal(_signal.SIGCHLD, _signal.SIG_DFL)
    try:
        options = parse(arguments)
    except UsageError as problem:
        print(problem, file=sys.stderr)
        return FAILED
    if options.is_help:
        print(USAGE, end="")
        return 0
    return Step(options, helper).run()


class Step:
    """One call. Signals are blocked but where it says so."""

    def __init__(self, options: StepOptions, helper: str) -> None:
        self._options = options
        self._helper = helper
        #: The manager, if it is our child and lives.
        self._manager = 0
        self._before: Before | None = None
        self._start = Start()
        self._is_good = True

    def run(self) -> int:
        status = FAILED
        try:
            with Interruptible():
                self._bring_up()
            status = self._run_command()
        except Interrupted as signal:
            status = 128 + signal.number
        except Trouble as trouble:
            self._say(str(trouble))
        self._bring_down()
        return status if self._is_good or status else FAILED

    def _say(self, text: str) -> None:
        """Something went wrong."""
        self._is_good = False
        for line in text.splitlines():
            print(f"pyinit run: {line}", file=sys.stderr)

    # --- before the command -------------------------------------------------------------------------------------------

    def _bring_up(self) -> None:
        if not listens(SOCKET_PATH):
            self._spawn_manager()
        try:
            bus = self._connect()
            needs = Needs(bus, list(self._options.units))
            needs.wait_for_boot()
            self._start = needs.start()
            bus.close()  # it would have to be read while the command runs
        except BusError as problem:
            raise Trouble(f"The manager is gone: {problem.text}.") from None
        if self._start.problems:
            _show(self._start.failed)
            raise Trouble("\n".join(self._start.problems))

    def _spawn_manager(self) -> None:
        if not os.access("/run/systemd" if os.path.isdir("/run/systemd") else "/run", os.W_OK):
            raise Trouble("/run cannot be written by this user, so no unit can be started.")
        self._before = Before(("/run",) if _is_alone() else ("/run/systemd", "/run/log"))
        os.makedirs(os.path.dirname(_DROP_IN), exist_ok=True)
        with open(_DROP_IN, "w", encoding="ascii") as file:
            file.write("[Journal]\nStorage=volatile\n")
        environment = dict(os.environ)
        if self._options.is_quiet:
            environment["PYINIT_LOG"] = "none"
        words = ["pyinit", f"--unit={_TARGET}", f"--shutdown-budget={_BUDGET}"]
        if not self._options.is_verbose:
            words.append("systemd.log_level=warning")
        null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
        # A session of its own: what is typed at a terminal is not for it.
        self._manager = os.posix_spawn(self._helper, words, environment, setsid=True, file_actions=(
            (os.POSIX_SPAWN_DUP2, null, 0), (os.POSIX_SPAWN_DUP2, 2, 1)))
        os.close(null)

    def _connect(self) -> Bus:
        deadline = time.monotonic() + _PATIENCE_SEC
        while True:
            try:
                return Bus()
            except NotRunning as problem:
                if not self._manager:
                    raise Trouble(f"The manager that runs here cannot be asked: {problem.text}.") from None
            self._reap()
            if not self._manager:
                raise Trouble("The manager has ended.")
            if time.monotonic() > deadline:
                raise Trouble(f"The manager does not answer at {SOCKET_PATH}.")
            time.sleep(_PAUSE_SEC)

    # --- the command --------------------------------------------------------------------------------------------------

    def _run_command(self) -> int:
        command = self._options.command
        _signal.pthread_sigmask(_signal.SIG_BLOCK, (_signal.SIGCHLD,))
        had_manager = bool(self._manager)
        try:
            # What the interpreter ignores for itself, nobody else should.
            child = os.posix_spawnp(command[0], command, os.environ, setsigmask=(),
                                    setsigdef=(_signal.SIGPIPE, _signal.SIGXFSZ))
        except OSError as error:
            self._say(f"{command[0]}: {error.strerror}.")
            return NOT_FOUND if isinstance(error, FileNotFoundError) else CANNOT_RUN
        status = None
        while status is None:
            info = _signal.sigwaitinfo((*_PASSED_ON, _signal.SIGCHLD))
            if info.si_signo == _signal.SIGCHLD:
                status = self._reap(child)
            elif info.si_code != _SI_KERNEL:
                os.kill(child, info.si_signo)
        if had_manager and not self._manager:
            self._say("The manager has ended before the command.")
        code = os.waitstatus_to_exitcode(status)
        return code if code >= 0 else 128 - code

    def _reap(self, child: int = 0) -> int | None:
        """Every child that is dead, which as PID 1 are not only ours; how that one has ended."""
        found = None
        try:
            while (dead := os.waitpid(-1, os.WNOHANG))[0]:
                if dead[0] == self._manager:
                    self._manager = 0
                elif dead[0] == child:
                    found = dead[1]
        except ChildProcessError:
            pass
        return found

    # --- after the command --------------------------------------------------------------------------------------------

    def _bring_down(self) -> None:
        with Hurried(self._manager):
            for problem in self._end_manager() if self._before is not None else self._stop_units():
                self._say(problem)
        if self._before is not None:
            for diagnostic in self._before.bring_back():
                self._say(str(diagnostic))

    def _end_manager(self) -> list[str]:
        problems: list[str] = []
        if not self._manager:
            return problems
        needs = None
        try:
            needs = Needs(Bus(), list(self._start.begun))
            problems = needs.lost() if not self._start.problems else []
        except (NotRunning, BusError):
            pass  # it does not listen yet, or not any more
        os.kill(self._manager, _signal.SIGTERM)
        if needs is not None:
            problems += needs.hear_of_the_end()
        while self._manager:
            if os.wait()[0] == self._manager:
                self._manager = 0
        return problems

    def _stop_units(self) -> list[str]:
        if not self._start.begun:
            return []
        try:
            needs = Needs(Bus(), list(self._start.begun))
            return (needs.lost() if not self._start.problems else []) + needs.stop(self._start.begun)
        except (NotRunning, BusError) as problem:
            return [f"The manager cannot be asked to stop units: {problem.text}."]


class Interruptible:
    """In this block signals that end a program raise Interrupted."""

    def __enter__(self) -> None:
        for number in _ENDING:
            _signal.signal(number, _interrupt)
        _signal.pthread_sigmask(_signal.SIG_UNBLOCK, _ENDING)

    def __exit__(self, *_: object) -> None:
        _signal.pthread_sigmask(_signal.SIG_BLOCK, _ENDING)


class Hurried:
    """In this block a signal that ends a program gives the manager the few seconds of a container's stop."""

    def __init__(self, manager: int) -> None:
        self._manager = manager

    def __enter__(self) -> None:
        for number in _ENDING:
            _signal.signal(number, self._pass_on)
        _signal.pthread_sigmask(_signal.SIG_UNBLOCK, _ENDING)

    def _pass_on(self, number: int, _: object) -> None:
        if self._manager:
            try:
                os.kill(self._manager, _signal.SIGTERM)
            except ProcessLookupError:
                pass  # that was its end

    def __exit__(self, *_: object) -> None:
        _signal.pthread_sigmask(_signal.SIG_BLOCK, _ENDING)


def _interrupt(number: int, _: object) -> NoReturn:
    raise Interrupted(number)


def _show(units: tuple[str, ...]) -> None:
    """What `systemctl status` says of them, on stderr."""
    if not units:
        return
    from initd.cli.systemctl import main

    sys.stdout.flush()
    stdout = os.dup(1)
    os.dup2(2, 1)
    try:
        main(["status", "--no-pager", "--full", f"--lines={_STATUS_LINES}", *units])
        sys.stdout.flush()
    finally:
        os.dup2(stdout, 1)
        os.close(stdout)


def _is_alone() -> bool:
    """Nobody runs here but us, and those who have called us."""
    from initd.shell.fds import read_small
    from initd.wire.proc import parse_stat

    ours, pid = set(), os.getpid()
    while pid:
        ours.add(pid)
        pid = parse_stat(read_small(f"/proc/{pid}/stat")).parent_pid
    return all(int(name) in ours for name in os.listdir("/proc") if name.isdecimal())
