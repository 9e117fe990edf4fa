"""What the manager's D-Bus signals tell, as happenings one can read: a unit's state before and after, jobs that come and end.

A signal says what is, not what was; so this remembers what it was told last. A unit's own interface is told first (its
processes, its result), then the unit itself (its state), as systemd sends it: the second makes the happening.
"""

from __future__ import annotations

from initd.core.globs import matches
from initd.core.objectpath import OWN_MANAGER, unit_name
from initd.core.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

_PREFIX = "org.freedesktop.systemd1."
#: What an unloaded unit is in.
_NOTHING = ("inactive", "dead")
#: siginfo's words for how a process ended.
_CODES = {1: "exited", 2: "killed", 3: "dumped"}
#: Happening → whether it is about one unit.
KINDS = {
    "state": True, "job-added": True, "job-removed": True, "unit-added": True, "unit-removed": True, "connected": False,
    "disconnected": False, "reloading": False, "reloaded": False, "startup-finished": False, "unit-files-changed": False,
}


class Happening(Record):
    """`kind` is one of KINDS, `unit` "" where it is about the manager. `details` in the order in which they are shown: for a
    state old_active, old_sub, active, sub, and where there are processes result, main_pid, restarts, and, where the main
    process has ended, exit_code and exit_status; for jobs job, type ("" where the manager, systemd itself, does not tell) and
    result."""

    kind: str
    time_usec: int
    unit: str = ""
    details: dict[str, str | int] = {}


class Watch:
    """Signals in, happenings out. What ended before `since_usec` is no news."""

    def __init__(self, since_usec: int) -> None:
        self._since = since_usec
        #: Unit → its active and sub state.
        self.states: dict[str, tuple[str, str]] = {}
        self._jobs: dict[int, str] = {}
        self._own: dict[str, dict[str, Any]] = {}
        self._ended: dict[str, int] = {}
        self._is_first = True

    def begin(self, rows: Iterable[tuple[Any, ...]], time_usec: int) -> list[Happening]:
        """ListUnits(): where it begins; once it has, what has changed meanwhile."""
        before, self.states = self.states, {row[0]: (row[3], row[4]) for row in rows}
        self._jobs = {row[7]: row[8] for row in rows if row[7]}
        if self._is_first:
            self._is_first = False
            return []
        names = sorted(before.keys() | self.states.keys())
        changes = [(name, before.get(name, _NOTHING), self.states.get(name, _NOTHING)) for name in names]
        return [_change(name, old, new, time_usec) for name, old, new in changes if old != new]

    def heard(self, path: str, interface: str, member: str, body: tuple[Any, ...], now_usec: int) -> Happening | None:
        """What one signal tells, if it is news."""
        if member == "PropertiesChanged":
            return self._on_changed(path, body[0], body[1], now_usec)
        if interface == OWN_MANAGER and member == "JobQueued":
            self._jobs[body[0]] = body[1]
        if interface != _PREFIX + "Manager":
            return None
        if member in ("UnitNew", "UnitRemoved"):
            if member == "UnitRemoved":
                self._forget(body[0])
            return Happening("unit-added" if member == "UnitNew" else "unit-removed", now_usec, body[0])
        if member == "JobNew":
            return Happening("job-added", now_usec, body[2], {"job": body[0], "type": self._jobs.get(body[0], "")})
        if member == "JobRemoved":
            kind = self._jobs.pop(body[0], "")
            return Happening("job-removed", now_usec, body[2], {"job": body[0], "type": kind, "result": body[3]})
        if member == "Reloading":
            return Happening("reloading" if body[0] else "reloaded", now_usec)
        if member == "StartupFinished":
            return Happening("startup-finished", now_usec, "", {"userspace_usec": body[4], "total_usec": body[5]})
        return Happening("unit-files-changed", now_usec) if member == "UnitFilesChanged" else None

    def _forget(self, name: str) -> None:
        for kept in (self.states, self._own, self._ended):
            kept.pop(name, None)

    def _on_changed(self, path: str, interface: str, changed: dict[str, tuple[str, Any]], now_usec: int) -> Happening | None:
        name = unit_name(path)
        if name is None:
            return None
        values = {key: value for key, (_, value) in changed.items()}
        if interface != _PREFIX + "Unit":
            self._own.setdefault(name, {}).update(values)
            return None
        if "ActiveState" not in values:
            return None
        old, new = self.states.get(name, _NOTHING), (values["ActiveState"], values["SubState"])
        if old == new:
            return None
        self.states[name] = new
        return _change(name, old, new, values.get("StateChangeTimestamp") or now_usec, self._processes(name))

    def _processes(self, name: str) -> dict[str, str | int]:
        own = self._own.get(name, {})
        found: dict[str, str | int] = {}
        if "Result" in own:
            found["result"] = own["Result"]
        if "MainPID" in own:
            found["main_pid"] = own["MainPID"]
            found["restarts"] = own.get("NRestarts", 0)
        ended = own.get("ExecMainExitTimestamp", 0)
        if ended > self._ended.get(name, self._since):
            self._ended[name] = ended
            found["exit_code"] = _CODES.get(own["ExecMainCode"], str(own["ExecMainCode"]))
            found["exit_status"] = own["ExecMainStatus"]
        return found


