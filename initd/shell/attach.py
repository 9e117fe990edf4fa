"""Processes that somebody else has started become a unit's: how are they known from now on, and when is the last one gone?

Where the cgroup tree is writable they are moved; otherwise they get the unit's tag. A process whose tag cannot be set (its
hard limit is too low, or nobody here may) is known by its pid, and what it forks only while it lives.

Such a process may have a parent that is none of ours, so that no signal tells of its end. Of each unit that has any, the
end of one is watched; when that has come, it is looked who else is there, and the next one is watched.
"""

from __future__ import annotations

import os

from initd.core.effects import AttachProcesses
from initd.core.events import ProcessesAttached
from initd.shell.cgroup import Cgroups
from initd.shell.fds import OwnedFd, read_small
from initd.shell.loop import RANK_EXITS, READ, Loop
from initd.shell.spawn import Spawner
from initd.shell.track import Tracker, process_ref

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


class Attacher:
    """`on_end` hears of a unit one of whose processes has ended."""

    def __init__(
        self, loop: Loop, spawner: Spawner, tracker: Tracker, cgroups: Cgroups | None, on_end: Callable[[str], None]
    ) -> None:
        self._loop = loop
        self._spawner = spawner
        self._tracker = tracker
        self._cgroups = cgroups
        self._on_end = on_end
        #: Unit → the process whose end is waited for, None where all are ours to hear of.
        self._waiting: dict[str, OwnedFd | None] = {}

    def attach(self, effect: AttachProcesses) -> ProcessesAttached:
        """Those that are gone already are not counted."""
        found = [process for pid in effect.pids if (process := process_ref(pid)) is not None]
        self._mark(effect, [process.pid for process in found if not self._move(effect.cgroup, process.pid)])
        problems = [
            f"Process {process.pid} cannot be marked as the unit's: what it leaves behind when it ends is not known."
            for process in found if not self._tracker.take_over(effect.unit, process)
        ]
        self._waiting.setdefault(effect.unit, None)
        self.look(effect.unit)
        return ProcessesAttached(effect.unit, len(found), tuple(problems))

    def _move(self, cgroup: str, pid: int) -> bool:
        if self._cgroups is None or not cgroup:
            return False
        try:
            self._cgroups.create(cgroup)
            self._cgroups.join(cgroup, pid)
        except OSError:
            return False  # the tag has to do
        return True

    def _mark(self, effect: AttachProcesses, pids: list[int]) -> None:
        by_owner: dict[tuple[int, int], list[int]] = {}
        for pid in pids:
            owner = _owner(pid)
            if owner is not None:
                by_owner.setdefault(owner, []).append(pid)
        for (uid, gid), group in by_owner.items():
            try:
                self._spawner.tag(effect.unit_number, group, uid, gid)
            except OSError:
                pass  # as where the tag cannot be set: said of each process

    # --- until the last one ends ------------------------------------------------------------------------------------

    def look(self, unit: str) -> None:
        """Waits for the end of a process of the unit that nobody would tell us of, if there is any."""
        if unit not in self._waiting or self._waiting[unit] is not None:
            return
        processes = self._tracker.live(unit)
        own = {process.pid for process in processes} | {os.getpid()}
        for process in processes:
            if process.parent_pid not in own and self._wait_for(unit, process.pid):
                return

    def _wait_for(self, unit: str, pid: int) -> bool:
        try:
            fd = OwnedFd(os.pidfd_open(pid))
        except OSError:
            self._on_end(unit)  # gone meanwhile: look again
            return False
        self._waiting[unit] = fd
        self._loop.add(fd.fileno(), READ, lambda _: self._on_ready(unit), RANK_EXITS)
        return True

    def _on_ready(self, unit: str) -> None:
        self._drop(unit)
        self._on_end(unit)

    def _drop(self, unit: str) -> None:
        fd = self._waiting[unit]
        if fd is not None:
            self._loop.remove(fd.fileno())
            fd.close()
            self._waiting[unit] = None

    def forget(self, unit: str) -> None:
        """The unit is down."""
        if unit in self._waiting:
            self._drop(unit)
            del self._waiting[unit]

    # --- another manager in our place --------------------------------------------------------------------------------

    def save(self, fds: list[int]) -> list[str]:
        """Only whose they are: who is there is looked for again."""
        return list(self._waiting)

    def restore(self, saved: list[str]) -> None:
        self._waiting = dict.fromkeys(saved)
        for unit in saved:
            self._on_end(unit)


def _owner(pid: int) -> tuple[int, int] | None:
    """Uid and gid of a process all of whose ids are the same; None where they are not: nobody but root may mark that one."""
    try:
        lines = read_small(f"/proc/{pid}/status").decode("ascii", "replace").splitlines()
    except OSError:
        return None
    ids = {line.partition(":")[0]: line.split()[1:4] for line in lines if line.startswith(("Uid:", "Gid:"))}
    if any(len(set(each)) != 1 for each in ids.values()) or len(ids) != 2:
        return None
    return int(ids["Uid"][0]), int(ids["Gid"][0])
