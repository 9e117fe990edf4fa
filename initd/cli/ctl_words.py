"""The words of `pyinitctl` that systemctl has not, or has in another sense: supervisorctl's, on the manager's D-Bus."""

from __future__ import annotations

import os

from initd.cli.bus import MANAGER_PATH, SYSTEMD, UNIT, Bus, BusError
from initd.cli.ctl_session import WORDS, Session, help_text
from initd.cli.names import expand, mangle
from initd.cli.options import UsageError
from initd.cli.output import complain, painted, state_colour
from initd.core.objectpath import unit_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_SERVICE = SYSTEMD + ".Service"
#: Below the default target, but no business of who says "all".
_OF_THE_BOOT = frozenset(("sysinit.target", "basic.target", "local-fs.target", "swap.target"))
_LINES = "20"


def run(session: Session, word: str, arguments: list[str]) -> int:
    return _FUNCTIONS[word](session, arguments)


# --- which units ------------------------------------------------------------------------------------------------------


def all_services(bus: Bus) -> list[str]:
    """Those that a boot starts and that stay: what the default target pulls in, through other targets; none of Type=oneshot."""
    waiting, seen = ["default.target"], set(_OF_THE_BOOT)
    found = set()
    while waiting:
        path = unit_path(waiting.pop())
        for name in (*bus.get(path, UNIT, "Requires"), *bus.get(path, UNIT, "Wants")):
            if name in seen:
                continue
            seen.add(name)
            if name.endswith(".target"):
                waiting.append(name)
            elif name.endswith(".service") and bus.get(unit_path(name), UNIT, "LoadState") == "loaded":
                found.add(name)
    return sorted(name for name in found if bus.get(unit_path(name), _SERVICE, "Type") != "oneshot")


def names_of(bus: Bus, words: list[str]) -> list[str]:
    """The units that are meant; UsageError for none."""
    if not words:
        raise UsageError("A name is needed, or \"all\".")
    names: list[str] = []
    for word in words:
        group, colon, name = word.partition(":")
        if word == "all":
            names += all_services(bus)
        elif colon and name in ("*", ""):
            has_target = bus.get(unit_path(mangle(group, ".target")), UNIT, "LoadState") == "loaded"
            names += [mangle(group, ".target")] if has_target else expand([f"{group}@*"], bus)
        elif colon and "/" not in word:
            names += expand([name], bus)
        else:
            names += expand([word], bus)
    return list(dict.fromkeys(names))


