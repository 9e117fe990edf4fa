"""`pyinit top`: services as they are now, with keys to start, stop and restart them and to follow their logs.

It asks the manager as any client does, for the units that fit the terminal and once in a while: what runs is told by
properties, what it uses by them too, or by /proc where control groups do not tell.
"""

from __future__ import annotations

import os
import sys
import time
from posix import environ

from initd.cli.bus import MANAGER, MANAGER_PATH, SYSTEMD, UNIT, Bus, BusError, NotRunning
from initd.cli.getopt import parse
from initd.cli.managers import chosen
from initd.cli.names import mangle_glob
from initd.cli.options import UsageError
from initd.cli.output import complain, is_answered
from initd.cli.top_screen import Row, Screen, table
from initd.core.objectpath import unit_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from initd.cli.terminal import Modes
    from initd.core.places import Places

USAGE = """\
pyinit top [OPTIONS…] [PATTERN…]

Show services, or units that match, as they are now: state, main process, CPU, memory, restarts, last line of the log.
Keys: up and down, s to start, t to stop, r to restart, l to follow the log, / to filter, q to quit.

  -a --all            units that are inactive as well
  -1 --once           print them once; the CPU is what they have used on average since they were started
  -d --delay=SPAN     how long between two looks (default 1s)
     --user           those of the manager of whoever calls
     --runtime-directory=DIR  those of the manager with this runtime directory
  -h --help           print this
"""
_LONG = {"all": "", "once": "", "delay": "=", "user": "", "runtime-directory": "=", "help": "", "version": ""}
_SHORT = {"a": "all", "1": "once", "d": "delay", "h": "help"}
_SERVICE = SYSTEMD + ".Service"
_NOT_SET = 2**64 - 1
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
#: Enter and leave the terminal's other screen; without a cursor.
_ENTER, _LEAVE = "\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l"
_JOB_METHODS = {"start": "StartUnit", "stop": "StopUnit", "restart": "RestartUnit"}


def main(arguments: list[str]) -> int:
    try:
        given, patterns = parse(arguments, "pyinit top", _LONG, _SHORT)
        options = dict(given)
        if is_answered(options, USAGE):
            return 0
        delay = _span(options.get("delay", "1s"))
        places = chosen("user" if "user" in options else "system", options.get("runtime-directory"))
        sampler = Sampler(Bus(places), places, [mangle_glob(each) for each in patterns], "all" in options)
        if "once" in options or not os.isatty(0) or not os.isatty(1):
            return once(sampler)
        return Viewer(sampler, delay).run()
    except (UsageError, ValueError) as problem:
        complain(str(problem))
        return 1
    except (NotRunning, BusError) as problem:
        complain(f"The manager does not answer: {problem.text}")
        return 1


def _span(text: str) -> float:
    from initd.core import timespan

    return max(0.1, timespan.parse(text) / 1e6)


def once(sampler: Sampler) -> int:
    rows = sampler.fill(sampler.units())
    width = os.get_terminal_size(1).columns if os.isatty(1) else 0
    sys.stdout.write("".join(line + "\n" for line in table(rows, width)))
    return 0


# --- what is shown ----------------------------------------------------------------------------------------------------


