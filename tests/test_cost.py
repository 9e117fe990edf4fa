"""What a unit costs the engine, in instructions: the same on a machine that is busy with other things."""

from __future__ import annotations

from tests.bench.instructions import compile_all, instructions, per_unit

#: Of what configparser alone needs to read the unit: measured on 2026-11-28 (4.98), and a tenth.
MOST = 5.5
#: A unit among many may cost so much more than one among few.
GROWTH = 1.1


def test_a_unit_costs_no_more_than_it_did_and_no_more_among_many():
    compile_all("boot")
    few, some, many = [instructions("boot", count) for count in (25, 75, 175)]
    reference = per_unit("reference", 25, 75)
    among_few, among_many = (some - few) / 50, (many - some) / 100
    assert among_few / reference < MOST, f"{among_few / 1e6:.2f} million instructions, {among_few / reference:.2f} times"
    assert among_many / among_few < GROWTH, f"{among_few / 1e6:.2f} million instructions, then {among_many / 1e6:.2f}"
