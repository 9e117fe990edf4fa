"""What time it is: both clocks, read together once per wake-up."""

from __future__ import annotations

import time

from initd.core.values import Now


def now() -> Now:
    return Now(time.monotonic_ns() // 1000, time.time_ns() // 1000)
