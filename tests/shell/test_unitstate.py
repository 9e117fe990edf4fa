"""Links in a temporary directory, as the journal reads them."""

from __future__ import annotations

import os

import pytest

from initd.core.effects import PrepareUnit
from initd.core.settings import ExecSettings
from initd.shell.unitstate import UnitState
from initd.wire.proc import TAG_BASE

RUN = "1" * 32


@pytest.fixture
def units(tmp_path):
    return tmp_path / "systemd/units"


def prepare(unit: str = "a.service", number: int = 7, settings: ExecSettings | None = None) -> PrepareUnit:
    return PrepareUnit(unit, f"system.slice/{unit}", exec=settings, number=number, invocation_id=RUN)


def links(directory) -> dict[str, str]:
    return {path.name: os.readlink(path) for path in directory.iterdir() if path.is_symlink()}


def test_a_unit_is_found_by_its_tag_with_its_run_and_place(tmp_path, units):
    UnitState(str(tmp_path), TAG_BASE).publish(prepare())
    assert links(units) == {
        "tag:1000000000000007": "a.service", "invocation:a.service": RUN, "cgroup:a.service": "system.slice/a.service"}


def test_what_it_wants_of_the_journal_has_the_names_that_systemd_gives_it(tmp_path, units):
    settings = ExecSettings()
    settings.log_level_max, settings.log_rate_limit_interval_usec, settings.log_rate_limit_burst = 6, 7_000_000, 700
    settings.log_extra_fields = (b"EXTRA=one", b"OTHER=two")
    settings.log_filter_patterns = ("~secret", "a|b")
    state = UnitState(str(tmp_path), None)
    state.publish(prepare(settings=settings))
    found = links(units)
    assert found["log-level-max:a.service"] == "6"
    assert found["log-rate-limit-interval:a.service"] == "7000000"
    assert found["log-rate-limit-burst:a.service"] == "700"
    fields = (units / "log-extra-fields:a.service").read_bytes()
    assert fields == b"\x09\0\0\0\0\0\0\0EXTRA=one\x09\0\0\0\0\0\0\0OTHER=two"
    assert len(fields) == 34  # as systemd 252's was
    assert (units / "log-filter-patterns:a.service").read_text() == "~secret\na|b"
    state.publish(prepare(settings=ExecSettings()))
    assert set(os.listdir(units)) == {"invocation:a.service", "cgroup:a.service"}


def test_links_stay_for_last_words_and_go_in_the_end(tmp_path, units):
    state = UnitState(str(tmp_path), TAG_BASE)
    for number in range(100):
        state.publish(prepare(f"{number}.service", number))
        state.release(f"{number}.service")
    found = links(units)
    assert "invocation:99.service" in found and "invocation:0.service" not in found
    assert len(found) == 64 * 3


def test_a_number_that_another_unit_has_by_now_keeps_its_link(tmp_path, units):
    state = UnitState(str(tmp_path), TAG_BASE)
    state.publish(prepare("old.service", 7))
    state.release("old.service")
    state.publish(prepare("new.service", 7))
    for number in range(70):
        state.publish(prepare(f"{number}.service", 100 + number))
        state.release(f"{number}.service")
    assert links(units)["tag:1000000000000007"] == "new.service"


def test_another_manager_in_our_place_knows_what_to_take_away(tmp_path, units):
    state = UnitState(str(tmp_path), TAG_BASE)
    state.publish(prepare("old.service", 7))
    state.release("old.service")
    again = UnitState(str(tmp_path), TAG_BASE)
    again.restore(state.save())
    for number in range(70):
        again.publish(prepare(f"{number}.service", 100 + number))
        again.release(f"{number}.service")
    assert "invocation:old.service" not in links(units)
