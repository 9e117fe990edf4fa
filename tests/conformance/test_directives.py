"""What a real systemd 252 made of thousands of odd assignments (`directives/record.py`), and what we make of them."""

from __future__ import annotations

import json
from pathlib import Path

from initd.core.sources import LoadFacts
from initd.core.values import INFINITY
from tests.conformance import hostfacts
from tests.conformance.directives.record import ANSWERS, normal
from tests.conformance.ours import Answers, write_units

#: The state of a unit's file is looked for in the whole directory.
_IN_ONE_ROOT = 100
#: A line of a unit → why our answer is another one.
EXPLAINED = {
    "SocketGroup=-1000": "refused in the end there, at once here: either way the unit cannot be used",
    "BindReadOnlyPaths=append:/y": "what follows a path that is none is the next entry there; here the entry is ignored",
    "What=": "a swap file that is known by the unit's name alone is ordered after less there",
    "ListenStream=/bin/sh -c 'echo $$ %n'": "quotes in the path of a socket are shown escaped there",
}


def read_answers() -> tuple[dict, dict[str, dict], list[dict]]:
    lines = ANSWERS.read_text().splitlines()
    records = [json.loads(line) for line in lines[1:]]
    bases = {record["base"].rpartition(".")[2]: record["show"] for record in records if "base" in record}
    return json.loads(lines[0].removeprefix("# ")), bases, [record for record in records if "name" in record]


def facts_of(head: dict) -> LoadFacts:
    return LoadFacts(
        limits=LoadFacts().limits | {"core": (0, INFINITY)},
        own_limits=LoadFacts().limits | {"nofile": tuple(head["nofile"])},
        **{key: head[key] for key in ("hostname", "machine_id", "boot_id", "kernel_release", "memory_total")},
        shell="/bin/bash",
        os_release={"ID": "debian", "VERSION_ID": "12"},
    )


def _build_root(root: Path, records: list[dict]) -> Path:
    write_units(root)
    place = root / "etc/systemd/system"
    place.mkdir(parents=True)
    for record in records:
        (place / record["name"]).write_text(record["text"])
    return root


def _recorded(record: dict, bases: dict[str, dict]) -> dict[str, list[str]]:
    merged = bases[record["name"].rpartition(".")[2]] | record["show"]
    return {key: hostfacts.normal(key, values) for key, values in merged.items() if values and not hostfacts.is_left_out(key)}


def test_every_assignment_comes_to_what_systemd_makes_of_it(tmp_path: Path) -> None:
    head, bases, records = read_answers()
    found = {}
    for start in range(0, len(records), _IN_ONE_ROOT):
        some = records[start:start + _IN_ONE_ROOT]
        answers = Answers(_build_root(tmp_path / str(start), some), facts_of(head))
        for record in some:
            ours, theirs = normal(record["name"], answers.show(record["name"])), _recorded(record, bases)
            if ours != theirs and not any(line in record["text"].splitlines() for line in EXPLAINED):
                keys = [key for key in sorted({*ours, *theirs}) if ours.get(key) != theirs.get(key)]
                found[record["text"]] = {key: (ours.get(key), theirs.get(key)) for key in keys}
    print(f"{len(records)} units compared, {len(found)} differ")
    assert len(records) > 1000
    assert found == {}, next(iter(found.items()))

