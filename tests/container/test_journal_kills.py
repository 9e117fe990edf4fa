"""A journal that is killed is back, and services keep their streams. `make journal-kills` kills it 200 times."""

from __future__ import annotations

from harness import PLAIN
from journal_kills import measure, prepare

SEED = 6


def test_services_and_what_they_said_outlive_the_journal(boot):
    container = boot(PLAIN, before=prepare)
    container.wait_until_booted()
    outcome = measure(container, 10, SEED)
    print(outcome)
    assert outcome.problems == []
    assert outcome.kills == 10 and outcome.lines > 1000