class Sampler:
    """Asks the manager. `patterns`: of the units that are shown; services, where there are none."""

    def __init__(self, bus: Bus, places: Places | None, patterns: list[str], is_all: bool) -> None:
        self.bus, self.places = bus, places
        self._patterns, self._is_all = patterns, is_all
        #: Unit → when it was looked at last, and the CPU time that it had used, both in ns.
        self._used: dict[str, tuple[int, int]] = {}
        self._lasting: dict[str, tuple[object, int | None, int]] = {}
        self.lines = LastLines(places)

    def units(self) -> list[Row]:
        """All that are to be shown, as far as one question tells."""
        (found,) = self.bus.ask("ListUnitsByPatterns", "asas", [], self._patterns or ["*.service"])
        rows = [Row(each[0], each[3], each[4]) for each in found if self._is_wanted(each[3], each[2])]
        return sorted(rows, key=lambda row: row.name)

    def _is_wanted(self, active: str, load: str) -> bool:
        return self._is_all and load != "not-found" or active != "inactive"

    def summary(self, n_rows: int) -> str:
        state, failed, jobs = (self.bus.get(MANAGER_PATH, MANAGER, name) for name in ("SystemState", "NFailedUnits", "NJobs"))
        clock = time.strftime("%H:%M:%S")
        return f"{os.uname().nodename}  {clock}  {state}  {n_rows} units, {failed} failed, {jobs} jobs"

    def fill(self, rows: list[Row]) -> list[Row]:
        """The same with all that is known of them. A unit that is unloaded meanwhile stays as it was."""
        self.lines.look()
        filled = []
        for row in rows:
            try:
                filled.append(self._fill(row))
            except BusError as problem:
                if problem.name.endswith((".Disconnected", ".NoReply")):
                    raise
                filled.append(row)
        return filled

    def _fill(self, row: Row) -> Row:
        path, kind = unit_path(row.name), row.name.rpartition(".")[2]
        is_service = kind == "service"
        pid = self.bus.get(path, _SERVICE, "MainPID") if is_service else None
        lasting = self._lasting.get(row.name)
        if lasting is None or lasting[0] != (row.active, row.sub, pid):
            n_restarts = self.bus.get(path, _SERVICE, "NRestarts") if is_service else None
            since = self.bus.get(path, UNIT, "ActiveEnterTimestampMonotonic")
            lasting = self._lasting[row.name] = ((row.active, row.sub, pid), n_restarts, since)
        is_up = row.active in ("active", "reloading", "deactivating") and lasting[2]
        age_usec = time.monotonic_ns() // 1000 - lasting[2] if is_up else None
        cpu, memory = self._usage(path, row, kind) if row.active not in ("inactive", "failed") else (None, None)
        return row.replace(
            pid=pid or None, n_restarts=lasting[1], uptime_usec=age_usec, memory=memory,
            cpu_percent=self._percent(row.name, cpu, age_usec), line=self.lines.of(row.name))

    def _usage(self, path: str, row: Row, kind: str) -> tuple[int | None, int | None]:
        """CPU time in ns and bytes of memory, of all processes of the unit."""
        if kind not in ("service", "scope", "slice", "socket", "mount", "swap"):
            return None, None
        interface = f"{SYSTEMD}.{kind.capitalize()}"
        cpu, memory = (self.bus.get(path, interface, name) for name in ("CPUUsageNSec", "MemoryCurrent"))
        if _NOT_SET not in (cpu, memory):
            return cpu, memory
        (processes,) = self.bus.ask("GetUnitProcesses", "s", row.name)
        used = [each for each in (usage_of(pid) for _, pid, _ in processes) if each is not None]
        if not used:
            return None, None
        return (sum(each[0] for each in used) if cpu == _NOT_SET else cpu,
                sum(each[1] for each in used) if memory == _NOT_SET else memory)

    def _percent(self, name: str, cpu: int | None, age_usec: int | None) -> float | None:
        """Of one CPU, since the last look; at the first, since the unit was started."""
        if cpu is None:
            self._used.pop(name, None)
            return None
        now = time.monotonic_ns()
        before = self._used.get(name)
        self._used[name] = now, cpu
        if before is not None and now > before[0]:
            return max(0.0, 100 * (cpu - before[1]) / (now - before[0]))
        return 100 * cpu / (1000 * age_usec) if age_usec else None


