"""`pyinit-web broker`: puts the page's requests to the manager; those that change something only with the token.

A request is one line of JSON, `{"do": NAME, "proof": TOKEN-OR-TICKET, …}`, at most 8 KiB; the answer is a line `{"ok": VALUE}`
or `{"error": WORD, "text": …}`, and behind an `ok` that opens a stream one line for each item until either side closes.
One request for each connection, one thread for each of these, at most MOST of them. The package's docstring says who may
ask what. Errors: "forbidden", "not-found", "refused" (the manager said no), "unavailable" (it does not answer), "bad".
"""

from __future__ import annotations

import json
import os
import select
import socket
import subprocess
import sys
import threading
import time
from contextlib import redirect_stdout
from io import StringIO
from secrets import token_urlsafe

from initd import LIBRARY
from initd.cli import health
from initd.cli.bus import MANAGER, MANAGER_PATH, SYSTEMD, UNIT, Bus, BusError, NotRunning
from initd.core import unitname
from initd.core.objectpath import unit_name, unit_path
from initd.web import guard
from initd.wire.dbus import SIGNAL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from initd.wire.dbus import Message

LONGEST_REQUEST = 8192
#: Connections at once; more wait.
MOST = 64
#: Seconds: between two signs of life in a stream; for a job; for an answer.
BEAT, JOB_TIMEOUT, ANSWER_TIMEOUT = 15.0, 90.0, 10.0
#: Seconds that a wrong token waits for its answer, one after the other.
PENALTY = 0.5

SERVICE = SYSTEMD + ".Service"
_UNSET = 2**64 - 1
_METHODS = {"start": "StartUnit", "stop": "StopUnit", "restart": "RestartUnit"}
#: What a unit's page and `GET /api/units/NAME` tell: nothing that may hold a secret, as command lines and variables may.
SHOWN = (
    "Id", "Names", "Description", "LoadState", "ActiveState", "SubState", "FragmentPath", "DropInPaths", "UnitFileState",
    "Documentation", "Result", "MainPID", "NRestarts", "MemoryCurrent", "TasksCurrent", "Type", "Restart", "ExecMainStatus",
    "StateChangeTimestamp", "ActiveEnterTimestamp", "InactiveEnterTimestamp", "StatusText", "InvocationID", "NeedDaemonReload",
    "CanStart", "CanStop",
)  # fmt: skip
#: Kinds of dependency of a unit's graph: what it needs, and what needs it.
NEEDS = ("Requires", "Requisite", "BindsTo", "Wants", "Upholds", "TriggeredBy")
NEEDED_BY = ("RequiredBy", "RequisiteOf", "BoundBy", "WantedBy", "UpheldBy", "Triggers")
_ORDER = ("After", "Before", "Conflicts", "ConflictedBy", "PartOf", "ConsistsOf")
#: Units that go down with one that is stopped.
_GO_WITH = ("RequiredBy", "RequisiteOf", "BoundBy", "ConsistsOf")


class Refused(Exception):
    """What is answered instead: a word, and a text for people."""

    def __init__(self, word: str, text: str) -> None:
        super().__init__(text)
        self.word, self.text = word, text


