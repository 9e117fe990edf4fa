"""Who died, how, and whose process was it?

A dead child is looked at before it is reaped: as long as it is a zombie its pid, tag and cgroup are still its own.
Orphans of all units become our children, so every zombie comes through here, known or not.
"""

from __future__ import annotations

import os

from initd.core.values import ProcessEnd

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Iterator

    from initd.shell.track import Tracker

_CODES = {os.CLD_EXITED: "exited", os.CLD_KILLED: "killed", os.CLD_DUMPED: "dumped"}


#: Reaped in one go: whoever forks for ever must not keep everybody else waiting.
AT_ONCE = 256


def _nothing() -> None:
    pass


def reap(tracker: Tracker, before: Callable[[], None] = _nothing) -> Iterator[tuple[int, ProcessEnd, str | None]]:
    """Reaps dead children, the first `AT_ONCE`: (pid, end, unit). A process two units care for comes twice; nobody's
    has None.

    `before` is called for each while it is still a zombie: to hear what it said before it died, which may have come after
    everybody else was heard in this wake-up.
    """
    sessions: dict[int, str | None] = {}
    for _ in range(AT_ONCE):
        try:
            dead = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return
        if dead is None:
            return
        pid = dead.si_pid
        before()
        units = tracker.units_of(pid, sessions)
        tracker.account(pid, units)
        os.waitpid(pid, os.WNOHANG)
        problem = None
        try:
            tracker.remove(pid)
        except Exception as error:  # it is reaped, so that nobody tells of it again
            problem = error
        end = ProcessEnd(_CODES[dead.si_code], dead.si_status)
        for unit in units or (None,):
            yield pid, end, unit
        if problem is not None:
            raise problem
