"""systemd-analyze and systemd-escape against what systemd 252's said, recorded and, where they are installed, asked now."""

from __future__ import annotations

import json
import os
import random
import re
import zoneinfo
from pathlib import Path

import pytest

from initd.shell import zones
from tests.conformance.analyze import calendars, cases, record
from tests.conformance.analyze.inputs import KINDS, Call, calls
from tests.conformance.analyze.tools import ask_ours, ask_real, compact, is_lost, reason_to_skip, settled

FRESH = {"calendar": 400, "timestamp": 200, "timespan": 200, "escape": 200}


def recorded(kind: str) -> list[tuple[Call, list]]:
    lines = (record.ANSWERS / f"{kind}.txt").read_text().splitlines()
    assert json.loads(lines[0])["version"].startswith("systemd 252 ")
    rows = [json.loads(line) for line in lines[1:]]
    return [(Call(record.unpack(kind, words), zone), answer) for words, zone, *answer in rows]


def differences(pairs) -> list:
    """At most a few: (call, theirs, ours)."""
    return [each for each in pairs if each[1] != each[2]][:5]


@pytest.mark.skipif(not os.path.isdir(zones.DATABASE), reason="no time zone database is installed")
@pytest.mark.parametrize("kind", KINDS)
def test_recorded_answers_are_ours(kind):
    rows = recorded(kind)
    assert len(rows) > 0.99 * record.COUNTS[kind]
    assert differences((call, answer, compact(ask_ours(call), call)) for call, answer in rows) == []


#: A cycle or a contradiction is told from whichever end systemd's tables, shuffled at each run, show first.
_SHUFFLED = re.compile(r"for (ok|self-conflict)\.service\. Probably")


def unshuffled(answer: list) -> list:
    return [*answer[:2], sorted(_SHUFFLED.sub("for one of them. Probably", answer[2]).splitlines())]


@pytest.fixture
def root(tmp_path):
    cases.build(tmp_path)
    return str(tmp_path)


def test_recorded_cases_are_ours(root):
    rows = recorded("cases")
    assert [call for call, _ in rows] == cases.calls()
    ours = (list(record.named(settled(ask_ours(record.placed(call, root))), root)) for call, _ in rows)
    assert differences((call, unshuffled(answer), unshuffled(mine)) for (call, answer), mine in zip(rows, ours)) == []


def names_a_zone(call: Call) -> bool:
    """Of the database: systemd 252 takes none in a timestamp, though its manual says so (`core.timestamp`). What is made up may
    come to be one."""
    word = call.words[-1].rpartition(" ")[2]
    return word != "UTC" and word in zoneinfo.available_timezones()


def test_a_zone_is_told_from_what_is_none():
    words = {"2006-3-15 EST": True, "2006-3-15 UTC": False, "2006-3-15 CEST": False, "1 Europe/Berlin": True, "today": False}
    assert {text: names_a_zone(Call(("systemd-analyze", "timestamp", "--", text))) for text in words} == words


@pytest.mark.skipif(bool(reason_to_skip()), reason=reason_to_skip() or "installed")
@pytest.mark.parametrize("kind", KINDS)
def test_the_real_tool_says_the_same_to_new_inputs(kind):
    seed = random.randrange(10**9)
    asked = calls(kind, seed, FRESH[kind])
    pairs = [(call, settled(theirs), settled(ask_ours(call))) for call, theirs in zip(asked, ask_real(asked))
             if not is_lost(theirs) and not (kind == "timestamp" and names_a_zone(call))]
    different = [each for each in pairs if each[1] != each[2]]
    # Of ten thousand events, one or two around a change of clocks are ones that systemd itself tells out of order.
    assert len(different) <= (kind == "calendar"), (f"seed {seed}", different[:5])


@pytest.mark.skipif(bool(reason_to_skip()), reason=reason_to_skip() or "installed")
def test_the_real_tool_says_the_same_of_events_in_any_zone():
    asked = calendars.calls(random.Random(2).randrange(10**9), 150)
    pairs = [(call, settled(theirs), settled(ask_ours(call))) for call, theirs in zip(asked, ask_real(asked))
             if not is_lost(theirs)]
    assert differences(pairs) == []


def test_ten_thousand_events_in_the_zones_of_the_database_were_told_alike():
    """What `make calendars` has written: each run is a seed, so that it can be run again."""
    lines = [line.split("\t") for line in calendars.RESULTS.read_text().splitlines()]
    assert tuple(lines[0]) == calendars.COLUMNS
    rows = [dict(zip(calendars.COLUMNS, line)) for line in lines[1:]]
    assert any(int(row["count"]) >= 10_000 and int(row["zones"]) > 500 and row["differences"] == "0" for row in rows)


@pytest.mark.skipif(bool(reason_to_skip()), reason=reason_to_skip() or "installed")
def test_what_is_recorded_is_what_the_real_tools_say(root, tmp_path_factory):
    """The record is not edited by hand: a sample of it is asked again."""
    sample = random.Random(1).sample(recorded("cases"), 40)
    found = ask_real(record.placed(call, root) for call, _ in sample)
    again = [unshuffled(list(record.named(settled(answer), root))) for answer in found]
    assert differences((call, unshuffled(answer), now) for (call, answer), now in zip(sample, again)) == []


def test_the_record_is_in_the_tree_and_not_large():
    sizes = [path.stat().st_size for path in Path(record.ANSWERS).iterdir()]
    assert sizes and sum(sizes) < 700_000
