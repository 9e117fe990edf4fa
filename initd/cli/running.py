"""Starts a transient unit and stays with it for as long as `systemd-run` was told to: until it runs, or until its end."""

from __future__ import annotations

import os
import select
import sys

from initd.cli.bus import MANAGER, PROPERTIES, UNIT, Bus, BusError
from initd.cli.jobs import report_result
from initd.cli.output import complain
from initd.core import signals, timespan
from initd.core.objectpath import unit_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from initd.cli.run_options import Options
    from initd.cli.terminal import Modes
    from initd.wire.dbus import Message

    Property = tuple[str, tuple[str, Any]]

_CODES = {1: "exited", 2: "killed", 3: "dumped"}
_DOWN = ("inactive", "failed")


class Runner:
    """One call of `systemd-run`."""

    def __init__(self, options: Options, bus: Bus) -> None:
        self._options = options
        self._bus = bus
        self._job = ""
        self._job_result = ""
        self._path = ""
        #: What was heard of the service, by property.
        self._known: dict[str, Any] = {}
        self._is_over = False
        self._master = -1

    def run(self, service: str, properties: list[Property], trigger: str, trigger_properties: list[Property]) -> int:
        """The exit status."""
        name, given, others = service, properties + self._streams(), []
        if self._options.has("wait"):
            given.append(("AddRef", ("b", True)))  # what it used is asked for when it is over
        if trigger:
            name, given, others = trigger, trigger_properties, [(service, properties)]
        self._path = unit_path(name)
        fds = (0, 1, 2) if self._options.has("pipe") and not self._options.has("pty") else ()
        (self._job,) = self._bus.ask_with_fds(fds, "StartTransientUnit", "ssa(sv)a(sa(sv))", name, "fail", given, others)
        if not self._options.has("quiet") and not self._options.has("no-block") and trigger:
            complain(f"Running {trigger.rpartition('.')[2]} as unit: {trigger}")
            complain(f"Will run service as unit: {service}")
        elif not self._options.has("quiet"):
            complain(f"Running as unit: {name}")
        if self._options.has("no-block"):
            return 0
        return self._stay(name)

    def _streams(self) -> list[Property]:
        """The service gets a terminal of ours, or what we have ourselves, as it is."""
        if self._options.has("pty"):
            self._master, slave = os.openpty()
            path = os.ttyname(slave)
            return [("TTYPath", ("s", path)), *((f"Standard{each}", ("s", "tty")) for each in ("Input", "Output", "Error"))]
        if not self._options.has("pipe"):
            return []
        return [(f"Standard{each}FileDescriptor", ("h", number)) for number, each in enumerate(("Input", "Output", "Error"))]

    # --- waiting ------------------------------------------------------------------------------------------------------

    def _stay(self, name: str) -> int:
        waits = self._options.has("wait")
        with _Terminal(self._master):
            while not self._is_done(waits):
                self._listen()
            self._drain()
        if self._job_result not in ("done", "skipped") and not waits:
            if not self._options.has("quiet"):
                report_result(self._bus, name, self._job_result)
            return 1
        return self._tell() if waits else 0

    def _is_done(self, waits: bool) -> bool:
        return bool(self._job_result) and (self._is_over or not waits)

    def _listen(self) -> None:
        if self._master >= 0:
            ready, _, _ = select.select([self._bus, self._master, 0], [], [])
            if self._master in ready:
                self._copy(self._master, 1)
            if 0 in ready:
                self._copy(0, self._master)
            if self._bus not in ready:
                return
        for message in self._bus.signals():
            self._hear(message)

    def _hear(self, message: Message) -> None:
        if message.member == "JobRemoved" and message.interface == MANAGER and message.body[1] == self._job:
            self._job_result = str(message.body[3])
        elif message.member == "UnitRemoved" and message.body[1] == self._path:
            self._is_over = True
        elif message.interface == PROPERTIES and message.path == self._path:
            interface, changed, _ = message.body
            self._known.update({key: value for key, (_, value) in changed.items()})  # type: ignore[attr-defined]
            if interface == UNIT:
                # Only what comes after the start is the end.
                self._is_over = self._known.get("ActiveState") in _DOWN and bool(self._known.get("InactiveEnterTimestamp"))

    @staticmethod
    def _copy(source: int, target: int) -> None:
        try:
            os.write(target, os.read(source, 4096))
        except OSError:
            pass  # nobody has the other end of the terminal: that the service is over is heard on the bus

    def _drain(self) -> None:
        while self._master >= 0 and select.select([self._master], [], [], 0)[0]:
            try:
                data = os.read(self._master, 4096)
            except OSError:
                return
            if not data:
                return
            os.write(1, data)

    # --- the end ------------------------------------------------------------------------------------------------------

    def _tell(self) -> int:
        known = self._known
        result, status = str(known.get("Result", "success")), int(known.get("ExecMainStatus", 0))
        code = _CODES.get(int(known.get("ExecMainCode", 0)), "")
        if not self._options.has("quiet"):
            complain(f"Finished with result: {result}")
            if code:
                shown = str(status) if code == "exited" else signals.name(status).removeprefix("SIG")
                complain(f"Main processes terminated with: code={code}/status={shown}")
            self._tell_times()
        if code == "exited" and status:
            return status
        return 0 if result == "success" else 1

    def _tell_times(self) -> None:
        begin, end = (int(self._known.get(f"Inactive{each}TimestampMonotonic", 0)) for each in ("Exit", "Enter"))
        if 0 < begin <= end:
            complain(f"Service runtime: {timespan.format(_rounded(end - begin))}")
        try:
            used = self._bus.get(self._path, "org.freedesktop.systemd1.Service", "CPUUsageNSec")
        except BusError:
            return  # it is unloaded already
        if used < 2**64 - 1:
            complain(f"CPU time consumed: {timespan.format(_rounded(used // 1000))}")


def _rounded(usec: int) -> int:
    return usec // 1000 * 1000 if usec >= 1000 else usec


class _Terminal:
    """While it lasts, what is typed goes to the service as it is typed."""

    def __init__(self, master: int) -> None:
        self._is_wanted = master >= 0 and os.isatty(0)
        self._modes: Modes | None = None

    def __enter__(self) -> _Terminal:
        if self._is_wanted:
            from initd.cli.terminal import Modes, NoModes

            try:
                self._modes = Modes(0)
                self._modes.set_keys(is_raw=True)
            except NoModes as problem:
                complain(str(problem))
        return self

    def __exit__(self, *error: object) -> None:
        if self._modes is not None:
            self._modes.restore()
        sys.stdout.flush()
