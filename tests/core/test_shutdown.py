"""Which signals end which manager (systemd(1), SIGNALS)."""

from __future__ import annotations

import pytest

from initd.core.shutdown import VERB_OF_SIGNAL, Stage, asked_by_signal


@pytest.mark.parametrize(("name", "asked"), [
    ("TERM", ("poweroff", Stage.STOPPING)),
    ("RTMIN+3", ("halt", Stage.STOPPING)),
    ("RTMIN+15", ("reboot", Stage.TERMINATING)),
    ("RTMIN+24", None),
    ("HUP", None),
])
def test_an_init_takes_everything_down(name, asked):
    assert asked_by_signal(name, is_init=True) == asked


def test_another_manager_only_ends_itself():
    found = {name: asked_by_signal(name, is_init=False) for name in (*VERB_OF_SIGNAL, "RTMIN+24", "HUP")}
    assert {name: asked for name, asked in found.items() if asked is not None} == {
        "TERM": ("exit", Stage.STOPPING), "INT": ("exit", Stage.STOPPING), "RTMIN+24": ("exit", Stage.TERMINATING)}
