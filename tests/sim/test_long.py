"""The long run: it counts, ends, is repeatable, and goes on after what fails."""

from __future__ import annotations

from tests.sim import long


def test_a_run_ends_after_its_steps_and_is_repeatable():
    last, steps, failed = long.run(8, 2000, list(long.PROPERTIES))
    assert (last, steps, failed) == long.run(8, 2000, list(long.PROPERTIES))
    assert last > 8 and steps >= 2000 and not failed
    assert set(long.EVERY) <= set(long.PROPERTIES)


def test_what_fails_is_told_with_its_seed_and_the_run_goes_on(monkeypatch):
    def play(seed: int) -> None:
        assert seed != 5, "five"
    monkeypatch.setitem(long.PROPERTIES, "odd", play)
    _, _, failed = long.run(4, 200, ["odd", "test_no_trigger_waits_for_what_is_over"])
    assert len(failed) == 1 and failed[0].startswith("odd 5: AssertionError: five")
