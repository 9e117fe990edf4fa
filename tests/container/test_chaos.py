"""The scenarios of tests/chaos, in short. At length: `make chaos`."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "chaos"))

from scenarios import SCENARIOS


@pytest.mark.parametrize("name", SCENARIOS)
def test_nothing_is_lost(name):
    scenario, tries, _ = SCENARIOS[name]
    seed = random.randrange(2**32)
    outcome = scenario(random.Random(seed), tries)
    assert not outcome.failures, f"seed {seed}:\n" + "\n".join(outcome.failures)
