"""Runs generators at boot and at daemon-reload, and says when what they have made can be read.

First the environment generators, one after the other, as each sees what those before it have said; then all others at
once, together with what is built in. Nobody is waited for: `begin` returns at once, and calls back when all are done, at once
where there is nothing to wait for. Asked again meanwhile, it begins again afterwards, as what has changed since may have
come too late for who runs. Whoever is not done in time is killed, and told of.

Decides nothing: `core.generation` says what is run, `core.sysv` and `core.kernelcommand` what is built in.
"""

from __future__ import annotations

import os

from initd.core import generation
from initd.core.generated import NORMAL, wants
from initd.core.places import SYSTEM
from initd.core.unitname import template_of
from initd.core.values import LOG_ERR, LOG_NOTICE, LOG_WARNING, ProcessEnd
from initd.shell import generators as shell
from initd.shell.envfile import parse_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from initd.core.generated import Generated
    from initd.core.kernelcommand import KernelCommand
    from initd.core.places import Places
    from initd.shell.fds import OwnedFd

    Say = Callable[[int, str], None]

#: How long environment generators may take together, and how long the others.
TIME_LIMIT_USEC = 90_000_000

_RC_LOCAL, _RC_LOCAL_SERVICE = "/etc/rc.local", "rc-local.service"
_UNITS = "/lib/systemd/system"
_FSTAB = "/etc/fstab"


class Generators:
    """`context` says what generators are told of where they run, `container` is the environment of the container, `share` gets
    what environment generators have made of the manager's own variables, of which `base` gives those that come before."""

    def __init__(
        self,
        command: KernelCommand | None,
        container: Mapping[str, str],
        context: Callable[[], dict[str, str]],
        base: Callable[[], dict[str, str]],
        share: Callable[[dict[str, str]], None],
        clock: Callable[[], int],
        say: Say,
        places: Places = SYSTEM,
        attempt: Callable[..., object] = lambda action: action(),
    ) -> None:
        """`attempt` calls, and keeps what is raised to itself."""
        self._attempt = attempt
        self._places = places
        self._command = command
        self._container = container
        self._context = context
        self._base = base
        self._share = share
        self._clock = clock
        self._say = say
        self._running = shell.Running(places.journal)
        self._deadline_usec: int | None = None
        self._environment: dict[str, str] = {}
        #: Environment generators that are still to come, and what the one that runs has to say.
        self._queue: list[str] = []
        self._said: OwnedFd | None = None
        self._output: shell.Output | None = None
        self._is_boot = False
        #: Init scripts that were told of.
        self._told: set[str] = set()
        self._then: list[Callable[[], None]] = []
        self._next: list[Callable[[], None]] = []

    @property
    def is_running(self) -> bool:
        return bool(self._then)

    def begin(self, then: Callable[[], None], is_boot: bool = False) -> None:
        """Run them all; `then` is called when it is done. At a boot, nothing is in force yet."""
        if not self._places.run or not generation.PARENTS[self._places.mode]:
            then()
        elif self.is_running:
            self._next.append(then)
        else:
            self._is_boot = is_boot
            self._begin([then])

    def _begin(self, then: list[Callable[[], None]]) -> None:
        self._then = then
        self._surely(self._begin_with_environment)

    def _surely(self, action: Callable[[], None]) -> None:
        """Whatever goes wrong: whoever waits for it goes on."""
        try:
            action()
        except Exception:
            self._queue.clear()
            if self._is_stuck:
                self._finish()
            raise

    def _begin_with_environment(self) -> None:
        self._environment = self._base()
        self._queue, taken = self._choose("environment-generators")
        if self._places.environment_d:
            self._queue = generation.with_environment_d(self._queue, taken)
        self._deadline_usec = self._clock() + TIME_LIMIT_USEC
        self._go_on()

    def _go_on(self) -> None:
        """The next environment generator; behind the last, all others."""
        while self._queue:
            path = self._queue.pop(0)
            if path == generation.ENVIRONMENT_D:
                self._environment |= read_environment_d(self._places.environment_d, self._environment, self._say)
                continue
            self._said = shell.open_output()
            if self._start(path, (), self._container | self._environment, self._said):
                return
            self._said.close()
        self._share(self._environment)
        self._run_all()

    def _start(self, path: str, arguments: Iterable[str], environment: dict[str, str], said: OwnedFd | None = None) -> bool:
        try:
            self._running.start(path, arguments, environment, said)
        except OSError as error:
            self._say(LOG_ERR, f"{path} cannot be executed: {error.strerror}")
            return False
        return True

    def _choose(self, kind: str) -> tuple[list[str], frozenset[str]]:
        return generation.choose(shell.list_generators(generation.directories(self._places.mode, kind)))

    def _run_all(self) -> None:
        paths, taken = self._choose("generators")
        made = self._built_in(taken) if self._places.is_init else []
        output = shell.Output(self._is_boot, f"{self._places.run}/systemd")
        if not (paths or made or output.is_anything_in_force):
            self._finish()  # the usual case: nothing to make, and nothing to take away
            return
        try:
            output.prepare()
        except OSError as error:
            self._say(LOG_WARNING, f"Generators are not run, no place for what they make: {error.filename}: {error.strerror}")
            self._finish()
            return
        self._output = output
        for problem in output.write(made):
            self._say(LOG_ERR, problem)
        self._deadline_usec = self._clock() + TIME_LIMIT_USEC
        variables = self._container | self._environment | self._context()
        for path in paths:
            self._start(path, output.paths, variables)
        if self._running.is_over:
            self._finish()

    def _built_in(self, taken: frozenset[str]) -> list[Generated]:
        made: list[Generated] = []
        if self._command is not None and generation.DEBUG not in taken:
            from initd.core.kernelcommand import plan_debug

            made += plan_debug(self._command)
        if generation.RC_LOCAL not in taken and shell.is_executable(_RC_LOCAL):
            made.append(wants(NORMAL, "multi-user.target", _RC_LOCAL_SERVICE, f"{_UNITS}/{_RC_LOCAL_SERVICE}"))
        if self._command is not None and self._command.getty and generation.GETTY not in taken:
            from initd.core.kernelcommand import plan_gettys

            made += plan_gettys(self._container.get("container_ttys", ""), os.path.exists("/dev/console"))
        if generation.FSTAB not in taken and shell.says_something(_FSTAB):
            made += plan_fstab(self._say)
        if generation.SYSV not in taken:
            made += plan_init_scripts(self._say, self._told)
        return made

    # --- what is heard of them -----------------------------------------------------------------------------------------

    def on_exit(self, pid: int, end: ProcessEnd) -> bool:
        """Whether that was one of them."""
        path = self._running.pids.pop(pid, None)
        if path is None:
            return False
        if end.code != "exited":
            self._say(LOG_ERR, f"{path} terminated by signal {end.status}.")
        elif end.status:
            self._say(LOG_ERR, f"{path} failed with exit status {end.status}.")
        if self._said is not None:
            said, self._said = self._said, None
            self._surely(lambda: (self._hear(path, said), self._go_on()) and None)
        elif self._running.is_over:
            self._surely(self._finish)
        return True

    def _hear(self, path: str, said: OwnedFd) -> None:
        """Whatever its end: what it has said counts, as with systemd 252."""
        try:
            assignments, problems = parse_file(shell.read_output(said))
        except OSError:
            assignments, problems = [], ["not UTF-8"]
        self._environment |= assignments
        for problem in problems:
            self._say(LOG_WARNING, f"{path}: {problem}")

    @property
    def _is_stuck(self) -> bool:
        """Somebody waits, and nothing runs that could end: an exception has come in between."""
        return self.is_running and self._running.is_over

    def next_deadline(self) -> int | None:
        if self._is_stuck:
            return 0
        return self._deadline_usec if self.is_running else None

    def on_deadline(self) -> None:
        if self._is_stuck:
            self._queue.clear()
            self._said = None
            self._finish()
        if not self.is_running or self._deadline_usec is None or self._clock() < self._deadline_usec:
            return
        self._deadline_usec = None
        self._queue.clear()
        for path in self._running.kill():
            self._say(LOG_ERR, f"{path} did not end within {TIME_LIMIT_USEC // 1_000_000} s, killing it.")

    def stop(self) -> None:
        """The end has come."""
        self._running.kill()

    def _finish(self) -> None:
        output, self._output = self._output, None
        then, self._then = self._then, []
        self._is_boot = False
        self._deadline_usec = None
        if output is not None:
            self._attempt(lambda: self._publish(output))
        for each in then:
            self._attempt(each)
        following, self._next = self._next, []
        if following:
            self._begin(following)

    def _publish(self, output: shell.Output) -> None:
        for problem in output.publish():
            self._say(LOG_ERR, problem)


