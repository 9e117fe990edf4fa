"""`python3 tests/chaos/page.py`: what was tried, and what came of it, as debian/doc/robustness.md.

All of it comes from committed results; tests/chaos/test_robustness.py insists on it being current.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
TESTS = HERE.parent
sys.path.insert(0, str(HERE))

from scenarios import ONLY_LONG, SCENARIOS  # noqa: E402

INTRODUCTION = """# Nothing lost

PID 1 is the one process that a container cannot lose. This page has the figures: what was done to pyinit, how often, and what
came of it. Written by `make docs` from results that are committed: `tests/chaos/*.tsv` and those of the targets named below.
Each target takes a seed and says which one it had, so that a run can be tried again.
"""
Row = dict[str, str]


def read(path: Path) -> list[Row]:
    """The lines of a .tsv, by its head's names; none where there is no file."""
    if not path.exists():
        return []
    head, *lines = path.read_text().splitlines()
    names = head.split("\t")
    return [dict(zip(names, line.split("\t") + [""] * len(names))) for line in lines if line]


def table(*rows: tuple[object, ...]) -> str:
    """The first one is the head."""
    def line(cells: tuple[object, ...]) -> str:
        return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |"
    return "\n".join([line(rows[0]), "|" + "---|" * len(rows[0]), *map(line, rows[1:])]) + "\n"


def number(value: object) -> str:
    """With commas; what is no number stays as it is."""
    try:
        return f"{int(str(value)):,}"
    except ValueError:
        return str(value)


def sentence(name: str) -> str:
    """What a scenario says of itself."""
    return " ".join((SCENARIOS | ONLY_LONG)[name][0].__doc__.split())


# --- everything that was tried ----------------------------------------------------------------------------------------


def tried() -> Iterator[tuple[str, str, str, str, str, str]]:
    """(What is done, tries, failures, figures, date, commit)."""
    for row in read(HERE / "results.tsv"):
        yield (f"{sentence(row['scenario'])} (`make chaos`)", row["tries"], row["failures"], row["figures"], row["date"],
               row["commit"])
    for row in read(TESTS / "container/journal_kills.tsv"):
        yield ("The journal is killed while nine services write 7,000 lines a second, also while it starts and while it syncs "
               "(`make journal-kills`)", row["kills"], row["problems"],
               f"lines: {number(row['lines'])}, lost: {row['lost']}, of them acknowledged: 0 (it would be a failure)",
               row["date"], row["commit"])
    for row in read(TESTS / "container/escapes.tsv"):
        what = {"desertion": "its main process ends at once and leaves children that fork on",
                "thousand": "it forks twice, changes session, user and name a thousand times a second"}
        yield (f"A service that does not want to be stopped: {what.get(row['flight'], row['flight'])} (`make escape`)",
               row["tries"], row["misses"], f"processes at the least: {row['least processes']}", row["date"], row["commit"])
    for path in sorted((TESTS / "sim").glob("*.tsv")):
        for row in read(path):
            yield ("Simulated systems with fault switches, each of another seed (`make sim-long`)", row.get("steps", ""),
                   row.get("failures", ""), f"seeds: {row.get('first_seed', '')} to {row.get('last_seed', '')}", row["date"],
                   row["commit"])
    for row in read(TESTS / "fuzz/results.tsv"):
        yield ("Everything that parses, fuzzed with atheris (`make fuzz`)", row["executions"], row["crashes"],
               f"seconds: {row['seconds']}, seed: {row['seed']}", row["date"], row["commit"])
    for row in read(TESTS / "fuzz/socket_results.tsv"):
        yield ("Calls, valid and spoiled, at the manager's socket (`make fuzz-socket`)", row["calls"], row["bugs"],
               f"seconds: {row['seconds']}, descriptors: {row['fds_before']}, then {row['fds_after']}", row["date"],
               row["commit"])
    for row in read(TESTS / "fuzz/exec_results.tsv"):
        yield ("pyinit-exec by its exec context, with libFuzzer and the sanitizers (`make fuzz-exec`)", row["executions"],
               row["crashes"], f"seconds: {row['seconds']}, seed: {row['seed']}", row["date"], row["commit"])
    for row in read(TESTS / "injected/results.tsv"):
        yield ("Functions of the shell raise, each in something that goes through it; the manager goes on (`make injected`)",
               row["tries"], row["failures"], f"functions: {row['functions']}, of them reached: {row['reached']}, "
               f"exceptions raised: {row['raised']}, seed: {row['seed']}", row["date"], row["commit"])


def soak() -> str:
    rows = read(HERE / "soak.tsv")
    titles = {"reexecs": "re-executions", "late_usec": "late, µs", "least_late_usec": "least late, µs",
              "manager_mb": "manager, MB", "journal_mb": "journal, MB", "jobs_failed": "codes", "fds": "descriptors",
              "journal_disk_mb": "journal on disk, MB"}
    shown = ("quarter", "restarts", "calls", "jobs_failed", "triggers", "reloads", "reexecs", "lines", "elapses", "missed",
             "doubled", "stalled", "late_usec", "least_late_usec", "manager_mb", "journal_mb", "fds", "children",
             "zombies", "journal_disk_mb", "failures")

    def cell(row: Row, name: str) -> str:
        return f"{row['manager_fds']} + {row['journal_fds']}" if name == "fds" else number(row[name])
    return table(tuple(titles.get(name, name) for name in shown), *(tuple(cell(row, name) for name in shown) for row in rows))


def growth() -> str:
    return table(("restarts", "reloads", "manager, MB", "journal, MB", "descriptors", "date", "commit"), *(
        (number(row["restarts"]), number(row["reloads"]), row["manager_mb"], row["journal_mb"],
         f"{row['manager_fds']} + {row['journal_fds']}", row["date"], row["commit"])
        for row in read(TESTS / "bench/growth.tsv")))


