"""Supervisor's events, from what happens to our units; and its protocol for the programs that listen to them.

Source: supervisor's documentation, Events. A unit's states are told as those of a process of supervisord's: a service that is
active at once was STARTING for no time. What listeners say over their stdout is one of two tokens; who says anything else is
not listened to any more.
"""

from __future__ import annotations

from initd.core.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from initd.core.happenings import Happening

_PROCESS_STATES = ("STOPPED", "EXITED", "STARTING", "STOPPING", "BACKOFF", "FATAL", "RUNNING", "UNKNOWN")
#: Periods of TICK_…, in seconds.
TICKS = (5, 60, 3600)
#: Those that come, and those that a listener may name but are never sent: why.
SENT = (
    *(f"PROCESS_STATE_{state}" for state in _PROCESS_STATES[:-1]), "SUPERVISOR_STATE_CHANGE_RUNNING",
    "SUPERVISOR_STATE_CHANGE_STOPPING", *(f"TICK_{period}" for period in TICKS),
)
_NO_OUTPUT = "what programs write goes to the journal alone; journalctl -f -o json follows it."
_NO_GROUPS = "units are no groups that are added."
NOT_SENT = {
    "PROCESS_STATE_UNKNOWN": "no unit is ever in it.",
    **dict.fromkeys((f"PROCESS_{kind}{stream}" for kind in ("LOG", "COMMUNICATION") for stream in ("", "_STDOUT", "_STDERR")),
                    _NO_OUTPUT),
    "REMOTE_COMMUNICATION": "there is no XML-RPC server to send it by.",
    **dict.fromkeys(("PROCESS_GROUP", "PROCESS_GROUP_ADDED", "PROCESS_GROUP_REMOVED"), _NO_GROUPS),
}
#: Those that stand for all of their kind.
KINDS = ("EVENT", "PROCESS_STATE", "SUPERVISOR_STATE_CHANGE", "TICK")

#: What a listener has to answer for an event to be over.
_OK = b"OK"
_READY, _RESULT = b"READY\n", b"RESULT "


class Event(Record):
    name: str
    payload: str = ""


def is_wanted(name: str, wanted: Iterable[str]) -> bool:
    return any(name == each or each == "EVENT" or each in KINDS and name.startswith(f"{each}_") for each in wanted)


# --- events -----------------------------------------------------------------------------------------------------------


