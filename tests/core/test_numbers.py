from __future__ import annotations

import pytest

from initd.core.numbers import to_int


@pytest.mark.parametrize(("text", "number"), [
    ("0", 0), ("7", 7), ("+7", 7), ("-7", -7), (" 7", 7), ("\t7", 7), ("010", 8), ("0x1f", 31), ("0X1F", 31), ("0b11", 3),
    ("0o17", 15), ("-0x10", -16), ("00", 0),
])  # fmt: skip
def test_any_base_of_cs(text, number):
    assert to_int(text, -100, 100) == number


@pytest.mark.parametrize("text", ["", " ", "x", "7 ", "7x", "1_0", "+-1", "--1", "09", "0x", "1.0", "٣", "1e3", "- 1"])
def test_not_a_number(text):
    with pytest.raises(ValueError):
        to_int(text, -100, 100)


def test_limits_belong_to_the_range():
    assert to_int("5", 5, 5) == 5
    for text in ("4", "6"):
        with pytest.raises(ValueError, match="out of range"):
            to_int(text, 5, 5)
