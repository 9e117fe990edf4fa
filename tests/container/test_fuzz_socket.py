"""The manager's socket, fuzzed for a short while: the long run is `make fuzz-socket`."""

from __future__ import annotations

import sys
from pathlib import Path

from harness import PLAIN

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.fuzz import fuzz_socket


def test_nonsense_neither_kills_the_manager_nor_makes_it_grow(boot):
    container = boot(PLAIN, before=fuzz_socket.prepare)
    container.wait_until_booted()
    found = fuzz_socket.run(container, 252, 20)
    assert found["calls"] > 100 and fuzz_socket.complaints(found) == []
    container.systemctl("start", "other.service")
