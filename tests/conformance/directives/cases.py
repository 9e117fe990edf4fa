"""Unit files with one directive each, given one to four values that may or may not mean something to it.

The same seed gives the same cases. The values of values.txt are thrown at every directive alike: most are senseless for
most of them, which is the point.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

from initd.core.directives import TABLE
from initd.core.sections import SECTIONS, WITH_EXEC

HERE = Path(__file__).resolve().parent
VALUES = (HERE / "values.txt").read_text().split("\n")

#: Section → (the type of unit, what a unit of that type must have). {} is the unit's own path.
KINDS = {
    "Service": ("service", "ExecStart=/bin/true\n"),
    "Socket": ("socket", "ListenStream=/run/base.sock\n"),
    "Timer": ("timer", "OnBootSec=1h\n"),
    "Path": ("path", "PathExists=/nonexistent\n"),
    "Mount": ("mount", "What=/dev/base\nWhere={}\n"),
    "Automount": ("automount", "Where={}\n"),
    "Swap": ("swap", "What={}\n"),
    "Slice": ("slice", ""),
}
_SHARED = {key for section, key in TABLE if section == "Service"}


def baseline(section: str, stem: str) -> str:
    """The unit without the directive."""
    return f"[{section}]\n" + KINDS[section][1].format(f"/{stem}")


def cases(seed: int, count: int) -> Iterator[tuple[str, str]]:
    """(name, text). Every directive in turn; those that sections share are mostly tried in [Service]."""
    rng = random.Random(seed)
    own = [(section, key) for section, key in TABLE if section in ("Unit", "Service") or key not in _SHARED]
    own = [entry for entry in own if entry[0] in KINDS or entry[0] == "Unit"]
    shared = [(section, key) for section, key in TABLE if section in KINDS and section != "Service" and key in _SHARED]
    order = own * (count // len(own) + 1)
    rng.shuffle(order)
    for number, (section, key) in enumerate(order[:count]):
        if rng.random() < 0.1:
            section, key = rng.choice(shared)
        home = section if section in KINDS else rng.choice(("Service",) * 4 + ("Socket", "Timer", "Path"))
        kind, _ = KINDS[home]
        stem = f"case{number:05}"
        lines = "".join(f"{key}={value}\n" for value in _values(rng))
        text = baseline(home, stem)
        if section == "Unit":
            text = f"[Unit]\n{lines}{text}"
        elif rng.random() < 0.3:
            header, _, rest = text.partition("\n")
            text = f"{header}\n{lines}{rest}"
        else:
            text += lines
        yield f"{stem}.{kind}", text


def _values(rng: random.Random) -> list[str]:
    values = [_value(rng) for _ in range(rng.choice((1, 1, 2, 2, 3)))]
    if rng.random() < 0.08:
        values.insert(rng.randrange(len(values) + 1), "")
    return values


def _value(rng: random.Random) -> str:
    value = rng.choice(VALUES)
    return f"{value} {rng.choice(VALUES)}" if rng.random() < 0.07 else value


def type_sections() -> dict[str, str]:
    """Suffix → section."""
    return {kind: section for section, (kind, _) in KINDS.items()}


assert {kind.value for kind in WITH_EXEC} <= {kind for kind, _ in KINDS.values()}
assert {section for section, _ in SECTIONS.values()} - {"Scope"} == set(KINDS)
