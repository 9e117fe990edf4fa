"""Who is there, and whose? One count of all processes, kept up to date instead of made again.

The kernel gives out pids in turn, and /proc/loadavg tells the last one (proc(5)): where that has not moved, nobody was born,
in our namespace or below it; where it has, whoever was born has a pid in between. So a count of all processes costs a
look at each of them only once, and to ask again whether a unit has any processes a look at these and at the newborn.

Three things end that: pids that may have gone round since the last count (then all are counted again), a /proc/loadavg
that is not the kernel's own (a file system laid over it), and one that does not move when it must.
"""

from __future__ import annotations

import os

from initd.shell.fds import read_small
from initd.wire.proc import ProcessStat, parse_stat, parse_status

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    #: Gets each process that is counted: pid, /proc/PID/stat, unit.
    OnCounted = Callable[[int, ProcessStat, str | None], None]

#: In so short a time nobody gives out all pids, at microseconds for each.
_FRESH_USEC = 20_000
#: More newborn than these are found faster by reading the list of all.
_MOST_SINGLE_LOOKS = 64
#: So many may be known, at least, before those that are gone are looked for.
_MOST_KNOWN = 1024
#: So long a pid may have been given out without its process being seen: who forks may have to wait in the middle of it.
_BIRTH_USEC = 100_000
#: Pids below are given out only in the first round.
_RESERVED = 300
#: What `_FRESH_USEC` is enough for; pid_max may be set lower.
_USUAL_ROUND = 30_000


def _nothing(pid: int, stat: ProcessStat, unit: str | None) -> None:
    pass


