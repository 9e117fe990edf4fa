"""Where the journal keeps what it is told: below /var/log/journal, below /run/log/journal, or nowhere (Storage=).

A directory that cannot be had is said once, and the next best taken. A journal that can store nothing still writes to
the container's stdout.
"""

from __future__ import annotations

import os
from time import clock_gettime_ns

from initd.journal.config import Config
from initd.journal.store import Ids, Limits, Store
from initd.journal.syncer import Syncer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_CLOCK_MONOTONIC = 1
_GROUP = b"systemd-journal"


class Storage:
    """`root` and `run` stand for / and /run. `store` is the one in use; None where there is none."""

    def __init__(self, config: Config, ids: Ids, root: str, run: str, say: Callable[[str], None]) -> None:
        self._config = config
        self._ids = ids
        self._say = say
        self._var = root + "/var/log/journal"
        self._volatile = f"{run}/log/journal/{ids.machine_id}"
        self._marks = run + "/systemd/journal/"
        self.syncer = Syncer()
        self.store: Store | None = None
        if config.storage != "none":
            self.store = self._open_persistent() or self._open(self._volatile, config.runtime, True)

    def _open_persistent(self) -> Store | None:
        wanted = self._config.storage
        if wanted == "volatile" or wanted == "auto" and not os.path.isdir(self._var):
            return None
        return self._open(f"{self._var}/{self._ids.machine_id}", self._config.system, False)

    def _open(self, directory: str, limits: Limits, is_volatile: bool) -> Store | None:
        try:
            return Store(directory, limits, self._ids, self._say, is_volatile, self.syncer)
        except OSError as error:
            self._say(f"cannot keep the journal in {directory}: {error.strerror}")
            return None

    def flush_to_var(self) -> None:
        """Go on below /var, and take along what was kept in memory (journalctl(1), --flush)."""
        volatile = self.store
        if volatile is not None and volatile.is_volatile and (persistent := self._open_persistent()):
            volatile.close()
            paths = [f"{volatile.directory}/{name}" for name in volatile.names]
            try:
                persistent.take_over(paths)
                for path in paths:
                    os.unlink(path)
            except OSError as error:
                self._say(f"cannot move {volatile.directory} to {persistent.directory}: {error.strerror}")
            self.store = persistent
        self.mark("flushed")

    def relinquish_var(self) -> None:
        """Go on below /run (journalctl(1), --relinquish-var)."""
        persistent = self.store
        if persistent is not None and not persistent.is_volatile:
            persistent.close()
            self.store = self._open(self._volatile, self._config.runtime, True)
        try:
            os.unlink(self._marks + "flushed")
        except OSError:
            pass  # it was not flushed

    def rotate(self) -> None:
        if self.store is not None:
            self.store.rotate()
            self.store.vacuum()
        self.mark("rotated")

    def sync(self) -> None:
        if self.store is not None:
            self.store.sync()
        self.syncer.then(lambda: self.mark("synced"))

    def mark(self, name: str) -> None:
        """The file that older tools wait for."""
        try:
            with open(self._marks + name, "w", encoding="ascii") as file:
                file.write(f"{clock_gettime_ns(_CLOCK_MONOTONIC) // 1000}\n")
        except OSError:
            pass  # who waits for it asks again by the socket


def read_ids(root: str, run: str) -> Ids:
    machine_id = _first_line(root + "/etc/machine-id") or _first_line(run + "/machine-id")
    if len(machine_id) != 32:
        machine_id = "0" * 32
    boot_id = _first_line("/proc/sys/kernel/random/boot_id").replace("-", "")
    return Ids(machine_id, boot_id or "0" * 32, _group(root))


def _first_line(path: str) -> str:
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.readline().strip()
    except OSError:
        return ""


def _group(root: str) -> int:
    """The number of the group that may read the journal; -1 where there is none."""
    try:
        with open(root + "/etc/group", "rb") as file:
            for line in file:
                words = line.split(b":")
                if words[0] == _GROUP and len(words) > 2 and words[2].isdigit():
                    return int(words[2])
    except OSError:
        pass  # then it is root's alone
    return -1
