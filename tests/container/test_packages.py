"""dist-upgrade, remove and purge, in a running container and while an image is built: as under systemd."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from images import Image

from tests.conformance.packages import steps

ANSWERS = json.loads((steps.HERE / "answers.json").read_text())
#: Among the packages is a path unit.
PYINIT = Image(("python3-pyinotify",))


@pytest.fixture(scope="module")
def left_behind():
    return {"live": steps.live(PYINIT), "build": steps.build(PYINIT)}


@pytest.mark.parametrize("how, step", [(how, step) for how in ("live", "build") for step in ANSWERS[how]])
def test_packages_leave_what_they_leave_under_systemd(left_behind, how, step):
    """Links, deb-systemd-helper's notes, what is enabled, what runs, and which processes are the ones they were."""
    assert left_behind[how][step] == ANSWERS[how][step]


def test_the_answers_hold_what_can_differ():
    """A recording in which nothing had been upgraded would be met by anybody."""
    live = {step: set(lines) for step, lines in ANSWERS["live"].items()}
    assert "process lab-plain.service is another" in live["upgraded"]
    assert "process lab-kept.service is the same" in live["upgraded"]
    assert "unit lab-broken.service loaded failed failed" in live["upgraded"]
    assert "unit-file lab-masked.service masked enabled" in live["upgraded"]
    assert "unit lab-new.service loaded active running" in live["upgraded"]
    assert "link etc/systemd/system/multi-user.target.wants/lab-plain.service -> /lib/systemd/system/lab-plain.service" in \
        live["removed"]
    assert not any("lab-plain" in line for line in live["purged"])