def read_environment_d(directories: Iterable[str], variables: Mapping[str, str], say: Say) -> dict[str, str]:
    """What environment.d(5) files add to these variables; each sees what those before it have said."""
    known, added = dict(variables), {}
    for path in shell.list_settings(directories):
        try:
            with open(path, encoding="utf-8") as file:
                assignments, problems = parse_file(file.read())
        except (OSError, UnicodeDecodeError) as error:
            say(LOG_WARNING, f"{path}: {getattr(error, 'strerror', None) or 'not UTF-8'}")
            continue
        for name, value in assignments:
            added[name] = known[name] = generation.expand(value, known)
        for problem in problems:
            say(LOG_WARNING, f"{path}: {problem}")
    return added


def plan_fstab(say: Say) -> list[Generated]:
    """Units for what /etc/fstab names."""
    from initd.shell import fstab

    plan = fstab.generate(_FSTAB)
    for problem in plan.problems:
        say(problem.priority, str(problem))
    return list(plan.made)


def plan_init_scripts(say: Say, told: set[str]) -> list[Generated]:
    """Units for the scripts in /etc/init.d that have none; of each is told once."""
    files = shell.list_init_scripts()
    if not files:
        return []
    from initd.core import sysv

    scripts: dict[str, sysv.Script] = {}
    for name, path in files.items():
        unit = sysv.unit_of(name)
        if unit and not shell.is_native(unit) and not shell.is_native(template_of(unit)):
            text = shell.read_script(path)
            if text is None:
                say(LOG_WARNING, f"{path} cannot be read, no unit is made of it.")
            else:
                scripts[unit] = sysv.parse(path, text)
                if path not in told:
                    say(LOG_NOTICE, f"{path} has no unit, one is made of it.")
                told.add(path)
    return sysv.plan_units(scripts, shell.list_runlevel_links()) if scripts else []

