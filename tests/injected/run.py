"""`make injected`: every function of the shell raises once, in every kind of thing that users do; results in results.tsv.

    python3 -m tests.injected.run [--seed N] [--sample N] [--only PATTERN] [--write]

First a manager is watched through all steps: which functions does it go through? Then, for each of them, a manager is made
to raise in it, the first or a later time that it is called. It must go on: answer, start and stop units, reap, and end with 0
when it is told to; and it must say what it met. At a boot it may end instead, with another code and the reason.
A run that SIGTERM ends is written down with the tries that it made.
"""

from __future__ import annotations

import argparse
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from datetime import date
from pathlib import Path
from typing import NamedTuple

from tests.injected.hook import ERRORS
from tests.injected.subject import STEPS, Subject, Wrong, functions

RESULTS = Path(__file__).with_name("results.tsv")
COLUMNS = ("date", "commit", "seed", "functions", "reached", "tries", "raised", "failures", "seconds")
#: What is no step: a boot, the manager that goes on behind a reexec, and the end.
BOOT, RESUMED, END = "boot", "resumed", "end"
#: So many tries are made with one manager, if it lives.
LIFE = 16
#: All that a manager must do is looked at behind so many.
WHOLE = 8


class Try(NamedTuple):
    step: str
    key: str
    number: int
    error: str

    def words(self, text: str) -> tuple[str, ...]:
        return ("raise", self.key, str(self.number), self.error, text)

    def __str__(self) -> str:
        return f"{self.step}: {self.error} in {self.key}" + (f", call {self.number}" if self.number > 1 else "")


def watch() -> dict[str, set[str]]:
    """Step → the functions that it goes through."""
    subject = Subject(boot=f"step\t{BOOT}")
    try:
        subject.wait_for("the boot is done", lambda: subject.state("early.service") == "active", 60)
        subject.prepare_reexec("step", RESUMED)
        for name, step in STEPS.items():
            subject.tell("step", name)
            step(subject)
            subject.check()
        subject.tell("step", END)
        subject.end()
        found: dict[str, set[str]] = {}
        for line in subject.said("called"):
            step_name, _, key = line.partition("\t")
            found.setdefault(step_name, set()).add(key)
        return found
    finally:
        subject.remove()


def plan(watched: dict[str, set[str]], chance: random.Random) -> list[Try]:
    """Each function, where it is reached: in the boot, the end and the manager that goes on by themselves, and in the quickest
    of all others; once when it is called first, and once later, in any of the quick ones."""
    known = set(functions())
    tries = []
    for phase in (BOOT, RESUMED, END):
        tries += [Try(phase, key, 1, chance.choice(list(ERRORS))) for key in sorted(watched.get(phase, set()) & known)]
    for key in sorted(known):
        steps = [name for name in STEPS if key in watched.get(name, ())]
        if steps:
            tries.append(Try(steps[0], key, 1, chance.choice(list(ERRORS))))
            tries.append(Try(chance.choice(steps[:3]), key, chance.randint(2, 4), "RuntimeError"))
    return tries


class Outcome(NamedTuple):
    tries: int
    raised: int
    failures: list[str]


def play(tries: Iterable[Try], is_over: Callable[[], bool] = lambda: False) -> Outcome:
    """Boots, steps and ends are joined to lives; `is_over` is asked behind each."""
    waiting: dict[str, list[Try]] = {BOOT: [], END: [], "": []}
    for each in tries:
        waiting[each.step if each.step in (BOOT, END) else ""].append(each)
    total = Outcome(0, 0, [])
    while any(waiting.values()) and not is_over():
        boot = waiting[BOOT].pop() if waiting[BOOT] else None
        end = waiting[END].pop() if waiting[END] else None
        steps = [waiting[""].pop() for _ in range(min(LIFE, len(waiting[""])))]
        one, undone = live(boot, steps, end)
        waiting[""] += undone[0]
        waiting[END] += undone[1]
        total = Outcome(total.tries + one.tries, total.raised + one.raised, total.failures + one.failures)
        print(*one.failures, sep="\n", end="\n" if one.failures else "")
        print(f"{total.tries} tries, {total.raised} raised, {len(total.failures)} failures, "
              f"{sum(map(len, waiting.values()))} left", file=sys.stderr, flush=True)
    return total


