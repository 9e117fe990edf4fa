"""Why a service runs, its processes are told as systemd tells them (tests/conformance/variables)."""

from __future__ import annotations

import pytest
from harness import Container
from images import Image

from tests.conformance.variables.look import OPTIONS, SCENES, look, read_answers


@pytest.fixture(scope="module")
def ours():
    # Paths are watched by python3-pyinotify.
    container = Container(Image(("python3-pyinotify",)), "/sbin/init", options=OPTIONS)
    try:
        yield look(container.start())
    finally:
        print(container.logs()[-4000:])
        container.remove()


@pytest.mark.parametrize("scene", SCENES)
def test_a_process_is_told_why_it_runs(ours, scene):
    assert sorted(ours[scene]) == sorted(read_answers()[scene])


def test_the_scenes_tell_something():
    seen = {line.partition(": ")[2].partition("=")[0] for lines in read_answers().values() for line in lines}
    assert {"MONITOR_UNIT", "MONITOR_EXIT_CODE", "TRIGGER_UNIT", "TRIGGER_PATH", "REMOTE_ADDR"} <= seen
