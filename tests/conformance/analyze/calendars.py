"""Thousands of random calendar events in zones of the whole database, told by the real systemd-analyze and by ours.

    python3 -m tests.conformance.analyze.calendars [--count N] [--seed N] [--write]

With `--write` what came of it becomes a line of calendars.tsv: `lost` are calls in which systemd 252 gives up ("Infinite
loop"), `differences` those that were answered otherwise here. These are printed, and end the run with 1.
"""

from __future__ import annotations

import argparse
import csv
import datetime
import sys
from pathlib import Path

from tests.conformance.analyze.inputs import Call, Inputs
from tests.conformance.analyze.tools import ask_ours, ask_real, is_lost, reason_to_skip, settled, version_of

RESULTS = Path(__file__).resolve().parent / "calendars.tsv"
TABLE = "/usr/share/zoneinfo/tzdata.zi"
COLUMNS = ("date", "version", "seed", "count", "zones", "lost", "differences")


def every_zone() -> tuple[str, ...]:
    """The names of all zones and links of the database, sorted."""
    found = set()
    for line in Path(TABLE).read_text().splitlines():
        words = line.split()
        if line.startswith(("Z ", "L ")):
            found.add(words[1 if words[0] == "Z" else 2])
    return tuple(sorted(found))


class Anywhere(Inputs):
    """Calls that name each of the database's zones, in $TZ and in the event itself."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.zones = every_zone()

    def zone(self) -> str:
        return self._one(*self.zones)

    def calendar(self) -> str:
        event = super().calendar()
        return f"{event} {self.zone()}" if self.random.random() < 0.2 else event


def calls(seed: int, count: int) -> list[Call]:
    made = Anywhere(seed)
    return [made.call("calendar") for _ in range(count)]


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args(arguments)
    reason = reason_to_skip()
    if reason:
        print(reason, file=sys.stderr)
        return 2
    asked = calls(options.seed, options.count)
    lost = different = 0
    for call, theirs in zip(asked, ask_real(asked)):
        if is_lost(theirs):
            lost += 1
        elif settled(theirs) != (ours := settled(ask_ours(call))):
            different += 1
            print(f"TZ={call.zone} {call.words}\nsystemd: {theirs.out}{theirs.err}ours: {ours.out}{ours.err}")
    row = (datetime.date.today().isoformat(), version_of("/usr/bin/systemd-analyze"), options.seed, options.count,
           len({call.zone for call in asked}), lost, different)
    print(dict(zip(COLUMNS, row)))
    if options.write:
        write(row)
    return int(different > 0)


def write(row: tuple[object, ...]) -> None:
    is_new = not RESULTS.exists()
    with open(RESULTS, "a", newline="") as file:
        table = csv.writer(file, delimiter="\t", lineterminator="\n")
        table.writerows(([COLUMNS] if is_new else []) + [row])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
