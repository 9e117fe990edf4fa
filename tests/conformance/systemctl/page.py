"""Prints debian/doc/systemctl.md: which of systemctl's verbs answer as under systemd 252, and which do not, and why.

    python3 -m tests.conformance.systemctl.page

What it says is what tests/container/test_systemctl_session.py finds.
"""

from __future__ import annotations

import json
import sys

from tests.conformance.systemctl import different
from tests.conformance.systemctl.play import HERE, session

_HEAD = """\
# systemctl under pyinit

A session of {count} command lines was played to {version} with its own commands; what they said, and how
they ended, was written down. The same session is played in a container that pyinit has booted, once with systemd's own
commands (its unmodified
`systemctl` and `systemd-analyze`), once with ours. Pids, times, ids and amounts are left out of the comparison.

"equal": every line of the row was answered with the same words and the same exit status. For ours that means: the same as
systemd's command under pyinit.

| row | lines | systemd's command | ours |
|---|---|---|---|
"""


def page() -> str:
    version = json.loads((HERE / "answers.json").read_text())["version"]
    rows: dict[str, list[str]] = {}
    for line in session():
        rows.setdefault(line.row, []).append(line.text)
    out = [_HEAD.format(count=sum(len(lines) for lines in rows.values()), version=version)]
    for row, lines in rows.items():
        verdicts = (_verdict(known, row, lines) for known in (different.REAL, different.OURS))
        out.append(f"| {row} | {len(lines)} | {' | '.join(verdicts)} |\n")
    return "".join(out)


def _verdict(known: dict[str, str], row: str, lines: list[str]) -> str:
    reasons = [text for text in dict.fromkeys(different.reason(known, row, line) for line in lines) if text]
    return f"different: {'; '.join(reasons)}" if reasons else "equal"


if __name__ == "__main__":
    sys.stdout.write(page())