class Broker:
    """What the threads share: the token, and the last list of units."""

    def __init__(self, token: str) -> None:
        self.token = token
        self._lock = threading.Lock()
        self._penalty = threading.Lock()
        self._speech = threading.Lock()
        self._units: list[dict[str, Any]] = []
        self._looked_at = 0.0

    def serve(self, listener: socket.socket, idle_sec: int = 0) -> None:
        """Until nobody has asked for anything for as long as that; 0: until the process ends."""
        places = threading.BoundedSemaphore(MOST)
        listener.settimeout(idle_sec or None)
        while True:
            places.acquire()
            try:
                connection, _ = listener.accept()
            except TimeoutError:
                places.release()
                if threading.active_count() == 1:
                    return
                continue
            threading.Thread(target=self._answer, args=(connection, places), daemon=True).start()

    def _answer(self, connection: socket.socket, places: threading.BoundedSemaphore) -> None:
        try:
            with connection:
                connection.settimeout(ANSWER_TIMEOUT)
                try:
                    self._handle(connection)
                except Refused as refusal:
                    _write(connection, {"error": refusal.word, "text": refusal.text})
                except NotRunning as problem:
                    _write(connection, {"error": "unavailable", "text": f"The manager does not answer: {problem.text}"})
                except BusError as problem:
                    is_unknown = problem.name.endswith(".NoSuchUnit")
                    _write(connection, {"error": "not-found" if is_unknown else "refused", "text": problem.text})
        except OSError:
            pass  # whoever asked has gone
        finally:
            places.release()

    def _handle(self, connection: socket.socket) -> None:
        request = _read(connection)
        name = request.get("do")
        if not isinstance(name, str) or name not in REQUESTS:
            raise Refused("bad", "There is no such request.")
        handle, needs_proof = REQUESTS[name]
        if needs_proof:
            self._check(request.get("proof"))
        answer = handle(self, request)
        if callable(answer):
            answer(connection)
        else:
            _write(connection, {"ok": answer})

    def _check(self, proof: object) -> None:
        if not self.token:
            raise Refused("forbidden", "There is no token here, so nothing can be changed: see pyinit-web(1).")
        if not isinstance(proof, str) or not guard.is_proof(self.token, proof, time.time()):
            if proof:
                with self._penalty:
                    time.sleep(PENALTY)
            raise Refused("forbidden", "That takes the token." if not proof else "That is not the token, or it has run out.")

    # --- looking ----------------------------------------------------------------------------------------------------

    def units(self, request: dict[str, Any]) -> list[dict[str, Any]]:
        """Those that are loaded, by name. However many ask at once: one answer from then on is good for all who waited."""
        asked_at = time.monotonic()
        with self._lock:
            if self._looked_at < asked_at:
                self._looked_at = time.monotonic()
                self._units = _list_units()
            return self._units

    def unit(self, request: dict[str, Any]) -> dict[str, Any]:
        name = _unit_of(request)
        bus = Bus(timeout=ANSWER_TIMEOUT)
        found = {key: value for key, (_, value) in bus.get_all(unit_path(name)).items()}
        if found["LoadState"] == "not-found" and found["ActiveState"] == "inactive":
            raise Refused("not-found", f"Unit {name} could not be found.")
        made = {key: _plain(found[key]) for key in SHOWN if key in found}
        related = {key: found[key] for key in (*NEEDS, *NEEDED_BY, *_ORDER) if found.get(key)}
        made["dependencies"] = related
        states = {row[0]: row[3] for row in bus.ask("ListUnits")[0]}
        made["states"] = {each: states.get(each, "inactive") for names in related.values() for each in names}
        made["goes_with_it"] = sorted({each for key in _GO_WITH for each in found.get(key, ())
                                       if states.get(each) in ("active", "activating", "reloading")})
        return made

    def boot(self, request: dict[str, Any]) -> dict[str, Any]:
        """The records that `systemd-analyze` reads; microseconds of the monotonic clock, 0 where it never was."""
        bus = Bus(timeout=ANSWER_TIMEOUT)
        began, ended = (bus.get(MANAGER_PATH, MANAGER, name) for name in ("UserspaceTimestampMonotonic",
                                                                         "FinishTimestampMonotonic"))
        rows = []
        for row in self.units({}):
            if row["active"] == "inactive":
                continue
            path = unit_path(row["name"])
            leaves, is_up = (bus.get(path, UNIT, f"{name}TimestampMonotonic") for name in ("InactiveExit", "ActiveEnter"))
            if leaves and (not ended or leaves <= ended):
                rows.append({"name": row["name"], "began": leaves, "up": is_up, "active": row["active"]})
        return {"began": began, "ended": ended, "units": sorted(rows, key=lambda row: (row["began"], row["name"]))}

    def status(self, request: dict[str, Any]) -> dict[str, Any]:
        bus = Bus(timeout=ANSWER_TIMEOUT)
        names = ("SystemState", "NFailedUnits", "NJobs", "UserspaceTimestamp", "FinishTimestampMonotonic",
                 "UserspaceTimestampMonotonic", "Version")
        return {name: bus.get(MANAGER_PATH, MANAGER, name) for name in names}

    def health(self, request: dict[str, Any]) -> dict[str, Any]:
        """What `pyinit health` says; with `live`, `pyinit health --live`."""
        with self._speech, redirect_stdout(StringIO()) as said:
            status = health.main(["--live"] if request.get("live") else [])
        return {"is_good": status == 0, "text": said.getvalue().strip()}

    def events(self, request: dict[str, Any]) -> Callable[[socket.socket], None]:
        """A stream of what changes."""
        bus = Listener(timeout=ANSWER_TIMEOUT)
        bus.ask("Subscribe")
        return lambda connection: _send_events(connection, bus)

    # --- with the token ---------------------------------------------------------------------------------------------

    def login(self, request: dict[str, Any]) -> str:
        """A ticket for the token, or a fresh one for another ticket."""
        return guard.make_ticket(self.token, time.time(), token_urlsafe(9))

    def check(self, request: dict[str, Any]) -> bool:
        return True

    def logs(self, request: dict[str, Any]) -> Callable[[socket.socket], None]:
        """A stream of what journalctl prints for the unit, as JSON; it goes on with `follow`."""
        name, count = _unit_of(request), request.get("lines", 200)
        if not isinstance(count, int) or not 0 <= count <= 10000:
            raise Refused("bad", "The number of lines must be between 0 and 10000.")
        return lambda connection: _send_logs(connection, name, count, bool(request.get("follow")))

    def start(self, request: dict[str, Any]) -> dict[str, Any]:
        return _change("start", _unit_of(request))

    def stop(self, request: dict[str, Any]) -> dict[str, Any]:
        return _change("stop", _unit_of(request))

    def restart(self, request: dict[str, Any]) -> dict[str, Any]:
        return _change("restart", _unit_of(request))


