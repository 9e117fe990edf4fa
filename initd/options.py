"""The command line of `pyinit`: words → Options, or a text to print, or UsageError. Looks at nothing but the words."""

from __future__ import annotations

from initd import __version__
from initd.core.record import Record

USAGE = """\
pyinit [OPTIONS…] [WORDS…] [-- COMMAND…]
pyinit --user [OPTIONS…]
pyinit --daemon [OPTIONS…]
pyinit check [--strict] [--json] UNIT…|FILE…
pyinit health [--live] [--user] [UNIT…]
pyinit top [--once] [PATTERN…]
pyinit events [--json] [--state=STATE] [--event=EVENT] [PATTERN…]
pyinit eventlistener --events=EVENTS [--run-as=USER] -- COMMAND…
pyinit run [--quiet] [--verbose] [--with UNIT]… -- COMMAND…
pyinit cache
pyinit scale [--runtime] TEMPLATE@ N
pyinit plan [--root=DIR] [--json] [TARGET…]
pyinit why [--json] [--user] UNIT…
pyinit diff [--json] [UNIT…]
pyinit import [--dry-run] [--enable] [--output=DIR] FILE|DIRECTORY

Run as a container's PID 1: start the units of default.target, supervise them, stop them on SIGTERM.

  --unit=UNIT               start this unit instead of default.target
  --pass-environment=GLOB   give units the container's variables whose names match (may be repeated)
  --shutdown-budget=SPAN    how long a stop that came by signal may take (default 9s)
  --drain=SPAN              how long to go on before such a stop begins, and only not be ready ("pyinit health")
  --strict                  units of which not all is applied here do not start (X-Strict=no in [Unit] lets one)
     --user                 run the units of whoever calls, as "systemd --user" does
     --daemon               run a group of units beside the machine's own init, in the background
     --runtime-directory=DIR  of such a group; alone, it runs in the foreground (default /run/pyinit, or pyinit
                            in $XDG_RUNTIME_DIR)
     --unit-directory=DIR   of such a group (default /etc/pyinit/units, or ~/.config/pyinit/units)
  -h --help                 print this
  --version                 print the version

WORDS are of those that systemd takes from the kernel's command line: systemd.unit=, systemd.mask=, systemd.wants=,
systemd.setenv=, systemd.log_level=, rescue, emergency, … More of them may be in $PYINIT_CMDLINE.

"systemctl --user", and "systemctl --runtime-directory=DIR", ask those managers, and "exit" there ends them.

"pyinit check" says what becomes of each directive of a unit on this machine; "pyinit check --help" tells more.
"pyinit health" says whether what runs is ready, or alive, for HEALTHCHECK and probes.
"pyinit top" shows services as they are now, with keys to start, stop and restart them.
"pyinit events" prints what happens to units and jobs, as it happens.
"pyinit eventlistener" runs an event listener of supervisor's, unchanged.
"pyinit run" runs a command while these units are up, and stops them again: for RUN while an image is built.
"pyinit cache" keeps what units say for the first boot: for RUN while an image is built.
"pyinit scale" has N instances of a template run, and no more.
"pyinit plan" says what a boot would start here, in which order, and what would be left out.
"pyinit why" says what led to a unit being as it is: running, stopped, failed, waiting.
"pyinit diff" says what "systemctl daemon-reload" would change, before it does.
"pyinit import" writes unit files for what another supervisor is told to start: a supervisord.conf, a crontab, …

With a COMMAND, it runs in the foreground once the boot is done; when it ends everything is stopped, and its exit code
(128+n for signal n) is the container's.
"""


#: How a manager is told to go on for another (`shell.handover`).
STATE = "--deserialize="


class UsageError(Exception):
    """The words make no sense; the text says which."""


class Options(Record):
    """What the command line says."""

    #: "": nobody has said.
    target: str = ""
    command: tuple[str, ...] = ()
    #: Globs of container variables that every unit gets.
    pass_environment: tuple[str, ...] = ()
    shutdown_budget_usec: int = 9_000_000
    #: None: nobody has said.
    drain_usec: int | None = None
    is_strict: bool = False
    #: Words as they may stand on the kernel's command line.
    kernel_words: tuple[str, ...] = ()
    #: "system", "user" or "group" (`core.places`).
    mode: str = "system"
    is_daemon: bool = False
    runtime_directory: str = ""
    unit_directory: str = ""
    #: The descriptor that has the state of the manager we go on for; -1: this is a boot.
    state_fd: int = -1
    #: The words as they were, for the manager that goes on for us.
    words: tuple[str, ...] = ()


def parse(arguments: list[str]) -> Options | str:
    """Options, or the text that --help or --version prints."""
    state_fd = -1
    if arguments and arguments[0].startswith(STATE) and arguments[0][len(STATE):].isdecimal():
        state_fd = int(arguments[0][len(STATE):])
        arguments = arguments[1:]
    options = Options(state_fd=state_fd, words=tuple(arguments))
    words = iter(arguments)
    for word in words:
        if word == "--":
            command = tuple(words)
            if not command:
                raise UsageError("'--' must be followed by a command.")
            return options.replace(command=command)
        if word in ("-h", "--help"):
            return USAGE
        if word == "--version":
            return f"pyinit {__version__}\n"
        options = _apply(options, word, words)
    return options


#: Words without a value → what they change.
_FLAGS: dict[str, dict[str, object]] = {
    "--strict": {"is_strict": True}, "--user": {"mode": "user"}, "--system": {"mode": "system"},
    "--daemon": {"mode": "group", "is_daemon": True},
}
_WITH_VALUE = ("--unit", "--pass-environment", "--shutdown-budget", "--drain", "--runtime-directory", "--unit-directory")


def _apply(options: Options, word: str, words: object) -> Options:
    if word in _FLAGS:
        return options.replace(**_FLAGS[word])
    name, has_value, value = word.partition("=")
    if name not in _WITH_VALUE:
        from initd.core.kernelcommand import is_kernel_word

        if is_kernel_word(word):
            return options.replace(kernel_words=(*options.kernel_words, word))
        hint = " (a command to run goes behind '--')" if not word.startswith("-") else ""
        raise UsageError(f"Unknown argument {word!r}{hint}.")
    if not has_value:
        value = next(words, None)  # type: ignore[call-overload]
        if value is None:
            raise UsageError(f"Option {name} needs a value.")
    if name == "--unit":
        from initd.core import unitname

        if not unitname.is_valid(value) or unitname.is_template(value):
            raise UsageError(f"{value!r} is not the name of a unit.")
        return options.replace(target=value)
    if name == "--runtime-directory":
        return options.replace(mode="group", runtime_directory=value)
    if name == "--unit-directory":
        return options.replace(unit_directory=value)
    if name == "--pass-environment":
        return options.replace(pass_environment=(*options.pass_environment, value))
    field = "drain_usec" if name == "--drain" else "shutdown_budget_usec"
    return options.replace(**{field: _span(name, value)})


def _span(name: str, text: str) -> int:
    from initd.core import timespan

    try:
        return timespan.parse(text)
    except ValueError as error:
        raise UsageError(f"{name}={text}: {error}") from None
