from __future__ import annotations

import pytest

from initd.core import capabilities


def test_numbers_are_those_of_linux():
    assert capabilities.number("CAP_CHOWN") == 0
    assert capabilities.number("cap_sys_admin") == 21
    assert capabilities.number("CAP_CHECKPOINT_RESTORE") == 40
    assert capabilities.number("12") == 12


def test_names_of_a_mask():
    assert capabilities.names(1 | 1 << 21) == ["cap_chown", "cap_sys_admin"]
    assert capabilities.names(1 << 45) == ["45"]
    assert len(capabilities.names(capabilities.ALL)) == 41


@pytest.mark.parametrize("text", ["", "cap_foo", "64", "-1"])
def test_no_such_capability(text):
    with pytest.raises(ValueError):
        capabilities.number(text)