def ticks(before: float, now: float) -> list[Event]:
    """Those that fell due since, in seconds since 1970; one for each period, whatever was slept through."""
    whens = [(period, int(now) // period * period) for period in TICKS]
    return [Event(f"TICK_{period}", f"when:{when}") for period, when in whens if when > before]


class _Process:
    """What a service is to a listener."""

    def __init__(self, state: str) -> None:
        self.state = state
        self.pid = 0
        self.tries = 0


class Translator:
    """Happenings in, supervisor's events out. `group_of`: the group of a unit, asked once."""

    def __init__(self, rows: Iterable[tuple[str, str]], group_of: Callable[[str], str]) -> None:
        """`rows`: units and their active states, as it begins."""
        states = {"active": "RUNNING", "reloading": "RUNNING", "activating": "STARTING", "deactivating": "STOPPING",
                  "failed": "EXITED"}
        self._processes = {name: _Process(states.get(active, "STOPPED")) for name, active in rows}
        self._group_of = group_of
        self._groups: dict[str, str] = {}

    def events(self, news: Iterable[Happening]) -> list[Event]:
        """Of all that was heard at once: whether a start that failed is tried again is only seen from what comes behind it."""
        found: list[Event] = []
        listed = list(news)
        for number, each in enumerate(listed):
            if each.kind == "startup-finished":
                found.append(Event("SUPERVISOR_STATE_CHANGE_RUNNING"))
            elif each.kind == "job-added" and each.unit == "shutdown.target" and each.details["type"] == "start":
                found.append(Event("SUPERVISOR_STATE_CHANGE_STOPPING"))
            elif each.kind == "state" and each.unit.endswith(".service"):
                following = next((other for other in listed[number + 1:] if other.kind == "state" and other.unit == each.unit),
                                 None)
                found += self._of_state(each, following is not None and following.details["sub"] == "auto-restart")
        return found

    def _of_state(self, news: Happening, is_retried: bool) -> list[Event]:
        process = self._processes.setdefault(news.unit, _Process("STOPPED"))
        active, sub = str(news.details["active"]), str(news.details["sub"])
        process.pid = int(news.details.get("main_pid", 0)) or process.pid
        is_running = bool(news.details.get("main_pid"))
        found: list[Event] = []

        def to(state: str, **values: int) -> None:
            found.append(self._event(news.unit, process.state, state, values))
            process.state = state

        def to_starting() -> None:
            if process.state != "STARTING":
                to("STARTING", tries=process.tries)

        def to_running() -> None:
            if process.state != "RUNNING":
                to_starting()
                process.tries = 0
                to("RUNNING", pid=process.pid)

        def to_exited() -> None:
            to("EXITED", expected=int(news.details.get("result", "success") == "success"), pid=process.pid)

        def to_backoff() -> None:
            process.tries += 1
            to("BACKOFF", tries=process.tries)

        if active == "activating" and sub == "auto-restart":
            if process.state == "STARTING":
                to_backoff()
            elif process.state == "RUNNING":
                to_exited()
        elif active == "activating":
            if process.state != "RUNNING":
                to_starting()
        elif active in ("active", "reloading"):
            to_running()
            if "exit_code" in news.details and not is_running:
                to_exited()
        elif active == "deactivating":
            if process.state == "RUNNING" and not is_running:
                to_exited()
            elif process.state in ("STARTING", "RUNNING"):
                to("STOPPING", pid=process.pid)
        elif process.state == "STOPPING":
            to("STOPPED", pid=process.pid)
        elif process.state == "RUNNING":
            to_exited()
        elif process.state == "STARTING" and active == "inactive" and "exit_code" in news.details:
            to_running()
            to_exited()
        elif process.state == "STARTING" and is_retried:
            to_backoff()
        elif active == "failed" and process.state != "FATAL" and news.details["old_active"] != "deactivating":
            to("FATAL")
        return found

    def _event(self, unit: str, old: str, new: str, values: dict[str, int]) -> Event:
        name = unit.removesuffix(".service")
        group = self._groups.get(unit)
        if group is None:
            group = self._groups[unit] = self._group_of(unit) or name
        words = {"processname": name, "groupname": group, "from_state": old} | values
        return Event(f"PROCESS_STATE_{new}", " ".join(f"{key}:{value}" for key, value in words.items()))


# --- the protocol -----------------------------------------------------------------------------------------------------


class BadListener(Exception):
    """It said what is no token: what, and what it should have been."""


class _Listener:
    def __init__(self) -> None:
        self.said = b""
        #: What it works on; None: nothing.
        self.event: tuple[int, Event] | None = None
        self.is_ready = False


class Pool:
    """Events that wait, and the listeners that take them: each event one of them."""

    def __init__(self, name: str, server: str, size: int, count: int) -> None:
        """`size`: how many may wait."""
        self._name, self._server, self._size = name, server, size
        self._listeners = [_Listener() for _ in range(count)]
        self._waiting: list[tuple[int, Event]] = []
        self._next = 0

    def accept(self, event: Event) -> int | None:
        """The serial of one that had to go for it."""
        waiting = (self._next, event)
        self._next += 1
        return self._keep(waiting, len(self._waiting))

    def _keep(self, waiting: tuple[int, Event], position: int) -> int | None:
        gone = self._waiting.pop(0)[0] if len(self._waiting) >= self._size else None
        self._waiting.insert(min(position, len(self._waiting)), waiting)
        return gone

    def outgoing(self) -> list[tuple[int, bytes]]:
        """What is to be written to which listeners now."""
        found = []
        for number, listener in enumerate(self._listeners):
            if listener.is_ready and self._waiting:
                listener.event, listener.is_ready = self._waiting.pop(0), False
                found.append((number, self._envelope(*listener.event)))
        return found

    def _envelope(self, serial: int, event: Event) -> bytes:
        payload = event.payload.encode("utf-8", "surrogateescape")
        return (f"ver:3.0 server:{self._server} serial:{serial} pool:{self._name} poolserial:{serial} eventname:{event.name} "
                f"len:{len(payload)}\n").encode() + payload

    def heard(self, number: int, data: bytes) -> list[str]:
        """What the listener said, and remarks on it. BadListener where that is no token."""
        listener = self._listeners[number]
        listener.said += data
        remarks: list[str] = []
        while listener.said:
            if listener.is_ready:
                raise BadListener(f"it said {listener.said[:60]!r} while it had nothing to answer.")
            if listener.event is None:
                if not listener.said.startswith(_READY[:len(listener.said)]):
                    raise BadListener(f"it said {listener.said[:60]!r} and not {_READY!r}.")
                if len(listener.said) < len(_READY):
                    break
                listener.said = listener.said[len(_READY):]
                listener.is_ready = True
            elif not self._take_result(listener, remarks):
                break
        return remarks

    def _take_result(self, listener: _Listener, remarks: list[str]) -> bool:
        """Whether it was there as a whole."""
        line, newline, rest = listener.said.partition(b"\n")
        if not newline and _RESULT.startswith(line[:len(_RESULT)]) and len(line) < 64:
            return False
        length = line[len(_RESULT):]
        if not line.startswith(_RESULT) or not length.isdigit():
            raise BadListener(f"it said {line[:60]!r} and not {_RESULT!r} with a length.")
        if len(rest) < int(length):
            return False
        result, listener.said = rest[:int(length)], rest[int(length):]
        assert listener.event is not None
        if result != _OK:
            gone = self._keep(listener.event, 0)
            remarks.append(f"event {listener.event[0]} was rejected: {result[:60]!r}"
                           + ("" if gone is None else f"; event {gone} is discarded"))
        listener.event = None
        return True