#: Request → (method, whether it needs a proof).
REQUESTS: dict[str, tuple[Callable[[Broker, dict[str, Any]], Any], bool]] = {
    "units": (Broker.units, False), "unit": (Broker.unit, False), "boot": (Broker.boot, False),
    "status": (Broker.status, False), "health": (Broker.health, False), "events": (Broker.events, False),
    "login": (Broker.login, True), "check": (Broker.check, True), "logs": (Broker.logs, True),
    "start": (Broker.start, True), "stop": (Broker.stop, True), "restart": (Broker.restart, True),
}  # fmt: skip


# --- lines ----------------------------------------------------------------------------------------------------------


def _read(connection: socket.socket) -> dict[str, Any]:
    data = b""
    while not data.endswith(b"\n"):
        more = connection.recv(LONGEST_REQUEST + 1 - len(data))
        data += more
        if not more or len(data) > LONGEST_REQUEST:
            raise Refused("bad", f"A request is one line of at most {LONGEST_REQUEST} bytes.")
    try:
        request = json.loads(data)
    except (ValueError, RecursionError):
        request = None
    if not isinstance(request, dict):
        raise Refused("bad", "A request is one JSON object.")
    return request


def _write(connection: socket.socket, value: object) -> None:
    connection.sendall(json.dumps(value).encode() + b"\n")


def _plain(value: object) -> object:
    return value.hex() if isinstance(value, bytes) else None if value == _UNSET else value


def _unit_of(request: dict[str, Any]) -> str:
    name = request.get("unit")
    if not isinstance(name, str) or not unitname.is_valid(name):
        raise Refused("bad", f"{name!r} is not the name of a unit.")
    return name


# --- asking the manager ---------------------------------------------------------------------------------------------


def _list_units() -> list[dict[str, Any]]:
    bus = Bus(timeout=ANSWER_TIMEOUT)
    return [_describe(bus, row) for row in sorted(bus.ask("ListUnits")[0])]


def _describe(bus: Bus, row: tuple[Any, ...]) -> dict[str, Any]:
    name, description, load, active, sub = row[:5]
    made = {"name": name, "description": description, "load": load, "active": active, "sub": sub, "job": row[8],
            "since": None, "memory": None, "restarts": None}
    if active != "inactive":
        path = unit_path(name)
        made["since"] = bus.get(path, UNIT, "StateChangeTimestamp") or None
        if name.endswith(".service"):
            made["memory"] = _plain(bus.get(path, SERVICE, "MemoryCurrent"))
            made["restarts"] = bus.get(path, SERVICE, "NRestarts")
    return made


