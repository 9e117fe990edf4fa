"""What the manager and all its units are told: by the machine, system.conf, the command line, and the container's variables.

`core` says what the words mean; here they are gathered, in the order in which they count.
"""

from __future__ import annotations

import os

from initd.bootcommand import read_command
from initd.core.globs import matches
from initd.core.managerconf import ManagerConfig
from initd.core.sources import LoadFacts, UnitText
from initd.core.values import LOG_WARNING, Diagnostic
from initd.shell import machine
from initd.shell.environment import container_environment, inherited
from initd.shell.managerconf import read_configuration
from initd.shell.places import VARIABLE
from initd.shell.scheduling import adopt
from initd.shell.spawn import DEFAULT_LIMITS, OWN_ENVIRONMENT, SpawnFacts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from initd.core.places import Places
    from initd.core.tuning import Tuning
    from initd.options import Options
    from initd.shell.limits import ContainerLimits


def configure(files: Sequence[UnitText], facts: LoadFacts) -> ManagerConfig:
    """`core.managerkeys.configure`, imported by the first who needs it: most containers have no such file."""
    from initd.core.managerkeys import configure

    return configure(files, facts)


def variables(texts: Iterable[str]) -> dict[str, str]:
    """"NAME=value" each."""
    return {name: value for name, _, value in (text.partition("=") for text in texts)}


#: A span: how long to drain.
DRAIN = "PYINIT_DRAIN"


class Configuration:
    """Only an init has a command line like a kernel's."""

    def __init__(self, options: Options, container: ContainerLimits, places: Places) -> None:
        self._options = options
        self._container = container
        self._places = places
        self.command = read_command(options, os.environ, container) if places.is_init else None
        #: What the boot is to start.
        self.target: str = options.target or self.command and self.command.target or "default.target"
        #: What system.conf has said of the manager itself.
        self._tuned: dict[str, object] = {}

    def read(self) -> ManagerConfig:
        """The facts of the machine, and what system.conf makes of the defaults."""
        files, problems = read_configuration(places=self._places)
        if self.command is not None and self.command.configuration:
            files = (*files, UnitText("command line", "\n".join(("[Manager]", *self.command.configuration, ""))))
        facts = machine.read_facts(self._container, places=self._places)
        config = configure(files, facts) if files else ManagerConfig(facts)
        unread = tuple(Diagnostic(LOG_WARNING, "", 0, problem) for problem in problems)
        settings, not_had = adopt(config.settings, self._container.can_make_namespaces)
        return config.replace(settings=settings, diagnostics=(*unread, *config.diagnostics, *not_had))

    def spawn_facts(self, config: ManagerConfig, helper: str) -> SpawnFacts:
        """For all that is started; `helper` starts it."""
        facts, places, container = config.facts, self._places, self._container
        return SpawnFacts(
            helper=helper,
            places=places,
            home=facts.home,
            notify_path=places.notify,
            journal_path=places.journal,
            tag_base=container.tag_base,
            container_environment=container_environment() | variables(config.manager_environment),
            default_limits=DEFAULT_LIMITS | config.limits,
            default_output=facts.default_standard_output,
            default_error=facts.default_standard_error,
            default_settings=config.settings,
            uid=container.uid,
            gid=container.gid,
        )

    def own_environment(self, defaults: Iterable[str]) -> dict[str, str]:
        """What every unit gets: the manager's own few variables, those of DefaultEnvironment=, of the container's those that
        --pass-environment names, and those of the command line."""
        passed = {
            name: value
            for name, value in container_environment().items()
            if any(matches(name, pattern) for pattern in self._options.pass_environment)
        }
        own = OWN_ENVIRONMENT
        if self._places.mode == "user":
            own = own | inherited(container_environment())
        elif self._places.mode == "group":
            own = own | {VARIABLE: self._places.run}
        return own | variables(defaults) | passed | variables(self.command.environment if self.command is not None else ())

    def drain_usec(self) -> tuple[int, list[Diagnostic]]:
        """How long to drain before a stop, by the command line or, for an init, by the container's $PYINIT_DRAIN."""
        text = os.environ.get(DRAIN, "") if self._places.is_init else ""
        if self._options.drain_usec is not None or not text:
            return self._options.drain_usec or 0, []
        from initd.core import timespan

        try:
            return timespan.parse(text), []
        except ValueError as error:
            return 0, [Diagnostic(LOG_WARNING, "", 0, f"{DRAIN}={text}: {error}, ignoring it.")]

    def tune(self, tuning: Tuning, values: dict[str, object]) -> None:
        """What system.conf says of the manager itself: what is new there takes the place of what clients have set."""
        for field, value in values.items():
            if self._tuned.get(field) != value:
                setattr(tuning, field, value)
        self._tuned = values

    def follow_command(self, tuning: Tuning) -> tuple[Diagnostic, ...]:
        """What the command line says of it, which counts more; and what is to be said of that."""
        command = self.command
        if command is None:
            return ()
        tuning.log_target = command.log_target or tuning.log_target
        if command.log_level is not None:
            tuning.log_level = command.log_level
        if command.service_watchdogs is not None:
            tuning.service_watchdogs = command.service_watchdogs
        return tuple(command.problems)
