"""Asks the real systemd-analyze and systemd-escape of this machine, and writes answers/*.txt.

    python3 -m tests.conformance.analyze.record          # from the top of the tree

The first line of each file tells version and date, each other one is a call and its answer: [words, zone, status, output,
errors]. Of the words, those that all calls of a kind have are left out, and errors have "$" for the last one. Both tools
only ever look at their arguments and at files below a directory of their own.
"""

from __future__ import annotations

import datetime
import json
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from tests.conformance.analyze import cases
from tests.conformance.analyze.inputs import Call, calls
from tests.conformance.analyze.tools import Answer, ask_real, compact, is_lost, reason_to_skip, settled, version_of

ANSWERS = Path(__file__).resolve().parent / "answers"
SEED = 252
#: How many calls of each kind are kept.
COUNTS = {"calendar": 2500, "timestamp": 500, "timespan": 500, "escape": 600}


def main() -> int:
    reason = reason_to_skip()
    if reason:
        print(reason, file=sys.stderr)
        return 1
    ANSWERS.mkdir(exist_ok=True)
    for kind, count in COUNTS.items():
        asked = calls(kind, SEED, count)
        pairs = [(call, answer) for call, answer in zip(asked, ask_real(asked)) if not is_lost(answer)]
        write(kind, ((call, compact(answer, call)) for call, answer in pairs))
    with tempfile.TemporaryDirectory() as directory:
        cases.build(Path(directory))
        asked = cases.calls()
        found = ask_real(placed(call, directory) for call in asked)
        write("cases", zip(asked, (list(named(settled(answer), directory)) for answer in found)))
    return 0


def placed(call: Call, root: str) -> Call:
    return Call(tuple(word.replace("@ROOT@", root) for word in call.words), call.zone)


def named(answer: Answer, root: str) -> Answer:
    return Answer(answer.status, answer.out.replace(root, "@ROOT@"), answer.err.replace(root, "@ROOT@"))


def pack(kind: str, call: Call) -> list[str]:
    if kind == "calendar":
        return [call.words[1].partition("=")[2], call.words[2].partition("=")[2], call.words[-1]]
    return list(call.words[-1:] if kind in ("timestamp", "timespan") else call.words[1:])


def unpack(kind: str, words: list[str]) -> tuple[str, ...]:
    if kind == "calendar":
        return ("systemd-analyze", f"--base-time={words[0]}", f"--iterations={words[1]}", "calendar", "--", words[2])
    if kind in ("timestamp", "timespan"):
        return ("systemd-analyze", kind, "--", *words)
    return ("systemd-escape" if kind == "escape" else "systemd-analyze", *words)


def write(kind: str, rows: Iterable[tuple[Call, list[int | str]]]) -> None:
    head = {"version": version_of("/usr/bin/systemd-analyze"), "date": datetime.date.today().isoformat(), "seed": SEED}
    lines = [json.dumps(head)]
    lines += [json.dumps([pack(kind, call), call.zone, *answer], separators=(",", ":")) for call, answer in rows]
    (ANSWERS / f"{kind}.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    sys.exit(main())
