"""Has something happened too often lately? Used for start limits (systemd.unit(5), StartLimitIntervalSec=)."""

from __future__ import annotations


class RateLimit:
    """At most `burst` happenings within `interval_usec`, counted from the first of them."""

    __slots__ = ("begin_usec", "count")

    def __init__(self) -> None:
        self.begin_usec = 0
        self.count = 0

    def is_within(self, interval_usec: int, burst: int, now_usec: int) -> bool:
        """Counts one happening; False when it is one too many. An interval or burst of 0 never limits."""
        if not interval_usec or not burst:
            return True
        if not self.count or now_usec >= self.begin_usec + interval_usec:
            self.begin_usec, self.count = now_usec, 1
            return True
        self.count += 1
        return self.count <= burst

    def reset(self) -> None:
        self.begin_usec = self.count = 0
