"""`systemctl restart --rolling UNIT…`: a few at a time, the next when these are ready, and no further where one is not.

A slice or a target among the words stands for its members that are up or have failed: what is in the slice and in slices
below it; what the target pulls in, or what is a part of it. `--parallel=N` takes N at a time.
"""

from __future__ import annotations

import re

from initd.cli.bus import PROPERTIES, SYSTEMD, UNIT, Bus, BusError
from initd.cli.options import Options, UsageError
from initd.cli.output import complain
from initd.core.objectpath import unit_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    #: Queues the verb's jobs for these units, and waits for them: the exit status.
    Queue = Callable[[Bus, str, list[str], Options], int]

_GROUPS = (".slice", ".target")
#: How a target tells who is in it.
_MEMBERS = ("ConsistsOf", "Requires", "Wants", "BindsTo", "Requisite")
#: What one wants to restart of a group: no slices, and nothing that is only there for others.
_TYPES = (".service", ".socket", ".timer", ".path", ".mount", ".swap")
_UP = ("active", "reloading")
_VERBS = ("start", "restart", "try-restart", "reload", "reload-or-restart", "try-reload-or-restart", "stop")


def roll(bus: Bus, verb: str, names: list[str], options: Options, queue: Queue) -> int:
    """The exit status: 1 where one was not ready, and the rest was left alone."""
    if verb not in _VERBS:
        raise UsageError(f"--rolling may not be used with '{verb}'.")
    if options.no_block or options.wait:
        raise UsageError("--rolling may not be combined with --no-block or --wait.")
    members = list(dict.fromkeys(member for name in names for member in _members(bus, name)))
    done: list[str] = []
    for first in range(0, len(members), options.parallel):
        batch = members[first:first + options.parallel]
        status = queue(bus, verb, batch, options)
        bad = [name for name in batch if not _is_as_wanted(bus, verb, name)]
        # One that has been ready before, and is not any more, is a reason to stop as well.
        bad += [name for name in done if not _is_as_wanted(bus, verb, name)]
        for name in batch:
            if name not in bad and not options.quiet and not status:
                print(f"{name}: {_state(bus, name)}", flush=True)
        done += batch
        if bad or status:
            return _give_up(bus, verb, bad, members[len(done):])
    return 0


def _give_up(bus: Bus, verb: str, bad: list[str], rest: list[str]) -> int:
    for name in bad:
        complain(f"{name} is {_state(bus, name)} after {verb}.")
    if rest:
        complain(f"Left alone: {', '.join(rest)}")
    return 1


def _state(bus: Bus, name: str) -> str:
    return f"{bus.get(unit_path(name), UNIT, 'ActiveState')} ({bus.get(unit_path(name), UNIT, 'SubState')})"


def _is_as_wanted(bus: Bus, verb: str, name: str) -> bool:
    """Ready, or down for `stop`. What is down may be a task that is done, or what should not run here, or now."""
    try:
        state = bus.get(unit_path(name), UNIT, "ActiveState")
    except BusError:
        return verb == "stop"  # it is unloaded
    if verb == "stop":
        return state in ("inactive", "failed")
    return state in _UP or state == "inactive" and (verb.startswith("try-") or _may_be_down(bus, name))


def _may_be_down(bus: Bus, name: str) -> bool:
    path = unit_path(name)
    is_task = name.endswith(".service") and bus.get(path, SYSTEMD + ".Service", "Type") == "oneshot"
    return is_task or not bus.get(path, UNIT, "ConditionResult")


# --- groups -----------------------------------------------------------------------------------------------------------


def _members(bus: Bus, name: str) -> list[str]:
    if name.endswith(".slice"):
        found = _in_slice(bus, name)
    elif name.endswith(".target"):
        found = {each for key in _MEMBERS for each in _names(bus, name, key)}
    else:
        return [name]
    members = sorted((each for each in found if each.endswith(_TYPES) and bus.get(unit_path(each), UNIT, "ActiveState")
                      not in ("inactive", "deactivating")), key=in_order)
    if not members:
        complain(f"{name}: nothing of it runs.")
    return members


def _in_slice(bus: Bus, name: str) -> set[str]:
    found: set[str] = set()
    for each in _names(bus, name, "RequiredBy"):
        values = bus.get_all(unit_path(each))
        if values.get("Slice", ("s", ""))[1] == name:
            found |= _in_slice(bus, each) if each.endswith(".slice") else {each}
    return found


def _names(bus: Bus, name: str, key: str) -> Iterable[str]:
    ((_, names),) = bus.call(unit_path(name), PROPERTIES, "Get", "ss", UNIT, key)
    return names  # type: ignore[no-any-return]


def in_order(name: str) -> list[tuple[int, str]]:
    """A key for sorting: worker@10 behind worker@9."""
    return [(int(word), "") if word.isdigit() else (-1, word) for word in re.split(r"(\d+)", name)]
