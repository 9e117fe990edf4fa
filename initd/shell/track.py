"""Which process belongs to which unit?

Four ways to know, the surest first (DESIGN.md):

1. registration: our own children, and processes that a unit named as its own (PIDFile=, MAINPID=);
2. the cgroup, where the tree is writable;
3. the tag: a soft RLIMIT_RTTIME that fork, exec, setsid and setuid leave alone, readable even for zombies;
4. the process tree and the session, for units that set LimitRTTIME= themselves.

One pass over /proc answers for all units; it is kept until `forget()`, which the manager calls once per wake-up.
A zombie still belongs to its unit, but is not alive.
"""

from __future__ import annotations

import os
import time

from initd.core.record import Record
from initd.core.values import PidRef, ProcessInfo
from initd.shell.census import Census, read_stat
from initd.shell.fds import read_small
from initd.wire.proc import ProcessStat, parse_command_line, parse_tag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterator, Mapping

    from initd.shell.cgroup import Cgroups

_PAGE_SIZE = os.sysconf("SC_PAGE_SIZE")
#: Fields of the Tracker that no look at /proc would give back.
_TOLD = ("_children", "_watched", "_sessions", "_cgroup_units", "_unit_cgroups", "_ended_cpu_ticks", "_last_cpu_nsec",
         "_has_taken_over")
#: How often a unit is looked for whose processes vanish while they are looked at.
_LOOKS = 50
#: Sessions kept whose leader has ended, at least, before those without a member are looked for.
_SESSIONS = 256
_NSEC_PER_TICK = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
#: Of a command line, when a process is only mentioned.
_DESCRIBED = 100


class ResourceUsage(Record):
    """What a unit's processes use; None where nobody can say."""

    tasks: int
    memory_bytes: int | None
    cpu_nsec: int | None


