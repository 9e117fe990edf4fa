"""The commands of System V that are `systemctl` by another name: halt, poweroff, reboot, shutdown, runlevel, telinit.

Scripts call them with the options of their manual pages; what concerns wtmp, wall messages and swap has no meaning in a
container and is accepted.
"""

from __future__ import annotations

from initd.cli.options import UsageError

_IGNORED = frozenset(("-w", "--wtmp-only", "-d", "--no-wtmp", "-n", "--no-sync", "--no-wall", "-k", "-r", "-P", "-t"))
#: Run level → what it is here (runlevel(8), telinit(8)).
_LEVELS = {"0": "poweroff", "6": "reboot", "1": "rescue", "s": "rescue", "S": "rescue"}

#: Which target tells which run level; the first that is active counts.
_CURRENT_LEVEL = (
    ("graphical.target", "5"), ("multi-user.target", "3"), ("rescue.target", "1"), ("sysinit.target", "5"),
)  # fmt: skip


def translate(program: str, arguments: list[str]) -> list[str] | None:
    """The words for systemctl that this command means; None where nothing is left to do. UsageError where it errs."""
    handlers = {"shutdown": _shutdown, "runlevel": _runlevel, "telinit": _telinit, "init": _telinit}
    handler = handlers.get(program)
    return handler(arguments) if handler is not None else _halt(program, arguments)


def _halt(program: str, arguments: list[str]) -> list[str]:
    """halt(8): -p powers off, --halt halts, whatever the command is called."""
    verb, forces = program, 0
    for word in arguments:
        if word in ("-p", "--poweroff"):
            verb = "poweroff"
        elif word == "--halt":
            verb = "halt"
        elif word == "--reboot":
            verb = "reboot"
        elif word in ("-f", "--force"):
            forces += 1
        elif word not in _IGNORED and not (program == "reboot" and not word.startswith("-")):
            raise UsageError(f"{program}: unrecognized option '{word}'")
    return [verb, *["--force"] * forces]


def _shutdown(arguments: list[str]) -> list[str] | None:
    """shutdown(8): only at once; a container's end is not announced in advance."""
    verb, times = "poweroff", []
    for word in arguments:
        if word in ("-r", "--reboot"):
            verb = "reboot"
        elif word in ("-H", "--halt"):
            verb = "halt"
        elif word in ("-h", "-P", "--poweroff") or word in _IGNORED:
            continue
        elif word == "-c":
            return None  # nothing is ever scheduled
        elif word.startswith("-"):
            raise UsageError(f"shutdown: unrecognized option '{word}'")
        else:
            times.append(word)
    if times and times[0] not in ("now", "+0"):
        raise UsageError(f"shutdown: cannot wait until '{times[0]}': only \"now\" is possible here.")
    return [verb]


def _runlevel(arguments: list[str]) -> list[str] | None:
    """runlevel(8): previous and current; scripts want to know that it is a multi-user one."""
    from initd.cli.bus import UNIT, Bus, BusError, NotRunning
    from initd.core.objectpath import unit_path

    try:
        bus = Bus()
        for target, level in _CURRENT_LEVEL:
            if bus.get(unit_path(target), UNIT, "ActiveState") == "active":
                print(f"N {level}")
                return None
    except (BusError, NotRunning):
        pass  # no manager: no run level
    raise UsageError("unknown")


def _telinit(arguments: list[str]) -> list[str]:
    words = [word for word in arguments if word not in _IGNORED]
    if len(words) != 1:
        raise UsageError("telinit: give one run level.")
    level = words[0]
    if level in ("q", "Q"):
        return ["daemon-reload"]
    if level in ("u", "U"):
        return ["daemon-reexec"]
    if level in _LEVELS:
        return [_LEVELS[level]]
    if level in ("2", "3", "4", "5"):
        return ["isolate", f"runlevel{level}.target"]
    raise UsageError(f"telinit: unknown run level '{level}'.")
