"""How much a unit may log."""

from __future__ import annotations

import pytest

from initd.journal.ratelimit import with_room

MIB = 1 << 20


@pytest.mark.parametrize("available, factor", [
    (0, 1), (MIB, 1), (16 * MIB, 2), (256 * MIB, 3), (4096 * MIB, 4), (65536 * MIB, 5), (1 << 40, 6),
])
def test_more_may_come_where_there_is_room(available, factor):
    """journald.conf(5), Table 1."""
    assert with_room(1000, available) == 1000 * factor


def test_between_the_steps_of_the_manual():
    assert with_room(5, 1 << 30) == 17  # seen on systemd 252: forwarding.json
