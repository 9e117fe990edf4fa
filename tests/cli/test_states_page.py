from __future__ import annotations

from pathlib import Path

from initd.cli import states_page
from initd.core.service import IGNORED, IMPOSSIBLE, TRANSITIONS, Input
from initd.core.states import ServiceState

PAGE = Path(__file__).resolve().parents[2] / "debian" / "doc" / "service-states.md"


def test_the_page_is_what_the_command_prints(capsys):
    """`make docs` writes it."""
    assert states_page.main() == 0
    assert capsys.readouterr().out == PAGE.read_text()


def test_every_pair_is_in_exactly_one_table():
    for state in ServiceState:
        for kind in Input:
            places = [(state, kind) in table for table in (TRANSITIONS, IGNORED, IMPOSSIBLE)]
            assert sum(places) == 1, (state, kind)


def test_every_transition_has_its_row_and_every_state_is_in_the_picture():
    page = states_page.page()
    rows = [line for line in page.partition("## Transitions")[2].partition("##")[0].splitlines() if line.startswith("| `")]
    assert len(rows) == len(TRANSITIONS)
    assert all(f'state "{state.value}" as ' in page for state in ServiceState)


def test_where_a_handler_leads_is_read_off_its_source():
    functions = states_page._functions()
    assert states_page.destinations("on_restart_delay_over", functions) == set()
    assert states_page.destinations("on_start_pre_exited", functions) == {ServiceState.START, ServiceState.STOP_SIGTERM}