class Tracker:
    """`numbers` maps the numbers in tags to units; it is the engine's, and read here."""

    def __init__(
        self, numbers: Mapping[int, str], tag_base: int | None = None, cgroups: Cgroups | None = None
    ) -> None:
        self._numbers = numbers
        self._tag_base = tag_base
        self._cgroups = cgroups
        self._own_pid = os.getpid()
        #: Our unreaped children: their pids cannot be reused.
        self._children: dict[int, str] = {}
        self._watched: dict[int, tuple[str, int]] = {}
        #: Every process we spawn leads a session; members of it may outlive it.
        self._sessions: dict[int, str] = {}
        self._unit_sessions: dict[str, list[int]] = {}
        self._most_sessions = _SESSIONS
        self._cgroup_units: dict[str, str] = {}
        self._unit_cgroups: dict[str, str] = {}
        #: (pid, start) → unit by tag; a tag once seen is not looked up again.
        self._tagged: dict[tuple[int, int], str] = {}
        self._ended_cpu_ticks: dict[str, int] = {}
        #: Of units that are down.
        self._last_cpu_nsec: dict[str, int | None] = {}
        #: Tags were given to processes that had run before.
        self._has_taken_over = False
        self._scan: dict[str, list[ProcessInfo]] | None = None
        #: Of all processes, for questions about one unit after the other.
        self.census = Census(self.unit_of, lambda: time.monotonic_ns() // 1000, child_of=self._unit_of_child)

    # --- what the manager tells ------------------------------------------------------------------------------------

    def add_child(self, unit: str, pid: int) -> None:
        """We have just spawned this process for the unit."""
        self._children[pid] = unit
        self._sessions[pid] = unit
        self._unit_sessions.setdefault(unit, []).append(pid)
        self._scan = None
        if len(self._sessions) - len(self._children) > self._most_sessions:
            self._forget_sessions(read_all_stats())

    def watch(self, unit: str, process: PidRef) -> None:
        """Attribute this process to the unit, whatever it carries."""
        self._watched[process.pid] = (unit, process.start_ticks)
        self._scan = None
        if process.start_ticks:
            self.census.add(process.pid, process.start_ticks, unit)
        else:
            self.census.forget()

    def take_over(self, unit: str, process: PidRef) -> bool:
        """This process is another unit's now, and carries its tag, or is in its cgroup. Whether that is all that is needed to
        know of it and its children; where not, it is watched by its pid, and its children by who their parent is."""
        self._tagged.pop((process.pid, process.start_ticks), None)
        self._has_taken_over = True
        self._scan = None
        self.census.forget()
        is_known = (self._by_cgroup(process.pid) or self._by_tag(process.pid)) == unit
        if not is_known or process.pid in self._children:
            self.watch(unit, process)
        else:
            self._watched.pop(process.pid, None)
        return is_known

    def prepare(self, unit: str, cgroup: str) -> None:
        """The unit starts: its counters begin anew, and it gets a cgroup where there are any (OSError if not)."""
        self._ended_cpu_ticks.pop(unit, None)
        self._last_cpu_nsec.pop(unit, None)
        if self._cgroups is not None and cgroup:
            self._cgroups.create(cgroup)
            self._cgroup_units[cgroup] = unit
            self._unit_cgroups[unit] = cgroup

    def release(self, unit: str, cgroup: str = "") -> None:
        """The unit is down: forget what was registered for it and remove its cgroup."""
        cgroup = cgroup or self._unit_cgroups.get(unit, "")
        self._last_cpu_nsec[unit] = self._used_up(unit, cgroup)
        if self._cgroups is not None and cgroup and self._cgroups.remove(cgroup):
            self._cgroup_units.pop(cgroup, None)
            self._unit_cgroups.pop(unit, None)
        if any(entry[0] == unit for entry in self._watched.values()):
            self._watched = {pid: entry for pid, entry in self._watched.items() if entry[0] != unit}
            self.census.forget()
        for sid in self._unit_sessions.pop(unit, ()):
            if self._sessions.get(sid) == unit:
                del self._sessions[sid]

    def last_cpu_nsec(self, unit: str) -> int | None:
        """What a unit that is down had used; None where nobody knows, or it never ran."""
        return self._last_cpu_nsec.get(unit)

    def unload(self, unit: str) -> None:
        """Nobody will ask about the unit again."""
        self._ended_cpu_ticks.pop(unit, None)
        self._last_cpu_nsec.pop(unit, None)

    def forget(self) -> None:
        """A new wake-up: the next question looks again."""
        self._scan = None

    def account(self, pid: int, units: tuple[str, ...]) -> None:
        """A child of these units is dead and about to be reaped: keep what it used up, for the first."""
        if units and (stat := read_stat(pid)) is not None:
            unit = units[0]
            ticks = stat.cpu_ticks + stat.children_cpu_ticks
            self._ended_cpu_ticks[unit] = self._ended_cpu_ticks.get(unit, 0) + ticks

    def remove(self, pid: int) -> None:
        """The process was reaped: from now on its pid may be somebody else's."""
        self._children.pop(pid, None)
        self._watched.pop(pid, None)
        self._scan = None
        self.census.remove(pid)

    # --- another manager in our place ------------------------------------------------------------------------------

    def save(self, fds: list[int]) -> dict[str, Any]:
        """All that was told, by the names of the fields."""
        return {name: getattr(self, name) for name in _TOLD}

    def restore(self, saved: dict[str, Any]) -> None:
        for name in _TOLD:
            if name in saved:  # not told by an older manager
                setattr(self, name, saved[name])
        self._index_sessions()

    # --- what it answers -------------------------------------------------------------------------------------------

    def units_of(self, pid: int, of_dead: dict[int, str | None] | None = None) -> tuple[str, ...]:
        """Every unit that wants to hear of this process: who watches it, and whom it belongs to.

        `of_dead`: it is a child of ours and a zombie; and whose the sessions are of those that were asked about since the
        last wake-up, to which this one is added."""
        watching = self._watching(pid)
        owner = self._owner(pid) if of_dead is None else self._owner_of_dead(pid, of_dead)
        if watching is None:
            return () if owner is None else (owner,)
        return (watching,) if owner in (None, watching) else (watching, owner)

    def _unit_of_child(self, pid: int) -> str | None:
        """Where no look at the process is needed to say it: it has neither moved nor become somebody else's."""
        return self._children.get(pid) if self._cgroups is None and pid not in self._watched else None

    def unit_of(self, pid: int) -> str | None:
        """The unit a process belongs to; asks about this one process only."""
        units = self.units_of(pid)
        return units[0] if units else None

    def scan(self) -> dict[str, list[ProcessInfo]]:
        """Every unit with processes, zombies included, ordered by pid. `command` is the short name."""
        if self._scan is None:
            self._scan = self._look()
        return self._scan

    def processes(self, unit: str) -> list[ProcessInfo]:
        """The unit's processes with their whole command lines."""
        return [
            info if info.is_zombie else info.replace(command=_command_line(info.pid) or f"[{info.command}]")
            for info in self.scan().get(unit, ())
        ]

    def live(self, unit: str) -> list[ProcessInfo]:
        return [info for info in self.scan().get(unit, ()) if not info.is_zombie]

    def is_empty(self, unit: str) -> bool | None:
        """No live process is left. Looks again: a child born behind our back while its parent died is found then.

        None where processes vanish faster than it can be said whose they are: ask again."""
        if self._cgroups is not None and unit in self._unit_cgroups and unit not in self._children.values():
            populated = self._cgroups.is_populated(self._unit_cgroups[unit])
            if populated is not None:
                return not populated
        gone: set[tuple[int, int]] = set()
        for _ in range(_LOOKS):
            self.census.look()
            is_moving = False
            for info in self.members(unit, gone):
                if info is not None:
                    return False
                is_moving = True
            if not is_moving or self.census.is_complete():
                return True
        return None

    def members(self, unit: str, gone: set[tuple[int, int]]) -> Iterator[ProcessInfo | None]:
        """The unit's living processes as of the last `census.look()`, the youngest first; None for each that is dead and was
        not so before: it may have left a child that was not counted. `gone` are the dead, and become more.

        Nobody is reaped meanwhile: who has ended is a zombie, or was somebody else's child, who is one of these.
        """
        for pid, start_ticks in self._candidates(unit):
            if (pid, start_ticks) in gone:
                continue
            stat = read_stat(pid)
            if stat is None or stat.is_zombie or start_ticks not in (0, stat.start_ticks):
                gone.add((pid, start_ticks))
                if stat is None:
                    self.census.remove(pid)
                yield None
            elif self._cgroups is None or self.unit_of(pid) == unit:
                yield ProcessInfo(pid, stat.parent_pid, stat.start_ticks, False, stat.command)

    def _candidates(self, unit: str) -> list[tuple[int, int]]:
        """(pid, start); start is 0 where it was not looked at. Processes may move from one cgroup into another."""
        found = self.census.members(unit)
        if self._cgroups is not None and unit in self._unit_cgroups:
            known = {pid for pid, _ in found}
            found += [(pid, 0) for pid in self._cgroups.pids(self._unit_cgroups[unit]) if pid not in known]
        return found

    def has_cgroup(self, unit: str) -> bool:
        return unit in self._unit_cgroups

    def kill_cgroup(self, unit: str) -> bool:
        """SIGKILL by the kernel to the whole cgroup, where there is one and it can."""
        cgroup = self._unit_cgroups.get(unit)
        return self._cgroups is not None and cgroup is not None and self._cgroups.kill(cgroup)

    def resource_usage(self, unit: str) -> ResourceUsage:
        """From the cgroup's counters where they exist, else summed over the unit's processes."""
        tasks, memory, ticks = 0, 0, self._ended_cpu_ticks.get(unit, 0)
        for info in self.live(unit):
            stat = read_stat(info.pid)
            if stat is not None:
                tasks += stat.threads
                memory += _own_memory(info.pid)
                ticks += stat.cpu_ticks + stat.children_cpu_ticks
        cgroup = self._unit_cgroups.get(unit)
        if self._cgroups is not None and cgroup is not None:
            counted = self._cgroups.read_number(cgroup, "memory.current")
            usec = self._cgroups.read_number(cgroup, "cpu.stat", "usage_usec")
            memory = memory if counted is None else counted
            return ResourceUsage(tasks, memory, ticks * _NSEC_PER_TICK if usec is None else usec * 1000)
        return ResourceUsage(tasks, memory, ticks * _NSEC_PER_TICK)

    def _used_up(self, unit: str, cgroup: str) -> int | None:
        """CPU time of those that have ended, in ns."""
        usec = self._cgroups.read_number(cgroup, "cpu.stat", "usage_usec") if self._cgroups is not None and cgroup else None
        if usec is not None:
            return usec * 1000
        ticks = self._ended_cpu_ticks.get(unit)
        return None if ticks is None else ticks * _NSEC_PER_TICK

    # --- how it knows ----------------------------------------------------------------------------------------------

    def _watching(self, pid: int) -> str | None:
        entry = self._watched.get(pid)
        if entry is None:
            return None
        unit, start_ticks = entry
        if start_ticks and pid not in self._children:
            stat = read_stat(pid)
            if stat is None or stat.start_ticks != start_ticks:
                return None
        return unit

    def _owner(self, pid: int) -> str | None:
        unit = self._children.get(pid) or self._by_cgroup(pid) or self._by_tag(pid)
        if unit is None and self._has_untagged_units():
            unit = self._by_tree(pid)
        return unit

    def _owner_of_dead(self, pid: int, sessions: dict[int, str | None]) -> str | None:
        """`_owner` of a child of ours, above which there is nobody. A session has one tag, its leader's, as long as nobody
        but `fork` hands tags on; and no leader's pid is used again while a few zombies are reaped."""
        unit = self._children.get(pid) or self._by_cgroup(pid)
        if unit is not None:
            return unit
        try:
            session = os.getsid(pid)
        except OSError:
            return self._by_tag(pid)
        if session in sessions and not self._has_taken_over:
            return sessions[session]
        unit = sessions[session] = self._by_tag(pid) or self._sessions.get(session)
        return unit

    def _has_untagged_units(self) -> bool:
        """The tree is only worth asking while somebody in it is known by no other way."""
        return bool(self._children or self._watched)

    def _by_cgroup(self, pid: int) -> str | None:
        if self._cgroups is None:
            return None
        cgroup = self._cgroups.cgroup_of(pid)
        while cgroup:
            if cgroup in self._cgroup_units:
                return self._cgroup_units[cgroup]
            cgroup = cgroup.rpartition("/")[0]  # a service may make groups below its own
        return None

    def _by_tag(self, pid: int) -> str | None:
        if self._tag_base is None:
            return None
        try:
            tag = parse_tag(read_small(f"/proc/{pid}/limits"))
        except OSError:
            return None
        unit = None if tag is None else self._numbers.get(tag - self._tag_base)
        return unit if unit is not None and (self._own_pid == 1 or self._is_below_us(pid)) else None

    def _is_below_us(self, pid: int) -> bool:
        """Another manager on this machine uses the same tags: beside it, only our own descendants are ours."""
        while pid > 1:
            if pid == self._own_pid:
                return True
            stat = read_stat(pid)
            if stat is None:
                return False
            pid = stat.parent_pid
        return False

    def _by_tree(self, pid: int) -> str | None:
        """The nearest ancestor that is known, else whoever started the session."""
        stat = read_stat(pid)
        while stat is not None:
            unit = self._sessions.get(stat.session)
            parent = stat.parent_pid
            if parent in (0, 1, self._own_pid):
                return unit
            unit = self._children.get(parent) or self._watching(parent) or self._by_cgroup(parent)
            unit = unit or self._by_tag(parent)
            if unit is not None:
                return unit
            stat = read_stat(parent)
        return None

    def _look(self) -> dict[str, list[ProcessInfo]]:
        stats = read_all_stats()
        stats.pop(self._own_pid, None)
        owners: dict[int, str | None] = {}
        tagged: dict[tuple[int, int], str] = {}
        for pid, stat in stats.items():
            unit = self._watching(pid) or self._children.get(pid) or self._by_cgroup(pid)
            if unit is None:
                key = (pid, stat.start_ticks)
                unit = self._tagged.get(key) or self._by_tag(pid)
                if unit is not None:
                    tagged[key] = unit
            owners[pid] = unit
        self._tagged = tagged
        found: dict[str, list[ProcessInfo]] = {}
        for pid, stat in stats.items():
            unit = owners[pid] or self._inherited(stat, stats, owners)
            if unit is not None:
                info = ProcessInfo(pid, stat.parent_pid, stat.start_ticks, stat.is_zombie, stat.command)
                found.setdefault(unit, []).append(info)
        return found

    def _forget_sessions(self, stats: dict[int, ProcessStat]) -> None:
        """Those without a member."""
        present = {stat.session for stat in stats.values()} | set(self._children)
        self._sessions = {sid: unit for sid, unit in self._sessions.items() if sid in present}
        self._unit_sessions.clear()
        self._index_sessions()
        self._most_sessions = max(_SESSIONS, 2 * (len(self._sessions) - len(self._children)))

    def _index_sessions(self) -> None:
        for sid, unit in self._sessions.items():
            self._unit_sessions.setdefault(unit, []).append(sid)

    def _inherited(
        self, stat: ProcessStat, stats: dict[int, ProcessStat], owners: dict[int, str | None]
    ) -> str | None:
        """`_by_tree` over a whole look at /proc."""
        while True:
            parent = stats.get(stat.parent_pid)
            if parent is None or parent.pid == 1:
                return self._sessions.get(stat.session)
            if owners[parent.pid] is not None:
                return owners[parent.pid]
            stat = parent


def read_all_stats() -> dict[int, ProcessStat]:
    """Every process but kernel threads, by pid in order. What comes and goes meanwhile may be missed."""
    stats = {}
    for pid in sorted([int(name) for name in os.listdir("/proc") if name.isdigit()]):
        stat = read_stat(pid)
        if stat is not None and not stat.is_kernel_thread:
            stats[pid] = stat
    return stats


def process_ref(pid: int) -> PidRef | None:
    """The process as a reference that a later one with the same pid does not match; None where it does not exist."""
    stat = read_stat(pid)
    return None if stat is None else PidRef(pid, stat.start_ticks)


def process_info(pid: int) -> ProcessInfo | None:
    """One process with its whole command line, whoever's it is."""
    stat = read_stat(pid)
    if stat is None:
        return None
    command = _command_line(pid) or f"[{stat.command}]"
    return ProcessInfo(pid, stat.parent_pid, stat.start_ticks, stat.is_zombie, command)


def describe(pid: int) -> str:
    """A process in words, by what it does: its command and pid. Of a script, the interpreter is no news."""
    words = _command_line(pid).split(" ")
    if words[0].rpartition("/")[2].startswith("python"):
        words = next((words[n:] for n in range(1, len(words)) if not words[n].startswith("-")), words)
    text = " ".join((words[0].rpartition("/")[2], *words[1:]))
    return f"{text[:_DESCRIBED]}{'…' if len(text) > _DESCRIBED else ''} [{pid}]".strip()


def _command_line(pid: int) -> str:
    try:
        return parse_command_line(read_small(f"/proc/{pid}/cmdline"))
    except OSError:
        return ""


def _own_memory(pid: int) -> int:
    """Resident memory that no file stands behind: summed over processes, nothing is counted twice."""
    try:
        _size, resident, shared = read_small(f"/proc/{pid}/statm").split()[:3]
    except (OSError, ValueError):
        return 0
    return max(int(resident) - int(shared), 0) * _PAGE_SIZE