# --- what must be nil ---------------------------------------------------------------------------------------------------


def total(rows: list[Row], *names: str) -> int:
    return sum(int(row[name] or 0) for row in rows for name in names)


def promises() -> list[tuple[str, int, int, str]]:
    """(What must not be, of how many, how many there were, where that is counted)."""
    kills, soaked = read(TESTS / "container/journal_kills.tsv"), read(HERE / "soak.tsv")
    ours = {row["case"]: row for row in read(HERE / "peers.tsv") if row["peer"] == "pyinit"}
    last = kills[-1:]
    found = [("lines acknowledged by a sync, and lost",
              total(last, "lines") - total(last, "lost") + total(soaked, "lines"),
              total(last, "problems") + total(soaked, "failures"), "`make journal-kills`, `make soak`")]
    wrong, of = total(soaked, "failures"), total(soaked, "jobs_failed")
    if "ends" in ours:
        wrong, of = wrong + int(ours["ends"]["failures"]), of + int(ours["ends"]["tries"])
    found.append(("exit codes wrong", of, wrong, "`make soak`, `make chaos-peers`"))
    if "orphans" in ours:
        found.append(("zombies after quiet", int(ours["orphans"]["tries"]) + total(soaked, "restarts"),
                      int(ours["orphans"]["failures"]) + total(soaked, "zombies"), "`make chaos-peers`, `make soak`"))
    again = next((row for row in read(HERE / "results.tsv") if row["scenario"] == "reexecuted-under-load"), None)
    if again:
        # Each looks at twenty services in the soak, at three in the scenario.
        found.append(("services touched by a re-execution", 3 * int(again["tries"]) + 20 * total(soaked, "reexecs"),
                      int(again["failures"]) + total(soaked, "failures"), "`make chaos`, `make soak`"))
    return found


# --- others ---------------------------------------------------------------------------------------------------------------

PEERS = ("pyinit", "systemd", "s6", "supervisord")


def beside() -> Iterator[str]:
    rows = read(HERE / "peers.tsv")
    by_case: dict[str, dict[str, Row]] = {}
    for row in rows:
        by_case.setdefault(row["case"], {})[row["peer"]] = row
    from others import CASES
    versions = {row["peer"]: row["version"] for row in rows}
    yield table(("what is done", *(f"{peer} {versions.get(peer, '')}" for peer in PEERS)), *(
        (" ".join(CASES[case].__doc__.split()), *(_cell(by_peer.get(peer)) for peer in PEERS))
        for case, by_peer in by_case.items()))
    dates = sorted({f"{row['date']} ({row['commit']}, seed {row['seed']})" for row in rows})
    yield (f"Measured {', '.join(dates)}, on two cores that had other work, not the same for each: times tell little.\n")


def _cell(row: Row | None) -> str:
    if row is None:
        return "not measured"
    if row["tries"] == "0":
        return row["figures"]
    said = f"**{row['failures']}** of {number(row['tries'])}"
    return f"{said}; {row['figures']}" if row["figures"] else said


def found() -> str:
    return table(("date", "found by", "what was wrong", "mended by", "kept so by"), *(
        (row["date"], row["found by"], row["what was wrong"], row["commit"], f"`{row['test']}`")
        for row in read(HERE / "found.tsv")))


DAY = """## A day of twenty services, compressed

`make soak` does to a container what happens to one in as many hours as are told below: services are restarted and killed, fail
with a code that must be reported, timers elapse, a watched path changes, a socket is connected to, clients ask, watch and go
without a word, lines are written, rotated and vacuumed, units are reloaded, and in the second quarter the manager is
re-executed. Memory is each process's own, descriptors are the manager's and the journal's, all of it when the quarter's work
is done. *missed*, *doubled*: turns of timers that did not come, or came twice; *stalled*: those of calendar timers that passed
while no timer at all could be served for longer than a turn, since the machine had other work; *late*: how much later than due
a timer elapsed, the median; *least late*: that of the most punctual of the calendar timers, which would be later in each
quarter if timers drifted.
"""
GROWTH = """## What ten thousand restarts leave behind

`make growth`: 100 services.
"""
BESIDE = """## The same done to others

`make chaos-peers`: each is PID 1 of a container of its own, set up as its documentation says for the purpose
(`tests/chaos/others.py`): systemd in the privileged container that it wants, s6 with `s6-permafailon` and `timeout-kill`,
supervisord with `stopasgroup` and `killasgroup`. In bold: how often it was not as it should be.
"""
FOUND = """## Found on the way

What went wrong under all this, the commit that mended it, and the test that fails without it.
"""


def page() -> str:
    parts = [INTRODUCTION, "## What must be nil\n", table(
        ("what", "of", "there were", "counted by"),
        *((what, number(of), f"**{count}**", by) for what, of, count, by in promises()))]
    parts += ["## What was tried\n", "Crashes that a fuzzer found are in the last table, each with what mended it.\n", table(
        ("what is done", "tries", "failures", "figures", "date", "commit"),
        *((what, number(tries), *more) for what, tries, *more in tried()))]
    if rows := read(HERE / "soak.tsv"):
        first = rows[0]
        about = (f"{float(first['hours']):g} hours in {total(rows, 'seconds')} s: {first['date']}, {first['commit']}, "
                 f"seed {first['seed']}.\n")
        parts += [DAY, about, soak()]
    parts += [GROWTH, growth()]
    if read(HERE / "peers.tsv"):
        parts += [BESIDE, *beside()]
    return "\n".join([*parts, FOUND, found()])


if __name__ == "__main__":
    print(page(), end="")