def live(boot: Try | None, steps: list[Try], end: Try | None) -> tuple[Outcome, tuple[list[Try], list[Try]]]:
    """One manager, and the tries that are still to be made as it did not live long enough."""
    failures: list[str] = []
    done: list[tuple[Try, str]] = []
    subject = Subject(**{BOOT: "\t".join(boot.words("injected boot"))} if boot else {})
    left = list(steps)
    ends = [end] if end else []
    current = boot
    try:
        if boot is not None:
            done.append((boot, "injected boot"))
            if not has_booted(subject):
                if subject.unshare.returncode == 0 or "injected boot" not in subject.logs():
                    raise Wrong(f"ended with {subject.unshare.returncode}, and did not say why")
                return Outcome(1, 1, []), (left, ends)
        else:
            has_booted(subject)
        subject.check()
        while left:
            current = left.pop()
            text = f"injected {len(done)}."
            done.append((current, text))
            if current.step == RESUMED:
                subject.prepare_reexec(*current.words(text))
                STEPS["reexec"](subject)
            else:
                subject.tell(*current.words(text))
                STEPS[current.step](subject)
            subject.check(is_whole=len(left) % WHOLE == 0)
        current = ends.pop() if ends else None
        if current is not None:
            done.append((current, "injected end."))
            subject.tell(*current.words("injected end."))
        subject.end()
        failures += [f"{each}: it is not told" for each, text in done if each.error == "RuntimeError" and
                     text in subject.said("raised") and text not in subject.logs()]
    except Wrong as error:
        told = [line for line in subject.logs().splitlines() if "injected" in line or line.startswith("  File")]
        before = "".join(f"\n  behind {each}" for each, _ in done[-WHOLE:-1])
        failures.append(f"{current}: {error}{before}" + ("".join(f"\n    {line}" for line in told[-12:])))
    finally:
        raised = len(subject.said("raised"))
        subject.remove()
    return Outcome(len(done), raised, failures), (left, ends)


def has_booted(subject: Subject) -> bool:
    """False: it has ended."""
    try:
        subject.wait_for("the manager answers", lambda: subject.state("early.service"), 30)
    except Wrong:
        if subject.unshare.poll() is None:
            raise
        return False
    return True


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=random.randrange(2**32))
    parser.add_argument("--sample", type=int, help="so many tries only")
    parser.add_argument("--only", default="", help="tries in which this regular expression is found")
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    commit = subprocess.run(["git", "-C", str(RESULTS.parent), "rev-parse", "--short", "HEAD"], capture_output=True,
                            text=True, check=True).stdout.strip()
    began, chance = time.monotonic(), random.Random(given.seed)
    watched = watch()
    tries = [each for each in plan(watched, chance) if re.search(given.only, str(each))]
    chance.shuffle(tries)
    known = set(functions())
    reached = known & set().union(*watched.values())
    print(f"seed {given.seed}: {len(known)} functions, {len(reached)} reached, {len(tries)} tries", flush=True)
    if not given.only:
        print("not reached:", *sorted(known - reached), sep="\n  ")
    ended: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: ended.append(number))
    total = play(tries[: given.sample], lambda: bool(ended))
    row = (date.today(), commit, given.seed, len(known), len(reached), total.tries, total.raised, len(total.failures),
           f"{time.monotonic() - began:.0f}")
    print("\t".join(map(str, row)))
    if given.write:
        rows = RESULTS.read_text().splitlines()[1:] if RESULTS.exists() else []
        RESULTS.write_text("\n".join(["\t".join(COLUMNS), *rows, "\t".join(map(str, row))]) + "\n")
    sys.exit(bool(total.failures))


if __name__ == "__main__":
    main()
