"""What the manager writes of units that run, as the journal reads it: both ends, and a file in a temporary directory."""

from __future__ import annotations

import os

import pytest

from initd.core.effects import PrepareUnit
from initd.core.settings import ExecSettings
from initd.journal.units import Units
from initd.shell import unitstate
from initd.shell.unitstate import UnitState
from initd.wire import unitstate as wire
from initd.wire.proc import TAG_BASE

RUN = "1" * 32


@pytest.fixture
def units(tmp_path):
    units = Units(str(tmp_path))
    yield units
    units.close()


@pytest.fixture
def make(tmp_path):
    made = []

    def one(tag_base: int | None = TAG_BASE) -> UnitState:
        made.append(UnitState(str(tmp_path), tag_base))
        return made[-1]
    yield one
    for each in made:
        each.close()


def prepare(unit: str = "a.service", number: int = 7, settings: ExecSettings | None = None, run: str = RUN) -> PrepareUnit:
    return PrepareUnit(unit, f"system.slice/{unit}", exec=settings, number=number, invocation_id=run)


def invocation(units: Units, unit: str) -> bytes:
    units.look()
    return units.of(unit).invocation


def test_a_unit_is_found_by_its_tag_with_its_run_and_place(make, units):
    units.look()
    assert units.of("a.service").invocation == b""
    make().publish(prepare())
    units.look()
    assert units.with_tag(TAG_BASE + 7) == "a.service"
    facts = units.of("a.service")
    assert (facts.invocation, facts.cgroup) == (RUN.encode(), b"system.slice/a.service")
    assert units.with_tag(TAG_BASE + 8) == ""


def test_what_it_wants_of_the_journal_is_there_until_it_wants_something_else(make, units):
    settings = ExecSettings()
    settings.log_level_max, settings.log_rate_limit_interval_usec, settings.log_rate_limit_burst = 6, 7_000_000, 700
    settings.log_extra_fields = (b"EXTRA=one", b"OTHER=two")
    settings.log_filter_patterns = ("~secret", "a|b")
    state = make(None)
    state.publish(prepare(settings=settings))
    units.look()
    facts = units.of("a.service")
    assert (facts.tag, facts.level_max, facts.interval_usec, facts.burst) == (b"", b"6", b"7000000", b"700")
    assert facts.extra == b"\x09\0\0\0\0\0\0\0EXTRA=one\x09\0\0\0\0\0\0\0OTHER=two"
    assert len(facts.extra) == 34  # as systemd 252's file of them was
    assert facts.patterns == b"~secret\na|b"
    state.publish(prepare(settings=ExecSettings()))
    units.look()
    facts = units.of("a.service")
    assert (facts.level_max, facts.extra, facts.patterns, facts.invocation) == (b"", b"", b"", RUN.encode())


def test_entries_stay_for_last_words_and_the_file_does_not_grow_for_ever(make, units, tmp_path):
    state = make()
    for number in range(2000):
        state.publish(prepare(f"{number}.service", number))
        state.release(f"{number}.service")
        assert invocation(units, f"{number}.service") == RUN.encode()
    assert invocation(units, "1936.service") == RUN.encode()  # of the 64 last ones
    assert invocation(units, "0.service") == b""
    assert os.path.getsize(f"{tmp_path}{wire.FILE}") < 2 * unitstate._SPARE


def test_a_number_that_another_unit_has_by_now_is_that_ones(make, units):
    state = make()
    state.publish(prepare("old.service", 7))
    state.release("old.service")
    state.publish(prepare("new.service", 7))
    for number in range(1000):
        state.publish(prepare("x.service", 100, run=f"{number:032x}"))
    units.look()
    assert units.with_tag(TAG_BASE + 7) == "new.service"


def test_another_manager_in_our_place_goes_on(make, units):
    state = make()
    state.publish(prepare("old.service", 7))
    fds: list[int] = []
    saved = state.save(fds)
    again = UnitState("/nowhere", TAG_BASE)
    again.restore({**saved, "fd": os.dup(fds[0])})
    again.publish(prepare("old.service", 7))
    again.publish(prepare("new.service", 8))
    again.close()
    assert invocation(units, "new.service") == invocation(units, "old.service") == RUN.encode()


def test_what_could_not_be_written_is_written_with_the_next(make, units, tmp_path, monkeypatch):
    state = make()
    state.publish(prepare("a.service", 1))
    write = os.write

    def torn(fd: int, data: bytes) -> int:
        return write(fd, data[:10])
    monkeypatch.setattr(os, "write", torn)
    with pytest.raises(OSError, match="No space left"):
        state.publish(prepare("b.service", 2))
    units.look()
    assert units.of("a.service").invocation == RUN.encode()
    monkeypatch.setattr(os, "write", write)
    state.publish(prepare("c.service", 3))
    assert {invocation(units, f"{name}.service") for name in "abc"} == {RUN.encode()}


@pytest.mark.parametrize("data", [b"\x04\0\0\0junk", b"\x04\0\0\0\xff\xff\xff\xff"])
def test_what_is_no_entry_is_said_so(data):
    with pytest.raises(ValueError, match="no entry"):
        wire.decode(data)


def test_half_an_entry_waits_for_its_other_half():
    entry = wire.encode(wire.UnitFacts(b"a.service"))
    found, length = wire.decode(entry + entry[:-1])
    assert ([each.unit for each in found], length) == ([b"a.service"], len(entry))