def _change(name: str, old: tuple[str, str], new: tuple[str, str], time_usec: int,
            more: dict[str, str | int] | None = None) -> Happening:
    found: dict[str, str | int] = {"old_active": old[0], "old_sub": old[1], "active": new[0], "sub": new[1]}
    return Happening("state", time_usec, name, found | (more or {}))




# --- which, and how they are shown -----------------------------------------------------------------------------------


class Filter(Record):
    """What is wanted: of each list any, of an empty one all. Patterns are for whole names of units (shell's)."""

    patterns: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()

    def wants(self, happening: Happening) -> bool:
        """Without --event= that units are loaded and unloaded is no news."""
        kind = happening.kind
        if kind not in self.kinds if self.kinds else kind in ("unit-added", "unit-removed"):
            return False
        if not happening.unit:
            return True
        if self.types and happening.unit.rpartition(".")[2] not in self.types:
            return False
        if self.states and not {happening.details.get("active"), happening.details.get("sub")} & set(self.states):
            return False
        return not self.patterns or any(matches(happening.unit, pattern) for pattern in self.patterns)


def text(happening: Happening) -> str:
    """One line, without the time."""
    details = happening.details
    if happening.kind == "state":
        words = [f"{details['old_active']} ({details['old_sub']}) → {details['active']} ({details['sub']})"]
        if details.get("result", "success") != "success":
            words.append(f"result {details['result']}")
        if "exit_code" in details:
            words.append(f"main process {details['exit_code']}, status {details['exit_status']}")
        elif details.get("main_pid") and details["active"] != details["old_active"]:
            words.append(f"main process {details['main_pid']}")
        if details.get("restarts") and details["sub"] in ("auto-restart", "running"):
            words.append(f"restarts {details['restarts']}")
        return f"{happening.unit}: {', '.join(words)}"
    if happening.kind in ("job-added", "job-removed"):
        job = f"job {details['job']}{details['type'] and ' '}{details['type']}"
        return f"{happening.unit}: {job} {details.get('result', 'added')}"
    if happening.unit:
        return f"{happening.unit}: {'loaded' if happening.kind == 'unit-added' else 'unloaded'}"
    more = ", ".join(f"{key} {value}" for key, value in details.items())
    return f"manager: {happening.kind}{more and ', '}{more}"


_ESCAPES = {code: f"\\u{code:04x}" for code in range(32)} | {ord('"'): '\\"', ord("\\"): "\\\\"}


def json(happening: Happening) -> str:
    """One object in one line. Without the json module, which python3-minimal has not."""
    fields: dict[str, str | int] = {"time": happening.time_usec, "event": happening.kind, "unit": happening.unit}
    shown = (f'"{key}":' + (str(value) if isinstance(value, int) else f'"{value.translate(_ESCAPES)}"')
             for key, value in (fields | happening.details).items())
    return "{" + ",".join(shown) + "}"
