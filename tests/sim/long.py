"""`make sim-long`: the properties of tests/sim that have faults in them, over seed after seed, for a number of steps.

    python3 -m tests.sim.long [--steps N] [--seed N] [--only PROPERTY] [--write]

A step is an event that an engine has handled. Seeds are counted up from the first, each played to every property: a run
is repeated by its first seed. What fails is printed (property, seed, the last line of why), and the run goes on. --write
adds a line to results.tsv; so does a run that SIGINT or SIGTERM ends early.
"""

from __future__ import annotations

import argparse
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

from initd.core.engine import Engine
from tests.sim import test_bugs, test_mounts, test_properties, test_triggers

RESULTS = Path(__file__).with_name("results.tsv")
COLUMNS = ("date", "commit", "first_seed", "last_seed", "steps", "failures", "seconds", "failed")
#: Those without a fault switch: `make sim` with PYINIT_SIM_EXAMPLES has more of them.
FAULTLESS = (
    "test_with_programs_that_behave_no_job_waits_for_ever", "test_restarts_stay_within_the_start_limit",
    "test_a_plan_has_its_anchor_and_planning_changes_nothing",
)
#: Name → what is played, of one seed.
PROPERTIES: dict[str, Callable[[int], None]] = {
    name: test.hypothesis.inner_test
    for module in (test_properties, test_triggers, test_mounts, test_bugs)
    for name, test in vars(module).items()
    if hasattr(test, "hypothesis") and test.__module__ == module.__name__ and name not in FAULTLESS
}
#: Name → it is played to every so-manieth seed: those whose steps take many times what others' do.
EVERY = {
    "test_a_manager_that_begins_anew_goes_on_as_if_nothing_had_been": 8, "test_units_are_up_where_something_is_mounted": 4,
    "test_one_bug_does_not_spread": 2,
}


class Steps:
    """Counts what every engine handles."""

    def __init__(self) -> None:
        self.count = 0
        self._handle = Engine.handle

    def __enter__(self) -> Steps:
        handle = self._handle

        def counted(engine: Engine, *words: object) -> object:
            self.count += 1
            return handle(engine, *words)  # type: ignore[arg-type]

        Engine.handle = counted  # type: ignore[method-assign, assignment]
        return self

    def __exit__(self, *_: object) -> None:
        Engine.handle = self._handle  # type: ignore[method-assign]


def play(seed: int, names: list[str]) -> list[str]:
    """What does not hold with this seed, a line each."""
    failed = []
    for name in names:
        if seed % EVERY.get(name, 1):
            continue
        try:
            PROPERTIES[name](seed)
        except Exception as error:  # whatever it is, the next seed's turn comes
            sys.setprofile(None)
            lines = str(error).splitlines() or [""]
            failed.append(f"{name} {seed}: {type(error).__name__}: {lines[0][:300]}")
    return failed


def run(first: int, steps: int, names: list[str], is_over: Callable[[], bool] = lambda: False) -> tuple[int, int, list[str]]:
    """Last seed played, steps made, what failed."""
    failed: list[str] = []
    seed = first
    with Steps() as counted:
        while True:
            found = play(seed, names)
            failed += found
            print(*found, sep="\n", end="\n" if found else "", flush=True)
            if counted.count >= steps or is_over():
                return seed, counted.count, failed
            seed += 1


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=10_000_000)
    parser.add_argument("--seed", type=int, default=random.randrange(2**32))
    parser.add_argument("--only", choices=sorted(PROPERTIES))
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    commit = subprocess.run(["git", "-C", str(RESULTS.parent), "rev-parse", "--short", "HEAD"], capture_output=True,
                            text=True, check=True).stdout.strip()
    ended: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: ended.append(number))
    began = time.monotonic()
    names = [given.only] if given.only else list(PROPERTIES)
    last, steps, failed = run(given.seed, given.steps, names, lambda: bool(ended))
    seeds = ", ".join(line.partition(": ")[0] for line in failed)
    row = (date.today(), commit, given.seed, last, steps, len(failed), f"{time.monotonic() - began:.0f}", seeds)
    line = "\t".join(map(str, row))
    print(line)
    if given.write:
        rows = RESULTS.read_text().splitlines()[1:] if RESULTS.exists() else []
        RESULTS.write_text("\n".join(["\t".join(COLUMNS), *rows, line]) + "\n")
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