class Census:
    """`owner_of(pid)` says whose a process is, None where nobody's; it is asked once for each. `clock`: microseconds.

    `child_of(pid)` says it of a child that was not reaped, as far as that needs no look at the process: its start is 0 then."""

    def __init__(self, owner_of: Callable[[int], str | None], clock: Callable[[], int], proc: str = "/proc",
                 child_of: Callable[[int], str | None] = lambda pid: None) -> None:
        self._owner_of = owner_of
        self._child_of = child_of
        self._clock = clock
        self._proc = proc
        #: pid → (start, unit); of processes that are gone, too, until somebody notices.
        self._known: dict[int, tuple[int, str | None]] = {}
        self._members: dict[str, dict[int, int]] = {}
        self._most_known = _MOST_KNOWN
        #: Pids that were given out, and since when nobody was seen who has it: not born yet, or gone already.
        self._unseen: dict[int, int] = {}
        #: The last pid when all that came before it were counted; -1 before the first count.
        self._last = -1
        #: What the kernel had counted then, and how many pids there are at least before one comes again.
        self._forks = 0
        self._round = 0
        self._counted_usec = 0
        #: Kept open, as it is asked all the time; -1 where it is not the kernel's own.
        self._loadavg = _open_own_file(proc, "loadavg")

    def look(self, on_counted: OnCounted = _nothing) -> None:
        """Count who has come, the youngest first, as of those who fork and end all the time these still live. `on_counted`
        gets each at once."""
        last = self._last_pid()
        now = self._clock()
        if last < 0 or self._may_have_gone_round(last, now):
            self._count_all(on_counted)
        else:
            if self._unseen:
                self._look_again(now, on_counted)
            if last != self._last:
                self._count_newborn(last, now, on_counted)
        self._last, self._counted_usec = last, now
        if len(self._known) > self._most_known:
            self._drop_gone(_pids(self._proc))

    def is_complete(self) -> bool:
        """Nobody was born since the last look. False where nobody can say."""
        return self._last >= 0 and self._last_pid() == self._last

    def members(self, unit: str) -> list[tuple[int, int]]:
        """(pid, start) of the unit's processes, as far as they were counted, the youngest first. They may be gone; the start
        of a child of ours may be 0."""
        return sorted(self._members.get(unit, {}).items(), reverse=True)

    def add(self, pid: int, start_ticks: int, unit: str | None) -> None:
        """Whose this process is, is known."""
        self.remove(pid)
        self._known[pid] = (start_ticks, unit)
        if unit is not None:
            self._members.setdefault(unit, {})[pid] = start_ticks

    def remove(self, pid: int) -> None:
        """It is gone, or somebody else's from now on: a later look finds out whose."""
        known = self._known.pop(pid, None)
        if known is not None and known[1] is not None:
            members = self._members[known[1]]
            del members[pid]
            if not members:
                del self._members[known[1]]

    def forget(self) -> None:
        """Whose they are may be another matter now: the next look asks about each again."""
        self._known.clear()
        self._members.clear()
        self._unseen.clear()
        self._last = -1

    # --- how it counts ----------------------------------------------------------------------------------------------

    def _last_pid(self) -> int:
        """The last pid that was given out, in our namespace; -1 where that cannot be had."""
        if self._loadavg < 0:
            return -1
        try:
            last = int(os.pread(self._loadavg, 256, 0).split()[4])
        except (OSError, ValueError, IndexError):
            return -1
        return last if last > 0 else -1

    def _may_have_gone_round(self, last: int, now_usec: int) -> bool:
        """Nobody can tell where it is long ago; of all processes the machine ever had the kernel keeps a count, too."""
        if self._last < 0:
            return True
        if now_usec - self._counted_usec < _FRESH_USEC and self._round >= _USUAL_ROUND:
            return False
        before, self._forks = self._forks, self._count_forks()
        is_told = 0 < before <= self._forks and (self._forks > before or last == self._last)
        return not is_told or self._forks - before >= self._round

    def _count_forks(self) -> int:
        """Since the machine started, threads included; 0 where that cannot be had."""
        try:
            text = read_small(f"{self._proc}/stat", 1 << 20)
        except OSError:
            return 0
        found = text.find(b"\nprocesses ")
        return int(text[found + 11:text.find(b"\n", found + 11)]) if found >= 0 else 0

    def _count_pids(self) -> int:
        """How many pids there are, at least; 0 where that cannot be had."""
        try:
            return int(read_small(f"{self._proc}/sys/kernel/pid_max")) - 2 * _RESERVED
        except (OSError, ValueError):
            return 0

    def _count_all(self, on_counted: OnCounted) -> None:
        self._forks = self._count_forks()
        self._round = self._count_pids()
        present = _pids(self._proc)
        self._drop_gone(present)
        self._count_each(present, on_counted)

    def _drop_gone(self, present: set[int]) -> None:
        """Who was reaped by somebody else: there may be as many of these as there are pids."""
        for pid in self._known.keys() - present:
            self.remove(pid)
        self._most_known = max(_MOST_KNOWN, 2 * len(self._known))

    def _look_again(self, now_usec: int, on_counted: OnCounted) -> None:
        """A pid is told of by /proc/loadavg a moment before its process is seen."""
        seen: set[int] | None = _pids(self._proc) if len(self._unseen) > _MOST_SINGLE_LOOKS else None
        for pid, since_usec in tuple(self._unseen.items()):
            if pid in seen if seen is not None else _is_process(self._proc, pid):
                del self._unseen[pid]
                self._count(pid, on_counted)
            elif now_usec - since_usec > _BIRTH_USEC:
                del self._unseen[pid]

    def _count_newborn(self, last: int, now_usec: int, on_counted: OnCounted) -> None:
        first = self._last + 1
        if first <= last < first + _MOST_SINGLE_LOOKS:
            for pid in range(last, self._last, -1):
                self.remove(pid)
                if _is_process(self._proc, pid):
                    self._count(pid, on_counted)
                else:
                    self._unseen[pid] = now_usec
            return
        present = _pids(self._proc)
        if last >= first:
            again = {pid for pid in present if first <= pid <= last}
            late = range(max(first, last - _MOST_KNOWN), last + 1)  # of those before, the last look is long ago
            self._unseen |= dict.fromkeys(set(late) - present, now_usec)
        else:  # the round has begun anew in between
            again = {pid for pid in present if pid >= first or pid <= last}
        self._count_each(again | (present - self._known.keys()), on_counted)

    def _count_each(self, pids: Iterable[int], on_counted: OnCounted) -> None:
        for pid in sorted(pids, reverse=True):
            self._count(pid, on_counted)

    def _count(self, pid: int, on_counted: OnCounted) -> None:
        child_of = self._child_of(pid) if on_counted is _nothing else None
        if child_of is not None:
            self.add(pid, 0, child_of)
            return
        stat = read_stat(pid, self._proc)
        known = self._known.get(pid)
        if stat is None:
            self.remove(pid)
            return
        if known is None or known[0] != stat.start_ticks:
            known = stat.start_ticks, None if stat.is_kernel_thread else self._owner_of(pid)
            self.add(pid, *known)
            on_counted(pid, stat, known[1])


def read_stat(pid: int, proc: str = "/proc") -> ProcessStat | None:
    """None where there is no such process (any more)."""
    try:
        return parse_stat(read_small(f"{proc}/{pid}/stat", 4096))
    except (OSError, ValueError):
        return None


def _pids(proc: str) -> set[int]:
    return {int(name) for name in os.listdir(proc) if name.isdigit()}


def _is_process(proc: str, pid: int) -> bool:
    """/proc/PID answers for threads, too, which it does not list."""
    try:
        return parse_status(read_small(f"{proc}/{pid}/status", 4096)).get("Tgid") == str(pid)
    except OSError:
        return False


def _open_own_file(directory: str, name: str) -> int:
    """-1 where there is none, or something is mounted over it."""
    try:
        fd = os.open(f"{directory}/{name}", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return -1
    try:
        if os.fstat(fd).st_dev == os.stat(directory).st_dev:
            return fd
    except OSError:
        pass
    os.close(fd)
    return -1
