"""`systemd-run`: a command as a transient service, at once or when a timer, path or socket unit says so (systemd-run(1)).

The options come to D-Bus properties, which StartTransientUnit() takes; `cli.running` waits for what it was told to.
Words and exit statuses are those of systemd 252.
"""

from __future__ import annotations

import os
import sys

from initd.cli.bus import Bus, BusError, NotRunning
from initd.cli.options import UsageError
from initd.cli.output import complain, print_version
from initd.cli.run_options import TIMES, Options, split
from initd.core.sources import LoadFacts
from initd.core.states import UnitType
from initd.core.unitproperties import CannotSet, read

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Property = tuple[str, tuple[str, Any]]

_HELP = """\
systemd-run [OPTIONS...] COMMAND [ARGUMENTS...]

Run the specified command in a transient service.

     --user                  Ask your own manager, and not the system's
     --runtime-directory=DIR Ask the manager with this runtime directory
  -u --unit=UNIT             Name of the unit
  -p --property=NAME=VALUE   A setting of the unit
     --description=TEXT, --slice=SLICE, --service-type=TYPE, --uid=USER,
     --gid=GROUP, --nice=NICE, --working-directory=PATH, -d --same-dir,
     -E --setenv=NAME[=VALUE], -r --remain-after-exit, --send-sighup,
  -G --collect               Settings that have options of their own
     --no-block              Do not wait for the start
     --wait                  Wait for the end, and tell how it went
  -t --pty, -P --pipe        With the terminal, or the input and output, of this command
  -S --shell                 Run a shell
     --scope                 Run it here, in a scope of its own
     --on-active=, --on-boot=, --on-startup=, --on-unit-active=,
     --on-unit-inactive=, --on-calendar=, --on-timezone-change,
     --on-clock-change, --timer-property=, --path-property=,
     --socket-property=      Start the service by another unit
  -q --quiet                 Say less

See the systemd-run(1) man page for details.
"""


def main(arguments: list[str]) -> int:
    """The exit status. `arguments` without the program's name."""
    try:
        options, command = split(arguments)
        if options.has("help", "version"):
            if options.has("help"):
                sys.stdout.write(_HELP)
            else:
                print_version()
            return 0
        return _run(options, command)
    except UsageError as problem:
        complain(str(problem))
    except CannotSet as problem:
        complain(problem.text)
    except BusError as problem:
        complain(f"Failed to start transient {_what(options)} unit: {problem.text}")
    except NotRunning as problem:
        complain(f"Failed to connect to bus: {problem.text}")
    return 1


def _what(options: Options) -> str:
    if options.has("scope"):
        return "scope"
    return options.trigger.value if options.trigger is not None else "service"


def _run(options: Options, command: list[str]) -> int:
    _refuse(options, command)
    if options.has("shell"):
        command = command or [os.environ.get("SHELL") or "/bin/sh"]
        options.flags |= {"same-dir", "collect"}
        if not options.has("scope"):
            options.flags |= {"wait"} | (set() if options.has("pipe") else {"pty"})
    if options.has("pty", "pipe") and options.trigger is None:
        options.flags.add("wait")
    if options.has("scope"):
        return _run_scope(options, command)
    from initd.cli.running import Runner

    bus = None
    if options.has("slice-inherit"):
        bus = Bus(options.places)
        options.values["slice"] = inherited_slice(own_slice(bus), options.values.get("slice", ""))
    planned = plan(options, command)
    return Runner(options, bus or Bus(options.places)).run(*planned)


def own_slice(bus: Bus) -> str:
    """That of the unit which this process belongs to."""
    try:
        (path,) = bus.ask("GetUnitByPID", "u", os.getpid())
        return str(bus.get_all(path)["Slice"][1])
    except (BusError, KeyError):  # of no unit, or none that is in a slice
        return "-.slice"


def inherited_slice(own: str, wanted: str) -> str:
    """`--slice-inherit`: the own one, or the wanted one in it (systemd-run(1))."""
    stem = own.removesuffix(".slice")
    return f"{stem}-{wanted}" if wanted and own != "-.slice" else wanted or own


def _run_scope(options: Options, command: list[str]) -> int:
    from initd.cli import scope
    from initd.cli.names import mangle

    argv = [_find(command[0]), *command[1:]]
    description = options.values.get("description") or " ".join(argv)
    name = mangle(options.values.get("unit") or f"run-r{os.urandom(16).hex()}", ".scope")
    return scope.run(options, argv, name, [("Description", ("s", description)), *_own(options, UnitType.SCOPE)])


