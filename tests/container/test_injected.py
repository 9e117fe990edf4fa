"""One manager, in which what matters most raises, one thing after the other: it goes on. All functions: `make injected`."""

from __future__ import annotations

import pytest
from harness import Unavailable

from tests.injected.run import BOOT, END, RESUMED, Try, live
from tests.injected.subject import functions

#: Step, function, error.
FAILING = (
    (RESUMED, "shell/successor.py:read_state", "MemoryError"),  # all begins anew
    (RESUMED, "shell/control.py:Control.restore", "RuntimeError"),  # who called is not answered, the next one is
    (RESUMED, "shell/loop.py:Loop.add_signal", "ENOSPC"),
    (RESUMED, "shell/control.py:Control._connect", "ENOMEM"),
    (RESUMED, "manager.py:Manager.restore", "RuntimeError"),
    (RESUMED, "manager.py:Manager._go_on", "ENOMEM"),
    (RESUMED, "handover.py:restore", "MemoryError"),
    ("reexec", "handover.py:save", "RuntimeError"),
    ("reload", "manager.py:Manager._read_again", "KeyError"),
    ("ask", "shell/connection.py:Connection._read", "RuntimeError"),
    ("timer", "deaths.py:Deaths.look_for_empty_units", "RuntimeError"),
    ("start", "shell/launcher.py:Launcher._on_status", "ENOMEM"),
    ("start", "shell/track.py:Tracker.units_of", "RuntimeError"),
    ("start", "clients.py:Clients._follow", "EMFILE"),
    ("start", "deaths.py:Deaths.on_children", "EMFILE"),
    ("start", "manager.py:Manager.feed", "RuntimeError"),
    ("start", "manager.py:Manager._handle", "EMFILE"),
)


def test_a_manager_goes_on_whatever_raises():
    known = functions()

    def attempt(step: str, name: str, error: str) -> Try:
        return Try(step, next(key for key in known if key.startswith(f"{name}:")), 1, error)

    try:
        outcome, left = live(attempt(BOOT, "manager.py:Manager._open_control", "RuntimeError"),
                             [attempt(*each) for each in FAILING], attempt(END, "journalkeeper.py:JournalKeeper.end", "ENOSPC"))
    except Unavailable as error:
        pytest.skip(str(error))
    assert outcome.failures == [] and left == ([], [])
    assert outcome.raised == outcome.tries == len(FAILING) + 2


def test_every_function_is_found():
    """By itself: a new one is among them."""
    found = functions()
    assert len(set(found)) > 1000
    for name in ("manager.py:Manager._wake_up:", "shell/loop.py:Loop.run_once:", "shell/launcher.py:processes_last:",
                 "shell/perform.py:Performer.__init__.<locals>.<lambda>:"):
        assert any(key.startswith(name) for key in found)
