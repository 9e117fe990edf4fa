"""`python3 tests/bench/growth.py [--write]`: what the manager keeps of ten thousand restarts and a thousand reloads.

A container with 100 services. After a first hundred restarts and ten reloads, which fill every cache there is, the manager's
and the journal's own memory (Anonymous in smaps_rollup: no file stands behind it) and their descriptors are taken, and again
behind each quarter of the work. The results go into growth.tsv.
"""

from __future__ import annotations

import argparse
import sys
from datetime import date
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "container")]

from images import directory_of, run  # noqa: E402
from peers import Pyinit  # noqa: E402
from scale import Trial  # noqa: E402
from surroundings import pss  # noqa: E402

RESULTS = HERE / "growth.tsv"
COLUMNS = ("date", "commit", "restarts", "reloads", "manager_mb", "journal_mb", "manager_fds", "journal_fds")
SERVICES = 100
RESTARTS, RELOADS, STEPS = 10_000, 1_000, 4


def restart(trial: Trial, count: int) -> None:
    names = [f"bench-{number}.service" for number in range(SERVICES)]
    for _ in range(count // SERVICES):
        trial.container.exec("systemctl", "restart", *names, timeout=300)


def reload(trial: Trial, count: int) -> None:
    script = "i=0; while [ $i -lt $1 ]; do systemctl daemon-reload || exit 1; i=$((i + 1)); done"
    trial.container.exec("sh", "-c", script, "sh", str(count), timeout=1800)


def look(trial: Trial) -> tuple[str, ...]:
    trial.settle()
    own = {comm: path for path, comm in trial.processes() if trial.peer.is_own(comm)}
    manager, journal = Path(f"/proc/{trial.container.pid}"), own["python3"]
    sizes = [f"{pss(path, 'Anonymous'):.2f}" for path in (manager, journal)]
    return (*sizes, *(str(len(list((path / "fd").iterdir()))) for path in (manager, journal)))


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    commit = run(["git", "-C", str(HERE), "rev-parse", "--short", "HEAD"]).stdout.strip()
    rows = []
    with directory_of("growth-") as directory:
        trial = Trial(Pyinit(), SERVICES, Path(directory))
        try:
            trial.start(0)
            restart(trial, SERVICES)
            reload(trial, 10)
            for step in range(STEPS + 1):
                if step:
                    restart(trial, RESTARTS // STEPS)
                    reload(trial, RELOADS // STEPS)
                done = str(step * RESTARTS // STEPS), str(step * RELOADS // STEPS)
                rows.append((str(date.today()), commit, *done, *look(trial)))
                print(*rows[-1], sep="\t", flush=True)
        finally:
            trial.remove()
    if given.write:
        RESULTS.write_text("\n".join("\t".join(row) for row in (COLUMNS, *rows)) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
