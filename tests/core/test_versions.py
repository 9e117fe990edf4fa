from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from initd.core.versions import compare

#: Each is older than the one behind it (UAPI group, Version Format Specification).
ORDERED = ["122.1", "123~rc1-1", "123", "123-a", "123-a.1", "123-1", "123-1.1", "123^post1", "123.a-1", "123.1-1",
           "123a-1", "124-1"]
VERSIONS = st.text("0019aBz.-~^_+", max_size=8)


@pytest.mark.parametrize("older, newer", zip(ORDERED, ORDERED[1:]))
def test_order_of_the_specification(older, newer):
    assert compare(older, newer) < 0 < compare(newer, older)


@pytest.mark.parametrize("left, right, order", [
    # Answers of systemd-analyze compare-versions, systemd 252.
    ("--", "-^9", 1), ("9-", "9-^", 1), ("^", "^.", 1), ("~z~a", "~_+1", 1), ("1", "1.", -1), ("", "~", 1),
    ("6.1.0-18-amd64", "6.1", 1), ("6.9", "6.10", -1), ("007", "7", 0), ("1_2", "1+2", 0), ("1.a", "1.1", -1),
])
def test_order_as_systemd_has_it(left, right, order):
    found = compare(left, right)
    assert (found > 0) - (found < 0) == order


@given(VERSIONS, VERSIONS)
def test_order_is_antisymmetric(left, right):
    assert (compare(left, right) > 0) == (compare(right, left) < 0)


@given(VERSIONS)
def test_equal_to_itself(version):
    assert compare(version, version) == 0
