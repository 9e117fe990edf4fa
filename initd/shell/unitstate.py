"""What others may know of units that run: links and files in /run/systemd/units, for the journal above all.

Most have the names that systemd 252 gives them: `invocation:UNIT`, `log-level-max:UNIT`, `log-extra-fields:UNIT`,
`log-rate-limit-interval:UNIT`, `log-rate-limit-burst:UNIT`. Three are our own: `tag:HEX` leads from the tag of a process
(DESIGN.md) to the unit, `cgroup:UNIT` to its place among the slices, and `log-filter-patterns:UNIT` is what later versions
of systemd put on the unit's cgroup.

They outlive the unit's run for a while: who reads its last words asks whose they are.
"""

from __future__ import annotations

import os
from struct import Struct

from initd.core.effects import PrepareUnit
from initd.core.settings import ExecSettings

_LENGTH = Struct("<Q")
#: So many units that are down keep their links.
_KEPT = 64
_NAMES = ("invocation", "cgroup", "log-level-max", "log-extra-fields", "log-rate-limit-interval", "log-rate-limit-burst",
          "log-filter-patterns")


class UnitState:
    """`run` stands for /run; without a `tag_base` there are no tags."""

    def __init__(self, run: str, tag_base: int | None) -> None:
        self._directory = run + "/systemd/units/"
        self._tag_base = tag_base
        #: Of every unit that has links: the name of that of its tag.
        self._tags: dict[str, str] = {}
        self._released: dict[str, None] = {}

    def save(self) -> dict[str, object]:
        return {"tags": self._tags, "released": list(self._released)}

    def restore(self, saved: dict[str, dict[str, str]]) -> None:
        self._tags = dict(saved["tags"])
        self._released = dict.fromkeys(saved["released"])

    def publish(self, effect: PrepareUnit) -> None:
        """The unit starts. OSError where it cannot be told."""
        if not effect.invocation_id:
            return
        os.makedirs(self._directory, exist_ok=True)
        unit, settings = effect.unit, effect.exec
        self._released.pop(unit, None)
        self._tags[unit] = tag = f"tag:{self._tag_base + effect.number:x}" if self._tag_base is not None else ""
        if tag:
            self._link(tag, unit)
        self._link(f"cgroup:{unit}", effect.cgroup)
        self._link(f"invocation:{unit}", effect.invocation_id)
        if not isinstance(settings, ExecSettings):
            return
        self._link(f"log-level-max:{unit}", str(settings.log_level_max) if settings.log_level_max >= 0 else "")
        interval_usec, burst = settings.log_rate_limit_interval_usec, settings.log_rate_limit_burst
        self._link(f"log-rate-limit-interval:{unit}", str(interval_usec) if interval_usec else "")
        self._link(f"log-rate-limit-burst:{unit}", str(burst) if burst else "")
        patterns = "\n".join(settings.log_filter_patterns)
        self._write(f"log-filter-patterns:{unit}", patterns.encode("utf-8", "surrogateescape"))
        fields = settings.log_extra_fields
        self._write(f"log-extra-fields:{unit}", b"".join([_LENGTH.pack(len(field)) + field for field in fields]))

    def release(self, unit: str) -> None:
        """The unit is down."""
        if unit not in self._tags:
            return
        self._released[unit] = None
        if len(self._released) > _KEPT:
            oldest = next(iter(self._released))
            del self._released[oldest]
            tag = self._tags.pop(oldest)
            if tag and tag not in self._tags.values():  # the number may be another unit's by now
                _unlink(self._directory + tag)
            for name in _NAMES:
                _unlink(f"{self._directory}{name}:{oldest}")

    def _link(self, name: str, text: str) -> None:
        """Replaced in one step: nobody sees it missing. An empty text is no link."""
        path = self._directory + name
        if not text:
            _unlink(path)
            return
        temporary = self._directory + ".new"
        _unlink(temporary)
        os.symlink(text, temporary)
        os.rename(temporary, path)

    def _write(self, name: str, data: bytes) -> None:
        path = self._directory + name
        if not data:
            _unlink(path)
            return
        with open(self._directory + ".new", "wb") as file:
            file.write(data)
        os.rename(self._directory + ".new", path)


def _unlink(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        pass  # it was not there
