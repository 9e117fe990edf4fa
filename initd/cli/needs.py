"""The units that a command needs (`pyinit run --with`): started, waited for, stopped again, and what went wrong with them.

Those that a unit pulls in count as well: who asks for one wants all of it, and would otherwise hear of what is missing from the
command at best.
"""

from __future__ import annotations

from initd.cli.bus import MANAGER, MANAGER_PATH, PROPERTIES, UNIT, Bus, BusError
from initd.core.objectpath import unit_name, unit_path
from initd.core.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from initd.wire.dbus import Message

_BOOTING = ("initializing", "starting")
_UP = ("active", "reloading")
#: Results of a service that ended by itself when it was asked to, whatever it said with it.
_ENDED = ("success", "exit-code")


class Start(Record):
    """What came of it. `begun`: those of the named units that were down before. `failed`: units to look at."""

    begun: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()


class Needs:
    """What one command needs of the manager at the other end of this connection."""

    def __init__(self, bus: Bus, names: list[str]) -> None:
        self._bus = bus
        self._names = names
        #: Unit → what was heard of it: units are unloaded once nothing is to be done with them.
        self._heard: dict[str, dict[str, object]] = {}
        bus.ask("Subscribe")

    def wait_for_boot(self) -> None:
        while self._bus.get(MANAGER_PATH, MANAGER, "SystemState") in _BOOTING:
            self._wait(lambda message: message.member == "StartupFinished")

    def start(self) -> Start:
        """All at once; returns when each of their jobs has ended."""
        before = self._failed()
        begun = tuple(name for name in self._names if self._state(name) not in _UP)
        problems: dict[str, str] = {}
        results = self._do("StartUnit", begun, problems)
        failed = sorted(self._failed() - before | {name for name in begun if self._state(name) == "failed"})
        problems |= {name: f"failed ({self._result(name)})" for name in failed}
        for name in begun:
            if name not in problems and (why := self._why_down(name, results.get(name, "done"))):
                problems[name] = why
                failed.append(name)
        return Start(begun, tuple(f"{name} {why}." for name, why in problems.items()), tuple(failed))

    def stop(self, names: tuple[str, ...]) -> list[str]:
        """What was to be said of those that did not stop well."""
        before = self._failed()
        problems: dict[str, str] = {}
        self._do("StopUnit", names, problems)
        problems |= {name: f"did not stop well ({self._result(name)})" for name in sorted(self._failed() - before)
                     if self._result(name) not in _ENDED}
        return [f"{name} {why}." for name, why in problems.items()]

    def hear_of_the_end(self) -> list[str]:
        """The same of all that runs, where the manager was told to end; returns when it has closed the connection."""
        try:
            while True:
                self._wait(lambda message: False)
        except BusError:
            pass  # its end
        ended = {name: str(heard.get("Result", "success")) for name, heard in self._heard.items()
                 if heard.get("ActiveState") == "failed"}
        return [f"{name} did not stop well ({result})." for name, result in sorted(ended.items()) if result not in _ENDED]

    def lost(self) -> list[str]:
        """Of those which are to be up, the ones that have failed meanwhile."""
        return [f"{name} has failed meanwhile ({self._result(name)})." for name in self._names if self._state(name) == "failed"]

    def _do(self, method: str, names: tuple[str, ...], problems: dict[str, str]) -> dict[str, str]:
        """Queue jobs and wait for their ends: unit → result."""
        jobs: dict[Any, str] = {}
        results = {}
        for name in names:
            try:
                (path,) = self._bus.ask(method, "ss", name, "replace")
                jobs[path] = name
            except BusError as problem:
                problems[name] = f"cannot be {'started' if method == 'StartUnit' else 'stopped'}: {problem.text.rstrip('.')}"
        while jobs:
            _, path, _, result = self._wait(_is_end_of_job).body
            if path in jobs:
                results[jobs.pop(path)] = str(result)
        return results

    def _wait(self, is_wanted: Callable[[Message], bool]) -> Message:
        """The next signal of that kind; what others say of units is kept."""
        while not is_wanted(message := self._bus.wait_for_signal(lambda message: True)):
            name = unit_name(message.path) if message.interface == PROPERTIES else None
            if name is not None:
                changed: dict[str, Any] = message.body[1]  # type: ignore[assignment]
                self._heard.setdefault(name, {}).update({key: value for key, (_, value) in changed.items()})
        return message

    def _why_down(self, name: str, result: str) -> str:
        """Empty for a unit that is up, or has done what it is there to do once."""
        if result not in ("done", "skipped"):
            return f"did not start ({result})"
        values = {key: value for key, (_, value) in self._bus.get_all(unit_path(name)).items()}
        if values["ActiveState"] in _UP:
            return ""
        if not self._heard.get(name, values).get("ConditionResult"):
            return f"was skipped, as {_unmet(values['Conditions'])}"
        return "" if values.get("Type") == "oneshot" else f"is {values['ActiveState']}"

    def _failed(self) -> set[str]:
        return {row[0] for row in self._bus.ask("ListUnits")[0] if row[3] == "failed"}

    def _state(self, name: str) -> str:
        return str(self._bus.get(unit_path(name), UNIT, "ActiveState"))

    def _result(self, name: str) -> str:
        return str(self._bus.get_all(unit_path(name)).get("Result", ("s", "failed"))[1])


def _is_end_of_job(message: Message) -> bool:
    return message.member == "JobRemoved" and message.interface == MANAGER


def _unmet(rows: list[tuple[str, bool, bool, str, int]]) -> str:
    """Which of the unit's conditions keeps it down. The manager has forgotten it, so we look ourselves."""
    from initd.core.conditions import verdict
    from initd.core.values import Condition
    from initd.shell.conditions import check

    conditions = [Condition(kind.removeprefix("Condition"), parameter, is_triggering, is_negated)
                  for kind, is_triggering, is_negated, parameter, _ in rows]
    found = verdict(conditions, [check(each) for each in conditions])
    return "a condition was not met" if found else found.reason
