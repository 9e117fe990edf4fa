"""What the journal is to know of units that run, written where it reads it (wire/unitstate.py).

One file for all units: a link or a file for each, as systemd has them in /run/systemd/units, costs an inode at every start,
for which ext4 may search for a millisecond. A unit's entry outlives its run for a while: who reads its last words asks whose
they are.
"""

from __future__ import annotations

import os
from errno import ENOSPC
from struct import Struct

from initd.core.effects import PrepareUnit
from initd.core.settings import ExecSettings
from initd.wire import unitstate as wire
from initd.wire.unitstate import UnitFacts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_LENGTH = Struct("<Q")
#: So many units that are down keep their entries.
_KEPT = 64
#: The file may be so many bytes longer than twice what is still true of it.
_SPARE = 64 * 1024


class UnitState:
    """`run` stands for /run; without a `tag_base` there are no tags."""

    def __init__(self, run: str, tag_base: int | None) -> None:
        self._path = run + wire.FILE
        self._tag_base = tag_base
        #: Of every unit whose entry is in the file, in the file's order.
        self._told: dict[str, bytes] = {}
        self._released: dict[str, None] = {}
        #: None: there is no file yet that can be added to.
        self._fd: int | None = None
        self._size = 0
        self._true_size = 0

    def save(self, fds: list[int]) -> dict[str, Any]:
        if self._fd is not None:
            fds.append(self._fd)
        return {"told": self._told, "released": list(self._released), "fd": self._fd, "size": self._size}

    def restore(self, saved: dict[str, Any]) -> None:
        self._told = saved["told"]
        self._released = dict.fromkeys(saved["released"])
        self._fd, self._size = saved["fd"], saved["size"]
        self._true_size = sum(map(len, self._told.values()))

    def publish(self, effect: PrepareUnit) -> None:
        """The unit starts. OSError where it cannot be told."""
        if not effect.invocation_id:
            return
        tag = f"{self._tag_base + effect.number:x}" if self._tag_base is not None else ""
        entry = wire.encode(_facts(effect, tag))
        self._released.pop(effect.unit, None)
        if self._told.get(effect.unit) == entry:
            return
        self._forget(effect.unit)
        self._told[effect.unit] = entry
        self._true_size += len(entry)
        self._write(entry)

    def release(self, unit: str) -> None:
        """The unit is down."""
        if unit not in self._told:
            return
        self._released[unit] = None
        if len(self._released) > _KEPT:
            oldest = next(iter(self._released))
            del self._released[oldest]
            self._forget(oldest)

    def close(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _forget(self, unit: str) -> None:
        self._true_size -= len(self._told.pop(unit, b""))

    def _write(self, entry: bytes) -> None:
        """Add it, or begin anew with what is still true. Half an entry is never added to."""
        if self._fd is not None and self._size + len(entry) <= 2 * self._true_size + _SPARE:
            try:
                if os.write(self._fd, entry) == len(entry):
                    self._size += len(entry)
                    return
            except OSError:
                pass  # a new file may fare better
        self.close()
        everything = b"".join(self._told.values())
        temporary = self._path + ".new"
        os.makedirs(os.path.dirname(self._path), exist_ok=True)
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o644)
        try:
            if os.write(fd, everything) != len(everything):
                raise OSError(ENOSPC, os.strerror(ENOSPC))
            os.rename(temporary, self._path)
        except OSError:
            os.close(fd)
            raise
        self._fd, self._size = fd, len(everything)


def _facts(effect: PrepareUnit, tag: str) -> UnitFacts:
    settings = effect.exec
    facts = UnitFacts(os.fsencode(effect.unit), tag.encode(), effect.invocation_id.encode(), os.fsencode(effect.cgroup))
    if isinstance(settings, ExecSettings):
        interval_usec, burst = settings.log_rate_limit_interval_usec, settings.log_rate_limit_burst
        facts.level_max = b"%d" % settings.log_level_max if settings.log_level_max >= 0 else b""
        facts.extra = b"".join([_LENGTH.pack(len(field)) + field for field in settings.log_extra_fields])
        facts.interval_usec = b"%d" % interval_usec if interval_usec else b""
        facts.burst = b"%d" % burst if burst else b""
        facts.patterns = os.fsencode("\n".join(settings.log_filter_patterns))
    return facts