def _split(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Options, and other words."""
    return ([word for word in arguments if word.startswith("-")], [word for word in arguments if not word.startswith("-")])


def _is_up(bus: Bus, name: str) -> bool:
    return bus.get(unit_path(name), UNIT, "ActiveState") not in ("inactive", "failed")


def _state(bus: Bus, name: str) -> str:
    active, sub = (bus.get(unit_path(name), UNIT, each) for each in ("ActiveState", "SubState"))
    return painted(active, state_colour(active)) + (f" ({sub})" if sub != active else "")


# --- start and stop ---------------------------------------------------------------------------------------------------


def _status(session: Session, arguments: list[str]) -> int:
    options, words = _split(arguments)
    bus = Bus(session.places)
    if options or words and words != ["all"]:
        return session.systemctl("status", *options, *(names_of(bus, words) if words else ()))
    from initd.cli.top import Sampler, once

    once(Sampler(bus, session.places, ["*.service"], True))
    return 0


def _job(verb: str) -> Callable[[Session, list[str]], int]:
    def queue(session: Session, arguments: list[str]) -> int:
        options, words = _split(arguments)
        names = names_of(Bus(session.places), words)
        status = session.systemctl(verb, *options, *names) if names else 0
        if "--no-block" not in options:
            bus = Bus(session.places)
            for name in names:
                print(f"{name}: {_state(bus, name)}")
        return status

    return queue


def _reload(session: Session, arguments: list[str]) -> int:
    if arguments:
        options, words = _split(arguments)
        return session.systemctl("reload", *options, *names_of(Bus(session.places), words))
    if session.places is not None:
        raise UsageError("Only the container's manager can begin anew: shutdown ends this one.")
    return session.systemctl("soft-reboot") if _is_sure(session, "Stop everything and start it again?") else 1


def _shutdown(session: Session, arguments: list[str]) -> int:
    if not _is_sure(session, "Stop everything and end the container?"):
        return 1
    return session.systemctl("poweroff" if session.places is None else "exit")


def _is_sure(session: Session, question: str) -> bool:
    if not session.is_interactive:
        return True
    try:
        return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        return False


def _signal(session: Session, arguments: list[str]) -> int:
    if len(arguments) < 2:
        raise UsageError("A signal is needed, and a name or \"all\".")
    bus = Bus(session.places)
    names = [name for name in names_of(bus, arguments[1:]) if "all" not in arguments or _is_up(bus, name)]
    return session.systemctl("kill", "--kill-whom=main", f"--signal={arguments[0]}", *names) if names else 0


def _pid(session: Session, arguments: list[str]) -> int:
    bus = Bus(session.places)
    if not arguments:
        print(bus.manager_pid())
        return 0
    status = 0
    names = names_of(bus, arguments)
    for name in names:
        pid = bus.get(unit_path(name), _SERVICE, "MainPID") if name.endswith(".service") else 0
        print(pid if len(names) == 1 else f"{name} {pid}")
        status = status if pid else 3
    return status


# --- logs -------------------------------------------------------------------------------------------------------------


def _tail(session: Session, arguments: list[str]) -> int:
    options, words = _split(arguments)
    count = next((option[1:] for option in options if option[1:].isdecimal()), _LINES)
    unknown = [option for option in options if option != "-f" and not option[1:].isdecimal()]
    if unknown or not words:
        raise UsageError(f"Unknown option {unknown[0]}." if unknown else "A name is needed.")
    if words[-1] in ("stdout", "stderr") and len(words) > 1:
        if words.pop() == "stderr":
            complain("The journal does not tell stderr from stdout: here is both.")
    names = names_of(Bus(session.places), words)
    units = [word for name in names for word in ("-u", name)]
    form = "cat" if len(names) == 1 else "short"
    return session.journalctl("-o", form, "-n", count, *units, *(["-f"] if "-f" in options else []))


def _maintail(session: Session, arguments: list[str]) -> int:
    return session.journalctl("-o", "short", "-n", _LINES, "-t", "pyinit", *(["-f"] if "-f" in arguments else []))


def _clear(session: Session, arguments: list[str]) -> int:
    if arguments != ["all"]:
        complain("The journal keeps the lines of all services in one store, by time: those of one cannot be dropped alone. "
                 "\"clear all\" drops everything; journald.conf(5) limits what is kept.")
        return 1
    return session.journalctl("--rotate") or session.journalctl("--vacuum-time=1us")


# --- unit files -------------------------------------------------------------------------------------------------------


def changes(bus: Bus) -> dict[str, str]:
    """Unit → "changed" or "disappeared", of those that are loaded; "available": enabled, and not loaded yet."""
    found: dict[str, str] = {}
    loaded = bus.ask("ListUnits")[0]
    for row in loaded:
        path = unit_path(row[0])
        if bus.get(path, UNIT, "NeedDaemonReload"):
            fragment = bus.get(path, UNIT, "FragmentPath")
            found[row[0]] = "disappeared" if fragment and not os.path.exists(fragment) else "changed"
    known = {row[0] for row in loaded if row[2] != "not-found"}
    for file, state in bus.ask("ListUnitFiles")[0]:
        name = file.rpartition("/")[2]
        if state in ("enabled", "enabled-runtime") and name not in known and name.endswith(".service") and "@." not in name:
            found[name] = "available"
    return found


def _reread(session: Session, arguments: list[str]) -> int:
    found = changes(Bus(session.places))
    for name, word in sorted(found.items()):
        print(f"{name}: {word}")
    if not found:
        print("No unit files have changed.")
    return 0


def _update(session: Session, arguments: list[str]) -> int:
    found = changes(Bus(session.places))
    status = session.systemctl("daemon-reload")
    for word, verb in (("disappeared", "stop"), ("changed", "try-restart"), ("available", "start")):
        names = sorted(name for name, each in found.items() if each == word)
        # Whose file is gone needs a daemon-reload for ever: no warning of that.
        quietly = ("--quiet",) if verb == "stop" else ()
        status = (session.systemctl(verb, *quietly, *names) if names else 0) or status
        for name in names:
            print(f"{name}: {word}, now {_state(Bus(session.places), name)}")
    return status


def _add(session: Session, arguments: list[str]) -> int:
    status = session.systemctl("daemon-reload")
    return status or _job("start")(session, arguments)


def _remove(session: Session, arguments: list[str]) -> int:
    bus, status = Bus(session.places), 0
    for name in names_of(bus, arguments):
        if _is_up(bus, name):
            complain(f"{name} is still {_state(bus, name)}: stop it first. To keep it from being started at boot, disable it.")
            status = 1
            continue
        try:
            bus.ask("ResetFailedUnit", "s", name)
        except BusError as problem:
            if problem.name != SYSTEMD + ".NoSuchUnit":
                raise
        print(f"{name}: removed")
    return status


def _avail(session: Session, arguments: list[str]) -> int:
    return session.systemctl("list-unit-files", "--type=service", "--no-pager", *arguments)


# --- the shell itself -------------------------------------------------------------------------------------------------


def _fg(session: Session, arguments: list[str]) -> int:
    from initd.cli.ctl_attach import attach

    names = names_of(Bus(session.places), arguments)
    if len(names) != 1 or not names[0].endswith(".service"):
        raise UsageError("fg is for one service.")
    return attach(session, names[0])


def _version(session: Session, arguments: list[str]) -> int:
    print(f"{Bus(session.places).get(MANAGER_PATH, SYSTEMD + '.Manager', 'Version')}")
    return 0


def _help(session: Session, arguments: list[str]) -> int:
    if not arguments:
        print(help_text().partition("\n\n")[2], end="")
        return 0
    told = {f"{word} {synopsis}".rstrip(): text for word, (synopsis, text) in WORDS.items() if word == arguments[0]}
    if not told:
        from initd.cli.usage import COMMANDS

        told = {f"{verb} {synopsis}": text for _, rows in COMMANDS for verb, synopsis, text in rows if verb == arguments[0]}
    for line, text in told.items():
        print(f"{line}\n  {text}")
    if not told:
        complain(f"There is no {arguments[0]}.")
    return 0 if told else 1


_FUNCTIONS: dict[str, Callable[[Session, list[str]], int]] = {
    "status": _status, "start": _job("start"), "stop": _job("stop"), "restart": _job("restart"), "reload": _reload,
    "tail": _tail, "fg": _fg, "signal": _signal, "clear": _clear, "reread": _reread, "update": _update, "add": _add,
    "remove": _remove, "avail": _avail, "pid": _pid, "maintail": _maintail, "shutdown": _shutdown, "version": _version,
    "help": _help,
    # Of one command, and not in the shell, it is systemctl's.
    "exit": lambda session, arguments: session.systemctl("exit", *arguments),
}
