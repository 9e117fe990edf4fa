"""`make chaos`: every scenario, at length, with its seed; what came of it goes into results.tsv.

    python3 tests/chaos/run.py [NAME…] [--tries N] [--minutes N] [--seed N] [--write]
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from scenarios import HERE, ONLY_LONG, SCENARIOS
from subjects import Patience

RESULTS = HERE / "results.tsv"
ALL = SCENARIOS | ONLY_LONG
COLUMNS = ("scenario", "date", "commit", "seed", "tries", "failures", "seconds", "figures")


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(ALL))
    parser.add_argument("--tries", type=int)
    parser.add_argument("--minutes", type=float, help="for each scenario that makes its tries one by one")
    parser.add_argument("--seed", type=int, default=random.randrange(2**32))
    parser.add_argument("--write", action="store_true", help="into results.tsv, in place of an older line of the scenario")
    given = parser.parse_args()
    commit = subprocess.run(["git", "-C", str(HERE), "rev-parse", "--short", "HEAD"], capture_output=True, text=True,
                            check=True).stdout.strip()
    failed = False
    for name in given.names or ALL:
        scenario, _, many = ALL[name]
        tries, began = given.tries or many, time.monotonic()
        Patience.end = began + 60 * given.minutes if given.minutes else float("inf")
        outcome = scenario(random.Random(given.seed), tries)
        figures = ", ".join(f"{what}: {number}" for what, number in outcome.figures.items())
        tries = tries if outcome.tries is None else outcome.tries
        row = (name, str(date.today()), commit, str(given.seed), str(tries), str(len(outcome.failures)),
               f"{time.monotonic() - began:.0f}", figures)
        print("\t".join(row), flush=True)
        print(*outcome.failures, sep="\n", end="\n" if outcome.failures else "")
        failed |= bool(outcome.failures)
        if given.write:
            rows = RESULTS.read_text().splitlines()[1:] if RESULTS.exists() else []
            kept = [line for line in rows if not line.startswith(name + "\t")]
            RESULTS.write_text("\n".join(["\t".join(COLUMNS), *sorted([*kept, "\t".join(row)])]) + "\n")
    return failed


if __name__ == "__main__":
    sys.exit(main())
