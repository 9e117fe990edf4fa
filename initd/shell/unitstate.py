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
_NO_EXEC = ("", b"", "", "", b"")
#: What links say of a unit: none is there; and, of a manager before us, nobody knows which are.
_NOTHING, _ANYTHING = ("",) * len(_NAMES), ("?",) * len(_NAMES)


class UnitState:
    """`run` stands for /run; without a `tag_base` there are no tags."""

    def __init__(self, run: str, tag_base: int | None) -> None:
        self._directory = run + "/systemd/units/"
        self._tag_base = tag_base
        #: Of every unit that has links: the name of that of its tag, and what the others say, in the order of `_NAMES`.
        self._told: dict[str, tuple[str, tuple[str | bytes, ...]]] = {}
        self._released: dict[str, None] = {}

    def save(self) -> dict[str, object]:
        return {"tags": {unit: tag for unit, (tag, _) in self._told.items()}, "released": list(self._released)}

    def restore(self, saved: dict[str, dict[str, str]]) -> None:
        """What links say besides is written anew with the unit's next start."""
        self._told = {unit: (tag, _ANYTHING) for unit, tag in saved["tags"].items()}
        self._released = dict.fromkeys(saved["released"])

    def publish(self, effect: PrepareUnit) -> None:
        """The unit starts. OSError where it cannot be told."""
        if not effect.invocation_id:
            return
        unit = effect.unit
        tag = f"tag:{self._tag_base + effect.number:x}" if self._tag_base is not None else ""
        texts = (effect.invocation_id, effect.cgroup, *_of_exec(effect.exec))
        self._released.pop(unit, None)
        if unit not in self._told:
            os.makedirs(self._directory, exist_ok=True)
        old_tag, old_texts = self._told.get(unit, ("", _NOTHING))
        self._told[unit] = tag, texts
        if tag and tag != old_tag:
            self._put(tag, unit)
        for name, text, old_text in zip(_NAMES, texts, old_texts, strict=True):
            if text and text != old_text:
                self._put(f"{name}:{unit}", text)
            elif old_text and not text:
                _unlink(f"{self._directory}{name}:{unit}")

    def release(self, unit: str) -> None:
        """The unit is down."""
        if unit not in self._told:
            return
        self._released[unit] = None
        if len(self._released) > _KEPT:
            oldest = next(iter(self._released))
            del self._released[oldest]
            tag, texts = self._told.pop(oldest)
            if tag and self._owner(tag) == oldest:  # the number may be another unit's by now
                _unlink(self._directory + tag)
            for name, text in zip(_NAMES, texts, strict=True):
                if text:
                    _unlink(f"{self._directory}{name}:{oldest}")

    def _owner(self, tag: str) -> str:
        try:
            return os.readlink(self._directory + tag)
        except OSError:
            return ""

    def _put(self, name: str, content: str | bytes) -> None:
        """A link to a text, or a file of bytes. Replaced in one step: nobody sees it missing."""
        path = self._directory + name
        if isinstance(content, bytes):
            with open(self._directory + ".new", "wb") as file:
                file.write(content)
            os.rename(self._directory + ".new", path)
            return
        try:
            os.symlink(content, path)
        except FileExistsError:
            temporary = self._directory + ".new"
            _unlink(temporary)
            os.symlink(content, temporary)
            os.rename(temporary, path)


def _of_exec(settings: object) -> tuple[str | bytes, ...]:
    """In the order of `_NAMES`; empty is not there."""
    if not isinstance(settings, ExecSettings):
        return _NO_EXEC
    interval_usec, burst = settings.log_rate_limit_interval_usec, settings.log_rate_limit_burst
    return (
        str(settings.log_level_max) if settings.log_level_max >= 0 else "",
        b"".join([_LENGTH.pack(len(field)) + field for field in settings.log_extra_fields]),
        str(interval_usec) if interval_usec else "",
        str(burst) if burst else "",
        "\n".join(settings.log_filter_patterns).encode("utf-8", "surrogateescape"),
    )


def _unlink(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        pass  # it was not there