class Listener(Bus):
    """Hears what comes while something else is waited for as well."""

    def heard(self) -> list[Message]:
        """The signals that are there already."""
        found, self._signals = self._signals, []
        while (message := self._parser.next_message()) is not None:
            found += [message] * (message.type == SIGNAL)
        return found


def _change(verb: str, name: str) -> dict[str, Any]:
    """Queue the job, and wait for its end: "done", "failed", "canceled", …; "waiting" where that takes too long."""
    bus = Listener(timeout=ANSWER_TIMEOUT)
    bus.ask("Subscribe")
    (path,) = bus.ask(_METHODS[verb], "ss", name, "replace")
    deadline = time.monotonic() + JOB_TIMEOUT
    job = int(path.rpartition("/")[2])
    result = next((str(message.body[3]) for message in _signals(bus, deadline)
                   if message.member == "JobRemoved" and message.body[1] == path), "waiting")
    return {"unit": name, "verb": verb, "job": job, "result": result}


def _signals(bus: Listener, deadline: float) -> Iterator[Message]:
    """Those that come until then."""
    yield from bus.heard()
    while (left := deadline - time.monotonic()) > 0:
        if select.select([bus], [], [], left)[0]:
            yield from bus.signals()


# --- streams --------------------------------------------------------------------------------------------------------


def _send_events(connection: socket.socket, bus: Listener) -> None:
    _write(connection, {"ok": True})
    heard = bus.heard()
    poll = select.poll()
    poll.register(bus, select.POLLIN)
    poll.register(connection, select.POLLIN | select.POLLRDHUP)
    last: dict[str, dict[str, Any]] = {}
    while True:
        for event in filter(None, map(event_of, heard)):
            if event["event"] == "unit":
                if last.get(event["unit"]) == event:
                    continue  # another of its properties has changed
                last[event["unit"]] = event
            _write(connection, event)
        ready = {fd for fd, _ in poll.poll(BEAT * 1000)}
        if connection.fileno() in ready:
            return  # there is nothing more to ask: it was closed
        if not ready:
            connection.sendall(b"\n")
        heard = bus.signals() if ready else []


def event_of(message: Message) -> dict[str, Any] | None:
    """What a signal tells; None where it tells nothing that is shown."""
    body = message.body
    if message.member == "PropertiesChanged" and body[0] == UNIT:
        changes: dict[str, tuple[str, Any]] = body[1]  # type: ignore[assignment]
        found = {key: value for key, (_, value) in changes.items()}
        name = unit_name(message.path)
        if name is None or "ActiveState" not in found:
            return None
        return {"event": "unit", "unit": name, "active": found["ActiveState"], "sub": found["SubState"],
                "since": found.get("StateChangeTimestamp") or None}
    if message.member == "JobNew":
        return {"event": "job-new", "job": body[0], "unit": body[2]}
    if message.member == "JobRemoved":
        return {"event": "job-removed", "job": body[0], "unit": body[2], "result": body[3]}
    if message.member == "Reloading":
        return {"event": "reloading", "active": body[0]}
    return {"event": "startup-finished"} if message.member == "StartupFinished" else None


def _send_logs(connection: socket.socket, name: str, count: int, follows: bool) -> None:
    """journalctl writes to the connection by itself; it ends with it."""
    code = f"import sys; sys.path.insert(0, {LIBRARY!r}); from initd.cli.launch import journalctl; journalctl()"
    words = ["--unit", name, "--lines", str(count), "--output=json", "--quiet",
             "--output-fields=MESSAGE,PRIORITY,SYSLOG_IDENTIFIER,_PID", *(["--follow"] if follows else [])]
    _write(connection, {"ok": True})
    connection.setblocking(True)
    with subprocess.Popen([sys.executable, "-IS", "-c", code, *words], stdin=subprocess.DEVNULL, stdout=connection.fileno(),
                          stderr=subprocess.DEVNULL) as journalctl:
        ended = os.pidfd_open(journalctl.pid)
        try:
            poll = select.poll()
            poll.register(ended, select.POLLIN)
            poll.register(connection, select.POLLIN | select.POLLRDHUP)
            poll.poll()
        finally:
            journalctl.kill()
            os.close(ended)