def _refuse(options: Options, command: list[str]) -> None:
    if "host" in options.values or options.values.get("machine", ".host") != ".host":
        raise UsageError("systemd-run -H and -M are not supported: pyinit does not log in to other machines.")
    if options.each("timer-property") and not options.has_times:
        raise UsageError("--timer-property= has no effect without any other timer options.")
    if options.has("scope"):
        from initd.cli import scope

        scope.refuse(options)
    if not command and not options.has("shell"):
        raise UsageError("Command line to execute required.")
    is_later = options.trigger is not None
    if is_later and options.has("wait", "pty", "pipe"):
        raise UsageError("--wait, --pty and --pipe may not be combined with timer, path or socket operations.")
    if options.has("wait", "pty", "pipe") and options.has("no-block"):
        raise UsageError("--wait may not be combined with --no-block.")


def plan(options: Options, command: list[str]) -> tuple[str, list[Property], str, list[Property]]:
    """The service and its properties; then the unit that starts it, and its, where there is one."""
    program = _find(command[0])
    argv = [program, *command[1:]]
    from initd.cli.names import mangle

    description = ("Description", ("s", options.values.get("description") or " ".join(argv)))
    trigger = options.trigger
    name = options.values.get("unit") or f"run-r{os.urandom(16).hex()}"
    service = [description, *_service(options, argv)]
    if trigger is None:
        return mangle(name), service, "", []
    stem = name.removesuffix(f".{trigger.value}").removesuffix(".service")
    return f"{stem}.service", service, f"{stem}.{trigger.value}", [description, *_trigger(options, trigger)]


def _find(program: str) -> str:
    if "/" in program:
        path = os.path.abspath(program)
        if os.path.exists(path):
            return path
    else:
        for directory in (os.environ.get("PATH") or os.defpath).split(":"):
            path = f"{directory}/{program}"
            if os.access(path, os.X_OK) and not os.path.isdir(path):
                return path
    raise UsageError(f"Failed to find executable {program}: No such file or directory")


def _settings(kind: UnitType, texts: list[str]) -> list[Property]:
    facts = LoadFacts()
    return [(name, (signature, value)) for text in texts for name, signature, value in read(kind, text, facts)]


def _own(options: Options, kind: UnitType) -> list[Property]:
    """What services and scopes have alike."""
    out: list[Property] = [("CollectMode", ("s", "inactive-or-failed"))] if options.has("collect") else []
    out += _settings(kind, [value for _, value in options.each("property")])
    if "slice" in options.values:
        out.append(("Slice", ("s", _slice(options.values["slice"]))))
    return out + _settings(kind, ["SendSIGHUP=yes"] * options.has("send-sighup"))


def _service(options: Options, argv: list[str]) -> list[Property]:
    values = options.values
    out = _own(options, UnitType.SERVICE)
    texts = ["RemainAfterExit=yes"] * options.has("remain-after-exit")
    for option, key in (("service-type", "Type"), ("uid", "User"), ("gid", "Group"), ("nice", "Nice")):
        texts += [f"{key}={values[option]}"] if option in values else []
    directory = os.getcwd() if options.has("same-dir") else values.get("working-directory", "")
    texts += [f"WorkingDirectory={directory}"] if directory else []
    out += _settings(UnitType.SERVICE, texts)
    variables = [_variable(value) for _, value in options.each("setenv")]
    if options.has("pty") and "TERM" in os.environ:
        variables.append(f"TERM={os.environ['TERM']}")
    if variables:
        out.append(("Environment", ("as", variables)))
    return [*out, ("ExecStart", ("a(sasb)", [(argv[0], argv, False)]))]


def _slice(name: str) -> str:
    from initd.cli.names import mangle

    return mangle(name, ".slice")


def _variable(text: str) -> str:
    return text if "=" in text else f"{text}={os.environ.get(text, '')}"


def _trigger(options: Options, kind: UnitType) -> list[Property]:
    texts = []
    for name, value in options.each(*TIMES):
        texts.append(f"{TIMES[name]}={value}")
    texts += ["OnTimezoneChange=yes"] * options.has("on-timezone-change")
    texts += ["OnClockChange=yes"] * options.has("on-clock-change")
    texts += [value for _, value in options.each(f"{kind.value}-property")]
    if kind is UnitType.TIMER and not any(text.startswith("RemainAfterElapse=") for text in texts):
        texts.append("RemainAfterElapse=no")
    return _settings(kind, texts)
