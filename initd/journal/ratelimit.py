"""How much a unit may log: so many messages in a time, what is more is dropped and counted.

journald.conf(5), RateLimitIntervalSec=, and systemd.exec(5), LogRateLimitIntervalSec=. Pure.
"""

from __future__ import annotations


def with_room(burst: int, available: int) -> int:
    """A burst where that many bytes are free for the journal: more of them may come (journald.conf(5), Table 1; the steps
    in between were seen on systemd 252)."""
    room = max(available.bit_length() - 1, 20)
    return burst * (room - 16) // 4


class _Meter:
    __slots__ = ("begun_usec", "passed", "suppressed")

    def __init__(self, begun_usec: int) -> None:
        self.begun_usec = begun_usec
        self.passed = self.suppressed = 0


class RateLimits:
    """One count a unit."""

    def __init__(self) -> None:
        self._meters: dict[str, _Meter] = {}

    def take(self, unit: str, count: int, interval_usec: int, burst: int, now_usec: int) -> tuple[int, int]:
        """How many of these messages pass, and how many were dropped in the time that has just ended."""
        meter = self._meters.get(unit)
        suppressed = 0
        if meter is None or now_usec - meter.begun_usec >= interval_usec:
            if meter is not None:
                suppressed = meter.suppressed
            elif len(self._meters) > 4096:
                self._meters.clear()
            meter = self._meters[unit] = _Meter(now_usec)
        passed = max(0, min(count, burst - meter.passed))
        meter.passed += passed
        meter.suppressed += count - passed
        return passed, suppressed