def usage_of(pid: int) -> tuple[int, int] | None:
    """CPU time in ns and resident bytes of a process; None where it is gone (proc(5))."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            words = file.read().rpartition(b")")[2].split()
    except OSError:
        return None
    return (int(words[11]) + int(words[12])) * (1_000_000_000 // _TICKS), int(words[21]) * _PAGE


class LastLines:
    """What units wrote last: once looked for in the journal, then by what comes."""

    def __init__(self, places: Places | None) -> None:
        from initd.cli.journal_sources import find

        self._sources = find(own=places)
        self._lines: dict[str, str] = {}
        self._behind: dict[str, int] = {}
        self._is_user = places is not None and places.mode == "user"

    def look(self) -> None:
        """What was written since the last time."""
        from initd.journal.reader import Search

        self._sources.look()
        for series in self._sources.series:
            if series.store_id not in self._behind:
                self._behind[series.store_id] = series.take_end()
            for entry in series.grown(Search(), self._behind[series.store_id]):
                unit = (entry.get(b"_SYSTEMD_USER_UNIT") if self._is_user else None) or entry.get(b"_SYSTEMD_UNIT")
                told = entry.get(b"USER_UNIT") if self._is_user else entry.get(b"UNIT")
                for name in {unit, told} - {None, b"init.scope"}:
                    assert name is not None
                    self._lines[name.decode("utf-8", "replace")] = _text(entry)
            self._behind[series.store_id] = series.end

    def of(self, unit: str) -> str:
        if unit not in self._lines:
            self._lines[unit] = self._find(unit.encode("utf-8", "surrogateescape"))
        return self._lines[unit]

    def _find(self, unit: bytes) -> str:
        from initd.journal.match import of_unit, of_user_unit
        from initd.journal.reader import Range, Search, merged

        search = Search(of_user_unit(unit, b"%d" % os.getuid()) if self._is_user else of_unit(unit))
        entries = merged([each.backwards(search, Range()) for each in self._sources.series], True)
        return next((_text(entry) for entry in entries), "")


def _text(entry: Any) -> str:
    return (entry.get(b"MESSAGE") or b"").decode("utf-8", "replace")


# --- the terminal -----------------------------------------------------------------------------------------------------


class Viewer:
    """Has the terminal until it is told to quit, and gives it back as it was, whatever happens."""

    def __init__(self, sampler: Sampler, delay: float) -> None:
        self._sampler, self._delay = sampler, delay
        self._screen = Screen()
        self._wake, self._wake_end = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._modes: Modes | None = None
        self._ended_by = 0

    def run(self) -> int:
        """The exit status: 128+n where signal n ended it."""
        import _signal

        from initd.cli.terminal import Modes, NoModes

        try:
            self._modes = Modes(0)
        except NoModes as problem:
            complain(str(problem))
            return 1
        for number in (_signal.SIGTERM, _signal.SIGHUP, _signal.SIGINT, _signal.SIGTSTP, _signal.SIGCONT, _signal.SIGWINCH):
            _signal.signal(number, self._on_signal)
        _signal.set_wakeup_fd(self._wake_end, warn_on_full_buffer=False)
        self._enter()
        try:
            return self._show()
        finally:
            self._leave()

    def _on_signal(self, number: int, frame: object) -> None:
        import _signal

        if number == _signal.SIGTSTP:
            self._leave()
            os.kill(os.getpid(), _signal.SIGSTOP)
        elif number == _signal.SIGCONT:
            self._enter()
        elif number != _signal.SIGWINCH:
            self._ended_by = number

    def _enter(self) -> None:
        if self._modes is not None:
            self._modes.set_keys()
        _write(_ENTER)

    def _leave(self) -> None:
        _write(_LEAVE)
        if self._modes is not None:
            self._modes.restore()

    def _show(self) -> int:
        import select

        from initd.cli.terminal import keys_of

        due = 0.0
        while not self._ended_by:
            if time.monotonic() >= due:
                self._look()
                due = time.monotonic() + self._delay
            self._draw()
            ready, _, _ = select.select([0, self._wake], [], [], max(0.0, due - time.monotonic()))
            if self._wake in ready:
                os.read(self._wake, 4096)
            data = os.read(0, 4096) if 0 in ready else b"-"
            if not data:
                return 0  # the terminal is gone
            for key in keys_of(data) if 0 in ready else ():
                wanted, unit = self._screen.press(key)
                if wanted == "quit":
                    return 0
                if wanted:
                    self._do(wanted, unit)
                due = 0.0 if wanted else due
        return 128 + self._ended_by

    def _look(self) -> None:
        rows = self._sampler.units()
        self._screen.rows = rows
        self._screen.summary = self._sampler.summary(len(rows))
        filled = {row.name: row for row in self._sampler.fill(self._screen.page(_size()[1]))}
        self._screen.rows = [filled.get(row.name, row) for row in rows]

    def _draw(self) -> None:
        width, height = _size()
        _write("\x1b[H" + "\r\n".join(line + "\x1b[K" for line in self._screen.draw(width, height)))

    def _do(self, wanted: str, unit: str) -> None:
        if wanted == "follow":
            self._follow(unit)
            return
        try:
            self._sampler.bus.ask(_JOB_METHODS[wanted], "ss", unit, "replace")
            self._screen.message = f"{wanted} {unit}"
        except BusError as problem:
            if problem.name.endswith((".Disconnected", ".NoReply")):
                raise
            self._screen.message = f"{wanted} {unit}: {problem.text}"

    def _follow(self, unit: str) -> None:
        """journalctl has the terminal until Ctrl-C."""
        import _signal

        self._leave()
        _write(f"--- {unit}; Ctrl-C goes back ---\n")
        pid = os.fork()
        if not pid:
            for number in (_signal.SIGTERM, _signal.SIGHUP, _signal.SIGINT, _signal.SIGTSTP, _signal.SIGCONT):
                _signal.signal(number, _signal.SIG_DFL)
            from initd.cli.journalctl import main as journalctl

            code = 1
            try:
                code = journalctl([*option_words(self._sampler.places), "-f", "-n", "50", "-u", unit])
            finally:
                os._exit(code)
        os.waitpid(pid, 0)
        self._ended_by = 0 if self._ended_by == _signal.SIGINT else self._ended_by
        self._enter()


def option_words(places: Places | None) -> list[str]:
    """What other commands are told to ask the same manager."""
    if places is None:
        return []
    return ["--user"] if places.mode == "user" else [f"--runtime-directory={places.run}"]


def _write(text: str) -> None:
    """All of it, with what no terminal can show as question marks."""
    data = text.encode(_charset(), "replace")
    while data:
        try:
            data = data[os.write(1, data):]
        except OSError:
            return  # the terminal is gone; that is heard when keys are read


def _charset() -> str:
    from initd.cli.output import is_utf8

    return "utf-8" if is_utf8() else "ascii"


def _size() -> tuple[int, int]:
    try:
        size = os.get_terminal_size(1)
    except OSError:
        return 80, 24
    return size.columns or int(environ.get(b"COLUMNS", b"80")), size.lines or 24
