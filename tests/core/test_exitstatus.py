from __future__ import annotations

import pytest

from initd.core import exitstatus
from initd.core.values import ProcessEnd


def test_names_and_numbers():
    assert exitstatus.name(217) == "USER"
    assert exitstatus.name(203) == "EXEC"
    assert exitstatus.name(42) == ""
    assert exitstatus.number("TEMPFAIL") == 75
    assert exitstatus.number("255") == 255
    for bad in ("256", "-1", "temp", ""):
        with pytest.raises(ValueError):
            exitstatus.number(bad)


@pytest.mark.parametrize(("code", "status", "success", "is_daemon", "is_clean"), [
    ("exited", 0, ((), ()), True, True),
    ("exited", 1, ((), ()), True, False),
    ("exited", 1, ((1,), ()), True, True),
    ("killed", 15, ((), ()), True, True),
    ("killed", 1, ((), ()), True, True),
    ("killed", 15, ((), ()), False, False),
    ("killed", 9, ((), ()), True, False),
    ("killed", 9, ((), (9,)), False, True),
    ("dumped", 6, ((), (6,)), True, False),
])
def test_clean_ends(code, status, success, is_daemon, is_clean):
    assert exitstatus.is_clean(ProcessEnd(code, status), success, is_daemon) is is_clean
